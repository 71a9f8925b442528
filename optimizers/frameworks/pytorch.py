r"""Prints a rule as a class of PyTorch's, which moves each parameter in place.

A line of the formula becomes the fewest passes over memory: a moving average `lerp_`, a sum of
products `addcmul_`, a step along a quotient `addcdiv_`. A value that is a sum of arrays times
numbers, such as $V / (1 - \beta_1^t)$, is not computed by itself: its numbers go into the line
that reads it.
"""

import builtins
import re
from typing import NamedTuple

import sympy

from ..formula.expressions import clip, divides
from ..formula.matrices import matmul, norm
from ..formula.rule import Rule
from .about import About, PrintedOption, options
from .code import (
    SUM,
    WIDTH,
    Code,
    comment,
    fitted,
    indented,
    is_symmetric,
    paragraph,
    signed,
)

FUNCTIONS = {
    "sqrt": "torch.sqrt",
    "Max": "torch.maximum",
    "Min": "torch.minimum",
    "Abs": "torch.abs",
    "sign": "torch.sign",
    "clip": "torch.clip",
    "norm": "torch.linalg.vector_norm",
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


class Term(NamedTuple):
    """A part of a sum: numbers, and the arrays above and below the line."""

    minus: bool
    above: list  # the numbers above the line, SymPy expressions
    below: list  # those below it
    arrays: list  # the arrays above the line, SymPy expressions
    divisors: list  # those below it


class Value(NamedTuple):
    """Code of an array, and whether it is a temporary that may be written to."""

    code: str
    fresh: bool


def pytorch(rule: Rule, said: About, variable: str | None = None) -> str:
    """The rule as a module with a `torch.optim.Optimizer`, which needs torch alone.

    Args:
        rule: the rule.
        said: what the file says of itself.
        variable: whose lines to print, one of `rule.variables`; the first unless said.

    Returns:
        The module's text.
    """
    return Class(rule, said, variable or rule.variables[0]).text()


class Numbers(Code):
    """Prints numbers: those that depend on t may be tensors, which have functions of their own."""

    def __init__(self, rule, name, plain, array):
        super().__init__(rule, name, FUNCTIONS, plain)
        self.array = array

    def call(self, expression):
        if isinstance(expression, norm):
            return f"torch.linalg.vector_norm({self.array(expression.args[0]).code})"
        if expression.func in (sympy.Max, sympy.Min) and not self.is_plain(expression):
            tensors = [part for part in expression.args if not self.is_plain(part)]
            numbers = [part for part in expression.args if self.is_plain(part)]
            if len(tensors) == len(numbers) == 1:
                bound = f"{BOUNDS[expression.func]}={self(numbers[0])}"
                if isinstance(tensors[0], norm):
                    return f"{self(tensors[0])}.clamp({bound})"
                return f"torch.clamp({self(tensors[0])}, {bound})"
        return super().call(expression)


class Class:
    """One printed class."""

    def __init__(self, rule, said, variable):
        self.rule, self.said, self.variable = rule, said, variable
        self.options = options(rule, said)
        rows = rule.symbols
        self.arrays = {latex for latex, row in rows.items() if row.of}
        self.states = [
            row for row in rows.values() if row.kind == "state" and row.of in (variable, "")
        ]
        self.flags = {option.name for option in self.options if option.annotation == "bool"}
        self.tensors = self.counted()
        plain = [row for latex, row in rows.items() if latex not in self.arrays | self.tensors]
        self.code = Numbers(rule, self.name_of, plain, self.array)
        self.lazy, self.owned, self.live, self.taken = {}, set(), set(), set(OWN)
        self.taken |= {self.name_of(row) for row in rows.values()}

    def counted(self):
        """The numbers that torch.compile keeps as tensors: those that depend on t or on a state."""
        counted = {latex for latex, row in self.rule.symbols.items() if row.kind == "iteration"}
        counted |= {row.latex for row in self.states if not row.of}
        for line in self.rule.lines(self.variable, "iteration"):
            if line.target not in self.arrays and counted & set(line.reads):
                counted.add(line.target)
        return counted

    def name_of(self, row):
        """The name in the code of a row of the symbols."""
        option, _, index = row.code.rstrip("]").partition("[")
        if index:
            return (
                f"{option.rstrip('s')}{int(index) + 1}"
                if option == "betas"
                else f"{option[:-1]}{int(index) + 1}"
            )
        if row.kind == "iteration":
            return "step"
        return f"{row.code}_" if hasattr(builtins, row.code) else row.code

    # The module.

    def text(self):
        """The module."""
        update = self.update()
        body = "\n".join(update)
        imports = ["from collections.abc import Callable, Iterable"]
        if any(row.of for row in self.states):
            imports.append("from copy import deepcopy")
        if self.code.helpers or "math." in body:
            imports.insert(0, "import math")
        lines = [
            self.said.head,
            *sorted(imports, key=lambda line: (not line.startswith("import"), line)),
            "from typing import Any",
            "",
            "import torch",
            "from torch import Tensor",
            "",
            "",
            f"class {self.said.name}(torch.optim.Optimizer):",
            *indented([*self.docstring(), "", *self.constructor(), ""]),
            *(indented([*self.add_param_group(), ""]) if self.rule.matrix else []),
            *indented([*self.step(), "", *update]),
            *(indented(["", *self.load()]) if any(row.of for row in self.states) else []),
            *(REAL if "real(" in body else []),
            *(NUMBER if "number(" in body else []),
        ]
        return "\n".join(lines) + "\n"

    def docstring(self):
        """What the class says of itself."""
        said = self.said
        symbols = ", ".join(f"{option.symbol} is `{option.name}`" for option in self.options)
        notes = "Half-precision parameters are updated in float32, in which their state is kept."
        return [
            *paragraph(f'"""{said.what}', 4),
            "",
            *paragraph(f"Source: {said.source}", 4),
            *paragraph(
                f"Made from the formula in {said.made_from}, whose lines are the comments: {symbols}.",
                4,
            ),
            *paragraph(notes, 4),
            '"""',
        ]

    def constructor(self):
        """The constructor, with its checks."""
        lines = ["def __init__(", "    self,", "    params: Iterable,"]
        for option in self.options:
            kind = "float | Tensor" if option.name == "lr" else option.annotation
            lines.append(
                f"    {option.name}: {kind}{f' = {option.default}' * bool(option.default)},"
            )
        lines += ["    *,", "    maximize: bool = False,", ") -> None:"]
        for option in self.options:
            lines += indented(checks(option))
        names = [*(option.name for option in self.options), "maximize"]
        defaults = ", ".join(f"{name}={name}" for name in names)
        return [
            *lines,
            *fitted_in(f"    defaults = dict({defaults})", 4),
            "    super().__init__(params, defaults)",
        ]

    def add_param_group(self):
        """The refusal of what is no matrix."""
        return [
            "def add_param_group(self, param_group: dict[str, Any]) -> None:",
            '    """Add a group of matrices."""',
            "    super().add_param_group(param_group)",
            '    for param in self.param_groups[-1]["params"]:',
            "        if param.ndim != 2 or param.is_complex():",
            f'            raise ValueError(f"{self.said.name} takes real matrices, not {{param.dtype}} {{[*param.shape]}}")',
        ]

    def step(self):
        """The loop over groups and parameters."""
        return [
            "@torch.no_grad()",
            "def step(self, closure: Callable[[], Any] | None = None) -> Any:",
            '    """Update every parameter that has a gradient; return the loss of the closure."""',
            "    loss = None",
            "    if closure is not None:",
            "        with torch.enable_grad():",
            "            loss = closure()",
            "    for group in self.param_groups:",
            '        for param in group["params"]:',
            "            if param.grad is not None:",
            "                self.update(param, param.grad, group)",
            "    return loss",
        ]

    def update(self):
        """The update of one parameter."""
        begin, body = self.begin(), self.iteration()
        code = "\n".join([*begin, *body])
        head = []
        used = [option for option in self.options if used_in(option, code)]
        for option in used:
            if option.length:
                names = [self.element(option, place) for place in range(option.length)]
                names = [name if uses(name, code) else "_" for name in names]
                while names[-1] == "_":
                    names.pop()
                names += ["*_"] * (len(names) < option.length)
                head.append(f'{", ".join(names)} = group["{option.name}"]')
        single = [option.name for option in used if not option.length]
        if single:
            groups = [single[start : start + 3] for start in range(0, len(single), 3)]
            for names in groups:
                values = ", ".join(f'group["{name}"]' for name in names)
                head.append(f"{', '.join(names)} = {values}")
        lines = [
            "def update(self, original: Tensor, grad: Tensor, group: dict[str, Any]) -> None:",
            '    """Move one parameter in place."""',
            "    if grad.layout is not torch.strided:",
            f'        raise RuntimeError("{self.said.name} does not support sparse gradients")',
            *indented(head),
            "    state, dtype = self.state[original], torch.promote_types(original.dtype, torch.float32)",
            "    param = real(original.to(dtype))",
            "    grad = real(grad.to(dtype).resolve_conj())",
            '    if group["maximize"]:',
            "        grad = -grad",
            *indented(begin),
            *indented(body),
            "    if original.dtype != dtype:",
            "        original.copy_(param)",
        ]
        return [part for line in lines for part in fitted_in(line, 4)]

    def element(self, option, place):
        """The name of one number of an option that is several."""
        return (
            f"{option.name.rstrip('s') if option.name == 'betas' else option.name[:-1]}{place + 1}"
        )

    def begin(self):
        """The state's first values."""
        counted = self.rule.initialize_reads_gradient
        body = [
            f'state["step"] = torch.{"ones" if counted else "zeros"}((), dtype=torch.float32, device="cpu")'
        ]
        values: list = []
        for line in self.rule.lines(self.variable, "initialize"):
            row = self.rule.symbols[line.target]
            if row.kind == "state":
                values.append((line, row))
                continue
            body += [*self.first_values(values), comment(line.latex), *self.statement(line)]
            values = []
        body += self.first_values(values)
        if counted:
            body.append("return")
        self.owned.clear()
        return ["if not state:", *indented(body), 'state["step"] += 1']

    def first_values(self, values):
        """The first values of some states, below their lines."""
        if not values:
            return []
        code = [part for line, row in values for part in self.first_value(line, row)]
        return [comment(", ".join(line.latex for line, _ in values)), *code]

    def first_value(self, line, row):
        """The first value of a state with the shape of the parameter."""
        target, value = f'state["{row.code}"]', line.expression
        if not row.of:
            return [f'{target} = torch.tensor({self.code(value)}, dtype=param.dtype, device="cpu")']
        if not self.reads_array(value):
            number = self.code(value)
            if number == "0":
                return [f"{target} = torch.zeros_like(original, dtype=dtype)"]
            return [
                f"{target} = torch.zeros_like(original, dtype=dtype)",
                f"real({target}).fill_({number})",
            ]
        return [
            f"{target} = torch.zeros_like(original, dtype=dtype)",
            f"real({target}).copy_({self.array(value).code})",
        ]

    def iteration(self):
        """The lines of an iteration."""
        arithmetic = []
        self.owned.clear()
        for repeat, statements in self.rule.blocks(self.variable, "iteration"):
            block = []
            for place, line in enumerate(statements):
                block.append(comment(line.latex))
                block += self.statement(line, statements[place + 1 :], bool(repeat))
            if repeat:
                block = [f"for _ in range({self.code(repeat.times)}):", *indented(block)]
            arithmetic += block
        text = "\n".join(arithmetic)
        head = []
        if uses("step", text):
            count = 'state["step"] - 1' if self.rule.initialize_reads_gradient else 'state["step"]'
            head.append(
                f"step = ({count}).double()".replace('(state["step"])', 'state["step"]')
                if self.needs_tensors()
                else f"step = number({count})"
            )
        for row in self.states:
            if row.of:
                head.append(f'{self.name_of(row)} = real(state["{row.code}"])')
            else:
                head.append(f'{row.code} = number(state["{row.code}"])')
        if self.rule.matrix and (uses("rows", text) or uses("columns", text)):
            head.append("rows, columns = param.shape")
        return [*head, *arithmetic]

    def load(self):
        """The loading of a state, which torch would round to half precision."""
        return [
            "def load_state_dict(self, state_dict: dict[str, Any]) -> None:",
            '    """Load a state in float32, where torch rounds it to a half-precision parameter\'s dtype."""',
            "    saved: dict[Any, Any] = {}",
            '    hook = self.register_load_state_dict_pre_hook(lambda _, given: saved.update(given["state"]))',
            "    try:",
            "        super().load_state_dict(state_dict)",
            "    finally:",
            "        hook.remove()",
            '    params = (param for group in self.param_groups for param in group["params"])',
            "    for key, param in enumerate(params):",
            "        if key in saved:",
            "            dtype = torch.promote_types(param.dtype, torch.float32)",
            "            state = self.state[param] = deepcopy(saved[key])",
            f"            for name in {names_of(self.states)}:",
            "                state[name] = state[name].to(param.device, dtype)",
        ]

    # The arithmetic.

    def needs_tensors(self):
        """Whether numbers that depend on t need functions, which torch has for tensors."""
        return any(
            not self.reads_array(part)
            and {symbol.name for symbol in part.free_symbols} & self.tensors
            and (
                part.func in (sympy.Max, sympy.Min, sympy.Abs, sympy.sign)
                or (part.is_Pow and part.exp == sympy.Rational(1, 2))
            )
            for line in self.rule.lines(self.variable, "iteration")
            for part in sympy.preorder_traversal(line.expression)
        )

    def reads_array(self, expression):
        """Whether an expression has the shape of the parameter."""
        if isinstance(expression, norm):
            return False
        if expression.is_Symbol:
            return expression.name in self.arrays
        return any(map(self.reads_array, expression.args))

    def number(self, expression):
        """The code of a number that stands by itself."""
        return self.code(expression, SUM - 1)

    def name(self, name):
        """A name that is not taken yet."""
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def statement(self, line, later=(), repeated=False):
        """The code of one line of the formula."""
        target, expression, row = line.target, line.expression, self.rule.symbols[line.target]
        name = self.name_of(row)
        self.before, self.known = [], {}
        after = [line, *later] if repeated else later
        self.live = {symbol for other in after for symbol in other.reads}
        self.live |= {symbol for symbol in self.owned if count(expression, symbol) > 1}
        if not row.of:
            code = [f"{name} = {self.number(expression)}"]
            if row.kind == "state":
                code.append(f'state["{name}"].fill_({name})')
            return [*self.before, *code]
        kept = row.kind in ("parameter", "state")
        if (
            not kept
            and not repeated
            and row.kind == "intermediate"
            and self.can_wait(line, expression)
        ):
            return self.wait(target, expression)
        terms = None if self.is_call(expression) else self.terms(expression)
        in_place = (
            terms and target in self.owned and row.kind == "matrix" and not expression.has(matmul)
        )
        if (terms and kept) or in_place:
            code = self.in_place(sympy.Symbol(target), name, terms)
        elif kept:
            code = self.overwrite(target, name, expression)
        else:
            decay = self.decay(terms, target) if terms else None
            if decay:
                condition, terms = decay
                value = self.sum(terms, target)
                return [*self.before, f"if {condition}:", f"    {name} = {value.code}"]
            value = self.array(expression, name)
            code = [f"{name} = {value.code}"] * (value.code != name)
            if value.fresh:
                self.owned.add(target)
        return [*self.before, *code]

    def is_call(self, expression):
        """Whether an expression is one call of a function, no sum or product."""
        return expression.func in (sympy.Max, sympy.Min, sympy.Abs, sympy.sign, clip) or (
            expression.is_Pow and not divides(expression)
        )

    def can_wait(self, line, expression):
        """Whether a value is a sum of arrays times numbers that are the same where it is read."""
        if self.is_call(expression):
            return False
        terms = self.terms(expression)
        if not all(
            self.reads_array(sympy.Mul(*term.arrays)) if term.arrays else False for term in terms
        ):
            return False
        if any(
            term.divisors or len(term.arrays) != 1 or not term.arrays[0].is_Symbol for term in terms
        ):
            return False
        operands = {term.arrays[0].name for term in terms}
        lines = self.rule.lines(self.variable, "iteration")
        after = lines[lines.index(line) + 1 :] if line in lines else []
        readers = [place for place, other in enumerate(after) if line.target in other.reads]
        last = max(readers, default=-1)
        if any(after[place].repeat for place in readers) or line.target in operands:
            return False
        # Where it goes into a function it is computed there, and that only once.
        if len(readers) > 1:
            return False
        return not any(other.target in (*operands, line.target) for other in after[:last])

    def wait(self, target, expression):
        """Note a value for the line that reads it; its numbers get names."""
        code, terms = [], []
        for term in self.terms(expression):
            above, below = term.above, term.below
            if not above and len(below) == 1 and (bias := self.bias_correction(below[0])):
                if bias not in self.taken:
                    self.taken.add(bias)
                    code.append(f"{bias} = {self.code(below[0])}")
                below = [sympy.Symbol(bias)]
            elif len(above) + len(below) > 1:
                share = self.name(f"{self.code.names[term.arrays[0].name]}_share")
                code.append(f"{share} = {self.code.product(False, above, below)[0]}")
                above, below = [sympy.Symbol(share)], []
            terms.append(term._replace(above=above, below=below))
        self.lazy[target] = terms
        return [*self.before, *code]

    def bias_correction(self, number):
        """The name of 1 - β^t; empty for another number."""
        if not number.is_Add or len(number.args) != 2 or number.args[0] != 1:
            return ""
        minus, above, below = signed(number.args[1])
        if not minus or below or len(above) != 1 or not above[0].is_Pow:
            return ""
        base, exponent = above[0].args
        rate = self.code.names.get(getattr(base, "name", ""), "")
        counts = exponent.is_Symbol and self.code.kind(exponent.name) == "iteration"
        return f"bias_correction{rate[len('beta') :]}" if counts and rate.startswith("beta") else ""

    def terms(self, expression):
        """The terms of a sum; sums inside of products with numbers are multiplied out."""
        if expression.is_Add:
            return [term for part in expression.args for term in self.terms(part)]
        minus, above, below = signed(expression)
        numbers = [factor for factor in above if not self.reads_array(factor)]
        divisors = [factor for factor in below if not self.reads_array(factor)]
        arrays, under = [], [factor for factor in below if self.reads_array(factor)]
        for factor in filter(self.reads_array, above):
            waiting = self.lazy.get(getattr(factor, "name", None), ())
            if len(waiting) == 1:
                minus = minus != waiting[0].minus
                numbers, divisors = numbers + waiting[0].above, divisors + waiting[0].below
                arrays += waiting[0].arrays
            elif isinstance(factor, matmul):
                scales, parts = zip(*map(self.scaled, factor.args), strict=True)
                numbers += [number for scale in scales for number in scale]
                arrays.append(matmul(*parts))
            else:
                square = factor.is_Pow and factor.exp == 2 and factor.base.is_Symbol
                arrays += [factor.base, factor.base] if square else [factor]
        sums = [
            factor
            for factor in arrays
            if factor.is_Add or (factor.is_Symbol and factor.name in self.lazy)
        ]
        if len(arrays) == 1 and sums:
            inner = self.lazy.get(getattr(sums[0], "name", None)) or self.terms(sums[0])
            return [
                Term(
                    minus != term.minus,
                    numbers + term.above,
                    divisors + term.below,
                    term.arrays,
                    under + term.divisors,
                )
                for term in inner
            ]
        return [Term(minus, numbers, divisors, arrays, under)]

    def scaled(self, part):
        """The numbers of a matrix in a product of matrices, and the matrix without them."""
        if part.is_Add or not part.is_Mul:
            return [], part
        [term] = self.terms(part)
        if term.minus or term.below or term.divisors or len(term.arrays) != 1:
            return [], part
        return term.above, term.arrays[0]

    def coefficient(self, term, minus=None):
        """The code of a term's numbers."""
        minus = term.minus if minus is None else minus
        return self.code.product(minus, term.above, term.below)[0]

    def is_plain_array(self, term):
        return len(term.arrays) == 1 and not term.divisors

    def decay(self, terms, target):
        """The condition under which a line that decays weights does something, and its terms."""
        own = sympy.Symbol(target)
        others = [
            term
            for term in terms
            if not (term.arrays == [own] and not (term.above or term.below or term.divisors))
        ]
        names = [[self.code.names.get(str(number), "") for number in term.above] for term in others]
        if not others or not all("weight_decay" in found for found in names):
            return None
        conditions, kept = ["weight_decay != 0"], []
        for term in terms:
            above = []
            for number in term.above:
                flag = self.flag(number)
                if flag:
                    conditions += [flag] * (flag not in conditions)
                else:
                    above.append(number)
            kept.append(term._replace(above=above) if term in others else term)
        return " and ".join(conditions), kept

    def flag(self, number):
        """The condition that a number stands for: of δ it is δ, of 1 - δ not δ."""
        if number.is_Symbol and self.code.names.get(number.name) in self.flags:
            return self.code.names[number.name]
        if number.is_Add and len(number.args) == 2 and number.args[0] == 1:
            minus, above, below = signed(number.args[1])
            if minus and not below and len(above) == 1 and self.flag(above[0]):
                return f"not {self.flag(above[0])}"
        return ""

    def in_place(self, own, name, terms):
        """The code of a line that moves an array by a sum."""
        decay = self.decay(terms, own.name)
        if decay:
            condition, terms = decay
            return [f"if {condition}:", *indented(self.moves(own, name, terms))]
        return self.moves(own, name, terms)

    def moves(self, own, name, terms):
        """The calls that multiply an array by a number and add terms to it."""
        mine = [term for term in terms if term.arrays == [own] and not term.divisors]
        others = [term for term in terms if term not in mine]
        if not mine or any(
            own in sympy.Mul(*term.arrays, *term.divisors).free_symbols for term in others
        ):
            if len(others) == 1 and not mine and others[0].arrays and own in others[0].arrays:
                return self.product_in_place(own, name, others[0])
            return self.overwrite(own.name, name, self.rebuilt(terms))
        if (
            len(mine) == 1
            and len(others) == 1
            and self.is_average(mine[0], others[0])
            and self.is_plain_array(others[0])
        ):
            value = self.array(others[0].arrays[0])
            return [
                *self.taken_before(),
                f"{name}.lerp_({value.code}, {self.coefficient(others[0])})",
            ]
        only = mine[0] if len(mine) == 1 else None
        if only and only.below and not (only.above or only.minus or others):
            return [f"{name}.div_({' * '.join(map(self.number, only.below))})"]
        factor = self.total([term._replace(arrays=[]) for term in mine])
        chain = name if factor == "1" else f"{name}.mul_({factor})"
        calls = [self.addition(term) for term in others]
        if factor != "1" and calls:
            return [
                *self.taken_before(),
                chain + calls[0],
                *(f"{name}{call}" for call in calls[1:]),
            ]
        if factor != "1":
            return [*self.taken_before(), chain]
        return [*self.taken_before(), *(f"{name}{call}" for call in calls)]

    def taken_before(self):
        """The lines that have to stand before; they are given away once."""
        lines, self.before = self.before, []
        return lines

    def total(self, terms):
        """The code of the sum of the numbers of some terms."""
        code = ""
        for term in terms:
            number = self.coefficient(term, False)
            if not code:
                code = f"-{number}" if term.minus else number
            else:
                code += f" {'-' if term.minus else '+'} {number}"
        return code

    def is_average(self, first, second):
        """Whether the numbers of two terms are β and 1 - β."""
        if first.minus or second.minus or first.below or second.below:
            return False
        if len(first.above) != 1 or len(second.above) != 1:
            return False
        rest = sympy.Add(1, sympy.Mul(-1, first.above[0], evaluate=False), evaluate=False)
        return second.above[0] == rest

    def addition(self, term):
        """The call that adds a term to an array."""
        number = self.coefficient(term)
        arrays, divisors = list(term.arrays), list(term.divisors)
        if len(arrays) == 1 and len(divisors) == 1:
            above = self.array(arrays[0])
            below = self.named(divisors[0], "denom")
            return f".addcdiv_({above.code}, {below.code}{'' if number == '1' else f', value={number}'})"
        if len(arrays) == 2 and not divisors:
            first, second = (self.array(array, "scale") for array in arrays)
            return f".addcmul_({first.code}, {second.code}{'' if number == '1' else f', value={number}'})"
        if len(arrays) == 1 and not divisors:
            value = self.array(arrays[0], "direction")
        else:
            value = self.product(arrays, divisors)
        if number == "1":
            return f".add_({value.code})"
        return f".sub_({value.code})" if number == "-1" else f".add_({value.code}, alpha={number})"

    def product_in_place(self, own, name, term):
        """The calls that multiply or divide an array."""
        arrays = list(term.arrays)
        arrays.remove(own)
        calls = [f".mul_({self.array(array).code})" for array in arrays]
        calls += [f".div_({self.array(array).code})" for array in term.divisors]
        calls += [f".mul_({self.code(number)})" for number in term.above]
        calls += [f".div_({self.number(number)})" for number in term.below]
        calls += [".neg_()"] * term.minus
        return [*self.taken_before(), name + "".join(calls)]

    def overwrite(self, target, name, expression):
        """The code of a line that gives an array a new value."""
        if expression.func in (sympy.Max, sympy.Min) and all(
            map(self.reads_array, expression.args)
        ):
            parts = [self.multiplied(part, target, name) for part in expression.args]
            function = FUNCTIONS[expression.func.__name__]
            return [*self.taken_before(), f"{function}({', '.join(parts)}, out={name})"]
        value = self.array(expression)
        return [*self.taken_before(), f"{name}.copy_({value.code})"]

    def multiplied(self, part, target, name):
        """The code of an operand; the old value of a target may be multiplied in place."""
        terms = [] if self.is_call(part) else self.terms(part)
        if len(terms) == 1 and terms[0].arrays == [sympy.Symbol(target)] and not terms[0].divisors:
            number = self.coefficient(terms[0])
            return name if number == "1" else f"{name}.mul_({number})"
        return self.array(part).code

    def rebuilt(self, terms):
        """The expression of some terms."""
        parts = []
        for term in terms:
            factors = [*term.above, *term.arrays]
            factors += [
                sympy.Pow(part, -1, evaluate=False) for part in (*term.below, *term.divisors)
            ]
            factors = [sympy.Integer(-1), *factors] if term.minus else factors
            parts.append(factors[0] if len(factors) == 1 else sympy.Mul(*factors, evaluate=False))
        return parts[0] if len(parts) == 1 else sympy.Add(*parts, evaluate=False)

    def named(self, expression, name):
        """A value with a name, computed before the line that reads it."""
        if expression not in self.known:
            value = self.array(expression)
            if not value.code.isidentifier():
                if name in self.code.names.values():
                    name = self.name(name)
                self.before.append(f"{name} = {value.code}")
                value = Value(name, value.fresh)
            self.known[expression] = value
        return self.known[expression]

    def array(self, expression, name="direction"):
        """The value of an expression with elements.

        Args:
            expression: the expression.
            name: the name of a part that has to be read twice.
        """
        if expression.is_Symbol and expression.name not in self.lazy:
            fresh = expression.name in self.owned and expression.name not in self.live
            return Value(self.code.names[expression.name], fresh)
        if expression.is_Pow and not divides(expression):
            return self.power(expression)
        if expression.func in (sympy.Max, sympy.Min):
            return self.extreme(expression, name)
        if expression.func is sympy.Abs:
            return call(self.array(expression.args[0], name), "abs")
        if expression.func is sympy.sign:
            value = self.array(expression.args[0], name)
            if not value.code.isidentifier():
                self.before.append(f"{name} = {value.code}")
                value = Value(name, True)
            # torch's sign of NaN is 0, which would hide it.
            return Value(
                f"torch.where({value.code}.isnan(), {value.code}, {value.code}.sign())", True
            )
        if expression.func is clip:
            return self.clipped(expression, name)
        if isinstance(expression, matmul):
            return Value(" @ ".join(self.operand(part) for part in expression.args), True)
        if expression.func.__name__ == "transpose":
            return Value(f"{self.array(expression.args[0]).code}.mT", False)
        return self.sum(self.terms(expression), name)

    def operand(self, part):
        """The code of a matrix in a product of matrices."""
        code = self.array(part).code
        return code if code.replace(".", "").isidentifier() or code.endswith(")") else f"({code})"

    def power(self, expression):
        """A power of an array."""
        base, exponent = expression.args
        if exponent == sympy.Rational(1, 2):
            return call(self.array(base), "sqrt")
        if exponent == 2 and base.is_Symbol:
            code = self.array(base).code
            return Value(f"{code} * {code}", True)
        return call(self.named(base, "scale"), "pow", self.number(exponent))

    def extreme(self, expression, name):
        """A maximum or a minimum."""
        arrays = [part for part in expression.args if self.reads_array(part)]
        bound = "min" if expression.func is sympy.Max else "max"
        value = self.array(arrays[0], name)
        for part in arrays[1:]:
            value = Value(
                f"{FUNCTIONS[expression.func.__name__]}({value.code}, {self.array(part).code})",
                True,
            )
        for part in expression.args:
            if not self.reads_array(part):
                value = call(value, "clamp", f"{bound}={self.number(part)}")
        return value

    def clipped(self, expression, name):
        """A value between two bounds."""
        value, (low, high) = self.array(expression.args[0], name), expression.args[1:]
        if is_symmetric(expression) and not high.is_Symbol:
            bound = self.name("bound") if "bound" not in self.code.names.values() else "bound"
            self.before.append(f"bound = {self.number(high)}")
            return call(value, "clamp", f"-{bound}, {bound}")
        return call(value, "clamp", f"{self.number(low)}, {self.number(high)}")

    def product(self, arrays, divisors):
        """A product of arrays, divided by arrays."""
        values = [self.array(part) for part in arrays]
        below = [self.array(part) for part in divisors]
        if not values:
            return call(below[0], "reciprocal")
        fresh = next((value for value in values if value.fresh), None)
        if fresh:
            rest = [value for value in values if value is not fresh]
            code = fresh.code
        elif below and below[0].fresh and len(values) == 1:
            if not below[0].code.isidentifier():
                self.before.append(f"denom = {below[0].code}")
                below[0] = Value("denom", True)
            name = below.pop(0).code
            code, rest = f"torch.div({values[0].code}, {name}, out={name})", []
        elif len(values) > 1:
            code, rest = f"({values[0].code} * {values[1].code})", values[2:]
        else:
            code, rest = f"{values[0].code}.div({below.pop(0).code})", []
        code = "".join(
            [
                code,
                *(f".div_({value.code})" for value in below),
                *(f".mul_({value.code})" for value in rest),
            ]
        )
        return Value(code, True)

    def sum(self, terms, name="direction"):
        """A sum of terms, as a temporary unless it is a single array."""
        numbers = [term for term in terms if not term.arrays and not term.divisors]
        arrays = [term for term in terms if term not in numbers]
        first, *rest = arrays
        if len(rest) == 1 and not numbers:
            second = rest[0]
            for one, other in ((first, second), (second, first)):
                if (
                    self.is_average(one, other)
                    and self.is_plain_array(one)
                    and self.is_plain_array(other)
                ):
                    base, end = self.array(one.arrays[0]), self.array(other.arrays[0])
                    return Value(
                        f"{base.code}.lerp{'_' * base.fresh}({end.code}, {self.coefficient(other)})",
                        True,
                    )
            if (
                self.is_plain_array(first)
                and self.is_plain_array(second)
                and isinstance(second.arrays[0], matmul)
            ):
                base = self.array(first.arrays[0]).code
                parts = ", ".join(self.array(part).code for part in second.arrays[0].args)
                scales = {"beta": self.coefficient(first), "alpha": self.coefficient(second)}
                scales = "".join(
                    f", {key}={scale}" for key, scale in scales.items() if scale != "1"
                )
                return Value(f"torch.addmm({base}, {parts}{scales})", True)
        plain = next(
            (
                term
                for term in arrays
                if self.is_plain_array(term) and self.coefficient(term) == "1"
            ),
            first,
        )
        rest = [term for term in arrays if term is not plain]
        value = self.term(plain)
        for place, term in enumerate(rest):
            addition = self.addition(term)
            if not (value.fresh or place):
                # Not in place, for this is the first temporary.
                addition = addition.replace("_(", "(", 1)
            value = Value(value.code + addition, True)
        for term in numbers:
            value = call(
                value,
                "sub" if term.minus else "add",
                self.code.product(False, term.above, term.below)[0],
            )
        return value

    def term(self, term):
        """One term as a value."""
        if self.is_plain_array(term):
            value = self.array(term.arrays[0])
        else:
            value = self.product(term.arrays, term.divisors)
        if term.above or (term.minus and not term.below):
            number = self.code.product(term.minus, term.above, term.below)[0]
            return call(value, "mul", number) if number != "-1" else call(value, "neg")
        if term.below:
            below = (
                term.below[0] if len(term.below) == 1 else sympy.Mul(*term.below, evaluate=False)
            )
            value = call(value, "div", self.number(below))
            return call(value, "neg") if term.minus else value
        return value


REAL = [
    "",
    "",
    "def real(tensor: Tensor) -> Tensor:",
    '    """The same memory as real numbers: a complex number is moved as two."""',
    "    return torch.view_as_real(tensor) if tensor.is_complex() else tensor",
]
NUMBER = [
    "",
    "",
    "def number(tensor: Tensor) -> Any:",
    '    """The number in a tensor, which torch.compile keeps as a tensor."""',
    "    return tensor.double() if torch.compiler.is_compiling() else tensor.item()",
]


def count(expression, latex):
    """How often an expression reads a symbol."""
    parts = sympy.preorder_traversal(expression)
    return sum(part.is_Symbol and part.name == latex for part in parts)


def call(value, method, arguments=""):
    """A method of a value; in place where it is a temporary."""
    code = (
        value.code
        if not (" " in value.code and not value.code.endswith(")"))
        else f"({value.code})"
    )
    return Value(f"{code}.{method}{'_' * value.fresh}({arguments})", True)


def checks(option: PrintedOption) -> list[str]:
    """The lines that refuse a bad value of an option."""
    name, words, lines = option.name, option.refusal, []
    if name == "lr":
        lines = [
            "if isinstance(lr, Tensor) and lr.numel() != 1:",
            '    raise ValueError(f"Tensor lr must be 1-element: {lr}")',
        ]
    if option.kind in ("number", "rate"):
        condition = (
            f"0.0 <= {name} <= 1.0" if option.kind == "rate" else f'0.0 <= {name} < float("inf")'
        )
        condition = f"not {condition}"
        if "None" in option.annotation:
            condition = f"{name} is not None and {condition}"
        return [
            *lines,
            f"if {condition}:",
            f'    raise ValueError(f"{words.format("{" + name + "}")}")',
        ]
    if option.kind == "rates":
        text = words.format("{index}", "{beta}")
        return [
            f"for index, beta in enumerate({name}):",
            "    if not 0.0 <= beta < 1.0:",
            f'        raise ValueError(f"{text}")',
        ]
    if option.annotation == "int":
        return [f"if {name} < 0:", f'    raise ValueError(f"Invalid {name}: {{{name}}}")']
    if option.length:
        return [
            f"if len({name}) != {option.length}:",
            f'    raise ValueError(f"{name} must be {option.length} numbers: {{{name}}}")',
        ]
    return []


def names_of(states):
    """The names of the states with elements, as a tuple in code."""
    names = [f'"{row.code}"' for row in states if row.of]
    return f"({', '.join(names)}{',' * (len(names) == 1)})"


def uses(name, code):
    """Whether a name stands in code as a word."""
    return re.search(rf"(?<![\w.\"]){name}\b(?!\")", code) is not None


def used_in(option, code):
    """Whether the code reads an option."""
    if option.length:
        stem = option.name.rstrip("s") if option.name == "betas" else option.name[:-1]
        return any(uses(f"{stem}{place + 1}", code) for place in range(option.length))
    return uses(option.name, code)


def fitted_in(line, indent):
    """A line that will be indented further, fitted."""
    return fitted(line, WIDTH - indent)
