r"""Prints a rule as Python, as JavaScript, and its arithmetic with the numbers put in.

SymPy's printers print the expressions; this module adds the names of the code, NumPy's functions,
Initialize and the state.
"""

import json
import re
from typing import TYPE_CHECKING

import numpy as np
from sympy.printing.jscode import JavascriptCodePrinter
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.pycode import PythonCodePrinter

from .expressions import COMPARISONS
from .matrices import NUMBER, shape_of

if TYPE_CHECKING:
    from .rule import Line, Rule

SETTINGS = {"order": "none", "allow_unknown_functions": True}

# Helpers; a program begins with those that its `step` needs.
PYTHON = {
    "power": """def power(base, exponent):
    return np.inf if exponent is None else base**exponent
""",
}
JAVASCRIPT = {
    "each": """// Element by element, over numbers or arrays of them.
const each = (f, ...xs) => {
  const array = xs.find((x) => typeof x === "object");
  if (array === undefined) return f(...xs);
  const at = (i) => xs.map((x) => (typeof x === "object" ? x[i] : x));
  return Array.from(array, (_, i) => each(f, ...at(i)));
};
""",
    "power": "const power = (x, y) => (y === null ? Infinity : Math.pow(x, y));\n",
    "clip": "const clip = (x, low, high) => Math.min(Math.max(x, low), high);\n",
    "matmul": """// The product of two matrices, arrays of rows.
const matmul = (x, y) =>
  Array.from(x, (row) =>
    Array.from(y[0], (_, j) => row.reduce((sum, value, i) => sum + value * y[i][j], 0)));
""",
    "transpose": "const transpose = (x) => Array.from(x[0], (_, j) => Array.from(x, (row) => row[j]));\n",
    "norm": """const norm = (x) => Math.sqrt([x].flat(Infinity).reduce((sum, y) => sum + y * y, 0));
""",
}


def named(rule, symbol):
    """The name of a symbol in printed code."""
    known = rule.symbols[symbol.name]
    return "step" if known.kind == "iteration" else known.code


def may_be_none(rule, exponent):
    """Whether an exponent may be None, which `rule.power` explains."""
    return exponent.is_Symbol and rule.symbols[exponent.name].kind == "hyper-parameter"


def branches(call):
    """The conditions of cases with their values, and the value where none holds."""
    *parts, otherwise = call.args
    return list(zip(parts[::2], parts[1::2], strict=True)), otherwise


class Comparisons:
    """Prints comparisons as Python and JavaScript have them."""

    def _print_comparison(self, call):
        left, right = map(self._print, call.args)  # type: ignore[attr-defined]
        return f"{left} {COMPARISONS[call.func][0]} {right}"

    _print_greater = _print_less = _print_at_least = _print_at_most = _print_comparison


class Python(Comparisons, PythonCodePrinter):
    """Expressions as NumPy code."""

    def __init__(self, rule):
        super().__init__(SETTINGS)
        self.rule = rule

    def _print_Symbol(self, symbol):
        return named(self.rule, symbol)

    def _print_Pow(self, power, rational=False):
        if may_be_none(self.rule, power.exp):
            return f"power({self._print(power.base)}, {self._print(power.exp)})"
        return self._hprint_Pow(power, rational=rational, sqrt="np.sqrt")

    def _print_call(self, name, call):
        return f"{name}({', '.join(map(self._print, call.args))})"

    def _print_nested(self, name, call):
        first, *rest = map(self._print, call.args)
        for part in rest:
            first = f"{name}({first}, {part})"
        return first

    def _print_Max(self, call):
        return self._print_nested("np.maximum", call)

    def _print_Min(self, call):
        return self._print_nested("np.minimum", call)

    def _print_Abs(self, call):
        return self._print_call("np.abs", call)

    def _print_sign(self, call):
        return self._print_call("np.sign", call)

    def _print_clip(self, call):
        return self._print_call("np.clip", call)

    def _print_cases(self, call):
        found, otherwise = branches(call)
        code = self._print(otherwise)
        for condition, value in reversed(found):
            parts = self._print(condition), self._print(value), code
            if shape_of(call, self.rule.symbols, {}) == NUMBER:
                code = "({1} if {0} else {2})".format(*parts)
            else:
                code = "np.where({}, {}, {})".format(*parts)
        return code

    def _print_norm(self, call):
        return f"np.linalg.norm(np.ravel({self._print(call.args[0])}))"

    def _print_frobenius(self, call):
        return self._print_call("np.linalg.norm", call)

    def _print_matmul(self, call):
        return self._print_call("np.matmul", call)

    def _print_transpose(self, call):
        return self._print_call("np.transpose", call)


class JavaScript(Comparisons, JavascriptCodePrinter):
    """Expressions as JavaScript over numbers; norms and products of matrices go before them."""

    def __init__(self, rule):
        super().__init__(SETTINGS)
        self.rule, self.whole, self.printed = rule, [], 0

    def hoisted(self):
        """The lines that compute the norms and products of matrices printed since the last call."""
        for name, code in self.whole[self.printed :]:
            yield f"const {name} = {code};"
        self.printed = len(self.whole)

    def _hoist(self, function, call):
        arguments = ", ".join(self.each(part) for part in call.args)
        name = f"{function}{len(self.whole) + 1}"
        self.whole.append((name, f"{function}({arguments})"))
        return name

    def _print_Symbol(self, symbol):
        return named(self.rule, symbol)

    def _print_Pow(self, power):
        if may_be_none(self.rule, power.exp):
            return f"power({self._print(power.base)}, {self._print(power.exp)})"
        return super()._print_Pow(power)

    def _print_Abs(self, call):
        return f"Math.abs({self._print(call.args[0])})"

    def _print_sign(self, call):
        return f"Math.sign({self._print(call.args[0])})"

    def _print_cases(self, call):
        found, otherwise = branches(call)
        code = self._print(otherwise)
        for condition, value in reversed(found):
            code = f"({self._print(condition)} ? {self._print(value)} : {code})"
        return code

    def _print_norm(self, call):
        return self._hoist("norm", call)

    _print_frobenius = _print_norm

    def _print_matmul(self, call):
        return self._hoist("matmul", call)

    def _print_transpose(self, call):
        return self._hoist("transpose", call)

    def each(self, expression, also=()):
        """An expression over arrays; it takes the shape of those in `also`."""
        body = self._print(expression)
        known = self.rule.symbols
        own = [symbol for symbol in expression.free_symbols if known[symbol.name].of]
        names = {named(self.rule, symbol) for symbol in own}
        names |= {name for name, code in self.whole if not code.startswith("norm")}
        names = {name for name in names if occurs(name, body)}
        if names == {body}:
            return body
        arrays = ", ".join(sorted({*names, *also}))
        return f"each(({arrays}) => {body}, {arrays})" if arrays else body


class Numbers(LatexPrinter):
    """Expressions as LaTeX with numbers in the place of symbols."""

    def __init__(self, reads, digits):
        super().__init__({"order": "none", "mul_symbol": "dot"})
        self.reads, self.digits = reads, digits

    def _print_Symbol(self, symbol):
        value = self.reads[symbol.name]
        if np.ndim(value):
            return matrix(value, self.digits)
        text = number(value, self.digits)
        # A sign or a product in a product or a power would be misread.
        return rf"\left({text}\right)" if re.search(r"-|\^", text) else text

    def _print_clip(self, call):
        return rf"\operatorname{{clip}}\left({', '.join(map(self._print, call.args))}\right)"

    def _print_norm(self, call):
        return rf"\left\lVert {self._print(call.args[0])} \right\rVert"

    def _print_frobenius(self, call):
        return self._print_norm(call) + "_F"

    def _print_comparison(self, call):
        left, right = map(self._print, call.args)
        return f"{left} {COMPARISONS[call.func][1]} {right}"

    _print_greater = _print_less = _print_at_least = _print_at_most = _print_comparison

    def _print_cases(self, call):
        found, otherwise = branches(call)
        rows = [
            rf"{self._print(value)} & \text{{if }} {self._print(condition)}"
            for condition, value in found
        ]
        rows.append(rf"{self._print(otherwise)} & \text{{otherwise}}")
        return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"

    def _print_matmul(self, call):
        parts = [self.parenthesize(part, PRECEDENCE["Mul"], strict=True) for part in call.args]
        return r" \, ".join(parts)

    def _print_transpose(self, call):
        return rf"{self.parenthesize(call.args[0], PRECEDENCE['Pow'])}^\top"


def occurs(name, code):
    """Whether a name stands in code as a word."""
    return re.search(rf"\b{name}\b", code) is not None


def number(value, digits):
    r"""A number in LaTeX.

    Example:
        >>> number(0.123456, 3), number(-2.5e-9, 3), number(True, 3), number(None, 3)
        ('0.123', '-2.5 \\cdot 10^{-9}', '1', '\\infty')
    """
    if value is None:
        return r"\infty"
    mantissa, _, exponent = f"{float(value):.{digits}g}".partition("e")
    if not exponent:
        return mantissa
    ten = f"10^{{{int(exponent)}}}"
    return ten if mantissa == "1" else rf"{mantissa} \cdot {ten}"


def matrix(value, digits):
    r"""A matrix of numbers in LaTeX.

    Example:
        >>> print(matrix([[1.0, 0.25], [-2.0, 0.0]], 3))
        \begin{pmatrix} 1 & 0.25 \\ -2 & 0 \end{pmatrix}
    """
    rows = (" & ".join(number(entry, digits) for entry in row) for row in value)
    return r"\begin{pmatrix} " + r" \\ ".join(rows) + r" \end{pmatrix}"


def worked(line: "Line", digits: int = 4) -> str:
    r"""A line that ran, with its numbers put in.

    Args:
        line: a `Line` of `Rule.trace`, run on numbers or on matrices.
        digits: significant digits, at least 1.

    Returns:
        LaTeX: the symbol that is assigned to, the arithmetic, the value.

    Example:
        >>> from optimizers import rule_of
        >>> start, first = rule_of("Adam").trace(1.0, [-0.5], lr=0.1)
        >>> print(worked(first.lines[1]))
        V_{dw} = 0.9 \cdot 0 + \left(1 - 0.9\right) \cdot \left(-0.5\right) = -0.05
    """
    arithmetic = Numbers(line.reads, digits).doprint(line.statement.expression)
    value = (matrix if np.ndim(line.value) else number)(line.value, digits)
    same = "" if arithmetic == value else f" = {value}"
    return f"{line.statement.target} = {arithmetic}{same}"


def python(rule: "Rule", variable: str | None = None) -> str:
    """The rule as a Python module with a function `step`, called as the NumPy steps are.

    Args:
        rule: the rule.
        variable: whose lines to print, one of `rule.variables`; the first unless said.

    Returns:
        The module's text; it needs only NumPy.

    Example:
        >>> from optimizers.formula import read
        >>> print(python(read(r"On iteration $t$: $W := W - \\alpha dW$", path="sgd.md")))
        import numpy as np
        <BLANKLINE>
        <BLANKLINE>
        def step(param, grad, state, *, lr, maximize=False):
            if maximize:
                grad = -grad
            step = state.get("step", 0) + 1
            param = param - lr*grad  # sgd.md:1
            return param, {"step": step}
        <BLANKLINE>
    """
    variable, printer = variable or rule.variables[0], Python(rule)

    def line_of(statement):
        code = printer.doprint(statement.expression)
        like_param = statement.section == "initialize" and statement.variable
        if like_param and not any_array(rule, statement.expression):
            code = f"np.full_like(param, {code})"
        target = rule.symbols[statement.target].code
        return f"{target} = {code}  # {statement.path}:{statement.line}"

    def lines(section):
        for repeat, statements in rule.blocks(variable, section):
            code = list(map(line_of, statements))
            if repeat:
                code = [f"for _ in range({printer.doprint(repeat.times)}):", *indent(code)]
            yield from code

    keywords = [
        f"{name}={rule.defaults[name]!r}" if name in rule.defaults else name
        for name in rule.hyperparameters
    ]
    signature = ", ".join(["param, grad, state, *", *keywords, "maximize=False"])
    body = ["if maximize:", "    grad = -grad"]
    if rule.matrix:
        body += ["rows, columns = param.shape"]
    load = [f'{name} = state["{name}"]' for name in rule.states]
    begin = list(lines("initialize"))
    states = "".join(f', "{name}": {name}' for name in rule.states)
    if rule.initialize_reads_gradient:
        body += ["if not state:", *indent(begin), f'    return param, {{"step": 1{states}}}']
        body += [*load, 'step = state["step"]']
    else:
        if load:
            body += ["if state:", *indent(load), "else:", *indent(begin)]
        body += ['step = state.get("step", 0) + 1']
    count = "step + 1" if rule.initialize_reads_gradient else "step"
    body += [*lines("iteration"), f'return param, {{"step": {count}{states}}}']
    code = "\n".join([f"def step({signature}):", *indent(body)])
    needed = [text for name, text in PYTHON.items() if occurs(name, code)]
    return "\n\n".join(["import numpy as np\n", *needed, code]) + "\n"


def javascript(rule: "Rule", variable: str | None = None) -> str:
    """The rule as an ES module with a function `step(param, grad, state, hyper)`.

    Parameters, gradients and states are numbers or arrays of them, typed or not, nested or not;
    `state` is `{}` at the start; the result is `[param, state]`. `hyper` holds hyper-parameters by
    their names in the code, and `maximize`; missing ones come from `defaults`.

    Args:
        rule: the rule.
        variable: whose lines to print, one of `rule.variables`; the first unless said.

    Returns:
        The module's text; it imports nothing.

    Example:
        >>> from optimizers.formula import read
        >>> text = javascript(read(r"On iteration $t$: $W := W - \\alpha dW$", path="sgd.md"))
        >>> print(text[text.index("  param"):])
          param = each((grad, param) => param - lr*grad, grad, param); // sgd.md:1
          return [param, { step }];
        }
        <BLANKLINE>
    """
    variable, printer = variable or rule.variables[0], JavaScript(rule)

    def lines_of(statement):
        like_param = statement.section == "initialize" and statement.variable
        like_param = like_param and not any_array(rule, statement.expression)
        code = printer.each(statement.expression, ["param"] if like_param else [])
        yield from printer.hoisted()
        target = rule.symbols[statement.target].code
        yield f"{target} = {code}; // {statement.path}:{statement.line}"

    def lines(section):
        for repeat, statements in rule.blocks(variable, section):
            code = [line for statement in statements for line in lines_of(statement)]
            if repeat:
                head = f"for (let i = 0; i < {printer.doprint(repeat.times)}; i++) {{"
                code = [head, *indent(code, 2), "}"]
            yield from code

    names = ", ".join([*rule.hyperparameters, "maximize"])
    states = "".join(f", {name}" for name in rule.states)
    load = [f"({{ {states[2:]} }} = state);"]
    begin = list(lines("initialize"))
    own = [rule.symbols[line.target].code for line in rule.lines(variable)]
    own = [name for name in dict.fromkeys(own) if name not in ("param", "grad")]
    body = [
        f"const {{ {names}, ...unknown }} = {{ ...defaults, ...hyper }};",
        "for (const name in unknown) throw new TypeError(`unknown hyper-parameter: ${name}`);",
        *(
            f"if ({name} === undefined) throw new TypeError('missing hyper-parameter: {name}');"
            for name in rule.hyperparameters
            if name not in rule.defaults
        ),
        "if (maximize) grad = each((grad) => -grad, grad);",
        *(["const rows = param.length, columns = param[0].length;"] if rule.matrix else []),
        *([f"let {', '.join(own)};"] if own else []),
    ]
    if rule.initialize_reads_gradient:
        body += ["if (!state.step) {", *indent(begin, 2)]
        body += [f"  return [param, {{ step: 1{states} }}];", "}"]
        body += [*load, "const step = state.step;"]
    else:
        if states:
            body += ["if (state.step) {", *indent(load, 2), "} else {", *indent(begin, 2), "}"]
        body += ["const step = (state.step ?? 0) + 1;"]
    count = "step: step + 1" if rule.initialize_reads_gradient else "step"
    body += [*lines("iteration"), f"return [param, {{ {count}{states} }}];"]
    known = {name: rule.defaults[name] for name in rule.hyperparameters if name in rule.defaults}
    defaults = f"export const defaults = {json.dumps(known)};\n"
    head = "export function step(param, grad, state, hyper = {}) {"
    code = "\n".join([head, *indent(body, 2), "}"])
    needed = [text for name, text in JAVASCRIPT.items() if occurs(name, code)]
    return "\n".join([*needed, defaults, code]) + "\n"


def any_array(rule, expression):
    """Whether an expression has the shape of the parameter by itself."""
    return any(rule.symbols[symbol.name].of for symbol in expression.free_symbols)


def indent(lines, by=4):
    """Lines further to the right."""
    return [" " * by + line for line in lines]
