"""Prints a rule as an optimizer of MLX."""

from ..formula.rule import Rule
from .about import About
from .code import comment, indented, paragraph, said_of, uses
from .functional import Functional

FUNCTIONS = {
    "sqrt": "mx.sqrt",
    "Max": "mx.maximum",
    "Min": "mx.minimum",
    "Abs": "mx.abs",
    "sign": "mx.sign",
    "clip": "mx.clip",
    "where": "mx.where",
    "full": "mx.full_like",
    "norm": "mx.linalg.norm",
}


def mlx(rule: Rule, said: About, variable: str | None = None) -> str:
    """The rule as a module with an `mlx.optimizers.Optimizer`.

    Args:
        rule: the rule.
        said: what the file says of itself.
        variable: whose lines to print, one of `rule.variables`; the first unless said.

    Returns:
        The module's text, which needs MLX.
    """
    return Class(rule, said, variable or rule.variables[0]).text()


class Class(Functional):
    """One printed class."""

    full = "mx.full_like"

    def __init__(self, rule, said, variable):
        names = {}
        for row in rule.symbols.values():
            option, _, index = row.code.rstrip("]").partition("[")
            if row.kind == "hyper-parameter" and option != "lr":
                names[row.code] = f"self.{option}"
                if index:
                    names[row.code] = f"{'b' if option == 'betas' else option[:-1]}{int(index) + 1}"
        super().__init__(rule, said, variable, FUNCTIONS, names, ("size", "hyper-parameter"))
        self.shared = set()  # all is computed by parameter

    def text(self):
        """The module."""
        apply = self.apply_single()
        lines = [
            self.said.head,
            *(["import math"] if self.code.helpers else []),
            *(
                ["from collections.abc import Callable"]
                if "lr" in self.rule.hyperparameters
                else []
            ),
            "from typing import Any",
            "",
            "import mlx.core as mx",
            "from mlx.optimizers import Optimizer",
            "",
            "",
            f"class {self.said.name}(Optimizer):",
            *indented(
                [*self.docstring(), "", *self.constructor(), "", *self.init_single(), "", *apply]
            ),
            "",
            "",
            "def wide(array: mx.array) -> mx.Dtype:",
            '    """The dtype to compute in: a second moment in bfloat16 would never move."""',
            "    return mx.float64 if array.dtype == mx.float64 else mx.float32",
        ]
        return "\n".join(lines) + "\n"

    def docstring(self):
        """What the class says of itself."""
        keyword = {"lr": "learning_rate"}
        symbols = ", ".join(
            f"{option.symbol} is `{keyword.get(option.name, option.name)}`"
            for option in self.options
        )
        return [
            *said_of(self.said, symbols),
            "",
            *paragraph(
                "Parameters are updated in float32 at least, in which their state is kept. MLX keeps the"
                " learning rate in float32, and counts the same steps for all parameters, so that none"
                " has a late first gradient of its own. It descends: to climb, negate the loss.",
                4,
            ),
            '"""',
        ]

    def constructor(self):
        """The constructor."""
        lines = ["def __init__(", "    self,"]
        for option in self.options:
            name, kind = option.name, option.annotation
            if name == "lr":
                name, kind = "learning_rate", "float | Callable[[mx.array], mx.array]"
            lines.append(f"    {name}: {kind}{f' = {option.default}' if option.default else ''},")
        lines += [") -> None:", "    super().__init__()"]
        for option in self.options:
            if option.name == "lr":
                lines.append('    self._maybe_schedule("learning_rate", learning_rate)')
            else:
                lines.append(f"    self.{option.name} = {option.name}")
        return lines

    def init_single(self):
        """The making of the state."""
        first = self.first_values()
        body = []
        if not first:
            body.append("pass")
        elif not self.rule.initialize_reads_gradient:
            body.append(comment(", ".join(line.latex for line, _ in first.values())))
        for name in self.arrays:
            code = "0" if self.rule.initialize_reads_gradient else first[name][1]
            body.append(f'state["{name}"] = mx.full(parameter.shape, {code}, wide(parameter))')
        for name in self.numbers:
            body.append(
                f'state["{name}"] = mx.array({float(first[name][0].expression)}, wide(parameter))'
            )
        body = [
            line.replace("mx.full(parameter.shape, 0, ", "mx.zeros(parameter.shape, ")
            for line in body
        ]
        return [
            "def init_single(self, parameter: mx.array, state: dict[str, Any]) -> None:",
            '    """Make the state of one parameter."""',
            *indented(body),
        ]

    def apply_single(self):
        """The update of one parameter."""
        begin = self.rule.initialize_reads_gradient
        own, states = self.lines("iteration"), [*self.arrays, *self.numbers]
        first = self.lines("initialize") if begin else []
        code = self.of_matrices("parameter", "parameter.ndim != 2", self.said.name, own)
        code.append("dtype = wide(parameter)")
        if uses("lr", own):
            code.append("lr = self.learning_rate.astype(dtype)")
        if uses("step", own):
            code.append(f"step = {'(self.step - 1)' if begin else 'self.step'}.astype(dtype)")
        for option in self.options:
            if option.length:
                stem = "b" if option.name == "betas" else option.name[:-1]
                names = [f"{stem}{place + 1}" for place in range(option.length)]
                names = [name if uses(name, [*own, *first]) else "_" for name in names]
                code.append(f"{', '.join(names)} = self.{option.name}")
        code.append("grad, param = gradient.astype(dtype), parameter.astype(dtype)")
        code += [f'{name} = state["{name}"]' for name in states]
        code += self.chosen("self.step == 1", "mx.where", first, own, states)
        code += [f'state["{name}"] = {name}' for name in states]
        code.append("return param.astype(parameter.dtype)")
        return [
            "def apply_single(",
            "    self, gradient: mx.array, parameter: mx.array, state: dict[str, Any]",
            ") -> mx.array:",
            '    """The parameter after the update."""',
            *indented(code),
        ]
