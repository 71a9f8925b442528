"""What the page on each line's reason says, and what the pages of the optimizers say with it."""

import json
import re

import numpy as np
import pytest
import torch

from benchmarks import experiment, schedules
from docs_ext.directives import epsilons, scaled
from docs_ext.directives import schedules as shown
from docs_ext.figures import drawings
from docs_ext.figures.walks import path
from docs_ext.laboratory.losses import LOSSES, functions
from optimizers import OPTIMIZERS, adam_step, rule_of

from .conftest import ROOT

WHY = (ROOT / "docs" / "why.md").read_text(encoding="utf-8")


def columns(name, **settings):
    """Return a figure's curves by name: their heights, and where they stand."""
    names = list(drawings.FIGURES[name].names)
    figure, (head, *_) = drawings.FIGURES[name].draw(names, settings.pop("options", {}), **settings)
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 2]
    return dict(zip(head[1:], (line.get_xydata().T for line in lines), strict=True))


def test_a_gradient_counts_for_a_power_of_beta():
    for name, (ago, share) in columns("memory").items():
        beta = float(name.removeprefix("β = "))
        expected = np.maximum((1 - beta) * beta ** (ago - 1), 1e-6)
        assert share == pytest.approx(expected, rel=1e-9)


def test_a_constant_gradient_gives_one_minus_a_power_of_beta():
    found = columns("start")
    t = found["V"][0]
    assert found["V"][1] == pytest.approx(1 - 0.9**t)
    assert found["√S"][1] == pytest.approx(np.sqrt(1 - 0.999**t))
    assert found["Adam"][1] == pytest.approx(1, abs=1e-6)
    # What goes wrong first, and for longest, is the divisor.
    assert (found["V"][1] > found["√S"][1]).all()
    assert found["V / √S"][1].min() > 1


def test_any_constant_gradient_becomes_one():
    for gradient in (1.0, 100.0, -100.0):
        weight, state = np.zeros(1), {}
        for _ in range(3000):
            before = weight
            weight, state = OPTIMIZERS["RMSprop"].step(weight, np.full(1, gradient), state, lr=1.0)
        assert (before - weight).item() == pytest.approx(np.sign(gradient), abs=1e-6)


def test_where_nothing_is_divided_a_multiplied_loss_multiplies_the_step():
    undivided = {name for name in OPTIMIZERS if scaled.cells(name)[1] == "1,000"}
    assert {"Gradient Descent", "Momentum", "Nesterov"} <= undivided
    assert not undivided & {"RMSprop", "Adagrad", "Adam", "ADOPT", "RAdam", "Lion", "Muon"}
    assert [scaled.cells(name)[0] for name in ("RAdam", "Adam")] == ["1,000", "1.00"]
    # Where ε is under the root, it shows at a far larger loss.
    assert float(scaled.cells("Adadelta")[2]) < 0.01 < float(scaled.cells("Adam")[2])


def test_every_epsilon_has_its_row_and_its_place_in_the_formula():
    rows = epsilons.epsilons(None, "", [])
    for name, entry in OPTIMIZERS.items():
        there = [row for row in rows if row.startswith(f"| [{name}](")]
        assert len(there) == ("eps" in entry.step.__kwdefaults__)
        if there:
            place = epsilons.place(name).replace(r"\lvert ", "|").replace(r" \rvert", "|")
            assert any(place in line.latex for line in rule_of(name).statements)


def test_epsilon_halves_the_step_where_the_formula_says():
    assert float(epsilons.halving("Adam")) == epsilons.default("Adam")
    assert float(epsilons.halving("ADOPT")) == epsilons.default("ADOPT") / 2
    assert float(epsilons.halving("Adadelta")) > 1000 * epsilons.default("Adadelta")


def test_far_below_epsilon_adam_follows_its_average_alone():
    grads = 1e-9 * np.random.default_rng(0).normal(size=(200, 5))
    weight, state, average, expected = np.zeros(5), {}, np.zeros(5), np.zeros(5)
    for t, grad in enumerate(grads, 1):
        weight, state = adam_step(weight, grad, state, lr=1e-3, eps=1.0)
        average = 0.9 * average + 0.1 * grad
        expected = expected - 1e-3 / 1.0 * average / (1 - 0.9**t)
    assert weight == pytest.approx(expected, rel=1e-6)


def test_float16_has_nothing_between_zero_and_6e_8():
    stored = torch.tensor([1e-8, 6e-8], dtype=torch.float16).tolist()
    assert stored[0] == 0
    assert stored[1] == pytest.approx(6e-8, rel=0.01)
    zero, one = torch.tensor([0.0, 1.0], dtype=torch.float16)
    assert torch.nextafter(zero, one).item() == stored[1]
    assert torch.tensor(1e-8, dtype=torch.bfloat16).item() == pytest.approx(1e-8, rel=0.01)


def test_a_decayed_weight_is_an_average_of_its_steps():
    lr, decay, weight, state = 0.01, 0.1, np.zeros(4), {}
    undecayed, twin, average = np.zeros(4), {}, np.zeros(4)
    for grad in np.random.default_rng(0).normal(size=(3000, 4)):
        weight, state = OPTIMIZERS["AdamW"].step(weight, grad, state, lr=lr, weight_decay=decay)
        before, (undecayed, twin) = undecayed, adam_step(undecayed, grad, twin, lr=lr)
        beta = 1 - lr * decay
        average = beta * average + (1 - beta) * (undecayed - before) / (lr * decay)
    assert weight == pytest.approx(average)


def test_a_turned_valley_changes_adam_and_neither_momentum_nor_muon():
    found = columns("turned")
    for name in ("Momentum", "Muon"):
        assert found[name][1] == pytest.approx(found[f"{name}, turned by 45°"][1], rel=1e-6)
    rates, straight = found["Adam"]
    worse = found["Adam, turned by 45°"][1] > straight
    assert worse[rates <= 0.1].all()
    assert not worse[rates == 0.2].any()


def test_a_turned_matrix_gets_a_turned_step_from_muon_and_not_from_adam():
    generator = np.random.default_rng(0)
    grad = generator.normal(size=(4, 3)) * [1, 10, 100]
    rows, _ = np.linalg.qr(generator.normal(size=(4, 4)))
    across, _ = np.linalg.qr(generator.normal(size=(3, 3)))

    def step(name, grad):
        return OPTIMIZERS[name].step(np.zeros((4, 3)), grad, {}, lr=1.0)[0]

    assert step("Muon", rows @ grad @ across) == pytest.approx(rows @ step("Muon", grad) @ across)
    apart = step("Adam", rows @ grad @ across) - rows @ step("Adam", grad) @ across
    assert np.abs(apart).max() > 0.1


def test_the_rare_gradient_is_what_the_page_says():
    _, gradient = functions("counterexample")
    drawn = (np.arange(1000) + 0.5) / 1000
    (slopes,) = gradient(0.0, u=drawn)
    assert np.unique(slopes, return_counts=True)[0].tolist() == [-10, 100]
    assert (slopes == 100).mean() == 0.1
    assert slopes.mean() == pytest.approx(1)


def test_where_a_large_gradient_is_rare_adam_ends_wrong_and_amsgrad_does_not():
    options = {name: {"betas": (0.9, 0.9)} for name in ("Adam", "AMSGrad")}
    found = columns("rare", options=options)
    assert found["Adam"][1][-1] > 0.9
    assert found["AMSGrad"][1][-1] < -0.9


def test_amsgrads_example_prints_nearly_what_adam_prints():
    losses = [
        np.array(
            re.findall(r"loss ([\d.]+)", (ROOT / "snippets" / f"{name}.out").read_text("utf-8")),
            float,
        )
        for name in ("adam", "amsgrad")
    ]
    assert len(losses[0]) == len(losses[1]) > 5
    assert np.abs(losses[0] - losses[1]).max() < 0.01


def test_two_arrows_are_a_step():
    """The point after both arrows is where the package's step leads."""
    found = columns("look-ahead")
    _, slope = functions("ravine")
    momentum, nesterov = found["Momentum"].T, found["Nesterov"].T
    assert (momentum[:2] == nesterov[:2]).all()
    for points, at in ((momentum, 0), (nesterov, 1)):
        assert points[2] - points[1] == pytest.approx(-0.02 * slope(*points[at]))
        # The next arrow rolls on by the share of the step that was made.
        assert points[3] - points[2] == pytest.approx(0.9 * (points[2] - points[0]))
    walked = path("Momentum", lambda p: slope(*p), LOSSES["ravine"].start, 4, lr=0.02)
    assert momentum[[0, 2, 4]] == pytest.approx(walked[2:])


def test_the_arrow_of_the_gradient_is_as_long_as_the_first_step():
    options = {"Gradient Descent": {"lr": 0.02}}
    figure, _ = drawings.FIGURES["gradient"].draw(["Gradient Descent"], options)
    (arrow,) = figure.axes[0].patches
    start, step = figure.axes[0].lines[0].get_xydata()[:2]
    tip = arrow.get_xy()[np.linalg.norm(arrow.get_xy() - start, axis=1).argmax()]
    assert tip - start == pytest.approx(start - step)


@pytest.mark.parametrize("name", ["Adam", "Gradient Descent", "RMSprop"])
def test_without_decay_the_first_line_can_be_skipped(name):
    first = rule_of(name).blocks("W", "iteration")[0][1][0]
    assert first.latex == r"dW := dW + \lambda W"
    assert OPTIMIZERS[name].step.__kwdefaults__["weight_decay"] == 0


def test_warm_up_rises_and_decay_falls_in_straight_lines():
    settings = {"steps": 100, "warm_up": 10, "decay": True}
    shares = [experiment.share_of_rate(settings, step) for step in range(100)]
    assert shares[:11] == pytest.approx([*np.arange(0.1, 1.01, 0.1), 1])
    assert shares[10:] == pytest.approx(np.arange(90, 0, -1) / 90)
    assert {experiment.share_of_rate({"steps": 100}, step) for step in range(100)} == {1}


TOY = dict(steps=4, seeds=1, width=16, layers=1, context=8, batch=2)


def test_each_way_of_training_is_run_and_differs(tmp_path, monkeypatch):
    monkeypatch.setattr(schedules, "RATES", dict.fromkeys(schedules.OPTIONS, (0.03,)))
    path = tmp_path / "result.json"
    sizes = [f"--{name}={value}" for name, value in TOY.items()]
    schedules.main([f"--output={path}", "--workers=1", *sizes])
    result = json.loads(path.read_text(encoding="utf-8"))
    losses = {(run["optimizer"], run["way"]): run["losses"] for run in result["runs"]}
    assert set(losses) == {(name, way) for name in schedules.OPTIONS for way in schedules.WAYS}
    for name in schedules.OPTIONS:
        assert len({losses[name, way][0] for way in schedules.WAYS}) == len(schedules.WAYS), name


def test_what_is_shown_of_schedules_was_run_with_what_stands_in_the_script():
    result = shown.results()
    assert result["ways"] == schedules.WAYS
    assert result["settings"] == json.loads(json.dumps(schedules.SETTINGS))
    done = {(run["way"], run["optimizer"], run["lr"], run["seed"]) for run in result["runs"]}
    assert done == set(schedules.runs(schedules.SETTINGS))


def test_what_is_said_of_schedules_holds_in_the_runs():
    def sure(name, lr, lower, higher):
        """Each seed of one way ends below each of the other."""
        return max(shown.ends(name, lower, lr)) < min(shown.ends(name, higher, lr))

    for name in schedules.OPTIONS:
        best = shown.from_the_best(name)[0]
        losses = [shown.median(name, way, best) for way in schedules.WAYS]
        assert losses[0] - min(losses) < 0.02, "little is gained"
    for way in schedules.WAYS:
        finite = np.isfinite(shown.ends("Momentum", way, 1.0))
        assert finite.all() if "clip" in schedules.WAYS[way] else not finite.any()
    for name, lr in (("AdamW", 0.03), ("ADOPT", 0.03), ("RAdam", 0.1)):
        assert shown.median(name, "constant", lr) - shown.median(name, "clipping", lr) < 0.05
        assert shown.median(name, "decay", lr) < shown.median(name, "constant", lr) - 0.05
    assert sure("AdamW", 0.03, "warm-up", "constant")
    for name, lr in (("ADOPT", 0.03), ("RAdam", 0.1)):
        assert abs(shown.median(name, "warm-up", lr) - shown.median(name, "constant", lr)) < 0.02
        assert sure(name, lr, "decay", "constant")
    assert sure("AdamW", 0.003, "constant", "decay")
    assert sure("AdamW", 0.1, "all three", "constant")


def blocks(text):
    """Return what follows on one another in a tab: words, quotes, boxes."""
    found = []
    for block in re.split(r"\n\s*\n", text):
        line = block.strip()
        kind = {">": "quote", "!!! c": "correction"}.get(line[:1] if line[:1] == ">" else line[:5])
        found.append(kind or "words")
    return found


@pytest.mark.parametrize("section", ["Description", "Example"])
def test_what_is_right_comes_before_what_is_quoted_and_corrected(section):
    text = (ROOT / "docs" / "adam.md").read_text(encoding="utf-8")
    part = re.search(rf"^## {section}\n(.*?)(?=^## )", text, re.DOTALL | re.MULTILINE)[1]
    seen = 0
    for tab in re.split(r'^=== ".+"\n', part, flags=re.MULTILINE)[1:]:
        kinds = blocks(tab)
        if "quote" in kinds:
            first = kinds.index("quote")
            assert kinds[:first].count("words") >= 3
            assert "correction" not in kinds[:first]
            assert "correction" in kinds[first:]
            seen += 1
    assert seen == {"Description": 3, "Example": 1}[section]


def test_each_line_of_adam_has_its_reason():
    """The table at the top of the page has each line, and its links lead to sections."""
    table = "\n".join(line for line in WHY.splitlines() if line.startswith("| $"))
    for line in rule_of("Adam").blocks("W", "iteration"):
        for statement in line[1]:
            if not statement.latex.startswith(r"S_{dw}^{\text{corrected}}"):  # "the same for"
                assert f"${statement.latex}$" in table
    sections = set(re.findall(r"\{#([\w-]+)\}", WHY))
    assert set(re.findall(r"\]\(#([\w-]+)\)", WHY)) <= sections
    assert len(sections) == 8


def test_each_section_has_a_picture_or_a_run_and_a_persian_note():
    parts = re.split(r"^## ", WHY, flags=re.MULTILINE)[1:]
    for part in parts:
        name = part.partition("\n")[0]
        assert re.search(r"\(figure:|snippets/|^::: ", part, re.MULTILINE), name
        assert re.search(r"!!! info\n\n    [\u0600-\u06ff]", part), name


@pytest.mark.parametrize(
    ("page", "section"),
    [
        ("gradient-descent", "memory"),
        ("gradient-descent", "decay"),
        ("rmsprop", "memory"),
        ("rmsprop", "correction"),
        ("rmsprop", "root"),
        ("rmsprop", "epsilon"),
        ("adam", "correction"),
        ("adam", "root"),
        ("adam", "epsilon"),
        ("adam", "decay"),
        ("adam", "rare"),
        ("nadam", "rare"),
        ("nadam", "schedules"),
        ("muon", "coordinates"),
    ],
)
def test_where_a_line_stands_its_reason_is_linked(page, section):
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    assert f"(why.md#{section})" in text
