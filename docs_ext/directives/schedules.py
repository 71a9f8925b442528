"""`::: schedules`: what warm-up, decay and clipping change, as `benchmarks.schedules` found it."""

from typing import Any

import numpy as np
from markdown import Markdown

from optimizers import OPTIMIZERS

from ..locate import ROOT
from ..results import read_results
from .comparison import link
from .sortable import sortable

FILE = ROOT / "benchmarks" / "schedules.json"


def results() -> dict[str, Any]:
    """Return what `python -m benchmarks.schedules` has written."""
    return read_results(FILE)


def rates(optimizer: str) -> list[float]:
    """Return the learning rates that were tried, in rising order."""
    return sorted({run["lr"] for run in results()["runs"] if run["optimizer"] == optimizer})


def ends(optimizer: str, way: str, lr: float) -> list[float]:
    """Return the losses at the end, of each seed; infinite where it was not finite."""
    return [
        np.inf if run["losses"][0] is None else run["losses"][0]
        for run in results()["runs"]
        if (run["optimizer"], run["way"], run["lr"]) == (optimizer, way, lr)
    ]


def median(optimizer: str, way: str, lr: float) -> float:
    """Return the median loss at the end, of all seeds."""
    return float(np.median(ends(optimizer, way, lr)))


def from_the_best(optimizer: str) -> list[float]:
    """Return the best of the constant learning rates, and those that are larger."""
    best = min(rates(optimizer), key=lambda lr: median(optimizer, "constant", lr))
    return [lr for lr in rates(optimizer) if lr >= best]


def schedules(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return the table of losses, from each optimizer's best constant rate up, and its making."""
    ways = list(results()["ways"])
    rows = [
        f"| {link(name, name)} | {lr:g} | {' | '.join(cell(name, way, lr) for way in ways)} |"
        for name in OPTIMIZERS
        if name in results()["settings"]["options"]
        for lr in from_the_best(name)
    ]
    head = [f"| Optimizer | α | {' | '.join(ways)} |", f"| --- | --: |{' --: |' * len(ways)}"]
    return [*sortable([*head, *rows]), "", made()]


def cell(optimizer: str, way: str, lr: float) -> str:
    """Return a median loss to a hundredth."""
    loss = median(optimizer, way, lr)
    return f"{loss:.2f}" if np.isfinite(loss) else "diverges"


def made() -> str:
    """Return how the table was made."""
    found = results()
    settings, made_with = found["settings"], found["made_with"]
    warm_up, clip = found["ways"]["warm-up"]["warm_up"], found["ways"]["clipping"]["clip"]
    return (
        f"The loss at the end, as the median of {settings['seeds']} seeds; for each optimizer from "
        f"its best constant rate up. {settings['steps']} iterations of {settings['batch']} texts "
        f"of {settings['context']} characters. Warm-up takes {warm_up} iterations, decay ends at "
        f"zero, both are straight lines; clipping keeps the gradients' norm at {clip:g} or less. "
        f"Run on {found['date']} by `python -m benchmarks.schedules`: {made_with['machine']}; "
        f"Python {made_with['python']}, torch {made_with['torch']}."
    )
