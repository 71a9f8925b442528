"""`![What it shows](figure:name)`: figures drawn by the package while the site is built.

A figure stands in the page as SVG whose colours are the site's own variables, so one drawing
serves light and dark, and its labels are text.
"""

import io
import re
import xml.etree.ElementTree as etree
from collections.abc import Callable
from urllib.parse import parse_qsl

import matplotlib as mpl
import numpy as np
from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from matplotlib.figure import Figure

from optimizers import OPTIMIZERS
from optimizers.formula import rule_of

from . import costs
from .losses import LOSSES, functions
from .source import PageError, locate, page_path

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


def paths(
    names: list[str], options: dict[str, dict], key: str = "ravine", steps: int = 60
) -> Figure:
    """Paths down a loss of the laboratory: same start, same learning rate.

    Args:
        names: the optimizers.
        options: hyper-parameters of some of them, by name.
        key: the loss, one that has b.
        steps: how many steps to take.
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
        axes.annotate("minimum", place, (-24, 14), textcoords="offset points", color=INK)
    axes.annotate("start", loss.start, (-12, 8), textcoords="offset points", color=INK)
    return figure


def freest(points: np.ndarray, others: list[np.ndarray]) -> tuple[np.ndarray, int]:
    """Return the point of a path that is farthest from the others, and on which side they lack."""
    rest = np.concatenate(others) if others else points[:1]
    gaps = np.linalg.norm(points[:, None] - rest[None], axis=-1)
    far = int(gaps.min(axis=1).argmax())
    nearest = rest[gaps[far].argmin()]
    return points[far], 1 if points[far][1] >= nearest[1] else -1


def losses(names: list[str], options: dict[str, dict]) -> Figure:
    """The loss on the way down the narrow valley, iteration by iteration."""
    mean, _ = functions("ravine")
    walked = walks(names, options, "ravine", 200)
    return curves({name: mean(*points.T) for name, points in walked.items()}, "loss")


def step_lengths(names: list[str], options: dict[str, dict]) -> Figure:
    """How far each step down the narrow valley leads: the effective step size."""
    walked = walks(names, options, "ravine", 200)
    lengths = {
        name: np.linalg.norm(np.diff(points, axis=0), axis=1) for name, points in walked.items()
    }
    return curves(lengths, "length of the step")


# What has arrived would lie infinitely deep on a logarithmic scale.
LEAST = 1e-6


def curves(values: dict[str, np.ndarray], label: str) -> Figure:
    """Draw curves over the iterations, each with its name at its end."""
    figure = Figure(figsize=(6.8, 3.4), layout="constrained")
    axes = figure.add_subplot(xlabel="iteration", ylabel=label, yscale="log")
    for name, values_of in values.items():
        curve = np.maximum(values_of, LEAST)
        axes.plot(curve, color=COLOURS[name], linewidth=2)
        axes.annotate(
            name,
            (len(curve) - 1, curve[-1]),
            (6, 0),
            textcoords="offset points",
            va="center",
            color=COLOURS[name],
            weight="bold",
        )
    return figure


def singular_values(names: list[str], options: dict[str, dict]) -> Figure:
    """What a step makes of a gradient's singular values, by how often it iterates.

    Args:
        names: the optimizers, which have `ns_steps`.
        options: nothing.
    """
    # Of a gradient diag(s, r) with s² + r² = 1, the norm is 1 and the singular values are s and r.
    before = np.geomspace(3e-4, 0.999, 240)
    figure = Figure(figsize=(6.8, 3.6), layout="constrained")
    axes = figure.add_subplot(xscale="log", xlabel="singular value before", ylabel="after")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, which="both")
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
    return figure


def cost(names: list[str], options: dict[str, dict]) -> Figure:
    """How the time of a step of ADOPT grows with the number of parameters, and whose it is."""
    figure = Figure(figsize=(6.8, 4.1), layout="constrained")
    axes = figure.add_subplot(
        xlabel="parameters", ylabel="milliseconds per step", xscale="log", yscale="log"
    )
    grown = {}
    for row in costs.rows("grow"):
        if row["name"] == "ADOPT":
            key = row["by"], row["how"]
            point = row["tensors"] * row["elements"], row["milliseconds"]
            grown.setdefault(key, []).append(point)
    shown = {
        ("here", "fused"): ("this package, one kernel", COLOURS["ADOPT"], "-", -12),
        ("here", "plain"): ("this package, plain", COLOURS["ADOPT"], "--", 0),
        ("torch-adopt", "plain"): ("its authors', plain", INK, "-", 8),
        ("torch-adopt", "foreach"): ("its authors', foreach", INK, "--", 20),
    }
    for key, (label, colour, style, up) in shown.items():
        if key in grown:
            x, y = zip(*grown[key], strict=True)
            axes.plot(x, y, style, color=colour, linewidth=2, marker="o", markersize=4)
            place = {"xy": (x[-1], y[-1]), "xytext": (7, up), "textcoords": "offset points"}
            axes.annotate(label, color=colour, va="center", annotation_clip=False, **place)
    axes.set_xlim(right=axes.get_xlim()[1] * 60)
    return figure


FIGURES = {
    "cost": cost,
    "loss": losses,
    "paths": paths,
    "singular-values": singular_values,
    "step-length": step_lengths,
}


def svg(url: str, names: list[str], description: str) -> str:
    """Draw a figure as SVG for a page.

    Args:
        url: a key of FIGURES, then what is set, for one optimizer or for all, as in
            `paths?AdamW.weight_decay=0.5` or `paths?lr=0.02`.
        names: the optimizers of the page.
        description: what it shows, for those who do not see it.

    Returns:
        An `<svg>` element; the same bytes each time.
    """
    figure, _, query = url.partition("?")
    options: dict[str, dict] = {}
    for key, value in parse_qsl(query):
        name, _, option = key.rpartition(".")
        for one in [name] if name else names:
            options.setdefault(one, {})[option] = float(value)
    return drawn(lambda: FIGURES[figure](names, options), figure, description)


def drawn(draw: Callable[[], Figure], name: str, description: str) -> str:
    """Draw a figure in the site's style, as an `<svg>` element whose ids begin with a name."""
    with mpl.rc_context(STYLE):
        buffer = io.StringIO()
        draw().savefig(buffer, format="svg", metadata={"Date": None})
    return tidy(etree.fromstring(buffer.getvalue()), name, description)


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


class FigureTreeprocessor(Treeprocessor):
    def run(self, root: etree.Element) -> None:
        for parent in root.iter():
            image = parent.find("img")
            if image is None or not image.get("src", "").startswith("figure:"):
                continue
            url, text = image.get("src").removeprefix("figure:"), image.get("alt", "").strip()
            where, name = locate(page_path(self.md), f"](figure:{url}"), url.partition("?")[0]
            if name not in FIGURES:
                raise PageError(f"{where}: no figure `{name}`; there are: {', '.join(FIGURES)}")
            if not text:
                raise PageError(f"{where}: the figure has no text: ![What it shows](figure:{url})")
            parent.clear()
            parent.tag = "figure"
            parent.text = self.md.htmlStash.store(svg(url, self.md.names, text))
            caption = etree.SubElement(parent, "figcaption")
            caption.text = text


class FigureExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        # After inline Markdown (20) made the images, before Persian captions are found (7).
        md.treeprocessors.register(FigureTreeprocessor(md), "figures", 9)


def makeExtension(**kwargs) -> FigureExtension:
    return FigureExtension(**kwargs)
