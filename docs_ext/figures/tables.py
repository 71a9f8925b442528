"""Tables of the numbers that figures are drawn from."""

from html import escape

import numpy as np

from ..names import colour_class, colour_number

Table = list[list[str]]  # row by row, the head first; each row begins with what it is about
# The iterations that a table shows besides the last.
SHOWN = (0, 1, 2, 5, 10, 20, 50, 100)
# A logarithmic scale ends here: what has arrived would lie infinitely deep.
LEAST = 1e-6


def two_digits(value: float) -> str:
    """Return a positive number with two significant digits, or whole, and never as a power.

    Example:
        >>> two_digits(0.000123), two_digits(2), two_digits(267), two_digits(1e-9)
        ('0.00012', '2.0', '267', '< 0.000001')
    """
    if value < LEAST:
        return f"< {LEAST:.6f}"
    if value >= 100:
        return f"{value:.0f}"
    return np.format_float_positional(value, 2, unique=False, fractional=False).rstrip(".")


def by_iteration(cells: dict[str, list[str]], first: int = 0) -> Table:
    """Return a table of some iterations, with a column for each optimizer.

    Args:
        cells: the cells of each optimizer, for all iterations.
        first: the iteration that the first cells belong to.
    """
    end = first + len(next(iter(cells.values()))) - 1
    rows = [t for t in SHOWN if first <= t < end] + [end]
    return [
        ["Iteration", *cells],
        *([str(t), *(column[t - first] for column in cells.values())] for t in rows),
    ]


def folded(title: str, table: Table) -> str:
    """Return a table as HTML that opens on demand; the search leaves its numbers out."""
    head, *rows = table
    lines = [f'<details class="as-table" data-search-exclude><summary>{title}</summary><table>']
    lines.append("<thead><tr>")
    for name in head:
        colour = f' class="{colour_class(name)}"' if colour_number(name) else ""
        lines.append(f'<th scope="col"{colour}>{escape(name)}</th>')
    lines.append("</tr></thead><tbody>")
    for about, *cells in rows:
        row = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        lines.append(f'<tr><th scope="row">{about}</th>{row}</tr>')
    lines.append("</tbody></table></details>")
    return "\n".join(lines)


def in_markdown(table: Table) -> list[str]:
    """Return the lines of a table for those who read Markdown."""
    head, *rows = [f"| {' | '.join(row)} |" for row in table]
    return [head, "| --- " * len(table[0]) + "|", *rows]
