"""What training holds in memory for each parameter, and what a step moves.

The script in the browser repeats the last four functions; tests compare the two.
"""

import functools
from typing import NamedTuple

import torch

from optimizers import OPTIMIZERS

# The bytes of a number, by the name of its dtype.
SIZES = {
    str(dtype).removeprefix("torch."): dtype.itemsize
    for dtype in (torch.float32, torch.bfloat16, torch.float16)
}
MASTER = "float32"  # the dtype of master weights
PARTS = ("weights", "master", "gradients", "states")
# The parts of which a device holds its share alone, by the name in the address.
SPLITS = {
    "all": PARTS,
    "gradients": ("master", "gradients", "states"),
    "states": ("master", "states"),
}
PRESETS = {"125 M": 125, "1.3 B": 1_300, "7 B": 7_000, "70 B": 70_000}  # millions
# The least and the most that a reader may ask for.
BOUNDS = {"millions": (0.001, 10_000_000), "shards": (1, 100_000), "bandwidth": (0.1, 1_000_000)}


class Setting(NamedTuple):
    """What is counted.

    Args:
        millions: the parameters, in millions.
        optimizer: its name.
        weights: the dtype of the weights that the model computes with.
        gradients: the dtype of the gradients.
        states: the dtype of the optimizer's states.
        master: whether a float32 copy of weights in half precision is what the optimizer updates.
        shards: the number of devices that share the work.
        split: the parts that they share, a key of `SPLITS`.
        bandwidth: of a device's memory, in units of 10⁹ bytes per second.
    """

    millions: float = 7_000
    optimizer: str = "AdamW"
    weights: str = "bfloat16"
    gradients: str = "bfloat16"
    states: str = "float32"
    master: bool = True
    shards: int = 1
    split: str = "all"
    bandwidth: float = 3_000


# The options of a setting in which all is float32.
FLOAT32 = {"weights": "float32", "gradients": "float32", "master": False}


@functools.cache
def states(name: str, rows: int = 64) -> dict[str, float]:
    """Return how many numbers an optimizer keeps for each parameter, found by taking a step.

    Args:
        name: the optimizer.
        rows: of the matrix of 4,096 numbers that it moves.

    Returns:
        The count by the name of the state; a state that is one number for a whole tensor is left
        out.

    Example:
        >>> states("Adam"), states("Gradient Descent")
        ({'exp_avg': 1.0, 'exp_avg_sq': 1.0}, {})
    """
    weight = torch.ones(rows, 4096 // rows, requires_grad=True)
    weight.grad = torch.ones_like(weight)
    optimizer = OPTIMIZERS[name].optimizer([weight], lr=1e-3)
    optimizer.step()
    return {
        key: value.numel() / weight.numel()
        for key, value in optimizer.state[weight].items()
        if value.dim() > 0
    }


def offered() -> list[str]:
    """Return the optimizers whose state grows with the parameters alone, whatever their shapes."""
    return [name for name in OPTIMIZERS if states(name) == states(name, 128)]


def needs_master(weights: str) -> bool:
    """Say whether weights of a dtype can have a more exact copy."""
    return SIZES[weights] < SIZES[MASTER]


def held(setting: Setting) -> dict[str, float]:
    """Return the bytes of each part for each parameter.

    Example:
        >>> held(Setting())
        {'weights': 2, 'master': 4, 'gradients': 2, 'states': 8.0}
    """
    return {
        "weights": SIZES[setting.weights],
        "master": SIZES[MASTER] if setting.master and needs_master(setting.weights) else 0,
        "gradients": SIZES[setting.gradients],
        "states": SIZES[setting.states] * sum(states(setting.optimizer).values()),
    }


def share(setting: Setting) -> int:
    """Return the parameters of a device's share: whole ones, so that the first may have one more.

    Example:
        >>> share(Setting(millions=0.01, shards=3))
        3334
    """
    return -(-round(1e6 * setting.millions) // setting.shards)


def on_each_device(setting: Setting) -> dict[str, float]:
    """Return the bytes of each part on the device that holds most.

    Example:
        >>> sum(on_each_device(Setting(millions=1)).values())
        16000000.0
    """
    whole, shared = round(1e6 * setting.millions), SPLITS[setting.split]
    return {
        part: size * (share(setting) if part in shared else whole)
        for part, size in held(setting).items()
    }


def moved(setting: Setting) -> float:
    """Return the bytes for each parameter that a step has to read and to write.

    It reads the gradient; it reads and writes the states and the weights, or their master copy
    instead, from which it then writes the weights.

    Example:
        >>> moved(Setting(**FLOAT32))
        28.0
    """
    size = held(setting)
    weights = 2 * size["master"] + size["weights"] if size["master"] else 2 * size["weights"]
    return weights + size["gradients"] + 2 * size["states"]


def seconds(setting: Setting) -> float:
    """Return the time in which a device can move the bytes of its share, at the least.

    Example:
        >>> seconds(Setting(bandwidth=28, **FLOAT32))
        7.0
    """
    return moved(setting) * share(setting) / (1e9 * setting.bandwidth)
