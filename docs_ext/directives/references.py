"""`::: references`: the sources of a page's optimizers, as their modules cite them."""

import re
import sys
from importlib.metadata import version

from markdown import Markdown

from optimizers import OPTIMIZERS

from ..locate import PageError, locate, page_path


def references(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return the sources of some optimizers, else of the page's, and what the page was run with.

    Args:
        md: the page.
        argument: names of optimizers; empty for those of the title.
        body: nothing.

    Raises:
        PageError: the title names an optimizer that the package lacks.
    """
    lines = []
    for name in argument.split() or md.names:
        if name not in OPTIMIZERS:
            raise PageError(
                f"{locate(page_path(md), name)}: the title names `{name}`, but "
                f"optimizers.OPTIMIZERS has only: {', '.join(OPTIMIZERS)}"
            )
        link = re.sub(r"arXiv (\d+\.\d+)", r"[arXiv \1](https://arxiv.org/abs/\1)", cited(name))
        lines.append(f"- **{name}**: {' '.join(link.split())}")
    # The part after the plus sign names a build of torch, as in 2.13.0+cpu.
    torch, numpy = version("torch").partition("+")[0], version("numpy")
    return [*lines, "", f"Checked when this page was built: torch {torch}, NumPy {numpy}."]


def cited(name: str) -> str:
    """Return what stands behind `Source:` in an optimizer's module."""
    doc = sys.modules[OPTIMIZERS[name].step.__module__].__doc__
    return re.search(r"^Source: (.+?)\n\n", doc, re.DOTALL | re.MULTILINE)[1]


def authors_and_year(name: str) -> str:
    """Return the authors and the year of an optimizer's source.

    Example:
        >>> authors_and_year("AdamW")
        'Loshchilov & Hutter, 2019'
    """
    source = cited(name)
    authors, year = source.partition(', "')[0], re.search(r"(?:1[89]|20)[0-9]{2}", source)[0]
    return f"{authors}, {year}"
