"""Persian needs no markup: direction, language and isolation follow from the text."""

import re

import pytest

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
