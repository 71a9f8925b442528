"""`::: all-optimizers` names them; `::: compare-optimizers` compares them.

Each cell is from a signature, a class, a formula or a source.
"""

import inspect

from markdown import Markdown

from optimizers import OPTIMIZERS, rule_of
from optimizers.formula import differences

from ..calculator import arithmetic
from ..locate import ROOT
from ..names import names_on, tab_id
from .costs import of_a_step
from .references import authors_and_year
from .sortable import sortable

HEAD = "| Optimizer | State | Time | Options and defaults | Weight decay | Differs | Source |"


def all_optimizers(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return a line with a link to each optimizer of the package."""
    return [" · ".join(link(name, name) for name in OPTIMIZERS)]


def compare_optimizers(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return a table with one row per optimizer of the package, in the order of its table."""
    rule = "| --- | --: | --: | --- | --- | --- | --- |"
    return sortable([HEAD, rule, *map(row, OPTIMIZERS)])


def row(name: str) -> str:
    """Return an optimizer's row."""
    cells = [link(name, name), state_bytes(name), of_a_step(name), options(name), decay(name)]
    return f"| {' | '.join([*cells, changes(name), authors_and_year(name)])} |"


def link(name: str, text: str, section: str = "Formula") -> str:
    """Return a link to an optimizer's tab in a section of its page."""
    for page in sorted((ROOT / "docs").glob("*.md")):
        if name in names_on(page):
            return f"[{text}]({page.name}#{tab_id(section, name)})"
    return text


def state_bytes(name: str) -> str:
    """Return how much state an optimizer keeps for a parameter in float32, found by taking a step.

    Example:
        >>> state_bytes("Adam")
        '8 bytes'
    """
    return f"{4 * sum(arithmetic.states(name).values()):g} bytes"


def options(name: str) -> str:
    """Return the options that are hyper-parameters, with their defaults.

    Example:
        >>> options("AdamW")
        '`lr=0.001` `betas=(0.9, 0.999)` `eps=1e-08` `weight_decay=0.01`'
    """
    defaults = {
        option: parameter.default
        for option, parameter in inspect.signature(OPTIMIZERS[name].step).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and option != "maximize"
    }
    return " ".join(f"`{option}={default}`" for option, default in defaults.items())


def decay(name: str) -> str:
    r"""Return where λ acts, as the formula says.

    Example:
        >>> [decay(name) for name in ("Adam", "AdamW", "ADOPT")]
        ['L2 penalty', 'decoupled', 'L2 penalty, or decoupled with `decouple=True`']
    """
    rule = rule_of(name)
    decayed = [
        rule.symbols[line.target].kind
        for line in rule.lines(rule.variables[0], "iteration")
        if r"\lambda" in line.reads
    ]
    kinds = {"gradient": "L2 penalty", "parameter": "decoupled"}
    found = [text for kind, text in kinds.items() if kind in decayed]
    if decayed and not found:
        return "in the direction"
    if len(found) == 2:
        return f"{found[0]}, or {found[1]} with `decouple=True`"
    return found[0] if found else "none"


def changes(name: str) -> str:
    """Return how many lines differ from the parent's, with a link to them."""
    parent = OPTIMIZERS[name].parent
    if parent is None:
        return "–"
    rows = differences(rule_of(parent), rule_of(name))
    count = sum(row.kind != "same" or row.moved for row in rows)
    lines = "1 line" if count == 1 else f"{count} lines"
    return link(name, f"{lines} from {parent}", "What differs")
