"""The laboratory runs what the pages display, and hands out programs that repeat its runs."""

import gzip
import html
import io
import itertools
import json
import math
import re
from urllib.parse import parse_qsl

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from docs_ext.laboratory import links, programs
from docs_ext.laboratory.form import WORDS
from docs_ext.laboratory.losses import LOSSES, beginning, functions, variables
from docs_ext.laboratory.sliders import hyperparameters
from docs_ext.locate import PageError
from docs_ext.names import module_name, names_on, tab_id
from optimizers import OPTIMIZERS

from . import agreement, cases
from .conftest import ROOT, drawn


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
    assert size < 16_500 + 750 * len(OPTIMIZERS)


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
            setting[option["key"].partition(".")[0]] != defaults[option["key"].partition(".")[0]]
            for option in hyperparameters(name)
            if option["scale"] != "flag"
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
        reference = agreement.reference(entry.step, settings[name], grads[name])
        found = [{key: np.array(value) for key, value in run.items()} for run in seen[name]]
        assert agreement.disagreement(found, *reference) is None, name


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
    drawn(page)  # the event of a changed address comes later than the change
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
    # Beside a minimum Muon divides by nearly nothing, and the last digit decides where it goes.
    steps = 60 if key == "turned" else 150
    parts = [f"loss={key}", f"on={','.join(OPTIMIZERS)}", "seed=7", f"steps={steps}"]
    for name in OPTIMIZERS:
        options = {**cases.RICH[name][0], "lr": 0.01}
        for row in hyperparameters(name):
            option, _, index = row["key"].partition(".")
            value = options.get(option, True)
            value = value[int(index)] if index else value
            parts.append(f"{name}.{row['key']}={json.dumps(value)}")
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
    for wrong, why in {
        "loss=none": ", which is not here.",
        "on=Adamm": ", which is not here.",
        "start=1": ", which is left out: it goes from -2.4,-0.9 to 2.9,2.4.",
        "start=-2,3": ", which is left out: it goes from -2.4,-0.9 to 2.9,2.4.",
        "steps=0": ", which is left out: it goes from 1 to 20000.",
        "steps=1e9": ", which is left out: it goes from 1 to 20000.",
        "steps=2.5": ", which is left out: it goes from 1 to 20000.",
        "seed=0": ", which is left out: it goes from 1 to 99999.",
        "angle=30": ", which is not here.",
        "t=101": ", which is left out: it goes from 0 to 100.",
        "Adam.betas.0=1": ", which is left out: it goes from 0 to 0.9999.",
        "Adam.lr=": ", which is left out: it goes from 0 to 10.",
        "Adam.lr=NaN": ", which is left out: it goes from 0 to 10.",
        "Muon.ns_steps=20000000": ", which is left out: it goes from 0 to 11.",
        "Adam.beta=0": ", which is not here.",
        "AdamX.lr=1": ", which is not here.",
    }.items():
        go(page, f"#on=Adam&{wrong}" if not wrong.startswith("on=") else f"#{wrong}")
        assert said(page).startswith(f"The address asks for “{wrong}”{why}"), wrong
        assert np.isfinite(list(numbers(page).values())).all()


def test_who_is_named_twice_runs_once_and_who_is_unknown_not_at_all(open_page):
    page = open_page("lab/#on=Adam,Adam,AdamX,Lion")
    settled(page)
    assert list(numbers(page)) == ["Adam", "Lion"]
    assert "The address names Adam twice; it runs once." in said(page)
    assert "The address asks for “on=AdamX”, which is not here." in said(page)
    assert "on=Adam,Lion" in page.url


def ends_of(hyper):
    """The ends of a slider, as the page maps it."""
    if hyper["scale"] == "decay":
        return 0, 1 - 10.0 ** -hyper["max"]
    return hyper.get("min", 0) if hyper["scale"] == "linear" else 0, hyper["max"]


def test_an_address_goes_as_far_as_the_sliders(open_page):
    page = open_page("lab/")
    for name in OPTIMIZERS:
        hypers = [option for option in hyperparameters(name) if option["scale"] != "flag"]
        for end in (0, 1):
            at_end = [
                f"{name}.{option['key']}={round(ends_of(option)[end], 6)}" for option in hypers
            ]
            go(page, f"#loss=bowl&steps=5&on={name}&{'&'.join(at_end)}")
            assert "The address" not in said(page)
        beyond = [f"{name}.{option['key']}={ends_of(option)[1] * 1.01 + 1}" for option in hypers]
        beyond += [f"{name}.{option['key']}={ends_of(option)[0] - 1}" for option in hypers]
        for asked in beyond:
            go(page, f"#loss=bowl&steps=5&on={name}&{asked}")
            assert f"“{asked}”, which is left out" in said(page)


def test_a_field_that_is_cleared_changes_nothing(open_page):
    page = open_page("lab/")
    settled(page)
    before = numbers(page)
    for name, message in {
        "W": "start, W: a number from -2.4 to 2.9 is wanted; -2 stays.",
        "steps": "Iterations: a number from 1 to 20000 is wanted; 100 stays.",
    }.items():
        page.fill(f"[name={name}]", "")
        settled(page)
        assert message.lower() in said(page).lower()
        assert numbers(page) == before
    page.fill("[name=W]", "")
    page.fill("[name=b]", "1.5")
    assert "start=-2,1.5" in settled(page)
    page.fill("[name=b]", "7")
    settled(page)
    assert "a number from -0.9 to 2.4 is wanted; 1.5 stays." in said(page)
    page.focus("[name=t]")
    assert [page.input_value(f"[name={name}]") for name in ("W", "b")] == ["-2", "1.5"]
    assert all(np.isfinite(values).all() for values in numbers(page).values())


def test_a_run_that_would_divide_by_zero_ends_before_it(open_page):
    page = open_page("lab/#on=Adam&start=2,1&Adam.eps=0")
    settled(page)
    assert said(page).endswith("Adam ends before iteration 1, where it would divide by zero.")
    assert numbers(page)["Adam"] == [2, 1, 0, 0]


def test_a_long_run_can_be_stopped(open_page):
    page = open_page("lab/")
    settled(page)
    page.evaluate(
        "hash => { location.hash = hash }",
        f"#loss=noisy&steps=20000&on={','.join(OPTIMIZERS)}".replace(" ", "%20"),
    )
    play = page.locator("button[name=play]")
    expect(play).to_have_text("Stop")
    play.click()
    expect(play).to_have_text("Play")
    address = settled(page)
    steps = int(re.search(r"steps=(\d+)", address)[1])
    assert 1 <= steps < 20000
    assert said(page).startswith(f"Stopped: {steps} of 20000 iterations were computed.")
    assert list(numbers(page)) == list(OPTIMIZERS)
    # What the address says now is what is shown.
    shown = numbers(page)
    again = open_page(f"lab/{address}")
    settled(again)
    assert numbers(again) == shown


def test_play_is_in_view_and_the_map_stays_while_sliders_move(open_page):
    for path in ("lab/", "lab-fa/"):
        page = open_page(path)
        settled(page)
        for seen in (".lab-map", "button[name=play]"):
            expect(page.locator(seen)).to_be_in_viewport(ratio=1)
        phone = open_page(path, width=390, has_touch=True)
        settled(phone)
        slider = phone.locator("[name='Lion.lr']")
        slider.scroll_into_view_if_needed()
        expect(phone.locator(".lab-map")).to_be_in_viewport(ratio=1)
        expect(slider).to_be_in_viewport(ratio=1)
        box, below = (element.bounding_box() for element in (phone.locator(".lab-map"), slider))
        assert below["y"] > box["y"] + box["height"]


def test_labels_do_not_cover_each_other(open_page):
    """All at one point of a phone's map, and anywhere in it."""
    placed = open_page("lab/").evaluate(
        """async () => {
            const { settle } = await import(`${location.origin}/javascripts/lab/draw.js`);
            const { uniform } = await import(`${location.origin}/javascripts/lab/run.js`);
            const next = uniform(1);
            return Array.from({ length: 60 }, (_, i) => {
                const at = (size) => (i % 2 ? size * next() : 0.7 * size);
                const labels = Array.from({ length: 20 }, () => {
                    const [x, width] = [at(358), 30 + 70 * next()];
                    return { x, other: x - width, y: at(268), width };
                });
                settle(labels, 358, 2, 262);
                return labels;
            });
        }"""
    )
    for labels in placed:
        for one, other in itertools.combinations(labels, 2):
            beside = (
                one["x"] >= other["x"] + other["width"] or other["x"] >= one["x"] + one["width"]
            )
            assert beside or abs(one["y"] - other["y"]) >= 13
        for label in labels:
            assert label["x"] >= 0
            assert label["x"] + label["width"] <= 358
            assert 12 <= label["y"] <= 262


def lab_links(text):
    """The states in the links to the laboratory of a page's HTML or Markdown."""
    return [html.unescape(link) for link in re.findall(r'href="[^"]*(#loss=[^"]*)"', text)]


def park_and_miller(seed):
    for t in itertools.count():
        seed = seed * 48271 % 2147483647
        if t >= 8:
            yield seed / 2147483647


def walk(state, **also):
    """What a link runs: the points of each optimizer, walked by the NumPy steps."""
    asked = dict(parse_qsl(state.lstrip("#"))) | {key: str(value) for key, value in also.items()}
    loss = LOSSES[asked["loss"]]
    _, gradient = functions(asked["loss"])
    angle = loss.angle and math.radians(float(asked.get("angle", loss.angle)) - loss.angle)
    start = np.array(beginning(loss))
    back = np.eye(len(start))
    if angle:
        # A loss that is turned further has the gradient of what is turned back, turned.
        back = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    walked = {}
    for name in asked["on"].split(","):
        options = {"lr": loss.lr}
        for hyper in hyperparameters(name):
            option, _, index = hyper["key"].partition(".")
            value = asked.get(f"{name}.{hyper['key']}")
            value = loss.options.get(hyper["key"]) if value is None else float(value)
            if value is not None and index:
                pair = list(options.get(option, OPTIMIZERS[name].step.__kwdefaults__[option]))
                pair[int(index)] = value
                value = tuple(pair)
            options |= {} if value is None else {option: value}
        draw, points, kept = park_and_miller(1), [start @ back], {}
        for _ in range(int(asked.get("steps", loss.steps))):
            noise = {"u": next(draw), "v": next(draw)} if loss.mean else {}
            slope = gradient(*(back @ points[-1]), **noise) @ back
            point, kept = OPTIMIZERS[name].step(points[-1][None], slope[None], kept, **options)
            points.append(np.clip(point[0], -loss.box, loss.box) if loss.box else point[0])
            if not abs(points[-1]).max() < 1e4:
                break
        walked[name] = np.array(points)
    return walked


def test_each_thing_to_try_shows_what_its_sentence_says():
    """In the order of the page; the Persian page has the same links."""
    there = lab_links((ROOT / "docs" / "lab.md").read_text(encoding="utf-8"))
    assert lab_links((ROOT / "docs" / "lab-fa.md").read_text(encoding="utf-8")) == there
    (rate, alike, own, saddle, noise, beta, alpha, fails, usual, turned, right) = there

    points = walk(rate)
    assert np.allclose(points["Gradient Descent"][-1], [2, 1], atol=0.01)
    beyond = walk(rate + "6")["Gradient Descent"]  # 0.126 is above the bound that is named
    assert abs(beyond[-1][1] - 1) > abs(beyond[-20][1] - 1) > abs(beyond[-40][1] - 1)
    assert abs(np.diff(points["Adam"][:2], axis=0)) == pytest.approx(0.1, abs=1e-6)

    (left, right_end), (low, high) = LOSSES["rosenbrock"].view
    inside = {
        name: ((points > [left, low]) & (points < [right_end, high])).all(axis=1)
        for name, points in walk(alike).items()
    }
    assert inside["Adam"].all()
    assert inside["Lion"].all()
    assert not inside["Gradient Descent"][:3].all()
    mean, _ = functions("rosenbrock")
    for name, points in walk(own).items():
        assert mean(*points[-1]) < mean(*points[0]) / 1.5, name

    leaves = {name: (abs(points[:, 1]) > 0.5).argmax() for name, points in walk(saddle).items()}
    assert leaves["Adam"] < 15 > leaves["Signum"]
    assert 0 < 20 < leaves["Momentum"] < leaves["Gradient Descent"]
    for name, points in walk(saddle).items():
        across, along = abs(points[1] - points[0])[::-1]
        assert (across > 0.99 * along) == (name in ("Adam", "Signum"))

    assert list(walk(noise)) == ["Gradient Descent", "Momentum", "Adam"]
    plain = walk(noise)["Adam"]
    for calmer in (walk(beta)["Adam"], walk(alpha)["Adam"]):
        assert turning(calmer) < turning(plain) / 2
        assert arrival(calmer) > arrival(plain) * 1.5

    ends = {name: points[-1000:].mean() for name, points in walk(fails).items()}
    assert ends["Adam"] > 0.9
    assert ends["ADOPT"] < -0.9
    assert walk(usual)["Adam"][-1000:].mean() < -0.9

    assert parse_qsl(right)[-1] == ("angle", "90")
    mean, _ = functions("turned")
    shapes = {angle: walk(turned, angle=angle, steps=60) for angle in (0, 30, 60, 90)}
    for lr in (0.001, 0.02, 0.1):
        for name in ("Momentum", "Gradient Descent"):
            state = f"#loss=turned&on={name}&{name}.lr={lr}"
            first, *others = (walk(state, angle=angle)[name] for angle in (0, 30, 77))
            for angle, other in zip((30, 77), others, strict=True):
                c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
                np.testing.assert_allclose(first @ [[c, s], [-s, c]], other, rtol=1e-9, atol=1e-9)
    lengths = {
        a: np.linalg.norm(np.diff(path["Adam"], axis=0), axis=1) for a, path in shapes.items()
    }
    assert abs(lengths[0] - lengths[30]).max() > 0.01
    assert abs(lengths[0] - lengths[60]).max() > 0.01
    np.testing.assert_allclose(lengths[0], lengths[90], rtol=1e-6, atol=1e-9)


def turning(points):
    """Return by how many degrees each step turns from the one before, on average."""
    steps = np.diff(points, axis=0)
    angles = np.arctan2(*steps.T)
    turns = (np.diff(angles) + np.pi) % (2 * np.pi) - np.pi
    return np.degrees(abs(turns)).mean()


def arrival(points):
    """The first iteration that is near the minimum in the middle."""
    return (np.linalg.norm(points, axis=1) < 0.5).argmax()


def test_the_browser_turns_a_valley_as_the_sentence_says(open_page):
    page = open_page("lab/#loss=turned&on=Momentum,Adam&angle=0")
    settled(page)
    upright = numbers(page)
    page.locator("[name=angle]").fill("50")
    assert "angle=50" in settled(page)
    turned = numbers(page)
    # The loss and the length of the step; a table has nine digits.
    assert turned["Momentum"][2:] == pytest.approx(upright["Momentum"][2:], rel=1e-6)
    assert turned["Momentum"][:2] != pytest.approx(upright["Momentum"][:2], rel=1e-3)
    assert turned["Adam"][2:] != pytest.approx(upright["Adam"][2:], rel=1e-3)


def test_a_loss_brings_hyper_parameters_with_it(open_page):
    keys = {option["key"] for name in OPTIMIZERS for option in hyperparameters(name)}
    assert {key for loss in LOSSES.values() for key in loss.options} <= keys
    page = open_page("lab/#on=Adam,ADOPT")
    settled(page)
    page.select_option("select[name=loss]", "counterexample")
    settled(page)
    assert page.locator("[name='Adam.betas.1'] + .lab-value").inner_text() == "0.9"
    ends = {name: values[0] for name, values in numbers(page).items()}
    assert ends["Adam"] > 0.9
    assert ends["ADOPT"] < -0.9


def test_every_link_to_the_laboratory_is_a_run(open_page, site):
    states = {
        state
        for page in site.rglob("index.html")
        for state in lab_links(page.read_text(encoding="utf-8"))
    }
    page = open_page("lab/")
    assert len(states) > len(OPTIMIZERS)
    for state in sorted(states):
        go(page, state)
        assert "The address" not in said(page), state
        assert list(numbers(page)) == dict(parse_qsl(state.lstrip("#")))["on"].split(",")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_tab_leads_to_the_laboratory(name, site):
    page = next(page for page in (ROOT / "docs").glob("*.md") if name in names_on(page))
    source = (site / page.stem / "index.html").read_text(encoding="utf-8")
    mine = [state for state in lab_links(source) if state == links.address(name)]
    assert len(mine) == 1
    shown = dict(parse_qsl(mine[0].lstrip("#")))["on"].split(",")
    assert shown == [optimizer for optimizer in (OPTIMIZERS[name].parent, name) if optimizer]
    if len(names_on(page)) > 1:
        tab = source.index(f'id="{tab_id("Formula", name)}"')
        assert source.index("See it move", tab) > 0


def test_the_home_page_shows_a_figure_and_leads_on(open_page):
    page = open_page("")
    assert page.locator("figure svg").count() == 1
    page.get_by_role("link", name="See it move in the laboratory").click()
    page.wait_for_selector(".lab-said[aria-busy=false]")
    losses = {name: values[2] for name, values in numbers(page).items()}
    assert set(losses) == {"Gradient Descent", "Momentum", "Adam", "Lion"}
    # Still on its way, while the others are beside a minimum.
    assert losses.pop("Gradient Descent") > 0.01 > max(losses.values())
    assert said(page).startswith("Iteration 100.")


@pytest.mark.parametrize("path", ["lab", "lab-fa"])
def test_a_page_from_a_folder_says_why_nothing_runs(browser, site, path):
    page = browser.new_page()
    page.goto(f"file://{site}/{path}/index.html")
    why = page.locator(".laboratory-folder")
    expect(why).to_be_visible()
    assert "python -m http.server" in why.inner_text()
    assert f"http://localhost:8000/{path}/" in why.inner_text()
    expect(page.locator(".laboratory")).to_be_hidden()
    expect(page.locator(".laboratory-figure svg")).to_be_visible()
    page.close()


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
        assert [float(value) for value in last[name]] == pytest.approx(values, rel=1e-8)
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
        "en, ravine, Adamm": "no optimizer `Adamm`; there are: Gradient Descent, ",
        "en, ravine, Adam, Adam": "Adam is named twice; name it once",
        "en, ravine": "write `::: laboratory",
        "en, ravine, Adam, Lion": "its words do not name Adam, Lion, which it draws",
    }.items():
        with pytest.raises(PageError, match=re.escape(message)):
            convert(f"# Page\n\n::: laboratory {wrong}\n\n    A figure.\n")
    with pytest.raises(PageError, match="what the figure shows"):
        convert("# Page\n\n::: laboratory en, ravine, Adam\n")
