"""Prints expressions as values: numbers, and arrays with the fewest temporaries."""

from typing import NamedTuple

import sympy

from ...formula.expressions import COMPARISONS, cases, clip, divides
from ...formula.matrices import matmul, norm, transpose
from ...formula.printers import branches
from ..code import SUM, Code, is_one, is_symmetric
from .sums import Sums, is_average

FUNCTIONS = {
    "sqrt": "torch.sqrt",
    "Max": "torch.maximum",
    "Min": "torch.minimum",
    "Abs": "torch.abs",
    "sign": "torch.sign",
    "clip": "torch.clip",
    "norm": "torch.linalg.vector_norm",
    "where": "torch.where",
    "full": "torch.full_like",
}
# The bound of a clamp that stands for a maximum or a minimum with a number.
BOUNDS = {sympy.Max: "min", sympy.Min: "max"}
# Names of the printed code, which no quantity may have.
OWN = {
    "self",
    "params",
    "param",
    "grad",
    "state",
    "group",
    "dtype",
    "step",
    "torch",
    "original",
    "real",
    "number",
    "closure",
    "loss",
}


class Value(NamedTuple):
    """Code of an array, and whether it is a temporary that may be written to."""

    code: str
    fresh: bool


class Numbers(Code):
    """Prints numbers: those that depend on t may be tensors, which have functions of their own.

    Args:
        rule: the rule.
        name: gives the name in the code of a row of the symbols.
        plain: the rows of what is a plain number of Python even where torch.compile traces it.
        array: prints an expression with elements.
    """

    def __init__(self, rule, name, plain, array):
        super().__init__(rule, name, FUNCTIONS, plain)
        self.array = array

    def call(self, expression):
        if isinstance(expression, norm):
            return f"torch.linalg.vector_norm({self.array(expression.args[0]).code})"
        if expression.func in BOUNDS and not self.is_plain(expression):
            tensors = [part for part in expression.args if not self.is_plain(part)]
            numbers = [part for part in expression.args if self.is_plain(part)]
            if len(tensors) == len(numbers) == 1:
                bound = f"{BOUNDS[expression.func]}={self(numbers[0])}"
                if isinstance(tensors[0], norm):
                    return f"{self(tensors[0])}.clamp({bound})"
                return f"torch.clamp({self(tensors[0])}, {bound})"
        return super().call(expression)


class Values(Sums):
    """Prints the values of one class.

    Args:
        rule: the rule.
        variable: whose lines, one of `rule.variables`.
        name: gives the name in the code of a row of the symbols.
        flags: the names in the code of options that are True or False.
    """

    def __init__(self, rule, variable, name, flags):
        rows = rule.symbols
        super().__init__(rule, variable, {latex: name(row) for latex, row in rows.items()}, flags)
        states = (row for row in rows.values() if row.kind == "state")
        self.states = [row for row in states if row.of in (variable, "")]
        self.tensors = self.counted()
        plain = [row for latex, row in rows.items() if latex not in self.arrays | self.tensors]
        self.code = Numbers(rule, name, plain, self.array)
        self.taken = {*OWN, *self.names.values()}
        self.forget()
        self.start_line(sympy.Integer(0), "", ())

    def counted(self):
        """The numbers that torch.compile keeps as tensors: those that depend on t or on a state."""
        rows = self.rule.symbols.values()
        counted = {row.latex for row in rows if row.kind == "iteration"}
        counted |= {row.latex for row in self.states if not row.of}
        for line in self.rule.lines(self.variable, "iteration"):
            if line.target not in self.arrays and counted & set(line.reads):
                counted.add(line.target)
        return counted

    def forget(self):
        """Begin a section, in which no value has been computed yet."""
        self.waiting = {}
        self.owned = set()  # the intermediate values whose memory is no other's

    def start_line(self, expression, free, live):
        """Begin a line of the formula.

        Args:
            expression: its right side.
            free: the name that the line gives a value to; empty if the line reads it itself.
            live: the symbols whose memory may not be written to, for they are read again.
        """
        self.expression, self.free, self.live = expression, free, live
        self.before, self.temporaries, self.known = [], set(), {}

    def new_name(self, name):
        """A name that is not taken yet, for the rest of the code."""
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def temporary(self, code, name):
        """The name of a value that is computed before the line, for this line alone."""
        while name in self.temporaries or (name in self.taken and name != self.free):
            name += "_"
        self.temporaries.add(name)
        self.before.append(f"{name} = {code}")
        return name

    def number(self, expression):
        """The code of a number that stands by itself."""
        return self.code(expression, SUM - 1)

    def coefficient(self, term, minus=None):
        """The code of a term's numbers, with its own sign unless another is said."""
        minus = term.minus if minus is None else minus
        return self.code.product(minus, term.above, term.below)[0]

    def named(self, expression, name):
        """A value with a name, computed once and before the line."""
        if expression not in self.known:
            value = self.array(expression)
            code = value.code if value.code.isidentifier() else self.temporary(value.code, name)
            times = list(sympy.preorder_traversal(self.expression)).count(expression)
            self.known[expression] = Value(code, value.fresh and times < 2)
        return self.known[expression]

    def array(self, expression, name="direction"):
        """The value of an expression with elements.

        Args:
            expression: the expression.
            name: the name of a part that has to be read twice.
        """
        if expression.is_Symbol and expression.name not in self.waiting:
            fresh = expression.name in self.owned and expression.name not in self.live
            return Value(self.names[expression.name], fresh)
        if expression.is_Pow and not divides(expression):
            return self.power(expression)
        if expression.func in BOUNDS:
            return self.extreme(expression, name)
        if expression.func is sympy.Abs:
            return call(self.array(expression.args[0], name), "abs")
        if expression.func is sympy.sign:
            value = self.array(expression.args[0], name).code
            value = value if value.isidentifier() else self.temporary(value, name)
            # torch's sign of NaN is 0, which would hide it.
            return Value(f"torch.where({value}.isnan(), {value}, {value}.sign())", True)
        if expression.func is clip:
            return self.clipped(expression, name)
        if isinstance(expression, cases):
            return self.choice(expression)
        if isinstance(expression, matmul):
            return Value(" @ ".join(self.operand(part) for part in expression.args), True)
        if isinstance(expression, transpose):
            return Value(f"{bracketed(self.array(expression.args[0]).code)}.mT", False)
        return self.sum(self.terms(expression), name)

    def choice(self, expression):
        """A value that depends on conditions."""
        found, otherwise = branches(expression)
        code = self.either(otherwise)
        if not any(map(self.reads_array, (otherwise, *dict(found).values()))):
            code = self.code.as_array(code, found)
        for condition, value in reversed(found):
            left, right = map(self.either, condition.args)
            holds = f"{left} {COMPARISONS[condition.func][0]} {right}"
            if not self.reads_array(condition) and self.code.is_plain(condition):
                code = f"({self.either(value)} if {holds} else {code})"
            else:
                code = f"torch.where({holds}, {self.either(value)}, {code})"
        return Value(code, code.startswith("torch.where("))

    def either(self, expression):
        """The code of a number or an array."""
        if self.reads_array(expression):
            return self.array(expression).code
        return self.number(expression)

    def operand(self, part):
        """The code of a matrix in a product of matrices."""
        return bracketed(self.array(part).code)

    def power(self, expression):
        """A power of an array."""
        base, exponent = expression.args
        if not self.reads_array(base):
            return Value(f"torch.pow({self.number(base)}, {self.array(exponent).code})", True)
        if self.reads_array(exponent):
            return call(self.array(base), "pow", self.array(exponent).code)
        if exponent == sympy.Rational(1, 2):
            return call(self.array(base), "sqrt")
        if exponent == 2 and base.is_Symbol:
            code = self.named(base, "scale").code
            return Value(f"{code} * {code}", True)
        return call(self.named(base, "scale"), "pow", self.number(exponent))

    def extreme(self, expression, name):
        """A maximum or a minimum."""
        first, *rest = filter(self.reads_array, expression.args)
        value, function = self.array(first, name), FUNCTIONS[expression.func.__name__]
        for part in rest:
            value = Value(f"{function}({value.code}, {self.array(part).code})", True)
        for part in expression.args:
            if not self.reads_array(part):
                value = call(value, "clamp", f"{BOUNDS[expression.func]}={self.number(part)}")
        return value

    def clipped(self, expression, name):
        """A value between two bounds."""
        inner, low, high = expression.args
        if self.reads_array(low) or self.reads_array(high):
            above = sympy.Max(inner, low, evaluate=False)
            return self.extreme(sympy.Min(above, high, evaluate=False), name)
        value = self.array(inner, name)
        if is_symmetric(expression) and not high.is_Symbol:
            bound = self.temporary(self.number(high), "bound")
            return call(value, "clamp", f"-{bound}, {bound}")
        return call(value, "clamp", f"{self.number(low)}, {self.number(high)}")

    def product(self, arrays, divisors):
        """A product of arrays, divided by arrays."""
        values, below = list(map(self.array, arrays)), list(map(self.array, divisors))
        if not values:
            return call(below[0], "reciprocal")
        fresh = next((value for value in values if value.fresh), None)
        if fresh:
            values.remove(fresh)
            value, rest = fresh, values
        elif below and below[0].fresh and len(values) == 1:
            name = below.pop(0).code
            name = name if name.isidentifier() else self.temporary(name, "denom")
            value, rest = Value(f"torch.div({values[0].code}, {name}, out={name})", True), []
        elif len(values) > 1:
            first, second, *rest = values
            value = Value(f"({bracketed(first.code)} * {bracketed(second.code)})", True)
        else:
            value, rest = call(values[0], "div", below.pop(0).code), []
        for divisor in below:
            value = call(value, "div", divisor.code)
        for factor in rest:
            value = call(value, "mul", factor.code)
        return value

    def sum(self, terms, name="direction"):
        """A sum of terms, as a temporary unless it is a single array."""
        numbers = [term for term in terms if not term.arrays and not term.divisors]
        arrays = [term for term in terms if term not in numbers]
        if len(arrays) == 2 and not numbers and all(term.is_scaled() for term in arrays):
            first, second = arrays
            for base, end in ((first, second), (second, first)):
                if is_average(base, end):
                    start, stop = self.array(base.arrays[0]), self.array(end.arrays[0]).code
                    return call(start, "lerp", f"{stop}, {self.coefficient(end)}")
            if isinstance(second.arrays[0], matmul):
                return self.matrices(first, second)
        alone = (term for term in arrays if term.is_scaled() and self.coefficient(term) == "1")
        first = next(alone, arrays[0])
        value = self.term(first)
        for term in arrays:
            if term is not first:
                value = call(value, *self.addition(term))
        for term in numbers:
            method = "sub" if term.minus else "add"
            value = call(value, method, self.coefficient(term, minus=False))
        return value

    def matrices(self, first, second):
        """A matrix and a product of matrices, each times numbers, in one call."""
        base = self.array(first.arrays[0]).code
        parts = ", ".join(self.array(part).code for part in second.arrays[0].args)
        scales = {"beta": self.coefficient(first), "alpha": self.coefficient(second)}
        scales = "".join(f", {key}={scale}" for key, scale in scales.items() if scale != "1")
        return Value(f"torch.addmm({base}, {parts}{scales})", True)

    def term(self, term):
        """One term as a value."""
        if term.is_scaled():
            value = self.array(term.arrays[0])
        else:
            value = self.product(term.arrays, term.divisors)
        if term.above or (term.minus and not term.below):
            number = self.coefficient(term)
            return call(value, "mul", number) if number != "-1" else call(value, "neg")
        if term.below:
            value = call(value, "div", self.number(sympy.Mul(*term.below, evaluate=False)))
            return call(value, "neg") if term.minus else value
        return value

    def addition(self, term):
        """The method that adds a term to an array, and its arguments."""
        number = self.coefficient(term)
        if not (term.arrays or term.divisors):
            return "add", number
        scale = "" if number == "1" else f", value={number}"
        if len(term.arrays) == len(term.divisors) == 1:
            above = self.array(term.arrays[0]).code
            return "addcdiv", f"{above}, {self.named(term.divisors[0], 'denom').code}{scale}"
        if len(term.arrays) == 2 and not term.divisors:
            first, second = (self.array(array, "scale").code for array in term.arrays)
            return "addcmul", f"{first}, {second}{scale}"
        if term.is_scaled():
            value = self.array(term.arrays[0]).code
        else:
            value = self.product(term.arrays, term.divisors).code
        if number == "-1":
            return "sub", value
        return "add", value if number == "1" else f"{value}, alpha={number}"


def bracketed(code):
    """Code in brackets if it is a sum or a product."""
    return code if is_one(code) else f"({code})"


def call(value, method, arguments=""):
    """A method of a value; in place where it is a temporary."""
    return Value(f"{bracketed(value.code)}.{method}{'_' * value.fresh}({arguments})", True)
