"""The figures that pages can have: each is drawn by the package, with a table of its numbers."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from optimizers import OPTIMIZERS, rule_of

from ..directives import costs
from ..laboratory.losses import LOSSES, beginning, functions
from . import labels
from .svg import COLOURS, FAINT, INK
from .tables import LEAST, Table, by_iteration, two_digits


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
        point, grad = points[-1].reshape(shape), gradient(points[-1]).reshape(shape)
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
            beginning(loss),
            steps,
            **{"lr": loss.lr} | options.get(name, {}),
        )
        for name in names
    }


def axis_label(value: float, _: int) -> str:
    """Return a number at an axis in one piece; a power of ten is two, which overlap if enlarged."""
    # A power that is computed may be a hair off.
    rounded = float(f"{value:.2g}")
    return f"{value:,.0f}" if value >= 1 else np.format_float_positional(rounded, trim="-")


def paths(
    names: list[str],
    options: dict[str, dict],
    loss: str = "ravine",
    steps: int = 60,
    start: str = "start",
    minimum: str = "minimum",
) -> tuple[Figure, Table]:
    """Draw paths down a loss of the laboratory, all from one start and with one learning rate.

    Args:
        names: the optimizers.
        options: hyper-parameters of some of them, by name.
        loss: the loss, one that has b.
        steps: how many steps to take.
        start: what the start is called.
        minimum: what a minimum is called.
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
    labels.beside_paths(
        axes, {name: (points, COLOURS[name]) for name, points in walked.items()}, said
    )
    places = {
        name: [f"{x:z.2f}, {y:z.2f}".replace("-", "−") for x, y in points]
        for name, points in walked.items()
    }
    return figure, by_iteration(places)


def losses(names: list[str], options: dict[str, dict]) -> tuple[Figure, Table]:
    """Draw the loss on the way down the narrow valley, iteration by iteration."""
    mean, _ = functions("ravine")
    walked = walks(names, options, "ravine", 200)
    return curves({name: mean(*points.T) for name, points in walked.items()}, "loss")


def step_lengths(names: list[str], options: dict[str, dict]) -> tuple[Figure, Table]:
    """Draw how far each step down the narrow valley leads: the effective step size."""
    walked = walks(names, options, "ravine", 200)
    lengths = {
        name: np.linalg.norm(np.diff(points, axis=0), axis=1) for name, points in walked.items()
    }
    return curves(lengths, "length of the step", first=1)


def curves(values: dict[str, np.ndarray], label: str, first: int = 0) -> tuple[Figure, Table]:
    """Draw curves over the iterations from the first on, each with its name at its end."""
    figure = Figure(figsize=(6.8, 3.4), layout="constrained")
    axes = figure.add_subplot(xlabel="iteration", ylabel=label, yscale="log")
    axes.yaxis.set_major_formatter(axis_label)
    ends = {}
    for name, values_of in values.items():
        curve = np.maximum(values_of, LEAST)
        iterations = range(first, first + len(curve))
        axes.plot(iterations, curve, color=COLOURS[name], linewidth=2)
        ends[name] = ((iterations[-1], curve[-1]), COLOURS[name])
    labels.at_ends(axes, ends)
    cells = {name: [two_digits(value) for value in values_of] for name, values_of in values.items()}
    return figure, by_iteration(cells, first)


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
    "loss": Drawing(losses, "the loss at some iterations"),
    "paths": Drawing(paths, "W, b at some iterations"),
    "singular-values": Drawing(
        singular_values, "a singular value before, and after so many iterations", option="ns_steps"
    ),
    "step-length": Drawing(step_lengths, "the length of some steps"),
}
