"""What shared tests have to know about each optimizer: settings, witness, steps by hand."""

import warnings
from functools import partial

import adopt
import torch

COMMON = [
    {},
    {"lr": 0.05},
    {"lr": 0.0},
    {"betas": (0.5, 0.9)},
    {"betas": (0.0, 0.99)},
    {"eps": 1e-3},
    {"eps": 0.3},
    {"weight_decay": 0.1},
    {"weight_decay": 0.5, "lr": 0.02},
    {"maximize": True},
    {"maximize": True, "weight_decay": 0.1},
]

# At least two settings of every option besides its default, for the NumPy step and for the class.
SETTINGS: dict[str, list[dict]] = {
    "Adam": COMMON,
    "AdamW": [*COMMON, {"weight_decay": 0.0}],
    "ADOPT": [
        *COMMON,
        {"decouple": True},
        {"decouple": True, "weight_decay": 0.1},
        {"decouple": True, "weight_decay": 0.1, "maximize": True},
        {"clip_exp": None},
        {"clip_exp": 0.0},
        {"clip_exp": 0.5, "betas": (0.9, 0.5)},
        {"clip_exp": None, "decouple": True, "weight_decay": 0.5, "lr": 0.02},
    ],
}


class OfficialADOPT(adopt.ADOPT):
    """The authors' class, told its exponent as ours is."""

    def __init__(self, params, *args, clip_exp=0.25, **options):
        clip = None if clip_exp is None else lambda step: step**clip_exp
        super().__init__(params, *args, clip_lambda=clip, **options)

    def step(self, closure=None):
        with warnings.catch_warnings():
            # torch 2.13 deprecates two names that torch-adopt 0.1.0 calls.
            warnings.simplefilter("ignore")
            return super().step(closure)


# Whose arguments, defaults and state ours has.
ORIGINALS = {"Adam": torch.optim.Adam, "AdamW": torch.optim.AdamW, "ADOPT": adopt.ADOPT}

# Somebody else's implementation of the same algorithm, on the same keywords. Their paths over
# single tensors: the official class's foreach path is wrong for a late first gradient.
WITNESSES = {
    "Adam": partial(torch.optim.Adam, foreach=False),
    "AdamW": partial(torch.optim.AdamW, foreach=False),
    "ADOPT": partial(OfficialADOPT, foreach=False),
}

# Steps from the parameter 1.0, worked by hand: options, gradients, then what must come out.
BY_HAND = {
    "Adam": (
        {"lr": 0.1, "betas": (0.5, 0.75), "eps": 0.1, "weight_decay": 0.2},
        [0.3],
        {  # dW = 0.3 + 0.2 · 1 = 0.5
            "exp_avg": 0.5 * 0.5,
            "exp_avg_sq": 0.25 * 0.25,
            "param": 1 - 0.1 * 0.5 / (0.5 + 0.1),
        },
    ),
    "AdamW": (
        {"lr": 0.1, "betas": (0.5, 0.75), "eps": 0.1, "weight_decay": 0.2},
        [0.5],
        {  # W = 1 - 0.1 · 0.2 · 1 = 0.98 before anything else
            "exp_avg": 0.5 * 0.5,
            "exp_avg_sq": 0.25 * 0.25,
            "param": 0.98 - 0.1 * 0.5 / (0.5 + 0.1),
        },
    ),
    "ADOPT": (
        {"lr": 0.1, "betas": (0.5, 0.75), "clip_exp": 0.5},
        [0.5, 2.0, -0.9],
        {  # S = 0.25. Then t = 1: 2 / 0.5 is clipped to 1, V = 0.5, W = 0.95,
            # S = 0.75 · 0.25 + 0.25 · 4 = 1.1875. Then t = 2: the bound √2 does not bind.
            "exp_avg": 0.5 * 0.5 + 0.5 * -0.9 / 1.1875**0.5,
            "exp_avg_sq": 0.75 * 1.1875 + 0.25 * 0.81,
            "param": 0.95 - 0.1 * (0.25 - 0.45 / 1.1875**0.5),
        },
    ),
}
