"""Changes of a formula's LaTeX.

An edit is (start, end, text) on the text of the section; a change is a list of edits.
"""

import functools
import itertools
import sys
from pathlib import Path

from optimizers import OPTIMIZERS, rule_of
from optimizers.formula import FormulaError, read
from optimizers.formula.expressions import extent, parser
from optimizers.formula.reader import section_of
from optimizers.formula.source import Source, pieces_of_math
from optimizers.formula.symbols import symbols_for

from .mutant import Mutant, distinct


def nodes_of(node):
    """Yield a parse tree's nodes, the outer ones first."""
    yield node
    for child in node.children:
        if hasattr(child, "data"):
            yield from nodes_of(child)


def formula_edits(tree, text, table):
    """Yield the kinds of changes of an assignment, each with its edits.

    Args:
        tree: its parse tree.
        text: the piece of mathematics that it stands in.
        table: the symbols of the rule, by LaTeX.
    """
    right = tree.children[2]

    def source(node):
        start, end = extent(node)
        return text[start:end]

    def whole(node, new):
        return [(*extent(node), new)]

    symbols = [node for node in nodes_of(right) if node.data == "symbol"]
    letters = list(right.scan_values(lambda token: token.type == "LETTER_UP"))
    # Start and end of each symbol, its LaTeX, and the frame of another symbol in its place.
    places = [(*extent(node), source(node), "{}") for node in symbols]
    places += [
        (token.end_pos - len(token[1:].lstrip()), token.end_pos, token[1:].lstrip(), "{{{}}}")
        for token in letters
    ]
    for first, second in itertools.combinations(places, 2):
        if first[2] != second[2]:
            edits = [(*first[:2], first[3].format(second[2]))]
            edits += [(*second[:2], second[3].format(first[2]))]
            yield "exchange two symbols", edits
    for start, end, latex, around in places:
        own = table[latex]
        for symbol in table.values():
            same = (symbol.kind, symbol.of) == (own.kind, own.of)
            if same and symbol is not own:
                yield "another symbol", [(start, end, around.format(symbol.latex))]
        if latex == "t":
            yield "t to t - 1", [(start, end, "{t - 1}" if around != "{}" else "(t - 1)")]
    for node in nodes_of(right):
        inner = [child for child in node.children if hasattr(child, "data")]
        if node.data == "root":
            yield "drop a root", whole(node, f"({source(inner[0])})")
        if node.data == "power":
            yield "drop a power", whole(node, source(inner[0]))
        if node.data in ("add", "subtract"):
            sign = node.children[1]
            yield "flip a sign", whole(sign, "-" if sign == "+" else "+")
            yield "drop a term", whole(node, source(inner[0]))
            if inner[0].data == "root":
                yield "ε into the root", whole(node, into_root(inner, source, "{} + {}"))
        if node.data == "negate":
            yield "flip a sign", whole(node, source(inner[0]))
        if node.data in ("quotient", "fraction"):
            yield "drop a divisor", whole(node, source(inner[0]))
        if node.data in ("juxtapose", "times"):
            yield "drop a factor", whole(node, source(inner[0]))
            yield "drop a factor", whole(node, source(inner[1]))
        if node.data in ("maximum", "minimum"):
            other = r"\min" if node.data == "maximum" else r"\max"
            yield "exchange max and min", whole(node.children[0], other)
            inner = [child for child in inner[0].children if hasattr(child, "data")]
            if inner[0].data == "root":
                yield "ε into the root", whole(node, into_root(inner, source, r"\max({}, {})"))
            for part in inner:
                yield "drop a bound", whole(node, source(part))
        if node.data == "clip":
            first, low, high = (child for child in inner[0].children if hasattr(child, "data"))
            new = rf"\operatorname{{clip}}({source(first)}, {source(high)}, {source(low)})"
            yield "exchange the bounds", whole(node, new)
            yield "drop a bound", whole(node, rf"\max({source(first)}, {source(low)})")
            yield "drop a bound", whole(node, rf"\min({source(first)}, {source(high)})")
            yield "drop the clipping", whole(node, source(first))
        if node.data == "case":
            [sign] = (one for one in node.children if getattr(one, "type", "") == "COMPARE")
            yield "turn a comparison round", whole(sign, ">" if "<" in sign else "<")
        if node.data == "cases":
            for part in inner:
                value = part if part.data != "case" else part.children[0]
                yield "drop a condition", whole(node, source(value))
        if node.data == "number":
            yield "another number", whole(node, f"{float(source(node)) + 1:g}")


def into_root(parts, source, shape):
    r"""Return \sqrt{x} + y with y inside the root."""
    [inside] = [child for child in parts[0].children if hasattr(child, "data")]
    return rf"\sqrt{{{shape.format(source(inside), source(parts[1]))}}}"


def replaced(text, edits):
    """Return a text after edits."""
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def formula_text(name):
    """Return the file of an optimizer and the text of its formula section."""
    path = Path(sys.modules[OPTIMIZERS[name].step.__module__].__file__)
    return path, section_of(path.read_text(encoding="utf-8"), path.name)[0]


def table_of(name):
    """Return the symbols that an optimizer's formula may use."""
    entry, used = OPTIMIZERS[name], rule_of(name).symbols.values()
    named = [symbol.code for symbol in used if symbol.kind == "intermediate"]
    return symbols_for([*entry.optimizer.state_names, *entry.step.__kwdefaults__, *named])


@functools.cache
def formula_mutants(name):
    """Return the mutants of an optimizer's formula, as texts of its section."""
    return [mutant for mutant in formula_changes(name) if not same_meaning(mutant)]


@functools.cache
def formula_changes(name):
    """Return the same, with those in which SymPy sees no difference."""
    path, text = formula_text(name)
    original = read(text, symbols=table_of(name))
    statements, mutants = [], []
    for math in pieces_of_math(Source(text, path.name, 1)):
        for tree in parser().parse(math.latex).children:
            if getattr(tree, "data", None) == "assignment":
                start, end = extent(tree)
                statements.append((math.start + start, math.start + end))
                for kind, edits in formula_edits(tree, math.latex, original.symbols):
                    edits = [(math.start + a, math.start + b, new) for a, b, new in edits]
                    moved = [
                        (a - math.start - start, b - math.start - start, c) for a, b, c in edits
                    ]
                    before = math.latex[start:end]
                    after = replaced(before, moved)
                    changed = replaced(text, [(a, b, new) for a, b, new in edits])
                    mutants.append(Mutant(name, "formula", kind, before, after, changed))
    spans = dict(zip(original.statements, statements, strict=True))
    for variable, part in itertools.product(original.variables, ("initialize", "iteration")):
        lines = original.lines(variable, part)
        for line, following in itertools.pairwise(lines):
            if (
                line.target in (*following.reads, following.target)
                or following.target in line.reads
            ):
                edits = [(*spans[line], following.latex), (*spans[following], line.latex)]
                after = f"{following.latex}; {line.latex}"
                before = f"{line.latex}; {following.latex}"
                changed = replaced(text, edits)
                mutants.append(
                    Mutant(name, "formula", "exchange two lines", before, after, changed)
                )
        for line in lines:
            # A pair of dollar signs without a formula between them is no formula.
            changed = replaced(text, [(*spans[line], "t")])
            mutants.append(Mutant(name, "formula", "drop a line", line.latex, "", changed))
    return distinct(mutants)


def same_meaning(mutant):
    """Say whether SymPy sees no difference, such as in factors in another order."""
    original = rule_of(mutant.optimizer).statements
    try:
        lines = read(mutant.changed, symbols=table_of(mutant.optimizer)).statements
    except FormulaError:
        return False
    return len(lines) == len(original) and all(
        (line.section, line.target) == (before.section, before.target)
        and (
            line.expression == before.expression
            or evaluated(line.expression).expand() == evaluated(before.expression).expand()
        )
        for line, before in zip(lines, original, strict=True)
    )


def evaluated(expression):
    """Return an expression as SymPy itself orders and simplifies it."""
    if not expression.args:
        return expression
    return expression.func(*map(evaluated, expression.args))
