r"""How many formulas of torch's and Optax's docstrings the reader of papers' letters reads.

`python -m benchmarks.letters` reads the formulas in the docstrings of the installed packages, runs
what it could read beside the class or function that they document, 100 steps in float64, and writes
benchmarks/letters.json. It needs the extras `formula` and `frameworks`.

A formula that differs from its code is mended here in one place, to show by a run what differs.
"""

import datetime
import importlib
import importlib.metadata
import inspect
import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch

from optimizers.formula import FormulaError
from optimizers.formula.letters import Reading, read_letters
from optimizers.frameworks.check import KEYWORDS, difference, run_optax, run_torch

RESULTS = Path(__file__).with_name("letters.json")
STEPS = 100
# Roundings in another order stay far below it, and another formula far above.
TOLERANCE = 1e-10
# Values with which differences show: an ε at its default hides where it stands.
VALUES = {
    "lr": 0.01,
    "eps": 1e-3,
    "eps_root": 1e-4,
    "weight_decay": 0.1,
    "betas": (0.8, 0.95),
    "b1": 0.8,
    "b2": 0.95,
    "b3": 0.97,
    "momentum": 0.8,
    "dampening": 0.1,
    "alpha": 0.9,
    "beta": 0.7,
    "rho": 0.9,
    "lr_decay": 0.1,
    "initial_accumulator_value": 0.1,
    "momentum_decay": 4e-3,
    "optimism": 0.02,
    "etas": (0.5, 1.2),
    "step_sizes": (1e-6, 50.0),
}


NOTHING: Mapping[str, Any] = MappingProxyType({})


class Case(NamedTuple):
    """A formula of a docstring.

    Args:
        name: the class or function.
        blocks: which displayed formulas of the docstring, from 0; a later one replaces the lines of
            the first that assign to the same symbol.
        options: the options of the formula that are on.
        given: arguments of the class or function for this formula.
        names: what the rule's hyper-parameters are called there, where it is not the same.
        mends: replacements in the formula with which it is what the code computes.
        given_too: arguments for the mended formula.
    """

    name: str
    blocks: tuple[int, ...] = (0,)
    options: tuple[str, ...] = ()
    given: Mapping[str, Any] = NOTHING
    names: Mapping[str, str] = NOTHING
    mends: tuple[tuple[str, str], ...] = ()
    given_too: Mapping[str, Any] = NOTHING


# 0 in the first iteration, then 1.
AFTER_FIRST = r"\max(0, \min(1, t - 1))"
POWERS = ((r"\beta_1^{(t)}", r"\beta_1^t"), (r"\beta_2^{(t)}", r"\beta_2^t"))
BETA_ROOT = {"eps_bar": "eps_root"}
CASES = (
    Case("torch.optim.Adadelta", names={"decay": "rho"}),
    Case("torch.optim.Adafactor"),
    Case("torch.optim.Adagrad"),
    Case("torch.optim.Adam"),
    Case("torch.optim.Adam", options=("amsgrad",), given={"amsgrad": True}),
    Case("torch.optim.AdamW"),
    Case("torch.optim.AdamW", options=("amsgrad",), given={"amsgrad": True}),
    Case("torch.optim.Adamax"),
    Case("torch.optim.Muon", options=("nesterov",)),
    Case("torch.optim.NAdam"),
    Case(
        "torch.optim.NAdam",
        options=("decoupled_weight_decay",),
        given={"decoupled_weight_decay": True},
    ),
    Case("torch.optim.RAdam"),
    Case(
        "torch.optim.RAdam",
        options=("decoupled_weight_decay",),
        given={"decoupled_weight_decay": True},
    ),
    Case("torch.optim.RMSprop"),
    Case("torch.optim.RMSprop", options=("centered",), given={"centered": True}),
    Case("torch.optim.Rprop"),
    Case("torch.optim.SGD"),
    Case("torch.optim.SGD", options=("nesterov",), given={"nesterov": True, "dampening": 0.0}),
    Case("optax.adabelief", names=BETA_ROOT),
    Case("optax.adabelief", (0, 1), given={"nesterov": True}, names=BETA_ROOT),
    Case("optax.adadelta"),
    Case("optax.adagrad", given_too={"initial_accumulator_value": 0.0}),
    Case("optax.adam", names=BETA_ROOT),
    Case("optax.adam", (0, 1), given={"nesterov": True}, names=BETA_ROOT),
    Case("optax.adamax"),
    Case("optax.adamw", names=BETA_ROOT),
    Case("optax.adamw", (0, 1), given={"nesterov": True}, names=BETA_ROOT),
    Case("optax.adan", names=BETA_ROOT),
    Case("optax.lbfgs"),
    Case("optax.lion"),
    Case("optax.noisy_sgd"),
    Case(
        "optax.optimistic_adam",
        names={**BETA_ROOT, "o": "optimism"},
        mends=((r"o (r_t - r_{t - 1})", rf"o {AFTER_FIRST} (r_t - r_{{t - 1}})"),),
        given_too={"nesterov": False},
    ),
    Case(
        "optax.optimistic_adam_v2",
        names=BETA_ROOT,
        mends=(
            (r"-\alpha_t r_t - o_t (r_t", rf"-\eta \alpha r_t - \eta \beta {AFTER_FIRST} (r_t"),
        ),
        given_too={"nesterov": False},
    ),
    Case(
        "optax.optimistic_gradient_descent",
        mends=(
            (
                r"(\alpha_t + \beta_t) g_t - \beta_t g_{t-1}",
                rf"\alpha_t g_t + \beta_t {AFTER_FIRST} (g_t - g_{{t-1}})",
            ),
        ),
    ),
    Case("optax.polyak_sgd"),
    Case("optax.sgd"),
    Case("optax.sgd", (1,)),
    Case("optax.sgd", (1,), options=("nesterov",), given={"nesterov": True}),
    Case("optax.sign_sgd"),
    Case("optax.signum", mends=((r"\beta\, m_t", r"\beta\, m_{t-1}"),)),
    Case("optax.sm3"),
    Case("optax.sm3", (1,)),
    Case(
        "optax.contrib.acprop",
        names=BETA_ROOT,
        mends=(
            ("(g_t - m_t)^2", "(g_t - m_{t-1})^2"),
            ("(m_0, s_0) = (0, 0)", r"(m_0, s_0, \hat{s}_0) = (0, 0, 1)"),
        ),
    ),
    Case(
        "optax.contrib.ademamix",
        names={**BETA_ROOT, "beta_3": "b3"},
        mends=POWERS,
    ),
    Case(
        "optax.contrib.dog",
        mends=(
            (r"\max_{k \leq t} r_k", r"\max(\max_{k \leq t} r_k, 10^{-6} (1 + \|x_0\|))"),
            (r"\eta_t\, g_t", r"\gamma \eta_t\, g_t"),
        ),
    ),
    Case("optax.contrib.schedule_free"),
    Case(
        "optax.contrib.simplified_ademamix",
        names=BETA_ROOT,
        mends=(*POWERS[1:], ("    g^{(t)} \\\\\n", "")),
    ),
)


def documented(name: str):
    """The class or function of a name."""
    module, _, own = name.rpartition(".")
    return getattr(importlib.import_module(module), own)


def text_of(case: Case) -> str:
    """The formula of a docstring and the prose before it, as Markdown."""
    doc = inspect.cleandoc(documented(case.name).__doc__)
    blocks = list(re.finditer(r"^( *)\.\. math::\n((?:\1 +.*\n|\s*\n)+)", doc, re.MULTILINE))
    first = blocks[case.blocks[0]]
    latex = first[2].rstrip()
    for other in case.blocks[1:]:
        line = blocks[other][2].strip().rstrip(".")
        target = line.partition("\\leftarrow")[0].strip()
        row = re.compile(re.escape(target) + r"\s*&\\leftarrow.*?\\\\", re.DOTALL)
        latex, count = row.subn(lambda _, line=line: line + r" \\", latex)
        assert count == 1, (case.name, target)
    prose = doc[: first.start()]
    for block in blocks[: case.blocks[0]]:
        prose = prose.replace(block[0], "")
    rest = re.sub(r"^( *)\.\. math::\n((?:\1 +.*\n|\s*\n)+)", "", doc[first.end() :], flags=re.M)
    rest = rest.partition("Args:")[0]
    # A second form of the same formula may follow: of the prose behind, only its mentions count.
    mentions = "".join(
        line if not re.search(r"=|\\leftarrow", line) else "\n"
        for line in rest.splitlines(keepends=True)
    )
    text = f"{prose}$${latex}$$\n{mentions}"
    return re.sub(r":math:\s*`([^`]*)`", r"$\1$", text)


def compare(reading: Reading, case: Case, given: Mapping[str, Any]) -> tuple[float, int, dict]:
    """The greatest difference of the parameters, the first iteration that differs, the values."""
    make = documented(case.name)
    known = inspect.signature(make).parameters
    of_torch = isinstance(make, type)
    theirs, hyper = dict(given), {}
    for name in reading.rule.hyperparameters:
        if name == "betas" and not of_torch:
            hyper[name] = VALUES["b1"], VALUES["b2"]
            theirs |= {"b1": VALUES["b1"], "b2": VALUES["b2"]}
            continue
        own = case.names.get(name, name)
        if own not in known:
            own = next((keyword for keyword in KEYWORDS.get(own, ()) if keyword in known), own)
        value, key = None, {"learning_rate": "lr"}.get(own, own)
        for pair, members in PAIRS.items():
            if name in members:
                own, value = pair, VALUES[pair][members.index(name)]
        if value is None and own not in known:
            raise KeyError(f"{case.name} has no argument for {name}; it has {', '.join(known)}")
        if value is None:
            value = given.get(own, VALUES[key])
            theirs[own] = value
        else:
            theirs[own] = VALUES[own]
        hyper[name] = value
    random = np.random.default_rng(0)
    start = random.standard_normal(6)
    grads = random.standard_normal((STEPS, 6)) ** 3
    # torch's NAdam keeps its product of momenta in the default type.
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with warnings.catch_warnings():
            # What is deprecated is documented, too.
            warnings.simplefilter("ignore", DeprecationWarning)
            seen = (run_torch if of_torch else run_optax)(make, theirs, start, grads)
    finally:
        torch.set_default_dtype(usual)
    param: Any = start
    state: dict[str, Any] = {}
    most, parted = 0.0, 0
    with np.errstate(all="ignore"):
        for iteration, (grad, other) in enumerate(zip(grads, seen, strict=True), 1):
            param, state = reading.rule.step(param, grad, state, **hyper)
            by = difference(param, other["param"])
            most = by if not by <= most else most
            parted = parted or (iteration if not by <= TOLERANCE else 0)
    return most, parted, hyper


# Pairs of torch's options, and what the reader calls their members.
PAIRS = {
    "etas": ("eta_minus", "eta_plus"),
    "step_sizes": ("Gamma_min", "Gamma_max"),
}


def measured(case: Case) -> dict[str, Any]:
    """One row of the results."""
    row: dict[str, Any] = {"name": case.name}
    if case.options or case.given:
        row["with"] = {**dict.fromkeys(case.options, True), **case.given}
    text = text_of(case)
    options = dict.fromkeys(case.options, True)
    try:
        reading = read_letters(text, path=case.name, options=options)
    except FormulaError as error:
        lines = str(error).splitlines()
        row |= {"read": False, "refused": lines[0].partition(": ")[2], "at": lines[1].strip()}
    else:
        row |= {"read": True, "taken": reading.taken}
        try:
            most, parted, hyper = compare(reading, case, case.given)
        except KeyError as error:
            row |= {"agrees": False, "not run": error.args[0]}
        else:
            row |= {"hyper": hyper, "difference": float(f"{most:.1e}"), "agrees": not parted}
            if parted:
                row["parts_in_iteration"] = parted
    if case.mends or case.given_too:
        for old, new in case.mends:
            assert old in text, (case.name, old)
            text = text.replace(old, new)
        mended = read_letters(text, path=case.name, options=options)
        most, parted, _ = compare(mended, case, {**case.given, **case.given_too})
        row["mended"] = {
            "formula": [f"{old} -> {new}" for old, new in case.mends],
            "arguments": dict(case.given_too),
            "difference": float(f"{most:.1e}"),
            "agrees": not parted,
        }
    return row


def version(library: str) -> str:
    """The version of a library, without the name of its build."""
    return importlib.metadata.version(library).partition("+")[0]


def main() -> None:
    """Measure, write the results, print the counts."""
    rows = [measured(case) for case in CASES]
    libraries = {}
    for library in ("torch", "optax"):
        own = [row for row in rows if row["name"].startswith(library)]
        read = [row for row in own if row["read"]]
        libraries[library] = {
            "version": version(library),
            "docstrings": len({row["name"] for row in own}),
            "docstrings read": len({row["name"] for row in read}),
            "formulas": len(own),
            "read": len(read),
            "agree": sum(row["agrees"] for row in read),
        }
    found = {
        "date": f"{datetime.date.today()}",
        "steps": STEPS,
        "tolerance": TOLERANCE,
        "libraries": libraries,
        "formulas": rows,
    }
    RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for library, counts in libraries.items():
        print(library, counts)
    for row in rows:
        result = (
            row.get("refused")
            or row.get("not run")
            or f"{row['difference']:.0e} {row.get('parts_in_iteration', '')}"
        )
        mended = row.get("mended", {}).get("difference", "")
        print(f"{row['name']:40} {row.get('with', '')!s:40} {result} {mended}")


if __name__ == "__main__":
    main()
