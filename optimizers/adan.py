r"""Adan: AdamW with Nesterov's momentum, which it estimates from how the gradient has changed.

Source: Xie, Zhou, Li, Lin & Yan, "Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing
Deep Models", 2022, arXiv 2208.06677, Algorithm 1; bias corrections and letters β as in the authors' code.

% --8<-- [start:formula]
Initialize: $V_{dw} = 0$, $D_{dw} = 0$, $S_{dw} = 0$, $G_{dw} = 0$, $V_{db} = 0$, $D_{db} = 0$, $S_{db} = 0$, $G_{db} = 0$

On iteration $t$: Compute $dW$, $db$ using the current mini-batch.

$\Delta_{dw} = \begin{cases} dW - G_{dw} & \text{if } t > 1 \\ 0 & \text{otherwise} \end{cases}$, $\Delta_{db} = \begin{cases} db - G_{db} & \text{if } t > 1 \\ 0 & \text{otherwise} \end{cases}$ <-- how the gradient has changed

$V_{dw} = \beta_1 V_{dw} + (1 - \beta_1) dW$, $V_{db} = \beta_1 V_{db} + (1 - \beta_1) db$ <-- "momentum" $\beta_1$

$D_{dw} = \beta_2 D_{dw} + (1 - \beta_2) \Delta_{dw}$, $D_{db} = \beta_2 D_{db} + (1 - \beta_2) \Delta_{db}$ <-- "change" $\beta_2$

$S_{dw} = \beta_3 S_{dw} + (1 - \beta_3) (dW + \beta_2 \Delta_{dw})^2$, $S_{db} = \beta_3 S_{db} + (1 - \beta_3) (db + \beta_2 \Delta_{db})^2$ <-- "RMSprop" $\beta_3$, of the gradient one step ahead

$V_{dw}^{\text{corrected}} = V_{dw} / (1 - \beta_1^t)$, $V_{db}^{\text{corrected}} = V_{db} / (1 - \beta_1^t)$

$D_{dw}^{\text{corrected}} = D_{dw} / (1 - \beta_2^t)$, $D_{db}^{\text{corrected}} = D_{db} / (1 - \beta_2^t)$

$S_{dw}^{\text{corrected}} = S_{dw} / (1 - \beta_3^t)$, $S_{db}^{\text{corrected}} = S_{db} / (1 - \beta_3^t)$

$W := W - \alpha \frac{V_{dw}^{\text{corrected}} + \beta_2 D_{dw}^{\text{corrected}}}{\sqrt{S_{dw}^{\text{corrected}}} + \epsilon}$, $b := b - \alpha \frac{V_{db}^{\text{corrected}} + \beta_2 D_{db}^{\text{corrected}}}{\sqrt{S_{db}^{\text{corrected}}} + \epsilon}$

$W := \frac{W}{1 + \alpha \lambda}$, $b := \frac{b}{1 + \alpha \lambda}$ <-- "decoupled weight decay" $\lambda$, after the step

$G_{dw} = dW$, $G_{db} = db$ <-- kept for the next iteration
% --8<-- [end:formula]
"""

from collections.abc import Iterable
from typing import Unpack

import numpy as np
import torch
from torch import Tensor

from ._numpy import real_arrays
from ._optimizer import Flags, Optimizer


@real_arrays
# --8<-- [start:step]
def adan_step(
    param: np.ndarray,
    grad: np.ndarray,
    state: dict,
    *,
    lr: float = 1e-3,
    betas: tuple[float, float, float] = (0.98, 0.92, 0.99),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> tuple[np.ndarray, dict]:
    """One step of Adan on NumPy arrays, out of place.

    The options are those of `Adan`.

    Args:
        param: the parameter, an array of any shape.
        grad: its gradient, of the same shape.
        state: what the last step returned; an empty dict starts.

    Returns:
        The new parameter and the new state.

    Source:
        Xie et al. 2022, arXiv 2208.06677, Algorithm 1.

    Example:
        >>> param, state = np.array([1.0, -2.0]), {}
        >>> for grad in ([0.5, 0.1], [0.4, -0.3]):
        ...     param, state = adan_step(param, np.array(grad), state, lr=0.1)
        >>> print(param, state["exp_avg"], state["exp_avg_diff"])
        [ 0.80318276 -2.03865634] [ 0.0178  -0.00404] [-0.008 -0.032]
    """
    beta1, beta2, beta3 = betas
    step = state.get("step", 0) + 1
    exp_avg = state.get("exp_avg", np.zeros_like(param))
    exp_avg_diff = state.get("exp_avg_diff", np.zeros_like(param))
    exp_avg_sq = state.get("exp_avg_sq", np.zeros_like(param))
    pre_grad = state.get("pre_grad", np.zeros_like(param))
    if maximize:
        grad = -grad

    grad_diff = grad - pre_grad if step > 1 else np.zeros_like(param)  # 1
    exp_avg = beta1 * exp_avg + (1 - beta1) * grad  # 2
    exp_avg_diff = beta2 * exp_avg_diff + (1 - beta2) * grad_diff  # 3
    exp_avg_sq = beta3 * exp_avg_sq + (1 - beta3) * (grad + beta2 * grad_diff) ** 2  # 4
    exp_avg_corrected = exp_avg / (1 - beta1**step)  # 5
    exp_avg_diff_corrected = exp_avg_diff / (1 - beta2**step)  # 6
    exp_avg_sq_corrected = exp_avg_sq / (1 - beta3**step)  # 7
    ahead = exp_avg_corrected + beta2 * exp_avg_diff_corrected
    param = param - lr * ahead / (np.sqrt(exp_avg_sq_corrected) + eps)  # 8
    param = param / (1 + lr * weight_decay)  # 9
    kept = {"exp_avg": exp_avg, "exp_avg_diff": exp_avg_diff, "exp_avg_sq": exp_avg_sq}
    return param, {"step": step, **kept, "pre_grad": grad}  # 10


# --8<-- [end:step]


class Adan(Optimizer):
    """Adan for PyTorch, with the arguments and defaults of its authors' class.

    It keeps the last gradient as `pre_grad`, where theirs keeps its negative as `neg_pre_grad`.

    Args:
        params: parameters, named parameters, or groups of either.
        lr: learning rate α, at least 0; as a 0-d tensor it may change under torch.compile.
        betas: decay rates (β₁, β₂, β₃) of the averages of gradients, changes and squares, each in [0, 1).
        eps: ε, added to the root of the second moment, at least 0.
        weight_decay: λ of the decoupled decay, at least 0; one step divides by 1 + αλ.
        maximize: climb instead of descend.
        fused: one kernel for all tensors: None where it pays and can run, True always or an error, False never.
        flags: `foreach`, `capturable`, `differentiable`: refused when set.

    Raises:
        ValueError: an option is out of range or refused, or there are no parameters.
        RuntimeError: a gradient is sparse.

    Source:
        Xie et al. 2022, arXiv 2208.06677, Algorithm 1.

    Example:
        >>> import torch
        >>> weight = torch.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = Adan([weight], lr=0.1)
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     (weight**4).sum().backward()
        ...     optimizer.step()
        >>> weight.detach()
        tensor([ 0.7168, -1.7041])
    """

    state_names = ("exp_avg", "exp_avg_sq", "exp_avg_diff", "pre_grad")
    rates = 3

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float, float] = (0.98, 0.92, 0.99),
        eps: float = 1e-8,
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

    def first_update(self, param, grad, state, group):
        # No gradient came before the first one, so that it has not changed.
        state["pre_grad"].copy_(grad)
        self.update(param, grad, state, group)

    def update(self, param, grad, state, group):
        (beta1, beta2, beta3), lr, step = group["betas"], group["lr"], state["step"]
        exp_avg, exp_avg_sq, exp_avg_diff = (state[name] for name in self.state_names[:3])
        grad_diff = grad - state["pre_grad"]
        exp_avg.lerp_(grad, 1 - beta1)
        exp_avg_diff.lerp_(grad_diff, 1 - beta2)
        ahead = grad_diff.mul_(beta2).add_(grad)
        exp_avg_sq.mul_(beta3).addcmul_(ahead, ahead, value=1 - beta3)
        torch.mul(exp_avg, 1 / (1 - beta1**step), out=ahead)
        ahead.add_(exp_avg_diff, alpha=beta2 / (1 - beta2**step))
        denom = exp_avg_sq.sqrt().div_((1 - beta3**step) ** 0.5).add_(group["eps"])
        param.addcdiv_(ahead, denom, value=-lr)
        param.div_(1 + lr * group["weight_decay"])
        state["pre_grad"].copy_(grad)
