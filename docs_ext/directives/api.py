"""`::: optimizer-classes` and `::: numpy-steps`: their documentation, by mkdocstrings."""

from markdown import Markdown

from optimizers import OPTIMIZERS


def optimizer_classes(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return a directive of mkdocstrings for each PyTorch class."""
    first, *others = [f"::: optimizers.{entry.optimizer.__name__}" for entry in OPTIMIZERS.values()]
    # The first is in view at once, the others become elements later.
    return [first, "    options: { extra: { far: false } }", *others]


def numpy_steps(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return a directive of mkdocstrings for each NumPy step."""
    return [f"::: optimizers.{entry.step.__name__}\n" for entry in OPTIMIZERS.values()]
