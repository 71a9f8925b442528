"""`![What it shows](figure:name)`: figures drawn by the package while the site is built.

A figure stands in the page as SVG whose colours are the site's own variables, so one drawing
serves light and dark, and its labels are text.
"""

import io
import re
import xml.etree.ElementTree as etree
from collections.abc import Callable

import matplotlib as mpl
import numpy as np
from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from matplotlib.figure import Figure

from optimizers import OPTIMIZERS

from .source import PageError, locate, page_path

# Colours that stand for the site's variables until `tidy` puts those in.
INK, FAINT = "#010101", "#020202"
HUES = {name: f"#0300{number:02x}" for number, name in enumerate(OPTIMIZERS, 1)}
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
    "axes.prop_cycle": mpl.cycler(color=list(HUES.values())),
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
    points, state = [np.asarray(start, dtype=float)], {}
    for _ in range(steps):
        point, state = OPTIMIZERS[name].step(points[-1], gradient(points[-1]), state, **options)
        points.append(point)
    return np.stack(points)


def adam_paths() -> Figure:
    """Paths of Adam, AdamW and ADOPT into a narrow valley, same start and learning rate."""

    def loss(x, y):
        return 0.5 * (x - 2) ** 2 + 8 * (y - 1) ** 2

    def gradient(point):
        return np.array([point[0] - 2, 16 * (point[1] - 1)])

    figure = Figure(figsize=(6.8, 4.1), layout="constrained")
    axes = figure.add_subplot(xlabel="W", ylabel="b")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    x, y = np.meshgrid(np.linspace(-2.4, 2.9, 120), np.linspace(-0.9, 2.4, 90))
    axes.contour(x, y, loss(x, y), np.geomspace(0.15, 40, 9), colors=FAINT, linewidths=0.8)
    labels = {"Adam": (0, 16), "AdamW": (-10, -24), "ADOPT": (-26, 14)}
    for name, offset in labels.items():
        points = path(name, gradient, (-2.0, 2.0), 60, lr=0.1, **settings(name))
        axes.plot(*points.T, color=HUES[name], linewidth=2, marker="o", markersize=2.6)
        axes.annotate(
            name, points[30], offset, textcoords="offset points", color=HUES[name], weight="bold"
        )
    axes.plot(2, 1, marker="+", markersize=11, color=INK)
    axes.annotate("minimum", (2, 1), (-24, 14), textcoords="offset points", color=INK)
    axes.annotate("start", (-2, 2), (-12, 8), textcoords="offset points", color=INK)
    return figure


def settings(name: str) -> dict:
    """AdamW's decay is strong here, so that the eye can see where it pulls."""
    return {"weight_decay": 0.5} if name == "AdamW" else {}


FIGURES = {"adam-paths": adam_paths}


def svg(name: str, description: str) -> str:
    """Draw a figure as SVG for a page.

    Args:
        name: a key of FIGURES.
        description: what it shows, for those who do not see it.

    Returns:
        An `<svg>` element; the same bytes each time.
    """
    with mpl.rc_context(STYLE):
        buffer = io.StringIO()
        FIGURES[name]().savefig(buffer, format="svg", metadata={"Date": None})
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
            name, text = image.get("src").removeprefix("figure:"), image.get("alt", "").strip()
            where = locate(page_path(self.md), f"](figure:{name}")
            if name not in FIGURES:
                raise PageError(f"{where}: no figure `{name}`; there are: {', '.join(FIGURES)}")
            if not text:
                raise PageError(f"{where}: the figure has no text: ![What it shows](figure:{name})")
            parent.clear()
            parent.tag = "figure"
            parent.text = self.md.htmlStash.store(svg(name, text))
            caption = etree.SubElement(parent, "figcaption")
            caption.text = text


class FigureExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        # After inline Markdown (20) made the images, before Persian captions are found (7).
        md.treeprocessors.register(FigureTreeprocessor(md), "figures", 9)


def makeExtension(**kwargs) -> FigureExtension:
    return FigureExtension(**kwargs)
