"""The figures that pages can have: each is drawn by the package, with a table of its numbers."""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from optimizers import OPTIMIZERS

from ..directives import costs
from ..laboratory.losses import LOSSES, beginning, functions
from . import labels
from .curves import axis_label, losses, memory, rare, start, step_lengths, trained, turned
from .svg import COLOURS, FAINT, INK
from .tables import Table, by_iteration, two_digits
from .walks import walks


def paths(
    names: list[str],
    options: dict[str, dict],
    loss: str = "ravine",
    steps: int = 60,
    start: str = "start",
    minimum: str = "minimum",
    uphill: str = "",
) -> tuple[Figure, Table]:
    """Draw paths down a loss of the laboratory, all from one start and with one learning rate.

    Args:
        names: the optimizers.
        options: hyper-parameters of some of them, by name.
        loss: the loss, one that has b.
        steps: how many steps to take.
        start: what the start is called.
        minimum: what a minimum is called.
        uphill: what an arrow from the start against the first step is called, which then takes the
            place of the start's name; empty where none is drawn.
    """
    shown, (mean, _) = LOSSES[loss], functions(loss)
    figure = Figure(figsize=(6.8, 4.1), layout="constrained")
    axes = figure.add_subplot(xlabel="W", ylabel="b")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    walked = walks(names, options, loss, steps)
    (left, right), (low, high) = shown.view
    right = max(right, *(points[:, 0].max() + 0.3 for points in walked.values()))
    x, y = np.meshgrid(np.linspace(left, right, 90), np.linspace(low, high, 68))
    height = mean(x, y)
    levels = np.geomspace(height.max() / 200, height.max(), 9)
    axes.contour(x, y, height, levels, colors=FAINT, linewidths=0.8)
    for name, points in walked.items():
        axes.plot(*points.T, color=COLOURS[name], linewidth=2, marker="o", markersize=2.6)
    said = [(start, beginning(shown), INK)]
    said += [(minimum, place, INK) for place in shown.minima]
    for place in shown.minima:
        axes.plot(*place, marker="+", markersize=11, color=INK)
    if uphill:
        first = walked[names[0]]
        tip = first[0] + first[0] - first[1]
        arrow(axes, first[0], tip, INK, 0.1)
        said[0] = (uphill, tuple(tip), INK)
    labels.beside_paths(
        axes, {name: (points, COLOURS[name]) for name, points in walked.items()}, said
    )
    places = {
        name: [f"{x:z.2f}, {y:z.2f}".replace("-", "−") for x, y in points]
        for name, points in walked.items()
    }
    return figure, by_iteration(places)


def arrow(axes: Axes, begin: np.ndarray, end: np.ndarray, colour: str, head: float) -> None:
    """Draw an arrow from a point to another, with a head of a size."""
    look = {"head_width": head, "head_length": 1.2 * head, "length_includes_head": True}
    axes.arrow(*begin, *(end - begin), color=colour, linewidth=1.2, zorder=3, **look)


def gradient(names: list[str], options: dict[str, dict]) -> tuple[Figure, Table]:
    """Draw gradient descent's first steps down the narrow valley, and the first gradient."""
    return paths(names, options, steps=8, uphill="gradient times α")


def look_ahead(names: list[str], options: dict[str, dict]) -> tuple[Figure, Table]:
    """Draw two steps from one point: how far they roll on, and what the gradient adds.

    Args:
        names: Momentum and Nesterov.
        options: nothing.
    """
    (mean, slope), lr = functions("ravine"), 0.02
    share = OPTIMIZERS["Momentum"].step.__kwdefaults__["momentum"]
    place, state = np.array(beginning(LOSSES["ravine"])), {}
    for _ in range(2):
        place, state = OPTIMIZERS["Momentum"].step(place, slope(*place), state, lr=lr)
    walked: dict[str, list[np.ndarray]] = {name: [place] for name in names}
    for name, points in walked.items():
        # Nesterov's W is the point that momentum alone leads to.
        ahead = -lr * share * state["momentum_buffer"]
        here, kept = (place + ahead if name == "Nesterov" else place), state
        for _ in range(2):
            rolled = -lr * share * kept["momentum_buffer"]
            points.append(points[-1] + rolled)
            here, kept = OPTIMIZERS[name].step(here, slope(*here), kept, lr=lr)
            rolls = -lr * share * kept["momentum_buffer"]
            points.append(here - rolls if name == "Nesterov" else here)
    figure = Figure(figsize=(6.8, 4.1), layout="constrained")
    axes = figure.add_subplot(xlabel="W", ylabel="b")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    x, y = np.meshgrid(np.linspace(-2.2, -0.5, 60), np.linspace(0.15, 1.3, 60))
    axes.contour(x, y, mean(x, y), 10, colors=FAINT, linewidths=0.8)
    for name, points in walked.items():
        axes.plot(*np.array(points).T, color=COLOURS[name], linewidth=1)
        for begin, end in itertools.pairwise(points):
            arrow(axes, begin, end, COLOURS[name], 0.03)
    drawn = {name: (np.array(points), COLOURS[name]) for name, points in walked.items()}
    labels.beside_paths(axes, drawn, [("both begin", tuple(place), INK)])
    rows = zip(range(5), *walked.values(), strict=True)
    cells = [[str(t), *(f"{x:z.3f}, {y:z.3f}".replace("-", "−") for x, y in at)] for t, *at in rows]
    return figure, [["Arrow", *names], *cells]


def singular_values(names: list[str], options: dict[str, dict]) -> tuple[Figure, Table]:
    """Draw the singular values after a step over those before, by how often the step iterates.

    Args:
        names: the optimizers, which have `ns_steps`.
        options: nothing.
    """
    # A gradient diag(s, r) with s² + r² = 1 has the norm 1 and the singular values s and r.
    before = np.geomspace(10**-3.5, 1, 211)
    table = [["Before"], *([two_digits(s)] for s in before[::30])]
    figure = Figure(figsize=(6.8, 3.6), layout="constrained")
    axes = figure.add_subplot(xscale="log", xlabel="singular value before", ylabel="after")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, which="both")
    axes.xaxis.set_major_formatter(axis_label)
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
    """Draw how the time of a step of ADOPT grows with the parameters, for several programs."""
    figure = Figure(figsize=(6.8, 4.1), layout="constrained")
    axes = figure.add_subplot(
        xlabel="parameters", ylabel="milliseconds per step", xscale="log", yscale="log"
    )
    axes.yaxis.set_major_formatter(axis_label)
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
                row.append(two_digits(grown[key][size]))
    # To the right of what was measured there is room for the names only.
    axes.set_xlim(right=axes.get_xlim()[1] * 60)
    axes.set_xticks(sizes, minor=False)
    axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter(EngFormatter(sep="\N{NO-BREAK SPACE}"))
    return figure, table


class Drawing(NamedTuple):
    """One kind of figure.

    Args:
        draw: takes the optimizers and their options, and returns the figure and its table.
        shows: what the table shows.
        names: the optimizers that it draws; empty where those of the page are drawn.
        option: what each optimizer that it draws has to have.
    """

    draw: Callable
    shows: str
    names: tuple[str, ...] = ()
    option: str = ""


FIGURES = {
    "cost": Drawing(cost, "milliseconds per step, by number of parameters", names=("ADOPT",)),
    "gradient": Drawing(gradient, "W, b at some iterations", ("Gradient Descent",)),
    "look-ahead": Drawing(look_ahead, "W, b after each arrow", ("Momentum", "Nesterov")),
    "loss": Drawing(losses, "the loss at some iterations"),
    "memory": Drawing(memory, "what a gradient counts for, so many iterations later", ("Adam",)),
    "paths": Drawing(paths, "W, b at some iterations"),
    "rare": Drawing(rare, "the weight at some iterations", ("Adam", "AMSGrad")),
    "singular-values": Drawing(
        singular_values, "a singular value before, and after so many iterations", option="ns_steps"
    ),
    "start": Drawing(start, "what Adam keeps at some iterations", ("Adam",)),
    "step-length": Drawing(step_lengths, "the length of some steps"),
    "trained": Drawing(trained, "the loss at the end, by learning rate", ("AdamW",)),
    "turned": Drawing(
        turned, "the loss at the end, by learning rate", ("Adam", "Momentum", "Muon")
    ),
}
