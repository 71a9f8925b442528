r"""Adam: momentum and RMSprop together, both corrected for their start at zero.

Source: Kingma & Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, arXiv 1412.6980, Algorithm 1; $\lambda$, which the paper does not have, as in torch.optim.Adam.

% --8<-- [start:formula]
Initialize: $V_{dw} = 0$, $S_{dw} = 0$, $V_{db} = 0$, $S_{db} = 0$

On iteration $t$: Compute $dW$, $db$ using the current mini-batch.

$dW := dW + \lambda W$, $db := db + \lambda b$ <-- "L2 regularization" $\lambda$, zero unless you set it

$V_{dw} = \beta_1 V_{dw} + (1 - \beta_1) dW$, $V_{db} = \beta_1 V_{db} + (1 - \beta_1) db$ <-- "momentum" $\beta_1$

$S_{dw} = \beta_2 S_{dw} + (1 - \beta_2) dW^2$, $S_{db} = \beta_2 S_{db} + (1 - \beta_2) db^2$ <-- "RMSprop" $\beta_2$

$V_{dw}^{\text{corrected}} = V_{dw} / (1 - \beta_1^t)$, $V_{db}^{\text{corrected}} = V_{db} / (1 - \beta_1^t)$

$S_{dw}^{\text{corrected}} = S_{dw} / (1 - \beta_2^t)$, $S_{db}^{\text{corrected}} = S_{db} / (1 - \beta_2^t)$

$W := W - \alpha \frac{V_{dw}^{\text{corrected}}}{\sqrt{S_{dw}^{\text{corrected}}} + \epsilon}$, $b := b - \alpha \frac{V_{db}^{\text{corrected}}}{\sqrt{S_{db}^{\text{corrected}}} + \epsilon}$
% --8<-- [end:formula]
"""

from collections.abc import Iterable
from typing import ClassVar, Unpack

import numpy as np
from torch import Tensor

from ._numpy import real_arrays
from ._optimizer import Fixed, Flags, Optimizer


@real_arrays
# --8<-- [start:step]
def adam_step(
    param: np.ndarray,
    grad: np.ndarray,
    state: dict,
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> tuple[np.ndarray, dict]:
    """One step of Adam on NumPy arrays, out of place.

    The options are those of `Adam`.

    Args:
        param: the parameter, an array of any shape.
        grad: its gradient, of the same shape.
        state: what the last step returned; an empty dict starts.

    Returns:
        The new parameter and the new state.

    Source:
        Kingma & Ba, arXiv 1412.6980, Algorithm 1.

    Example:
        >>> param, state = np.array([1.0, -2.0]), {}
        >>> for grad in ([0.5, 0.1], [0.4, -0.3]):
        ...     param, state = adam_step(param, np.array(grad), state, lr=0.1)
        >>> print(param, state["exp_avg"], state["exp_avg_sq"])
        [ 0.80118742 -2.05058101] [ 0.085 -0.021] [4.0975e-04 9.9990e-05]
    """
    beta1, beta2 = betas
    step = state.get("step", 0) + 1
    exp_avg = state.get("exp_avg", np.zeros_like(param))
    exp_avg_sq = state.get("exp_avg_sq", np.zeros_like(param))
    if maximize:
        grad = -grad

    grad = grad + weight_decay * param  # 1
    exp_avg = beta1 * exp_avg + (1 - beta1) * grad  # 2
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad**2  # 3
    exp_avg_corrected = exp_avg / (1 - beta1**step)  # 4
    exp_avg_sq_corrected = exp_avg_sq / (1 - beta2**step)  # 5
    param = param - lr * exp_avg_corrected / (np.sqrt(exp_avg_sq_corrected) + eps)  # 6
    return param, {"step": step, "exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}


# --8<-- [end:step]


class Adam(Optimizer):
    """Adam for PyTorch, with `torch.optim.Adam`'s arguments, defaults and state.

    Args:
        params: parameters, named parameters, or groups of either.
        lr: learning rate α, at least 0; as a 0-d tensor it may change under torch.compile.
        betas: decay rates (β₁, β₂) of the two moments, each in [0, 1).
        eps: ε, added to the root of the second moment, at least 0.
        weight_decay: λ of the L2 penalty, at least 0; it passes through both moments.
        amsgrad: refused when set; use AMSGrad.
        maximize: climb instead of descend.
        fused: one kernel for all tensors: None where it pays and can run, True always or an error, False never.
        decoupled_weight_decay: refused when set; use AdamW.
        flags: `foreach`, `capturable`, `differentiable`: refused when set.

    Raises:
        ValueError: an option is out of range or refused, or there are no parameters.
        RuntimeError: a gradient is sparse.

    Source:
        Kingma & Ba, arXiv 1412.6980, Algorithm 1.

    Example:
        >>> import torch
        >>> weight = torch.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = Adam([weight], lr=0.1)
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     (weight**4).sum().backward()
        ...     optimizer.step()
        >>> weight.detach()
        tensor([ 0.7075, -1.7026])
    """

    state_names = ("exp_avg", "exp_avg_sq")
    fixed: ClassVar = {
        "amsgrad": Fixed(False, "use AMSGrad"),
        "decoupled_weight_decay": Fixed(False, "use AdamW"),
    }

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
        **flags: Unpack[Flags],
    ) -> None:
        options = dict(
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            amsgrad=amsgrad,
            maximize=maximize,
            fused=fused,
            decoupled_weight_decay=decoupled_weight_decay,
        )
        super().__init__(params, options, flags)

    def update(self, param, grad, state, group):
        (beta1, beta2), lr, step = group["betas"], group["lr"], state["step"]
        exp_avg, exp_avg_sq = state["exp_avg"], state["exp_avg_sq"]
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        exp_avg.lerp_(grad, 1 - beta1)
        exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        denom = exp_avg_sq.sqrt().div_((1 - beta2**step) ** 0.5).add_(group["eps"])
        param.addcdiv_(exp_avg, denom, value=-lr / (1 - beta1**step))
