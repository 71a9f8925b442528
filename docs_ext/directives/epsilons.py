r"""`::: epsilons`: each optimizer's ε: where it stands, its defaults, and how small that is."""

import functools
import re

import numpy as np
from markdown import Markdown

from optimizers import OPTIMIZERS, rule_of

from .agreement import results
from .comparison import link
from .scaled import without_decay
from .sortable import sortable

HEAD = (
    "| Optimizer | Where ε stands | Default here | Elsewhere | Halves the step of a gradient of |"
)
STEPS = 1000


def epsilons(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return a table with a row per optimizer that has ε."""
    names = [name for name in OPTIMIZERS if "eps" in OPTIMIZERS[name].step.__kwdefaults__]
    rows = [
        f"| {link(name, name)} | ${place(name)}$ | {written(default(name))} | {elsewhere(name)} "
        f"| {halving(name)} |"
        for name in names
    ]
    return sortable([HEAD, "| --- | --- | --: | --- | --: |", *rows])


def default(name: str) -> float:
    return OPTIMIZERS[name].step.__kwdefaults__["eps"]


def place(name: str) -> str:
    r"""Return the root, maximum or sum in which ε stands, as the formula has it, or its whole line.

    Example:
        >>> print(place("Adam"), place("ADOPT"), place("Adadelta"), sep="\n")
        \sqrt{S_{dw}^{\text{corrected}}} + \epsilon
        \max(\sqrt{S_{dw}}, \epsilon)
        \sqrt{S_{dw} + \epsilon}
    """
    line = next(line.latex for line in rule_of(name).statements if r"\epsilon" in line.latex)
    found = [match[0] for pattern in PLACES if (match := re.search(pattern, line))]
    # A bar would end a table's cell.
    return re.sub(r"\|(.+?)\|", r"\\lvert \1 \\rvert", [*found, line][0])


# The narrower first: Adadelta's roots hold a sum each, and the last is the divisor.
PLACES = (
    r"\\sqrt\{S_\{dw\} \+ \\epsilon\}",
    r"\\max\((?:[^()]|\([^()]*\))*\\epsilon\)",
    r"\\sqrt\{S_\{dw\}(?:\^\{\\text\{corrected\}\})?\} \+ \\epsilon",
)


def elsewhere(name: str) -> str:
    """Return the defaults of other libraries that differ, as `make agreement` found them.

    Example:
        >>> elsewhere("Adam"), elsewhere("ADOPT")
        ('1e-7 in Keras', '–')
    """
    found: dict[str, list[str]] = {}
    for row in results()["rows"]:
        if row["optimizer"] == name and "eps" in row["defaults"]:
            found.setdefault(written(float(row["defaults"]["eps"])), []).append(row["library"])
    return ", ".join(f"{value} in {' and '.join(who)}" for value, who in found.items()) or "–"


@functools.cache
def halving(name: str) -> str:
    """Return the gradient at which the step is half as long as those of large gradients.

    Each gradient is given time after time; the last step is looked at. The sizes are a 40th of a
    power of ten apart.

    Example:
        >>> halving("Adam"), halving("ADOPT"), halving("Adadelta")
        ('1e-8', '5e-7', '6e-3')
    """
    step, sizes = without_decay(name), np.geomspace(1e-14, 1, 561)
    if rule_of(name).matrix:
        sizes = sizes[80:320:4]  # a matrix has one ε for all, so each size takes a run of its own
        lengths = np.array([last_step(step, -np.full((1, 1), size), 100)[0, 0] for size in sizes])
    else:
        lengths = last_step(step, -sizes, STEPS)
    return written(sizes[(lengths > lengths[-1] / 2).argmax()])


def last_step(step, grad: np.ndarray, steps: int) -> np.ndarray:
    """Return the last of some steps along one gradient."""
    weights, state = np.zeros_like(grad), {}
    for _ in range(steps):
        before, (weights, state) = weights, step(weights, grad, state)
    return weights - before


def written(value: float) -> str:
    """Return a small number with one digit.

    Example:
        >>> written(1e-08), written(3.16e-12)
        ('1e-8', '3e-12')
    """
    return re.sub(r"e-0?", "e-", f"{value:.0e}")
