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
    "where": "ops.where",
    "full": "ops.full_like",
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
        self.shared = set()  # all is computed by variable

    def keywords(self):
        """The options as Keras names them: keyword, type, default as code, what it is here."""
        found = []
        for option in self.options:
            if option.name == "betas":
                for place in option.used:
                    default = self.rule.defaults.get("betas", ("",) * option.length)[place]
                    found.append((f"beta_{place + 1}", "float", str(default), f"β{'₁₂₃'[place]}"))
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
            made = f'self.add_variable_from_reference(v, name="{name}"{start})'
            lines.append(f"    self._{name} = [{made} for v in variables]")
        for name in self.numbers:
            code = float(first[name][0].expression)
            start = f"keras.initializers.Constant({code})"
            made = f'self.add_variable((), {start}, v.dtype, name="{name}")'
            lines.append(f"    self._{name} = [{made} for v in variables]")
        return lines

    def update_step(self):
        """The update of one variable."""
        begin = self.rule.initialize_reads_gradient
        states = [*self.arrays, *self.numbers]
        own = self.lines("iteration")
        is_other = "len(variable.shape) != 2"
        matrix = self.of_matrices("variable", is_other, self.said.name, own)
        code = ["dtype = variable.dtype"]
        if uses("lr", own):
            code.append("lr = ops.cast(learning_rate, dtype)")
        if uses("step", own):
            code.append(f"step = ops.cast(self.iterations{'' if begin else ' + 1'}, dtype)")
        code += ["param, grad = ops.convert_to_tensor(variable), ops.cast(gradient, dtype)"]
        if states:
            code.append("index = self._get_variable_index(variable)")
            code += [f"{name} = ops.convert_to_tensor(self._{name}[index])" for name in states]
        first = self.lines("initialize") if begin else []
        code += self.chosen("self.iterations == 0", "ops.where", first, own, states)
        code += [f"self.assign(self._{name}[index], {name})" for name in states]
        code.append("self.assign(variable, param)")
        return [
            "def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:",
            '    """Move one variable."""',
            *indented([*matrix, *code]),
        ]

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
