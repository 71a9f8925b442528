"""What a reader does on the site, done in a browser."""

import doctest
import re

import pytest
from playwright.sync_api import expect

from docs_ext.names import names_on, tab_id, write_title
from optimizers import rule_of

from .conftest import ROOT, drawn
from .test_snippets import title

FILES = sorted([*(ROOT / "docs").glob("*.md"), *(ROOT / "docs").glob("notebooks/*.py")])
# The file at each address.
PAGES = {
    "" if file.stem == "index" else f"{file.relative_to(ROOT / 'docs').with_suffix('')}/": file
    for file in FILES
}
# The tabs that a reader has to open, by address; None stands for what is open anyway.
TABS = {path: [None, *map(str.lower, names_on(file)[1:])] for path, file in PAGES.items()}
SECTIONS = ("description", "formula", "example", "what-differs", "worked-numbers")


def chosen(page) -> list[str]:
    return page.eval_on_selector_all(".tabbed-set > input:checked", "all => all.map(i => i.id)")


def tabs(name: str) -> list[str]:
    return [f"{section}-{name}" for section in SECTIONS]


def shown(page, text: str) -> bool:
    return page.get_by_text(text).first.is_visible()


def test_the_title_is_the_same_everywhere(open_page):
    page, names = open_page("adam/"), names_on(ROOT / "docs" / "adam.md")
    title, pills = write_title(names).removeprefix("# "), [f"{{{name}}}" for name in names[1:]]
    assert page.title().startswith(title)
    assert page.inner_text("h1").startswith(title)
    nav = page.locator(".md-nav--primary .md-nav__link--active:visible").first
    assert " ".join(nav.inner_text().split()) == title
    assert nav.locator(".pill").all_inner_texts() == pills
    page.keyboard.press("/")
    page.keyboard.type("AdamW", delay=20)
    result = page.locator(".md-search-result__link h1").first
    result.wait_for()
    assert result.inner_text() == title
    assert result.locator(".pill").all_inner_texts() == pills


def test_a_pill_opens_its_tab_everywhere_and_stands_in_the_address(open_page):
    page = open_page("adam/")
    page.click("h1 >> text={ADOPT}")
    assert chosen(page) == tabs("adopt")
    assert page.url.endswith("#description-adopt")
    assert page.locator("h1 .pill[aria-current]").all_inner_texts() == ["{ADOPT}"]
    assert chosen(open_page("adam/#description-adopt")) == tabs("adopt")


def test_a_choice_is_synchronized_and_remembered(open_page):
    page = open_page("adam/")
    assert chosen(page) == tabs("adam")
    page.click("label[for=example-adamw]")
    assert chosen(page) == tabs("adamw")
    page.reload()
    assert chosen(page) == tabs("adamw")
    page.goto(page.url.replace("adam/", "symbols/").partition("#")[0])
    page.goto(page.url.replace("symbols/", "adam/"))
    assert chosen(page) == tabs("adamw")


def test_a_choice_is_synchronized_before_material_has_started(browser, address):
    context = browser.new_context()
    page = context.new_page()
    page.route("**/bundle.*.js", lambda route: route.abort())
    page.goto(f"{address}/adam/")
    page.click("label[for=example-adamw]")
    assert chosen(page) == tabs("adamw")
    page.reload()
    assert chosen(page) == tabs("adamw")
    context.close()


def test_an_address_that_cannot_be_decoded_does_no_harm(open_page):
    page = open_page("adam/#100%")
    page.click("h1 >> text={ADOPT}")
    assert chosen(page) == tabs("adopt")


def test_a_link_to_a_tab_opens_it_and_is_remembered(open_page):
    page = open_page("adam/#formula-adopt")
    assert chosen(page) == tabs("adopt")
    assert page.locator("#formula").evaluate("e => Math.abs(e.getBoundingClientRect().top) < 400")
    page.evaluate("location.hash = '#example-adamw'")
    expect(page.locator("#formula-adamw")).to_be_checked()
    page.goto(page.url.partition("#")[0])
    assert chosen(page) == tabs("adamw")


def test_a_search_hit_in_a_hidden_tab_is_shown(open_page):
    page = open_page("")
    page.keyboard.press("/")
    page.keyboard.type("theorem", delay=20)
    page.locator(".md-search-result__link", has_text="is a theorem").click()
    page.wait_for_url("**/adam/**")
    expect(page.locator("#description-adopt")).to_be_checked()
    assert shown(page, "The guarantee is a theorem")


def test_tabs_work_from_the_keyboard(open_page):
    page = open_page("adam/")
    page.focus("#formula-adam")
    page.keyboard.press("ArrowRight")
    assert chosen(page) == tabs("adamw")


def test_without_script_all_is_there_and_tabs_work(open_page):
    page = open_page("adam/", java_script_enabled=False)
    assert page.locator(".math").count() > 40
    assert not page.locator(".stepper").first.is_visible()  # a tool; its numbers are in the table
    assert not shown(page, "Whose claims these are")
    page.click("label[for=description-adopt]")
    assert shown(page, "Whose claims these are")


@pytest.mark.parametrize("place", ["formula-adopt", "worked-numbers-adamw", "references"])
def test_a_link_into_a_page_lands_there_and_stays(open_page, place):
    page = open_page(f"adam/#{place}")
    landed = f"""() => {{
        const place = document.getElementById("{place}");
        const top = (place.labels?.[0] ?? place).getBoundingClientRect().top;
        return 0 <= top && top < innerHeight;
    }}"""
    page.wait_for_function(landed)
    drawn(page, 30)
    assert page.evaluate(landed)


def test_print_shows_every_tab_under_its_name(open_page):
    page = open_page("adam/")
    page.emulate_media(media="print")
    for text in ("Standard Adam", "builds upon the Adam", "Whose claims these are"):
        assert shown(page, text)
    for block, name in zip(
        page.locator(".tabbed-set").first.locator(".tabbed-block").all(),
        names_on(ROOT / "docs" / "adam.md"),
        strict=True,
    ):
        label = page.locator(f".tabbed-set label[for=description-{name.lower()}]").bounding_box()
        assert label["height"] > 10
        assert label["y"] + label["height"] <= block.bounding_box()["y"] + 1


# How much has moved until half a second after the page was there; what, from where and to where.
MOVED = """() => new Promise(done => {
    const name = node => node && (node.className || node.nodeName);
    const place = ({x, y, width, height}) => [x, y, width, height].map(Math.round).join();
    let sum = 0, seen = [];
    new PerformanceObserver(list => list.getEntries().forEach(entry => {
        sum += entry.value;
        seen.push(...entry.sources.map(({ node, previousRect, currentRect }) =>
            `${name(node)}: ${place(previousRect)} to ${place(currentRect)}`));
    })).observe({ type: "layout-shift", buffered: true });
    setTimeout(() => done([sum, seen]), 500);
})"""


# What reaches over the edge of the window and does not scroll by itself; text at the very edge.
OVER_THE_EDGE = """() => {
    const width = document.documentElement.clientWidth;
    const scrolls = (element) => element && element !== document.body &&
        (/auto|scroll/.test(getComputedStyle(element).overflowX) || scrolls(element.parentElement));
    const inside = ":is(p, li, table, figure, pre, .math, h1, h2, h3)";
    const found = [...document.querySelectorAll(`article ${inside}`)].filter((element) => {
        const { left, right, width: own } = element.getBoundingClientRect();
        const edge = element.localName === "pre" ? 0 : 12; // a phone's programs have its full width
        return own > 0 && (left < edge || right > width - edge) && !scrolls(element);
    });
    const wide = document.documentElement.scrollWidth > width ? ["the page scrolls sideways"] : [];
    return [...wide, ...found.map((element) => element.outerHTML.slice(0, 120))];
}"""


@pytest.mark.parametrize("path", PAGES)
def test_every_width_holds_the_page(open_page, path):
    page, found = open_page(path), {}
    page.eval_on_selector_all("details", "all => all.forEach(d => (d.open = true))")
    for width in (320, 390, 600, 744, 768, 820, 1024, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        for name in TABS[path]:
            if name:
                page.evaluate(f"document.getElementById('formula-{name}').click()")
            if over := page.evaluate(OVER_THE_EDGE):
                found[width, name] = over
    assert found == {}


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("path", PAGES)
def test_no_page_scrolls_sideways_and_nothing_moves(open_page, path, width):
    page = open_page(path, width=width)
    moved, what = page.evaluate(MOVED)
    # A busy machine may paint a page when half of a formula is there.
    assert moved < 0.001, what
    for name in TABS[path]:
        if name:
            page.click(f"label[for=formula-{name}]")
        page.eval_on_selector_all("details", "all => all.forEach(d => (d.open = true))")
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_persian_is_set_as_persian(open_page):
    page = open_page("adam/")
    styles = "e => (s => [s.direction, s.textAlign, s.fontFamily])(getComputedStyle(e))"
    for selector in (".tabbed-block > p", ".correction > p", ".correction li"):
        style = page.locator(f"{selector}[dir=rtl]").last.evaluate(styles)
        assert style[:2] == ["rtl", "start"]
        assert style[2].startswith("Vazirmatn")
    assert page.evaluate("document.fonts.check('16px Vazirmatn', 'گام')")
    left, right, icon = page.locator(".admonition[dir=rtl]").first.evaluate(
        """e => [getComputedStyle(e).borderLeftWidth, getComputedStyle(e).borderRightWidth,
            getComputedStyle(e.firstElementChild, '::before').right]"""
    )
    assert left == "0px"
    assert right != "0px"
    assert float(icon.removesuffix("px")) < 30
    code = page.locator(".admonition[dir=rtl] pre").first
    assert code.evaluate("e => getComputedStyle(e).direction") == "ltr"


def test_a_selected_formula_is_copied_as_latex(open_page):
    page = open_page("adam/", permissions=["clipboard-read", "clipboard-write"])
    page.locator(".formula .math").first.evaluate("e => getSelection().selectAllChildren(e)")
    page.keyboard.press("Control+C")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert r"dW := dW + \lambda W" in copied


@pytest.mark.parametrize("path", PAGES)
def test_what_the_copy_button_copies_runs(open_page, path, run, tmp_path):
    page = open_page(path, permissions=["clipboard-read", "clipboard-write"])
    page.eval_on_selector_all("details", "all => all.forEach(d => (d.open = true))")
    known = {file.read_text(encoding="utf-8").strip() for file in (ROOT / "snippets").glob("*.py")}
    if path.startswith("notebooks/"):
        known = PAGES[path].read_text(encoding="utf-8")
    seen = set()
    for name in TABS[path]:
        if name:
            page.click(f"label[for=formula-{name}]")
        own = ".highlight:not(.doc-signature, .language-pycon, .take .highlight):visible"
        for block in page.locator(own).all():
            block.scroll_into_view_if_needed()  # seen, it gets its button
            block.locator("button[data-md-type=copy]").click()
            copied = page.evaluate("navigator.clipboard.readText()")
            assert copied.strip() == block.locator("code").text_content().strip()
            classes = block.get_attribute("class").split()
            is_python = "language-python" in classes and "output" not in classes
            if not is_python or copied in seen:
                continue
            seen.add(copied)
            if copied.strip() in known:
                continue  # a snippet, which its own test runs, or a cell, which the build has run
            if ">>>" in copied:
                check_examples(copied)
            else:
                run(copied, tmp_path)
    blocks = page.locator(".language-python:not(.doc-signature, .output)").count()
    assert (len(seen) > 0) == (blocks > 0)


def check_examples(code: str) -> None:
    """Run the examples in the docstrings of a pasted function, with what was pasted and no more."""
    names: dict = {"__name__": "pasted"}
    exec(compile(code, "pasted", "exec"), names)
    function = next(value for name, value in names.items() if name.endswith("_step"))
    tests = doctest.DocTestFinder().find(function, globs=names)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in tests:
        runner.run(test)
    assert runner.tries > 0
    assert runner.failures == 0


def test_the_seed_is_all_there(open_page):
    """Every sentence of the page's first version, as a reader sees it."""
    page = open_page("adam/")
    page.emulate_media(media="print")
    text = re.sub(r"\s+", " ", page.inner_text("article"))
    for sentence in (ROOT / "tests" / "seed.txt").read_text(encoding="utf-8").splitlines():
        assert sentence in text


def test_a_symbol_tells_what_it_means(open_page):
    page = open_page("adam/", has_touch=True)
    note = page.locator(".symbol-note")
    symbol = page.locator(".formula .symbol:visible").first
    assert not note.is_visible()
    symbol.hover()
    assert "gradient of the loss" in note.inner_text()
    assert "grad" in note.locator("code").inner_text()
    assert "گرادیان" in note.locator("[lang=fa]").inner_text()
    page.mouse.move(0, 0)
    assert not note.is_visible()
    # One stop of the Tab key leads to all symbols of a section.
    sections = page.locator(".md-content .tabbed-set").count() + 1
    assert page.locator(".math[tabindex]:visible").count() <= sections
    page.locator("#formula ~ .tabbed-set .math[tabindex]:visible").first.focus()
    first = note.inner_text()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert note.inner_text() != first
    assert note.get_attribute("role") == "status"
    page.keyboard.press("Escape")
    assert not note.is_visible()
    symbol.tap()
    assert note.is_visible()


def test_the_table_of_optimizers_is_sorted_by_a_click_or_a_key(open_page):
    page = open_page("choose/")
    cells = page.locator(".sortable td:first-child")
    before = cells.all_inner_texts()
    head = page.get_by_role("button", name="Optimizer")
    head.click()
    assert cells.all_inner_texts() == sorted(before, key=str.lower)
    head.press("Enter")
    assert cells.all_inner_texts() == sorted(before, key=str.lower, reverse=True)
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("Optimizer")


# Walks through a stepper; of each place: moment, row, value in the line, value in the table, words.
WALK = """stepper => {
    const [start, , forward] = stepper.querySelectorAll("button");
    const tex = (element) => element.querySelector("annotation").textContent;
    const shown = (element) => element.checkVisibility({ checkVisibilityCSS: true });
    const walked = [];
    start.click();
    for (;;) {
        const on = stepper.querySelectorAll(".line--on");
        const numbers = [...on[0].querySelectorAll(".numbers")].filter(shown);
        const cells = stepper.parentElement.querySelectorAll(".cell--on");
        if (on.length + numbers.length + cells.length !== 3) throw new Error("not one of each");
        const value = tex(numbers[0]).split("=").pop().trim();
        const said = stepper.querySelector("[role=status]").textContent;
        const row = cells[0].parentElement.rowIndex;
        walked.push([cells[0].cellIndex - 1, row, value, tex(cells[0]).trim(), said]);
        if (forward.getAttribute("aria-disabled") === "true") return walked;
        forward.click();
    }
}"""


@pytest.mark.parametrize("path", sorted(p.stem for p in (ROOT / "docs").glob("*.md") if title(p)))
def test_the_stepper_computes_the_worked_numbers(open_page, path):
    page = open_page(f"{path}/")
    for index, name in enumerate(title(ROOT / "docs" / f"{path}.md")):
        label = page.locator(f"label[for={tab_id('Worked numbers', name)}]")
        if label.count():  # not where the page has no variants
            label.click()
        stepper = page.locator(".stepper").nth(index)
        stepper.locator("summary").click()
        stepper.locator(".line").first.wait_for()
        lines = rule_of(name).lines(rule_of(name).variables[0])
        # What is repeated is shown twice, the first time and the last.
        lines = [line for line in lines for _ in range(2 if line.repeat else 1)]
        # It opens at the end of the first iteration.
        assert stepper.locator(".numbers:visible").count() == len(lines)
        walked = stepper.evaluate(WALK)
        begin = sum(line.section == "initialize" for line in lines)
        assert len(walked) == begin + 3 * (len(lines) - begin)
        # The table shows the second value of a quantity that is assigned twice.
        last = {(moment, row): (value, shown) for moment, row, value, shown, _ in walked}
        for value, shown in last.values():
            assert value == shown
        assert all(
            re.match(rf"Iteration {row[0]}, line \d+ of \d+ gives", row[4]) for row in walked
        )
        stepper.get_by_role("button", name="Back").press("ArrowLeft")
        assert stepper.get_by_role("status").inner_text() == walked[-2][4]
