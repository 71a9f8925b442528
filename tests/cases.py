"""What shared tests have to know about each optimizer: settings of its options, and a witness.

Every hyper-parameter has at least two settings besides its default. The keywords suit both the
NumPy step and the PyTorch class.
"""

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


# Somebody else's implementation of the same algorithm, on the same keywords. Their paths over
# single tensors: the official class's foreach path is wrong for a late first gradient.
WITNESSES = {
    "Adam": partial(torch.optim.Adam, foreach=False),
    "AdamW": partial(torch.optim.AdamW, foreach=False),
    "ADOPT": partial(OfficialADOPT, foreach=False),
}
