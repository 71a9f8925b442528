"""The table of all optimizers: each cell from a signature, a class, a formula or a source."""

import inspect
import re
import sys

import torch
from markdown import Markdown

from optimizers import OPTIMIZERS
from optimizers.formula import differences, rule_of

from .costs import of_a_step
from .source import ROOT
from .varieties import names_on

HEAD = "| Optimizer | State | Time | Options and defaults | Weight decay | Differs | Source |"


def compare_optimizers(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """One row per optimizer of the package, in the order of its table."""
    rule = "| --- | --: | --: | --- | --- | --- | --- |"
    return ["/// html | div.sortable", "", HEAD, rule, *map(row, OPTIMIZERS), "", "///"]


def row(name: str) -> str:
    cells = [link(name, name), state_bytes(name), of_a_step(name), options(name), decay(name)]
    return f"| {' | '.join([*cells, changes(name), source(name)])} |"


def link(name: str, text: str, section: str = "formula") -> str:
    """A link to an optimizer's tab in a section of its page."""
    for page in sorted((ROOT / "docs").glob("*.md")):
        if name in names_on(page):
            tab = f"#{section}-{re.sub(r'[^a-z0-9]+', '-', name.lower())}"
            return f"[{text}]({page.name}{tab})"
    return text


def state_bytes(name: str) -> str:
    """What an optimizer keeps beside a parameter in float32, found by taking a step.

    Example:
        >>> state_bytes("Adam")
        '8 bytes'
    """
    param = torch.ones(64, 64, requires_grad=True)
    param.grad = torch.ones(64, 64)
    optimizer = OPTIMIZERS[name].optimizer([param], lr=1e-3)
    optimizer.step()
    kept = [value for value in optimizer.state[param].values() if value.dim() > 0]
    return f"{sum(value.nbytes for value in kept) / param.numel():g} bytes"


def options(name: str) -> str:
    """The options that are hyper-parameters, with their defaults.

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
    r"""Where λ acts, as the formula says.

    Example:
        >>> [decay(name) for name in ("Adam", "AdamW", "ADOPT")]
        ['L2 penalty', 'decoupled', 'L2 penalty, or decoupled with `decouple=True`']
    """
    rule = rule_of(name)
    read = [
        rule.symbols[one.target].kind
        for one in rule.lines(rule.variables[0], "iteration")
        if r"\lambda" in one.reads
    ]
    kinds = {"gradient": "L2 penalty", "parameter": "decoupled"}
    found = [text for kind, text in kinds.items() if kind in read]
    if len(found) == 2:
        return f"{found[0]}, or {found[1]} with `decouple=True`"
    return found[0] if found else "none"


def changes(name: str) -> str:
    """How many lines differ from the parent's, with a link to them."""
    parent = OPTIMIZERS[name].parent
    if parent is None:
        return "–"
    rows = differences(rule_of(parent), rule_of(name))
    count = sum(row.kind != "same" or row.moved for row in rows)
    lines = "1 line" if count == 1 else f"{count} lines"
    return link(name, f"{lines} from {parent}", "what-differs")


def cited(name: str) -> str:
    """What stands behind `Source:` in an optimizer's module."""
    doc = sys.modules[OPTIMIZERS[name].step.__module__].__doc__
    return re.search(r"^Source: (.+?)\n\n", doc, re.DOTALL | re.MULTILINE)[1]


def source(name: str) -> str:
    """The authors and the year, from the module's source.

    Example:
        >>> source("AdamW")
        'Loshchilov & Hutter, 2017'
    """
    said = cited(name)
    authors, year = said.partition(', "')[0], re.search(r"(?:1[89]|20)[0-9]{2}", said)[0]
    return f"{authors}, {year}"
