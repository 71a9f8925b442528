"""The page "Same name, other arithmetic" says what the libraries compute, and their sources say."""

import doctest
import importlib
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.agreement import variations
from benchmarks.agreement.libraries import (
    CONTENDERS,
    LIBRARIES,
    ROUNDINGS,
    Contender,
    installed,
    run,
)
from benchmarks.agreement.moves import MOVES, tried_out
from benchmarks.agreement.rows import (
    HYPER,
    RATES,
    ROUNDING,
    apart,
    asked,
    by_schedule,
    exactly,
    explained,
    near,
    our_run,
    ours_of,
    problem,
    theirs_of,
    tried,
)
from benchmarks.agreement.sources import SOURCES, found_in
from benchmarks.agreement.variations import (
    NAMES,
    ROUNDED,
    VARIATIONS,
    edited,
    steps_of,
    text_of,
    varied,
)
from benchmarks.timm_alone import timm_optim
from docs_ext.directives.agreement import FILE
from docs_ext.directives.agreement import results as shown_results
from docs_ext.locate import PageError
from optimizers import OPTIMIZERS, rule_of

RESULTS = json.loads(FILE.read_text(encoding="utf-8"))
ROWS = {(row["optimizer"], row["library"]): row for row in RESULTS["rows"]}
PAIRS = [f"{contender.optimizer}-{contender.library}" for contender in CONTENDERS]


def need(library):
    """Skip where a library is missing, and say what installs it."""
    if installed(library) is None:
        extra = "frameworks" if library in ("optax", "Keras", "MLX") else "bench"
        pytest.skip(f"{library} is not installed: pip install '.[{extra}]'")
    if library == "Keras":
        pytest.importorskip("jax", reason="Keras runs on JAX: pip install '.[frameworks]'")


def row_of(contender):
    return ROWS[contender.optimizer, contender.library]


def contender_of(optimizer, library):
    pair = optimizer, library
    return next(found for found in CONTENDERS if (found.optimizer, found.library) == pair)


def test_every_pair_has_its_row_and_nothing_else():
    named = [(contender.optimizer, contender.library, contender.path) for contender in CONTENDERS]
    assert [(row["optimizer"], row["library"], row["path"]) for row in RESULTS["rows"]] == named
    assert {optimizer for optimizer, *_ in named} <= set(OPTIMIZERS)
    assert [(move.optimizer, move.library) for move in MOVES] == [
        (move["optimizer"], move["library"]) for move in RESULTS["moves"]
    ]
    assert RESULTS["tried"] == json.loads(json.dumps(HYPER))
    assert RESULTS["variations"] == list(NAMES)
    assert set(RESULTS["libraries"]) == set(LIBRARIES)


@pytest.mark.every
@pytest.mark.parametrize("contender", CONTENDERS, ids=PAIRS)
def test_a_row_is_what_the_library_computes(contender):
    need(contender.library)
    row, (given, hyper, missing) = row_of(contender), asked(contender)
    remedy = f"{contender.path} has changed: `make agreement` measures anew"
    assert missing == row["without"], remedy
    theirs = theirs_of(contender, given)
    apart = by_schedule(ours_of(contender.optimizer, hyper), theirs)
    # Where it rounds, by how much differs from machine to machine.
    loose = 0.5 if row["rounds"] else 1e-3
    for schedule, expected in row["apart"].items():
        close = apart[schedule] == pytest.approx(expected, rel=loose)
        assert close or max(apart[schedule], expected) <= ROUNDING, remedy
    if row["left"] is not None and max(apart.values()) > ROUNDING:
        if ROUNDINGS.get(contender.path, ("",))[0] in row["rounds"]:
            theirs = exactly(contender, given)
        changes = {*row["differs"], *(name for name in row["rounds"] if name in ROUNDED)}
        names = tuple(name for name in NAMES if name in changes)
        assert near(contender, names, theirs, hyper) <= ROUNDING, remedy


@pytest.mark.parametrize("move", MOVES, ids=[f"{move.optimizer}-{move.library}" for move in MOVES])
def test_a_move_takes_the_steps_that_the_page_promises(move):
    need(move.library)
    pair = move.optimizer, move.library
    (written,) = [move for move in RESULTS["moves"] if (move["optimizer"], move["library"]) == pair]
    found = tried_out(move, ROWS[pair]["rounds"])
    for schedule, left in written["left"].items():
        same = left <= ROUNDING
        assert (found["left"][schedule] <= ROUNDING) == same, "`make agreement` measures anew"


def test_nothing_is_unexplained_without_the_page_saying_so(convert):
    html = convert("::: agreement")
    rows = [row for row in RESULTS["rows"] if row["left"] is None]
    assert html.count("unexplained") == len(rows)


def test_what_no_variation_explains_is_said_to_be_unexplained(convert, monkeypatch):
    row = {**RESULTS["rows"][0], "differs": [], "rounds": [], "left": None}
    monkeypatch.setitem(RESULTS, "rows", [row])
    monkeypatch.setattr("docs_ext.directives.agreement.results", lambda: RESULTS)
    assert "<strong>unexplained</strong>" in convert("::: agreement")
    assert "<strong>unexplained</strong>" in convert(f"::: agreement {row['optimizer']}")


class TwiceAsFast(torch.optim.SGD):
    """A class that no variation of gradient descent explains."""

    def step(self):
        super().step()
        super().step()


def test_results_that_are_written_anew_are_shown_while_the_site_is_served(monkeypatch, tmp_path):
    file = tmp_path / "agreement.json"
    file.write_text('{"date": "2026-01-01"}', encoding="utf-8")
    monkeypatch.setattr("docs_ext.directives.agreement.FILE", file)
    assert shown_results()["date"] == "2026-01-01"
    file.write_text('{"date": "2026-01-02"}', encoding="utf-8")
    os.utime(file, (0, 0))  # another time, however soon it was written
    assert shown_results()["date"] == "2026-01-02"


def test_what_is_none_of_the_variations_is_not_explained(monkeypatch):
    monkeypatch.setattr(torch.optim, "SGD", TwiceAsFast)
    rounds, differs, left = explained(Contender("Gradient Descent", "torch", "torch.optim:SGD"))
    assert (rounds, differs, left) == ([], [], None)


# Where a variation changes nothing, and why.
ALIKE = {
    # The step of gradient descent is a sum, so it does not matter in which term the decay stands.
    "decay is decoupled, times the learning rate": {"Gradient Descent"},
    # Muon divides by the norm, which takes the factor away unless ε is larger.
    "momentum is a sum, not an average": {"Muon"},
}


@pytest.mark.parametrize("name", NAMES)
def test_a_variation_fits_an_optimizer_and_changes_its_steps(name):
    fitting = {optimizer for optimizer in OPTIMIZERS if varied(optimizer, (name,))}
    assert fitting, f"{name!r} fits no formula: mend its edits, or delete it"
    alike = set()
    for optimizer in fitting:
        start, grads = problem(optimizer)
        runs = (
            list(steps_of(optimizer, names, start, grads, RATES["halved"], tried(optimizer)))[-1]
            for names in ((), (name,))
        )
        if max(np.abs(a - b).max() for a, b in zip(*runs, strict=True)) <= ROUNDING:
            alike.add(optimizer)
    assert alike == ALIKE.get(name, set())


def test_every_row_of_the_variations_fits_some_formula():
    """A row whose LaTeX no formula has would never be tried."""
    texts = [text_of(rule_of(name)) for name in OPTIMIZERS]
    for row in VARIATIONS:
        assert any(edited(text, row) is not None for text in texts), row


def test_what_the_variations_show_is_what_they_print():
    assert doctest.testmod(variations, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


@pytest.mark.parametrize("path", SOURCES)
def test_a_source_that_is_cited_says_it(path):
    (library,) = {contender.library for contender in CONTENDERS if contender.path == path}
    need(library)
    rows = [row for row in RESULTS["rows"] if row["path"] == path and row["sources"]]
    if installed(library) != RESULTS["libraries"][library]["version"]:
        pytest.skip(f"the page cites {library} {RESULTS['libraries'][library]['version']}")
    assert rows, f"{path} does not differ: delete its sources"
    for row in rows:
        assert row["sources"] == [found_in(*source) for source in SOURCES[path]]


def test_what_differs_has_a_source():
    for row in RESULTS["rows"]:
        if row["differs"] or ROUNDINGS.get(row["path"], ("",))[0] in row["rounds"]:
            assert row["sources"], f"{row['path']}: say in sources.py where it does that"


def test_an_unknown_optimizer_is_refused_with_those_that_there_are(convert):
    with pytest.raises(PageError, match=r"no optimizer Adams; accepted: Gradient Descent, "):
        convert("::: agreement Adam, Adams")


def test_a_table_has_a_row_for_each_library(convert):
    html = convert("::: agreement Adam, AdamW")
    wanted = [row for row in RESULTS["rows"] if row["optimizer"] in ("Adam", "AdamW")]
    assert len(re.findall("<tr>", html)) == len(wanted) + 1
    assert "github.com/keras-team/keras/blob/v" in html


# What the page says in sentences.

DECOUPLED = "decay is decoupled, times the learning rate"


def test_every_decay_of_keras_is_decoupled():
    for (optimizer, library), row in ROWS.items():
        # Gradient descent's two kinds of decay are one, and these decouple it here, too.
        if library == "Keras" and optimizer not in ("Gradient Descent", "AdamW", "Lion", "Muon"):
            assert DECOUPLED in row["differs"], optimizer
        if library == "Keras":
            assert "weight_decay" not in row["without"]


def test_every_adamw_multiplies_its_decay_by_the_learning_rate():
    rows = [row for row in RESULTS["rows"] if row["optimizer"] == "AdamW"]
    assert len(rows) > 3
    for row in rows:
        assert row["left"] is not None
        assert not [name for name in row["differs"] if "decay" in name]


def test_what_adam_of_keras_adds_is_larger_at_first():
    for optimizer in ("Adam", "AdamW", "AMSGrad"):
        assert "ε is added before the bias correction" in ROWS[optimizer, "Keras"]["differs"]


def test_momentum_of_keras_differs_by_a_schedule_alone():
    for move in RESULTS["moves"]:
        if move["library"] == "Keras" and move["optimizer"] in ("Momentum", "Nesterov"):
            assert move["left"]["constant"] <= ROUNDING < move["left"]["halved"]
            assert not move["theirs"]


def test_mlx_corrects_no_bias_unless_asked():
    for optimizer in ("Adam", "AdamW", "Adamax"):
        assert "no bias correction" in ROWS[optimizer, "MLX"]["differs"]


def test_most_of_optax_has_no_weight_decay():
    rows = [row for row in RESULTS["rows"] if row["library"] == "optax"]
    assert sum("weight_decay" in row["without"] for row in rows) > len(rows) / 2
    (adam,) = [move for move in RESULTS["moves"] if (move["optimizer"], move["library"]) == ADAM]
    assert max(adam["left"].values()) <= ROUNDING
    assert not ROWS["AdamW", "optax"]["differs"]
    assert not ROWS["AdamW", "optax"]["without"]


ADAM = "Adam", "optax"


def test_defaults_differ_more_often_than_the_arithmetic():
    rows = RESULTS["rows"]
    assert sum(bool(row["defaults"]) for row in rows) > sum(bool(row["differs"]) for row in rows)


# Where a library has its optimizers; timm's list is a file, see `listed_by_timm`.
NAMESPACES = {
    "torch": ("torch.optim",),
    "optax": ("optax", "optax.contrib"),
    "Keras": ("keras.optimizers",),
    "MLX": ("mlx.optimizers",),
    "pytorch-optimizer": ("pytorch_optimizer",),
    "torch-adopt": ("adopt",),
}


def listed_by_timm():
    """The text of timm's list of names, which cannot be imported without its vision models."""
    return Path(timm_optim("adopt").__file__).with_name("_optim_factory.py").read_text("utf-8")


def named(library):
    """A library's names in small letters, and what each one is."""
    if library == "timm":
        return dict(re.findall(r"name='(\w+)',\s+opt_class=([\w.]+)", listed_by_timm()))
    if library == "pytorch-optimizer" and installed("timm"):
        timm_optim("adopt")  # it then finds no timm that would import vision models
    modules = [importlib.import_module(name) for name in NAMESPACES[library]]
    return {name.lower(): getattr(module, name) for module in modules for name in dir(module)}


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_dash_means_that_the_library_has_none_of_that_name(library):
    need(library)
    names = named(library)
    assert len(names) > 1 or library == "torch-adopt"
    for optimizer in OPTIMIZERS:
        if (optimizer, library) not in ROWS:
            found = names.get(optimizer.lower())
            again = library != "torch" and "torch.optim" in str(found)
            assert found is None or again, f"{library} has {found}: give it a Contender"


def test_timm_takes_no_ratio_without_decay_unless_asked():
    need("timm")
    rates = RATES["constant"]
    for optimizer, ours, theirs in (
        ("LAMB", {"weight_decay": 0.0}, {"weight_decay": 0.0, "max_grad_norm": None}),
        ("LARS", {"momentum": 0.0}, {"eps": 0.0}),
    ):
        here, problems = our_run(optimizer, rates, ours), problem(optimizer)
        contender = contender_of(optimizer, "timm")
        asked_for = run(contender, {**theirs, "always_adapt": True}, *problems, rates)
        assert apart(here, asked_for) <= ROUNDING, optimizer
        assert apart(here, run(contender, theirs, *problems, rates)) > 0.01, optimizer
    # LARS with timm's defaults.
    plain = our_run("Gradient Descent", rates, {})
    assert apart(plain, run(contender, {}, *problem("Gradient Descent"), rates)) <= ROUNDING


def test_lamb_of_pytorch_optimizer_starts_with_long_steps():
    need("pytorch-optimizer")
    contender, grads = contender_of("LAMB", "pytorch-optimizer"), [[np.array([1.0, -2.0])]]
    for length, taken in ((5.0, 5.0), (50.0, 10.0)):
        weight = np.array([0.6, 0.8]) * length
        ((after,),) = run(contender, {"eps": 1e-12}, [weight], grads, [0.01])
        assert np.linalg.norm(after - weight) == pytest.approx(0.01 * taken / (1 - 0.9))


def test_rprop_of_optax_takes_no_schedule():
    need("optax")
    optax = pytest.importorskip("optax")
    optax.rprop(0.1).init(np.zeros(2))
    with pytest.raises(TypeError):
        optax.rprop(lambda count: 0.1).init(np.zeros(2))


def test_timm_gives_adabelief_unrectified_by_name():
    need("timm")
    for name, rectify in (("adabelief", "False"), ("radabelief", "True")):
        found = re.search(rf"name='{name}',.*?defaults=(.*)", listed_by_timm(), re.DOTALL)
        assert found[1].startswith(f"{{'rectify': {rectify}}}")
    assert contender_of("AdaBelief", "timm").options_of()["rectify"].default is True


def test_what_is_not_counted_again_is_torchs_own():
    need("timm")
    need("pytorch-optimizer")
    timm_optim("adopt")
    import pytorch_optimizer

    for name in ("SGD", "Adam", "AdamW", "NAdam", "RMSprop"):
        assert getattr(pytorch_optimizer, name) is getattr(torch.optim, name)
    listed = listed_by_timm()
    for name in ("SGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSprop", "Adadelta"):
        own = rf"name='{name.lower()}',\s+opt_class=torch\.optim\.{name},"
        assert re.search(own, listed), name
    taken = {
        contender.path
        for contender in CONTENDERS
        if contender.library in ("timm", "pytorch-optimizer")
    }
    assert not [path for path in taken if path.startswith("torch.")]
