r"""Reads LaTeX update rules and turns them into programs.

Names that need lark and SymPy are imported at their first use; the table of symbols,
`optimizers.formula.symbols`, needs neither.

Example:
    >>> from optimizers.formula import read
    >>> rule = read(r"On iteration $t$: $W := W - \alpha dW$")
    >>> rule.step(1.0, 0.5, {}, lr=0.1)
    (0.95, {'step': 1})
"""

import importlib
from typing import Any

# Each public name and the module that it comes from.
HOMES = {
    "Difference": "compare",
    "FormulaError": "source",
    "Loop": "loop",
    "NoKernel": "loop",
    "Reading": "letters",
    "Rule": "rule",
    "Statement": "rule",
    "differences": "compare",
    "highlight": "compare",
    "in_letters": "letters",
    "loop_of": "loop",
    "occurrences": "expressions",
    "paper_lines": "letters",
    "read": "reader",
    "read_letters": "letters",
    "rule_of": "reader",
    "worked": "printers",
}

__all__ = list(HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name at its first use."""
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name not in ("lark", "sympy"):
            raise
        message = "formulas need lark and SymPy, which the extra `formula` installs"
        raise ImportError(message) from error
