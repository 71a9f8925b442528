"""The scripts of the laboratory: those written by hand, and those that the build prints."""

import functools
import json
from pathlib import Path

from optimizers import OPTIMIZERS, rule_of
from optimizers.formula import printers

from ..names import module_name
from .losses import LOSSES, Loss, printed, variables

HERE = Path(__file__).parent
# The files of this folder that pages load, by their addresses.
FILES = {
    "javascripts/lab/draw.js": HERE / "scripts" / "draw.js",
    "javascripts/lab/lab.js": HERE / "scripts" / "lab.js",
    "javascripts/lab/run.js": HERE / "scripts" / "run.js",
    "stylesheets/lab.css": HERE / "laboratory.css",
}


@functools.cache  # a changed module starts the server anew
def printed_scripts() -> dict[str, str]:
    """Return the modules that a build prints: one for each optimizer, and one with the losses.

    Returns:
        The text of each, by its address.

    Example:
        >>> "javascripts/rules/adam.js" in printed_scripts()
        True
    """
    files = {
        f"javascripts/rules/{module_name(name)}.js": rule_of(name).javascript()
        for name in OPTIMIZERS
    }
    lines = [f"  {key}: {loss_script(loss)}," for key, loss in LOSSES.items()]
    files["javascripts/lab/losses.js"] = "\n".join(["export const losses = {", *lines, "};", ""])
    return files


def loss_script(loss: Loss) -> str:
    """Return a loss as a JavaScript object: its functions, and Python that a reader may save."""
    mean, slopes = printed(loss, printers.JavaScript)
    python_mean, python_slopes = printed(loss, printers.Python)
    data = {
        "names": variables(loss),
        "view": loss.view,
        "start": loss.start,
        "minima": loss.minima,
        "lr": loss.lr,
        "steps": loss.steps,
        "box": loss.box,
        "noisy": bool(loss.mean),
        "options": loss.options,
        "angle": loss.angle,
        "python": {"mean": python_mean, "slopes": python_slopes},
    }
    plain = json.dumps(data, separators=(",", ":"))[1:-1]
    at, turn = f"[{', '.join(variables(loss))}]", "" if loss.angle is None else ", [c, s]"
    gradient = f"({at}, [u, v]{turn}) => [{', '.join(slopes)}]"
    return f"{{{plain}, mean: ({at}{turn}) => {mean}, gradient: {gradient}}}"
