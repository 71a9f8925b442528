"""The laboratory runs what the pages display, and hands out programs that repeat its runs."""

import gzip
import io
import itertools
import json
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from docs_ext.laboratory import programs
from docs_ext.laboratory.form import WORDS
from docs_ext.laboratory.losses import LOSSES, functions, variables
from docs_ext.laboratory.sliders import hyperparameters
from docs_ext.locate import PageError
from docs_ext.names import module_name
from optimizers import OPTIMIZERS

from . import agreement, cases
from .conftest import drawn


@pytest.mark.parametrize("key", LOSSES)
def test_a_loss_has_the_slope_of_what_is_drawn_and_its_minima(key):
    loss, (mean, gradient) = LOSSES[key], functions(key)
    # A grid over u and v whose average is exact for the formulas here: linear, and a step at 0.1.
    middle = (np.arange(20) + 0.5) / 20
    noise = list(itertools.product(middle, middle)) if loss.mean else [(0, 0)]
    random = np.random.default_rng(0)
    places = np.column_stack([random.uniform(*span, 5) for span in loss.view])
    for place in places:
        # Central differences are off by about 1e-10 of the loss's size.
        slope = [
            (mean(*(place + step)) - mean(*(place - step))) / 2e-5
            for step in np.eye(len(place)) * 1e-5
        ]
        at = dict(zip(variables(loss), place, strict=True))
        average = np.mean([gradient(**at, u=u, v=v) for u, v in noise], axis=0)
        np.testing.assert_allclose(average, slope, rtol=1e-6, atol=1e-6)
    for place in loss.minima:
        assert mean(*place) == pytest.approx(0, abs=1e-12)
    assert all(mean(*place) > 0 for place in places)


def test_the_laboratory_weighs_little(capsys):
    texts = [path.read_bytes() for path in programs.FILES.values()]
    texts += [text.encode() for text in programs.printed_scripts().values()]
    size = sum(len(gzip.compress(text)) for text in texts)
    with capsys.disabled():
        print(f"\nThe laboratory, rules included: {size / 1000:.1f} KB compressed")
    # The rule of each optimizer comes with it.
    assert size < 13_000 + 750 * len(OPTIMIZERS)


def gradients(shape):
    return np.concatenate([agreement.gradients(shape, seed) for seed in (0, 1, 2)])[:500]


def begin(name):
    return agreement.start(agreement.shapes(name)[0])


def test_the_rules_in_the_browser_agree_over_500_steps(open_page):
    """All optimizers on one page, as the site serves them; under node more settings are tried."""
    page = open_page("lab/")
    grads = {name: gradients(agreement.shapes(name)[0]) for name in OPTIMIZERS}
    settings = {name: cases.RICH[name][0] for name in OPTIMIZERS}
    for name, setting in settings.items():
        defaults = cases.defaults_of(name)
        assert all(
            setting[one["key"].partition(".")[0]] != defaults[one["key"].partition(".")[0]]
            for one in hyperparameters(name)
            if one["scale"] != "flag"
        )
    seen = page.evaluate(
        """async (rules) => Object.fromEntries(await Promise.all(rules.map(
            async ([name, module, hyper, grads, start]) => {
              const { step } = await import(`${location.origin}/javascripts/rules/${module}.js`);
              let param = start, state = {};
              const run = grads.map((grad) => {
                [param, state] = step(param, grad, state, hyper);
                return { param, ...state };
              });
              return [name, run];
            })))""",
        [
            [name, module_name(name), settings[name], grads[name].tolist(), begin(name).tolist()]
            for name in OPTIMIZERS
        ],
    )
    for name, entry in OPTIMIZERS.items():
        expected = agreement.run_step(entry.step, settings[name], grads[name])
        found = [{key: np.array(value) for key, value in one.items()} for one in seen[name]]
        assert agreement.disagreement(found, expected) is None, name


def test_the_noise_is_park_and_millers(open_page):
    drawn = open_page("lab/").evaluate(
        """async () => {
            const { uniform } = await import(`${location.origin}/javascripts/lab/run.js`);
            const next = uniform(1);
            return Array.from({ length: 10000 - 8 }, next).pop() * 2147483647;
        }"""
    )
    # What the C++ standard says of std::minstd_rand: its 10000th number from the seed 1.
    assert drawn == 399268537


def settled(page):
    """Wait until the address holds what the form shows, and return it."""
    drawn(page)  # a change of the address is told later than it is made
    page.wait_for_selector(".lab-said[aria-busy=false]")
    return page.evaluate("location.hash")


def go(page, state):
    page.evaluate("hash => { location.hash = hash }", state)
    return settled(page)


def numbers(page):
    """The table of numbers: optimizer, then what stands behind it."""
    page.eval_on_selector(".laboratory .as-table", "details => (details.open = true)")
    rows = [
        row.locator("th, td").all_inner_texts()
        for row in page.locator(".laboratory tbody tr").all()
    ]
    return {name: [float(value) for value in values] for name, *values in rows}


def picture(page):
    drawn = page.evaluate("document.querySelector('.lab-map').toDataURL()")
    return drawn.partition(",")[2]


def said(page):
    return page.locator(".lab-said").inner_text().translate({0x2068: None, 0x2069: None})


def everything(key):
    """An address with all optimizers, each hyper-parameter off what it opens with."""
    parts = [f"loss={key}", f"on={','.join(OPTIMIZERS)}", "seed=7", "steps=150"]
    for name in OPTIMIZERS:
        options = {**cases.RICH[name][0], "lr": 0.01}
        for one in hyperparameters(name):
            option, _, index = one["key"].partition(".")
            value = options.get(option, True)
            value = value[int(index)] if index else value
            parts.append(f"{name}.{one['key']}={json.dumps(value)}")
    return "#" + "&".join(part.replace(" ", "%20") for part in parts)


def test_the_python_program_repeats_the_run_to_nine_digits(open_page, run, tmp_path):
    page, programs, shown = open_page("lab/", accept_downloads=True), [], []
    # The last diverges.
    addresses = [everything(key) for key in LOSSES] + ["#loss=beale&on=Adam,Nesterov&Nesterov.lr=1"]
    for address in addresses:
        go(page, address)
        assert "which is not here" not in said(page)
        shown.append(numbers(page))
        with page.expect_download() as download:
            page.click("button[name=python]")
        programs.append(download.value.path().read_text(encoding="utf-8"))
    for address, table, program in zip(addresses, shown, programs, strict=True):
        rows = [line.split("\t") for line in run(program, tmp_path).splitlines()]
        assert [row[0] for row in rows] == list(table)
        for name, _, *values in rows:
            np.testing.assert_allclose(
                [float(value) for value in values],
                table[name][: len(values)],
                # Equal to the ninth digit, which rounding may turn; no smaller than rounding at 1.
                rtol=2e-9,
                atol=1e-12,
                err_msg=f"{address} {name}",
            )
    assert len(programs) == len(LOSSES) + 1


def test_the_address_repeats_the_picture(open_page):
    page = open_page("lab/")
    settled(page)
    page.select_option("select[name=loss]", "noisy")
    page.locator("canvas.lab-map").click(position={"x": 50, "y": 60})
    page.get_by_role("checkbox", name="ADOPT").check()
    page.get_by_role("checkbox", name="Lion").uncheck()
    page.locator("[name='Adam.betas.1']").fill("0.5")
    page.locator("[name=steps]").fill("200")
    page.locator("[name=seed]").fill("5")
    page.locator("[name=t]").fill("120")
    address, drawn, table = settled(page), picture(page), numbers(page)
    assert "Adam.betas.1=0.99&" in f"{address}&"
    other = open_page(f"lab/{address}")
    assert settled(other) == address
    assert picture(other) == drawn
    assert numbers(other) == table
    assert other.locator("[name=seed]").input_value() == "5"
    go(other, address.replace("seed=5", "seed=6"))
    assert picture(other) != drawn
    other.click("button[name=reset]")
    assert settled(other).startswith("#loss=ravine")


def test_the_laboratory_is_played_with_keys(open_page):
    page = open_page("lab/")
    before = settled(page)
    page.focus(".lab-map")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    start = [float(x) for x in re.search(r"start=([-\d.]+),([-\d.]+)", settled(page)).groups()]
    (left, right), (low, high) = LOSSES["ravine"].view
    # Moved by a sixtieth of the map, rounded to three digits.
    assert start[0] == pytest.approx(-2 + (right - left) / 60, abs=0.005)
    assert start[1] == pytest.approx(2 - (high - low) / 60, abs=0.005)
    page.focus("[name=t]")
    page.keyboard.press("Home")
    assert "t=0" in settled(page)
    page.focus("button[name=forward]")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert "t=2" in settled(page)
    assert said(page).startswith("Iteration 2.")
    page.focus("[name='Adam.lr']")
    page.keyboard.press("ArrowRight")
    assert re.search(r"Adam\.lr=0\.1\d", settled(page))
    page.focus("button[name=play]")
    page.keyboard.press("Enter")
    assert page.locator("button[name=play]").inner_text() == "Pause"
    expect(page.locator("[name=t]")).not_to_have_value(re.compile("^[0-4]$"))
    page.keyboard.press("Enter")
    assert page.locator("button[name=play]").inner_text() == "Play"
    assert settled(page) != before


def test_a_tap_starts_all_where_it_was(open_page):
    page = open_page("lab/", width=390, has_touch=True)
    settled(page)
    box = page.locator(".lab-map").bounding_box()
    page.locator(".lab-map").tap(position={"x": box["width"] / 2, "y": box["height"] / 4})
    start = [float(x) for x in re.search(r"start=([-\d.]+),([-\d.]+)", settled(page)).groups()]
    (left, right), (low, high) = LOSSES["ravine"].view
    # A pixel is a 390th of the map.
    assert start[0] == pytest.approx((left + right) / 2, abs=0.02)
    assert start[1] == pytest.approx(high - (high - low) / 4, abs=0.02)
    page.locator("[name=t]").fill("0")
    settled(page)
    assert {tuple(row[:2]) for row in numbers(page).values()} == {tuple(start)}


def test_divergence_and_nonsense_are_said(open_page):
    page = open_page("lab/")
    go(page, "#loss=rosenbrock&on=Adam,Gradient%20Descent")
    assert said(page).endswith("Gradient Descent diverges at iteration 2.")
    for wrong in ("loss=none", "on=Adamm", "start=1", "steps=0", "Adam.betas.0=1", "Adam.beta=0"):
        go(page, f"#on=Adam&{wrong}" if not wrong.startswith("on=") else f"#{wrong}")
        assert said(page).startswith(f"The address asks for “{wrong}”, which is not here.")


def test_each_thing_to_try_is_a_run(open_page):
    page = open_page("lab/")
    links = [link.get_attribute("href") for link in page.locator("li a[href^='#loss=']").all()]
    assert len(links) >= 5
    for link in links:
        go(page, link)
        assert "which is not here" not in said(page)
        assert link.partition("&")[0] in page.url


def test_who_follows_a_link_sees_the_run(open_page):
    page = open_page("lab/")
    settled(page)
    page.locator("li a[href^='#loss=saddle']").click()
    settled(page)
    expect(page.locator(".lab-map")).to_be_in_viewport(ratio=1)
    expect(page.locator(".lab-map")).to_be_focused()
    page.locator("#what-is-drawn .headerlink").click()
    drawn(page)
    assert page.locator("select[name=loss]").input_value() == "saddle"
    expect(page.locator("#what-is-drawn")).to_be_in_viewport()


def test_the_picture_and_the_table_are_taken_away(open_page):
    page = open_page("lab/", accept_downloads=True)
    settled(page)
    with page.expect_download() as download:
        page.click("button[name=csv]")
    rows = download.value.path().read_text(encoding="utf-8").splitlines()
    assert rows[0] == "iteration,optimizer,W,b,loss,step"
    last = {row.split(",")[1]: row.split(",")[2:] for row in rows[1:]}
    for name, values in numbers(page).items():
        assert [float(one) for one in last[name]] == pytest.approx(values, rel=1e-8)
    with page.expect_download() as download:
        page.click("button[name=png]")
    image = Image.open(io.BytesIO(download.value.path().read_bytes()))
    assert len(image.getcolors(1 << 20)) > 50


def test_the_persian_laboratory_speaks_persian(open_page):
    page = open_page("lab-fa/")
    settled(page)
    form = page.locator(".laboratory")
    assert form.evaluate("e => [getComputedStyle(e).direction, e.lang]") == ["rtl", "fa"]
    assert page.locator("button[name=play]").inner_text() == WORDS["play"]["fa"]
    assert said(page).startswith("تکرار 100. کمترین هزینه")
    go(page, "#loss=rosenbrock&on=Gradient%20Descent")
    assert said(page) == "Gradient Descent در تکرار 2 واگرا می‌شود."


def test_without_script_a_figure_stands_there(open_page):
    page = open_page("lab/", java_script_enabled=False)
    assert page.locator(".laboratory-figure svg").is_visible()
    assert not page.locator(".laboratory").is_visible()


def test_less_motion_means_no_gliding(open_page):
    page = open_page("lab/", reduced_motion="reduce")
    settled(page)
    frames, times, ended = page.evaluate(
        """async () => {
            const time = document.querySelector("[name=t]"), seen = [];
            document.querySelector("button[name=play]").click();
            while (seen.length < 3000 && !(seen.length > 1 && time.value === time.max)) {
                seen.push(time.value);
                await new Promise(done => requestAnimationFrame(done));
            }
            return [seen.length, [...new Set(seen)], time.value === time.max];
        }"""
    )
    assert ended
    assert 2 < len(times) < frames / 10


def test_what_a_laboratory_lacks_is_said(convert):
    for wrong, message in {
        "": "no language",
        "de, ravine, Adam": "no language `de`; there are: en, fa",
        "en, counterexample, Adam": "no loss with a map `counterexample`",
        "en, ravine, Adamm": "no optimizer `Adamm`",
        "en, ravine": "write `::: laboratory",
    }.items():
        with pytest.raises(PageError, match=re.escape(message)):
            convert(f"# Page\n\n::: laboratory {wrong}\n\n    A figure.\n")
    with pytest.raises(PageError, match="what the figure shows"):
        convert("# Page\n\n::: laboratory en, ravine, Adam\n")
