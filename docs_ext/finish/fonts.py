"""Fonts lose the glyphs that no page shows, which are most of their weight."""

import html
import re
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

# Readers may type these into the search field: the Persian alphabet, digits, punctuation.
PERSIAN = "آابپتثجچحخدذرزژسشصضطظعغفقکگلمنوهیءأؤئۀةكي۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩،؛؟«»٫٬٪ًٌٍَُِّْٔ\u200c\u200e\u200f"
PICTURE = re.compile(r'class="katex-html"(.*?)</(?:bdi|div)>', re.DOTALL)
ITALIC = re.compile(r'(<span class="[^"]*\bmathnormal\b[^>]*>)([^<]*)')
TAG = re.compile(r"<[^>]*>")


def shrink(site: Path) -> None:
    """Leave in the fonts of a built site the glyphs that its pages use."""
    italic, upright, text = set(), set(), set(PERSIAN)
    for page in site.rglob("*.html"):
        source = page.read_text(encoding="utf-8")
        text |= set(html.unescape(TAG.sub("", source)))
        for formula in PICTURE.findall(source):
            italic |= set("".join(letters for _, letters in ITALIC.findall(formula)))
            upright |= set(html.unescape(TAG.sub("", ITALIC.sub(r"\1", formula))))
    for font in site.glob("vendor/katex/fonts/*.woff2"):
        keep(font, italic if font.stem == "KaTeX_Math-Italic" else upright)
    for font in site.glob("vendor/vazirmatn/*.woff2"):
        keep(font, text)


def keep(path: Path, letters: set[str]) -> None:
    """Leave in a font the glyphs of some letters, and the strengths from regular to bold."""
    font = TTFont(path, recalcTimestamp=False)
    subsetter = Subsetter(Options(hinting=False))
    subsetter.populate(text="".join(letters))
    subsetter.subset(font)
    if "fvar" in font:
        instancer.instantiateVariableFont(font, {"wght": (400, 700)}, inplace=True)
    font.flavor = "woff2"
    font.save(path)
