"""What a page shows of a rule is the rule that was checked."""

import html
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from docs_ext.directives import worked_numbers
from docs_ext.locate import PageError
from docs_ext.markdown.formulas import names_of, render
from docs_ext.markdown.symbol_marks import mark_symbols
from docs_ext.names import names_on, slug
from optimizers import OPTIMIZERS, rule_of
from optimizers.formula import paper_lines, read

from . import cases
from .conftest import ROOT

PAGE = {name: page for page in (ROOT / "docs").glob("*.md") for name in names_on(page)}


def tab(text: str, section: str, name: str) -> str:
    """Return the HTML of one tab of a page's."""
    text = text[text.index(f'<h2 id="{section}">') :]
    labels = re.findall(rf'<label [^>]*for="{section}-([\w-]+)"', text)
    if not labels:  # the only one
        return text.partition(f'<div id="{section}-{slug(name)}">')[2].partition("<h2")[0]
    blocks = text.split('<div class="tabbed-block">')
    return blocks[1 + labels.index(slug(name))].partition("<h2")[0]


def latex(page: str) -> list[str]:
    """Return the formulas of a piece of HTML, as they would be copied."""
    tex = r'(?<=<annotation encoding="application/x-tex">).*?(?=</annotation>)'
    found = re.findall(tex, page, re.DOTALL)
    return [html.unescape(tex) for tex in found]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_formula_in_the_browser_is_the_formula_that_was_read(page_html, name):
    shown = [line for line in latex(tab(page_html(PAGE[name]), "formula", name)) if "=" in line]
    read = [statement.latex for statement in rule_of(name).statements]
    assert shown[: len(read)] == read


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if not rule_of(name).matrix])
def test_the_formula_stands_in_papers_letters_below_it(page_html, name):
    below = tab(page_html(PAGE[name]), "formula", name).partition('<details class="letters">')[2]
    shown = [line for line in latex(below) if "=" in line or r"\leftarrow" in line]
    lines = paper_lines(rule_of(name))
    assert shown[: len(lines)] == lines


def test_papers_letters_are_chosen_once_for_all_pages(open_page):
    page = open_page("adam/")
    letters = page.locator("details.letters")
    assert letters.count() == 3
    expect(page.locator("details.letters[open]")).to_have_count(0)
    letters.first.locator("summary").click()
    expect(page.locator("details.letters[open]")).to_have_count(3)
    assert page.url.endswith("adam/?letters=paper")
    expect(letters.first.locator("math").first).to_be_visible()
    other = open_page("lion/", context=page.context)
    expect(other.locator("details.letters[open]")).to_have_count(2)
    other.locator("details.letters summary").first.press("Enter")
    expect(other.locator("details.letters[open]")).to_have_count(0)
    again = open_page("lion/", context=page.context)
    expect(again.locator("details.letters[open]")).to_have_count(0)


def test_a_link_opens_papers_letters(open_page):
    page = open_page("adam/?letters=paper#formula-adopt")
    expect(page.locator("details.letters[open]")).to_have_count(3)
    expect(page.locator("details.letters:visible")).to_contain_text("stands for")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_page_knows_what_the_code_calls_each_symbol_of_a_formula(name):
    symbols = rule_of(name).symbols.values()
    names = {symbol.code.partition("[")[0] for symbol in symbols if symbol.kind != "size"}
    assert names <= set(names_of([name]))


def test_worked_numbers_give_a_rule_the_options_that_it_has(monkeypatch):
    rule = read(r"On iteration $t$: $W := W - \alpha dW$", path="page.md", defaults={"lr": 0.01})
    monkeypatch.setattr(worked_numbers, "known_rule", lambda md, name: rule)
    lines = worked_numbers.worked_numbers(None, "Plain", [])
    assert lines[0].endswith("; `lr` = 0.1.")
    assert "weight_decay" in worked_numbers.OPTIONS


def entries(number: str) -> list[float]:
    """Return the value of a number in LaTeX, or the values in a matrix."""
    inside = re.sub(r"\\(begin|end)\{pmatrix\}", "", number)
    found = []
    for entry in re.split(r"&|\\\\", inside):
        # A power of ten alone has no factor before it.
        digits = re.sub(r"^(-?)10\^\{", r"\g<1>1e", entry.strip())
        found.append(float(digits.replace(r" \cdot 10^{", "e").replace("}", "")))
    return found


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_worked_numbers_are_those_of_the_numpy_step(page_html, name):
    page = tab(page_html(PAGE[name]), "worked-numbers", name)
    rows = re.findall(r"<tr>\s*<td>(.*?)</tr>", page, re.DOTALL)
    table = {}
    for row in rows:
        symbol, *numbers = [latex(cell) for cell in row.split("<td>")]
        table[symbol[0]] = [number[0] if number else None for number in numbers]
    # Before the first iteration a gradient stands only where the rule reads it.
    assert (table["dW"][0] is not None) == rule_of(name).initialize_reads_gradient
    codes = {symbol.latex: symbol.code for symbol in rule_of(name).symbols.values()}
    param, gradients = worked_numbers.start(rule_of(name))
    state, history, options = {}, [], cases.having(name, **worked_numbers.OPTIONS)
    for grad in gradients[: worked_numbers.shown_gradients(rule_of(name))]:
        param, state = OPTIMIZERS[name].step(np.asarray(param), grad, state, **options)
        history.append({"param": param, **state})
    checked = 0
    for symbol, numbers in table.items():
        steps = numbers[-len(history) :]
        for number, values in zip(steps, history, strict=True):
            if codes[symbol] in values and number is not None:
                # Four digits are shown.
                wanted = pytest.approx(np.ravel(values[codes[symbol]]), rel=6e-4)
                assert entries(number) == wanted, symbol
                checked += 1
    assert checked >= 3 * (1 + len(OPTIMIZERS[name].optimizer.state_names))


def test_a_line_that_differs_needs_its_reason(convert):
    with pytest.raises(
        PageError, match=r"say why each line differs(?s:.*)removed: \$dW := dW \+ \\lambda W"
    ):
        convert("# Page\n\n::: differs AdamW\n\n    $W := W - \\alpha \\lambda W$ Because.")
    with pytest.raises(PageError, match="the same in Adam or not there"):
        convert(
            "# Page\n\n::: differs AdamW\n\n"
            "    $dW := dW + \\lambda W$ Because.\n"
            "    $W := W - \\alpha \\lambda W$ Because.\n"
            "    $S_{dw} = 0$ Because."
        )


def visible(page: str) -> str:
    """Return what the eye sees of a formula."""
    drawn, _, _ = page.partition("<annotation")
    return re.sub(r'</?mrow[^>]*>| class="[^"]*"', "", drawn)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_marks_change_neither_the_picture_nor_what_is_copied(name):
    for statement in rule_of(name).statements:
        marked = mark_symbols(statement.latex)
        assert marked.count("symbol-") >= 1
        rendered = render(statement.latex, marked=marked)
        assert visible(rendered) == visible(render(statement.latex))
        assert latex(rendered) == [statement.latex]


def test_defaults_on_the_page_are_the_signatures(site):
    page = (site / "adam" / "index.html").read_text(encoding="utf-8")
    assert "<code>betas</code> is (0.9, 0.9999), not (0.9, 0.999)." in page
    assert "<code>eps</code> is 1e-06, not 1e-08." in page
    assert rule_of("ADOPT").defaults["clip_exp"] == 1 / 4  # typed in ADOPT's Persian note
    assert r"c = \frac{1}{4}" in page
