r"""The losses of the laboratory: each is read from LaTeX, and its gradient is derived from that.

`u` and `v` are drawn anew from [0, 1) in each iteration. An optimizer then sees a sample; the map
and the curves show the mean. `c` and `s` are the cosine and the sine of the angle by which a loss
is turned.
"""

import functools
import math
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import sympy

from optimizers.formula import printers
from optimizers.formula.expressions import formulas
from optimizers.formula.source import Math, Source
from optimizers.formula.symbols import Symbol

# The printers ask a rule for the name of a symbol in the code; here it is the symbol itself.
SYMBOLS = {name: Symbol(name, name, "", "", "") for name in ("L", "W", "b", "u", "v", "c", "s")}
RULE = SimpleNamespace(symbols=SYMBOLS)


class Loss(NamedTuple):
    """One loss, and how the laboratory opens with it.

    Args:
        title: its name.
        fa: the same in Persian.
        latex: the loss of one iteration, in the dialect of the formulas.
        mean: its mean over u and v; empty where it uses neither.
        view: what is shown: W from and to, b from and to. Without b, the iterations take b's place.
        start: where all start, before the loss is turned.
        minima: where the mean is least; there it is 0.
        lr: the learning rate to begin with, for all.
        steps: how many iterations to begin with.
        box: a bound on each coordinate, which every step is cut back to; 0 for none.
        angle: by how many degrees it is turned to begin with; None if it cannot be turned.
        options: what else it opens with instead of the optimizers' defaults, by the key of the
            hyper-parameter.
    """

    title: str
    fa: str
    latex: str
    mean: str
    view: tuple[tuple[float, float], ...]
    start: tuple[float, ...]
    minima: tuple[tuple[float, ...], ...]
    lr: float
    steps: int
    box: float = 0
    angle: int | None = None
    options: dict[str, float] = {}  # noqa: RUF012, no loss writes to it


LOSSES = {
    "bowl": Loss(
        "Bowl",
        "کاسه",
        r"L = \frac{W^2 + b^2}{2}",
        "",
        ((-2.4, 2.4), (-1.8, 1.8)),
        (-1.8, 1.3),
        ((0, 0),),
        0.1,
        100,
    ),
    "ravine": Loss(
        "Narrow valley",
        "درهٔ باریک",
        r"L = \frac{(W - 2)^2}{2} + 8 (b - 1)^2",
        "",
        ((-2.4, 2.9), (-0.9, 2.4)),
        (-2.0, 2.0),
        ((2, 1),),
        0.1,
        100,
    ),
    "turned": Loss(
        "Valley that turns",
        "درهٔ چرخان",
        r"L = \frac{(c W + s b)^2}{2} + 8 (c b - s W)^2",
        "",
        ((-2.4, 2.4), (-1.8, 1.8)),
        (-1.6, 0.6),
        ((0, 0),),
        0.1,
        100,
        angle=30,
    ),
    "rosenbrock": Loss(
        "Rosenbrock's valley",
        "درهٔ روزنبروک",
        r"L = (1 - W)^2 + 100 (b - W^2)^2",
        "",
        ((-1.9, 1.9), (-0.8, 2.2)),
        (-1.2, 1.7),
        ((1, 1),),
        0.02,
        500,
    ),
    "beale": Loss(
        "Beale's plateau",
        "فلات بیل",
        r"L = (1.5 - W + W b)^2 + (2.25 - W + W b^2)^2 + (2.625 - W + W b^3)^2",
        "",
        ((-1.0, 4.4), (-1.6, 1.6)),
        (0.5, 1.3),
        ((3, 0.5),),
        0.05,
        300,
    ),
    "saddle": Loss(
        "Saddle",
        "زین",
        r"L = \frac{W^2}{2} + \frac{(b^2 - 1)^2}{4}",
        "",
        ((-2.0, 2.0), (-1.5, 1.5)),
        (-1.7, 0.01),
        ((0, 1), (0, -1)),
        0.05,
        200,
    ),
    "noisy": Loss(
        "Noisy bowl",
        "کاسهٔ نوفه‌دار",
        r"L = \frac{W^2}{2} + 2 b^2 + 6 (u - 0.5) W + 6 (v - 0.5) b",
        r"L = \frac{W^2}{2} + 2 b^2",
        ((-2.4, 2.4), (-1.8, 1.8)),
        (-1.8, 1.3),
        ((0, 0),),
        0.05,
        300,
    ),
    "counterexample": Loss(
        "Where Adam fails",
        "جایی که Adam درمی‌ماند",
        r"L = (45 + 55 \operatorname{sign}(0.1 - u)) (W + 1)",
        r"L = W + 1",
        ((-1.0, 1.0),),
        (0.0,),
        ((-1,),),
        0.003,
        10000,
        box=1,
        options={"betas.1": 0.9},  # with more, Adam goes the right way
    ),
}


@functools.cache
def expression(latex: str) -> sympy.Expr:
    """Read the expression behind `L =`."""
    [formula] = formulas(
        Source(latex, "docs_ext/laboratory/losses.py", 1), Math(latex, 0, ""), SYMBOLS
    )
    return formula.expression


def variables(loss: Loss) -> tuple[str, ...]:
    """Return the variables that the optimizers move: W, or W and b.

    Example:
        >>> variables(LOSSES["bowl"]), variables(LOSSES["counterexample"])
        (('W', 'b'), ('W',))
    """
    return ("W", "b")[: len(loss.start)]


def beginning(loss: Loss) -> tuple[float, ...]:
    """Return where all start, when the loss is turned as far as it opens.

    Example:
        >>> beginning(LOSSES["bowl"]), [round(x, 2) for x in beginning(LOSSES["turned"])]
        ((-1.8, 1.3), [-1.69, -0.28])
    """
    if loss.angle is None:
        return loss.start
    (across, up), (c, s) = loss.start, turn(loss)
    return c * across - s * up, s * across + c * up


def turn(loss: Loss) -> tuple[float, float]:
    """Return the cosine and the sine of the angle by which a loss opens turned."""
    angle = math.radians(loss.angle or 0)
    return math.cos(angle), math.sin(angle)


def printed(loss: Loss, printer: type) -> tuple[str, list[str]]:
    """Print a loss's mean and the gradient of one iteration.

    Args:
        loss: the loss.
        printer: `printers.Python` or `printers.JavaScript`.

    Returns:
        The mean, and the derivative for each variable.

    Example:
        >>> printed(LOSSES["ravine"], printers.Python)
        ('(W - 2)**2/2 + 8*(b - 1)**2', ['-2 + W', '-16 + 16*b'])
    """
    show = printer(RULE).doprint
    sampled = expression(loss.latex).doit()
    slopes = [sympy.diff(sampled, sympy.Symbol(name)) for name in variables(loss)]
    return show(expression(loss.mean or loss.latex)), [show(slope) for slope in slopes]


@functools.cache
def functions(key: str):
    """Return a loss's mean and gradient as functions of W, b, u and v, made from their Python.

    A loss that turns is turned as far as it opens.

    Example:
        >>> mean, gradient = functions("ravine")
        >>> mean(0, 2), gradient(0, 2)
        (10.0, array([-2., 16.]))
    """
    mean, slopes = printed(LOSSES[key], printers.Python)
    bodies = (mean, f"np.array([{', '.join(slopes)}], dtype=float)")
    known = {"np": np} | dict(zip("cs", turn(LOSSES[key]), strict=True))
    return tuple(eval(f"lambda W, b=0, u=0, v=0: {body}", known) for body in bodies)
