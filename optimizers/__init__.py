"""Adam, AdamW and ADOPT, each as a formula, a NumPy step and a PyTorch optimizer.

Example:
    >>> from optimizers import OPTIMIZERS
    >>> [(name, entry.parent) for name, entry in OPTIMIZERS.items()]
    [('Adam', None), ('AdamW', 'Adam'), ('ADOPT', 'Adam')]
"""

from collections.abc import Callable
from typing import NamedTuple

from ._optimizer import Optimizer
from .adam import Adam, adam_step
from .adamw import AdamW, adamw_step
from .adopt import ADOPT, adopt_step


class Entry(NamedTuple):
    """One optimizer of the package: its NumPy step, its PyTorch class, what it varies."""

    step: Callable
    optimizer: type[Optimizer]
    parent: str | None


OPTIMIZERS = {
    "Adam": Entry(adam_step, Adam, None),
    "AdamW": Entry(adamw_step, AdamW, "Adam"),
    "ADOPT": Entry(adopt_step, ADOPT, "Adam"),
}

__all__ = ["ADOPT", "OPTIMIZERS", "Adam", "AdamW", "adam_step", "adamw_step", "adopt_step"]
