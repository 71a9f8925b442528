"""`::: optimizer-classes` and `::: numpy-steps`: their documentation, by mkdocstrings."""

from markdown import Markdown

from optimizers import OPTIMIZERS


def optimizer_classes(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return a directive of mkdocstrings for each PyTorch class."""
    return [f"::: optimizers.{entry.optimizer.__name__}\n" for entry in OPTIMIZERS.values()]


def numpy_steps(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return a directive of mkdocstrings for each NumPy step."""
    return [f"::: optimizers.{entry.step.__name__}\n" for entry in OPTIMIZERS.values()]
