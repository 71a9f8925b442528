"""`::: kernel NAME`: the program that is printed from an optimizer's formula."""

from markdown import Markdown

from optimizers import rule_of
from optimizers._kernels.printing import printed


def kernel(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return an optimizer's kernel as a block of code."""
    return ["```python", *printed(rule_of(argument)).splitlines(), "```"]
