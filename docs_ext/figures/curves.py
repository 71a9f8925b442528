"""Figures made of curves: over the iterations, over a learning rate, over how long ago it was."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from optimizers import OPTIMIZERS, adam_step

from ..directives import schedules
from ..laboratory.losses import LOSSES, functions
from . import labels
from .svg import COLOURS, INK
from .tables import LEAST, Table, by_iteration, two_digits
from .walks import path, walks


def axis_label(value: float, _: int) -> str:
    """Return a number at an axis in one piece; a power of ten is two, which overlap if enlarged."""
    # A power that is computed may be a hair off.
    rounded = float(f"{value:.2g}")
    return f"{value:,.0f}" if value >= 1 else np.format_float_positional(rounded, trim="-")


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


def over(
    label: str,
    values: dict[str, np.ndarray],
    at: np.ndarray,
    shown: list[float],
    xlabel: str,
    cell: Callable[[float], str] | None = None,
    yscale: str = "linear",
) -> tuple[Figure, Axes, Table]:
    """Draw curves over something else than the iterations, and leave the labels to the caller.

    Args:
        label: what the curves show.
        values: by name, the curve.
        at: where each point of a curve stands, positive and growing.
        shown: which of these places the table has.
        xlabel: what the places are.
        cell: writes a value into the table; two significant digits if not given.
        yscale: "linear" or "log".
    """
    figure = Figure(figsize=(6.8, 3.6), layout="constrained")
    axes = figure.add_subplot(xlabel=xlabel, ylabel=label, xscale="log", yscale=yscale)
    axes.xaxis.set_major_formatter(axis_label)
    if yscale == "log":
        axes.yaxis.set_major_formatter(axis_label)
    for curve in values.values():
        axes.plot(at, curve, color=INK, linewidth=1.2)
    table = [[xlabel[0].upper() + xlabel[1:], *values]]
    for place in shown:
        nearest = int(np.abs(at - place).argmin())
        cells = [(cell or signed)(curve[nearest]) for curve in values.values()]
        table.append([axis_label(at[nearest], 0), *cells])
    return figure, axes, table


def signed(value: float) -> str:
    """Return a number that may be negative, as a table shows it.

    Example:
        >>> signed(-0.512), signed(0.0123)
        ('−0.51', '0.012')
    """
    return f"{value:.2f}".replace("-", "−") if value < 0 else two_digits(value)


def beside(axes: Axes, text: str, at: tuple[float, float], away: tuple[float, float], **look):
    """Write the name of a curve beside one of its points, so many points away."""
    axes.annotate(text, at, away, textcoords="offset points", weight="bold", **look)


BETAS = (0.9, 0.99, 0.999, 0.9999)


def memory(names: list[str], options: dict[str, dict]) -> tuple[Figure, Table]:
    """Draw how much a gradient of the past counts in the average that Adam's first moment is.

    Args:
        names: Adam, whose own two betas are drawn thick.
        options: nothing.
    """
    betas, own = np.array(BETAS), OPTIMIZERS["Adam"].step.__kwdefaults__["betas"]
    ago = 30_000
    # One gradient, and then none: what is left of it is what it counts for.
    weight, state, shares = np.zeros(len(betas)), {}, np.empty((ago, len(betas)))
    for t in range(ago):
        grad = np.full(len(betas), float(t == 0))
        weight, state = adam_step(weight, grad, state, betas=(betas, 0.999))
        shares[t] = state["exp_avg"]
    values = {f"β = {beta}": shares[:, k] for k, beta in enumerate(BETAS)}
    at, shown = np.arange(1, ago + 1), [1, 10, 30, 100, 1000, 3000, 10_000, ago]
    figure, axes, table = over(
        "share of the average V", values, at, shown, "iterations ago", yscale="log"
    )
    axes.set(ylim=(LEAST, 0.3), xlabel="iterations ago (1 is the newest)")
    for (name, curve), beta, line in zip(values.items(), BETAS, axes.lines, strict=True):
        line.set_ydata(np.maximum(curve, LEAST))
        if beta in own:
            line.set(color=COLOURS["Adam"], linewidth=2.5)
        remembered = round(1 / (1 - beta))
        axes.plot(remembered, curve[remembered - 1], "o", color=line.get_color(), markersize=6)
        beside(axes, name, (1, curve[0]), (4, 5), color=line.get_color())
    return figure, table


def start(names: list[str], options: dict[str, dict]) -> tuple[Figure, Table]:
    """Draw Adam's steps along one and the same gradient, with the correction and without.

    Args:
        names: Adam.
        options: nothing.
    """
    steps, lr, (weight, state) = 3000, 1e-3, (0.0, {})
    step, first, root = np.empty((3, steps))
    for t in range(steps):
        before, (weight, state) = weight, adam_step(weight, np.float64(1), state, lr=lr)
        step[t] = (before - weight) / lr
        first[t], root[t] = state["exp_avg"], np.sqrt(state["exp_avg_sq"])
    values = {"Adam": step, "V": first, "√S": root, "V / √S": first / root}
    at, shown = np.arange(1, steps + 1), [1, 2, 10, 30, 100, 1000, steps]
    figure, axes, table = over(
        "times its value in the end", values, at, shown, "iteration", yscale="log"
    )
    axes.lines[0].set(color=COLOURS["Adam"], linewidth=2.5)
    beside(axes, "Adam", (1, 1), (4, 6), color=COLOURS["Adam"])
    beside(axes, "V", (3, first[2]), (-5, 6), color=INK, ha="right")
    beside(axes, "√S", (10, root[9]), (6, -12), color=INK)
    beside(axes, "V / √S", (12, (first / root)[11]), (0, 6), color=INK, ha="center")
    return figure, table


def turned(names: list[str], options: dict[str, dict], steps: int = 40) -> tuple[Figure, Table]:
    """Draw how far optimizers come in a valley along the axes, and in the same valley turned.

    Args:
        names: the optimizers.
        options: nothing.
        steps: how many steps to take.
    """
    rates = np.array([0.01, 0.014, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.12, 0.14, 0.17, 0.2])
    ends = {
        f"{name}{words}": np.array([loss_when_turned(name, lr, angle, steps) for lr in rates])
        for angle, words in ((0, ""), (45, ", turned by 45°"))
        for name in names
    }
    shown = [0.01, 0.02, 0.05, 0.1, 0.2]
    figure, axes, table = over(
        f"loss after {steps} steps", ends, rates, shown, "learning rate", yscale="log"
    )
    axes.set_xticks(shown)
    axes.set_xticks([], minor=True)
    named = {}
    for name, line in zip(ends, axes.lines, strict=True):
        optimizer = name.partition(",")[0]
        line.set(color=COLOURS[optimizer], linewidth=2, marker="o", markersize=3)
        if optimizer != name:
            line.set_linestyle((0, (3, 2)))
        if name.startswith("Adam,") or optimizer == name:
            # The angle would reach beyond a phone's edge.
            label = name.removesuffix(" by 45°")
            named[label] = ((rates[-1], ends[name][-1]), COLOURS[optimizer])
    labels.at_ends(axes, named)
    return figure, table


def loss_when_turned(name: str, lr: float, angle: float, steps: int = 40) -> float:
    """Return the loss that an optimizer reaches in the narrow valley, turned by so many degrees.

    Example:
        >>> [round(loss_when_turned("Adam", 0.1, angle), 3) for angle in (0, 45)]
        [0.293, 1.742]
    """
    (mean, gradient), valley = functions("ravine"), LOSSES["ravine"]
    (centre,), angle = valley.minima, np.radians(angle)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    def straight(point: np.ndarray) -> np.ndarray:
        return turn.T @ point + centre

    begin = turn @ (np.array(valley.start) - centre)
    walked = path(name, lambda p: turn @ gradient(*straight(p)), tuple(begin), steps, lr=lr)
    return float(mean(*straight(walked[-1])))


def rare(names: list[str], options: dict[str, dict]) -> tuple[Figure, Table]:
    """Draw the weight where a large gradient is rare, as a mean of 20 walks.

    Args:
        names: the optimizers.
        options: hyper-parameters of some of them, by name.
    """
    loss, (_, gradient), steps = LOSSES["counterexample"], functions("counterexample"), 30_000
    drawn = np.random.default_rng(0).random((steps, 20))
    grads = gradient(0.0, u=drawn)[0]
    weights = {}
    for name in names:
        given = {"lr": loss.lr} | options.get(name, {})
        weight, state, walked = np.zeros(20), {}, np.empty(steps)
        for t, grad in enumerate(grads):
            weight, state = OPTIMIZERS[name].step(weight, grad, state, **given)
            weight = np.clip(weight, -loss.box, loss.box)
            walked[t] = weight.mean()
        weights[name] = walked
    shown = [10, 100, 1000, 3000, 10_000, steps]
    marks = np.union1d(np.geomspace(10, steps, 120).astype(int), shown)
    values = {name: walked[marks - 1] for name, walked in weights.items()}
    figure, axes, table = over("weight", values, marks, shown, "iteration")
    axes.set(ylim=(-1.1, 1.1), yticks=[-1, 0, 1])
    for name, line in zip(names, axes.lines, strict=True):
        line.set(color=COLOURS[name], linewidth=2)
    labels.at_ends(axes, {n: ((marks[-1], v[-1]), COLOURS[n]) for n, v in values.items()})
    return figure, table


def trained(names: list[str], options: dict[str, dict]) -> tuple[Figure, Table]:
    """Draw what a small transformer ends with, over the learning rate, for each way of training.

    Args:
        names: one optimizer, as `benchmarks.schedules` ran it.
        options: nothing.
    """
    (name,) = names
    rates = np.array(schedules.rates(name))
    values = {
        way: np.array([schedules.median(name, way, lr) for lr in rates])
        for way in schedules.results()["ways"]
    }
    figure, axes, table = over(
        "loss at the end", values, rates, list(rates), "learning rate", "{:.2f}".format
    )
    axes.set_xticks(rates)
    axes.set_xticks([], minor=True)
    ends = {}
    for (way, curve), line in zip(values.items(), axes.lines, strict=True):
        colour = COLOURS[name] if way == "all three" else INK
        line.set(color=colour, marker="o", markersize=3)
        ends[way] = ((rates[-1], curve[-1]), colour)
    labels.at_ends(axes, ends)
    return figure, table
