r"""RAdam: Adam that trusts its second moment only once it has seen enough gradients.

Source: Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", ICLR 2020, arXiv 1908.03265,
Algorithm 2; the bound of 5, where the paper has 4, as in the authors' code; undivided first steps, which
the authors' code skips, ε and weight decay as in torch.optim.

% --8<-- [start:formula]
Initialize: $V_{dw} = 0$, $S_{dw} = 0$, $V_{db} = 0$, $S_{db} = 0$

On iteration $t$: Compute $dW$, $db$ using the current mini-batch.

$dW := dW + \lambda W$, $db := db + \lambda b$ <-- "L2 regularization" $\lambda$, zero unless you set it

$V_{dw} = \beta_1 V_{dw} + (1 - \beta_1) dW$, $V_{db} = \beta_1 V_{db} + (1 - \beta_1) db$ <-- "momentum" $\beta_1$

$S_{dw} = \beta_2 S_{dw} + (1 - \beta_2) dW^2$, $S_{db} = \beta_2 S_{db} + (1 - \beta_2) db^2$ <-- "RMSprop" $\beta_2$

$V_{dw}^{\text{corrected}} = V_{dw} / (1 - \beta_1^t)$, $V_{db}^{\text{corrected}} = V_{db} / (1 - \beta_1^t)$

$\rho_{\infty} = \max\left(\frac{2}{1 - \beta_2} - 1, 5\right)$, $\rho = \max\left(\frac{2}{1 - \beta_2} - 1 - \frac{2 t \beta_2^t}{1 - \beta_2^t}, 5\right)$ <-- never below 5, from where on there is something to rectify

$k = \operatorname{sign}(\rho - 5)$ <-- 1 if $\rho$ is above 5, else 0

$r = \sqrt{\frac{(\rho - 4) (\rho - 2) \rho_{\infty}}{(\rho_{\infty} - 4) (\rho_{\infty} - 2) \rho}}$ <-- "rectification"

$W := W - \alpha V_{dw}^{\text{corrected}} \left(r \frac{\sqrt{1 - \beta_2^t}}{\sqrt{S_{dw}} + \epsilon}\right)^k$, $b := b - \alpha V_{db}^{\text{corrected}} \left(r \frac{\sqrt{1 - \beta_2^t}}{\sqrt{S_{db}} + \epsilon}\right)^k$ <-- to the power 0 the bracket is 1
% --8<-- [end:formula]
"""

from collections.abc import Iterable
from typing import ClassVar, Unpack

import numpy as np
from torch import Tensor

from ._numpy import real_arrays
from ._optimizer import Fixed, Flags, Optimizer, choose


@real_arrays
# --8<-- [start:step]
def radam_step(
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
    """One step of RAdam on NumPy arrays, out of place.

    The options are those of `RAdam`.

    Args:
        param: the parameter, an array of any shape.
        grad: its gradient, of the same shape.
        state: what the last step returned; an empty dict starts.

    Returns:
        The new parameter and the new state.

    Source:
        Liu et al., arXiv 1908.03265, Algorithm 2.

    Example:
        >>> param, state = np.array([1.0, -2.0]), {}
        >>> for grad in ([0.5, 0.1], [0.4, -0.3]):
        ...     param, state = radam_step(param, np.array(grad), state, lr=0.1)
        >>> print(param, state["exp_avg"], state["exp_avg_sq"])
        [ 0.90526316 -1.99894737] [ 0.085 -0.021] [4.0975e-04 9.9990e-05]
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
    rho_inf = max(2 / (1 - beta2) - 1, 5)  # 5
    rho_t = max(2 / (1 - beta2) - 1 - 2 * step * beta2**step / (1 - beta2**step), 5)  # 6
    rectified = np.sign(rho_t - 5)  # 7
    rect = (
        (rho_t - 4) * (rho_t - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho_t)
    ) ** 0.5  # 8
    scale = rect * (np.sqrt(1 - beta2**step) / (np.sqrt(exp_avg_sq) + eps))
    param = param - lr * exp_avg_corrected * scale**rectified  # 9
    return param, {"step": step, "exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}


# --8<-- [end:step]


class RAdam(Optimizer):
    """RAdam for PyTorch, with `torch.optim.RAdam`'s arguments, defaults and state.

    Args:
        params: parameters, named parameters, or groups of either.
        lr: learning rate α, at least 0; as a 0-d tensor it may change under torch.compile.
        betas: decay rates (β₁, β₂) of the two moments, each in [0, 1).
        eps: ε, added to the root of the second moment, at least 0.
        weight_decay: λ of the L2 penalty, at least 0; it passes through both moments.
        decoupled_weight_decay: refused when set; torch.optim.RAdam has it.
        maximize: climb instead of descend.
        fused: one kernel for all tensors: None where it pays and can run, True always or an error, False never.
        flags: `foreach`, `capturable`, `differentiable`: refused when set.

    Raises:
        ValueError: an option is out of range or refused, or there are no parameters.
        RuntimeError: a gradient is sparse.

    Source:
        Liu et al., arXiv 1908.03265, Algorithm 2.

    Example:
        >>> import torch
        >>> weight = torch.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = RAdam([weight], lr=0.1)
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     (weight**4).sum().backward()
        ...     optimizer.step()
        >>> weight.detach()
        tensor([0.2096, 1.1585])
    """

    state_names = ("exp_avg", "exp_avg_sq")
    fixed: ClassVar = {
        "decoupled_weight_decay": Fixed(False, "use torch.optim.RAdam, which has it"),
    }

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
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
        rho_inf = 2 / (1 - beta2) - 1
        rho_t = rho_inf - 2 * step * beta2**step / (1 - beta2**step)
        mean = exp_avg / (1 - beta1**step) * lr

        def divided():
            root = (1 - beta2**step) ** 0.5 / exp_avg_sq.sqrt().add_(group["eps"])
            rect = (rho_t - 4) * (rho_t - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho_t)
            return mean * root * rect**0.5

        param.sub_(choose(rho_t > 5, divided, lambda: mean))
