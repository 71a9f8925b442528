"""`::: how-others-write-it`: Adam in other libraries; torch's column is found by running torch."""

import inspect
import math
from importlib.metadata import version

import torch
from markdown import Markdown

# Where each was read, in which version and on which day.
READ = "read on 28 November 2026"
KERAS = "https://github.com/keras-team/keras/blob/v3.15.1/keras/src/optimizers"
OPTAX = "https://github.com/google-deepmind/optax/blob/v0.2.8/optax/_src"
MLX = "https://github.com/ml-explore/mlx/blob/v0.32.4/python/mlx/optimizers"
SOURCES = {
    "Keras 3.15.1": f"[adam.py]({KERAS}/adam.py), [adamw.py]({KERAS}/adamw.py), {READ}",
    "optax 0.2.8": f"[alias.py]({OPTAX}/alias.py), {READ}",
    "MLX 0.32.4": f"[optimizers.py]({MLX}/optimizers.py), {READ}",
}
OUTSIDE = "added to the root, after bias correction"
HAT = r"added to the root, before bias correction: the paper's $\hat\epsilon$"
# As their sources stood in these versions.
ROWS = {
    r"$\epsilon$": [HAT, OUTSIDE + "; a second one, 0, inside", OUTSIDE + " where there is one"],
    "Bias correction": ["always", "always", "off unless `bias_correction=True`"],
    "`weight_decay` of Adam": ["decoupled", "none", "none"],
    "`weight_decay` of AdamW": ["times the learning rate"] * 3,
    "Default lr": ["0.001", "none, must be given", "none, must be given"],
    "Default betas": ["0.9, 0.999"] * 3,
    r"Default $\epsilon$": ["1e-07", "1e-08", "1e-08"],
    r"Default $\lambda$ of AdamW": ["0.004", "0.0001", "0.01"],
}


def how_others_write_it(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return the table of libraries: one row per choice, torch's column measured."""
    table = [
        f"| Choice | torch | {' | '.join(SOURCES)} |",
        f"| --- | --- |{' --- |' * len(SOURCES)}",
    ]
    for (row, choices), measured in zip(ROWS.items(), torch_column(), strict=True):
        table.append(f"| {row} | {measured} | {' | '.join(choices)} |")
    run = f"torch {version('torch').partition('+')[0]}, run for this page"
    table.append(f"| Source | {run} | {' | '.join(SOURCES.values())} |")
    return table


def torch_column() -> list[str]:
    """Find out what torch does, in the order of ROWS.

    Example:
        >>> torch_column()[1:4]
        ['always', 'L2 penalty', 'times the learning rate']
    """
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(torch.optim.Adam).parameters.items()
    }
    decay = inspect.signature(torch.optim.AdamW).parameters["weight_decay"].default
    betas = ", ".join(map(str, defaults["betas"]))
    shown = [str(defaults["lr"]), betas, str(defaults["eps"]), str(decay)]
    return [epsilon(), bias_correction(), adam_decay(), adamw_decay(), *shown]


def moved(optimizer_class, weight: float, grads: list[float], **options) -> float:
    """Return how far a weight moves in the last of some steps."""
    param = torch.tensor(weight, dtype=torch.float64, requires_grad=True)
    optimizer = optimizer_class([param], **options)
    for grad in grads:
        before = param.item()
        param.grad = torch.tensor(grad, dtype=torch.float64)
        optimizer.step()
    return param.item() - before


def which(found: float, candidates: dict[str, float]) -> str:
    """Return the name of the only candidate that was found."""
    names = [name for name, value in candidates.items() if math.isclose(found, value)]
    if len(names) != 1:
        raise AssertionError(f"torch does something new: {found}, not one of {candidates}")
    return names[0]


def epsilon() -> str:
    """Return where torch's Adam adds ε."""
    # One step from zero, with β₁ = 0.5 and β₂ = 0.75: both moments are corrected to dW and dW².
    found = moved(torch.optim.Adam, 0.0, [0.2], lr=0.1, betas=(0.5, 0.75), eps=0.3)
    candidates = {
        OUTSIDE: -0.1 * 0.2 / (0.2 + 0.3),
        HAT: -0.1 * 0.2 * 0.5 / (0.2 * 0.5 + 0.3),
        "inside the root": -0.1 * 0.2 / math.sqrt(0.2**2 + 0.3),
    }
    return which(found, candidates)


def bias_correction() -> str:
    """Return when torch's Adam corrects the bias."""
    found = moved(torch.optim.Adam, 0.0, [0.2], lr=0.1, betas=(0.75, 0.75), eps=0.0)
    return which(found, {"always": -0.1, "never": -0.1 * 0.25 / math.sqrt(0.25)})


def adam_decay() -> str:
    """Return how torch's Adam decays."""
    # No gradient but the decay's: an L2 penalty makes a whole step of it, as Adam does of any.
    found = moved(torch.optim.Adam, 5.0, [0.0], lr=0.1, weight_decay=0.01, eps=0.0)
    return which(found, {"L2 penalty": -0.1, "decoupled": -0.1 * 0.01 * 5.0, "none": 0.0})


def adamw_decay() -> str:
    """Return what the decay of torch's AdamW is multiplied by."""
    found = moved(torch.optim.AdamW, 5.0, [0.0], lr=0.1, weight_decay=0.01)
    return which(found, {"times the learning rate": -0.1 * 0.01 * 5.0, "alone": -0.01 * 5.0})
