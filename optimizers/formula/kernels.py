r"""Prints a rule as a kernel: one loop over elements that reads and writes each value once.

What has no element, such as $1 - \beta_1^t$, is a number: the function `once` computes it once a
step for each tensor, in float64, and the loop knows it by name.
"""

import sympy
from sympy.printing.pycode import PythonCodePrinter

from .expressions import clip, divides
from .printers import PYTHON, SETTINGS, Python, any_array, indent, named, occurs


class NoKernel(ValueError):
    """A rule does more than one element at a time can."""


HELPERS = ("absolute", "clip", "maximum", "minimum", "power", "sign", "sqrt", "square")
# What is put around the lines of a rule; the helpers are in the modules that they are taken from.
NUMBA = '''"""The formula of {path} in one pass over memory."""

import numpy as np
from numba import carray, {dtype}

from optimizers._numba import {helpers}

OPTIONS = {options!r}
# States that are one number for a tensor: `once` is given them, and returns them last.
KEPT = {kept!r}


{once}


@kernel({dtype})
def each(n, at, numbers):
    # Of n elements the addresses, and the direction with what `once` has returned.
{load}
    for i in range(n):
{body}
'''


TRITON = '''"""The formula of {path} in one pass over memory."""

import numpy as np
import triton
import triton.language as tl
{helpers}
OPTIONS = {options!r}
# States that are one number for a tensor: `once` is given them, and returns them last.
KEPT = {kept!r}


{once}


@triton.jit
def each(
    blocks, counts, addresses, numbers, tensors,
    words: tl.constexpr, EVEN: tl.constexpr, BLOCK: tl.constexpr
):
    # Of a block its tensor, where in it, and the direction with what `once` has returned.
    tensor = tl.load(blocks + 2*tl.program_id(0))
    i = tl.load(blocks + 2*tl.program_id(0) + 1).to(tl.int64)*BLOCK + tl.arange(0, BLOCK)
    inside = i < tl.multiple_of(tl.load(counts + tensor), EVEN)
{body}
'''


class Elements(PythonCodePrinter):
    """Expressions over one element; numbers are computed by the lines in `once`."""

    def __init__(self, rule):
        super().__init__(SETTINGS)
        self.rule, self.once, self.numbers = rule, [], {}

    def number(self, expression):
        """The name in the loop of what has no element."""
        if expression.is_Symbol and self.rule.symbols[expression.name].kind == "hyper-parameter":
            # betas[0] is beta1.
            code = self.rule.code(expression.name)
            name, _, index = code.rstrip("]").partition("[")
            name = f"{name.rstrip('s')}{int(index) + 1}" if index else name
            self.numbers[name] = code
            return name
        name = f"c{len(self.once) + 1}"
        self.once.append(f"{name} = {Python(self.rule).doprint(expression)}")
        self.numbers[name] = name
        return name

    def elements(self, expression):
        """The code of an expression, with an element or without."""
        if not any_array(self.rule, expression):
            return self.number(expression)
        return self._print(expression)

    def bracketed(self, expression):
        """The same as one factor."""
        code = self.elements(expression)
        return f"({code})" if expression.is_Add and any_array(self.rule, expression) else code

    def signed(self, expression):
        """Whether a term is taken away, and its code without that sign."""
        minus, numbers, code = False, [], ""
        for factor in factors(expression):
            if factor == -1:
                minus = not minus
            elif not any_array(self.rule, factor):
                numbers.append(factor)
            elif divides(factor):
                code = f"{code or self.number(sympy.Integer(1))}/{self.bracketed(factor.base)}"
            else:
                code = f"{code}*{self.bracketed(factor)}" if code else self.bracketed(factor)
        if numbers:
            # All numbers of a product are one, in front.
            whole = self.number(numbers[0] if len(numbers) == 1 else multiply(numbers))
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


# What is done to one element at a time.
ELEMENTWISE = {
    *(sympy.Add, sympy.Mul, sympy.Pow, sympy.Max, sympy.Min, sympy.Abs, sympy.sign, clip),
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


def kernel(rule, dtype="float32", compiler="numba", variable=None):
    """The rule as the text of a Python module with a kernel.

    Args:
        rule: the rule.
        dtype: what to compute in, "float32" or "float64".
        compiler: what compiles it, "numba" or "triton".
        variable: whose lines to print, one of `rule.variables`; the first unless said.

    Returns:
        The module's text; `optimizers._fused` runs it.

    Raises:
        NoKernel: a line needs more than one element at a time.

    Example:
        >>> from optimizers.formula import read
        >>> text = kernel(read(r"On iteration $t$: $W := W - 2 \\alpha dW$", path="sgd.md"))
        >>> print(text[text.index("def once") :])
        def once(step, *, lr):
            # What has no element, in float64.
            c1 = 2*lr
            return [c1]
        <BLANKLINE>
        <BLANKLINE>
        @kernel(float32)
        def each(n, at, numbers):
            # Of n elements the addresses, and the direction with what `once` has returned.
            params = carray(pointer(at[0]), n, float32)
            grads = carray(pointer(at[1]), n, float32)
            direction = numbers[0]
            c1 = numbers[1]
            for i in range(n):
                param = params[i]
                grad = direction*grads[i]
                param = param - c1*grad  # W := W - 2 \\alpha dW
                params[i] = param
        <BLANKLINE>
    """
    variable, printer = variable or rule.variables[0], Elements(rule)
    lines = []
    for one in rule.lines(variable, "iteration"):
        for part in sympy.preorder_traversal(one.expression):
            if not (part.is_Number or part.func in ELEMENTWISE):
                name = getattr(part.func, "__name__", part)
                raise NoKernel(f"{one.path}:{one.line}: {name} takes more than one element")
        target = rule.symbols[one.target]
        if target.of:
            lines.append(f"{target.code} = {printer.elements(one.expression)}  # {one.latex}")
        else:
            code = Python(rule).doprint(one.expression)
            printer.once.append(f"{target.code} = {code}")
    states = [one for one in rule.states if has_elements(rule, one)]
    kept = [one for one in rule.states if one not in states]
    once = [*printer.once, f"return [{', '.join([*printer.numbers.values(), *kept])}]"]
    if rule.initialize_reads_gradient:
        once.insert(0, "step = step - 1  # Initialize took a call")
    known = ["step", *kept, *(["*"] if rule.hyperparameters else []), *rule.hyperparameters]
    head = [f"def once({', '.join(known)}):", "    # What has no element, in float64."]
    once = "\n".join([*head, *indent(once)])
    needed = [text for name, text in PYTHON.items() if occurs(name, once)]
    needed = "\n\n".join([*needed, once])
    names, numbers = ["param", "grad", *states], ["direction", *printer.numbers]
    values = {"path": rule.statements[0].path, "once": needed, "dtype": dtype}
    values |= {"options": tuple(rule.hyperparameters), "kept": tuple(kept)}
    values["helpers"] = ", ".join(
        one for one in HELPERS if any(occurs(one, line) for line in lines)
    )
    return SHELLS[compiler](names, numbers, lines, values)


def numba(names, numbers, lines, values):
    """The lines in a loop of Numba's."""
    load = [
        f"{one}s = carray(pointer(at[{i}]), n, {values['dtype']})" for i, one in enumerate(names)
    ]
    load += [f"{one} = numbers[{i}]" for i, one in enumerate(numbers)]
    read = [f"{one} = {'direction*' if one == 'grad' else ''}{one}s[i]" for one in names]
    write = [f"{one}s[i] = {one}" for one in names if one != "grad"]
    body = "\n".join(indent([*read, *lines, *write], 8))
    values["helpers"] = ", ".join(filter(None, ["kernel, pointer", values["helpers"]]))
    return NUMBA.format(load="\n".join(indent(load)), body=body, **values)


def triton(names, numbers, lines, values):
    """The lines in a program of Triton's, which computes a block of elements."""
    body = [
        f"{one} = tl.load(numbers + {len(numbers)}*tensor + {i})" for i, one in enumerate(numbers)
    ]
    for i, one in enumerate(names):
        of = "words" if i < 2 else f"tl.{values['dtype']}"
        body += [
            f"{one}s = tl.load(addresses + {i}*tensors + tensor).to(tl.pointer_type({of}))",
            f"{one}s = tl.multiple_of({one}s, EVEN) + i",
            f"{one} = tl.load({one}s, inside).to(tl.{values['dtype']})",
        ]
    body += ["grad = direction*grad", *lines]
    body += [f"tl.store({one}s, {one}, inside)" for one in names if one != "grad"]
    if values["helpers"]:
        values["helpers"] = f"\nfrom optimizers._triton import {values['helpers']}\n"
    return TRITON.format(body="\n".join(indent(body)), **values)


SHELLS = {"numba": numba, "triton": triton}


def has_elements(rule, code):
    """Whether a state has the shape of the parameter."""
    return any(one.of for one in rule.symbols.values() if (one.kind, one.code) == ("state", code))
