"""What shared tests have to know about each optimizer: settings, witness, steps by hand.

A new optimizer needs no entry here: its settings follow from the signature of its NumPy step, its
witness is the class of torch.optim that has its name. Without one, its steps are worked by hand.
"""

import inspect
import math
import warnings
from functools import partial
from unittest import mock

import adopt
import torch

from optimizers import OPTIMIZERS, rule_of
from optimizers._kernels.printing import printed
from optimizers._options import OPTIONS
from optimizers.formula import NoKernel

# What moves matrices only, as its formula says.
MATRICES = {name for name in OPTIMIZERS if rule_of(name).matrix}

# What to try for an option, by its name.
VALUES = {option.name: list(option.tries) for option in OPTIONS if option.tries}


def values(option, default):
    """Values of an option besides its default: those of the table, else by the default's type.

    Example:
        >>> values("rho", 0.9), values("nesterov", False), values("bound", None)
        ([0.45, 0.7, 0.2], [True], [0.5, 0.25, 2.0])
    """
    if isinstance(default, bool):
        return [not default]
    if option in VALUES:
        return [value for value in as_many(VALUES[option], default) if value != default]
    if isinstance(default, tuple):
        return [tuple(beta * scale for beta in default) for scale in (0.9, 0.8, 0.95)]
    if default is None:
        return [0.5, 0.25, 2.0]
    if isinstance(default, int):
        return [default + 1, default + 2, default + 3]
    if isinstance(default, float):
        # Within the range that the default is in.
        return [default / 2, 0.7, 0.2] if 0 < default < 1 else [default + 0.5, default + 0.25, 2.0]
    raise TypeError(f"optimizers/_options.py: say in `tries` what to try for {option}={default!r}")


def as_many(several, default):
    """Values with as many numbers as the default has: cut, or with the last one again.

    Example:
        >>> as_many([(0.5, 0.9, 0.8)], (0.9, 0.999)), as_many([0.5, (0.9, 1.0)], (0.98, 0.92, 0.99))
        ([(0.5, 0.9)], [0.5, (0.9, 1.0, 1.0)])
    """
    if not isinstance(default, tuple):
        return list(several)
    count = len(default)
    return [
        (*value, *value[-1:] * count)[:count] if isinstance(value, tuple) and value else value
        for value in several
    ]


def shape_for(name, shape):
    """A shape as it is, or for an optimizer of matrices as rows and columns.

    Example:
        >>> shape_for("Adam", (2, 3, 4)), shape_for("Muon", (2, 3, 4)), shape_for("Muon", ())
        ((2, 3, 4), (6, 4), (1, 1))
    """
    if name not in MATRICES:
        return shape
    *rows, columns = (1, 1, *shape)[-max(len(shape), 2) :]
    return math.prod(rows), columns


def takes(name, param):
    """Whether an optimizer takes a parameter."""
    return takes_dtype(name, param.dtype) and shape_for(name, param.shape) == param.shape


def takes_dtype(name, dtype):
    """Whether an optimizer takes parameters of a dtype; those of matrices are real."""
    return name not in MATRICES or not dtype.is_complex


def defaults_of(name):
    """The options of an optimizer and their defaults, from the signature of its NumPy step."""
    parameters = inspect.signature(OPTIMIZERS[name].step).parameters.values()
    return {
        parameter.name: parameter.default
        for parameter in parameters
        if parameter.default is not parameter.empty
    }


def at_once(name, place, flip):
    """All options off their defaults at once; those that are true or false if they are flipped."""
    options = {}
    for option, default in defaults_of(name).items():
        if flip or not isinstance(default, bool):
            several = values(option, default)
            options[option] = several[min(place, len(several) - 1)]
    return options


def settings_of(name):
    """Every value of every option, each flag with weight decay and alone, and all at once."""
    defaults = defaults_of(name)
    settings = [{}, *RICH[name], FAR[name]]
    for option, default in defaults.items():
        settings += [{option: value} for value in values(option, default)]
        if isinstance(default, bool) and "weight_decay" in defaults:
            settings += [{option: not default, "weight_decay": decay} for decay in (0.1, 1.0)]
    return settings


def having(name, **options):
    """Those of some options that an optimizer has."""
    return {
        option: as_many([options[option]], default)[0]
        for option, default in defaults_of(name).items()
        if option in options
    }


def has_kernel(name):
    """Whether a formula can be computed one element at a time."""
    try:
        return bool(printed(rule_of(name)))
    except NoKernel:
        return False


# The two settings that show the most, for what need not be tried with all; and one far from both.
RICH = {name: [at_once(name, 0, False), at_once(name, 1, True)] for name in OPTIMIZERS}
FAR = {name: {**at_once(name, 2, False), **having(name, lr=0.3)} for name in OPTIMIZERS}
# At least two settings of every option besides its default, for the NumPy step and for the class.
SETTINGS = {name: settings_of(name) for name in OPTIMIZERS}


class OfficialADOPT(adopt.ADOPT):
    """The authors' class, which gets its exponent as ours does."""

    def __init__(self, params, *args, clip_exp=0.25, **options):
        clip = None if clip_exp is None else lambda step: step**clip_exp
        super().__init__(params, *args, clip_lambda=clip, **options)

    def step(self, closure=None):
        with warnings.catch_warnings():
            # torch 2.13 deprecates two names that torch-adopt 0.1.0 calls.
            warnings.simplefilter("ignore")
            return super().step(closure)


class PublishedLion(torch.optim.Optimizer):
    """Algorithm 2 of arXiv 2302.06675 line by line: decay and step in one, as it is printed."""

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0, maximize=False):
        options = dict(lr=lr, betas=betas, weight_decay=weight_decay, maximize=maximize)
        super().__init__(params, options)

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for theta in (param for param in group["params"] if param.grad is not None):
                g, state = -theta.grad if group["maximize"] else theta.grad, self.state[theta]
                m = state.get("exp_avg", torch.zeros_like(theta))
                c = beta1 * m + (1 - beta1) * g
                theta -= group["lr"] * (c.sign() + group["weight_decay"] * theta)
                state["exp_avg"] = beta2 * m + (1 - beta2) * g


class PublishedSignum(torch.optim.Optimizer):
    """Algorithm 2 of arXiv 1802.04434 line by line, on a gradient with the L2 penalty in it."""

    def __init__(self, params, lr=1e-4, momentum=0.9, weight_decay=0.0, maximize=False):
        options = dict(lr=lr, momentum=momentum, weight_decay=weight_decay, maximize=maximize)
        super().__init__(params, options)

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta = group["momentum"]
            for x in (param for param in group["params"] if param.grad is not None):
                g = (-x.grad if group["maximize"] else x.grad) + group["weight_decay"] * x
                m = beta * self.state[x].get("exp_avg", torch.zeros_like(x)) + (1 - beta) * g
                x -= group["lr"] * m.sign()
                self.state[x]["exp_avg"] = m


class PublishedAdaBelief(torch.optim.Optimizer):
    """Algorithm 2 of arXiv 2010.07468 line by line, after the decay of its authors' code."""

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-16,
        weight_decay=0.0,
        maximize=False,
    ):
        options = dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize)
        super().__init__(params, options)

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            alpha, (beta1, beta2), eps = group["lr"], group["betas"], group["eps"]
            for theta in (one for one in group["params"] if one.grad is not None):
                g, state = -theta.grad if group["maximize"] else theta.grad, self.state[theta]
                theta *= 1 - alpha * group["weight_decay"]
                zero = torch.zeros_like(theta)
                t = state["step"] = state.get("step", torch.tensor(0.0)) + 1
                m = state["exp_avg"] = beta1 * state.get("exp_avg", zero) + (1 - beta1) * g
                s = beta2 * state.get("exp_avg_var", zero) + (1 - beta2) * (g - m) ** 2 + eps
                state["exp_avg_var"] = s
                m_hat, s_hat = m / (1 - beta1 ** t.item()), s / (1 - beta2 ** t.item())
                theta -= alpha * m_hat / (s_hat.sqrt() + eps)


class PublishedAdan(torch.optim.Optimizer):
    """Algorithm 1 of arXiv 2208.06677, whose β are 1 - ours, corrected as in its authors' code."""

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.98, 0.92, 0.99),
        eps=1e-8,
        weight_decay=0.0,
        maximize=False,
    ):
        options = dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize)
        super().__init__(params, options)

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            eta, (beta1, beta2, beta3) = group["lr"], (1 - beta for beta in group["betas"])
            for theta in (one for one in group["params"] if one.grad is not None):
                g, state = -theta.grad if group["maximize"] else theta.grad, self.state[theta]
                zero = torch.zeros_like(theta)
                k = state["step"] = state.get("step", torch.tensor(0.0)) + 1
                change = g - state.get("pre_grad", g)
                m = (1 - beta1) * state.get("exp_avg", zero) + beta1 * g
                v = (1 - beta2) * state.get("exp_avg_diff", zero) + beta2 * change
                n = (1 - beta3) * state.get("exp_avg_sq", zero)
                n += beta3 * (g + (1 - beta2) * change) ** 2
                state.update(exp_avg=m, exp_avg_diff=v, exp_avg_sq=n, pre_grad=g.clone())
                m, v, n = (
                    one / (1 - (1 - beta) ** k.item())
                    for one, beta in ((m, beta1), (v, beta2), (n, beta3))
                )
                eta_k = eta / (n.sqrt() + group["eps"])
                moved = theta - eta_k * (m + (1 - beta2) * v)
                theta.copy_(moved / (1 + group["weight_decay"] * eta))


class PublishedLAMB(torch.optim.Optimizer):
    """Algorithm 2 of arXiv 1904.00962 line by line, a tensor as a layer."""

    def __init__(
        self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.01, maximize=False
    ):
        options = dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize)
        super().__init__(params, options | {"always_adapt": True})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            eta, (beta1, beta2), decay = group["lr"], group["betas"], group["weight_decay"]
            for x in (one for one in group["params"] if one.grad is not None):
                g, state = -x.grad if group["maximize"] else x.grad, self.state[x]
                zero = torch.zeros_like(x)
                t = state["step"] = state.get("step", torch.tensor(0.0)) + 1
                m = state["exp_avg"] = beta1 * state.get("exp_avg", zero) + (1 - beta1) * g
                v = beta2 * state.get("exp_avg_sq", zero) + (1 - beta2) * g**2
                state["exp_avg_sq"] = v
                m, v = m / (1 - beta1 ** t.item()), v / (1 - beta2 ** t.item())
                r = m / (v.sqrt() + group["eps"]) + decay * x
                phi, length = (x**2).sum().sqrt().item(), (r**2).sum().sqrt().item()
                x -= eta * (phi / length if phi and length else 1.0) * r


class PublishedLARS(torch.optim.Optimizer):
    """Algorithm 1 of arXiv 1708.03888 line by line, with η in λ, a tensor as a layer."""

    def __init__(
        self,
        params,
        lr=1.0,
        momentum=0.9,
        weight_decay=0.0,
        trust_coefficient=1e-3,
        maximize=False,
    ):
        options = dict(lr=lr, momentum=momentum, weight_decay=weight_decay, maximize=maximize)
        super().__init__(params, options | {"trust_coefficient": trust_coefficient})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            gamma, beta = group["lr"], group["weight_decay"]
            for w in (one for one in group["params"] if one.grad is not None):
                g, state = -w.grad if group["maximize"] else w.grad, self.state[w]
                size, slope = (w**2).sum().sqrt().item(), (g**2).sum().sqrt().item()
                local = group["trust_coefficient"] * size / (slope + beta * size) if slope else 1.0
                v = group["momentum"] * state.get("momentum_buffer", torch.zeros_like(w))
                v += gamma * (local if size else 1.0) * (g + beta * w)
                state["momentum_buffer"] = v
                w -= v


class PreciseNAdam(torch.optim.NAdam):
    """torch's class, which would keep `mu_product` in float32 for a parameter in float64, too."""

    def _init_group(self, group, params, grads, exp_avgs, exp_avg_sqs, mu_products, steps):
        lists = (grads, exp_avgs, exp_avg_sqs, mu_products, steps)
        has_complex = super()._init_group(group, params, *lists)
        for i, param in enumerate(params):
            dtype = torch.promote_types(param.dtype, torch.float32).to_real()
            mu_products[i] = self.state[param]["mu_product"] = mu_products[i].to(dtype)
        return has_complex


class ExactMuon(torch.optim.Muon):
    """torch's class without its rounding to bfloat16, and with `maximize`, which it lacks."""

    def __init__(self, params, *args, maximize=False, **options):
        super().__init__(params, *args, **options)
        for group in self.param_groups:
            group["maximize"] = maximize

    def step(self):
        climbed = [
            param
            for group in self.param_groups
            for param in group["params"]
            if group["maximize"] and param.grad is not None
        ]
        for param in climbed:
            param.grad = -param.grad
        with mock.patch.object(torch.Tensor, "bfloat16", torch.Tensor.clone):
            super().step()
        for param in climbed:
            param.grad = -param.grad


# Whose arguments, defaults and state an optimizer has, unless torch.optim has a class of its name;
# an option that is set here belongs to the algorithm.
THEIRS = {
    "Gradient Descent": partial(torch.optim.SGD, momentum=0),
    "Momentum": partial(torch.optim.SGD, momentum=0.9),
    "Nesterov": partial(torch.optim.SGD, momentum=0.9, nesterov=True),
    "Muon": partial(torch.optim.Muon, nesterov=True),
    "ADOPT": adopt.ADOPT,
    "AMSGrad": partial(torch.optim.Adam, amsgrad=True),
}


def original_of(name):
    """The class, or the class with some options set, that an optimizer is modelled on; or None."""
    return THEIRS.get(name) or getattr(torch.optim, OPTIMIZERS[name].optimizer.__name__, None)


def arguments_of(original):
    """What may be given to an original, by name."""
    fixed = getattr(original, "keywords", {})
    parameters = inspect.signature(original).parameters
    return {key: values for key, values in parameters.items() if fixed.get(key) is not True}


ORIGINALS = {name: original_of(name) for name in OPTIMIZERS if original_of(name)}

# Somebody else's implementation of the same algorithm, on the same keywords. Their paths over
# single tensors: the official class's foreach path is wrong for a late first gradient.
OURS = {adopt.ADOPT: OfficialADOPT, torch.optim.NAdam: PreciseNAdam}
WITNESSES = {
    name: partial(OURS.get(original, original), foreach=False)
    for name, original in ORIGINALS.items()
    if "foreach" in arguments_of(original)
}
# Nobody's class, but the authors' pseudo-code.
PUBLISHED = {
    "Lion": PublishedLion,
    "Signum": PublishedSignum,
    "AdaBelief": PublishedAdaBelief,
    "Adan": PublishedAdan,
    "LAMB": PublishedLAMB,
    "LARS": PublishedLARS,
}
WITNESSES |= PUBLISHED | {"Muon": ExactMuon}
# The witnesses whose numbers are the class's to the last bit; these compute in another order.
REORDERED = {"AdaBelief", "Adan", "LAMB", "LARS"}
EXACT = {name: witness for name, witness in WITNESSES.items() if name not in REORDERED}

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
    "Lion": (
        {"lr": 0.1, "betas": (0.5, 0.75), "weight_decay": 0.2},
        [0.4, -0.2, -0.05],
        {  # W shrinks by 0.98 each time. First V = 0: the sign of 0.2 is 1, and V = 0.25 · 0.4.
            # Then 0.5 · 0.1 - 0.5 · 0.2 = -0.05: -1, V = 0.75 · 0.1 - 0.25 · 0.2 = 0.025.
            # Then 0.5 · 0.025 - 0.5 · 0.05 < 0: -1, where the sign of V itself would be 1.
            "exp_avg": 0.75 * 0.025 - 0.25 * 0.05,
            "param": ((0.98 - 0.1) * 0.98 + 0.1) * 0.98 + 0.1,
        },
    ),
    "Signum": (
        {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.2},
        [0.4, -1.58],
        {  # dW = 0.6, V = 0.3, W = 0.9. Then dW = -1.58 + 0.18 = -1.4, V = 0.15 - 0.7 < 0.
            "exp_avg": 0.15 - 0.7,
            "param": 1 - 0.1 + 0.1,
        },
    ),
    "AdaBelief": (
        {"lr": 0.1, "betas": (0.5, 0.75), "eps": 0.01, "weight_decay": 0.2},
        [0.4, 0.8],
        {  # V = 0.2, S = 0.25 · 0.2² + 0.01 = 0.02, corrected 0.4 and 0.08.
            # Then V = 0.1 + 0.4 = 0.5, S = 0.015 + 0.25 · 0.3² + 0.01 = 0.0475.
            "exp_avg": 0.5,
            "exp_avg_var": 0.0475,
            "param": (0.98 - 0.1 * 0.4 / (0.08**0.5 + 0.01)) * 0.98
            - 0.1 * (0.5 / 0.75) / ((0.0475 / 0.4375) ** 0.5 + 0.01),
        },
    ),
    "Adan": (
        {"lr": 0.1, "betas": (0.5, 0.75, 0.5), "eps": 0.1, "weight_decay": 2.0},
        [0.4, -0.4],
        {  # First no change: V = 0.2, D = 0, S = 0.08, corrected 0.4 and 0.16: the step is 0.08.
            # Then the change is -0.8: V = 0.1 - 0.2, D = -0.2, S = 0.04 + 0.5 · (0.4 + 0.6)².
            "exp_avg": -0.1,
            "exp_avg_diff": -0.2,
            "exp_avg_sq": 0.54,
            "pre_grad": -0.4,
            "param": (0.92 / 1.2 + 0.1 * (0.1 / 0.75 + 0.75 * 0.2 / 0.4375) / (0.72**0.5 + 0.1))
            / 1.2,
        },
    ),
    "LAMB": (
        {"lr": 0.1, "betas": (0.5, 0.75), "eps": 0.1, "weight_decay": 0.2},
        [0.4, -0.1],
        {  # First Δ = 0.4 / 0.5 + 0.2 = 1 is as long as W = 1: W = 0.9. Then V = 0.05, S = 0.0325,
            # and a step is as long as a tenth of W, with the sign of Δ, which is 1.
            "exp_avg": 0.05,
            "exp_avg_sq": 0.0325,
            "param": 0.9 - 0.1 * 0.9,
        },
    ),
    "LARS": (
        {"lr": 0.5, "momentum": 0.5, "weight_decay": 0.2, "trust_coefficient": 0.3},
        [0.4, 0.0],
        {  # r = 0.3 · 1 / (0.4 + 0.2) = 0.5, dW = 0.6: V = 0.15, W = 0.85. Then r = 1, dW = 0.17.
            "momentum_buffer": 0.075 + 0.085,
            "param": 0.85 - 0.16,
        },
    ),
    "Rprop": (
        {"lr": 0.1, "etas": (0.5, 1.5), "step_sizes": (0.08, 0.12)},
        [0.4, 0.2, -0.3, -0.5],
        {  # The step sizes are 0.1, 0.12 for 0.15, 0.08 for 0.06, and 0.08 again, for the gradient
            # that had changed its sign counts as 0: no step then, and no comparison afterwards.
            "prev": -0.5,
            "step_size": 0.08,
            "param": 1 - 0.1 - 0.12 + 0.08,
        },
    ),
}
