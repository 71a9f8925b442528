r"""Marks on parts of a formula: `{\class{NAME}{PART}}`, which the eye sees and copying does not.

With its outer braces a mark takes the space that its part would take, and may be an index.

On the page of an optimizer each known symbol is marked, so that pointing at it shows its meaning.
"""

import functools
import re

from optimizers.formula import FormulaError, occurrences
from optimizers.formula.symbols import SYMBOLS, symbols_for

MARK = r"{\class{%s}{"
OPENING = MARK.partition("%")[0]


def group_end(tex: str, start: int) -> int:
    r"""Return where the group, the command or the character at `start` ends.

    Example:
        >>> group_end(r"^{\text{a}}b", 1), group_end(r"^\beta_1", 1), group_end("^t", 1)
        (11, 6, 2)
    """
    if tex[start] != "{":
        return start + len(re.match(r"\\[A-Za-z]+|.", tex[start:])[0])
    depth = 0
    for index in range(start, len(tex)):
        depth += {"{": 1, "}": -1}.get(tex[index], 0)
        if depth == 0:
            return index + 1
    return len(tex)


@functools.cache  # a page that is served is made again with mostly the same formulas
def mark_symbols(tex: str, names: tuple[str, ...] = ()) -> str:
    r"""Mark the symbols of a formula with their places in the table of symbols.

    Args:
        tex: a formula; one that is not of the dialect is returned as it is.
        names: what the code calls its states, hyper-parameters and intermediates.

    Returns:
        The formula with marks. A power stays in the mark of its base: else it would be set aside.

    Example:
        >>> print(re.sub(r"-\d+", "-N", mark_symbols(r"\alpha dW^2")))
        {\class{symbol symbol-N}{\alpha}} {\class{symbol symbol-N}{dW^2}}
        >>> mark_symbols("x = y")
        'x = y'
    """
    try:
        found = occurrences(tex, symbols_for(names))
    except FormulaError:
        return tex
    marks = []
    for symbol, start, end in found:
        if tex[end : end + 1] == "^":
            end = group_end(tex, end + 1)
        marks += [(start, 1, MARK % f"symbol symbol-{SYMBOLS.index(symbol)}"), (end, 0, "}}")]
    # From the last to the first, so that places stay true; what opens at a place opens after
    # what closes there.
    for place, _, text in sorted(marks, reverse=True):
        tex = tex[:place] + text + tex[place:]
    return tex


def without_marks(tex: str) -> str:
    r"""Return a formula as it was before it was marked.

    Example:
        >>> without_marks(r"a + {\class{x y}{b_{\class{z}{c}}}}")
        'a + b_c'
    """
    while (start := tex.rfind(OPENING)) >= 0:
        inside = group_end(tex, start + len(OPENING) - 1)
        end = group_end(tex, inside)
        tex = tex[:start] + tex[inside + 1 : end - 1] + tex[end + 1 :]
    return tex
