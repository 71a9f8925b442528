"""Reads a formula section into a rule, and refuses what it could only guess."""

import inspect
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from .expressions import Formula, formulas
from .rule import Repeat, Rule, Statement, blocks
from .source import WORDS, Source, pieces_of_math
from .symbols import Symbol, symbols_for

MARKERS = ("--8<-- [start:formula]", "--8<-- [end:formula]")


def read(
    text: str,
    *,
    path: str | Path = "<formula>",
    line: int = 1,
    symbols: Iterable[Symbol] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Rule:
    r"""Read the formula section of an optimizer.

    Args:
        text: Markdown with LaTeX, and in it the words "Initialize" and "On iteration t", or
            «مقداردهی اولیه» and «در تکرار», before the lines that are run once and each time.
        path: the file that the text comes from, for errors.
        line: the line of the file where the text begins, from 1.
        symbols: the known symbols, one row each; `symbols_for()` unless said.
        defaults: values of hyper-parameters that callers of `step` may leave out.

    Returns:
        The rule.

    Raises:
        FormulaError: the reader would have to guess; the error names the place.

    Example:
        >>> rule = read(r'''Initialize: $V_{dw} = 0$
        ...
        ... On iteration $t$: $V_{dw} = \beta_1 V_{dw} + dW$, $W := W - \alpha V_{dw}$''')
        >>> rule.hyperparameters, rule.states, rule.variables
        (['lr', 'betas'], ['exp_avg'], ('W',))
        >>> read(r"On iteration $t$: $V_{dw} = dW$, $W := W - \alpha V_{dw}$", path="mine.md")
        Traceback (most recent call last):
        optimizers.formula.source.FormulaError: mine.md:1:20: `V_{dw}` has no first value
            On iteration $t$: $V_{dw} = dW$, $W := W - \alpha V_{dw}$
                               ^^^^^^
        accepted: a line in Initialize, such as $V_{dw} = 0$
    """
    source = Source(text, str(path), line)
    table = {symbol.latex: symbol for symbol in symbols or symbols_for()}
    found: list[Item] = []
    shapes: dict[str, tuple] = {}
    for math in pieces_of_math(source):
        repeat = how_often(source, math.repeat, table) if math.repeat else None
        for formula in formulas(source, math, table, shapes):
            found.append(Item(formula, math.section, repeat))
    items = [item for item in found if item.formula.target]
    if not items:
        raise source.error(
            "no assignment", 0, len(text.rstrip()), r"lines such as $W := W - \alpha dW$"
        )
    for check in (check_places, check_times, check_values, check_use):
        check(source, table, items)
    check_mentions(source, table, items, [item for item in found if not item.formula.target])

    used = used_by(items)
    chosen = {latex: symbol for latex, symbol in table.items() if latex in used}
    statements = tuple(statement_of(source, table, item) for item in items)
    return Rule(statements, chosen, dict(defaults or {}))


def rule_of(module: ModuleType) -> Rule:
    """The rule of an optimizer, read from its module's file.

    Args:
        module: a module such as `optimizers.adam`, with a formula section and a function
            `adam_step`. The variables of this function, and the attribute `state_names` of the
            module's classes, are the names that choose among several rows of a symbol.

    Returns:
        The rule; its defaults are those of the function.

    Raises:
        FormulaError: the formula cannot be read, or the module lacks the section or the function.

    Example:
        >>> import optimizers.adamw
        >>> rule = rule_of(optimizers.adamw)
        >>> rule.statements[4].latex, rule.statements[4].path, rule.defaults["weight_decay"]
        ('W := W - \\\\alpha \\\\lambda W', 'optimizers/adamw.py', 0.01)
    """
    path = module.__name__.replace(".", "/") + ".py"
    text = Path(module.__file__ or path).read_text(encoding="utf-8")
    section, line = section_of(text, path)
    name = module.__name__.rpartition(".")[2] + "_step"
    step = getattr(module, name, None)
    if step is None:
        accepted = f"def {name}(param, grad, state, *, …), whose defaults the rule takes"
        raise Source(text, path, 1).error(f"the module has no function `{name}`", 0, 0, accepted)
    states = [key for item in vars(module).values() for key in getattr(item, "state_names", ())]
    names = (*states, *inspect.unwrap(step).__code__.co_varnames)
    return read_once(section, path, line, names, tuple(defaults_of(step).items()))


@lru_cache(maxsize=64)  # callers ask for a rule again and again, and its file may have changed
def read_once(text, path, line, names, defaults):
    """The rule of a section, with the rows of symbols for the names in the code."""
    table = symbols_for(names)
    return read(text, path=path, line=line, symbols=table, defaults=dict(defaults))


def section_of(text: str, path: str) -> tuple[str, int]:
    r"""The formula section of a file's text, between its markers, and its first line.

    Example:
        >>> section_of("A\n% --8<-- [start:formula]\n$W$\n% --8<-- [end:formula]\n", "a.py")
        ('$W$\n', 3)
    """
    source, places = Source(text, path, 1), []
    accepted = f"one line {MARKERS[0]} and, below it, one {MARKERS[1]}"
    for marker in MARKERS:
        found = [match.start() for match in re.finditer(re.escape(marker), text)]
        if not found:
            raise source.error(f"no line `{marker}`", 0, 0, accepted)
        if len(found) > 1:
            message = f"a second line `{marker}`"
            raise source.error(message, found[1], found[1] + len(marker), accepted)
        places += found
    if places[0] > places[1]:
        message = "the formula ends here before it starts"
        raise source.error(message, places[1], places[1] + len(MARKERS[1]), accepted)
    start, end = (source.where(place)[0] for place in places)
    return "".join(text.splitlines(keepends=True)[start : end - 1]), start + 1


def defaults_of(step):
    """The defaults of a step's keywords, without `maximize`, which stands in no formula."""
    keywords = inspect.signature(step).parameters.values()
    return {
        keyword.name: keyword.default
        for keyword in keywords
        if keyword.default is not keyword.empty and keyword.name != "maximize"
    }


class Item(NamedTuple):
    """A formula and the section that it stands in."""

    formula: Formula
    section: str
    repeat: Repeat | None


def statement_of(source, table, item):
    """The statement of an item that assigns."""
    formula, target = item.formula, item.formula.target.latex
    line, column = source.where(formula.start)
    return Statement(
        latex=source.text[formula.start : formula.end],
        path=source.path,
        line=line,
        column=column,
        section=item.section,
        variable=table[target].of,
        target=target,
        expression=formula.expression,
        repeat=item.repeat,
    )


def used_by(items):
    """The symbols that some formulas use, including the numbers of repetitions."""
    places = [place for item in items for place in [item.formula.target, *item.formula.reads]]
    used = {place.latex for place in places}
    return used | {name for item in items if item.repeat for name in item.repeat.reads}


def how_often(source, math, table):
    """The repetition that a piece of mathematics counts: by a number or a hyper-parameter."""
    [*first, count] = formulas(source, math, table)
    times = count.expression
    known = times.is_Symbol and table[times.name].kind == "hyper-parameter"
    if first or count.target or not (known or times.is_Integer):
        accepted = "a whole number or a hyper-parameter, such as $K$"
        raise refuse(source, count, "how often is this repeated?", accepted)
    return Repeat(times, source.where(math.start))


def refuse(source, place, message, accepted):
    """The error at a formula or at a symbol in it."""
    return source.error(message, place.start, place.end, accepted)


# Quantities of these kinds are computed anew in each iteration.
WITHIN = ("intermediate", "matrix")
# Symbols of these kinds are not assigned to, for the reason in words.
NOT_ASSIGNED = {
    "size": "a size, which is the parameter's",
    "hyper-parameter": "a hyper-parameter, which the caller gives",
    "iteration": "the iteration, which counts itself",
    "group": "a group of symbols, for prose only",
}


def check_places(source, table, items):
    """Each assignment stands in a section, to a symbol that can be assigned, of one parameter."""
    if {section for _, section, _ in items} == {"initialize"}:
        last = items[-1].formula
        message = "all lines are in Initialize, for none above begins with 'On iteration'"
        raise refuse(source, last, message, "'On iteration' or 'در تکرار' where a line begins")
    for formula, section, _ in items:
        target = table[formula.target.latex]
        if not section:
            raise refuse(source, formula, "an assignment before any section", WORDS)
        if target.kind in NOT_ASSIGNED:
            message = f"`{target.latex}` is {NOT_ASSIGNED[target.kind]}"
            accepted = "an assignment to a parameter, a gradient, a state or an intermediate"
            raise refuse(source, formula.target, message, accepted)
        if (target.kind, section) == ("parameter", "initialize"):
            message = f"`{target.latex}` starts where the caller says"
            raise refuse(source, formula.target, message, "states, such as $V_{dw} = 0$")
        for read in formula.reads:
            symbol = table[read.latex]
            if symbol.kind == "group":
                members = [row.latex for row in table.values() if row.code == symbol.code]
                message = f"`{symbol.latex}` is {NOT_ASSIGNED['group']}"
                accepted = " or ".join(latex for latex in members if latex != symbol.latex)
                raise refuse(source, read, message, accepted)
            if symbol.of not in ("", target.of):
                message = f"`{symbol.latex}` belongs to {symbol.of}, and this line to {target.of}"
                twins = [row for row in table.values() if row[1:3] == symbol[1:3]]
                accepted = " or ".join(twin.latex for twin in twins if twin.of == target.of)
                raise refuse(source, read, message, accepted or "its counterpart in the table")


def check_times(source, table, items):
    """Indices of time agree with the order of the lines, so that x_t is x, in place."""
    styles, assigned = {}, set()
    for formula, section, repeat in items:
        target = formula.target
        for place in [*formula.reads, target]:
            kind = table[place.latex].kind
            if place.time and repeat:
                message = "an index of time in a repetition, which stays in its iteration"
                raise refuse(source, place, message, place.latex)
            if place.time and kind in NOT_ASSIGNED:
                message = f"`{place.latex}` is {NOT_ASSIGNED[kind]}: it has no index of time"
                raise refuse(source, place, message, place.latex)
            allowed = ("", "0") if section == "initialize" else ("", "t", "t-1")
            if place.time not in allowed:
                accepted = (
                    "no index, or _0" if section == "initialize" else "no index, _t or _{t-1}"
                )
                message = f"the index {place.time} in the section '{section}'"
                raise refuse(source, place, message, accepted)
            if section == "iteration":
                indexed = styles.setdefault(place.latex, bool(place.time))
                if indexed != bool(place.time):
                    message = f"`{place.latex}` is written with the index t and without"
                    raise refuse(source, place, message, "one of the two in all lines")
            if place.time == "t-1":
                if place is target:
                    message = "an assignment to an earlier iteration"
                    raise refuse(source, place, message, "the index t")
                if kind not in ("parameter", "state"):
                    message = f"`{place.latex}`, {kind}, does not outlive its iteration"
                    raise refuse(source, place, message, "the index t, or a state")
                if place.latex in assigned:
                    message = f"`{place.latex}` at t-1 is gone: a line above gave it the value at t"
                    raise refuse(source, place, message, "this line above that one, or the index t")
            given = kind == "gradient" or place.latex in assigned
            if place.time == "t" and place is not target and not given:
                message = f"`{place.latex}` at t has no value yet"
                raise refuse(source, place, message, "the index t-1, or this line further down")
        if section == "iteration":
            assigned.add(target.latex)


def check_values(source, table, items):
    """Every symbol has a value when it is read, and every state when it is first updated."""
    given = {"parameter", "gradient", "hyper-parameter", "size"}
    known = {latex for latex, symbol in table.items() if symbol.kind in given}
    in_iteration, before, inside = False, known, None
    for formula, section, repeat in items:
        if repeat != inside:
            # A first value in a repetition may never come, because it is repeated 0 times or more.
            known = set(before) if inside else known
            before, inside = set(known), repeat
        if section == "iteration" and not in_iteration:
            in_iteration = True
            # Only states outlive Initialize.
            known = {latex for latex in known if table[latex].kind not in WITHIN}
            known |= {latex for latex, symbol in table.items() if symbol.kind == "iteration"}
        for read in formula.reads:
            if read.latex not in known:
                kind = table[read.latex].kind
                accepted = {
                    "state": f"a line in Initialize, such as ${read.latex} = 0$",
                    "iteration": "no iteration in Initialize: it counts from 1 after it",
                }.get(kind, f"a line above that assigns to {read.latex}")
                raise refuse(source, read, f"`{read.latex}` has no value yet", accepted)
        target = formula.target.latex
        if section == "iteration" and table[target].kind == "state" and target not in known:
            accepted = f"a line in Initialize, such as ${target} = 0$"
            raise refuse(source, formula.target, f"`{target}` has no first value", accepted)
        known.add(target)


def check_use(source, table, items):
    """Every line has a part in the update of a parameter."""
    owners = dict.fromkeys(table[item.formula.target.latex].of for item in items)
    for variable in filter(None, owners):
        # A quantity that all parameters share serves each of them.
        own = [item for item in items if table[item.formula.target.latex].of in (variable, "")]
        loop = [item for item in own if item.section == "iteration"]
        begin = [item for item in own if item.section == "initialize"]
        moved = {latex for latex, row in table.items() if row.kind == "parameter"}
        moved = {latex for latex in moved if table[latex].of == variable}
        # A value that an iteration reads from the last one has to be alive at its end, and so on.
        alive = moved
        while True:
            dead, needed = unread(loop, alive)
            kept = {latex for latex in needed if table[latex].kind == "state"} | moved
            if kept == alive:
                break
            alive = kept
        dead += unread(begin, alive)[0]
        for item in dead:
            latex = item.formula.target.latex
            below = (loop if item in loop else begin)[::-1]
            below = below[: below.index(item)]
            if any(later.formula.target.latex == latex for later in below):
                message = f"a line below replaces this `{latex}` before anything reads it"
            else:
                message = f"`{latex}` is never used: nothing that moves {variable} reads it"
            accepted = "a line that has a part in the update, or none"
            raise refuse(source, item.formula, message, accepted)
        for latex, symbol in table.items():
            given = symbol.of == variable and symbol.kind in ("parameter", "gradient")
            if given and latex not in needed:
                message = f"`{latex}` is never used: no line of {variable} reads it"
                raise refuse(source, loop[0].formula, message, f"lines that read {latex}")


def unread(lines, alive):
    """The lines whose value no later line reads, found from the last line to the first.

    Args:
        lines: items in the order in which they run.
        alive: the symbols that are read after them.

    Returns:
        The dead items, and the symbols that need a value before the first line.
    """
    dead, alive = [], set(alive)
    for repeat, block in reversed(blocks(lines)):
        after = set(alive)
        found, alive = unread_once(block, after)
        while repeat and not alive <= after:
            # Each pass may read values of the pass before it; and there may be no pass.
            after |= alive
            found, alive = unread_once(block, after)
        dead[:0] = found
        if repeat:
            alive |= after
    return dead, alive


def unread_once(lines, alive):
    """The result of `unread` for lines that run once."""
    dead, alive = [], set(alive)
    for item in reversed(lines):
        if item.formula.target.latex in alive:
            alive.discard(item.formula.target.latex)
            alive |= {read.latex for read in item.formula.reads}
        else:
            dead.insert(0, item)
    return dead, alive


def check_mentions(source, table, items, mentions):
    """Some line uses each symbol that the prose mentions."""
    used = used_by(items)
    codes = {table[latex].code for latex in used}
    for formula, *_ in mentions:
        for read in formula.reads:
            symbol = table[read.latex]
            in_use = symbol.code in codes if symbol.kind == "group" else read.latex in used
            if not in_use and symbol.kind != "iteration":
                message = f"`{read.latex}` is mentioned and never used"
                raise refuse(
                    source, read, message, "symbols of the lines: " + "  ".join(sorted(used))
                )
