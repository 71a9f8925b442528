"""An update rule that was read from LaTeX; it runs on NumPy arrays."""

import math
import operator
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, reduce
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import sympy

from . import printers
from .expressions import at_least, at_most, cases, clip, divides, greater, less
from .matrices import frobenius, matmul, norm, transpose
from .symbols import Symbol


class Repeat(NamedTuple):
    """A repetition of some lines.

    Args:
        times: the number of times: a SymPy number or the symbol of a hyper-parameter.
        at: the place of this number, as (line, column); no two repetitions share it.
    """

    times: sympy.Expr
    at: tuple[int, int]

    @property
    def reads(self) -> tuple[str, ...]:
        """The symbols in the number of times, in LaTeX."""
        return names_in(self.times)


class Statement(NamedTuple):
    """One assignment of a rule.

    Args:
        latex: its source, exactly as written.
        path: the file.
        line: the line in the file, from 1.
        column: the column in the line, from 1.
        section: "initialize" or "iteration".
        variable: the parameter that it serves, "W" or "b"; "" if it serves them all.
        target: the symbol that it assigns to, in LaTeX.
        expression: the assigned value, a SymPy expression over LaTeX names.
        repeat: the repetition that it stands in; None if it runs once.
    """

    latex: str
    path: str
    line: int
    column: int
    section: str
    variable: str
    target: str
    expression: sympy.Expr
    repeat: Repeat | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """The symbols that it reads, in LaTeX, sorted."""
        return names_in(self.expression)


class Line(NamedTuple):
    """One statement as it ran, with the values that it read and its result."""

    statement: Statement
    reads: dict[str, Any]
    value: np.ndarray


class Moment(NamedTuple):
    """One moment of a run: the iteration, every quantity at its end, the lines that ran."""

    t: int
    values: dict[str, Any]
    lines: list[Line]


@dataclass(frozen=True)
class Rule:
    r"""An update rule as a program.

    Args:
        statements: the assignments, in reading order.
        symbols: the symbols that they use, by LaTeX.
        defaults: values of hyper-parameters that the caller may leave out.

    Example:
        >>> from .reader import read
        >>> rule = read(r"On iteration $t$: $W := W - \alpha dW$", defaults={"lr": 0.5})
        >>> rule.step(np.array([1.0, 2.0]), np.array([1.0, -1.0]), {})
        (array([0.5, 2.5]), {'step': 1})
        >>> print(rule)
        On iteration t
            W := W - \alpha dW
    """

    statements: tuple[Statement, ...]
    symbols: dict[str, Symbol]
    defaults: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        text: list[str] = []
        for section, title in (("initialize", "Initialize"), ("iteration", "On iteration t")):
            chosen = [
                f"repeat {line.repeat.times} times: {line.latex}" if line.repeat else line.latex
                for line in self.lines(section=section)
            ]
            text += [title, *(f"    {latex}" for latex in chosen)] if chosen else []
        return "\n".join(text)

    @property
    def variables(self) -> tuple[str, ...]:
        """The parameters that the rule moves, such as ("W", "b")."""
        return tuple(dict.fromkeys(line.variable for line in self.statements if line.variable))

    @property
    def hyperparameters(self) -> list[str]:
        """The keywords of `step` that the rule reads, such as ["lr", "betas", "eps"]."""
        names = [code.partition("[")[0] for code in self._codes("hyper-parameter")]
        # Defaults come first, because their order is the signature's.
        known = [name for name in self.defaults if name in names]
        return list(dict.fromkeys([*known, *names]))

    @property
    def states(self) -> list[str]:
        """The keys of the state besides "step", such as ["exp_avg", "exp_avg_sq"]."""
        return list(dict.fromkeys(self._codes("state")))

    @property
    def matrix(self) -> bool:
        """Whether the parameter has to be a matrix, of rows and columns."""
        return any(symbol.kind in ("matrix", "size") for symbol in self.symbols.values())

    @property
    def elementwise(self) -> bool:
        """Whether each coordinate of a parameter moves by itself: no matrix and no norm is used."""
        return not self.matrix and not any(line.expression.has(norm) for line in self.statements)

    @property
    def initialize_reads_gradient(self) -> bool:
        """Whether Initialize uses a gradient, and so takes the first call for itself."""
        return any(
            self.symbols[name].kind == "gradient"
            for line in self.lines(section="initialize")
            for name in line.reads
        )

    def lines(self, variable: str | None = None, section: str | None = None) -> list[Statement]:
        """The statements of a variable or of all, of a section or of both.

        A statement that serves all variables is among those of each.
        """
        return [
            line
            for line in self.statements
            if (variable is None or line.variable in (variable, ""))
            and section in (None, line.section)
        ]

    def blocks(
        self, variable: str | None, section: str | None
    ) -> list[tuple[Repeat | None, list[Statement]]]:
        """The lines of a variable and a section, in runs as `blocks` makes them."""
        return blocks(self.lines(variable, section))

    def code(self, latex: str) -> str:
        """The name in the code of a symbol, such as "betas[1]"."""
        return self.symbols[latex].code

    def step(
        self,
        param: np.ndarray | float,
        grad: np.ndarray | float,
        state: dict[str, Any],
        *,
        variable: str | None = None,
        maximize: bool = False,
        **hyper: Any,
    ) -> tuple[np.ndarray | float, dict[str, Any]]:
        r"""One step on NumPy arrays, out of place, called as the NumPy steps are.

        Args:
            param: the parameter, an array of any shape; a matrix if the rule moves matrices.
            grad: its gradient, of the same shape.
            state: the state that the last step returned; an empty dict starts.
            variable: whose lines run, one of `variables`; the first unless said.
            maximize: climb instead of descend.
            hyper: the hyper-parameters by their names in the code.

        Returns:
            The new parameter and the new state.

        Raises:
            TypeError: a hyper-parameter is missing or unknown.
            ValueError: the rule moves matrices, and the parameter is none; or it has no lines for
                the variable.

        Example:
            >>> from optimizers import rule_of
            >>> param, state = np.array([1.0, -2.0]), {}
            >>> for grad in ([0.5, 0.1], [0.4, -0.3]):
            ...     param, state = rule_of("Adam").step(param, np.array(grad), state, lr=0.1)
            >>> print(param, state["exp_avg"], state["exp_avg_sq"])
            [ 0.80118742 -2.05058101] [ 0.085 -0.021] [4.0975e-04 9.9990e-05]
        """
        values = self._run(param, grad, state, variable, maximize, hyper)[-1].values
        return values[variable or self.variables[0]], self._state(values, state)

    def trace(
        self,
        param: np.ndarray | float,
        grads: Iterable[np.ndarray | float],
        *,
        variable: str | None = None,
        maximize: bool = False,
        **hyper: Any,
    ) -> list[Moment]:
        r"""Every quantity of a run, one moment after the other.

        Args:
            param: the parameter at the start, an array or a number.
            grads: the gradients, one per call of `step`.
            variable: whose lines run, one of `variables`; the first unless said.
            maximize: climb instead of descend.
            hyper: the hyper-parameters by their names in the code.

        Returns:
            A list of `Moment`: t = 0 is Initialize, then one for each iteration.

        Raises:
            TypeError: a hyper-parameter is missing or unknown.
            ValueError: as in `step`.

        Example:
            >>> from optimizers import rule_of
            >>> for moment in rule_of("Adam").trace(1.0, [0.5, 0.4], lr=0.1):
            ...     print(moment.t, moment.values["W"], moment.values["V_{dw}"])
            0 1.0 0
            1 0.900000002 0.04999999999999999
            2 0.8011874237702178 0.08499999999999999
        """
        variable = variable or self.variables[0]
        moments: list[Moment] = []
        state: dict[str, Any] = {}
        for grad in grads:
            moments += self._run(param, grad, state, variable, maximize, hyper)
            values = moments[-1].values
            param, state = values[variable], self._state(values, state)
        return moments

    def python(self, variable: str | None = None) -> str:
        """The rule as the text of a Python module that needs only NumPy.

        Args:
            variable: whose lines to print, one of `variables`; the first unless said.

        Returns:
            The text; its function `step` is called as the NumPy steps are.

        Example:
            >>> from optimizers import rule_of
            >>> module = {}
            >>> exec(rule_of("Adam").python(), module)
            >>> print(module["step"](np.ones(2), np.array([0.5, -3.0]), {}, lr=0.1)[0])
            [0.9 1.1]
        """
        return printers.python(self, variable)

    def javascript(self, variable: str | None = None) -> str:
        """The rule as the text of an ES module with a function `step(param, grad, state, hyper)`.

        Args:
            variable: whose lines to print, one of `variables`; the first unless said.

        Returns:
            The text; `printers.javascript` says how its function is called.

        Example:
            >>> from optimizers import rule_of
            >>> print(rule_of("Adam").javascript("b").splitlines()[-3].split(" => ")[1])
            param - lr*exp_avg_corrected/(Math.sqrt(exp_avg_sq_corrected) + eps), exp_avg_corrected,
            exp_avg_sq_corrected, param); // optimizers/adam.py:20
        """
        return printers.javascript(self, variable)

    def _run(self, param, grad, state, variable, maximize, hyper):
        """The moments of one call: Initialize if it is the first, an iteration if it takes one."""
        variable = variable or self.variables[0]
        if variable not in self.variables:
            message = f"no lines for {variable!r}, only for {', '.join(self.variables)}"
            raise ValueError(f"{place(self.statements[0])}: {message}")
        # `maximize` is in no formula: to climb is to descend along the negative gradient.
        given = {"parameter": param, "gradient": -grad if maximize else grad}
        calls, options = state.get("step", 0), self._options(hyper)
        values, moments = {}, []
        if self.matrix and np.ndim(param) != 2:
            message = f"the rule moves matrices, and the parameter has the shape {np.shape(param)}"
            accepted = "accepted: a shape of two numbers, rows and columns"
            raise ValueError(f"{place(self.statements[0])}: {message}; {accepted}")
        for latex, symbol in self.symbols.items():
            if symbol.kind == "hyper-parameter":
                name, _, index = symbol.code.rstrip("]").partition("[")
                values[latex] = options[name][int(index)] if index else options[name]
            elif symbol.kind == "size":
                values[latex] = np.shape(param)[("rows", "columns").index(symbol.code)]
            elif symbol.of == variable and symbol.kind in given:
                values[latex] = given[symbol.kind]
            elif symbol.of in (variable, "") and symbol.kind == "state" and calls:
                values[latex] = state[symbol.code]
        if not calls:
            moments.append(self._moment(0, "initialize", variable, values))
        if calls or not self.initialize_reads_gradient:
            # An Initialize that reads a gradient takes a call, and t counts the calls after it.
            t = calls if self.initialize_reads_gradient else calls + 1
            moments.append(self._moment(t, "iteration", variable, values))
        return moments

    def _moment(self, t, section, variable, values):
        """Run the lines of one section; they change `values`."""
        if section == "iteration":
            counters = [key for key, row in self.symbols.items() if row.kind == "iteration"]
            values.update(dict.fromkeys(counters, t))
        ran = []
        for statement in self._unrolled(variable, section, values):
            value = evaluate(statement.expression, values)
            has_shape = self.symbols[statement.target].of
            if section == "initialize" and has_shape and np.ndim(value) < np.ndim(values[variable]):
                value = np.full_like(values[variable], value)
            ran.append(Line(statement, {name: values[name] for name in statement.reads}, value))
            values[statement.target] = value
        shared = {line.target for line in self.statements if not line.variable}
        quantities = {
            latex: value
            for latex, value in values.items()
            if self.symbols[latex].of == variable or latex in shared
        }
        return Moment(t, quantities, ran)

    def _unrolled(self, variable, section, values):
        """The statements of one section as they run, those in a repetition several times."""
        for repeat, statements in self.blocks(variable, section):
            yield from statements * (evaluate(repeat.times, values) if repeat else 1)

    def _state(self, values, state):
        """The new state, under the names of the code."""
        rows = {latex: self.symbols[latex] for latex in values}
        kept = {row.code: values[latex] for latex, row in rows.items() if row.kind == "state"}
        return {"step": state.get("step", 0) + 1, **kept}

    def _options(self, hyper):
        """The hyper-parameters of one call."""
        options = {**self.defaults, **hyper}
        if unknown := sorted(hyper.keys() - set(self.hyperparameters)):
            message = f"unknown hyper-parameter: {', '.join(unknown)}"
            accepted = ", ".join(self.hyperparameters) or "none"
            raise TypeError(f"{place(self.statements[0])}: {message}; accepted: {accepted}")
        if missing := [name for name in self.hyperparameters if name not in options]:
            line = next(line for line in self.statements if missing[0] in self._options_of(line))
            message = f"missing hyper-parameter: {', '.join(missing)}"
            accepted = f"accepted: a default, or a value such as step(…, {missing[0]}=0.1)"
            raise TypeError(f"{place(line)}: {message}; {accepted}")
        return options

    def _options_of(self, line):
        """The hyper-parameters that a line reads, as keywords."""
        reads = [*line.reads, *(line.repeat.reads if line.repeat else ())]
        return {self.code(latex).partition("[")[0] for latex in reads}

    def _codes(self, kind):
        """The names in the code of the symbols of a kind."""
        return [symbol.code for symbol in self.symbols.values() if symbol.kind == kind]


def place(line):
    """The file and the line of a statement, for errors."""
    return f"{line.path}:{line.line}"


def blocks(lines):
    r"""Statements, or other items with a `repeat`, in runs that share a repetition or have none.

    Example:
        >>> from .reader import read
        >>> rule = read("On iteration $t$: repeat $3$ times: $W := W - dW$\n\n$W := W + W$")
        >>> [(repeat.times if repeat else 1, len(run)) for repeat, run in blocks(rule.lines())]
        [(3, 1), (1, 1)]
    """
    return [(repeat, list(run)) for repeat, run in groupby(lines, attrgetter("repeat"))]


@cache
def names_in(expression):
    """The symbols of an expression, in LaTeX, sorted; cached, because SymPy searches for them."""
    return tuple(sorted(symbol.name for symbol in expression.free_symbols))


def power(base, exponent):
    """A power; a bound with the exponent None does not bind.

    `clip_exp=None` switches clipping off, and there is no number c for which t^c would: so None
    as an exponent gives infinity, and clipping to infinity is none.
    """
    return math.inf if exponent is None else base**exponent


# The NumPy function of each SymPy function; sums go from left to right.
OPERATIONS = {
    sympy.Add: lambda *parts: reduce(operator.add, parts),
    sympy.Pow: power,
    sympy.Max: lambda *parts: reduce(np.maximum, parts),
    sympy.Min: lambda *parts: reduce(np.minimum, parts),
    sympy.Abs: np.abs,
    sympy.sign: np.sign,
    clip: np.clip,
    norm: lambda inner: np.linalg.norm(np.ravel(inner)),
    frobenius: np.linalg.norm,
    matmul: np.matmul,
    transpose: np.transpose,
    greater: operator.gt,
    less: operator.lt,
    at_least: operator.ge,
    at_most: operator.le,
}


def chosen(parts, values):
    """The value of the first part whose condition holds, with the shape of all parts."""
    if len(parts) == 1:
        return evaluate(parts[0], values)
    condition, value, *rest = parts
    holds = evaluate(condition, values)
    if any(has_elements(part, values) for part in parts):
        return np.where(holds, evaluate(value, values), chosen(rest, values))
    # Of numbers no other is computed: it may divide by zero.
    return evaluate(value, values) if holds else chosen(rest, values)


def has_elements(expression, values):
    """Whether an expression reads an array, other than as a whole."""
    if expression.is_Symbol:
        return np.ndim(values[expression.name]) > 0
    return not isinstance(expression, norm) and any(
        has_elements(part, values) for part in expression.args
    )


def evaluate(expression, values):
    r"""The value of an expression, computed in the order written.

    Args:
        expression: a SymPy expression, unevaluated.
        values: the values of its symbols.

    Returns:
        An array or a number.

    Example:
        >>> x, y = sympy.symbols("x y")
        >>> evaluate(sympy.Max(x, sympy.sqrt(y)), {"x": np.array([1.0, 5.0]), "y": 9})
        array([3., 5.])
    """
    if expression.is_Symbol:
        return values[expression.name]
    if expression.is_Number:
        return int(expression) if expression.is_Integer else float(expression)
    if expression.is_Pow and expression.exp == sympy.Rational(1, 2):
        return np.sqrt(evaluate(expression.base, values))
    if expression.is_Mul:
        first, *rest = expression.args
        result = evaluate(first, values)
        for factor in rest:
            # SymPy has no quotient: it multiplies by the power -1, which would round twice.
            if divides(factor):
                result = result / evaluate(factor.base, values)
            else:
                result = result * evaluate(factor, values)
        return result
    if isinstance(expression, cases):
        return chosen(expression.args, values)
    return OPERATIONS[expression.func](*(evaluate(part, values) for part in expression.args))
