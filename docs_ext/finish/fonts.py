"""Fonts lose the glyphs that no page shows, which are most of their weight."""

import html
import re
import unicodedata
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

# Readers may type these into the search field: the Persian alphabet, digits, punctuation.
PERSIAN = "آابپتثجچحخدذرزژسشصضطظعغفقکگلمنوهیءأؤئۀةكي۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩،؛؟«»٫٬٪ًٌٍَُِّْٔ\u200c\u200e\u200f"
MATHML = re.compile(r"<math[ >].*?</math>", re.DOTALL)
# What stands in a formula without being shown, and tags.
NOT_SHOWN = re.compile(r"<annotation.*?</annotation>|<[^>]*>", re.DOTALL)
# Browsers take a variable's letter from these, the planes of italic mathematical letters.
VARIABLE = re.compile(r"<mi[^>]*>(.)</mi>")
PLANES = [*range(0x1D434, 0x1D455), 0x210E, *range(0x1D456, 0x1D468), *range(0x1D6E2, 0x1D71C)]
ITALIC = [*map(chr, PLANES)]


def shrink(site: Path) -> None:
    """Leave in the fonts of a built site the glyphs that its pages use."""
    text, variables, formulas = set(PERSIAN), set(), {"√"}  # which <msqrt> draws
    for page in site.rglob("*.html"):
        source = page.read_text(encoding="utf-8")
        text |= set(html.unescape(NOT_SHOWN.sub("", source)))
        variables |= set(VARIABLE.findall(source))
        shown = NOT_SHOWN.sub("", "".join(MATHML.findall(source)))
        formulas |= set(html.unescape(shown))
    formulas |= {letter for letter in ITALIC if upright(letter) in variables}
    for font in site.glob("vendor/stix-*.woff2"):
        keep(font, formulas)
    for font in site.glob("vendor/vazirmatn-*.woff2"):
        keep(font, {letter for letter in text if not letter.isascii()})


def upright(letter: str) -> str:
    """Return the letter of which another is the italic shape.

    Example:
        >>> upright("\N{MATHEMATICAL ITALIC SMALL THETA}")
        'θ'
    """
    return chr(int(unicodedata.decomposition(letter).split()[-1], 16))


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
