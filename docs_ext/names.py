"""The names of the optimizers: in titles, in addresses, as colours; and the sections of pages.

`make new` imports this module, so it imports nothing that draws or renders.
"""

import functools
import re
from pathlib import Path

from pymdownx.slugs import slugify

from optimizers import OPTIMIZERS

from .locate import ROOT

# Sections with a tab for each optimizer of a page. A page with variants has at least the first.
REQUIRED_SECTIONS = ("Description", "Formula", "Example")
# What `make new` adds to these.
LOWER_SECTIONS = ("What differs", "Worked numbers")
# Braces that start with a sign or hold one are attributes of the heading: {#id}, {.class}, {a=b}.
TITLE = re.compile(r"^# (?P<primary>[^{}]+?)(?P<variants>(?: \{[^{}#.:=]+\})*)\s*$")
# site.css has this many colours.
COLOURS = 24

lower_case = slugify(case="lower")


def slug(text: str, separator: str = "-") -> str:
    """Return a text as part of an address; `pymdownx.tabbed` makes the ids of tabs with it, too.

    Example:
        >>> slug("Gradient Descent")
        'gradient-descent'
    """
    return lower_case(text, separator)


def module_name(name: str) -> str:
    """Return the name of an optimizer's module, which its snippet and its script have, too.

    Example:
        >>> module_name("Gradient Descent")
        'gradient_descent'
    """
    return slug(name, "_")


def tab_id(section: str, name: str) -> str:
    """Return the id of an optimizer's tab in a section.

    Example:
        >>> tab_id("What differs", "AdamW")
        'what-differs-adamw'
    """
    return f"{slug(section)}-{slug(name)}"


def read_title(line: str) -> list[str]:
    """Return the names in a title, the primary optimizer first.

    Args:
        line: the first line of a page.

    Returns:
        One name where there are no variants; none where the line is no title.

    Example:
        >>> read_title("# Adam {AdamW} {ADOPT}")
        ['Adam', 'AdamW', 'ADOPT']
        >>> read_title("# SGD {#sgd}")
        []
    """
    match = TITLE.match(line)
    return [match["primary"], *re.findall(r"\{(.+?)\}", match["variants"])] if match else []


def write_title(names: list[str]) -> str:
    """Return the title that has these names.

    Example:
        >>> write_title(["Adam", "AdamW", "ADOPT"])
        '# Adam {AdamW} {ADOPT}'
    """
    primary, *variants = names
    return " ".join([f"# {primary}", *(f"{{{name}}}" for name in variants)])


def names_on(page: Path) -> list[str]:
    """Return the names in the title of a page's file, the primary optimizer first."""
    return read_title(page.read_text(encoding="utf-8").partition("\n")[0])


def chosen_colours(names: list[str], pages: list[list[str]], count: int) -> dict[str, int]:
    """Choose a colour for each optimizer: the next one that no other of its page has.

    Args:
        names: the optimizers, in the order in which they choose.
        pages: the optimizers of each page.
        count: how many colours there are.

    Returns:
        The number of each one's colour, from 1. On a page with more optimizers than colours some
        are alike.

    Example:
        >>> chosen_colours(["Adam", "AdamW", "ADOPT"], [["Adam", "ADOPT"]], 2)
        {'Adam': 1, 'AdamW': 2, 'ADOPT': 2}
    """
    found: dict[str, int] = {}
    for place, name in enumerate(names):
        beside = {found.get(other) for page in pages if name in page for other in page}
        numbers = [(place + further) % count + 1 for further in range(count)]
        found[name] = next((number for number in numbers if number not in beside), numbers[0])
    return found


@functools.cache
def colours() -> dict[str, int]:
    """Return the number of each optimizer's colour, chosen once for the whole site."""
    pages = [names_on(page) for page in sorted((ROOT / "docs").glob("*.md"))]
    return chosen_colours(list(OPTIMIZERS), pages, COLOURS)


def colour_number(name: str) -> int:
    """Return the number of an optimizer's colour in site.css, 0 for what is no optimizer."""
    return colours().get(name, 0)


def colour_class(name: str) -> str:
    """Return the class that gives an optimizer its colour, the same on every page."""
    return f"optimizer-{colour_number(name)}"
