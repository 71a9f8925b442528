"""Persian needs no markup: a block that begins with a Persian letter, or of which most letters are,
is set right-to-left.

Formulas and code do not count as letters; Latin runs inside such a block are isolated, so that
punctuation stays on its side. `<span dir="rtl">` at the start of a block says the same by hand.
"""

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
# Raw HTML stands in the text under a stash number, whose name only looks Latin.
STASHED = HTML_PLACEHOLDER_RE.pattern
STRONG = re.compile(rf"{STASHED}|.", re.DOTALL)
LATIN_RUN = re.compile(rf"{STASHED}|[A-Za-z][A-Za-z0-9]*(?:[-–_./+&'’ ][A-Za-z0-9]+)*")
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
        children = list(element)
        if direction == "rtl":
            isolate_latin(element)
        for child in children:
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


def isolate_latin(element: etree.Element) -> None:
    """Wrap each Latin run among an element's own words; its children see to theirs."""
    rebuilt = etree.Element(element.tag)
    append_isolated(rebuilt, element.text)
    for child in list(element):
        tail, child.tail = child.tail, None
        rebuilt.append(child)
        append_isolated(rebuilt, tail)
    element.text = rebuilt.text
    element[:] = list(rebuilt)


def append_isolated(parent: etree.Element, text: str | None) -> None:
    """Append a text whose Latin runs are wrapped."""
    position = 0
    for match in LATIN_RUN.finditer(text or ""):
        if match[1]:
            continue
        append_text(parent, text[position : match.start()])
        run = etree.SubElement(parent, "bdi", {"dir": "ltr", "lang": "en"})
        run.text = match[0]
        position = match.end()
    append_text(parent, (text or "")[position:])


def append_text(parent: etree.Element, text: str) -> None:
    """Append a text behind an element's last child."""
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text


class PersianExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        # After inline Markdown (20) has made its elements, before formulas are rendered (6).
        md.treeprocessors.register(PersianTreeprocessor(md), "persian", 7)


def makeExtension(**kwargs) -> PersianExtension:
    return PersianExtension(**kwargs)
