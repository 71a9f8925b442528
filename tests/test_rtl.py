"""Persian needs no markup: direction, language and isolation follow from the text."""

import re

import pytest

from .conftest import ROOT

pytestmark = pytest.mark.every

FA = "وزن‌ها کوچک می‌شوند."


def directions(body, tag):
    return [(e.get("dir"), e.get("lang")) for e in body.iter(tag)]


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        (FA, "p"),
        (f"## {FA}", "h2"),
        (f"> {FA}", "blockquote"),
        (f"- {FA}\n- {FA}", "ul"),
        (f"1. {FA}\n2. {FA}", "ol"),
        (f"| {FA} | {FA} |\n| --- | --- |\n| {FA} | {FA} |", "table"),
        (f'=== "A"\n\n    {FA}', "p"),
        (f"`betas` {FA}", "p"),
        (f"$\\beta_1$ {FA}", "p"),
        (f'<span dir="rtl">AdamW {FA}</span>', "p"),
        (f"**{FA}** Adam", "p"),
        (f"AdamW {FA}", "p"),
        (f'??? note "{FA}"\n\n    {FA}', "details"),
    ],
)
def test_persian_blocks_are_right_to_left(convert, text, tag):
    assert set(directions(convert(text, tree=True), tag)) == {("rtl", "fa")}


@pytest.mark.parametrize("text", ["Text.", "Text with فارسی inside.", "`کد` Text", "۱۲۳"])
def test_other_blocks_are_left_alone(convert, text):
    assert directions(convert(text, tree=True), "p") == [(None, None)]


def test_an_admonition_turns_with_its_text_and_speaks_its_language(convert):
    body = convert(f"!!! info\n\n    {FA}", tree=True)
    box = body.find("div")
    assert (box.get("dir"), box.get("lang")) == ("rtl", "fa")
    assert box.find("p[@class='admonition-title']").text == "نکته"
    assert convert("!!! info\n\n    Text.", tree=True).find("div/p").text == "Info"


def test_latin_runs_formulas_and_code_are_isolated(convert):
    text = "روش Gradient Descent، یعنی `SGD`، با $\\alpha$ (نسخهٔ RMS-prop)."
    paragraph = convert(text, tree=True).find("p")
    runs = [e for e in paragraph.findall("bdi") if e.get("lang") == "en"]
    assert [run.text for run in runs] == ["Gradient Descent", "RMS-prop"]
    assert {run.get("dir") for run in runs} == {"ltr"}
    assert paragraph.find("code").text == "SGD"
    assert paragraph.find("bdi[@class='math']").get("dir") == "ltr"


# What reads from left to right inside a Persian sentence, and how it is shown: `∎` is a formula.
RUNS = {
    run: run
    for run in (
        *("1e-3", "-1", "2D", "16GB", "lr=0.1", "Müller", "f(x)", "x[0]", "C++", "O(n²)", "3×5"),
        *("https://arxiv.org/abs/1412.6980", "https://example.org/", "me@example.org", "A→B"),
        *("GPT-2 (124M)", "pip install -U optimizers", "β₂=0.9999", 'name="x"', "(0, 1] = I"),
        *(
            "Reddi, Kale & Kumar (2018)",
            "python -m optimizers",
            "/usr/bin",
            "snake_case",
            "±0.1%",
        ),
    )
} | {
    "**Adam** optimizer": "Adam optimizer",
    "`lr` = 0.1": "lr = 0.1",
    "torch (`fused=True`)": "torch (fused=True)",
    "$\\beta_2$=0.9": "∎=0.9",
    "$x$ < $y$": "∎ < ∎",
    "snake\\_case\\_name": "snake_case_name",
    "a &lt; b": "a < b",
    "Gradient\nDescent": "Gradient\nDescent",
}
STYLE = (ROOT / "docs" / "stylesheets" / "site.css").read_text(encoding="utf-8")
# The characters of a paragraph in the order of reading, each with the edges of its box.
BOXES = """() => {
    const boxes = [], range = document.createRange();
    const box = (text, { left, right }) => boxes.push([text, left, right]);
    const read = node => {
        if (node.className === "math") box("∎", node.getBoundingClientRect());
        else if (node.nodeType === Node.TEXT_NODE) {
            [...node.data].forEach((character, place) => {
                range.setStart(node, place);
                range.setEnd(node, place + 1);
                box(character, range.getBoundingClientRect());
            });
        } else node.childNodes.forEach(read);
    };
    read(document.querySelector("p"));
    return boxes;
}"""


def boxes_of(page, html: str) -> list:
    """Show HTML in a page of any browser, with the site's style; return its characters' boxes."""
    page.set_content(f"<style>{STYLE}</style>{html}")
    return page.evaluate(BOXES)


def check_the_order_of_boxes(page, html: str, run: str) -> None:
    """Check, in a page of any browser, that a run inside Persian reads from left to right."""
    boxes = boxes_of(page, html)
    text = "".join(character for character, *_ in boxes)
    start = text.index(run)
    end = start + len(run)
    lefts = [left for character, left, _ in boxes[start:end] if character.strip()]
    assert lefts == sorted(lefts)
    before = [left for character, left, _ in boxes[:start] if character.strip()]
    behind = [right for character, _, right in boxes[end:] if character.strip()]
    assert min(before) >= max(right for *_, right in boxes[start:end]) - 0.5
    assert max(behind) <= min(lefts) + 0.5


@pytest.fixture(scope="module")
def page(browser):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    yield page
    page.close()


@pytest.mark.parametrize(("run", "shown"), RUNS.items())
@pytest.mark.parametrize(
    "around",
    [
        "این مقدار {} در متن فارسی آمده است.",
        "پیش از {}، که بهینه‌ساز دیگری است",
        "این روش (که همان {} است) بهتر است",
    ],
)
def test_a_run_inside_persian_reads_from_left_to_right_as_one(around, run, shown, convert, page):
    check_the_order_of_boxes(page, convert(around.format(run)), shown)


@pytest.mark.parametrize(
    ("text", "right", "left"),
    [
        ("از Adam. SGD نیز", "Adam", "SGD"),
        ("در `lr` `eps` است", "lr", "eps"),
        ("عدد (Adam) است", "(", "Adam"),
        ("مثل C++های دیگر", "C++", "های"),
        ("مثل Adam-های دیگر", "Adam", "-"),
    ],
)
def test_what_are_two_pieces_follow_one_another_from_right_to_left(
    text, right, left, convert, page
):
    boxes = boxes_of(page, convert(text))
    shown = "".join(character for character, *_ in boxes)
    assert boxes[shown.index(right)][1] > boxes[shown.index(left)][1]


def test_persian_cells_begin_at_the_right(open_page):
    page = open_page("symbols/")
    sides = page.locator("td[dir=rtl], th[dir=rtl]").evaluate_all(
        "all => all.map(cell => getComputedStyle(cell).textAlign)"
    )
    assert sides
    assert set(sides) <= {"start", "right"}


def test_an_english_block_inside_a_persian_one_is_left_to_right(convert):
    items = convert(f"- {FA}\n- In English.", tree=True).findall("ul/li")
    assert [item.get("dir") for item in items] == ["rtl", "ltr"]


def test_code_inside_a_persian_box_is_no_paragraph(convert):
    html = convert(f"!!! info\n\n    {FA}\n\n    ```python\n    x = 1\n    ```")
    assert re.search(r"</p>\s*<div class=\"language-python highlight\">", html)
    assert not re.search(r"<p[^>]*>\s*<div", html)


def test_raw_html_and_code_keep_their_text(convert):
    html = convert(f"{FA} <kbd>Ctrl</kbd>\n\n```text\nAdam {FA}\n```")
    assert "<kbd>" in html
    assert f"Adam {FA}" in html
