"""The documentation of a function or a class as Markdown, for those who read without a browser."""

import inspect
import pkgutil
import re
from functools import cached_property
from textwrap import dedent
from types import FunctionType

SECTION = re.compile(r"^([A-Z]\w+):\n(?= )", re.MULTILINE)
MEMBERS = (FunctionType, property, cached_property)
ARGUMENT = re.compile(r"^(\w+):", re.MULTILINE)


def documentation(path: str) -> str:
    """Return what mkdocstrings shows of an object.

    Args:
        path: its name with those of its modules.

    Example:
        >>> print(documentation("optimizers.formula.source.FormulaError").partition("\\n")[0])
        ## FormulaError
    """
    found = pkgutil.resolve_name(path)
    parts = [described(found, f"## {found.__name__}")]
    if inspect.isclass(found):
        parts += [
            described(getattr(found, name), f"### {found.__name__}.{name}")
            for name, member in sorted(vars(found).items())
            if not name.startswith("_") and isinstance(member, MEMBERS) and member.__doc__
        ]
    return "\n\n".join(parts)


def described(found, heading: str) -> str:
    """Return an object's heading, its signature and its docstring."""
    parts = [heading]
    if callable(found):
        parts.append(f"```python\n{signature(found)}\n```")
    first, *sections = SECTION.split(inspect.getdoc(found) or "")
    parts.append(first.strip())
    for title, text in zip(sections[::2], sections[1::2], strict=True):
        text = dedent(text).strip()
        if title == "Example":
            text = f"```pycon\n{text}\n```"
        elif title in ("Args", "Raises"):
            text = ARGUMENT.sub(r"- `\1`:", text)
        parts.append(f"**{title}**\n\n{text}")
    return "\n\n".join(part for part in parts if part)


def signature(found) -> str:
    """Return how something is called; what its arguments may be stands in its docstring.

    Example:
        >>> signature(documentation)
        'documentation(path)'
    """
    called = inspect.signature(found)
    bare = [
        parameter.replace(annotation=parameter.empty)
        for name, parameter in called.parameters.items()
        if name != "self"
    ]
    return f"{found.__name__}{called.replace(parameters=bare, return_annotation=called.empty)}"
