r"""Reads expressions as sums of terms, and finds what a sum stands for.

A value that is a sum of arrays times numbers, such as $V / (1 - \beta_1^t)$, may wait: it is not
computed by itself, and its numbers go into the line that reads it.
"""

from typing import NamedTuple

import sympy

from ...formula.expressions import clip, divides
from ...formula.matrices import matmul, norm
from ..code import signed


class Term(NamedTuple):
    """A part of a sum: numbers, and the arrays above and below the line; all SymPy expressions."""

    minus: bool
    above: list  # the numbers above the line
    below: list  # those below it
    arrays: list  # the arrays above the line
    divisors: list  # those below it

    def is_scaled(self) -> bool:
        """Whether it is one array times numbers."""
        return len(self.arrays) == 1 and not self.divisors

    def is_only(self, array) -> bool:
        """Whether it is one array and nothing else."""
        return self.is_scaled() and self.arrays[0] == array and not (self.above or self.below)


class Sums:
    """Reads the expressions of a rule as sums.

    Args:
        rule: the rule.
        variable: whose lines, one of `rule.variables`.
        names: the names in the code, by symbol.
        flags: the names in the code of options that are True or False.
    """

    def __init__(self, rule, variable, names, flags):
        self.rule, self.variable, self.names, self.flags = rule, variable, names, flags
        self.arrays = {latex for latex, row in rule.symbols.items() if row.of}
        self.waiting = {}  # the terms of each value that waits

    def reads_array(self, expression):
        """Whether an expression has the shape of the parameter."""
        if isinstance(expression, norm):
            return False
        if expression.is_Symbol:
            return expression.name in self.arrays
        return any(map(self.reads_array, expression.args))

    def read_by(self, expression):
        """The symbols that an expression reads, each as often; of one that waits, its arrays."""
        found = [part.name for part in sympy.preorder_traversal(expression) if part.is_Symbol]
        for name in [name for name in found if name in self.waiting]:
            found += [array.name for term in self.waiting[name] for array in term.arrays]
        return found

    def terms(self, expression):
        """The terms of a sum; sums inside of products with numbers are multiplied out."""
        if expression.is_Add:
            return [term for part in expression.args for term in self.terms(part)]
        minus, above, below = signed(expression)
        term = Term(
            minus,
            [factor for factor in above if not self.reads_array(factor)],
            [factor for factor in below if not self.reads_array(factor)],
            [],
            [factor for factor in below if self.reads_array(factor)],
        )
        for factor in filter(self.reads_array, above):
            waiting = self.waiting.get(getattr(factor, "name", None), ())
            if len(waiting) == 1:
                term = times(term, waiting[0])
            elif isinstance(factor, matmul):
                scales, parts = zip(*map(self.scaled, factor.args), strict=True)
                term.above.extend(number for scale in scales for number in scale)
                term.arrays.append(matmul(*parts))
            else:
                square = factor.is_Pow and factor.exp == 2 and factor.base.is_Symbol
                term.arrays.extend([factor.base] * 2 if square else [factor])
        if len(term.arrays) == 1:
            [array] = term.arrays
            inner = self.waiting.get(getattr(array, "name", None), ())
            if array.is_Add or inner:
                around = term._replace(arrays=[])
                return [times(around, part) for part in inner or self.terms(array)]
        return [term]

    def scaled(self, part):
        """The numbers of a matrix in a product of matrices, and the matrix without them."""
        if part.is_Mul:
            [term] = self.terms(part)
            if term.is_scaled() and not (term.minus or term.below):
                return term.above, term.arrays[0]
        return [], part

    def can_wait(self, line):
        """Whether a value is a sum of arrays times numbers that are the same where it is read."""
        if is_call(line.expression):
            return False
        terms = self.terms(line.expression)
        if not all(
            term.is_scaled() and term.arrays[0].is_Symbol and self.reads_array(term.arrays[0])
            for term in terms
        ):
            return False
        operands = {term.arrays[0].name for term in terms}
        lines = self.rule.lines(self.variable, line.section)
        after = lines[lines.index(line) + 1 :]
        readers = [place for place, other in enumerate(after) if line.target in other.reads]
        # What is read more than once is computed once.
        if len(readers) > 1 or line.target in operands:
            return False
        if any(after[place].repeat for place in readers):
            return False
        between = after[: max(readers, default=0)]
        return not any(other.target in (*operands, line.target) for other in between)

    def decay(self, terms, target):
        """When a line that decays weights does something: a condition, and the terms left then.

        The condition is empty for another line.
        """
        others = [term for term in terms if not term.is_only(sympy.Symbol(target))]
        if not others or not all(
            "weight_decay" in map(self.name_of, term.above) for term in others
        ):
            return "", terms
        conditions, left = ["weight_decay != 0"], []
        for term in terms:
            flags = [self.flag(number) for number in term.above]
            conditions += [flag for flag in flags if flag and flag not in conditions]
            kept = [number for number, flag in zip(term.above, flags, strict=True) if not flag]
            left.append(term._replace(above=kept))
        return " and ".join(conditions), left

    def name_of(self, number):
        """The name in the code of a number; empty for one that is no symbol."""
        return self.names.get(str(number), "")

    def flag(self, number):
        """The condition that a number stands for: of δ it is δ, of 1 - δ not δ; else empty."""
        if self.name_of(number) in self.flags:
            return self.name_of(number)
        rest = one_less(number)
        return f"not {self.name_of(rest)}" if rest and self.name_of(rest) in self.flags else ""

    def bias_correction(self, number):
        """The name of 1 - β^t; empty for another number."""
        power = one_less(number)
        if not power or not power.is_Pow:
            return ""
        base, exponent = power.args
        row = self.rule.symbols.get(str(exponent))
        rate = self.name_of(base)
        if not row or row.kind != "iteration" or not rate.startswith("beta"):
            return ""
        return f"bias_correction{rate[len('beta') :]}"


def is_call(expression):
    """Whether an expression is one call of a function, no sum or product."""
    return expression.func in (sympy.Max, sympy.Min, sympy.Abs, sympy.sign, clip) or (
        expression.is_Pow and not divides(expression)
    )


def times(first, second):
    """The product of two terms."""
    lists = (one + other for one, other in zip(first[1:], second[1:], strict=True))
    return Term(first.minus != second.minus, *lists)


def one_less(number):
    """Return x for 1 - x, and None for another number."""
    if number.is_Add and len(number.args) == 2 and number.args[0] == 1:
        minus, above, below = signed(number.args[1])
        if minus and not below and len(above) == 1:
            return above[0]
    return None


def is_average(first, second):
    """Whether the numbers of two terms are β and 1 - β."""
    if first.minus or second.minus or first.below or second.below:
        return False
    if len(first.above) != 1 or len(second.above) != 1:
        return False
    return one_less(second.above[0]) == first.above[0]


def rebuilt(terms):
    """The expression of some terms."""
    parts = []
    for term in terms:
        below = [sympy.Pow(part, -1, evaluate=False) for part in (*term.below, *term.divisors)]
        factors = [*[sympy.Integer(-1)] * term.minus, *term.above, *term.arrays, *below]
        parts.append(factors[0] if len(factors) == 1 else sympy.Mul(*factors, evaluate=False))
    return parts[0] if len(parts) == 1 else sympy.Add(*parts, evaluate=False)
