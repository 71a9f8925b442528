"""Compares two rules line by line, and marks the parts of a line that differ."""

from collections.abc import Iterable
from difflib import SequenceMatcher
from operator import itemgetter
from typing import NamedTuple

from lark import Token

from .expressions import extent, parser
from .rule import Rule, Statement


class Difference(NamedTuple):
    """One row of a comparison.

    Args:
        kind: "same", "changed", "added" or "removed".
        before: the parent's statement; None if added.
        after: the variety's statement; None if removed.
        moved: whether it stands elsewhere among the lines.
        before_spans: the changed parts of `before.latex`, as (start, end).
        after_spans: the changed parts of `after.latex`, as (start, end).
    """

    kind: str
    before: Statement | None
    after: Statement | None
    moved: bool = False
    before_spans: tuple = ()
    after_spans: tuple = ()


def differences(parent: Rule, rule: Rule, variable: str | None = None) -> list[Difference]:
    r"""Compare a variety with its parent.

    Args:
        parent: the parent's rule.
        rule: the variety's rule.
        variable: whose lines, one of `rule.variables`; the first unless said.

    Returns:
        A list of `Difference`, Initialize first, in the order of the variety's lines; a removed
        line stands where it stood.

    Example:
        >>> from optimizers import rule_of
        >>> for row in differences(rule_of("Adam"), rule_of("AdamW"))[2:5]:
        ...     print(row.kind, "|", (row.before or row.after).latex)
        removed | dW := dW + \lambda W
        added | W := W - \alpha \lambda W
        same | V_{dw} = \beta_1 V_{dw} + (1 - \beta_1) dW
    """
    variable = variable or rule.variables[0]
    rows: list[Difference] = []
    for section in ("initialize", "iteration"):
        rows += aligned(parent.lines(variable, section), rule.lines(variable, section))
    return rows


def aligned(before, after):
    """The rows of one section: lines with the same target are paired, the most alike first."""
    candidates = sorted(
        (-similarity(old, new), i, j)
        for i, old in enumerate(before)
        for j, new in enumerate(after)
        if old.target == new.target
    )
    partner = {}
    for _, i, j in candidates:
        if i not in partner.values() and j not in partner:
            partner[j] = i
    kept = in_order(before, after, partner)
    rows, left = [], [i for i in range(len(before)) if i not in partner.values()]

    def removed(until):
        while left and left[0] < until:
            rows.append(Difference("removed", before[left.pop(0)], None))

    for j, statement in enumerate(after):
        if j not in partner:
            rows.append(Difference("added", None, statement))
            continue
        i = partner[j]
        if j in kept:
            removed(i)
        spans = changed(before[i].latex, statement.latex)
        times = [line.repeat and line.repeat.times for line in (before[i], statement)]
        kind = "changed" if any(spans) or times[0] != times[1] else "same"
        rows.append(Difference(kind, before[i], statement, j not in kept, *spans))
    removed(len(before))
    # A removed line stands above the added line in its place.
    for k in range(len(rows) - 1, 0, -1):
        if (rows[k - 1].kind, rows[k].kind) == ("added", "removed"):
            rows[k - 1], rows[k] = rows[k], rows[k - 1]
    return rows


def in_order(before, after, partner):
    """The largest set of paired lines that keep their order; the other lines have moved.

    Among sets of the same size, the one with more changed lines is taken.
    """
    best = [(0, ())]
    for j in sorted(partner):
        weight = 1.0 + 0.1 * (tokens_in(before[partner[j]].latex) != tokens_in(after[j].latex))
        fits = [
            (total, lines) for total, lines in best if not lines or partner[lines[-1]] < partner[j]
        ]
        total, chosen = max(fits, key=itemgetter(0))
        best.append((total + weight, (*chosen, j)))
    return set(max(best, key=itemgetter(0))[1])


def similarity(before, after):
    """How much two statements have in common, from 0 to 1."""
    tokens = tokens_in(before.latex), tokens_in(after.latex)
    return SequenceMatcher(None, *tokens, autojunk=False).ratio()


def tokens_in(latex):
    """The tokens of a formula; both signs of assignment count as the same."""
    return tokens_of(parser().parse(latex))


def tokens_of(node):
    """The tokens of a node."""
    if isinstance(node, Token):
        return ("=",) if node.type == "ASSIGN" else (str(node).replace(" ", ""),)
    return tuple(token for child in node.children for token in tokens_of(child))


def changed(before, after):
    r"""The parts of two formulas that differ, each a whole operand or term.

    Args:
        before: LaTeX.
        after: LaTeX.

    Returns:
        Two tuples of (start, end), for either formula.

    Example:
        >>> before, after = r"dW + \lambda W", r"dW + (1 - \delta) \lambda W"
        >>> [after[start:end] for start, end in changed(before, after)[1]]
        ['(1 - \\delta)']
    """
    spans = ([], [])
    compare(parser().parse(before), parser().parse(after), spans)
    return tuple(map(tuple, spans))


SUMS, PRODUCTS = ("add", "subtract", "negate"), ("juxtapose", "times")


def family(node):
    """The family of a node; nodes of one family are compared part by part."""
    if node.data in SUMS:
        return "sum"
    return "product" if node.data in PRODUCTS else node.data


def parts(node):
    """The parts of a node, each a list of tokens and nodes: a term has its sign before it."""
    if node.data in SUMS:
        *first, sign, last = node.children
        nested = first and first[0].data in SUMS
        return [*(parts(first[0]) if nested else [[part] for part in first]), [sign, last]]
    if node.data in PRODUCTS:
        first, *rest = node.children
        return [*(parts(first) if first.data in PRODUCTS else [[first]]), rest]
    return [[child] for child in node.children]


def compare(before, after, spans):
    """Note the spans of the differences between two nodes."""
    if tokens_of(before) == tokens_of(after):
        return
    same_family = not isinstance(before, Token) and not isinstance(after, Token)
    same_family = same_family and family(before) == family(after)
    # A subscript or an exponent by itself cannot be marked.
    if not same_family or before.data in ("symbol", "power", "number"):
        for node, noted in zip((before, after), spans, strict=True):
            note([node], noted)
        return
    lefts, rights = parts(before), parts(after)
    keys = [[tuple(map(tokens_of, part)) for part in side] for side in (lefts, rights)]
    matcher = SequenceMatcher(None, *keys, autojunk=False)
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        if tag == "equal":
            continue
        if i_end - i == j_end - j:
            for left, right in zip(lefts[i:i_end], rights[j:j_end], strict=True):
                if tokens_of(left[0]) == tokens_of(right[0]) and len(left) == len(right) == 2:
                    compare(left[1], right[1], spans)
                elif len(left) == len(right) == 1:
                    compare(left[0], right[0], spans)
                else:
                    note(left, spans[0])
                    note(right, spans[1])
        else:
            note([node for part in lefts[i:i_end] for node in part], spans[0])
            note([node for part in rights[j:j_end] for node in part], spans[1])


def note(nodes, noted):
    """Note the span from the first to the last of some nodes."""
    if nodes:
        places = [extent(node) for node in nodes]
        noted.append((min(start for start, _ in places), max(end for _, end in places)))


def highlight(
    latex: str,
    spans: Iterable[tuple[int, int]],
    left: str,
    right: str,
) -> str:
    r"""A formula with marks around some of its parts.

    Args:
        latex: the formula.
        spans: the parts, as (start, end), without overlap.
        left: the text before each.
        right: the text after each.

    Returns:
        The formula with the marks.

    Example:
        >>> print(highlight("W + 1", [(2, 5)], r"\color{red}{", "}"))
        W \color{red}{+ 1}
    """
    for start, end in sorted(spans, reverse=True):
        latex = latex[:start] + left + latex[start:end] + right + latex[end:]
    return latex
