"""What the site promises in each of three browsers; in Chromium, what no other test sees there."""

import os

import pytest

from tools.browser import serve
from tools.webdriver import Firefox, WebKit

from .conftest import drawn
from .test_browser import PAGES, chosen, tabs
from .test_rtl import RUNS, check_the_order_of_boxes
from .test_search import SEEN

pytestmark = pytest.mark.every
BROWSERS = {"firefox": Firefox, "webkit": WebKit}
# What tests of Chromium alone see there.
others = pytest.mark.parametrize("page", BROWSERS, indirect=True)


@pytest.fixture(scope="module", params=["chromium", *BROWSERS])
def page(request):
    """A page of a browser, with as much of playwright's page as WebDriverPage has."""
    if request.param == "chromium":
        page = request.getfixturevalue("browser").new_page(viewport={"width": 1280, "height": 900})
        yield page
        page.close()
        return
    kind = BROWSERS[request.param]
    if kind.find() is None:
        message = f"no {request.param}: .ci/run says what to install"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with kind() as page:
        yield page


@pytest.fixture
def visit(page, site):
    """Open a page of the site, at an address that remembers nothing; it may not complain."""
    faults: list[str] = []
    with serve(site, faults=faults) as address:

        def visit(path: str):
            page.goto(f"{address}/{path}")
            page.evaluate("async () => { await document.fonts.ready }")
            return page

        yield visit
        drawn(page)
        page.goto("about:blank")
    assert faults == []


def lies_in_view(page, selector: str) -> bool:
    return page.evaluate(
        """selector => {
            const { top, bottom } = document.querySelector(selector).getBoundingClientRect();
            return 0 < top && bottom < innerHeight;
        }""",
        selector,
    )


FAULTY = """<!doctype html>
<head><meta http-equiv="content-security-policy" content="style-src 'none'"></head>
<style>p { color: red }</style>
<img src="/none.png">
<script>
    console.error("complaint");
    setTimeout(() => { throw Error("thrown") });
    Promise.reject("rejected");
    fetch("OTHER", { mode: "no-cors" });
</script>
"""


@others
def test_complaints_and_requests_to_another_host_are_seen(page, tmp_path):
    faults: list[str] = []
    unseen = {"complaint", "thrown", "rejected", "policy", "none.png", "another host"}
    with serve(tmp_path) as other, serve(tmp_path, faults=faults) as address:
        (tmp_path / "index.html").write_text(FAULTY.replace("OTHER", f"{other}/"))
        page.goto(f"{address}/")
        for _ in range(600):
            unseen = {word for word in unseen if not any(word in fault for fault in faults)}
            if not unseen:
                break
            drawn(page)
    assert unseen == set()


@others
def test_no_page_complains_or_asks_another_host(visit, sample):
    for path in sample(PAGES):
        page = visit(path)
        drawn(page)
        assert page.evaluate("document.querySelector('h1').checkVisibility()")


@others
def test_a_choice_is_synchronized_and_remembered(visit):
    page = visit("adam/")
    assert chosen(page) == tabs("adam")
    page.click("label[for=example-adamw]")
    assert chosen(page) == tabs("adamw")
    visit("symbols/")
    assert chosen(visit("adam/")) == tabs("adamw")
    page.click("h1 .pill[href$='-adopt']")
    assert chosen(page) == tabs("adopt")
    page.evaluate("document.getElementById('formula-adopt').focus()")
    page.keyboard.press("ArrowLeft")
    assert chosen(page) == tabs("adamw")


@others
def test_a_link_to_a_tab_opens_it_in_view(visit):
    page = visit("adam/#formula-adopt")
    assert chosen(page) == tabs("adopt")
    assert lies_in_view(page, "label[for=formula-adopt]")
    page.evaluate("() => { location.hash = '#example-adamw' }")
    page.wait_for_function("() => document.getElementById('formula-adamw').checked")
    assert lies_in_view(page, "label[for=example-adamw]")


@others
def test_a_search_leads_to_the_tab_that_has_the_words(visit):
    page = visit("")
    page.keyboard.press("/")
    page.keyboard.type("theorem")
    page.click(".md-search-result__link[href*='/adam/'][href*='#']")
    page.wait_for_function("() => location.pathname === '/adam/'")
    page.wait_for_function("() => document.getElementById('description-adopt')?.checked")
    page.wait_for_function(f"() => ({SEEN})().includes('theorem')")


@others
def test_a_copied_formula_is_pasted_as_latex(visit):
    page = visit("adam/")
    formula = "document.querySelector('.formula .math')"
    page.evaluate(f"() => getSelection().selectAllChildren({formula})")
    page.keyboard.press("Control+C")
    page.keyboard.press("/")
    page.wait_for_function("() => document.activeElement.matches('.md-search__input')")
    page.keyboard.press("Control+V")
    page.wait_for_function("() => document.activeElement.value !== ''")
    assert page.evaluate("document.activeElement.value") == r"$dW := dW + \lambda W$"


@others
def test_a_run_inside_persian_reads_from_left_to_right_as_one(page, convert):
    for run, shown in RUNS.items():
        html = convert(f"این روش (که همان {run} است) بهتر است")
        check_the_order_of_boxes(page, html, shown)


# The boxes of the formulas on a page that are not as they are written, and how many of each there
# are. Firefox gives letters the box of their line, so that what is small reaches a little too far.
MISPLACED = """() => {
    const wrong = [], counts = {};
    const box = (element) => element.getBoundingClientRect();
    const size = (element) => parseFloat(getComputedStyle(element).fontSize);
    const across = ({ left, right }) => (left + right) / 2;
    const up = ({ top, bottom }) => (top + bottom) / 2;
    function check(kind, selector, isRight) {
        counts[kind] = 0;
        for (const element of document.querySelectorAll(`article .math ${selector}`)) {
            if (!element.checkVisibility()) continue;
            counts[kind]++;
            const parts = [...element.children].map(box);
            if (!isRight(element, ...parts)) wrong.push(`${kind}: ${element.outerHTML}`);
        }
    }
    check("fraction", "mfrac", (_, above, below) =>
        above.bottom <= below.top && Math.abs(across(above) - across(below)) < 2);
    check("root", "msqrt", (root, ...parts) => {
        const own = box(root), right = Math.max(...parts.map((part) => part.right));
        const end = own.right + parseFloat(getComputedStyle(root).marginInlineEnd);
        return parts.every((part) => own.left + size(root) / 2 < part.left && own.top < part.top) &&
            Math.abs(end - right) < 0.15 * size(root);
    });
    check("brackets", "mrow:has(> mfrac):has(> mo[stretchy=true]:first-child)", (row, ...parts) => {
        const tall = box(row.querySelector(":scope > mfrac"));
        return [parts[0], parts.at(-1)].every((bracket) => bracket.height > 0.9 * tall.height &&
            Math.abs(up(bracket) - up(tall)) < 0.1 * tall.height);
    });
    check("index", ":is(msub, msubsup)", (_, base, below) =>
        below.left >= across(base) && below.bottom > base.bottom && up(below) > up(base));
    check("power", "msup", (_, base, above) =>
        above.left >= across(base) && up(above) < up(base));
    check("both", "msubsup", (_, base, below, above) => up(above) < up(base));
    return [counts, wrong];
}"""


def test_the_parts_of_a_formula_stand_where_they_belong(visit):
    counts, wrong = visit("adam/#formula-adopt").evaluate(MISPLACED)
    assert wrong == []
    assert min(counts.values()) > 0
    assert visit("nadam/").evaluate(MISPLACED)[1] == []


# Widths of letters as drawn, and as the math font and others would draw them.
LETTERS = """() => {
    const pen = document.createElement("canvas").getContext("2d");
    const italic = { W: "\\u{1D44A}", α: "\\u{1D6FC}", λ: "\\u{1D706}" };
    return Object.entries(italic).map(([text, drawn]) => {
        const letters = [...document.querySelectorAll(".math mi")];
        const found = letters.find((one) => one.textContent === text && one.checkVisibility());
        const as = (font) => {
            pen.font = `${getComputedStyle(found).fontSize} ${font}`;
            return pen.measureText(drawn).width;
        };
        const others = ["math", "serif", "sans-serif"].map(as);
        return [text, found.getBoundingClientRect().width, as('"STIX Two Math"'), others];
    });
}"""


def test_formulas_are_drawn_in_their_own_font(visit):
    for text, width, own, others in visit("adam/#formula-adopt").evaluate(LETTERS):
        assert width == pytest.approx(own, rel=0.01), text
        # No other font would have been taken for it.
        assert all(abs(other - own) > 0.04 * own for other in others), text


# How many colours the map has, whether it is painted all over, and what is drawn.
MAP = """() => {
    const map = document.querySelector(".lab-map");
    const { data } = map.getContext("2d").getImageData(0, 0, map.width, map.height);
    const painted = data.every((value, place) => place % 4 !== 3 || value === 255);
    return [new Set(new Uint32Array(data.buffer)).size, painted, map.toDataURL()];
}"""


@others
def test_the_laboratory_draws_and_plays(visit):
    page = visit("lab/")
    settled = "() => document.querySelector('.lab-said[aria-busy=false]')"
    page.wait_for_function(settled)
    colours, painted, picture = page.evaluate(MAP)
    assert colours > 100
    assert painted
    page.evaluate("document.querySelector('.laboratory [name=t]').focus()")
    page.keyboard.press("Home")
    page.wait_for_function("() => document.querySelector('.laboratory [name=t]').value === '0'")
    page.click(".laboratory button[name=play]")
    page.wait_for_function("() => document.querySelector('.laboratory [name=t]').value > 4")
    page.click(".laboratory button[name=play]")
    page.wait_for_function(settled)
    assert page.evaluate(MAP)[2] != picture


@others
def test_the_calculator_answers_and_keeps_its_address(visit):
    page = visit("cost/#millions=1300&optimizer=Lion&shards=0")
    said = "document.querySelector('.calculator-said').textContent"
    assert page.evaluate(said).startswith("The address asks for “shards=0”, which is left out")
    assert "holds 15.6 GB" in page.evaluate(said)
    page.click(".calculator button[value='125']")
    page.wait_for_function("() => document.querySelector('.calculator-said[aria-busy=false]')")
    assert page.evaluate(said).startswith("Each device holds 1.50 GB")
    assert "millions=125&optimizer=Lion&" in page.evaluate("location.hash")
