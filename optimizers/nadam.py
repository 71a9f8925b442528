r"""NAdam: Adam that looks ahead, as Nesterov's momentum does.

Source: Dozat, "Incorporating Nesterov Momentum into Adam", ICLR 2016 workshop, the algorithm
Nadam; V averaged with a constant β₁, the schedule of μ, which is that of Dozat's report of 2015 by way of
Keras, and weight decay as in torch.optim.

% --8<-- [start:formula]
Initialize: $\Pi = 1$, $V_{dw} = 0$, $S_{dw} = 0$, $V_{db} = 0$, $S_{db} = 0$

On iteration $t$: Compute $dW$, $db$ using the current mini-batch.

$dW := dW + \lambda W$, $db := db + \lambda b$ <-- "L2 regularization" $\lambda$, zero unless you set it

$V_{dw} = \beta_1 V_{dw} + (1 - \beta_1) dW$, $V_{db} = \beta_1 V_{db} + (1 - \beta_1) db$ <-- "momentum" $\beta_1$

$S_{dw} = \beta_2 S_{dw} + (1 - \beta_2) dW^2$, $S_{db} = \beta_2 S_{db} + (1 - \beta_2) db^2$ <-- "RMSprop" $\beta_2$

$\mu^{\text{now}} = \beta_1 (1 - 0.96^{t \psi} / 2)$, $\mu^{\text{next}} = \beta_1 (1 - 0.96^{(t + 1) \psi} / 2)$ <-- shares of momentum, from about $\beta_1 / 2$ to $\beta_1$

$\Pi = \Pi \mu^{\text{now}}$

$V_{dw}^{\text{ahead}} = \frac{\mu^{\text{next}} V_{dw}}{1 - \Pi \mu^{\text{next}}} + \frac{(1 - \mu^{\text{now}}) dW}{1 - \Pi}$, $V_{db}^{\text{ahead}} = \frac{\mu^{\text{next}} V_{db}}{1 - \Pi \mu^{\text{next}}} + \frac{(1 - \mu^{\text{now}}) db}{1 - \Pi}$ <-- "Nesterov"

$S_{dw}^{\text{corrected}} = S_{dw} / (1 - \beta_2^t)$, $S_{db}^{\text{corrected}} = S_{db} / (1 - \beta_2^t)$

$W := W - \alpha \frac{V_{dw}^{\text{ahead}}}{\sqrt{S_{dw}^{\text{corrected}}} + \epsilon}$, $b := b - \alpha \frac{V_{db}^{\text{ahead}}}{\sqrt{S_{db}^{\text{corrected}}} + \epsilon}$
% --8<-- [end:formula]
"""

from collections.abc import Iterable
from typing import ClassVar, Unpack

import numpy as np
from torch import Tensor

from ._numpy import real_arrays
from ._optimizer import Fixed, Flags, Optimizer, number


@real_arrays
# --8<-- [start:step]
def nadam_step(
    param: np.ndarray,
    grad: np.ndarray,
    state: dict,
    *,
    lr: float = 2e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum_decay: float = 4e-3,
    maximize: bool = False,
) -> tuple[np.ndarray, dict]:
    """One step of NAdam on NumPy arrays, out of place.

    The options are those of `NAdam`.

    Args:
        param: the parameter, an array of any shape.
        grad: its gradient, of the same shape.
        state: what the last step returned; an empty dict starts.

    Returns:
        The new parameter and the new state.

    Source:
        Dozat, ICLR 2016 workshop, Nadam.

    Example:
        >>> param, state = np.array([1.0, -2.0]), {}
        >>> for grad in ([0.5, 0.1], [0.4, -0.3]):
        ...     param, state = nadam_step(param, np.array(grad), state, lr=0.1)
        >>> print(param, state["exp_avg"], state["exp_avg_sq"])
        [ 0.82413145 -2.00849825] [ 0.085 -0.021] [4.0975e-04 9.9990e-05]
    """
    beta1, beta2 = betas
    step = state.get("step", 0) + 1
    mu_product = state.get("mu_product", 1.0)
    exp_avg = state.get("exp_avg", np.zeros_like(param))
    exp_avg_sq = state.get("exp_avg_sq", np.zeros_like(param))
    if maximize:
        grad = -grad

    grad = grad + weight_decay * param  # 1
    exp_avg = beta1 * exp_avg + (1 - beta1) * grad  # 2
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad**2  # 3
    mu = beta1 * (1 - 0.96 ** (step * momentum_decay) / 2)  # 4
    mu_next = beta1 * (1 - 0.96 ** ((step + 1) * momentum_decay) / 2)  # 5
    mu_product = mu_product * mu  # 6
    ahead = mu_next * exp_avg / (1 - mu_product * mu_next) + (1 - mu) * grad / (1 - mu_product)  # 7
    exp_avg_sq_corrected = exp_avg_sq / (1 - beta2**step)  # 8
    param = param - lr * ahead / (np.sqrt(exp_avg_sq_corrected) + eps)  # 9
    state = {"mu_product": mu_product, "exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}
    return param, {"step": step, **state}


# --8<-- [end:step]


class NAdam(Optimizer):
    """NAdam for PyTorch, with `torch.optim.NAdam`'s arguments, defaults and state.

    Args:
        params: parameters, named parameters, or groups of either.
        lr: learning rate α, at least 0; as a 0-d tensor it may change under torch.compile.
        betas: decay rates (β₁, β₂) of the two moments, each in [0, 1).
        eps: ε, added to the root of the second moment, at least 0.
        weight_decay: λ of the L2 penalty, at least 0; it passes through both moments.
        momentum_decay: ψ, at least 0: how fast the share of momentum grows to β₁; 0 keeps it at β₁ / 2.
        decoupled_weight_decay: refused when set; torch.optim.NAdam has it.
        maximize: climb instead of descend.
        fused: one kernel for all tensors: None where it pays and can run, True always or an error, False never.
        flags: `foreach`, `capturable`, `differentiable`: refused when set.

    Raises:
        ValueError: an option is out of range or refused, or there are no parameters.
        RuntimeError: a gradient is sparse.

    Source:
        Dozat, ICLR 2016 workshop, Nadam.

    Example:
        >>> import torch
        >>> weight = torch.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = NAdam([weight], lr=0.1)
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     (weight**4).sum().backward()
        ...     optimizer.step()
        >>> weight.detach()
        tensor([ 0.7723, -1.7570])
    """

    state_names = ("exp_avg", "exp_avg_sq")
    fixed: ClassVar = {
        "decoupled_weight_decay": Fixed(False, "use torch.optim.NAdam, which has it"),
    }
    numbers: ClassVar = {"mu_product": 1.0}

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        fused: bool | None = None,
        **flags: Unpack[Flags],
    ) -> None:
        options = dict(
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            momentum_decay=momentum_decay,
            decoupled_weight_decay=decoupled_weight_decay,
            maximize=maximize,
            fused=fused,
        )
        super().__init__(params, options, flags)

    def update(self, param, grad, state, group):
        (beta1, beta2), lr, step = group["betas"], group["lr"], state["step"]
        exp_avg, exp_avg_sq = state["exp_avg"], state["exp_avg_sq"]
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        exp_avg.lerp_(grad, 1 - beta1)
        exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        mu = beta1 * (1 - 0.5 * 0.96 ** (step * group["momentum_decay"]))
        mu_next = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * group["momentum_decay"]))
        mu_product = number(state["mu_product"].mul_(mu))
        denom = exp_avg_sq.div(1 - beta2**step).sqrt_().add_(group["eps"])
        param.addcdiv_(grad, denom, value=-lr * (1 - mu) / (1 - mu_product))
        param.addcdiv_(exp_avg, denom, value=-lr * mu_next / (1 - mu_product * mu_next))
