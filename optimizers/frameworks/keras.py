"""Prints a rule as an optimizer of Keras 3."""

import sympy

from ..formula.rule import Rule
from .about import About
from .code import comment, indented, paragraph, said_of, uses
from .functional import Functional

FUNCTIONS = {
    "sqrt": "ops.sqrt",
    "Max": "ops.maximum",
    "Min": "ops.minimum",
    "Abs": "ops.abs",
    "sign": "ops.sign",
    "clip": "ops.clip",
    # In Keras 3.15 `ops.norm` of float64 is float32.
    "norm": "ops.sqrt(ops.sum(ops.square({})))",
}
OPTIONS = {"lr": "learning_rate", "eps": "epsilon"}


def keras(rule: Rule, said: About, variable: str | None = None) -> str:
    """The rule as a module with a `keras.optimizers.Optimizer`.

    Args:
        rule: the rule.
        said: what the file says of itself.
        variable: whose lines to print, one of `rule.variables`; the first unless said.

    Returns:
        The module's text, which needs Keras and a backend.
    """
    return Class(rule, said, variable or rule.variables[0]).text()


class Class(Functional):
    """One printed class."""

    full = "ops.full_like"

    def __init__(self, rule, said, variable):
        names = {}
        for row in rule.symbols.values():
            option, _, index = row.code.rstrip("]").partition("[")
            if row.kind != "hyper-parameter" or option == "lr":
                continue
            keyword = OPTIONS.get(option, option)
            names[row.code] = f"self.{keyword}"
            if index and option == "betas":
                names[row.code] = f"self.beta_{int(index) + 1}"
            elif index:
                names[row.code] = f"self.{keyword}[{index}]"
        # Keras decays weights by itself where its own `weight_decay` is set.
        names["weight_decay"] = "self.decay"
        super().__init__(rule, said, variable, FUNCTIONS, names, ("size", "hyper-parameter"))

    def keywords(self):
        """The options as Keras names them: keyword, type, default as code, what it is here."""
        found = []
        for option in self.options:
            if option.name == "betas":
                for place in option.used:
                    default = self.rule.defaults.get("betas", ("", ""))[place]
                    found.append((f"beta_{place + 1}", "float", str(default), f"β{'₁₂'[place]}"))
            else:
                keyword = OPTIONS.get(option.name, option.name)
                kind = option.annotation
                if option.name == "lr":
                    kind = "float | keras.optimizers.schedules.LearningRateSchedule"
                found.append((keyword, kind, option.default, option.symbol))
        return found

    def text(self):
        """The module."""
        step = self.update_step()
        lines = [
            self.said.head,
            *(["import math"] if self.code.helpers else []),
            "from typing import Any",
            "",
            "import keras",
            "from keras import ops",
            "",
            "",
            '@keras.saving.register_keras_serializable(package="optimizers-that-run")',
            f"class {self.said.name}(keras.optimizers.Optimizer):",
            *indented([*self.docstring(), "", *self.constructor(), ""]),
            *indented([*self.build(), ""] if self.arrays or self.numbers else []),
            *indented([*step, "", *self.config()]),
        ]
        return "\n".join(lines) + "\n"

    def docstring(self):
        """What the class says of itself."""
        symbols = ", ".join(f"{symbol} is `{keyword}`" for keyword, *_, symbol in self.keywords())
        notes = [
            "The state has the dtype of its variable, as in Keras. All variables count the same"
            " iterations, so that none has a late first gradient of its own. It descends: to climb,"
            " negate the loss.",
        ]
        if any(line.expression.has(sympy.Max, sympy.Min) for line in self.iteration()):
            notes.append(
                "In float64 Keras 3.15 takes a maximum in float32, unless its backend is JAX."
            )
        return [
            *said_of(self.said, symbols),
            "",
            *paragraph(" ".join(notes), 4),
            '"""',
        ]

    def constructor(self):
        """The constructor."""
        lines = ["def __init__(", "    self,"]
        for keyword, kind, default, _ in self.keywords():
            lines.append(f"    {keyword}: {kind}{f' = {default}' if default else ''},")
        lines += [f'    name: str = "{self.said.function}",', "    **kwargs: Any,", ") -> None:"]
        rate = "learning_rate" if any(option.name == "lr" for option in self.options) else "1.0"
        lines.append(f"    super().__init__(learning_rate={rate}, name=name, **kwargs)")
        for keyword, kind, *_ in self.keywords():
            if keyword == "weight_decay":
                lines.append(
                    "    # Keras would decay by itself what is called `self.weight_decay`."
                )
                lines.append("    self.decay = weight_decay")
            elif keyword != "learning_rate":
                # What was saved comes back as a list.
                value = f"tuple({keyword})" if kind.startswith("tuple") else keyword
                lines.append(f"    self.{keyword} = {value}")
        return lines

    def build(self):
        """The making of the state."""
        first = self.first_values()
        lines = [
            "def build(self, variables: list) -> None:",
            '    """Make the state of each variable."""',
            "    if self.built:",
            "        return",
            "    super().build(variables)",
        ]
        if not self.rule.initialize_reads_gradient:
            lines.append("    " + comment(", ".join(line.latex for line, _ in first.values())))
        for name in self.arrays:
            code = "0" if self.rule.initialize_reads_gradient else first[name][1]
            start = "" if code == "0" else f", initializer=keras.initializers.Constant({code})"
            lines += for_each(name, f'self.add_variable_from_reference(v, name="{name}"{start})')
        for name in self.numbers:
            code = float(first[name][0].expression)
            start = f"keras.initializers.Constant({code})"
            lines += for_each(name, f'self.add_variable((), {start}, v.dtype, name="{name}")')
        return lines

    def update_step(self):
        """The update of one variable."""
        begin = self.rule.initialize_reads_gradient
        states = [*self.arrays, *self.numbers]
        results = ["param", *states]
        own = [*self.shared_and_own()]
        matrix = []
        if self.rule.matrix:
            matrix = [
                "if len(variable.shape) != 2:",
                f'    raise ValueError(f"{self.said.name} moves matrices, not {{variable.shape}}")',
            ]
            if any(uses(name, own) for name in ("rows", "columns")):
                matrix.append("rows, columns = variable.shape")
        code = ["dtype = variable.dtype"]
        if uses("lr", own):
            code.append("lr = ops.cast(learning_rate, dtype)")
        if uses("step", own):
            code.append(f"step = ops.cast(self.iterations{'' if begin else ' + 1'}, dtype)")
        code += ["param, grad = ops.convert_to_tensor(variable), ops.cast(gradient, dtype)"]
        if states:
            code.append("index = self._get_variable_index(variable)")
            code += [f"{name} = ops.convert_to_tensor(self._{name}[index])" for name in states]
        if begin:
            given = ", ".join(["grad", "param", *states])
            returned = ", ".join(results)
            first = self.lines("initialize")
            code += [
                "",
                f"def begin({given}):",
                *indented([*first, f"return {returned}"]),
                "",
                f"def move({given}):",
                *indented([*own, f"return {returned}"]),
                "",
                f"pairs = zip(begin({given}), move({given}), strict=True)",
                "chosen = (ops.where(self.iterations == 0, first, later) for first, later in pairs)",
                f"{returned} = chosen",
            ]
        else:
            code += own
        code += [f"self.assign(self._{name}[index], {name})" for name in states]
        code.append("self.assign(variable, param)")
        lines = [
            "def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:",
            '    """Move one variable."""',
            *indented([*matrix, *code]),
        ]
        return lines

    def shared_and_own(self):
        """The lines of an iteration in the order of the formula: all are computed by variable."""
        self.shared = set()
        return self.lines("iteration")

    def config(self):
        """What is saved of the optimizer besides its state."""
        names = [keyword for keyword, *_ in self.keywords() if keyword != "learning_rate"]
        entries = [
            f'"{name}": self.{"decay" if name == "weight_decay" else name}' for name in names
        ]
        return [
            "def get_config(self) -> dict[str, Any]:",
            '    """The options, so that the optimizer is saved with its model."""',
            f"    return {{**super().get_config(), {', '.join(entries)}}}",
        ]


def for_each(name, code):
    """The line that makes a part of the state for each variable."""
    return [f"    self._{name} = [{code} for v in variables]"]
