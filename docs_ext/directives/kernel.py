"""`::: kernel NAME`: the program that is printed from an optimizer's formula."""

from markdown import Markdown

from optimizers._kernels.printing import printed
from optimizers.formula import rule_of


def kernel(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return an optimizer's kernel as a block of code."""
    return ["```python", *printed(rule_of(argument)).splitlines(), "```"]
