"""`::: schedules`: what warm-up, decay and clipping change, as `benchmarks.schedules` found it."""

import functools
import json
from typing import Any

import numpy as np
from markdown import Markdown

from optimizers import OPTIMIZERS

from ..locate import ROOT
from .comparison import link

FILE = ROOT / "benchmarks" / "schedules.json"


@functools.cache
def results() -> dict[str, Any]:
    """Return what `python -m benchmarks.schedules` has written."""
    return json.loads(FILE.read_text(encoding="utf-8"))


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


def best(optimizer: str, way: str) -> tuple[float, float]:
    """Return the lowest median loss of an optimizer in a way of training, and its rate."""
    return min((float(np.median(ends(optimizer, way, lr))), lr) for lr in rates(optimizer))


def schedules(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return the table of the best loss of each optimizer in each way, and how it was made."""
    ways = list(results()["ways"])
    rows = [
        f"| {link(name, name)} | {' | '.join(cell(name, way) for way in ways)} |"
        for name in OPTIMIZERS
        if name in results()["settings"]["options"]
    ]
    head = [f"| Optimizer | {' | '.join(ways)} |", f"| --- |{' --: |' * len(ways)}"]
    return [*head, *rows, "", made()]


def made() -> str:
    """Return how the table was made."""
    found = results()
    settings, made_with = found["settings"], found["made_with"]
    warm_up, clip = found["ways"]["warm-up"]["warm_up"], found["ways"]["clipping"]["clip"]
    return (
        "Each cell is the lowest median loss of all learning rates tried, and its rate; "
        f"{settings['seeds']} seeds, {settings['steps']} iterations of {settings['batch']} texts "
        f"of {settings['context']} characters. Warm-up takes {warm_up} iterations, decay ends at "
        f"zero, both are straight lines; clipping keeps the gradients' norm at {clip:g} or less. "
        f"Run on {found['date']} by `python -m benchmarks.schedules`: {made_with['machine']}; "
        f"Python {made_with['python']}, torch {made_with['torch']}."
    )


def cell(optimizer: str, way: str) -> str:
    loss, lr = best(optimizer, way)
    return f"{loss:.2f} at {lr:g}"
