"""Expressions as code; a framework adds its functions.

Example:
    >>> from optimizers import rule_of
    >>> rule = rule_of("Adam")
    >>> code = Code(rule, lambda symbol: symbol.code.replace("betas[0]", "beta1"))
    >>> print(code(rule.lines("W", "iteration")[3].expression))
    exp_avg / (1 - beta1**step)
"""

import re
import shutil
import subprocess
import sysconfig
import tempfile
import textwrap
from pathlib import Path

import sympy

from ..formula.expressions import COMPARISONS, cases, divides
from ..formula.matrices import matmul, norm, transpose
from ..formula.printers import any_array, branches

WIDTH = 100
# How tightly code binds: what binds looser than its surroundings needs brackets.
SUM, PRODUCT, SIGN, POWER, ATOM = range(5)
# What `ruff format` writes `**` around without spaces.
SIMPLE = re.compile(r"[\w.]+")
PLAIN = {
    sympy.Max: "max",
    sympy.Min: "min",
    sympy.Abs: "abs",
}


class Code:
    """Prints expressions.

    Args:
        rule: the rule that they are from.
        name: gives the name in the code of a row of the rule's symbols.
        functions: the framework's functions by SymPy's: `sqrt`, `Max`, `Min`, `Abs`, `sign`, `clip`,
            `norm`, `transpose`, `where`, `full`.
        plain: the rows of what is a plain number of Python in the framework.
    """

    def __init__(self, rule, name, functions=None, plain=()):
        self.rule, self.functions = rule, functions or {}
        self.names = {latex: name(symbol) for latex, symbol in rule.symbols.items()}
        self.plain = {latex for latex, symbol in rule.symbols.items() if symbol in plain}
        self.helpers = set()

    def __call__(self, expression, level=SUM):
        """The code of an expression, in brackets if it binds looser than `level`."""
        code, own = self.bound(expression)
        return f"({code})" if own < level else code

    def bound(self, expression):
        """The code of an expression, and how tightly it binds."""
        if expression.is_Symbol:
            return self.names.get(expression.name, expression.name), ATOM
        if expression.is_Number:
            negative = SIGN if expression < 0 else ATOM
            exact = expression.is_Integer
            return str(int(expression) if exact else float(expression)), negative
        if expression.is_Add:
            return self.sum(expression.args), SUM
        if expression.is_Mul or divides(expression):
            return self.product(*signed(expression))
        if expression.is_Pow:
            return self.power(expression)
        if isinstance(expression, matmul):
            parts = [
                self(part, PRODUCT + (place > 0)) for place, part in enumerate(expression.args)
            ]
            return " @ ".join(parts), PRODUCT
        if isinstance(expression, cases):
            return self.choice(expression)
        return self.call(expression), ATOM

    def choice(self, expression):
        """The code of cases, and how tightly it binds."""
        found, otherwise = branches(expression)
        code, level = self(otherwise, SUM - 1), ATOM
        if not any(any_array(self.rule, part) for part in (otherwise, *dict(found).values())):
            code = self.as_array(code, found)
        for condition, value in reversed(found):
            left, right = map(self, condition.args)
            holds, value = f"{left} {COMPARISONS[condition.func][0]} {right}", self(value)
            if self.is_plain(condition):
                code, level = f"{value} if {holds} else {code}", SUM - 1
            else:
                code, level = f"{self.functions['where']}({holds}, {value}, {code})", ATOM
        return code, level

    def as_array(self, code, found):
        """A number as an array with the dtype of those that the conditions compare."""
        symbols = [symbol for condition, _ in found for symbol in condition.free_symbols]
        arrays = sorted(symbol.name for symbol in symbols if any_array(self.rule, symbol))
        if not arrays or any(condition.has(norm) for condition, _ in found):
            return code
        return f"{self.functions['full']}({self.names[arrays[0]]}, {code})"

    def sum(self, parts):
        """A sum; a part with a minus is subtracted."""
        code = ""
        for part in parts:
            minus, *rest = signed(part)
            term, level = self.product(False, *rest)
            if level < PRODUCT:
                term = f"({term})" if code else term
            if not code:
                code = self.product(minus, *rest)[0] if minus else term
            else:
                code += f" {'-' if minus else '+'} {term}"
        return code

    def product(self, minus, above, below=()):
        """A product of what is above the line, in the order written, divided by what is below."""
        code, level = "1", ATOM
        for place, factor in enumerate(above):
            inner, level = self.bound(factor)
            if place or len(above) > 1 or below or minus:
                inner = f"({inner})" if level < PRODUCT + (place > 0) else inner
            code = f"{code} * {inner}" if place else inner
        if len(above) > 1:
            level = PRODUCT
        for factor in below:
            code, level = f"{code} / {self(factor, SIGN)}", PRODUCT
        return (f"-{code}", min(max(level, SUM + 1), SIGN)) if minus else (code, level)

    def power(self, power):
        """A power, or a root."""
        base, exponent = power.args
        if exponent == sympy.Rational(1, 2):
            if self.is_plain(base):
                return self.helper("math", f"math.sqrt({self(base)})"), ATOM
            return f"{self.functions['sqrt']}({self(base)})", ATOM
        base_code, exponent_code = self(base, ATOM), self(exponent, SIGN)
        simple = SIMPLE.fullmatch(base_code) and SIMPLE.fullmatch(exponent_code)
        code = f"{base_code}{'**' if simple else ' ** '}{exponent_code}"
        if self.may_be_none(exponent):
            # There is no exponent with which a bound would not bind: None stands for it.
            unbounded = self.helper("math", "math.inf")
            return f"{unbounded} if {exponent_code} is None else {code}", SUM - 1
        return code, POWER

    def call(self, expression):
        """A call of a function."""
        arguments = [self(part) for part in expression.args]
        if self.is_plain(expression) and expression.func in PLAIN:
            return f"{PLAIN[expression.func]}({', '.join(arguments)})"
        if isinstance(expression, transpose):
            return f"{self(expression.args[0], ATOM)}.T"
        name = "norm" if isinstance(expression, norm) else expression.func.__name__
        if expression.func in (sympy.Max, sympy.Min) and len(arguments) > 2:
            first, *rest = arguments
            for argument in rest:
                first = f"{self.functions[name]}({first}, {argument})"
            return first
        function = self.functions[name]
        return (function if "{}" in function else f"{function}({{}})").format(", ".join(arguments))

    def helper(self, module, code):
        """Code that needs a module."""
        self.helpers.add(module)
        return code

    def is_plain(self, expression):
        """Whether an expression is a plain number of Python."""
        return {symbol.name for symbol in expression.free_symbols} <= self.plain

    def may_be_none(self, exponent):
        """Whether an exponent is an option, which may be None."""
        return exponent.is_Symbol and self.kind(exponent.name) == "hyper-parameter"

    def kind(self, latex):
        """The kind of a symbol; that of a name which a framework has added is empty."""
        row = self.rule.symbols.get(latex)
        return row.kind if row else ""


def signed(expression):
    """Whether a product has a minus, its factors above the line, and those below it."""
    minus, above, below = False, [], []
    factors = list(expression.args) if expression.is_Mul else [expression]
    while factors:
        factor = factors.pop(0)
        if factor.is_Mul:
            factors[:0] = factor.args
        elif factor.is_Number and factor < 0:
            minus = not minus
            if factor != -1:
                above.append(-factor)
        elif divides(factor):
            below.append(factor.base)
        else:
            above.append(factor)
    return minus, above, below


def is_symmetric(call):
    """Whether a clip has the bounds -x and x."""
    low, high = call.args[1:]
    minus, *rest = signed(low)
    return minus and rest == list(signed(high)[1:])


def laid_out(texts: list[str]) -> list[str]:
    """Modules as `ruff format` lays them out, or as they are where ruff is not installed."""
    ruff = shutil.which("ruff", path=sysconfig.get_path("scripts")) or shutil.which("ruff")
    if ruff is None:
        return texts
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"module_{number}.py" for number in range(len(texts))]
        for file, text in zip(files, texts, strict=True):
            file.write_text(text, encoding="utf-8")
        command = [ruff, "format", "--isolated", "--config", f"line-length={WIDTH}", folder]
        subprocess.run(command, capture_output=True, check=True)
        return [file.read_text(encoding="utf-8") for file in files]


def is_one(code):
    """Whether code binds as tightly as a name or a call: no space stands outside of brackets."""
    depth = 0
    for sign in code:
        depth += (sign in "([{") - (sign in ")]}")
        if sign == " " and not depth:
            return False
    return True


def indented(lines, by=4):
    """Lines further to the right."""
    return [" " * by + line if line else line for line in lines]


def comment(latex):
    """A formula's line as a comment."""
    return f"# {' '.join(latex.split())}"


def paragraph(text, indent):
    """A paragraph of a docstring."""
    return textwrap.wrap(
        " ".join(text.split()), WIDTH - indent, break_on_hyphens=False, break_long_words=False
    )


def said_of(said, symbols):
    """The first lines of a docstring: what it is, its source, and what the formula calls the options."""
    made = f"Made from the formula in {said.made_from}, whose lines are the comments: {symbols}."
    return [
        *paragraph(f'"""{said.what}', 4),
        "",
        *paragraph(f"Source: {said.source}", 4),
        *paragraph(made, 4),
    ]


def uses(name, code):
    """Whether a name stands in some lines as a word of its own, outside of comments and strings."""
    text = "\n".join(line for line in code if not line.lstrip().startswith("#"))
    return re.search(rf'(?<![\w."]){name}\b(?!")', text) is not None
