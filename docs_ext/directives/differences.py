"""`::: differs` and `::: defaults-that-differ`: how an optimizer differs from another."""

import re

from markdown import Markdown

from optimizers import OPTIMIZERS, rule_of
from optimizers.formula import FormulaError, Rule, Statement, differences, highlight

from ..locate import PageError, locate, page_path
from ..markdown.symbol_marks import MARK

REASON = re.compile(r"^\$(?P<latex>[^$]+)\$\s+(?P<why>.+)$")
# The parts of a rule, as pages show them.
PARTS = {"initialize": "Initialize", "iteration": "On iteration $t$"}


def differs(md: Markdown, name: str, body: list[str]) -> list[str]:
    """Return an optimizer's rule beside its parent's, line by line, with why each line differs.

    Args:
        md: the page.
        name: the optimizer, which has a parent.
        body: for each line that differs, `$LINE$ sentence`: the new line, or the one that is gone.

    Raises:
        PageError: a line has no sentence, or a sentence no line.
    """
    rule, where = known_rule(md, name), locate(page_path(md), f"::: differs {name}")
    parent = OPTIMIZERS[name].parent
    if parent is None:
        raise PageError(f"{where}: {name} has no parent in optimizers.OPTIMIZERS to differ from")
    rows, reasons = differences(rule_of(parent), rule), {}
    for line in filter(str.strip, body):
        if (match := REASON.match(line.strip())) is None:
            here = locate(page_path(md), line)
            raise PageError(f"{here}: write `$LINE$ sentence`, not `{line.strip()}`")
        reasons[match["latex"]] = match["why"]
    lines = {
        (row.after or row.before).latex: "moved" if row.kind == "same" else row.kind
        for row in rows
        if row.kind != "same" or row.moved
    }
    missing = [f"  {kind}: ${latex}$" for latex, kind in lines.items() if latex not in reasons]
    if missing:
        shown = "\n".join(missing)
        raise PageError(f"{where}: say why each line differs, as `$LINE$ sentence`:\n{shown}")
    for latex in reasons.keys() - lines.keys():
        raise PageError(f"{where}: this line is the same in {parent} or not there: ${latex}$")

    table = [
        "//// html | div.differs",
        *cell("head", f"**{parent}**"),
        *cell("head", f"**{name}**"),
    ]
    section = None
    for row in rows:
        if (row.after or row.before).section != section:
            section = (row.after or row.before).section
            table += cell("section", PARTS[section])
        kind = "moved" if row.moved and row.kind == "same" else row.kind
        table += cell(f"before.{kind}", marked(row.before, row.before_spans))
        table += cell(f"after.{kind}", marked(row.after, row.after_spans))
        if kind != "same":
            table += cell("why", reasons[(row.after or row.before).latex])
    return [*table, "////"]


def marked(statement: Statement | None, spans: tuple) -> str:
    """Return a line of a comparison, its changes marked, and how often it is repeated."""
    if statement is None:
        return ""
    times = f"*repeat* ${statement.repeat.times}$ *times:* " if statement.repeat else ""
    shown = highlight(statement.latex, spans, MARK % "changed", "}}")
    return f"{times}${shown}$"


def defaults_that_differ(md: Markdown, names: str, body: list[str]) -> list[str]:
    """Return what changes for someone who switches to another optimizer and sets nothing.

    Args:
        md: the page.
        names: the optimizer left and the one taken, such as "Adam ADOPT".
        body: nothing.
    """
    before, after = (known_rule(md, name).defaults for name in names.split())
    return [
        f"- `{option}` is {after[option]}, not {before[option]}."
        for option in after
        if option in before and after[option] != before[option]
    ]


def known_rule(md: Markdown, name: str) -> Rule:
    """Return an optimizer's rule; a page is at fault that asks for one that cannot be read."""
    if name not in OPTIMIZERS:
        where = locate(page_path(md), f" {name}")
        raise PageError(f"{where}: no optimizer `{name}`; there are: {', '.join(OPTIMIZERS)}")
    try:
        return rule_of(name)
    except FormulaError as error:
        raise PageError(str(error)) from None


def cell(kind: str, text: str) -> list[str]:
    """Return a cell of the comparison, in Markdown."""
    return [f"/// html | div.{kind}", "", text, "", "///", ""]
