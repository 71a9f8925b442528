"""`::: agreement`: what other libraries compute by the names here, as `make agreement` found it.

Without an argument, who agrees with whom; with names of optimizers, what differs and what to do.
"""

import re
from typing import Any

from markdown import Markdown

from optimizers import OPTIMIZERS

from ..locate import ROOT, PageError, locate, page_path
from ..results import read_results
from .comparison import link
from .sortable import sortable

FILE = ROOT / "benchmarks" / "agreement.json"
HEAD = "| Optimizer | Library | Apart by | What differs | The same steps | Defaults that differ |"


def results() -> dict[str, Any]:
    """Return what `make agreement` has written."""
    return read_results(FILE)


def agreement(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return the table of all, or that of some optimizers, whose names stand between commas."""
    names = [name.strip() for name in argument.split(",") if name.strip()]
    if unknown := [name for name in names if name not in OPTIMIZERS]:
        where = locate(page_path(md), f"agreement {argument}")
        accepted = ", ".join(OPTIMIZERS)
        raise PageError(f"{where}: no optimizer {', '.join(unknown)}; accepted: {accepted}")
    return details(names) if names else [*overview(), "", run_on()]


def overview() -> list[str]:
    """Return the table of who agrees with whom: a row for each optimizer, a column per library."""
    libraries = list(results()["libraries"])
    rows = {(row["optimizer"], row["library"]): row for row in results()["rows"]}
    table = [f"| Optimizer | {' | '.join(libraries)} |", f"| --- |{' --- |' * len(libraries)}"]
    for name in OPTIMIZERS:
        cells = [
            verdict(rows[name, library]) if (name, library) in rows else "–"
            for library in libraries
        ]
        table.append(f"| {link(name, name)} | {' | '.join(cells)} |")
    return table


def verdict(row: dict[str, Any]) -> str:
    """Return a word, and how far apart the two are.

    Example:
        >>> verdict({"apart": {"constant": 2e-16}, "rounds": [], "differs": [], "left": 2e-16})
        'equal'
        >>> verdict({"apart": {"constant": 0.031}, "rounds": [], "differs": [], "left": None})
        '**unexplained**, 3e-2'
    """
    if row["left"] is None:
        return f"**unexplained**, {size(row)}"
    if row["differs"]:
        return f"differs, {size(row)}"
    return f"rounds, {size(row)}" if row["rounds"] else "equal"


def size(row: dict[str, Any]) -> str:
    """Return the greatest of a row's differences, one digit of it.

    Example:
        >>> size({"apart": {"constant": 0.0312, "halved": 0.02}}), size({"apart": {"constant": 0}})
        ('3e-2', '0')
    """
    value = max(row["apart"].values())
    return re.sub(r"e-0?(\d+)$", r"e-\1", f"{value:.0e}") if value else "0"


def details(names: list[str]) -> list[str]:
    """Return the table of some optimizers: a row for each library that has one of their names."""
    moves = {(move["optimizer"], move["library"]): move for move in results()["moves"]}
    table = [HEAD, "| --- | --- | --: | --- | --- | --- |"]
    for row in results()["rows"]:
        if row["optimizer"] in names:
            library = results()["libraries"][row["library"]]
            path = row["path"].replace(":", ".")
            given = "".join(f", `{name}={value!r}`" for name, value in row["options"].items())
            cells = [
                row["optimizer"],
                f"{row['library']} {library['version']}<br>`{path}`{given}",
                size(row),
                what_differs(row),
                same_steps(row, moves.get((row["optimizer"], row["library"]))),
                ", ".join(defaults_of(row)) or "–",
            ]
            table.append(f"| {' | '.join(cells)} |")
    return sortable(table)


def what_differs(row: dict[str, Any]) -> str:
    """Return what differs, what is rounded, and whether there is no weight decay to compare."""
    address = results()["libraries"][row["library"]]["source"]
    found = [*row["differs"], *row["rounds"]]
    if row["left"] is None:
        found.append("**unexplained**")
    if "weight_decay" in row["without"]:
        found.append("has no weight decay")
    links = ", ".join(source(address, found) for found in row["sources"])
    return ("; ".join(found) or "nothing") + (f" ({links})" if links else "")


def defaults_of(row: dict[str, Any]) -> list[str]:
    """Return their defaults that are not those here, by the names here.

    Example:
        >>> defaults_of({"defaults": {"lr": "", "eps": "1e-07"}})
        ['`lr` has none', '`eps=1e-07`']
    """
    defaults = row["defaults"].items()
    return [f"`{name}={text}`" if text else f"`{name}` has none" for name, text in defaults]


def same_steps(row: dict[str, Any], move: dict[str, Any] | None) -> str:
    """Return what to change so that both take the same steps, and whether they then do."""
    if move is None:
        return "by no option" if row["differs"] else "–"
    parts = [f"`{name}={text}`" for name, text in (move["theirs"] or {}).items()]
    if move["penalty"]:
        parts.append(L2.get(row["library"], "λ as an L2 penalty in the loss"))
    parts += [f"`{name}={text}` here" for name, text in (move["ours"] or {}).items()]
    left, rounding = move["left"], results()["rounding"]
    if max(left.values()) <= rounding:
        return ", ".join(parts)
    if left["constant"] <= rounding:
        return f"{', '.join(parts)}, while the learning rate stays the same"
    if row["rounds"] and max(left.values()) <= IN_FLOAT32:
        return f"{', '.join(parts)}; what is left, {size(move)}, is rounding in float32"
    return f"nearest: {', '.join(parts)}, apart by {size(move)}"


# What rounding to float32 leaves of numbers of about 1.
IN_FLOAT32 = 1e-7
# How λ becomes an L2 penalty where the library has a way of its own.
L2 = {"optax": "`add_decayed_weights(λ)` chained before it"}


def source(address: str, found: dict[str, Any]) -> str:
    """Return a link to a line of a library's source."""
    file = found["file"]
    return (
        f"[{file.rpartition('/')[2]}:{found['line']}]({address.format(file=file)}#L{found['line']})"
    )


def run_on() -> str:
    """Return when it was run, with what, and how."""
    found = results()
    versions = ", ".join(
        f"{name} {library['version']}" for name, library in found["libraries"].items()
    )
    tried = ", ".join(
        f"`{name}={tuple(value) if isinstance(value, list) else value}`"
        for name, value in found["tried"].items()
    )
    return (
        f"Run on {found['date']} by `make agreement`: {versions}; Keras on JAX {found['jax']}. "
        f"Each took {found['steps']} steps twice, with a learning rate of {found['lr']} that stays "
        f"or is halved half-way, and with {tried}, as far as it has these."
    )
