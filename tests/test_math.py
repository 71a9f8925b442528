"""Formulas are rendered during the build, keep their LaTeX, and refuse what Temml does not know."""

import html
import re

import pytest

from docs_ext.locate import PageError
from docs_ext.search.index import readable

from .conftest import ROOT

pytestmark = pytest.mark.every

TEX = r"W := W - \alpha \frac{V_{dw}}{\sqrt{S_{dw}} + \epsilon}"


@pytest.mark.parametrize("text", [f"${TEX}$", f"$${TEX}$$", f'=== "A"\n\n    $${TEX}$$'])
def test_a_formula_carries_its_latex_for_copying_and_mathml_for_listening(convert, text):
    page = convert(text)
    annotation = re.search(r'<annotation encoding="application/x-tex">(.*?)</annotation>', page)[1]
    assert html.unescape(annotation) == TEX
    assert "<mfrac>" in page
    assert "<script" not in page


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("$\\sqroot{S}$", "Unsupported function name"),
        ("$$\\frac{1}{$$", "Unexpected end of input"),
        ("$a_b_c$", "Double subscript"),
        ("$é$", "used in math mode"),
        ("$\\colorbox{red}{b}$", "the content policy forbids"),
    ],
)
def test_unknown_latex_is_refused(convert, text, fault):
    with pytest.raises(PageError, match=fault):
        convert(text)


def test_formulas_are_found_and_shown_as_text(convert):
    html = convert("For $\\beta_1^t$:\n\n$$W := W - \\alpha \\frac{dW}{\\sqrt{S_{dw} + 1}}$$")
    text = re.sub(r"<[^>]*>|\n", "", readable(html))
    assert text == "For β_1^t:W := W − α dW / √(S_dw + 1)"


def test_a_line_of_an_update_rule_is_set_large_with_its_note_in_one_piece(convert):
    line = convert(f'${TEX}$ <-- "momentum" $\\beta_1$', tree=True).find("p")
    assert line.get("class") == "formula"
    note = line.find("span[@class='note']")
    assert note.text == '<-- "momentum" '
    sizes = [math.get("displaystyle") for math in line.iter("math")]
    assert sizes == ["true", None]
    assert convert("Then $x = 1$ holds.", tree=True).find("p").get("class") is None


PARTED = """() => {
    const [formula, mark] = [document.querySelector(".math"), document.createRange()];
    mark.setStart(formula.nextSibling, 0);
    mark.setEnd(formula.nextSibling, 1);
    const parted = [];
    for (let width = 60; width < 400; width += 5) {
        document.body.style.width = `${width}px`;
        const [one, other] = [formula, mark].map(each => each.getBoundingClientRect());
        if (other.top >= one.bottom) parted.push(width);
    }
    return parted;
}"""


@pytest.mark.parametrize("mark", ",;.)،")
@pytest.mark.parametrize(
    "around",
    ["Words before $\\beta_2 = 0.9$% words", "واژه‌های پیش از $\\beta_2$% و پس از آن"],
)
def test_no_line_begins_with_punctuation_behind_a_formula(around, mark, convert, browser):
    style = (ROOT / "docs" / "stylesheets" / "site.css").read_text(encoding="utf-8")
    page = browser.new_page()
    page.set_content(f"<style>{style}</style>{convert(around.replace('%', mark))}")
    assert page.evaluate(PARTED) == []
    page.close()
