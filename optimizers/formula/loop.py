r"""Turns a rule into one loop over elements that reads and writes each value once.

A quantity without elements, such as $1 - \beta_1^t$, is a number: the function `once` computes it
once a step for each tensor, in float64, and the loop knows it by name. The caller puts a program
around the loop.
"""

from collections.abc import Iterable
from typing import NamedTuple

import sympy
from sympy.printing.pycode import PythonCodePrinter

from .expressions import COMPARISONS, cases, clip, divides
from .printers import PYTHON, SETTINGS, Python, any_array, branches, indent, named, occurs
from .rule import Rule


class NoKernel(ValueError):
    """A rule cannot be one loop over elements; the message names the file and the remedy."""


class Loop(NamedTuple):
    """A rule as one loop over the elements of a tensor.

    Args:
        path: the file of the rule.
        arrays: the names of the quantities with elements: `param`, `grad`, then the states.
        numbers: the names of the others: `direction`, which is -1 to climb, then the rest.
        lines: the arithmetic of one element, in Python, each line with its formula as a comment.
        once: the function `once(step, **options)`, which computes the numbers in float64.
        options: the options that `once` takes.
        kept: the states that are one number for a tensor: `once` takes them and returns them last.
        helpers: the functions that the lines call.
    """

    path: str
    arrays: list[str]
    numbers: list[str]
    lines: list[str]
    once: str
    options: tuple[str, ...]
    kept: tuple[str, ...]
    helpers: list[str]


HELPERS = ("absolute", "choose", "clip", "maximum", "minimum", "power", "sign", "sqrt", "square")


class Elements(PythonCodePrinter):
    """Expressions over one element; numbers are computed by the lines in `once`."""

    def __init__(self, rule, taken):
        super().__init__(SETTINGS)
        self.rule, self.taken, self.once, self.numbers = rule, set(taken), [], {}

    def fresh(self, name):
        """A name that is not taken yet: this name, or the next that is free."""
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def name_of_number(self, expression):
        """The name in the loop of an expression without elements."""
        if expression.is_Symbol and self.rule.symbols[expression.name].kind == "hyper-parameter":
            code = self.rule.code(expression.name)
            for name, known in self.numbers.items():
                if known == code:
                    return name
            # An option keeps its name; betas[0] is called beta1.
            option, _, index = code.rstrip("]").partition("[")
            name = self.fresh(f"{option.rstrip('s')}{int(index) + 1}") if index else option
        else:
            name = code = self.fresh(f"c{len(self.once) + 1}")
            self.once.append(f"{name} = {Python(self.rule).doprint(expression)}")
        self.numbers[name] = code
        return name

    def elements(self, expression):
        """The code of an expression, with an element or without."""
        if not any_array(self.rule, expression):
            return self.name_of_number(expression)
        return self._print(expression)

    def bracketed(self, expression):
        """The code of an expression as a factor of a product."""
        code = self.elements(expression)
        return f"({code})" if expression.is_Add and any_array(self.rule, expression) else code

    def signed(self, expression):
        """Whether a term has a minus, and its code without that sign."""
        minus, numbers, code = False, [], ""
        for factor in factors(expression):
            if factor == -1:
                minus = not minus
            elif not any_array(self.rule, factor):
                numbers.append(factor)
            elif divides(factor):
                above = code or self.name_of_number(sympy.Integer(1))
                code = f"{above}/{self.bracketed(factor.base)}"
            else:
                code = f"{code}*{self.bracketed(factor)}" if code else self.bracketed(factor)
        if numbers:
            # All numbers of a product become a single number in front.
            whole = self.name_of_number(numbers[0] if len(numbers) == 1 else multiply(numbers))
            code = f"{whole}*{code}" if code else whole
        return minus, code

    def _print_Symbol(self, symbol):
        return named(self.rule, symbol)

    def _print_Add(self, expression):
        minus, code = self.signed(expression.args[0])
        code = f"-{code}" if minus else code
        for part in expression.args[1:]:
            minus, term = self.signed(part)
            code += f" {'-' if minus else '+'} {term}"
        return code

    def _print_Mul(self, expression):
        minus, code = self.signed(expression)
        return f"-{code}" if minus else code

    def _print_Pow(self, power):
        if divides(power):
            return self._print_Mul(power)
        if power.exp == sympy.Rational(1, 2):
            return f"sqrt({self.elements(power.base)})"
        if power.exp == 2:
            base = self.bracketed(power.base)
            return f"{base}*{base}" if power.base.is_Symbol else f"square({base})"
        return f"power({self.elements(power.base)}, {self.elements(power.exp)})"

    def _print_call(self, name, call):
        first, *rest = map(self.elements, call.args)
        return f"{name}({', '.join([first, *rest])})"

    def _print_nested(self, name, call):
        first, *rest = map(self.elements, call.args)
        for part in rest:
            first = f"{name}({first}, {part})"
        return first

    def _print_Max(self, call):
        return self._print_nested("maximum", call)

    def _print_Min(self, call):
        return self._print_nested("minimum", call)

    def _print_Abs(self, call):
        return self._print_call("absolute", call)

    def _print_sign(self, call):
        return self._print_call("sign", call)

    def _print_clip(self, call):
        return self._print_call("clip", call)

    def _print_cases(self, call):
        found, otherwise = branches(call)
        code = self.elements(otherwise)
        for condition, value in reversed(found):
            if any_array(self.rule, condition):
                left, right = map(self.elements, condition.args)
                holds = f"{left} {COMPARISONS[condition.func][0]} {right}"
            else:
                holds = f"{self.elements(condition)} > 0"  # True is 1
            code = f"choose({holds}, {self.elements(value)}, {code})"
        return code


# Operations on one element at a time.
ELEMENTWISE = {
    *(sympy.Add, sympy.Mul, sympy.Pow, sympy.Max, sympy.Min, sympy.Abs, sympy.sign, clip),
    *(cases, *COMPARISONS),
    *(sympy.Symbol, sympy.Integer, sympy.Rational, sympy.Float),
}


def factors(expression):
    """The factors of a product, those of the products in it included."""
    if not expression.is_Mul:
        return [expression]
    return [factor for part in expression.args for factor in factors(part)]


def multiply(numbers):
    """A product in the order written."""
    return sympy.Mul(*numbers, evaluate=False)


def loop_of(rule: Rule, variable: str | None = None, reserved: Iterable[str] = ()) -> Loop:
    """The rule as one loop over elements.

    Args:
        rule: the rule.
        variable: whose lines, one of `rule.variables`; the first unless said.
        reserved: names of the program that the caller puts around the loop.

    Returns:
        A `Loop`.

    Raises:
        NoKernel: a line needs more than one element at a time, or a quantity has a reserved name.

    Example:
        >>> from optimizers.formula import read
        >>> found = loop_of(read(r"On iteration $t$: $W := W - 2 \\alpha dW$", path="sgd.md"))
        >>> print(found.once)
        def once(step, *, lr):
            # What has no element, in float64.
            c1 = 2*lr
            return [c1]
        >>> found.numbers, found.lines
        (['direction', 'c1'], ['param = param - c1*grad  # W := W - 2 \\\\alpha dW'])
    """
    variable, path = variable or rule.variables[0], rule.statements[0].path
    states = [code for code in rule.states if has_elements(rule, code)]
    kept = tuple(code for code in rule.states if code not in states)
    arrays = ["param", "grad", *states]
    # What is one of several numbers gets a name of its own in the loop.
    codes = {symbol.code for symbol in rule.symbols.values() if "[" not in symbol.code}
    taken = {*reserved, "direction", *HELPERS, *map("{}s".format, arrays)}
    if clash := (codes - {"param", "grad"}) & taken:
        raise NoKernel(
            f"{path}: the kernel has a name of its own `{min(clash)}`; give the option, state or "
            "intermediate of this name another one"
        )
    printer, lines = Elements(rule, codes | taken), []
    for statement in rule.lines(variable, "iteration"):
        for part in sympy.preorder_traversal(statement.expression):
            if not (part.is_Number or part.func in ELEMENTWISE):
                name = getattr(part.func, "__name__", part)
                where = f"{statement.path}:{statement.line}"
                raise NoKernel(
                    f"{where}: {name} takes more than one element; accepted in a kernel: +, -, "
                    r"products, quotients, powers, \max, \min, |·|, clip, sign and cases"
                )
        target = rule.symbols[statement.target]
        if target.of:
            code = printer.elements(statement.expression)
            lines.append(f"{target.code} = {code}  # {statement.latex}")
        else:
            code = Python(rule).doprint(statement.expression)
            printer.once.append(f"{target.code} = {code}")
    body = [*printer.once, f"return [{', '.join([*printer.numbers.values(), *kept])}]"]
    if rule.initialize_reads_gradient:
        body.insert(0, "step = step - 1  # Initialize took a call")
    options = tuple(rule.hyperparameters)
    arguments = ["step", *kept, *(["*"] if options else []), *options]
    head = [f"def once({', '.join(arguments)}):", "    # What has no element, in float64."]
    once = "\n".join([*head, *indent(body)])
    needed = [text for name, text in PYTHON.items() if occurs(name, once)]
    return Loop(
        path=path,
        arrays=arrays,
        numbers=["direction", *printer.numbers],
        lines=lines,
        once="\n\n".join([*needed, once]),
        options=options,
        kept=kept,
        helpers=[name for name in HELPERS if any(occurs(name, line) for line in lines)],
    )


def has_elements(rule, code):
    """Whether a state has the shape of the parameter."""
    return any(
        symbol.of
        for symbol in rule.symbols.values()
        if (symbol.kind, symbol.code) == ("state", code)
    )
