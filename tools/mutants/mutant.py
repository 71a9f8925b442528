"""A change of a formula or of code, and what came of it."""

import ast
from typing import NamedTuple


class Mutant(NamedTuple):
    """One change.

    Args:
        optimizer: its name.
        part: `formula`, `step` or `class`.
        kind: the kind of change.
        before: the line before the change.
        after: the line after it.
        changed: the changed whole: the text of the formula, or a syntax tree.
    """

    optimizer: str
    part: str
    kind: str
    before: str
    after: str
    changed: object


class Outcome(NamedTuple):
    """A mutant; `refused`, `raised`, `parted`, `equal` or `unnoticed`; and the details."""

    mutant: Mutant
    result: str
    detail: str


def distinct(mutants: list[Mutant]) -> list[Mutant]:
    """Return each change once, whatever kinds lead to it."""
    seen = {}
    for mutant in mutants:
        whole = mutant.changed
        seen.setdefault(whole if isinstance(whole, str) else ast.unparse(whole), mutant)
    return list(seen.values())
