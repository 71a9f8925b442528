"""What stands behind `figure:`: a kind of figure, and what is set for it.

`paths?AdamW.weight_decay=0.5` sets an option of one optimizer, `paths?lr=0.02` that of all,
`paths?on=Adam,Lion&loss=saddle&steps=80` says which are drawn, on what, for how long.
"""

import functools
import inspect
import re
from typing import Any
from urllib.parse import parse_qsl

from optimizers import OPTIMIZERS
from optimizers._options import check

from ..laboratory.losses import LOSSES, variables
from ..names import colour_number
from .drawings import FIGURES
from .svg import drawn
from .tables import Table


class AddressError(ValueError):
    """A figure is asked for that cannot be drawn; the message says what could be."""


@functools.lru_cache(maxsize=100)  # a served site builds a page many times
def with_table(url: str, names: tuple[str, ...], description: str) -> tuple[str, str, Table]:
    """Draw a figure for a page.

    Args:
        url: what stands behind `figure:`.
        names: the optimizers of the page.
        description: what it shows, for those who do not see it.

    Returns:
        An `<svg>` element, the same bytes each time; the title of its table; the table.

    Raises:
        AddressError: the figure, an optimizer or an option does not exist, a value is out of
            range, or the description does not name each optimizer that is drawn.
    """
    figure, shown, options, settings = read(url, names)
    refuse_unnamed(shown, description)
    kind = FIGURES[figure]
    svg, table = drawn(lambda: kind.draw(shown, options, **settings), figure, description)
    return svg, f"As a table: {kind.shows}", table


def read(url: str, page: tuple[str, ...]) -> tuple[str, list[str], dict, dict[str, Any]]:
    """Read a figure's address.

    Args:
        url: what stands behind `figure:`.
        page: the optimizers of the page, which are drawn unless the address says `on=`.

    Returns:
        The kind of figure, the optimizers drawn, their options, and the settings of the drawing.

    Example:
        >>> read("paths?Adam.betas.1=0.9&steps=5", ("Adam",))
        ('paths', ['Adam'], {'Adam': {'betas': (0.9, 0.9)}}, {'steps': 5})
    """
    figure, _, query = url.partition("?")
    known("figure", figure, FIGURES)
    given = parse_qsl(query, keep_blank_values=True)
    kind = FIGURES[figure]
    names = [name for name in page if name in OPTIMIZERS]
    names = list(kind.names) or dict(given).get("on", ",".join(names)).split(",")
    for name in names:
        if not name:
            raise AddressError(f"it draws no optimizer; name some: figure:{figure}?on=Adam,Lion")
        known("optimizer", name, OPTIMIZERS)
        if kind.option and kind.option not in OPTIMIZERS[name].step.__kwdefaults__:
            raise AddressError(f"{name} has no `{kind.option}`, which `{figure}` draws")
    refuse_alike(names)
    options: dict[str, dict] = {}
    settings: dict[str, Any] = {}
    taken = [key for key in ("loss", "steps") if key in inspect.signature(kind.draw).parameters]
    for key, value in given:
        if key in taken:
            settings[key] = setting(key, value)
        elif key == "on" and not kind.names:
            continue
        else:
            name, option = split(key, names, ["on", *taken])
            for optimizer in [name] if name else names:
                set_option(options.setdefault(optimizer, {}), optimizer, option, value)
    return figure, names, options, settings


def known(kind: str, name: str, there) -> None:
    """Refuse a name that is not among those that there are."""
    if name not in there:
        raise AddressError(f"no {kind} `{name}`; there are: {', '.join(there)}")


def refuse_alike(names: list[str]) -> None:
    """Refuse an optimizer that is named twice, and two that have one colour."""
    for place, name in enumerate(names):
        if name in names[:place]:
            raise AddressError(f"{name} is named twice; name it once")
        for other in names[:place]:
            if colour_number(name) == colour_number(other):
                raise AddressError(
                    f"{other} and {name} have one colour; leave one out, or add a colour to "
                    "docs/stylesheets/site.css and to COLOURS in docs_ext/names.py"
                )


def refuse_unnamed(names: list[str], text: str) -> None:
    """Refuse words about a figure that leave out an optimizer which it draws."""
    lacking = [
        name for name in names if not re.search(rf"(?i)(?<!\w){re.escape(name)}(?!\w)", text)
    ]
    if lacking:
        raise AddressError(
            f"its words do not name {', '.join(lacking)}, which it draws; "
            "say of each optimizer what can be seen"
        )


def setting(key: str, value: str) -> Any:
    """Return which loss is drawn, or how many steps."""
    if key == "steps":
        if not value.isdigit() or not 1 <= int(value) <= 20000:
            raise AddressError(f"`steps={value}`: write a number from 1 to 20000")
        return int(value)
    known("loss with a map", value, losses_with_a_map())
    return value


def losses_with_a_map() -> list[str]:
    """Return the losses that have both W and b."""
    return [key for key, loss in LOSSES.items() if len(variables(loss)) == 2]


def split(key: str, names: list[str], settings: list[str]) -> tuple[str, str]:
    """Return the optimizer that a key names, or nothing where it means all, and the option."""
    name = next((name for name in names if key.startswith(f"{name}.")), "")
    option = key.removeprefix(f"{name}.") if name else key
    for owner in [name] if name else names:
        there = options_of(owner)
        if option not in there:
            raise AddressError(
                f"`{key}` sets nothing; {owner} has: {', '.join(there)}; "
                f"drawn are: {', '.join(names)}; the figure has: {', '.join(settings)}"
            )
    return name, option


def options_of(name: str) -> list[str]:
    """Return how an address calls the options of an optimizer.

    Example:
        >>> options_of("Adam")
        ['lr', 'betas.0', 'betas.1', 'eps', 'weight_decay', 'maximize']
    """
    defaults = OPTIMIZERS[name].step.__kwdefaults__
    places = {option: len(value) for option, value in defaults.items() if isinstance(value, tuple)}
    return [
        key
        for option in defaults
        for key in [f"{option}.{place}" for place in range(places.get(option, 0))] or [option]
    ]


def set_option(options: dict, name: str, option: str, value: str) -> None:
    """Set an option of an optimizer to what an address says."""
    bare, _, place = option.partition(".")
    default = OPTIMIZERS[name].step.__kwdefaults__[bare]
    usual = default[int(place)] if place else default
    try:
        if isinstance(usual, bool):
            read = {"true": True, "false": False}[value]
        else:
            read = int(value) if isinstance(usual, int) else float(value)
    except (KeyError, ValueError):
        like = str(usual).lower() if isinstance(usual, bool) else usual
        raise AddressError(f"`{name}.{option}={value}`: not a value such as {like}") from None
    if place:
        values = list(options.get(bare, default))
        values[int(place)] = read
        read = tuple(values)
    try:
        check({bare: read})
    except ValueError as error:
        raise AddressError(f"`{name}.{option}={value}`: {error}") from None
    options[bare] = read
