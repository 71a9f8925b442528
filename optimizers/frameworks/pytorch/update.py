"""Prints the method of a class of PyTorch's that moves one parameter in place."""

import sympy

from ...formula.expressions import COMPARISONS
from ..about import About, PrintedOption, element
from ..code import comment, indented, uses
from .lines import Lines


def update(lines: Lines, said: About, options: list[PrintedOption]) -> list[str]:
    """The method `update`.

    Args:
        lines: prints the lines of the formula.
        said: what the file says of itself.
        options: those of the class.
    """
    begun = begin(lines)
    body = [*begun, *iteration(lines)]
    return [
        "def update(self, original: Tensor, grad: Tensor, group: dict[str, Any]) -> None:",
        '    """Move one parameter in place."""',
        "    if grad.layout is not torch.strided:",
        f'        raise RuntimeError("{said.name} does not support sparse gradients")',
        *indented(unpacked(options, body)),
        "    state, dtype = self.state[original], torch.promote_types(original.dtype, torch.float32)",
        "    param = real(original.to(dtype))",
        "    grad = real(grad.to(dtype).resolve_conj())",
        '    if group["maximize"]:',
        "        grad = -grad",
        *indented(body),
        "    if original.dtype != dtype:",
        "        original.copy_(param)",
    ]


def unpacked(options, body):
    """The lines that give names to the options that some code reads."""
    lines, single = [], []
    for option in options:
        if not option.length:
            single += [option.name] * uses(option.name, body)
            continue
        names = [element(f"{option.name}[{place}]") for place in range(option.length)]
        names = [name if uses(name, body) else "_" for name in names]
        while names and names[-1] == "_":
            names.pop()
        if names:
            rest = ["*_"] * (len(names) < option.length)
            lines.append(f'{", ".join([*names, *rest])} = group["{option.name}"]')
    for start in range(0, len(single), 3):
        names = single[start : start + 3]
        values = ", ".join(f'group["{name}"]' for name in names)
        lines.append(f"{', '.join(names)} = {values}")
    return lines


def begin(lines):
    """The state's first values, and the count."""
    rule = lines.rule
    counted = rule.initialize_reads_gradient
    count = "ones" if counted else "zeros"
    body = [f'state["step"] = torch.{count}((), dtype=torch.float32, device="cpu")']
    values = []
    for line in rule.lines(lines.variable, "initialize"):
        if rule.symbols[line.target].kind == "state":
            values.append(line)
            continue
        body += [*first_values(lines, values), comment(line.latex), *lines.line(line)]
        values = []
    body += first_values(lines, values)
    if counted:
        body.append("return")
    return ["if not state:", *indented(body), 'state["step"] += 1']


def first_values(lines, values):
    """The first values of some states, below their lines."""
    if not values:
        return []
    code = [part for line in values for part in first_value(lines, line)]
    return [comment(", ".join(line.latex for line in values)), *code]


def first_value(lines, line):
    """The first value of a state."""
    row, value = lines.rule.symbols[line.target], line.expression
    target = f'state["{row.code}"]'
    if not row.of:
        number = lines.number(value)
        return [f'{target} = torch.tensor({number}, dtype=param.dtype, device="cpu")']
    zeros = f"{target} = torch.zeros_like(original, dtype=dtype)"
    if lines.reads_array(value):
        return [zeros, *lines.copied(f"real({target})", line)]
    return [zeros] if value == 0 else [zeros, f"real({target}).fill_({lines.number(value)})"]


def iteration(lines):
    """The lines of an iteration."""
    rule, arithmetic = lines.rule, []
    lines.forget()
    for repeat, statements in rule.blocks(lines.variable, "iteration"):
        block = []
        for line in statements:
            block += [comment(line.latex), *lines.line(line)]
        if repeat:
            block = [f"for _ in range({lines.code(repeat.times)}):", *indented(block)]
        arithmetic += block
    head = []
    if uses("step", arithmetic):
        count = '(state["step"] - 1)' if rule.initialize_reads_gradient else 'state["step"]'
        if needs_tensors(lines):
            head.append(f"step = {count}.double()")
        else:
            head.append(f"step = number({count.strip('()')})")
    for row in lines.states:
        function = "real" if row.of else "number"
        head.append(f'{lines.names[row.latex]} = {function}(state["{row.code}"])')
    if rule.matrix and (uses("rows", arithmetic) or uses("columns", arithmetic)):
        head.append("rows, columns = param.shape")
    return [*head, *arithmetic]


def needs_tensors(lines):
    """Whether numbers that depend on t need functions, which torch has for tensors."""
    return any(
        not lines.reads_array(part)
        and {symbol.name for symbol in part.free_symbols} & lines.tensors
        and (
            part.func in (sympy.Max, sympy.Min, sympy.Abs, sympy.sign, *COMPARISONS)
            or (part.is_Pow and part.exp == sympy.Rational(1, 2))
        )
        for line in lines.rule.lines(lines.variable, "iteration")
        for part in sympy.preorder_traversal(line.expression)
    )
