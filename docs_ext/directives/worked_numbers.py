"""What pages show of the rules themselves: how two differ, and their numbers worked out."""

import itertools
import re

import numpy as np
from markdown import Markdown

from optimizers import OPTIMIZERS
from optimizers.formula import (
    FormulaError,
    Rule,
    Statement,
    differences,
    highlight,
    rule_of,
    worked,
)
from optimizers.formula.printers import matrix, number

from .source import PageError, locate, page_path

REASON = re.compile(r"^\$(?P<latex>[^$]+)\$\s+(?P<why>.+)$")
MARK = r"\htmlClass{changed}{"
SECTIONS = {"initialize": "Initialize", "iteration": "On iteration $t$"}
# What walks through the lines; without a script it is not shown.
BAR = (
    '<button type="button">Start</button>'
    '<button type="button" aria-label="Back">‹</button>'
    '<button type="button" aria-label="Forward">›</button><span role="status"></span>'
)
# The run that the tables of worked numbers show; decay is on, so that its lines are not idle.
START, GRADIENTS, OPTIONS = 1.0, (0.5, -0.2, 0.4, 0.1), {"lr": 0.1, "weight_decay": 0.1}
# The same where a weight is one of a matrix: each number times this one or its transpose.
MATRIX = np.array([[1.0, 0.5], [-0.5, 0.25]])


def differs(md: Markdown, name: str, body: list[str]) -> list[str]:
    """An optimizer's rule beside its parent's, line by line; the body says why each line differs.

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
    if untold := [f"  {lines[one]}: ${one}$" for one in lines if one not in reasons]:
        told = "\n".join(untold)
        raise PageError(f"{where}: say why each line differs, as `$LINE$ sentence`:\n{told}")
    for latex in reasons.keys() - lines.keys():
        raise PageError(f"{where}: this line is the same in {parent} or not there: ${latex}$")

    made = ["//// html | div.differs", *cell("head", f"**{parent}**"), *cell("head", f"**{name}**")]
    section = None
    for row in rows:
        if (row.after or row.before).section != section:
            section = (row.after or row.before).section
            made += cell("section", SECTIONS[section])
        kind = "moved" if row.moved and row.kind == "same" else row.kind
        made += cell(f"before.{kind}", shown(row.before, row.before_spans))
        made += cell(f"after.{kind}", shown(row.after, row.after_spans))
        if kind != "same":
            made += cell("why", reasons[(row.after or row.before).latex])
    return [*made, "////"]


def shown(statement: Statement | None, spans: tuple) -> str:
    """A line of a comparison, with what is changed marked, and how often it is repeated."""
    if statement is None:
        return ""
    times = f"*repeat* ${statement.repeat.times}$ *times:* " if statement.repeat else ""
    return f"{times}${highlight(statement.latex, spans, MARK)}$"


def defaults_that_differ(md: Markdown, names: str, body: list[str]) -> list[str]:
    """What changes for someone who switches from one optimizer to another and sets nothing.

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
    """Return an optimizer's rule; a name or a formula that cannot be read is the page's fault."""
    if name not in OPTIMIZERS:
        where = locate(page_path(md), f" {name}")
        raise PageError(f"{where}: no optimizer `{name}`; there are: {', '.join(OPTIMIZERS)}")
    try:
        return rule_of(name)
    except FormulaError as error:
        raise PageError(str(error)) from None


def cell(kind: str, text: str) -> list[str]:
    """A cell of the comparison, in Markdown."""
    return [f"/// html | div.{kind}", "", text, "", "///", ""]


def worked_numbers(md: Markdown, name: str, body: list[str]) -> list[str]:
    """The first iterations of an optimizer in numbers, as a table and line by line."""
    rule = known_rule(md, name)
    param, gradients = start(rule)
    moments = rule.trace(param, gradients, **OPTIONS)[:4]
    said = ", ".join(f"${numbers(gradient)}$" for gradient in gradients[: used(rule)])
    quantities = list(dict.fromkeys(latex for moment in moments for latex in moment.values))
    if not rule.initialize_reads_gradient:
        # The first gradient is given, and plays no part yet.
        gradient = next(one.latex for one in rule.symbols.values() if one.code == "grad")
        del moments[0].values[gradient]
    parameter = rule.variables[0]
    options = {**rule.defaults, **OPTIONS}
    chosen = ", ".join(
        f"`{option}` = {str(options[option]).strip('()')}" for option in rule.hyperparameters
    )
    made = [
        f"{'A matrix' if rule.matrix else 'One weight'} that starts at ${numbers(param)}$, "
        f"with the gradients {said}; {chosen}.",
        "",
        f"| Quantity | {' | '.join(f'*t*&nbsp;=&nbsp;{moment.t}' for moment in moments)} |",
        f"| --- |{' --- |' * len(moments)}",
    ]
    rows = sorted(quantities, key=lambda latex: latex == parameter)
    for latex in rows:
        values = [number_or_dash(moment.values, latex) for moment in moments]
        made.append(f"| ${latex}$ | {' | '.join(values)} |")
    repeated = any(line.statement.repeat for line in moments[1].lines)
    again = "; of what is repeated, the first time and the last" if repeated else ""
    made += ["", f"Line by line, with the numbers put in{again}:", ""]
    return [*made, *stepper(rule, moments, rows)]


def stepper(rule: Rule, moments: list, rows: list[str]) -> list[str]:
    """Each line of the rule, and below it its numbers at each moment; a script walks through them.

    Args:
        rule: the rule.
        moments: what its `trace` gave.
        rows: the quantities of the table above, so that a line finds its cell.
    """
    # Most elements of a page stand here: a browser that runs scripts has them as text until they
    # are near.
    made = ["////// html | div.stepper", "", "///// html | noscript", "    markdown: block", ""]
    made += ["/// html | p.stepper-bar", BAR, "///", ""]
    for section, runs in (("initialize", moments[:1]), ("iteration", moments[1:])):
        if any(moment.lines for moment in runs):
            made += cell("section", SECTIONS[section])
        for same in zip(*(first_and_last(moment.lines) for moment in runs), strict=True):
            statement = same[0].statement
            row, meaning = rows.index(statement.target), rule.symbols[statement.target].meaning
            made += [f"//// html | div.line[data-row='{row}'][data-meaning=\"{meaning}\"]", ""]
            made += [f"${statement.latex}$", ""]
            for moment, line in zip(runs, same, strict=True):
                numbers = worked(line).removeprefix(f"{statement.target} ")
                made += cell(f"numbers[data-t='{moment.t}']", f"${numbers}$")
            made += ["////", ""]
    return [*made, "/////", "", "//////"]


def first_and_last(lines: list) -> list:
    """Of lines that are repeated, those of the first time and of the last."""
    kept = []
    for line in lines:
        times = [other for other in lines if other.statement == line.statement]
        if line is times[0] or line is times[-1]:
            kept.append(line)
    return kept


def start(rule: Rule) -> tuple:
    """Return where the run starts and its gradients: numbers, or matrices."""
    if not rule.matrix:
        return START, list(GRADIENTS)
    turned = itertools.cycle([MATRIX, MATRIX.T])
    return START * MATRIX, [gradient * next(turned) for gradient in GRADIENTS]


def numbers(value) -> str:
    """Return a number or a matrix in LaTeX."""
    return (matrix if np.ndim(value) else number)(value, 4)


def used(rule) -> int:
    """Return how many gradients the table's four columns take."""
    return 4 if rule.initialize_reads_gradient else 3


def number_or_dash(values: dict, latex: str) -> str:
    return f"${numbers(values[latex])}$" if latex in values else "–"
