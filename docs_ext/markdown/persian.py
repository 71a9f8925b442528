"""Persian needs no markup: a block that begins with a Persian letter, or of which most letters are,
is set right-to-left.

Formulas and code do not count as letters. What reads from left to right inside such a block,
`lr=0.1` or `GPT-2 (124M)`, is isolated as one piece: it keeps its order, and the rest its side.
`<span dir="rtl">` at the start of a block says the same by hand.
"""

import html
import re
import unicodedata
import xml.etree.ElementTree as etree

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from markdown.util import HTML_PLACEHOLDER_RE

from .formulas import is_math

BLOCKS = {"p", "blockquote", "details", "summary", "table", "tr", "td", "th", "figcaption"}
BLOCKS |= {"li", "ul", "ol", "dl", "dt", "dd", "h1", "h2", "h3", "h4", "h5", "h6"}
ISOLATED = {"code", "pre", "bdi"}
INLINE = {"a", "abbr", "b", "del", "em", "i", "ins", "kbd", "mark", "span", "strong", "sub", "sup"}
# Raw HTML stands in the text under a stash number, whose name only looks Latin, and a character
# behind a backslash under its own.
STASHED = HTML_PLACEHOLDER_RE.pattern
STRONG = re.compile(rf"{STASHED}|.", re.DOTALL)
PIECE = re.compile(rf"{STASHED}|\x02(?P<escaped>\d+)\x03|.", re.DOTALL)
# In a text whose directions are looked at, these stand for elements and for raw HTML.
WORD, CODE, BARRIER = "a", "\ufffc", "\u2029"
CLOSING = {"(": ")]", "[": ")]", "{": "}", '"': '"'}  # of an interval, either
TITLES = {
    "Note": "یادداشت",
    "Info": "نکته",
    "Tip": "راهنمایی",
    "Example": "مثال",
    "Question": "پرسش",
    "Warning": "هشدار",
    "Danger": "خطر",
    "Quote": "نقل قول",
}


class PersianTreeprocessor(Treeprocessor):
    """Sets the direction and the language of each block."""

    def run(self, root: etree.Element) -> None:
        self.visit(root, "ltr")

    def visit(self, element: etree.Element, around: str) -> None:
        direction = around
        if is_stashed(element):
            return
        if element.tag in BLOCKS or is_admonition(element):
            direction = self.direction(element) or around
            # Said again on each block inside, so that a style sheet sees it on the block alone.
            if "rtl" in (direction, around):
                element.set("dir", direction)
                element.set("lang", "fa" if direction == "rtl" else "en")
        if direction == "rtl" and is_admonition(element):
            title = element.find("p[@class='admonition-title']")
            if title is not None and title.text in TITLES:
                title.text = TITLES[title.text]
        if direction == "rtl":
            isolate_runs(element, self.md.htmlStash.rawHtmlBlocks)
        for child in element:
            if child.tag not in ISOLATED and not is_math(child):
                self.visit(child, direction)

    def direction(self, element: etree.Element) -> str | None:
        """Return the direction of a block's letters, None where there are none."""
        first, counts = None, {"ltr": 0, "rtl": 0}
        for text in self.texts(element):
            for match in STRONG.finditer(text):
                if match[1]:
                    raw = self.md.htmlStash.rawHtmlBlocks[int(match[1])]
                    if isinstance(raw, str) and re.match(r"<\w+[^>]*\bdir=[\"']?rtl", raw):
                        return "rtl"
                elif (kind := unicodedata.bidirectional(match[0])) in ("L", "R", "AL"):
                    letter = "ltr" if kind == "L" else "rtl"
                    first = first or letter
                    counts[letter] += 1
        # A Persian sentence may well begin with the name of an optimizer.
        return "rtl" if counts["rtl"] > counts["ltr"] else first

    def texts(self, element: etree.Element):
        """Yield an element's own words: no code, no formulas, no default title of a box."""
        if element.text:
            yield element.text
        for child in element:
            default = child.get("class") == "admonition-title" and child.text in TITLES
            if not (default or child.tag in ISOLATED or is_math(child)):
                yield from self.texts(child)
            if child.tail:
                yield child.tail


def is_admonition(element: etree.Element) -> bool:
    """Say whether an element is a box such as a note."""
    return element.tag == "div" and "admonition" in element.get("class", "").split()


def is_stashed(element: etree.Element) -> bool:
    """Say whether a paragraph only holds the place of a block, such as code."""
    # Python-Markdown removes such a paragraph, unless it has an attribute.
    text = (element.text or "").strip()
    return element.tag == "p" and bool(HTML_PLACEHOLDER_RE.fullmatch(text)) and not len(element)


def isolate_runs(element: etree.Element, raw: list) -> None:
    """Wrap each left-to-right run among an element's own words; its children see to theirs."""
    pieces = list(pieces_of(element, raw))
    text = "".join(seen for _, seen in pieces)
    runs = {
        start: end
        for start, end in ltr_runs(text)
        if needs_isolation(text[start:end])
        and (end - start > 1 or isinstance(pieces[start][0], str))  # an element sees to itself
    }
    element.text, element[:] = None, []
    inside, end = element, len(pieces)
    for place, (piece, _) in enumerate(pieces):
        if place == end:
            inside = element
        if place in runs:
            end = runs[place]
            inside = etree.SubElement(element, "bdi", {"dir": "ltr"})
            if any(map(str.isalpha, text[place:end])):
                inside.set("lang", "en")
        append(inside, piece)


def pieces_of(element: etree.Element, raw: list):
    """Yield each character and each child of an element, and the character that it counts as."""
    for words, child in [(element.text, None), *((child.tail, child) for child in element)]:
        if child is not None:
            child.tail = None
            yield child, seen_as(child)
        for match in PIECE.finditer(words or ""):
            if match["escaped"]:
                yield match[0], chr(int(match["escaped"]))
            elif match[1]:
                stashed = raw[int(match[1])]
                character = html.unescape(stashed) if isinstance(stashed, str) else ""
                yield match[0], character if len(character) == 1 else BARRIER
            else:
                yield match[0], match[0]


def seen_as(element: etree.Element) -> str:
    """Return the character that stands for an element among the words around it."""
    if element.tag in ISOLATED:
        return CODE
    text = "".join(element.itertext())
    latin = any(map(is_core, text)) and not any(map(is_barrier, text))
    return WORD if element.tag in INLINE and latin else BARRIER


def is_core(character: str) -> bool:
    """Say whether a character is written from left to right: a letter or a digit, not Persian."""
    return not is_barrier(character) and (
        unicodedata.bidirectional(character) in ("L", "EN") or character == CODE
    )


def is_barrier(character: str) -> bool:
    """Say whether a character belongs to Persian: its letters, digits and punctuation."""
    kind = unicodedata.bidirectional(character)
    return (
        (kind in ("R", "AL", "AN", "B", "BN") and character != "\n")
        or "\u0600" <= character <= "\u06ff"
        or character in "«»"
    )


def is_symbol(character: str) -> bool:
    """Say whether a character may be the sign of a number, of a path or of an operation."""
    return unicodedata.category(character)[0] == "S" or character in "-–−./\\@#%&*_'′″"


def ltr_runs(text: str) -> list[tuple[int, int]]:
    """Find what reads from left to right as one inside a Persian text.

    Args:
        text: words, in which `WORD` and `CODE` may stand for elements.

    Returns:
        Where each run begins and ends, in order.

    Example:
        >>> text = "مقدار lr=0.1 در GPT-2 (124M) و C++، یا Adam (نسخهٔ 2D)."
        >>> [text[start:end] for start, end in ltr_runs(text)]
        ['lr=0.1', 'GPT-2 (124M)', 'C++', 'Adam', '2D']
    """
    runs, place = [], 0
    while place < len(text):
        inside = closing(text, place)
        if inside and any(map(is_core, text[place:inside])):
            end = end_of_run(text, inside)
            if end > inside:  # else brackets around a run stay outside, where they are mirrored
                runs.append((place, end))
                place = end
                continue
        if is_core(text[place]):
            start, end = start_of_run(text, place), end_of_run(text, place + 1)
            if runs and start < runs[-1][1]:
                start = place
            runs.append((start, end))
            place = end
        else:
            place += 1
    return runs


def start_of_run(text: str, first: int) -> int:
    """Return where the signs before a run's first letter or digit begin, as in `-1` or `/usr`."""
    start = first
    while start and is_symbol(text[start - 1]):
        start -= 1
    alone = not start or text[start - 1].isspace() or text[start - 1] in "([{«"
    return start if alone else first


def end_of_run(text: str, end: int) -> int:
    """Return where a run ends of which a part ends at `end`."""
    place = end
    while place < len(text) and not is_barrier(text[place]):
        gap = text[end:place]
        if is_core(text[place]):
            # Two pieces of code side by side are two, unless a sign makes one of them.
            apart = CODE in (text[end - 1], text[place]) and any(map(str.isspace, gap))
            if apart and not any(map(is_symbol, gap)):
                break
            end = place = place + 1
        elif text[place] in CLOSING:
            inside = closing(text, place)
            if inside is None:
                break
            end = place = inside
        elif text[place] in ")]}" or ends_a_clause(text, place):
            break
        else:
            place += 1
    return end_of_signs(text, end)


def ends_a_clause(text: str, place: int) -> bool:
    """Say whether a point stands at the end of a clause, not within a number or a name."""
    after = text[place + 1 : place + 2]
    return text[place] in ".!?:;…" and (not after or after.isspace() or is_barrier(after))


def end_of_signs(text: str, end: int) -> int:
    """Return where the signs behind a run end, as in `C++` and `50%`; a relation has two sides."""
    last = end
    while last < len(text) and is_symbol(text[last]) and text[last] not in ".&'":
        last += 1
    if last < len(text) and is_barrier(text[last]) and text[last].isalpha():
        return end + len(re.match(r"[+#%°]*", text[end:last])[0])
    return end + len(text[end:last].rstrip("-–−=<>≤≥≈≠→←"))


def closing(text: str, place: int) -> int | None:
    """Return where a bracket or quotation that opens at a place ends, None if Persian is inside."""
    if text[place] not in CLOSING:
        return None
    wanted, inside = [CLOSING[text[place]]], place + 1
    while wanted and inside < len(text) and not is_barrier(text[inside]):
        if text[inside] in wanted[-1]:
            wanted.pop()
        elif text[inside] in CLOSING:
            wanted.append(CLOSING[text[inside]])
        inside += 1
    return None if wanted else inside


def needs_isolation(run: str) -> bool:
    """Say whether a run would come apart: a number alone does not.

    Example:
        >>> [needs_isolation(run) for run in ("0.9", "50%", "3×5", "Adam")]
        [False, True, True, True]
    """
    return any(unicodedata.bidirectional(c) not in ("EN", "CS", "WS") for c in run)


def append(parent: etree.Element, piece: str | etree.Element) -> None:
    """Append a character or a child to an element."""
    if not isinstance(piece, str):
        parent.append(piece)
    elif len(parent):
        parent[-1].tail = (parent[-1].tail or "") + piece
    else:
        parent.text = (parent.text or "") + piece


class PersianExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        # After inline Markdown (20) has made its elements, before formulas are rendered (6).
        md.treeprocessors.register(PersianTreeprocessor(md), "persian", 7)


def makeExtension(**kwargs) -> PersianExtension:
    return PersianExtension(**kwargs)
