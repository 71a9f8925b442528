"""Prints a rule as a gradient transformation of Optax's."""

from ..formula.rule import Rule
from .about import About
from .code import SUM, comment, indented, paragraph, said_of, uses
from .functional import Functional, moved

FUNCTIONS = {
    "sqrt": "jnp.sqrt",
    "Max": "jnp.maximum",
    "Min": "jnp.minimum",
    "Abs": "jnp.abs",
    "sign": "jnp.sign",
    "clip": "jnp.clip",
    "where": "jnp.where",
    "full": "jnp.full_like",
    "norm": "jnp.linalg.norm",
}
NAMES = {f"betas[{place}]": f"b{place + 1}" for place in range(3)}


def optax(rule: Rule, said: About, variable: str | None = None) -> str:
    """The rule as a module with a function that returns a `GradientTransformationExtraArgs`.

    Args:
        rule: the rule.
        said: what the file says of itself.
        variable: whose lines to print, one of `rule.variables`; the first unless said.

    Returns:
        The module's text, which needs jax and optax.
    """
    return Transformation(rule, said, variable or rule.variables[0]).text()


class Transformation(Functional):
    """One printed transformation."""

    full = "jnp.full_like"

    def __init__(self, rule, said, variable):
        super().__init__(rule, said, variable, FUNCTIONS, NAMES)
        self.moves = 0

    def assignment(self, line):
        row = self.rule.symbols[line.target]
        if row.kind != "parameter":
            return super().assignment(line)
        before, expression = self.parted(line.expression)
        parts = moved(line._replace(expression=expression))
        if parts:
            code = self.code.sum(parts)
            if self.moves:
                code = f"change {code[0]} {code[1:]}" if code[0] == "-" else f"change + {code}"
        else:
            code = f"{self.code(expression, SUM - 1)} - param"
        self.moves += 1
        # Optax adds up what moves a parameter, and only then moves it.
        self.code.names[line.target] = "(param + change)"
        return [*before, f"change = {code}"]

    def text(self):
        """The module."""
        body = self.body()
        state = [f"    {name}: optax.Params" for name in self.arrays]
        state += [f"    {name}: jax.Array" for name in self.numbers]
        lines = [
            self.said.head,
            *(["import math"] if self.code.helpers else []),
            "from typing import NamedTuple",
            "",
            "import jax",
            "import jax.numpy as jnp",
            "import optax",
            "",
            "",
            f"class {self.state_name}(NamedTuple):",
            '    """The number of updates so far, and what is kept for the parameters."""',
            "",
            "    count: jax.Array",
            *state,
            "",
            "",
            f"def {self.said.function}(",
            *indented(self.arguments()),
            ") -> optax.GradientTransformationExtraArgs:",
            *indented(self.docstring()),
            "",
            *indented(self.init()),
            "",
            *indented(body),
            "",
            "    return optax.GradientTransformationExtraArgs(init, update)",
            "",
            "",
            "def wide(array: jax.Array) -> jnp.dtype:",
            '    """The dtype to compute in: a second moment in bfloat16 would never move."""',
            "    return jnp.promote_types(array.dtype, jnp.float32)",
        ]
        return "\n".join(lines) + "\n"

    @property
    def state_name(self):
        return f"{self.said.name}State"

    def arguments(self):
        """The parameters of the function."""
        found = []
        for option in self.options:
            if option.name == "lr":
                found.append(f"learning_rate: optax.ScalarOrSchedule{said_default(option)},")
            elif option.name == "betas":
                for place in option.used:
                    default = self.rule.defaults.get("betas", (None,) * option.length)[place]
                    found.append(
                        f"b{place + 1}: float{'' if default is None else f' = {default}'},"
                    )
            else:
                found.append(f"{option.name}: {option.annotation}{said_default(option)},")
        return found

    def docstring(self):
        """What the function says of itself."""
        symbols = []
        for option in self.options:
            if option.name == "betas":
                symbols += [f"β{'₁₂₃'[place]} is `b{place + 1}`" for place in option.used]
            else:
                name = "learning_rate" if option.name == "lr" else option.name
                symbols.append(f"{option.symbol} is `{name}`")
        static = [
            f"`{option.name}`"
            for option in self.options
            if option.annotation in ("bool", "int") or "None" in option.annotation
        ]
        notes = [
            "The state is kept in float32 at least; updates have the dtype of the gradients. It"
            " descends: to climb, put `optax.scale(-1)` before it in a chain.",
            "All parameters count the same updates: Optax gives each a gradient every time, so that"
            " none has a late first one of its own; `optax.multi_transform` counts by group.",
        ]
        if static:
            notes.append(
                f"For `optax.inject_hyperparams`, name {' and '.join(static)} in `static_args`."
            )
        return [
            *said_of(self.said, ", ".join(symbols)),
            "",
            *(line for note in notes for line in paragraph(note, 4)),
            '"""',
        ]

    def init(self):
        """The function that makes the state."""
        first = self.first_values()
        lines = ["def init(params: optax.Params) -> " + self.state_name + ":"]
        body = []
        if self.arrays:
            body += [
                "def full(value: float) -> optax.Params:",
                "    return jax.tree.map(lambda p: jnp.full_like(p, value, wide(p)), params)",
                "",
            ]
        values = ["count=jnp.zeros([], jnp.int32)"]
        for name in self.arrays:
            code = "0" if self.rule.initialize_reads_gradient else first[name][1]
            values.append(f"{name}=full({code})")
        values += [
            f"{name}=jnp.asarray({float(first[name][0].expression)})" for name in self.numbers
        ]
        if first and not self.rule.initialize_reads_gradient:
            body.append(comment(", ".join(line.latex for line, _ in first.values())))
        body.append(f"return {self.state_name}({', '.join(values)})")
        return [*lines, *indented(body)]

    def body(self):
        """The function that updates."""
        once = self.lines("iteration", shared=True)
        names = ["change", *self.arrays]
        cast = ", ".join(f"{name}.astype(dtype)" for name in self.arrays)
        head = [
            f"def move({', '.join(['grad', 'param', *self.arrays])}):",
            "    given, dtype = grad.dtype, wide(param)",
            "    grad, param = grad.astype(dtype), param.astype(dtype)",
        ]
        end = [f"    return change.astype(given){f', {cast}' if cast else ''}"]
        own = self.lines("iteration")
        own = [*self.of_matrices("param", "param.ndim != 2", self.said.function, own), *own]
        move = [*head, *indented(own), *end]
        begin = []
        if self.rule.initialize_reads_gradient:
            self.code.names[self.variable] = "param"
            first = [*head, *indented(self.lines("initialize")), *end]
            first[0] = first[0].replace("def move(", "def begin(")
            first[-1] = first[-1].replace("change.astype(given)", "jnp.zeros_like(param, given)")
            begin = [*first, ""]
        count = "state.count" if begin else "optax.safe_increment(state.count)"
        lines = [
            "def update(",
            "    updates: optax.Updates,",
            f"    state: {self.state_name},",
            "    params: optax.Params | None = None,",
            "    **extra_args: object,",
            f") -> tuple[optax.Updates, {self.state_name}]:",
            "    del extra_args",
            "    if params is None:",
            f'        raise ValueError("{self.said.function} needs the parameters: update(grads, state, params)")',
        ]
        if uses("lr", move):
            lines.append(
                "    lr = learning_rate(state.count) if callable(learning_rate) else learning_rate"
            )
        counts = uses("step", [*once, *move])
        if counts:
            lines.append(f"    step = {count}")
        for option in self.options:
            if option.length and option.name != "betas":
                elements = ", ".join(
                    f"{option.name[:-1]}{place + 1}" for place in range(option.length)
                )
                lines.append(f"    {elements} = {option.name}")
        lines += [f"    {name} = state.{name}" for name in self.numbers]
        lines += [*indented(once), "", *indented(begin), *indented(move), ""]
        trees = "".join(f", state.{name}" for name in self.arrays)
        if begin:
            lines += [
                "    def choose(*leaves):",
                "        return jax.lax.cond(state.count == 0, begin, move, *leaves)",
                "",
            ]
        function = "choose" if begin else "move"
        if not self.arrays:
            lines.append(f"    updates = jax.tree.map({function}, updates, params)")
        else:
            lines += [
                f"    moved = jax.tree.map({function}, updates, params{trees})",
                f"    outer, inner = jax.tree.structure(updates), jax.tree.structure((0,) * {len(names)})",
                f"    updates, {', '.join(self.arrays)} = jax.tree.transpose(outer, inner, moved)",
            ]
        new = "step" if counts and not begin else "optax.safe_increment(state.count)"
        values = ", ".join([new, *self.arrays, *self.numbers])
        lines.append(f"    return updates, {self.state_name}({values})")
        return lines


def said_default(option):
    """The default of an option, as it stands in a signature."""
    return f" = {option.default}" if option.default else ""
