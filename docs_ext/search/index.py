"""Entries of the search index: formulas in them are plain text, and pages have weights."""

import re
import xml.etree.ElementTree as etree

from ..markdown.formulas import RENDERED

NO_WORDS = re.compile(
    r'<svg.*?</svg>|<div class="tabbed-labels">.*?</div>|<span class="filename">.*?</span>'
    r'|<details class="take">.*?</details>',
    re.DOTALL,
)
# A tab begins where these say so: headings, the inputs and labels of a set of tabs, its tabs.
TABS = re.compile(
    r'<h[1-6][^>]*>(?P<heading>.*?)</h[1-6]>|(?P<set><div class="tabbed-set)'
    r'|<input(?=[^>]* name="__tabbed_)[^>]*? id="(?P<id>[^"]+)"'
    r'|<label(?=[^>]* for=)[^>]*>(?P<label>.*?)</label>|(?P<tab><div class="tabbed-block">)',
    re.DOTALL,
)
PERMALINK = re.compile(r'<a class="headerlink".*?</a>|<[^>]*>')
TIDY = {
    r": =": ":=",
    r" ?, ?": ", ",
    r"((?:^|[(,=⋅]) ?)− ": r"\1−",  # a sign, not a difference
    r"(?<=[α-ωϵ])(?=[A-Za-zα-ω])|(?<=_\d)(?=[A-Za-zα-ω])": " ",  # a product
}

# The weight of a page where several have a word, by its place in the navigation, 1 unless said.
BOOST = {"Optimizers": 2, "Ask why": 1.5, "Choose and train": 1.5, "Behind the pages": 0.5}
# Pages with a weight of their own: Adam's, from which the others start; the first; the table of
# symbols, which has a little of everything; and the questions, which have everybody's words in
# their headings, and come behind the pages of these.
OWN = {"adam.md": 4, "index.md": 3, "symbols.md": 1.35, "questions.md": 0.6, "adamw-to-adopt.md": 1}


def boost(page) -> float:
    """Return the weight of a page in search."""
    name, section = page.file.src_uri, page.parent.title if page.parent else ""
    return OWN.get(name) or BOOST.get(section, 1)


def readable(html: str) -> str:
    """Return a page's HTML as the search index should have it: words, and formulas as text.

    Example:
        >>> readable('<bdi class="math"><math><mi>W</mi><mo>=</mo><mn>1</mn></math></bdi>.')
        'W = 1.'
    """
    html = RENDERED.sub(lambda match: escaped(match[2]), html)
    html = html.replace("<tr>", "<p>").replace("</tr>", "</p>")
    return NO_WORDS.sub(" ", with_tabs(html))


def with_tabs(html: str) -> str:
    """Give each tab a heading, which makes an entry of it that leads into the tab.

    Example:
        >>> with_tabs(
        ...     '<h2>Formula</h2><div class="tabbed-set"><input id="formula-adamw" '
        ...     'name="__tabbed_1"><label for="formula-adamw">AdamW</label>'
        ...     '<div class="tabbed-block">'
        ... )[-69:]
        '<div class="tabbed-block"><h6 id="formula-adamw">Formula {AdamW}</h6>'
    """
    section, sets = "", []

    def headed(match: re.Match) -> str:
        nonlocal section
        if match["heading"] is not None:
            section = PERMALINK.sub("", match["heading"])
        elif match["set"]:
            sets.append(([], []))
        elif match["id"]:
            sets[-1][0].append(match["id"])
        elif match["label"] is not None:
            sets[-1][1].append(match["label"])
        else:
            while not sets[-1][0]:
                sets.pop()  # a set of tabs inside a tab has ended
            ids, labels = sets[-1]
            return f'{match[0]}<h6 id="{ids.pop(0)}">{section} {{{labels.pop(0)}}}</h6>'
        return match[0]

    return TABS.sub(headed, html)


def escaped(mathml: str) -> str:
    """Return a formula, given as MathML, in one line of HTML."""
    text = " ".join(linear(etree.fromstring(mathml)).replace("\u2061", "").split())
    for pattern, instead in TIDY.items():
        text = re.sub(pattern, instead, text)
    return text.replace("&", "&amp;").replace("<", "&lt;")


def linear(element: etree.Element) -> str:
    """Return a formula, given as MathML, in one line.

    Example:
        >>> linear(etree.fromstring("<mfrac><msqrt><mi>S</mi></msqrt><mi>n</mi></mfrac>"))
        '√S / n'
    """
    tag = element.tag.rpartition("}")[2]
    if tag == "annotation":
        return ""
    parts = [linear(child) for child in element]
    match tag:
        case "mo":
            text = element.text or ""
            return f" {text} " if text in "=:=<>≤≥+−⋅/←≈∈×" else text
        case "msub":
            return f"{parts[0]}_{parts[1]}"
        case "msup":
            return f"{parts[0]}^{grouped(parts[1])}"
        case "msubsup":
            return f"{parts[0]}_{parts[1]}^{grouped(parts[2])}"
        case "mfrac":
            return f"{grouped(parts[0])} / {grouped(parts[1])}"
        case "msqrt":
            return f"√{grouped(''.join(parts))}"
        case "mtd" | "mspace" | "mtr":
            return f" {''.join(parts)} "
        case _:
            return (element.text or "") + "".join(parts)


def grouped(text: str) -> str:
    """Return a part of a formula, in brackets if it would fall apart before what follows it."""
    text = text.strip()
    is_whole = " " not in text or re.fullmatch(r"√?\([^()]*\)", text)
    return text if is_whole else f"({text})"
