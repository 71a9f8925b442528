r"""AdaBelief: AdamW that divides by how far the gradients are from their average.

Source: Zhuang et al., "AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed
Gradients", NeurIPS 2020, arXiv 2010.07468, Algorithm 2; weight decay as in the authors' code.

% --8<-- [start:formula]
Initialize: $V_{dw} = 0$, $S_{dw} = 0$, $V_{db} = 0$, $S_{db} = 0$

On iteration $t$: Compute $dW$, $db$ using the current mini-batch.

$W := W - \alpha \lambda W$, $b := b - \alpha \lambda b$ <-- "decoupled weight decay" $\lambda$

$V_{dw} = \beta_1 V_{dw} + (1 - \beta_1) dW$, $V_{db} = \beta_1 V_{db} + (1 - \beta_1) db$ <-- "momentum" $\beta_1$: what is expected

$S_{dw} = \beta_2 S_{dw} + (1 - \beta_2) (dW - V_{dw})^2 + \epsilon$, $S_{db} = \beta_2 S_{db} + (1 - \beta_2) (db - V_{db})^2 + \epsilon$ <-- "disbelief" $\beta_2$: how far the gradient is from that

$V_{dw}^{\text{corrected}} = V_{dw} / (1 - \beta_1^t)$, $V_{db}^{\text{corrected}} = V_{db} / (1 - \beta_1^t)$

$S_{dw}^{\text{corrected}} = S_{dw} / (1 - \beta_2^t)$, $S_{db}^{\text{corrected}} = S_{db} / (1 - \beta_2^t)$

$W := W - \alpha \frac{V_{dw}^{\text{corrected}}}{\sqrt{S_{dw}^{\text{corrected}}} + \epsilon}$, $b := b - \alpha \frac{V_{db}^{\text{corrected}}}{\sqrt{S_{db}^{\text{corrected}}} + \epsilon}$
% --8<-- [end:formula]
"""

from collections.abc import Iterable
from typing import Unpack

import numpy as np
from torch import Tensor

from ._numpy import real_arrays
from ._optimizer import Flags, Optimizer


@real_arrays
# --8<-- [start:step]
def adabelief_step(
    param: np.ndarray,
    grad: np.ndarray,
    state: dict,
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-16,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> tuple[np.ndarray, dict]:
    """One step of AdaBelief on NumPy arrays, out of place.

    The options are those of `AdaBelief`.

    Args:
        param: the parameter, an array of any shape.
        grad: its gradient, of the same shape.
        state: what the last step returned; an empty dict starts.

    Returns:
        The new parameter and the new state.

    Source:
        Zhuang et al. 2020, arXiv 2010.07468, Algorithm 2.

    Example:
        >>> param, state = np.array([1.0, -2.0]), {}
        >>> for grad in ([0.5, 0.1], [0.4, -0.3]):
        ...     param, state = adabelief_step(param, np.array(grad), state, lr=0.1)
        >>> print(param, state["exp_avg"], state["exp_avg_var"])
        [ 0.77369966 -2.05780312] [ 0.085 -0.021] [3.015225e-04 8.593290e-05]
    """
    beta1, beta2 = betas
    step = state.get("step", 0) + 1
    exp_avg = state.get("exp_avg", np.zeros_like(param))
    exp_avg_var = state.get("exp_avg_var", np.zeros_like(param))
    if maximize:
        grad = -grad

    param = param - lr * weight_decay * param  # 1
    exp_avg = beta1 * exp_avg + (1 - beta1) * grad  # 2
    exp_avg_var = beta2 * exp_avg_var + (1 - beta2) * (grad - exp_avg) ** 2 + eps  # 3
    exp_avg_corrected = exp_avg / (1 - beta1**step)  # 4
    exp_avg_var_corrected = exp_avg_var / (1 - beta2**step)  # 5
    param = param - lr * exp_avg_corrected / (np.sqrt(exp_avg_var_corrected) + eps)  # 6
    return param, {"step": step, "exp_avg": exp_avg, "exp_avg_var": exp_avg_var}


# --8<-- [end:step]


class AdaBelief(Optimizer):
    """AdaBelief for PyTorch, with the state of its authors' class; it neither rectifies nor takes a maximum.

    Args:
        params: parameters, named parameters, or groups of either.
        lr: learning rate α, at least 0; as a 0-d tensor it may change under torch.compile.
        betas: decay rates (β₁, β₂) of the average and of the squared distances, each in [0, 1).
        eps: ε, at least 0: added to the squared distances in each step, and to their root.
        weight_decay: λ of the decoupled decay, at least 0; one step shrinks by the factor 1 - αλ.
        maximize: climb instead of descend.
        fused: one kernel for all tensors: None where it pays and can run, True always or an error, False never.
        flags: `foreach`, `capturable`, `differentiable`: refused when set.

    Raises:
        ValueError: an option is out of range or refused, or there are no parameters.
        RuntimeError: a gradient is sparse.

    Source:
        Zhuang et al. 2020, arXiv 2010.07468, Algorithm 2.

    Example:
        >>> import torch
        >>> weight = torch.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = AdaBelief([weight], lr=0.1)
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     (weight**4).sum().backward()
        ...     optimizer.step()
        >>> weight.detach()
        tensor([ 0.6630, -1.6541])
    """

    state_names = ("exp_avg", "exp_avg_var")

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-16,
        weight_decay: float = 0.0,
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
            maximize=maximize,
            fused=fused,
        )
        super().__init__(params, options, flags)

    def update(self, param, grad, state, group):
        (beta1, beta2), lr, step = group["betas"], group["lr"], state["step"]
        exp_avg, exp_avg_var = state["exp_avg"], state["exp_avg_var"]
        param.mul_(1 - lr * group["weight_decay"])
        exp_avg.lerp_(grad, 1 - beta1)
        surprise = grad - exp_avg
        exp_avg_var.mul_(beta2).addcmul_(surprise, surprise, value=1 - beta2).add_(group["eps"])
        denom = exp_avg_var.sqrt().div_((1 - beta2**step) ** 0.5).add_(group["eps"])
        param.addcdiv_(exp_avg, denom, value=-lr / (1 - beta1**step))
