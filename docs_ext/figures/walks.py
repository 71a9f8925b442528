"""Walks down a loss with the NumPy steps, from which figures and numbers are made."""

from collections.abc import Callable

import numpy as np

from optimizers import OPTIMIZERS, rule_of

from ..laboratory.losses import LOSSES, beginning, functions


def path(name: str, gradient: Callable, start: tuple, steps: int, **options) -> np.ndarray:
    """Walk down a loss with the NumPy step of an optimizer.

    Args:
        name: the optimizer's name in the package's table.
        gradient: maps a point to the loss's gradient there.
        start: the first point.
        steps: how many steps to take, at least 1.
        **options: hyper-parameters of the step.

    Returns:
        The points, start included, as an array of shape (steps + 1, len(start)).

    Example:
        >>> path("Adam", lambda p: 2 * p, (1.0, 1.0), 2, lr=0.25).round(3)
        array([[1.   , 1.   ],
               [0.75 , 0.75 ],
               [0.504, 0.504]])
    """
    # Where parameters are matrices, a point is one of a single row.
    shape = (1, len(start)) if rule_of(name).matrix else (len(start),)
    points, state = [np.asarray(start, dtype=float)], {}
    for _ in range(steps):
        point, grad = points[-1].reshape(shape), gradient(points[-1]).reshape(shape)
        point, state = OPTIMIZERS[name].step(point, grad, state, **options)
        points.append(np.ravel(point))
    return np.stack(points)


def walks(
    names: list[str], options: dict[str, dict], key: str, steps: int
) -> dict[str, np.ndarray]:
    """Walk down a loss of the laboratory, all from one start and with one learning rate."""
    loss, (_, gradient) = LOSSES[key], functions(key)
    return {
        name: path(
            name,
            lambda point: gradient(*point),
            beginning(loss),
            steps,
            **{"lr": loss.lr} | options.get(name, {}),
        )
        for name in names
    }
