"""`::: worked-numbers NAME`: the first iterations of an optimizer, with the numbers put in."""

import itertools

import numpy as np
from markdown import Markdown

from optimizers.formula import Rule, worked
from optimizers.formula.printers import matrix, number

from .differences import PARTS, cell, known_rule

# The buttons walk through the lines.
BAR = (
    '<button type="button">Start</button>'
    '<button type="button" aria-label="Back">‹</button>'
    '<button type="button" aria-label="Forward">›</button><span role="status"></span>'
)
# The run that the tables of worked numbers show, with those of the options that the rule has; decay
# is on, so that its lines are not idle.
START, GRADIENTS, OPTIONS = 1.0, (0.5, -0.2, 0.4, 0.1), {"lr": 0.1, "weight_decay": 0.1}
# Where a weight is a matrix, each of these numbers is multiplied by this one or its transpose.
MATRIX = np.array([[1.0, 0.5], [-0.5, 0.25]])


def worked_numbers(md: Markdown, name: str, body: list[str]) -> list[str]:
    """Return the first iterations of an optimizer in numbers, as a table and line by line."""
    rule = known_rule(md, name)
    param, gradients = start(rule)
    given = {option: OPTIONS[option] for option in rule.hyperparameters if option in OPTIONS}
    moments = rule.trace(param, gradients, **given)[:4]
    shown = ", ".join(f"${in_latex(gradient)}$" for gradient in gradients[: shown_gradients(rule)])
    quantities = list(dict.fromkeys(latex for moment in moments for latex in moment.values))
    if not rule.initialize_reads_gradient:
        # The first gradient is given, and plays no part yet.
        gradient = next(latex for latex, symbol in rule.symbols.items() if symbol.code == "grad")
        del moments[0].values[gradient]
    parameter = rule.variables[0]
    options = {**rule.defaults, **given}
    chosen = ", ".join(
        f"`{option}` = {str(options[option]).strip('()')}" for option in rule.hyperparameters
    )
    page = [
        f"{'A matrix' if rule.matrix else 'One weight'} that starts at ${in_latex(param)}$, "
        f"with the gradients {shown}; {chosen}.",
        "",
        f"| Quantity | {' | '.join(f'*t*&nbsp;=&nbsp;{moment.t}' for moment in moments)} |",
        f"| --- |{' --- |' * len(moments)}",
    ]
    rows = sorted(quantities, key=lambda latex: latex == parameter)
    for latex in rows:
        values = [in_latex_or_dash(moment.values, latex) for moment in moments]
        page.append(f"| ${latex}$ | {' | '.join(values)} |")
    return [*page, "", *stepper(rule, moments, rows)]


def stepper(rule: Rule, moments: list, rows: list[str]) -> list[str]:
    """Return a walk through the lines of the rule with the numbers put in.

    It is a tool, which a script builds from its template when a reader opens it. The numbers stand
    in the table above.

    Args:
        rule: the rule.
        moments: the result of its `trace`.
        rows: the quantities of the table above, so that a line finds its cell.
    """
    repeated = any(line.statement.repeat for line in moments[1].lines)
    again = "; of what is repeated, the first time and the last" if repeated else ""
    lines = ["////// html | details.stepper", ""]
    lines += ["///// html | summary", f"Line by line, with the numbers put in{again}", "/////", ""]
    lines += ["///// html | template", "    markdown: block", ""]
    lines += ["/// html | p.stepper-bar", BAR, "///", ""]
    for section, runs in (("initialize", moments[:1]), ("iteration", moments[1:])):
        if any(moment.lines for moment in runs):
            lines += cell("section", PARTS[section])
        for same in zip(*(first_and_last(moment.lines) for moment in runs), strict=True):
            statement = same[0].statement
            row, meaning = rows.index(statement.target), rule.symbols[statement.target].meaning
            lines += [f"//// html | div.line[data-row='{row}'][data-meaning=\"{meaning}\"]", ""]
            lines += [f"${statement.latex}$", ""]
            for moment, line in zip(runs, same, strict=True):
                numbers = worked(line).removeprefix(f"{statement.target} ")
                lines += cell(f"numbers[data-t='{moment.t}']", f"${numbers}$")
            lines += ["////", ""]
    return [*lines, "/////", "", "//////"]


def first_and_last(lines: list) -> list:
    """Return the lines without those that are repeated, but for the first time and the last."""
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


def in_latex(value) -> str:
    """Return a number or a matrix in LaTeX."""
    return (matrix if np.ndim(value) else number)(value, 4)


def shown_gradients(rule: Rule) -> int:
    """Return how many gradients the table's four columns take."""
    return 4 if rule.initialize_reads_gradient else 3


def in_latex_or_dash(values: dict, latex: str) -> str:
    """Return the value of a quantity in LaTeX, or a dash where it has none."""
    return f"${in_latex(values[latex])}$" if latex in values else "–"
