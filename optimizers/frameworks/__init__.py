r"""Prints a formula as an optimizer of a framework, such as one would write it there by hand.

What is printed needs its framework alone. The frameworks are not imported here.

Example:
    >>> print(printed("Adam", "torch").partition("\n")[0])
    # Adam, from Kingma & Ba, arXiv 1412.6980, Algorithm 1. Made by optimizers-that-run 0.1.0; MIT licence.
"""

from collections.abc import Callable
from typing import NamedTuple

from .. import OPTIMIZERS, rule_of
from ..formula.rule import Rule
from .about import About, about
from .code import laid_out
from .keras import keras
from .mlx import mlx
from .optax import optax
from .pytorch import pytorch


def numpy(rule: Rule, said: About, variable: str | None = None) -> str:
    """The rule as a module with a function `step`, which needs NumPy."""
    return f"{said.head}\n{rule.python(variable)}"


def javascript(rule: Rule, said: About, variable: str | None = None) -> str:
    """The rule as an ES module with a function `step`, which imports nothing."""
    return f"//{said.head.removeprefix('#')}\n{rule.javascript(variable)}"


class Framework(NamedTuple):
    """One framework: what it is called, the ending of its files, its printer."""

    title: str
    ending: str
    printer: Callable[[Rule, About], str]

    def module(self, rule: Rule, said: About) -> str:
        """The rule as a module of the framework."""
        text = self.printer(rule, said)
        return laid_out([text])[0] if self.ending == "py" else text


FRAMEWORKS = {
    "torch": Framework("PyTorch", "py", pytorch),
    "optax": Framework("Optax", "py", optax),
    "keras": Framework("Keras", "py", keras),
    "mlx": Framework("MLX", "py", mlx),
    "numpy": Framework("NumPy", "py", numpy),
    "javascript": Framework("JavaScript", "js", javascript),
}


def printed(name: str, framework: str) -> str:
    """An optimizer of the package as code of a framework.

    Args:
        name: a name of `OPTIMIZERS`.
        framework: a name of `FRAMEWORKS`.

    Returns:
        The text of a module, which needs the framework alone.
    """
    return FRAMEWORKS[framework].module(rule_of(name), about(name))


def all_printed() -> dict[tuple[str, str], str]:
    """Every optimizer of the package as code of every framework, by both names.

    Example:
        >>> all_printed()["ADOPT", "mlx"] == printed("ADOPT", "mlx")
        True
    """
    texts = {
        (name, key): framework.printer(rule_of(name), about(name))
        for name in OPTIMIZERS
        for key, framework in FRAMEWORKS.items()
    }
    python = [pair for pair in texts if FRAMEWORKS[pair[1]].ending == "py"]
    # ruff takes as long to start as to lay out all of them.
    return texts | dict(zip(python, laid_out([texts[pair] for pair in python]), strict=True))
