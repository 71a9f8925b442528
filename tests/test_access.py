"""Who does not see the page, has no pointer, or wants nothing to move, is served as well."""

import contextlib
import re

import pytest
from playwright.sync_api import TimeoutError, expect

from .conftest import ROOT, drawn

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
# All tabs at once: one look sees them all.
ALL_TABS = """() => {
    for (const block of document.querySelectorAll(".tabbed-block")) block.style.display = "block";
    for (const details of document.querySelectorAll("details")) details.open = true;
}"""
# A formula has the colours of the text around it, and one formula or program is made as the next:
# with the parts of three of each, and the text of the others, it takes a third of the time.
THIN_OUT = """() => {
    for (const what of [".math", "pre > code"]) {
        const others = [...document.querySelectorAll(what)].slice(3);
        for (const one of others) one.textContent = one.textContent;
    }
}"""
LOOK = """async (rules) => {
    const options = { resultTypes: ["violations"], selectors: false };
    if (rules) options.runOnly = { type: "rule", values: rules };
    const report = await axe.run(options);
    return report.violations.flatMap(one => one.nodes.map(node => `${one.id}: ${node.html}`));
}"""


def test_axe_finds_nothing_on_any_page(browser, address, site, sample):
    pages = [str(file.relative_to(site)) for file in sample(sorted(site.rglob("*.html")))]
    # Without motion, colours change at once.
    context = browser.new_context(bypass_csp=True, reduced_motion="reduce")
    page = context.new_page()
    found = []
    for path in pages:
        page.set_viewport_size({"width": 390, "height": 900})
        page.goto(f"{address}/{path.removesuffix('index.html')}", wait_until="load")
        page.add_script_tag(path=AXE)
        page.evaluate(ALL_TABS)
        drawn(page)  # what is too wide is looked for when it is drawn
        page.evaluate("async () => { await document.fonts.ready }")
        drawn(page)
        narrow = ["target-size", "scrollable-region-focusable"]
        found += [f"{path}: {fault}" for fault in page.evaluate(LOOK, narrow)]
        page.set_viewport_size({"width": 1280, "height": 900})
        page.evaluate(THIN_OUT)
        found += [f"{path}: {fault}" for fault in page.evaluate(LOOK, None)]
        page.evaluate("document.body.dataset.mdColorScheme = 'slate'")
        found += [f"{path}, dark: {fault}" for fault in page.evaluate(LOOK, ["color-contrast"])]
    context.close()
    assert found == []


# The contrast of all text that is seen, glyphs, programs and marks included, which axe is not asked
# about or gives up on: each pair of a text's colour and what it lies on, once.
PAIRS = """() => {
    const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const pixel = (layers) => {
        for (const layer of layers) {
            context.fillStyle = layer;
            context.fillRect(0, 0, 1, 1);
        }
        return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const light = (rgb) => {
        const linear = c => c < 0.04 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
        const [r, g, b] = rgb.map(c => linear(c / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const grounds = new Map([[null, ["white"]]]);
    const ground = (element) => {
        if (!grounds.has(element)) {
            const own = getComputedStyle(element).backgroundColor;
            const around = ground(element.parentElement);
            grounds.set(element, own === "rgba(0, 0, 0, 0)" ? around : [...around, own]);
        }
        return grounds.get(element);
    };
    const pairs = new Map();
    for (const element of document.querySelectorAll("article *, .symbol-note *")) {
        const own = [...element.childNodes].filter(one => one.nodeType === 3);
        if (!own.some(one => /[^\\s\u200b]/.test(one.data))) continue;
        if (element.closest("annotation, script, [aria-disabled]")) continue;
        if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
        const style = getComputedStyle(element);
        const color = element.closest("svg") ? style.fill : style.color;
        if (color === "none") continue;
        const key = [color, ...ground(element)].join();
        if (!pairs.has(key)) pairs.set(key, [color, ground(element), element]);
    }
    return [...pairs.values()].map(([color, under, element]) => {
        const [text, below] = [pixel([...under, color]), pixel(under)].map(light);
        const contrast = (Math.max(text, below) + 0.05) / (Math.min(text, below) + 0.05);
        return [contrast, element.outerHTML.slice(0, 120), under.at(-1)];
    });
}"""
# What is marked when one points or walks.
MARKED = """() => {
    const all = (what) => document.querySelectorAll(what);
    const mark = (what, name) => all(what).forEach(one => one.classList.add(name));
    mark(".symbol:not(.symbol .symbol)", "symbol--on");
    mark(".line", "line--on");
    mark("td:has(.math)", "cell--on");
    document.querySelector(".symbol-note")?.classList.add("symbol-note--on");
}"""


@pytest.mark.parametrize(
    "path", ["", "adam/", "nadam/", "muon/", "choose/", "cost/", "notebooks/adam_can_fail/"]
)
def test_all_text_stands_out_from_what_it_lies_on(open_page, path):
    page = open_page(path, reduced_motion="reduce")
    page.evaluate(ALL_TABS)
    looks = []
    for mark in ("() => {}", MARKED):
        page.evaluate(mark)
        for scheme in ("default", "slate"):
            page.evaluate(f"document.body.dataset.mdColorScheme = '{scheme}'")
            looks += [(scheme, *pair) for pair in page.evaluate(PAIRS)]
    assert len(looks) > 10
    assert [look for look in looks if look[1] < 4.5] == []


# Where the keyboard is: in the window, and marked, by itself or by its label. What comes into view
# with it gets its button a moment later.
FOCUS = """async () => {
    for (let i = 0; i < 2; i++) await new Promise(done => requestAnimationFrame(done));
    const input = document.activeElement;
    if (input === document.body) return null;
    const marked = [input, ...(input.labels ?? []), input.nextElementSibling].filter(one => {
        if (!one) return false;
        const style = getComputedStyle(one), box = one.getBoundingClientRect();
        return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0
            && box.width > 5 && box.height > 5 && box.left >= -1 && box.right <= innerWidth + 1
            && box.bottom > 0 && box.top < innerHeight;
    });
    return [input.outerHTML.slice(0, 120), marked.length > 0];
}"""


@pytest.mark.parametrize(
    ("path", "width"), [("adam/", 1280), ("choose/", 1280), ("cost/", 1280), ("", 390)]
)
def test_the_keyboard_gets_everywhere_and_one_sees_where(open_page, path, width):
    page = open_page(path, width=width, reduced_motion="reduce")
    stops, unseen = [], []
    for _ in range(400):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUS)
        if stop and not stop[1]:
            with contextlib.suppress(TimeoutError):
                # Focus may open the search field.
                page.wait_for_function(
                    f"async () => ((await ({FOCUS})()) ?? [0, 1])[1]", timeout=1000
                )
            stop = page.evaluate(FOCUS)
        if stop is None:
            break
        stops.append(stop[0])
        if not stop[1]:
            unseen.append(stop[0])
    assert unseen == []
    assert len(stops) > 8
    if path == "adam/":
        assert any("md-skip" in stop for stop in stops[:1])
        for kind in ("symbol", 'type="radio"', "pill", "md-code__button", "md-search__input"):
            assert any(kind in stop for stop in stops), kind


def test_the_skip_link_skips(open_page):
    page = open_page("adam/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    inside = "() => document.activeElement.closest('article') !== null"
    assert page.evaluate(inside)


def test_the_menu_opens_with_a_key(open_page):
    page = open_page("", width=390)
    page.get_by_role("button", name="Pages").press("Enter")
    expect(page.get_by_role("link", name="Choose one").first).to_be_visible()


def test_nothing_moves_for_those_who_want_that(open_page):
    page = open_page("adam/", reduced_motion="reduce")
    moving = """() => [...document.querySelectorAll("*")].filter(one => {
        const style = getComputedStyle(one);
        return parseFloat(style.transitionDuration) > 0 || style.animationName !== "none";
    }).length"""
    assert page.evaluate(moving) == 0


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_the_first_figure_moves_for_those_who_welcome_it_and_ends_whole(
    browser, open_page, site, motion
):
    with contextlib.closing(browser.new_context(reduced_motion=motion)) as context:
        context.add_init_script("""window.changes = 0;
            new MutationObserver((seen) => (window.changes += seen.length))
                .observe(document, { subtree: true, attributeFilter: ["d"] })""")
        page = open_page("", context=context)
        text = (site / "index.html").read_text(encoding="utf-8")
        written = re.findall(r'<path d="([^"]*)"[^>]* stroke="var\(--hue', text)
        assert len(written) == 8  # four lines, and four rows of dots
        page.wait_for_function(
            """([written, moves]) => (changes > written.length) === moves &&
                [...document.querySelectorAll("figure path[stroke^='var(--hue']")]
                    .every((path, i) => path.getAttribute("d").trim() === written[i].trim())""",
            arg=[written, motion == "no-preference"],
        )
        drawn(page)
        assert (page.evaluate("changes") > 0) == (motion == "no-preference")


def test_formulas_and_figures_have_text(open_page, site):
    page = open_page("adam/")
    assert page.locator(".math").count() == page.locator(".math > math").count() > 40
    for figure in page.locator("article svg[role]").all():
        assert len(figure.get_attribute("aria-label")) > 60
