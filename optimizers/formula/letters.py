r"""Reads papers' letters: \theta_t = \theta_{t-1} - \eta g_t, as papers and their algorithm boxes have it.

The text is translated into the dialect, line by line, and read by the one reader. What is assigned
and read at t-1 is a state, what is read and never assigned is a hyper-parameter; the parameter is
θ, w or x, the gradient g. `Reading.taken` says what each symbol was taken for, and why.
"""

import keyword
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import sympy

from .expressions import occurrences
from .paper import ACCEPTED, Atom, Branch, Line, Paper, Piece, Reader, parts_of
from .reader import read
from .rule import Rule
from .source import FormulaError, Source
from .symbols import Symbol


class Reading(NamedTuple):
    """A rule that was read from papers' letters.

    Args:
        rule: the rule, over the paper's own symbols.
        taken: what each symbol was taken for, one sentence each.
        dialect: the translation that was read.
    """

    rule: Rule
    taken: list[str]
    dialect: str


PARAMETERS = ("\\theta", "w", "x", "W", "X", "p")
UPDATES = ("u", "\\Delta_{\\theta}", "\\Delta_w", "\\Delta_x")
RATES = ("\\eta", "\\gamma", "\\alpha")
# What hyper-parameters are called where the text has no words for them.
NAMES = {
    "\\epsilon": "eps",
    "\\varepsilon": "eps",
    "\\lambda": "weight_decay",
    "\\mu": "momentum",
}
# The names in the code of what papers' words say.
WORDS = {"learning rate": "lr", "step size": "lr", "epsilon": "eps", "weightdecay": "weight_decay"}
TAKEN = {"param", "grad", "state", "step", "t", *keyword.kwlist}


def read_letters(
    text: str,
    *,
    path: str | Path = "<formula>",
    line: int = 1,
    options: Mapping[str, bool] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Reading:
    r"""Read an update rule in papers' letters.

    Args:
        text: LaTeX alone, such as an algorithm box, or prose with LaTeX in it.
        path: the file that it comes from, for errors.
        line: the line of the file where the text begins, from 1.
        options: which branches are taken, by the word of their condition, such as "nesterov"; an
            option is off unless said.
        defaults: values of hyper-parameters that callers of `step` may leave out.

    Returns:
        The rule, and what its symbols were taken for.

    Raises:
        FormulaError: the reader would have to guess; the error names the place.

    Example:
        >>> reading = read_letters(r'''m_t = \mu m_{t-1} + g_t \\
        ... \theta_t = \theta_{t-1} - \eta m_t''')
        >>> print(reading.rule)
        Initialize
            m = 0
        On iteration t
            m_t = \mu m_{t-1} + g_t
            \theta_t = \theta_{t-1} - \eta m_t
        >>> print(*reading.taken, sep="\n")
        \theta: the parameter
        g: the gradient
        \mu: a hyper-parameter, called momentum
        \eta: a hyper-parameter, called lr
        m: a state, called m; it starts at 0, because the text does not say
        >>> reading.rule.step(1.0, 0.5, {}, lr=0.1, momentum=0.9)
        (0.95, {'step': 1, 'm': 0.5})
        >>> read_letters(r"\theta_t = \theta_{t-1} - \eta \log g_t", path="mine.md")
        Traceback (most recent call last):
        optimizers.formula.source.FormulaError: mine.md:1:32: cannot read `\log`
            \theta_t = \theta_{t-1} - \eta \log g_t
                                       ^^^^
        accepted: letters with indices, \frac{}{}, \sqrt{}, \max(), \min(), \mathrm{sign}(), \mathrm{clip}(), |·|, \|·\|, \nabla f(\theta), \sum_{i=1}^{t}, \prod_{i=1}^{t}
    """
    return Translation(Source(text, str(path), line), dict(options or {})).reading(defaults)


def in_letters(text: str) -> bool:
    r"""Whether a text is in papers' letters: it has θ, g, ∇ or an index of time, and no dW nor db.

    Example:
        >>> in_letters(r"$W_t := W_{t-1} - \alpha dW_t$"), in_letters(r"$w_t = w_{t-1} - \eta g_t$")
        (False, True)
    """
    dialect = re.search(r"(?<![A-Za-z\\])d[Wwb](?![A-Za-z])", text)
    papers = r"[_^]\{?\(?[tkn](?![A-Za-z])|\\theta|\\nabla|(?<![A-Za-z\\])g(?![A-Za-z])"
    return not dialect and bool(re.search(papers, text))


class Translation:
    """Translates one text."""

    def __init__(self, source: Source, options: dict[str, bool]) -> None:
        self.source = source
        self.paper = Paper(source, options)
        self.words, self.remarks = self.paper.words, self.paper.remarks
        program = self.paper.read()
        self.targets = {line.target.name for line in every(program)}
        self.indicators = 0
        program = self.settled(program)
        for word in options.keys() - self.paper.asked:
            asked = ", ".join(sorted(self.paper.asked)) or "none: no branch asks for an option"
            raise self.error(f"no branch asks for the option {word!r}", 0, 1, asked)
        if not list(every(program)):
            raise self.error(
                "no assignment", 0, len(source.text.rstrip()), r"\theta_t = \theta_{t-1} - \eta g_t"
            )
        program = self.given(program)
        program = self.flat(program, {self.parameter, self.gradient})
        first = [line for line in program if line.section == "initialize"]
        loop = [line for line in program if line.section != "initialize"]
        self.loop = self.in_place(self.ordered(self.needed(self.shifted(loop))))
        self.first = self.started(first)

    def error(self, message, start, end, accepted=ACCEPTED):
        return self.source.error(message, start, end, accepted)

    # Branches.

    def settled(self, program):
        """The program without the branches that options decide."""
        found = []
        for item in program:
            if isinstance(item, Line):
                found.append(item)
                continue
            truth = self.truth(item)
            then, other = self.settled(item.then), self.settled(item.other)
            if truth is None:
                found.append(item._replace(then=then, other=other))
            else:
                found += then if truth else other
        return found

    def truth(self, branch):
        """Whether a condition holds: of an option, or that a hyper-parameter is not 0; else None."""
        tokens = [token.text for token in branch.condition]
        kinds = {token.kind for token in branch.condition}
        if "<" in tokens or ">" in tokens or "\\neq" in tokens or "\\ne" in tokens:
            pieces = self.expression(branch.condition[:1])
            atom = pieces[0].atom if len(pieces) == 1 else None
            hyper = atom and atom.name not in self.targets and atom.name != "t"
            if hyper and tokens[1:] in (["\\neq", "0"], ["\\ne", "0"], [">", "0"]):
                self.paper.remark(f"{atom.name} is not 0: taken to hold")
                return True
            if len([token for token in tokens if token in ("<", ">")]) == 1:
                return None
        elif kinds <= {"letter", "long", "word"} and tokens:
            text = "".join(tokens)
            word = re.sub(r"\\(text|textit|textbf|mathrm|texttt)\{|[{}\\:\s]", "", text)
            if re.fullmatch(r"[A-Za-z_]{3,}", word):
                return self.paper.option(word)
        message = "a condition that is neither an option nor a comparison"
        raise self.error(
            message, branch.start, branch.end, r"a word, \lambda \neq 0, a > b or a < b"
        )

    def expression(self, tokens):
        """The pieces of some tokens."""
        return Reader(self.paper, tokens).expression()

    def flat(self, program, above):
        """Lines only: a branch on a comparison becomes k·then + (1 - k)·else, with k = 1 or 0."""
        found, known = [], set(above)
        for item in program:
            if isinstance(item, Line):
                found.append(item)
                known.add(item.target.name)
            else:
                lines = self.merged(item, program, known)
                known |= {line.target.name for line in lines}
                found += lines
        return found

    def merged(self, branch, program, known):
        """The lines of a branch on a comparison."""
        start, end = branch.start, branch.end
        tokens = branch.condition
        sign = next(i for i, token in enumerate(tokens) if token.text in ("<", ">"))
        left, right = self.expression(tokens[:sign]), self.expression(tokens[sign + 1 :])
        low, high = (right, left) if tokens[sign].text == ">" else (left, right)

        def text(what):
            return Piece(what, start, end)

        self.indicators += 1
        k = Atom(f"k_{self.indicators}", "t", start, end)
        named = Piece("", start, end, k)
        value = [
            text("\\operatorname{sign}"),
            text("("),
            text("\\max"),
            text("("),
            *high,
            text("-"),
        ]
        value += [text("("), *low, text(")"), text(","), text("0"), text(")"), text(")")]
        found = [Line(k, value, start, end)]
        number = str(self.indicators) if self.indicators > 1 else ""
        sides = []
        for lines, side in ((branch.then, "then"), (branch.other, "else")):
            inner = self.flat(lines, known)
            if side == "then" and tokens[sign].text == ">" and len(left) == 1 and left[0].atom:
                # Where the branch is not taken, its lines must still have a value.
                inner = [
                    line._replace(value=bounded(line.value, left[0].atom.name, right, text))
                    for line in inner
                ]
            sides.append(inner)
        own = [{line.target.name for line in side} for side in sides]
        chosen = [
            name
            for name in dict.fromkeys(line.target.name for side in sides for line in side)
            if name in known or name in own[0] & own[1] or self.outlives(name, branch, program)
        ]
        times = {line.target.name: line.target.time for side in sides for line in side}
        for lines, side in zip(sides, ("then", "else"), strict=True):
            found += renamed(lines, chosen, f"{side}{number}")
        for name in chosen:
            atom = Atom(name, times[name], start, end)
            parts = []
            for place, side in enumerate(("then", "else")):
                if name in own[place]:
                    part = Atom(labelled(name, f"{side}{number}"), times[name], start, end)
                else:
                    part = atom._replace(time=times[name] if name in known else before(times[name]))
                parts.append(Piece("", start, end, part))
            value = [named, text("\\cdot"), parts[0], text("+"), text("("), text("1"), text("-")]
            value += [named, text(")"), text("\\cdot"), parts[1]]
            found.append(Line(atom, value, start, end))
        return found

    def outlives(self, name, branch, program):
        """Whether something outside of a branch reads or gives a quantity."""
        outside = [line for item in program if item is not branch for line in every([item])]
        return any(
            name == line.target.name or name in {atom.name for atom in atoms(line.value)}
            for line in outside
        )

    # Parameter, gradient and update.

    def given(self, program):
        """Find the parameter and the gradient; drop the line that only says what the gradient is."""
        lines = list(every(program))
        assigned = [line.target.name for line in lines if line.section != "initialize"]
        read_names = [atom.name for line in lines for atom in atoms(line.value)]
        inside = [a.name for line in lines for p in line.value for a in atoms(p.inside or ())]
        choices = [name for name in PARAMETERS if name in assigned]
        choices += [name for name in PARAMETERS if name in (*read_names, *inside)]
        moved = bool(choices) and choices[0] in assigned
        self.parameter = choices[0] if choices else "\\theta"
        declared = [
            line
            for line in lines
            if [piece.text for piece in line.value if piece.text != "-"] == ["\\nabla"]
            and line.target.name != self.parameter
        ]
        names = list(dict.fromkeys(line.target.name for line in declared))
        if not names:
            names = [name for name in ("g", "G") if name in read_names and found_first(name, lines)]
        nablas = [(line, p) for line in lines for p in line.value if p.inside is not None]
        if not names and nablas:
            names = ["g"]
        if not names:
            line = lines[-1]
            raise self.error("no gradient", line.start, line.end, r"g_t, or \nabla f(\theta_{t-1})")
        self.gradient = names[0]
        moves = {line.target.time for line in lines if line.target.name == self.parameter}
        for line, piece in nablas:
            self.check_gradient(piece, moves)
            if line in declared and len(line.value) == 2:
                raise self.error("the negative of a gradient as the gradient", line.start, line.end)
        program = without(program, declared)
        atom = Atom(self.gradient, "t", 0, 0)
        program = swapped(program, lambda piece: piece.inside is not None, atom)
        if not moved:
            program = self.with_update(program, assigned, read_names)
        return program

    def check_gradient(self, piece, moves):
        """The gradient is that at the parameter, before it moves."""
        comma = [place for place, inner in enumerate(piece.inside) if inner.text == ","]
        at = piece.inside[: comma[0]] if comma else piece.inside
        atom = at[0].atom if len(at) == 1 else None
        old = {"", "t"} if "t+1" in moves or not moves else {"", "t-1"}
        if at and not (atom and atom.name == self.parameter and atom.time in old):
            message = f"a gradient at something else than the parameter {self.parameter} as it was"
            index = "t" if "t" in old else "t-1"
            accepted = rf"\nabla f({self.parameter}_{{{index}}})"
            raise self.error(message, piece.start, piece.end, accepted)

    def with_update(self, program, assigned, read_names):
        """A text that gives only an update: it is added to the parameter."""
        found = [name for name in UPDATES if name in assigned and name not in read_names]
        lines = list(every(program))
        if not found:
            last = lines[-1]
            message = f"nothing moves a parameter: neither {', '.join(PARAMETERS)} nor an update u"
            raise self.error(
                message, last.start, last.end, r"\theta_t = \theta_{t-1} - …, or u_t = …"
            )
        last = next(line for line in reversed(lines) if line.target.name == found[0])
        start, end = last.start, last.end
        self.paper.remark(f"{found[0]}: the update, which is added to the parameter")
        value = [
            Piece("", start, end, Atom(self.parameter, "t", start, end)),
            Piece("+", start, end),
            Piece("", start, end, Atom(found[0], last.target.time, start, end)),
        ]
        return [*program, Line(Atom(self.parameter, "t+1", start, end), value, start, end)]

    # Times.

    def shifted(self, lines):
        """Times such that what an iteration assigns is at t, and what it found is at t-1."""
        assigned: dict[str, set] = {}
        read_at: dict[str, set] = {}
        for line in lines:
            assigned.setdefault(line.target.name, set()).add(line.target.time)
            for atom in atoms(line.value):
                read_at.setdefault(atom.name, set()).add(atom.time)

        def move(atom):
            times = assigned.get(atom.name, set()) - {""}
            time = atom.time
            if time == "0" and atom.name == self.parameter:
                self.began = atom
                return atom._replace(name=labelled(atom.name, "first"), time="")
            if time == "0":
                raise self.error(f"`{atom.name}` at 0 in an iteration", *atom[2:4], "t, or t-1")
            if times == {"t+1"}:
                if time == "t-1":
                    self.older.setdefault(atom.name, atom)
                    return atom._replace(name=labelled(atom.name, "before"), time="")
                return atom._replace(time={"t+1": "t", "t": "t-1"}.get(time, time))
            if time == "t+1":
                if "t+1" not in times:
                    raise self.error(f"`{atom.name}` at t+1 has no value", *atom[2:4], "t, or t-1")
                return atom._replace(name=labelled(atom.name, "next"), time="t")
            if atom.name == self.gradient and read_at.get(atom.name) == {"t-1"} and not times:
                return atom._replace(time="t")
            if times and "t-1" in times:
                raise self.error("an assignment at t-1", *atom[2:4], "t")
            return atom

        self.older: dict[str, Atom] = {}
        self.began: Atom | None = None
        return [changed(line, move) for line in lines]

    def ordered(self, lines):
        """Equations in the order in which they need each other, where the indices say it."""
        targets = [line.target.name for line in lines]
        if len(set(targets)) < len(targets):
            return lines
        found, left = [], list(lines)
        while left:
            later = {line.target.name for line in left}
            ready = [
                line
                for line in left
                if not any(a.time == "t" and a.name in later for a in atoms(line.value))
            ]
            if not ready:
                return lines
            found.append(ready[0])
            left.remove(ready[0])
        if found != lines:
            self.paper.remark("the lines are run in the order in which they need each other")
        return found

    def needed(self, lines):
        r"""Lines without those that only name: \theta_t = \theta_{t-1}, and S_t = m_t that nothing reads."""
        reads = {atom.name for line in lines for atom in atoms(line.value)}
        found, known = [], set()
        for line in lines:
            name, only = line.target.name, line.value[0].atom if len(line.value) == 1 else None
            if only and name not in (*reads, self.parameter):
                self.paper.remark(f"{name}: another name of {only.name}, which no line reads")
            elif not only or only.name != name or (only.time != "t" and name in known):
                found.append(line)
            known.add(name)
        return found

    def in_place(self, lines):
        """Lines in place: what is read at t-1 after it was assigned was copied before."""
        assigned = {line.target.name for line in lines}
        given, copies, kept, known = {self.parameter, self.gradient}, {}, {}, set()
        self.states: dict[str, Line] = {}
        found = []
        for line in lines:

            def move(atom, line=line):
                name = atom.name
                if atom.time == "t-1" and name == self.gradient:
                    kept[name] = line
                    self.states.setdefault(labelled(name, "previous"), line)
                    return atom._replace(name=labelled(name, "previous"), time="")
                if atom.time == "t-1" and name not in assigned and name != self.parameter:
                    message = f"`{name}` at t-1 is read, and no line gives it at t"
                    raise self.error(message, *atom[2:4], f"a line {name}_t = …")
                if name in assigned and name not in given:
                    if atom.time == "t-1" or (atom.time == "" and name not in known):
                        self.states.setdefault(name, line)
                    elif name not in known:
                        message = f"`{name}` at t is read above the line that gives it"
                        raise self.error(message, *atom[2:4], "t-1, or that line further up")
                if atom.time == "t-1" and name in known:
                    copies[name] = line
                    return atom._replace(name=labelled(name, "previous"), time="")
                return atom._replace(time="")

            value = [p._replace(atom=move(p.atom)) if p.atom else p for p in line.value]
            found.append(line._replace(target=line.target._replace(time=""), value=value))
            known.add(line.target.name)

        def copy(name, line, target, value):
            start, end = line.start, line.end
            piece = Piece("", start, end, Atom(value, "", start, end))
            return Line(Atom(target, "", start, end), [piece], start, end)

        for name, atom in self.older.items():
            line = copies.setdefault(name, Line(atom, [], atom.start, atom.end))
            self.states.setdefault(labelled(name, "before"), line)
        if self.began:
            line = Line(self.began, [], self.began.start, self.began.end)
            self.states.setdefault(labelled(self.parameter, "first"), line)
        begin = [
            copy(name, line, labelled(name, "previous"), name) for name, line in copies.items()
        ]
        last = [copy(name, line, labelled(name, "previous"), name) for name, line in kept.items()]
        last += [
            copy(name, copies[name], labelled(name, "before"), labelled(name, "previous"))
            for name in self.older
        ]
        return [*begin, *found, *last]

    def started(self, lines):
        """The first values; those of what no line uses are dropped, and those not said are 0."""
        used = {atom.name for line in self.loop for atom in atoms(line.value)}
        used |= {atom.name for line in lines for atom in atoms(line.value)}
        assigned = {line.target.name for line in self.loop}
        found = []
        for line in lines:
            name = line.target.name
            if name == self.parameter:
                continue
            if name not in used or name not in assigned | used:
                self.paper.remark(f"{name}: has a first value, and no line that is taken reads it")
                continue
            self.states.setdefault(name, line)
            value = [p._replace(atom=p.atom._replace(time="")) if p.atom else p for p in line.value]
            found.append(line._replace(target=line.target._replace(time=""), value=value))
        said = {line.target.name for line in found}
        self.unsaid = [name for name in self.states if name not in said]
        for name in self.unsaid:
            line = self.states[name]
            first = self.first_value(name)
            own = Atom(first, "", line.start, line.end) if first == self.parameter else None
            value = [Piece("" if own else first, line.start, line.end, own)]
            atom = Atom(name, "", line.start, line.end)
            found.append(Line(atom, value, line.start, line.end, "said nowhere"))
        return found

    def first_value(self, name):
        """The first value of a state for which the text says none."""
        if name in (labelled(self.parameter, "before"), labelled(self.parameter, "first")):
            return self.parameter
        return "1" if name.startswith("\\Pi") else "0"

    # The rule.

    def reading(self, defaults):
        """The rule, read from the translation."""
        rows = self.table()
        text, places = [], []
        for title, lines in (("Initialize:", self.first), ("On iteration $t$:", self.loop)):
            if lines:
                text.append(title)
                places.append((None, []))
            for line in lines:
                written, columns = f"${written_name(line.target.name)} =", []
                for piece in line.value:
                    written += " "
                    columns.append((len(written) + 1, piece))
                    written += written_name(piece.atom.name) if piece.atom else piece.text
                text.append(written + "$")
                places.append((line, columns))
        dialect = "\n".join(text)
        said = self.values(rows)
        for code, value in said.items():
            self.paper.remark(f"{code} = {value}, because the text says so")
        given = {**said, **(defaults or {})}
        try:
            rule = read(dialect, path=self.source.path, symbols=rows, defaults=given)
        except FormulaError as error:
            raise self.placed(error, places) from None
        statements = []
        for statement in rule.statements:
            line = places[statement.line - 1][0]
            row, column = self.source.where(line.start)
            latex = statement.latex
            if line.section != "said nowhere":
                latex = re.sub(r"[\s&]+", " ", self.source.text[line.start : line.end]).strip()
            statements.append(statement._replace(latex=latex, line=row, column=column))
        return Reading(replace(rule, statements=tuple(statements)), self.taken(rows), dialect)

    def values(self, rows):
        """The values of hyper-parameters that the text says, by their names in the code."""
        said = self.paper.values
        found = {row.code: said[row.latex] for row in rows if row.latex in said}
        pair = [found.pop(f"betas[{place}]", None) for place in (0, 1)]
        return found if None in pair else {**found, "betas": tuple(pair)}

    def placed(self, error, places):
        """The error of the reader at its place in the paper's text."""
        line, columns = places[error.line - 1]
        message = str(error).split("\n")[0].partition(f":{error.line}:{error.column}: ")[2]
        if line is None:
            return self.error(message, 0, 1, error.accepted)
        end = error.column + len(error.piece)
        before = [piece for column, piece in columns if column <= error.column]
        within = [piece for column, piece in columns if error.column < column < end]
        # An error at the target or at the whole line is one at the line.
        inside = [*before[-1:], *within] if before else []
        start, end = (inside[0].start, inside[-1].end) if inside else (line.start, line.end)
        return self.error(message, start, end, error.accepted)

    def table(self):
        """The rows of the symbols, as the reader has them."""
        lines = [*self.first, *self.loop]
        assigned = list(dict.fromkeys(line.target.name for line in lines))
        reads = list(dict.fromkeys(atom.name for line in lines for atom in atoms(line.value)))
        own = set(assigned) - {self.parameter, self.gradient}
        while True:
            # A number for all coordinates is computed from such numbers only.
            numbers = {
                name
                for name in own
                for values in [[line.value for line in lines if line.target.name == name]]
                if all(
                    atom.name in own or atom.name not in assigned
                    for value in values
                    for atom in atoms(value)
                    if atom.name not in (self.parameter, self.gradient)
                )
                and not any(
                    atom.name in (self.parameter, self.gradient)
                    for value in values
                    for atom in atoms(value)
                )
            }
            if numbers == own:
                break
            own = numbers
        self.hyper = [
            name for name in reads if name not in (*assigned, self.parameter, self.gradient, "t")
        ]
        self.check_hyper(lines)
        of = self.parameter
        rows = [
            Symbol(self.parameter, "param", "parameter", "the parameter", "", of),
            Symbol(self.gradient, "grad", "gradient", "the gradient", "", of),
            Symbol("t", "step", "iteration", "the number of the iteration", ""),
        ]
        codes = self.codes()
        for name in self.hyper:
            rows.append(Symbol(name, codes[name], "hyper-parameter", self.words.get(name, ""), ""))
        taken = set(codes.values()) | TAKEN
        for name in assigned:
            if name in (self.parameter, self.gradient):
                continue
            kind = "state" if name in self.states else "intermediate"
            code = unlike(plain(name), taken)
            taken.add(code)
            rows.append(
                Symbol(name, code, kind, self.words.get(name, ""), "", "" if name in own else of)
            )
        return rows

    def check_hyper(self, lines):
        """What stands above a symbol is a power of a hyper-parameter, or a time of all others."""
        for line in lines:
            for piece, sign, up in zip(line.value, line.value[1:], line.value[2:], strict=False):
                time = sign.text == "^{" and up.atom and up.atom.name == "t"
                if piece.atom and time and piece.atom.name not in self.hyper:
                    message = f"`{piece.atom.name}` to the power t, or its value at t?"
                    accepted = (
                        f"{piece.atom.name}_t for the value, ({piece.atom.name})^t for the power"
                    )
                    raise self.error(message, piece.start, piece.end, accepted)
            for atom in atoms(line.value):
                if atom.raised and atom.name in self.hyper:
                    message = f"`{atom.name}` to the power t, or its value at t?"
                    raise self.error(message, *atom[2:4], f"{atom.name}^t for the power")

    def codes(self):
        """The names in the code of the hyper-parameters."""
        codes: dict[str, str] = {}
        for name in self.hyper:
            words = self.words.get(name, "")
            word = WORDS.get(words, re.sub(r"\W+", "_", words))
            if re.fullmatch(r"[A-Za-z]\w*", word) and word not in (*codes.values(), "betas"):
                codes[name] = word
        if "lr" not in codes.values():
            rate = next((name for name in RATES if name in self.hyper and name not in codes), None)
            if rate:
                codes[rate] = "lr"
        if {"\\beta_1", "\\beta_2"} <= set(self.hyper):
            codes |= {"\\beta_1": "betas[0]", "\\beta_2": "betas[1]"}
        for name in self.hyper:
            if name not in codes:
                word = NAMES.get(name, "")
                known = {*codes.values(), *TAKEN}
                codes[name] = word if word and word not in known else unlike(plain(name), known)
        return codes

    def taken(self, rows):
        """What each symbol was taken for."""
        found = []
        for row in rows:
            if row.kind in ("parameter", "gradient"):
                found.append(f"{row.latex}: the {row.kind}")
            elif row.kind == "state":
                unsaid = row.latex in self.unsaid
                first = self.first_value(row.latex)
                why = f"; it starts at {first}, because the text does not say" if unsaid else ""
                found.append(f"{row.latex}: a state, called {row.code}{why}")
            elif row.kind == "hyper-parameter":
                words = self.words.get(row.latex)
                why = f', because the text says "{words}"' if words else ""
                found.append(f"{row.latex}: a hyper-parameter, called {row.code}{why}")
            elif row.kind == "intermediate":
                found.append(f"{row.latex}: computed in each iteration")
        return found + self.remarks


def every(program):
    """Every line, those in branches too."""
    for item in program:
        if isinstance(item, Line):
            yield item
        else:
            yield from every([*item.then, *item.other])


def found_first(name, lines):
    """Whether lines find a quantity rather than make it: the first that assigns to it reads it."""
    first = next((line for line in lines if line.target.name == name), None)
    return first is None or any(a.name == name and a.time != "t-1" for a in atoms(first.value))


def atoms(pieces):
    """The symbols that pieces read."""
    return [piece.atom for piece in pieces if piece.atom]


def changed(line, move):
    """A line with its symbols changed."""
    value = [piece._replace(atom=move(piece.atom)) if piece.atom else piece for piece in line.value]
    return line._replace(target=move(line.target), value=value)


def without(program, lines):
    """A program without some lines."""
    found = []
    for item in program:
        if isinstance(item, Branch):
            found.append(
                item._replace(then=without(item.then, lines), other=without(item.other, lines))
            )
        elif item not in lines:
            found.append(item)
    return [item for item in found if isinstance(item, Line) or item.then or item.other]


def swapped(program, which, atom):
    """A program with some pieces replaced by a symbol."""
    found = []
    for item in program:
        if isinstance(item, Branch):
            then, other = swapped(item.then, which, atom), swapped(item.other, which, atom)
            found.append(item._replace(then=then, other=other))
        else:
            value = [
                Piece("", piece.start, piece.end, atom._replace(start=piece.start, end=piece.end))
                if which(piece)
                else piece
                for piece in item.value
            ]
            found.append(item._replace(value=value))
    return found


def bounded(value, name, bound, text):
    """Pieces with max(x, bound) for x."""
    found = []
    for piece in value:
        if piece.atom and piece.atom.name == name:
            found += [text("\\max"), text("("), piece, text(","), *bound, text(")")]
        else:
            found.append(piece)
    return found


def renamed(lines, names, label):
    """Lines that assign to symbols of their own; before that they read the others."""
    found, own = [], set()
    for line in lines:
        value = [
            piece._replace(atom=piece.atom._replace(name=labelled(piece.atom.name, label)))
            if piece.atom and piece.atom.name in own and piece.atom.time != "t-1"
            else piece
            for piece in line.value
        ]
        target = line.target
        if target.name in names:
            own.add(target.name)
            target = target._replace(name=labelled(target.name, label))
        found.append(line._replace(target=target, value=value))
    return found


def before(time):
    """The time before."""
    return {"t": "t-1", "t+1": "t"}.get(time, time)


def labelled(name, label):
    r"""A symbol with one more label above it.

    Example:
        >>> labelled("\\hat{m}_1", "next"), labelled(r"v^{\text{max}}", "next")
        ('\\hat{m}_1^{\\text{next}}', 'v^{\\text{maxnext}}')
    """
    base, sub, up = parts_of(name)
    index = "" if not sub else f"_{sub}" if len(sub) == 1 else f"_{{{sub}}}"
    return f"{base}{index}^{{\\text{{{up}{label}}}}}"


def written_name(name):
    """A symbol as the dialect writes it: an index that is a sign stands in braces."""
    return re.sub(r"_([^A-Za-z0-9{])", r"_{\1}", name)


def plain(name):
    r"""A symbol as a name in the code.

    Example:
        >>> plain("\\hat{m}_1"), plain("\\bar{\\varepsilon}"), plain("s_{statesum}")
        ('m_1_hat', 'eps_bar', 'statesum')
    """
    base, sub, up = parts_of(name)
    accent, _, letter = base.rpartition("{")
    letter = letter.rstrip("}").removeprefix("\\").removeprefix("var")
    words = {"+": "plus", "-": "minus", "\\infty": "inf"}
    sub = words.get(sub, re.sub(r"\W+", "_", sub.replace("\\", ""))).strip("_")
    if len(letter) == 1 and len(sub) > 1 and sub[0] == letter:
        letter, sub = sub, ""
    letter = {"epsilon": "eps"}.get(letter, letter)
    return "_".join(filter(None, [letter, sub, accent.removeprefix("\\"), up]))


def unlike(name, taken):
    """A name, with an underscore behind it if it is taken."""
    while name in taken:
        name += "_"
    return name


# The letters of papers for the symbols of the dialect, of one parameter; all others are the same.
LETTERS = {
    "W": "\\theta",
    "dW": "g",
    r"dW^{\text{clipped}}": "\\hat{g}",
    "V_{dw}": "m",
    r"V_{dw}^{\text{corrected}}": "\\hat{m}",
    r"V_{dw}^{\text{ahead}}": "\\bar{m}",
    "S_{dw}": "v",
    r"S_{dw}^{\text{corrected}}": "\\hat{v}",
    r"S_{dw}^{\text{max}}": r"v^{\text{max}}",
    "U_{dw}": "u",
    "\\Delta_{dw}": "\\Delta",
    "\\alpha": "\\eta",
}
ARROW = "\\leftarrow"


def letters_of(rule: Rule) -> dict[str, str]:
    r"""The letters of papers for the symbols of a rule.

    Example:
        >>> from optimizers import rule_of
        >>> letters_of(rule_of("Adam"))["\\alpha"], letters_of(rule_of("LARS"))["\\alpha"]
        ('\\eta', '\\gamma')
    """
    taken = "\\eta" in rule.symbols
    letters = LETTERS | ({"\\alpha": "\\gamma"} if taken else {})
    return {symbol: letter for symbol, letter in letters.items() if symbol in rule.symbols}


def paper_lines(rule: Rule) -> list[str]:
    r"""The lines of a rule of the dialect for W in papers' letters, with their index of time.

    Args:
        rule: a rule that moves W and no matrix.

    Returns:
        One LaTeX assignment for each line of W; read together they are the same rule.

    Raises:
        ValueError: the rule moves matrices, or what was written is not read back as the same rule.

    Example:
        >>> from optimizers import rule_of
        >>> print(*paper_lines(rule_of("Adam")), sep="\n")
        m_0 = 0
        v_0 = 0
        g_t \leftarrow g_t + \lambda \theta_{t-1}
        m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t
        v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2
        \hat{m}_t = m_t / (1 - \beta_1^t)
        \hat{v}_t = v_t / (1 - \beta_2^t)
        \theta_t = \theta_{t-1} - \eta \frac{\hat{m}_t}{\sqrt{\hat{v}_t} + \epsilon}
    """
    statements = rule.lines("W")
    if rule.matrix:
        raise ValueError(f"{statements[0].path}: papers' letters for matrices are not known")
    letters = letters_of(rule)
    found: list[tuple[str, str]] = []
    known: set[str] = set()
    for line in statements:
        if line.section == "iteration" and found and found[-1][1] == "initialize":
            known = set()
        places = occurrences(line.latex, rule.symbols.values())
        latex = line.latex
        for place, (symbol, start, end) in reversed(list(enumerate(places))):
            written = letters.get(symbol.latex, symbol.latex)
            if symbol.kind in ("hyper-parameter", "iteration"):
                time = ""
            elif line.section == "initialize":
                time = "0"
            elif symbol.kind in ("state", "parameter") and place and symbol.latex not in known:
                time = "{t-1}"
            else:
                time = "t"
            written = timed(written, time)
            if time and latex[:start].rstrip().endswith("^"):
                written = f"{{{written}}}"
            latex = latex[:start] + written + latex[end:]
        target, value = re.split(r"\s*(?::=|\\leftarrow(?![A-Za-z])|=)\s*", latex, maxsplit=1)
        # Papers write an arrow where a symbol is read and assigned at the same time.
        again = re.search(re.escape(target) + r"(?![A-Za-z0-9])", value)
        latex = f"{target} {ARROW if again else '='} {value}"
        found.append((latex, line.section))
        known.add(line.target)
    lines = [latex for latex, _ in found]
    reading = read_letters(" \\\\\n".join(lines), path=statements[0].path)
    if nested(rule, letters) != nested(reading.rule, {}):
        raise ValueError(f"{statements[0].path}: its lines in papers' letters are another rule")
    return lines


def nested(rule, names):
    """The lines of a rule's first parameter as tuples, with its symbols renamed."""

    def tuples(expression):
        if expression.is_Symbol:
            return names.get(expression.name, expression.name)
        if not expression.args:
            return str(expression)
        args = map(tuples, expression.args)
        # SymPy keeps the arguments of these in the order of their names.
        args = sorted(args, key=str) if isinstance(expression, sympy.Max | sympy.Min) else args
        return (expression.func.__name__, *args)

    return [
        (line.section, names.get(line.target, line.target), tuples(line.expression))
        for line in rule.lines(rule.variables[0])
    ]


def timed(latex, time):
    r"""A symbol with an index of time.

    Example:
        >>> timed("m", "t"), timed("v^{\\text{max}}", "{t-1}"), timed("\\rho_{\\infty}", "t")
        ('m_t', 'v_{t-1}^{\\text{max}}', '\\rho_{\\infty,t}')
    """
    base, sub, up = parts_of(latex)
    above = f"^{{\\text{{{up}}}}}" if up else ""
    if not time:
        return latex
    return f"{base}_{{{sub},{time.strip('{}')}}}{above}" if sub else f"{base}_{time}{above}"
