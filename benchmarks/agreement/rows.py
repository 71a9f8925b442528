"""One optimizer of ours beside one of another library: how far apart, and what differs."""

import inspect
import math
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np

from optimizers import OPTIMIZERS, rule_of

from .libraries import ROUNDINGS, Contender, names_of, run, translated
from .sources import SOURCES, found_in
from .variations import ROUNDED, combined, steps_of

STEPS = 100
SHAPES = ((5,), (3, 2), (4,))
MATRICES = ((4, 6), (6, 4), (5, 5))
RATE = 0.01
# The learning rate is halved after half of the steps: where it stands in a line then shows.
RATES = {"constant": [RATE] * STEPS, "halved": [RATE] * (STEPS // 2) + [RATE / 2] * (STEPS // 2)}
# Off their defaults, and ε large enough to show where it stands.
HYPER = {
    "betas": (0.8, 0.95),
    "betas of Adan": (0.8, 0.9, 0.95),
    "eps": 1e-3,
    "weight_decay": 0.1,
    "momentum": 0.8,
    "alpha": 0.8,
    "rho": 0.8,
    "trust_coefficient": 0.5,
    "etas": (0.6, 1.3),
    "step_sizes": (1e-3, 0.05),
}
# Below this it is rounding; a variation has to come as near.
ROUNDING = 1e-10
# So many variations together are tried.
MOST = 4


@cache
def problem(optimizer: str) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """Some parameters, and for each step their gradients, of sizes from 0.001 to 1 and above."""
    random = np.random.default_rng(20)
    shapes = MATRICES if rule_of(optimizer).matrix else SHAPES
    start = [random.standard_normal(shape) for shape in shapes]
    grads = [
        [random.standard_normal(shape) * 10.0 ** random.integers(-3, 1, shape) for shape in shapes]
        for _ in range(STEPS)
    ]
    return start, grads


def defaults(optimizer: str) -> dict[str, Any]:
    """The hyper-parameters of ours and their defaults."""
    parameters = inspect.signature(OPTIMIZERS[optimizer].step).parameters.values()
    found = {
        parameter.name: parameter.default
        for parameter in parameters
        if parameter.default is not parameter.empty
    }
    return {name: value for name, value in found.items() if name != "maximize"}


def tried(optimizer: str) -> dict[str, Any]:
    """The hyper-parameters that are tried, but for the learning rate."""
    found = {
        name: HYPER.get(f"{name} of {optimizer}", HYPER.get(name, value))
        for name, value in defaults(optimizer).items()
    }
    return {name: value for name, value in found.items() if name != "lr"}


def asked(contender: Contender) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """The same hyper-parameters for both: theirs, ours, and what they have no option for.

    What they have no option for is at our default; weight decay is 0, because they have none.
    """
    ours = tried(contender.optimizer)
    given, missing = translated(contender, ours)
    for name in missing:
        ours[name] = 0.0 if name == "weight_decay" else defaults(contender.optimizer)[name]
    return given, ours, missing


def ours_of(
    optimizer: str, hyper: dict[str, Any], dtype: type = float
) -> dict[str, list[list[np.ndarray]]]:
    """The parameters after each of our NumPy steps, for each schedule, its rates in a dtype."""
    return {
        name: our_run(optimizer, [float(dtype(rate)) for rate in rates], hyper)
        for name, rates in RATES.items()
    }


def our_run(optimizer, rates, hyper):
    """The parameters after each of our NumPy steps."""
    start, grads = problem(optimizer)
    params, states, seen = list(start), [{} for _ in start], []
    for several, rate in zip(grads, rates, strict=True):
        for place, grad in enumerate(several):
            params[place], states[place] = OPTIMIZERS[optimizer].step(
                params[place], grad, states[place], lr=rate, **hyper
            )
        seen.append(list(params))
    return seen


def theirs_of(
    contender: Contender, given: dict[str, Any], penalty: float = 0.0
) -> dict[str, list[list[np.ndarray]]]:
    """The parameters after each of their steps, for each schedule."""
    start, grads = problem(contender.optimizer)
    return {
        name: run(contender, given, start, grads, rates, penalty) for name, rates in RATES.items()
    }


def apart(one: Iterable[list], other: Iterable[list]) -> float:
    """The greatest difference of any coordinate after any step."""
    return max(
        float(np.abs(a - b).max())
        for first, second in zip(one, other, strict=True)
        for a, b in zip(first, second, strict=True)
    )


def by_schedule(one: dict[str, list], other: dict[str, list]) -> dict[str, float]:
    """How far apart two runs are, for each schedule."""
    return {name: apart(one[name], other[name]) for name in RATES}


def near(contender: Contender, names: tuple[str, ...], theirs: dict, hyper: dict) -> float:
    """How far they are from our formula with some variations; infinite once beyond rounding."""
    start, grads = problem(contender.optimizer)
    worst = 0.0
    for schedule, rates in RATES.items():
        steps = steps_of(contender.optimizer, names, start, grads, rates, hyper)
        for mine, yours in zip(steps, theirs[schedule], strict=True):
            worst = max(worst, apart([mine], [yours]))
            if not worst <= ROUNDING:
                return math.inf
    return worst


def exactly(contender: Contender, given: dict[str, Any]) -> dict[str, list[list[np.ndarray]]]:
    """What they would compute if nothing of theirs rounded on the way."""
    with ROUNDINGS[contender.path][1]():
        return theirs_of(contender, given)


def explained(contender: Contender) -> tuple[list[str], list[str], float | None]:
    """What they round, the fewest variations that make our formula theirs, and how near they come.

    Returns:
        The names of both, and the difference that is left; None for this if no variations do.
    """
    given, hyper, _ = asked(contender)
    theirs, rounds = theirs_of(contender, given), []
    if contender.path in ROUNDINGS:
        exact = exactly(contender, given)
        if max(by_schedule(exact, theirs).values()) > ROUNDING:
            theirs, rounds = exact, [ROUNDINGS[contender.path][0]]
    for names in combined(contender.optimizer, MOST):
        left = near(contender, names, theirs, hyper)
        if left <= ROUNDING:
            rounds += [name for name in names if name in ROUNDED]
            return rounds, [name for name in names if name not in ROUNDED], left
    return rounds, [], None


def measured(contender: Contender) -> dict[str, Any]:
    """The row of a contender: how far apart, and what differs."""
    given, hyper, missing = asked(contender)
    found = by_schedule(ours_of(contender.optimizer, hyper), theirs_of(contender, given))
    equal = max(found.values()) <= ROUNDING
    rounds, differs, left = ([], [], max(found.values())) if equal else explained(contender)
    sources = () if equal else SOURCES.get(contender.path, ())
    return {
        "optimizer": contender.optimizer,
        "library": contender.library,
        "path": contender.path,
        "options": contender.options or {},
        "without": missing,
        "defaults": their_defaults(contender),
        "apart": found,
        "rounds": rounds,
        "differs": differs,
        "left": left,
        "sources": [found_in(*source) for source in sources],
    }


def their_defaults(contender: Contender) -> dict[str, str]:
    """Their defaults of our hyper-parameters that are not ours, as source; "" if there is none."""
    known, found = contender.options_of(), {}
    for name, value in defaults(contender.optimizer).items():
        theirs = [
            known[keyword].default for keyword in names_of(contender, name) if keyword in known
        ]
        if not theirs:
            continue
        both = tuple(theirs) if len(theirs) > 1 else theirs[0]
        both = tuple(both) if isinstance(both, list) else both
        # Keras's None is no decay, which is 0 here.
        if both != value and (both is not None or value != 0.0):
            found[name] = "" if both is inspect.Parameter.empty else repr(both)
    return found
