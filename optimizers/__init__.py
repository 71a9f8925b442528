"""Optimizers, each as a formula, a NumPy step and a PyTorch class, in growing complexity.

Example:
    >>> from optimizers import OPTIMIZERS
    >>> OPTIMIZERS["AdamW"].optimizer.__name__, OPTIMIZERS["AdamW"].parent
    ('AdamW', 'Adam')
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ._distribution import VERSION
from ._optimizer import Optimizer
from .adabelief import AdaBelief, adabelief_step
from .adadelta import Adadelta, adadelta_step
from .adagrad import Adagrad, adagrad_step
from .adam import Adam, adam_step
from .adamax import Adamax, adamax_step
from .adamw import AdamW, adamw_step
from .adan import Adan, adan_step
from .adopt import ADOPT, adopt_step
from .amsgrad import AMSGrad, amsgrad_step
from .gradient_descent import GradientDescent, gradient_descent_step
from .lamb import LAMB, lamb_step
from .lars import LARS, lars_step
from .lion import Lion, lion_step
from .momentum import Momentum, momentum_step
from .muon import Muon, muon_step
from .nadam import NAdam, nadam_step
from .nesterov import Nesterov, nesterov_step
from .radam import RAdam, radam_step
from .rmsprop import RMSprop, rmsprop_step
from .rprop import Rprop, rprop_step
from .signum import Signum, signum_step

if TYPE_CHECKING:
    from .formula.rule import Rule

__version__ = VERSION


class Entry(NamedTuple):
    """One optimizer of the package: its NumPy step, its PyTorch class, what it varies."""

    step: Callable
    optimizer: type[Optimizer]
    parent: str | None


OPTIMIZERS = {
    "Gradient Descent": Entry(gradient_descent_step, GradientDescent, None),
    "Momentum": Entry(momentum_step, Momentum, "Gradient Descent"),
    "Nesterov": Entry(nesterov_step, Nesterov, "Momentum"),
    "RMSprop": Entry(rmsprop_step, RMSprop, "Adagrad"),
    "Adagrad": Entry(adagrad_step, Adagrad, "Gradient Descent"),
    "Adadelta": Entry(adadelta_step, Adadelta, "RMSprop"),
    "Adam": Entry(adam_step, Adam, None),
    "AdamW": Entry(adamw_step, AdamW, "Adam"),
    "ADOPT": Entry(adopt_step, ADOPT, "Adam"),
    "NAdam": Entry(nadam_step, NAdam, "Adam"),
    "RAdam": Entry(radam_step, RAdam, "Adam"),
    "AMSGrad": Entry(amsgrad_step, AMSGrad, "Adam"),
    "Adamax": Entry(adamax_step, Adamax, "Adam"),
    "Lion": Entry(lion_step, Lion, "AdamW"),
    "Signum": Entry(signum_step, Signum, "Momentum"),
    "Muon": Entry(muon_step, Muon, "Nesterov"),
    "AdaBelief": Entry(adabelief_step, AdaBelief, "AdamW"),
    "Adan": Entry(adan_step, Adan, "AdamW"),
    "LAMB": Entry(lamb_step, LAMB, "AdamW"),
    "LARS": Entry(lars_step, LARS, "Momentum"),
    "Rprop": Entry(rprop_step, Rprop, "Gradient Descent"),
}


def rule_of(name: str) -> "Rule":
    """The rule of an optimizer, read from the formula in its module.

    Args:
        name: a name of `OPTIMIZERS`, such as "Gradient Descent".

    Returns:
        The rule, whose arguments and defaults are those of the NumPy step.

    Raises:
        FormulaError: the formula cannot be read.
        ImportError: lark or SymPy is not installed.
        ValueError: no optimizer has this name.

    Example:
        >>> print(rule_of("Gradient Descent").lines("W")[-1].latex)
        W := W - \\alpha dW
    """
    # Reading a formula needs lark and SymPy, and a step does not.
    from . import formula

    if name not in OPTIMIZERS:
        raise ValueError(f"no optimizer {name!r}; accepted: {', '.join(OPTIMIZERS)}")
    return formula.rule_of(sys.modules[OPTIMIZERS[name].step.__module__])


__all__ = [
    "ADOPT",
    "LAMB",
    "LARS",
    "OPTIMIZERS",
    "AMSGrad",
    "AdaBelief",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Adan",
    "GradientDescent",
    "Lion",
    "Momentum",
    "Muon",
    "NAdam",
    "Nesterov",
    "RAdam",
    "RMSprop",
    "Rprop",
    "Signum",
    "adabelief_step",
    "adadelta_step",
    "adagrad_step",
    "adam_step",
    "adamax_step",
    "adamw_step",
    "adan_step",
    "adopt_step",
    "amsgrad_step",
    "gradient_descent_step",
    "lamb_step",
    "lars_step",
    "lion_step",
    "momentum_step",
    "muon_step",
    "nadam_step",
    "nesterov_step",
    "radam_step",
    "rmsprop_step",
    "rprop_step",
    "rule_of",
    "signum_step",
]
