"""Prints a rule as a class of PyTorch's, which moves each parameter in place."""

import builtins

from ...formula.rule import Rule
from ..about import About, element, options
from ..code import indented, said_of
from .constructor import constructor
from .lines import Lines
from .update import update


def pytorch(rule: Rule, said: About, variable: str | None = None) -> str:
    """The rule as a module with a `torch.optim.Optimizer`, which needs torch alone.

    Args:
        rule: the rule.
        said: what the file says of itself.
        variable: whose lines to print, one of `rule.variables`; the first unless said.

    Returns:
        The module's text.
    """
    given = options(rule, said)
    flags = {option.name for option in given if option.annotation == "bool"}
    lines = Lines(rule, variable or rule.variables[0], name_of, flags)
    body = update(lines, said, given)
    arrays = [row.code for row in lines.states if row.of]
    code = "\n".join(body)
    math = ["import math"] if lines.code.helpers or "math." in code else []
    symbols = ", ".join(f"{option.symbol} is `{option.name}`" for option in given)
    parts = [
        said.head,
        *math,
        "from collections.abc import Callable, Iterable",
        "from copy import deepcopy",
        "from typing import Any",
        "",
        "import torch",
        "from torch import Tensor",
        "",
        "",
        f"class {said.name}(torch.optim.Optimizer):",
        *indented([*said_of(said, symbols), *NOTES, '"""', ""]),
        *indented([*constructor(given), ""]),
        *(indented([*add_param_group(said), ""]) if rule.matrix else []),
        *indented([*STEP, "", *body, "", *load(arrays)]),
        *(REAL if "real(" in code else []),
        *(NUMBER if "number(" in code else []),
    ]
    return "\n".join(parts) + "\n"


def name_of(row):
    """The name in the code of a row of the symbols."""
    if "[" in row.code:
        return element(row.code)
    if row.kind == "iteration":
        return "step"
    return f"{row.code}_" if hasattr(builtins, row.code) else row.code


def add_param_group(said):
    """The refusal of what is no matrix."""
    return [
        "def add_param_group(self, param_group: dict[str, Any]) -> None:",
        '    """Add a group of matrices."""',
        "    super().add_param_group(param_group)",
        '    for param in self.param_groups[-1]["params"]:',
        "        if param.ndim != 2 or param.is_complex():",
        f'            raise ValueError(f"{said.name} takes real matrices, not {{param.dtype}} {{[*param.shape]}}")',
    ]


def load(arrays):
    """The loading of a state, which torch would share with its source and round to half precision.

    Args:
        arrays: the names of the states with the shape of the parameter.
    """
    head = "def load_state_dict(self, state_dict: dict[str, Any]) -> None:"
    if not arrays:
        return [
            head,
            '    """Load a copy of a state, whose memory torch would share."""',
            "    super().load_state_dict(deepcopy(state_dict))",
        ]
    names = ", ".join(f'"{name}"' for name in arrays)
    return [
        head,
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
        f"            for name in ({names}{',' * (len(arrays) == 1)}):",
        "                state[name] = state[name].to(param.device, dtype)",
    ]


NOTES = ["Half-precision parameters are updated in float32, in which their state is kept."]
STEP = [
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
