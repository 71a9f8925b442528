"""What pages show of the rules themselves: how two differ, and their numbers worked out."""

import re

from markdown import Markdown

from optimizers import OPTIMIZERS
from optimizers.formula import differences, highlight, rule_of, worked
from optimizers.formula.printers import number

from .source import PageError, locate, page_path

REASON = re.compile(r"^\$(?P<latex>[^$]+)\$\s+(?P<why>.+)$")
MARK = r"\htmlClass{changed}{"
SECTIONS = {"initialize": "Initialize", "iteration": "On iteration $t$"}
# The run that the tables of worked numbers show; decay is on, so that its lines are not idle.
START, GRADIENTS, OPTIONS = 1.0, (0.5, -0.2, 0.4, 0.1), {"lr": 0.1, "weight_decay": 0.1}


def differs(md: Markdown, name: str, body: list[str]) -> list[str]:
    """An optimizer's rule beside its parent's, line by line; the body says why each line differs.

    Args:
        md: the page.
        name: the optimizer, which has a parent.
        body: for each line that differs, `$LINE$ sentence`: the new line, or the one that is gone.

    Raises:
        PageError: a line has no sentence, or a sentence no line.
    """
    parent = OPTIMIZERS[name].parent
    rows = differences(rule_of(parent), rule_of(name))
    reasons = dict(REASON.match(line.strip()).groups() for line in body if line.strip())
    lines = [(row.after or row.before).latex for row in rows if row.kind != "same" or row.moved]
    where = locate(page_path(md), f"::: differs {name}")
    for latex in lines:
        if latex not in reasons:
            raise PageError(f"{where}: say why this line differs, as `$LINE$ sentence`: ${latex}$")
    for latex in reasons.keys() - set(lines):
        raise PageError(f"{where}: this line is the same in {parent} or not there: ${latex}$")

    made = ["//// html | div.differs", *cell("head", f"**{parent}**"), *cell("head", f"**{name}**")]
    section = None
    for row in rows:
        if (row.after or row.before).section != section:
            section = (row.after or row.before).section
            made += cell("section", SECTIONS[section])
        kind = "moved" if row.moved and row.kind == "same" else row.kind
        before = row.before and highlight(row.before.latex, row.before_spans, MARK)
        after = row.after and highlight(row.after.latex, row.after_spans, MARK)
        made += cell(f"before.{kind}", f"${before}$" if before else "")
        made += cell(f"after.{kind}", f"${after}$" if after else "")
        if kind != "same":
            made += cell("why", reasons[(row.after or row.before).latex])
    return [*made, "////"]


def defaults_that_differ(md: Markdown, names: str, body: list[str]) -> list[str]:
    """What changes for someone who switches from one optimizer to another and sets nothing.

    Args:
        md: the page.
        names: the optimizer left and the one taken, such as "Adam ADOPT".
        body: nothing.
    """
    before, after = (rule_of(name).defaults for name in names.split())
    return [
        f"- `{option}` is {after[option]}, not {before[option]}."
        for option in after
        if option in before and after[option] != before[option]
    ]


def cell(kind: str, text: str) -> list[str]:
    """A cell of the comparison, in Markdown."""
    return [f"/// html | div.{kind}", "", text, "", "///", ""]


def worked_numbers(md: Markdown, name: str, body: list[str]) -> list[str]:
    """The first iterations of an optimizer in numbers, and one of them written out."""
    rule = rule_of(name)
    moments = rule.trace(START, GRADIENTS, **OPTIONS)[:4]
    first = moments[1]
    said = ", ".join(number(gradient, 4) for gradient in GRADIENTS[: used(rule)])
    quantities = list(dict.fromkeys(latex for moment in moments for latex in moment.values))
    parameter = rule.variables[0]
    options = {**rule.defaults, **OPTIONS}
    chosen = ", ".join(
        f"`{option}` = {str(options[option]).strip('()')}" for option in rule.hyperparameters
    )
    made = [
        f"One weight that starts at {number(START, 4)}, with the gradients ${said}$; {chosen}.",
        "",
        f"| Quantity | {' | '.join(f'*t* = {moment.t}' for moment in moments)} |",
        f"| --- |{' --- |' * len(moments)}",
    ]
    for latex in sorted(quantities, key=lambda latex: latex == parameter):
        values = [number_or_dash(moment.values, latex) for moment in moments]
        made.append(f"| ${latex}$ | {' | '.join(values)} |")
    made += ["", f"Iteration $t = {first.t}$, line by line, with the numbers put in:", ""]
    for line in first.lines:
        made += [f"${worked(line)}$", ""]
    return made


def used(rule) -> int:
    """Return how many gradients the table's four columns take."""
    return 4 if rule.initialize_reads_gradient else 3


def number_or_dash(values: dict, latex: str) -> str:
    return f"${number(values[latex], 4)}$" if latex in values else "–"
