"""`![What it shows](figure:name)`: figures drawn by the package while the site is built.

A figure stands in the page as SVG whose colours are the site's own variables, so one drawing
serves light and dark, and its labels are text. Some of the numbers that it is drawn from stand
below it as a table.
"""

import functools
import io
import re
import xml.etree.ElementTree as etree
from collections.abc import Callable
from html import escape
from urllib.parse import parse_qsl

import matplotlib as mpl
import numpy as np
from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from optimizers import OPTIMIZERS
from optimizers.formula import rule_of

from . import costs
from .losses import LOSSES, functions
from .source import PageError, locate, page_path

Table = list[list[str]]  # row by row, the head first; each row begins with what it is about
# Of all iterations, those that a table has beside the last.
SHOWN = (0, 1, 2, 5, 10, 20, 50, 100)
# What has arrived would lie infinitely deep on a logarithmic scale.
LEAST = 1e-6
# Colours that stand for the site's variables until `tidy` puts those in.
INK, FAINT = "#010101", "#020202"
# Each optimizer's colour, one of those in site.css: neighbours in the table differ.
HUES = {name: index % 8 + 1 for index, name in enumerate(OPTIMIZERS)}
COLOURS = {name: f"#0300{hue:02x}" for name, hue in HUES.items()}
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "optimizers",
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": mpl.cycler(color=list(COLOURS.values())),
}


def path(name: str, gradient: Callable, start: tuple, steps: int, **options) -> np.ndarray:
    """Walk down a loss with the NumPy step of an optimizer.

    Args:
        name: the optimizer's name in the package's table.
        gradient: maps a point to the loss's gradient there.
        start: the first point.
        steps: how many steps to take, at least 1.
        **options: hyper-parameters of the step.

    Returns:
        The points, start included, as an array of shape (steps + 1, len(start)).

    Example:
        >>> path("Adam", lambda p: 2 * p, (1.0, 1.0), 2, lr=0.25).round(3)
        array([[1.   , 1.   ],
               [0.75 , 0.75 ],
               [0.504, 0.504]])
    """
    # Where parameters are matrices, a point is one of a single row.
    shape = (1, len(start)) if rule_of(name).matrix else (len(start),)
    points, state = [np.asarray(start, dtype=float)], {}
    for _ in range(steps):
        point, grad = (one.reshape(shape) for one in (points[-1], gradient(points[-1])))
        point, state = OPTIMIZERS[name].step(point, grad, state, **options)
        points.append(np.ravel(point))
    return np.stack(points)


def walks(
    names: list[str], options: dict[str, dict], key: str, steps: int
) -> dict[str, np.ndarray]:
    """Walk down a loss of the laboratory, all from one start and with one learning rate."""
    loss, (_, gradient) = LOSSES[key], functions(key)
    return {
        name: path(
            name,
            lambda point: gradient(*point),
            loss.start,
            steps,
            **{"lr": loss.lr} | options.get(name, {}),
        )
        for name in names
    }


def number(value: float) -> str:
    """A positive number as a table has it: two digits that count, all before the point, no powers.

    Example:
        >>> number(0.000123), number(2), number(267), number(1e-9)
        ('0.00012', '2.0', '267', '< 0.000001')
    """
    if value < LEAST:
        return f"< {LEAST:.6f}"
    if value >= 100:
        return f"{value:.0f}"
    return np.format_float_positional(value, 2, unique=False, fractional=False).rstrip(".")


def plain(value: float, _: int) -> str:
    """A number at an axis, in one piece; a power of ten is two, which overlap if letters grow."""
    # What is computed as a power may be a hair beside it.
    rounded = float(f"{value:.2g}")
    return f"{value:,.0f}" if value >= 1 else np.format_float_positional(rounded, trim="-")


def by_iteration(cells: dict[str, list[str]], first: int = 0) -> Table:
    """A column for each optimizer, whose cells are those of all iterations from the first on."""
    end = first + len(next(iter(cells.values()))) - 1
    rows = [t for t in SHOWN if first <= t < end] + [end]
    return [
        ["Iteration", *cells],
        *([str(t), *(column[t - first] for column in cells.values())] for t in rows),
    ]


def paths(
    names: list[str],
    options: dict[str, dict],
    key: str = "ravine",
    steps: int = 60,
    start: str = "start",
    minimum: str = "minimum",
) -> tuple[Figure, Table]:
    """Paths down a loss of the laboratory: same start, same learning rate.

    Args:
        names: the optimizers.
        options: hyper-parameters of some of them, by name.
        key: the loss, one that has b.
        steps: how many steps to take.
        start: what the start is called.
        minimum: what a minimum is called.
    """
    loss, (mean, _) = LOSSES[key], functions(key)
    figure = Figure(figsize=(6.8, 4.1), layout="constrained")
    axes = figure.add_subplot(xlabel="W", ylabel="b")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    walked = walks(names, options, key, steps)
    (left, right), (low, high) = loss.view
    right = max(right, *(points[:, 0].max() + 0.3 for points in walked.values()))
    x, y = np.meshgrid(np.linspace(left, right, 120), np.linspace(low, high, 90))
    height = mean(x, y)
    levels = np.geomspace(height.max() / 200, height.max(), 9)
    axes.contour(x, y, height, levels, colors=FAINT, linewidths=0.8)
    for name, points in walked.items():
        axes.plot(*points.T, color=COLOURS[name], linewidth=2, marker="o", markersize=2.6)
        others = [other for other in walked if other != name]
        point, side = freest(points, [walked[other] for other in others])
        axes.annotate(
            name,
            point,
            (0, 13 * side),
            textcoords="offset points",
            ha="center",
            va="center",
            color=COLOURS[name],
            weight="bold",
        )
    for place in loss.minima:
        axes.plot(*place, marker="+", markersize=11, color=INK)
        axes.annotate(minimum, place, (-24, 14), textcoords="offset points", color=INK)
    axes.annotate(start, loss.start, (-12, 8), textcoords="offset points", color=INK)
    places = {
        name: [f"{x:z.2f}, {y:z.2f}".replace("-", "−") for x, y in points]
        for name, points in walked.items()
    }
    return figure, by_iteration(places)


def freest(points: np.ndarray, others: list[np.ndarray]) -> tuple[np.ndarray, int]:
    """Return the point of a path that is farthest from the others, and on which side they lack."""
    rest = np.concatenate(others) if others else points[:1]
    gaps = np.linalg.norm(points[:, None] - rest[None], axis=-1)
    far = int(gaps.min(axis=1).argmax())
    nearest = rest[gaps[far].argmin()]
    return points[far], 1 if points[far][1] >= nearest[1] else -1


def losses(names: list[str], options: dict[str, dict]) -> tuple[Figure, Table]:
    """The loss on the way down the narrow valley, iteration by iteration."""
    mean, _ = functions("ravine")
    walked = walks(names, options, "ravine", 200)
    return curves({name: mean(*points.T) for name, points in walked.items()}, "loss")


def step_lengths(names: list[str], options: dict[str, dict]) -> tuple[Figure, Table]:
    """How far each step down the narrow valley leads: the effective step size."""
    walked = walks(names, options, "ravine", 200)
    lengths = {
        name: np.linalg.norm(np.diff(points, axis=0), axis=1) for name, points in walked.items()
    }
    return curves(lengths, "length of the step", first=1)


def curves(values: dict[str, np.ndarray], label: str, first: int = 0) -> tuple[Figure, Table]:
    """Draw curves over the iterations from the first on, each with its name at its end."""
    figure = Figure(figsize=(6.8, 3.4), layout="constrained")
    axes = figure.add_subplot(xlabel="iteration", ylabel=label, yscale="log")
    axes.yaxis.set_major_formatter(plain)
    for name, values_of in values.items():
        curve = np.maximum(values_of, LEAST)
        iterations = range(first, first + len(curve))
        axes.plot(iterations, curve, color=COLOURS[name], linewidth=2)
        axes.annotate(
            name,
            (iterations[-1], curve[-1]),
            (6, 0),
            textcoords="offset points",
            va="center",
            color=COLOURS[name],
            weight="bold",
        )
    cells = {name: [number(value) for value in values_of] for name, values_of in values.items()}
    return figure, by_iteration(cells, first)


def singular_values(names: list[str], options: dict[str, dict]) -> tuple[Figure, Table]:
    """What a step makes of a gradient's singular values, by how often it iterates.

    Args:
        names: the optimizers, which have `ns_steps`.
        options: nothing.
    """
    # Of a gradient diag(s, r) with s² + r² = 1, the norm is 1 and the singular values are s and r.
    before = np.geomspace(10**-3.5, 1, 211)
    table = [["Before"], *([number(s)] for s in before[::30])]
    figure = Figure(figsize=(6.8, 3.6), layout="constrained")
    axes = figure.add_subplot(xscale="log", xlabel="singular value before", ylabel="after")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, which="both")
    axes.xaxis.set_major_formatter(plain)
    axes.axhline(1, color=FAINT, linewidth=0.8)
    for name in names:
        *fewer, most = range(OPTIMIZERS[name].step.__kwdefaults__["ns_steps"] + 1)
        for times in (*fewer, most):
            after = [
                -OPTIMIZERS[name].step(
                    np.zeros((2, 2)), np.diag([s, np.sqrt(1 - s * s)]), {}, lr=1.0, ns_steps=times
                )[0][0, 0]
                for s in before
            ]
            colour, width = (COLOURS[name], 2.5) if times == most else (INK, 0.6)
            axes.plot(before, after, color=colour, linewidth=width)
            table[0].append(f"After {times}")
            for row, value in zip(table[1:], after[::30], strict=True):
                row.append(f"{value:.2f}")
            # Each curve is labelled where it rises.
            at = next(index for index, value in enumerate(after) if value >= 0.4)
            axes.annotate(
                f"{times} times" if times == most else str(times),
                (before[at], after[at]),
                (-6, 4),
                textcoords="offset points",
                ha="right",
                color=colour,
                weight="bold" if times == most else "normal",
            )
    return figure, table


def cost(names: list[str], options: dict[str, dict]) -> tuple[Figure, Table]:
    """How the time of a step of ADOPT grows with the number of parameters, and whose it is."""
    figure = Figure(figsize=(6.8, 4.1), layout="constrained")
    axes = figure.add_subplot(
        xlabel="parameters", ylabel="milliseconds per step", xscale="log", yscale="log"
    )
    axes.yaxis.set_major_formatter(plain)
    grown = {}
    for row in costs.rows("grow"):
        if row["name"] == "ADOPT":
            times = grown.setdefault((row["by"], row["how"]), {})
            times[row["tensors"] * row["elements"]] = row["milliseconds"]
    shown = {
        ("here", "fused"): ("this package, one kernel", COLOURS["ADOPT"], "-", -12),
        ("here", "plain"): ("this package, plain", COLOURS["ADOPT"], "--", 0),
        ("torch-adopt", "plain"): ("its authors', plain", INK, "-", 8),
        ("torch-adopt", "foreach"): ("its authors', foreach", INK, "--", 20),
    }
    sizes = sorted({size for times in grown.values() for size in times})
    table = [["Parameters"], *([f"{size:,}"] for size in sizes)]
    for key, (label, colour, style, up) in shown.items():
        if key in grown:
            x, y = zip(*grown[key].items(), strict=True)
            axes.plot(x, y, style, color=colour, linewidth=2, marker="o", markersize=4)
            place = {"xy": (x[-1], y[-1]), "xytext": (7, up), "textcoords": "offset points"}
            axes.annotate(label, color=colour, va="center", annotation_clip=False, **place)
            table[0].append(label)
            for row, size in zip(table[1:], sizes, strict=True):
                row.append(number(grown[key][size]))
    # To the right of what was measured there is room for the names only.
    axes.set_xlim(right=axes.get_xlim()[1] * 60)
    axes.set_xticks(sizes, minor=False)
    axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter(EngFormatter(sep="\N{NO-BREAK SPACE}"))
    return figure, table


# Each takes the page's optimizers and what is set for them; then, what its table tells.
FIGURES = {
    "cost": (cost, "milliseconds per step, by number of parameters"),
    "loss": (losses, "the loss at some iterations"),
    "paths": (paths, "W, b at some iterations"),
    "singular-values": (singular_values, "a singular value before, and after so many iterations"),
    "step-length": (step_lengths, "the length of some steps"),
}


@functools.lru_cache(maxsize=100)  # while the site is served, a page is made again and again
def with_table(url: str, names: tuple[str, ...], description: str) -> tuple[str, str, Table]:
    """Draw a figure for a page.

    Args:
        url: a key of FIGURES, then what is set, for one optimizer or for all, as in
            `paths?AdamW.weight_decay=0.5` or `paths?lr=0.02`.
        names: the optimizers of the page.
        description: what it shows, for those who do not see it.

    Returns:
        An `<svg>` element, the same bytes each time; what its table tells; the table.
    """
    figure, _, query = url.partition("?")
    options: dict[str, dict] = {}
    for key, value in parse_qsl(query):
        name, _, option = key.rpartition(".")
        for one in [name] if name else names:
            options.setdefault(one, {})[option] = float(value)
    draw, told = FIGURES[figure]
    svg, table = drawn(lambda: draw(names, options), figure, description)
    return svg, f"As a table: {told}", table


def drawn(
    draw: Callable[[], tuple[Figure, Table]], name: str, description: str
) -> tuple[str, Table]:
    """Draw a figure in the site's style, as an `<svg>` element whose ids begin with a name."""
    with mpl.rc_context(STYLE):
        figure, table = draw()
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return tidy(etree.fromstring(buffer.getvalue()), name, description), table


def folded(title: str, table: Table) -> str:
    """A table for those who want to see it; one does not search for its numbers."""
    head, *rows = table
    lines = [f'<details class="as-table" data-search-exclude><summary>{title}</summary><table>']
    lines.append("<thead><tr>")
    for name in head:
        hue = f' class="optimizer-{HUES[name]}"' if name in HUES else ""
        lines.append(f'<th scope="col"{hue}>{escape(name)}</th>')
    lines.append("</tr></thead><tbody>")
    for about, *cells in rows:
        told = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        lines.append(f'<tr><th scope="row">{about}</th>{told}</tr>')
    lines.append("</tbody></table></details>")
    return "\n".join(lines)


def tidy(root: etree.Element, name: str, description: str) -> str:
    """Make of a file's SVG one that lives in a page: its colours, its fonts, ids of its own."""
    text = etree.tostring(root, encoding="unicode")
    used = set(re.findall(r"#([\w.-]+)[\")]", text))
    for parent in list(root.iter()):
        for child in list(parent):
            # matplotlib's style sheet would hold for the whole page.
            if child.tag.endswith(("metadata", "style")):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.partition("}")[2]
        for key, value in list(element.items()):
            del element.attrib[key]
            if key == "id" and value not in used:
                continue
            value = re.sub(r"font(-family|-size)?: [^;]*(; )?", "", value)
            value = re.sub(r"#0300([0-9a-f]{2})", lambda m: f"var(--hue-{int(m[1], 16)})", value)
            value = value.replace(INK, "currentColor").replace(FAINT, "var(--faint)")
            value = re.sub(r"\d+\.\d{3,}", lambda m: f"{float(m[0]):.2f}", value)
            if value:
                element.set(key.partition("}")[2] or key, value)
        if "id" in element.attrib:
            element.set("id", f"{name}-{element.get('id')}")
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("role", "img")
    root.set("aria-label", description)
    root.set("stroke-linejoin", "round")
    drawing = re.sub(r"\s*\n\s*", "\n", etree.tostring(root, encoding="unicode"))
    return re.sub(r"(?<=[(\"])#(?=[\w.-]+[)\"])", f"#{name}-", drawing)


def in_markdown(table: Table) -> list[str]:
    """The lines of a table for those who read Markdown."""
    head, *rows = [f"| {' | '.join(row)} |" for row in table]
    return [head, "| --- " * len(table[0]) + "|", *rows]


class FigureTreeprocessor(Treeprocessor):
    def run(self, root: etree.Element) -> None:
        self.md.drawn = {}
        for above in list(root.iter()):
            for place, parent in enumerate(above):
                image = parent.find("img")
                if image is not None and image.get("src", "").startswith("figure:"):
                    above.insert(place + 1, self.draw(parent, image))

    def draw(self, parent: etree.Element, image: etree.Element) -> etree.Element:
        """Make of an image's paragraph its figure, and return the table to stand below it."""
        url, text = image.get("src").removeprefix("figure:"), image.get("alt", "").strip()
        where, name = locate(page_path(self.md), f"](figure:{url}"), url.partition("?")[0]
        if name not in FIGURES:
            raise PageError(f"{where}: no figure `{name}`; there are: {', '.join(FIGURES)}")
        if not text:
            raise PageError(f"{where}: the figure has no text: ![What it shows](figure:{url})")
        svg, told, table = with_table(url, tuple(self.md.names), text)
        parent.clear()
        parent.tag = "figure"
        parent.text = self.md.htmlStash.store(svg)
        etree.SubElement(parent, "figcaption").text = text
        below = etree.Element("p")  # which Python-Markdown takes away around a block
        below.text = self.md.htmlStash.store(folded(told, table))
        self.md.drawn[url] = [told, "", *in_markdown(table)]
        return below


class FigureExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        # After inline Markdown (20) made the images, before Persian captions are found (7).
        md.treeprocessors.register(FigureTreeprocessor(md), "figures", 9)


def makeExtension(**kwargs) -> FigureExtension:
    return FigureExtension(**kwargs)
