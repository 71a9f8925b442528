r"""Adamax: Adam divided by the largest gradient instead of the root mean square.

Source: Kingma & Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, arXiv 1412.6980, Algorithm 2;
ε and weight decay as in torch.optim, which the paper does without.

% --8<-- [start:formula]
Initialize: $V_{dw} = 0$, $U_{dw} = 0$, $V_{db} = 0$, $U_{db} = 0$

On iteration $t$: Compute $dW$, $db$ using the current mini-batch.

$dW := dW + \lambda W$, $db := db + \lambda b$ <-- "L2 regularization" $\lambda$, zero unless you set it

$V_{dw} = \beta_1 V_{dw} + (1 - \beta_1) dW$, $V_{db} = \beta_1 V_{db} + (1 - \beta_1) db$ <-- "momentum" $\beta_1$

$U_{dw} = \max(\beta_2 U_{dw}, |dW| + \epsilon)$, $U_{db} = \max(\beta_2 U_{db}, |db| + \epsilon)$ <-- the largest, fading by $\beta_2$

$V_{dw}^{\text{corrected}} = V_{dw} / (1 - \beta_1^t)$, $V_{db}^{\text{corrected}} = V_{db} / (1 - \beta_1^t)$

$W := W - \alpha \frac{V_{dw}^{\text{corrected}}}{U_{dw}}$, $b := b - \alpha \frac{V_{db}^{\text{corrected}}}{U_{db}}$
% --8<-- [end:formula]
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from ._numpy import real_arrays
from ._optimizer import Optimizer


@real_arrays
# --8<-- [start:step]
def adamax_step(
    param: np.ndarray,
    grad: np.ndarray,
    state: dict,
    *,
    lr: float = 2e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> tuple[np.ndarray, dict]:
    """One step of Adamax on NumPy arrays, out of place.

    The options are those of `Adamax`.

    Args:
        param: the parameter, an array of any shape.
        grad: its gradient, of the same shape.
        state: what the last step returned; an empty dict starts.

    Returns:
        The new parameter and the new state.

    Source:
        Kingma & Ba, arXiv 1412.6980, Algorithm 2.

    Example:
        >>> param, state = np.array([1.0, -2.0]), {}
        >>> for grad in ([0.5, 0.1], [0.4, -0.3]):
        ...     param, state = adamax_step(param, np.array(grad), state, lr=0.1)
        >>> print(param, state["exp_avg"], state["exp_inf"])
        [ 0.81043676 -2.06315789] [ 0.085 -0.021] [0.49950001 0.30000001]
    """
    beta1, beta2 = betas
    step = state.get("step", 0) + 1
    exp_avg = state.get("exp_avg", np.zeros_like(param))
    exp_inf = state.get("exp_inf", np.zeros_like(param))
    if maximize:
        grad = -grad

    grad = grad + weight_decay * param  # 1
    exp_avg = beta1 * exp_avg + (1 - beta1) * grad  # 2
    exp_inf = np.maximum(beta2 * exp_inf, np.abs(grad) + eps)  # 3
    exp_avg_corrected = exp_avg / (1 - beta1**step)  # 4
    param = param - lr * exp_avg_corrected / exp_inf  # 5
    return param, {"step": step, "exp_avg": exp_avg, "exp_inf": exp_inf}


# --8<-- [end:step]


class Adamax(Optimizer):
    """Adamax for PyTorch, with `torch.optim.Adamax`'s arguments, defaults and state.

    Args:
        params: parameters, named parameters, or groups of either.
        lr: learning rate α, at least 0; as a 0-d tensor it may change under torch.compile.
        betas: decay rates (β₁, β₂) of the first moment and of the largest gradient, each in [0, 1).
        eps: ε, added to the size of each gradient, at least 0.
        weight_decay: λ of the L2 penalty, at least 0; it is part of the gradient.
        foreach: refused when set.
        capturable: refused when set.
        maximize: climb instead of descend.
        differentiable: refused when set.
        fused: one kernel for all tensors: None where it pays and can run, True always or an error, False never.

    Raises:
        ValueError: an option is out of range or refused, or there are no parameters.
        RuntimeError: a gradient is sparse.

    Source:
        Kingma & Ba, arXiv 1412.6980, Algorithm 2.

    Example:
        >>> import torch
        >>> weight = torch.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = Adamax([weight], lr=0.1)
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     (weight**4).sum().backward()
        ...     optimizer.step()
        >>> weight.detach()
        tensor([ 0.7400, -1.7216])
    """

    state_names = ("exp_avg", "exp_inf")

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        options = dict(
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            maximize=maximize,
            fused=fused,
        )
        super().__init__(
            params,
            options,
            dict(foreach=foreach, capturable=capturable, differentiable=differentiable),
        )

    def update(self, param, grad, state, group):
        (beta1, beta2), lr, step = group["betas"], group["lr"], state["step"]
        exp_avg, exp_inf = state["exp_avg"], state["exp_inf"]
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        exp_avg.lerp_(grad, 1 - beta1)
        torch.maximum(exp_inf.mul_(beta2), grad.abs().add_(group["eps"]), out=exp_inf)
        param.addcdiv_(exp_avg, exp_inf, value=-lr / (1 - beta1**step))
