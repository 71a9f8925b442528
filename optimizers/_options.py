"""The options of the optimizers: one literal table.

A new option is one row here, and a row in `formula/symbols.py` if a formula has a symbol for it.
From the row follow how bad values are refused, the option's slider in the laboratory, and the
values that tests try.

Example:
    >>> check({"lr": 1e-3, "betas": (0.9, 1.0)})
    Traceback (most recent call last):
    ValueError: Invalid beta parameter at index 1: 1.0
"""

import math
from typing import Any, NamedTuple

from torch import Tensor


class Option(NamedTuple):
    """One row of the table.

    Args:
        name: the keyword.
        kind: "number", at least 0 and finite; "rate", a number of at most 1; "rates", two or three
            numbers below 1; "flag"; "other", which its class checks; or "fixed", an option of
            torch.optim that tells algorithms apart, and has one value in each class here.
        refusal: what is said of a bad value, in torch.optim's words where it has the option.
        slider: how the laboratory's slider runs; empty to let it follow from the default.
        tries: values that tests try, the most different from each other and the default first;
            empty to let them follow from the default. Of several numbers an optimizer takes as many
            as it has.
    """

    name: str
    kind: str
    refusal: str = ""
    slider: dict[str, Any] = {}  # noqa: RUF012, no row writes to it
    tries: tuple = ()


# Evenly in the logarithm of 1 - β, from 0 to 0.9999.
DECAY = {"scale": "decay", "max": 4}

# fmt: off
OPTIONS = (
    Option("lr", "number", "Invalid learning rate: {}", {"scale": "log", "min": 1e-4, "max": 10}, (0.05, 0.02, 0.3, 0.0)),
    Option("betas", "rates", "Invalid beta parameter at index {}: {}", DECAY, ((0.5, 0.9, 0.8), (0.0, 0.99, 0.95), (0.2, 0.7, 0.4))),
    Option("eps", "number", "Invalid epsilon value: {}", {"scale": "log", "min": 1e-10, "max": 1}, (1e-3, 0.3, 0.05)),
    Option("weight_decay", "number", "Invalid weight_decay value: {}", {"scale": "log", "min": 1e-4, "max": 1}, (0.1, 0.5, 0.05, 1.0, 0.0)),
    Option("momentum", "number", "Invalid momentum value: {}", DECAY, (0.5, 0.8, 0.99)),
    Option("alpha", "rate", "Invalid alpha value: {}", DECAY),
    Option("rho", "rate", "Invalid rho value: {}", DECAY),
    Option("lr_decay", "number", "Invalid lr_decay value: {}"),
    Option("initial_accumulator_value", "number", "Invalid initial_accumulator_value value: {}"),
    Option("momentum_decay", "number", "Invalid momentum_decay value: {}", tries=(0.5, 0.05, 3.0)),
    Option("trust_coefficient", "number", "Invalid trust_coefficient value: {}", {"scale": "log", "min": 1e-4, "max": 1}, (0.1, 0.5, 0.02)),
    # At the end of the slider nothing is clipped.
    Option("clip_exp", "number", "Invalid clip_exp value: {}", {"scale": "linear", "min": 0, "max": 1, "none": True}, (0.5, None, 0.0)),
    Option("etas", "other", slider={"scale": "linear", "min": 0.1, "max": 2}, tries=((0.3, 1.5), (0.8, 1.1), (0.1, 3.0))),
    Option("step_sizes", "other", slider={"scale": "log", "min": 1e-6, "max": 100}, tries=((0.01, 0.5), (0.0, 0.1), (1e-3, 5.0))),
    Option("ns_coefficients", "other"),
    Option("ns_steps", "other"),
    Option("decouple", "flag"),
    Option("maximize", "flag"),
    Option("amsgrad", "fixed"),
    Option("decoupled_weight_decay", "fixed"),
    Option("dampening", "fixed"),
    Option("nesterov", "fixed"),
    Option("centered", "fixed"),
    Option("adjust_lr_fn", "fixed"),
    Option("always_adapt", "fixed"),
)
# fmt: on


def check(options: dict[str, Any], refusals: dict[str, str] | None = None, rates: int = 2) -> None:
    """Refuse what no optimizer can use.

    Args:
        options: some of an optimizer's options; names that are not in the table are passed over.
        refusals: what to say instead of the table's words, by name.
        rates: how many numbers `betas` is.

    Raises:
        ValueError: an option is negative, infinite or NaN, or a rate is too large, or `betas` is
            not as many floats.
    """
    for option in OPTIONS:
        if option.name not in options:
            continue
        value = options[option.name]
        refusal = (refusals or {}).get(option.name, option.refusal)
        if option.name == "lr" and isinstance(value, Tensor) and value.numel() != 1:
            raise ValueError(f"Tensor lr must be 1-element: {value}")
        if option.kind == "rates":
            check_rates(option.name, value, refusal, rates)
        elif option.kind in ("number", "rate") and not (value is None and None in option.tries):
            # Infinity passes `0 <= value`, yet one step with it turns parameters into NaN. So does
            # a rate beyond 1, with which an average of squares falls below zero.
            in_range = 0.0 <= value <= 1 if option.kind == "rate" else 0.0 <= value < math.inf
            if not in_range:
                raise ValueError(refusal.format(value))


def check_rates(name: str, rates: Any, refusal: str, count: int) -> None:
    """Refuse what is not so many numbers in [0, 1)."""
    try:
        found = tuple(rates)
    except TypeError:
        found = ()
    if len(found) != count:
        raise ValueError(f"{name} must be {count} floats: {rates}")
    if any(isinstance(rate, Tensor) for rate in found):
        raise ValueError(f"{name} must be floats: {rates}")
    for index, rate in enumerate(found):
        if not 0.0 <= rate < 1.0:
            raise ValueError(refusal.format(index, rate))
