"""What is found: formulas as plain text, words however they are typed; and when it is loaded."""

import json
import re
import shutil
import xml.etree.ElementTree as etree
from pathlib import Path

HERE = Path(__file__).parent
FORMULA = re.compile(r'<(bdi|div) class="math".*?(<math.*?</math>).*?</\1>', re.DOTALL)
NO_WORDS = re.compile(
    r'<svg.*?</svg>|<div class="tabbed-labels">.*?</div>|<span class="filename">.*?</span>',
    re.DOTALL,
)
TIDY = {
    r": =": ":=",
    r" ?, ?": ", ",
    r"((?:^|[(,=⋅]) ?)− ": r"\1−",  # a sign, not a difference
    r"(?<=[α-ωϵ])(?=[A-Za-zα-ω])|(?<=_\d)(?=[A-Za-zα-ω])": " ",  # a product
}

# What a page counts for where several have a word, by its place in the navigation; and Adam's, from
# which the others start.
BOOST = {"Optimizers": 2, "Choose and train": 1.5, "See it move": 1, "Behind the pages": 0.5}
FIRST = ("adam.md", 4)


def boost(page) -> float:
    """Return what a page counts for in search."""
    name, most = FIRST
    return most if page.file.src_uri == name else BOOST[page.parent.title]


def readable(html: str) -> str:
    """Return a page's HTML as the search index should have it: words, and formulas as text.

    Example:
        >>> readable('<bdi class="math"><math><mi>W</mi><mo>=</mo><mn>1</mn></math>…</bdi><svg/>')
        'W = 1<svg/>'
    """
    return NO_WORDS.sub(" ", FORMULA.sub(lambda match: escaped(match[2]), html))


def escaped(mathml: str) -> str:
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
            return f"{parts[0]}^{in_one(parts[1])}"
        case "msubsup":
            return f"{parts[0]}_{parts[1]}^{in_one(parts[2])}"
        case "mfrac":
            return f"{in_one(parts[0])} / {in_one(parts[1])}"
        case "msqrt":
            return f"√{in_one(''.join(parts))}"
        case "mtd" | "mspace" | "mtr":
            return f" {''.join(parts)} "
        case _:
            return (element.text or "") + "".join(parts)


def in_one(text: str) -> str:
    """Return a part of a formula so that it stays one beside what follows it."""
    text = text.strip()
    is_one = " " not in text or re.fullmatch(r"√?\([^()]*\)", text)
    return text if is_one else f"({text})"


def defer(site: Path) -> None:
    """Put `search.js` in the place of Material's worker, and an empty index in that of the index.

    Material loads both with each page. Whole, the index stands in a script: that is what Material
    asks for where a site is opened from a folder, and what `search.js` loads elsewhere. The engine
    is Material's worker, after the scripts that let it read words however they are typed.
    """
    (worker,) = site.glob("assets/javascripts/workers/search.*.min.js")
    parts = [site / "javascripts" / "words.js", HERE / "engine.js", worker]
    engine = "\n".join(part.read_text(encoding="utf-8") for part in parts)
    worker.with_name("engine.js").write_text(engine, encoding="utf-8")
    shutil.copyfile(HERE / "search.js", worker)
    index = site / "search" / "search_index.json"
    whole = index.read_text(encoding="utf-8")
    index.with_suffix(".js").write_text(f"var __index = {whole};\n", encoding="utf-8")
    index.write_text(json.dumps(json.loads(whole) | {"docs": []}), encoding="utf-8")
