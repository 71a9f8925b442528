"""Prints the constructor of a class of PyTorch's, with its checks."""

from ..about import PrintedOption
from ..code import indented


def constructor(options: list[PrintedOption]) -> list[str]:
    """The lines of a constructor.

    Args:
        options: those that it takes besides `maximize`.
    """
    lines = ["def __init__(", "    self,", "    params: Iterable,"]
    for option in options:
        kind = "float | Tensor" if option.name == "lr" else option.annotation
        lines.append(f"    {option.name}: {kind}{f' = {option.default}' * bool(option.default)},")
    lines += ["    *,", "    maximize: bool = False,", ") -> None:"]
    for option in options:
        lines += indented(checks(option))
    names = [*(option.name for option in options), "maximize"]
    defaults = ", ".join(f"{name}={name}" for name in names)
    return [
        *lines,
        f"    defaults = dict({defaults})",
        "    super().__init__(params, defaults)",
    ]


def checks(option: PrintedOption) -> list[str]:
    """The lines that refuse a bad value of an option."""
    name, words = option.name, option.refusal
    if option.kind in ("number", "rate"):
        bound = f"{name} <= 1.0" if option.kind == "rate" else f'{name} < float("inf")'
        given = f"{name} is not None and " * ("None" in option.annotation)
        one_element = [
            "if isinstance(lr, Tensor) and lr.numel() != 1:",
            '    raise ValueError(f"Tensor lr must be 1-element: {lr}")',
        ]
        return [
            *(one_element if name == "lr" else []),
            f"if {given}not 0.0 <= {bound}:",
            f'    raise ValueError(f"{words.format("{" + name + "}")}")',
        ]
    if option.kind == "rates":
        return [
            f"for index, beta in enumerate({name}):",
            "    if not 0.0 <= beta < 1.0:",
            f'        raise ValueError(f"{words.format("{index}", "{beta}")}")',
        ]
    if option.annotation == "int":
        return [f"if {name} < 0:", f'    raise ValueError(f"Invalid {name}: {{{name}}}")']
    if option.length:
        return [
            f"if len({name}) != {option.length}:",
            f'    raise ValueError(f"{name} must be {option.length} numbers: {{{name}}}")',
        ]
    return []
