"""`::: scaled-losses`: what becomes of each optimizer's step when the loss is multiplied."""

import functools
from collections.abc import Callable

import numpy as np
from markdown import Markdown

from optimizers import OPTIMIZERS

from .comparison import link
from .sortable import sortable

HEAD = "| Optimizer | loss × 1,000: first step | 100th step | loss ÷ 1,000,000: 100th step |"
FACTORS = (1e3, 1e-6)
STEPS = 100


def scaled_losses(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return a table with a row per optimizer: how many times as long its step is."""
    rows = [f"| {link(name, name)} | {' | '.join(cells(name))} |" for name in OPTIMIZERS]
    return sortable([HEAD, "| --- | --: | --: | --: |", *rows])


def cells(name: str) -> list[str]:
    """Return an optimizer's row, without its name.

    Example:
        >>> cells("Momentum"), cells("RAdam")
        (['1,000', '1,000', '0.000001'], ['1,000', '1.00', '0.97'])
    """
    larger, smaller = (ratios(name, factor) for factor in FACTORS)
    return [times(larger[0]), times(larger[1]), times(smaller[1])]


@functools.cache
def ratios(name: str, factor: float) -> tuple[float, float]:
    """Return how many times as long a step is when each gradient is multiplied by a factor.

    Args:
        name: an optimizer; it has its defaults, and no decay.
        factor: by what each gradient is multiplied.

    Returns:
        The ratio at the first step that moves the weights, and at the last.
    """
    usual, multiplied = lengths(name, 1.0), lengths(name, factor)
    first = int((usual > 0).argmax())
    return tuple((multiplied / np.where(usual > 0, usual, 1))[[first, -1]])


def lengths(name: str, factor: float) -> np.ndarray:
    """Return how long each step is along the same noisy gradients, multiplied by a factor."""
    step = without_decay(name)
    weights, *grads = np.random.default_rng(0).normal(size=(STEPS + 1, 4, 3))
    state, found = {}, []
    for grad in grads:
        before, (weights, state) = weights, step(weights, factor * grad, state)
        found.append(np.linalg.norm(weights - before))
    return np.array(found)


def without_decay(name: str) -> Callable:
    """Return an optimizer's step with its defaults, but without weight decay."""
    step = OPTIMIZERS[name].step
    return (
        functools.partial(step, weight_decay=0.0) if "weight_decay" in step.__kwdefaults__ else step
    )


def times(ratio: float) -> str:
    """Return a ratio to a hundredth; a large one whole, a small one with its first digit.

    Example:
        >>> times(1000.2), times(1.0000001), times(0.3199), times(1e-6)
        ('1,000', '1.00', '0.32', '0.000001')
    """
    if ratio >= 100:
        return f"{ratio:,.0f}"
    if ratio >= 0.01:
        return f"{ratio:.2f}"
    return np.format_float_positional(float(f"{ratio:.0e}"), trim="-")
