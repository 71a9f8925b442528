r"""Adadelta: as RMSprop, and each step is scaled by the usual size of the steps before it.

Source: Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, arXiv 1212.5701, Algorithm 1;
α, which is 1 in the paper, and weight decay as in torch.optim.

% --8<-- [start:formula]
Initialize: $S_{dw} = 0$, $U_{dw} = 0$, $S_{db} = 0$, $U_{db} = 0$

On iteration $t$: Compute $dW$, $db$ using the current mini-batch.

$dW := dW + \lambda W$, $db := db + \lambda b$ <-- "L2 regularization" $\lambda$, zero unless you set it

$S_{dw} = \beta_2 S_{dw} + (1 - \beta_2) dW^2$, $S_{db} = \beta_2 S_{db} + (1 - \beta_2) db^2$ <-- PyTorch calls $\beta_2$ `rho`

$\Delta_{dw} = \frac{\sqrt{U_{dw} + \epsilon}}{\sqrt{S_{dw} + \epsilon}} dW$, $\Delta_{db} = \frac{\sqrt{U_{db} + \epsilon}}{\sqrt{S_{db} + \epsilon}} db$ <-- by the old $U$

$U_{dw} = \beta_2 U_{dw} + (1 - \beta_2) \Delta_{dw}^2$, $U_{db} = \beta_2 U_{db} + (1 - \beta_2) \Delta_{db}^2$

$W := W - \alpha \Delta_{dw}$, $b := b - \alpha \Delta_{db}$
% --8<-- [end:formula]
"""

from collections.abc import Iterable

import numpy as np
from torch import Tensor

from ._numpy import real_arrays
from ._optimizer import Optimizer


@real_arrays
# --8<-- [start:step]
def adadelta_step(
    param: np.ndarray,
    grad: np.ndarray,
    state: dict,
    *,
    lr: float = 1.0,
    rho: float = 0.9,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> tuple[np.ndarray, dict]:
    """One step of Adadelta on NumPy arrays, out of place.

    The options are those of `Adadelta`.

    Args:
        param: the parameter, an array of any shape.
        grad: its gradient, of the same shape.
        state: what the last step returned; an empty dict starts.

    Returns:
        The new parameter and the new state.

    Source:
        Zeiler, arXiv 1212.5701, Algorithm 1.

    Example:
        >>> param, state = np.array([1.0, -2.0]), {}
        >>> for grad in ([0.5, 0.1], [0.4, -0.3]):
        ...     param, state = adadelta_step(param, np.array(grad), state)
        >>> print(param, state["square_avg"], state["acc_delta"])
        [ 0.99395485 -1.99889796] [0.0385 0.0099] [1.73109462e-06 2.71619099e-06]
    """
    step = state.get("step", 0) + 1
    square_avg = state.get("square_avg", np.zeros_like(param))
    acc_delta = state.get("acc_delta", np.zeros_like(param))
    if maximize:
        grad = -grad

    grad = grad + weight_decay * param  # 1
    square_avg = rho * square_avg + (1 - rho) * grad**2  # 2
    delta = np.sqrt(acc_delta + eps) / np.sqrt(square_avg + eps) * grad  # 3
    acc_delta = rho * acc_delta + (1 - rho) * delta**2  # 4
    param = param - lr * delta  # 5
    return param, {"step": step, "square_avg": square_avg, "acc_delta": acc_delta}


# --8<-- [end:step]


class Adadelta(Optimizer):
    """Adadelta for PyTorch, with `torch.optim.Adadelta`'s arguments, defaults and state.

    Args:
        params: parameters, named parameters, or groups of either.
        lr: α, at least 0, by which the step is multiplied; the paper has none, so 1; as a 0-d tensor it may change under torch.compile.
        rho: β₂, the decay rate of both averages, in [0, 1].
        eps: ε, added under both roots, at least 0; the larger, the longer the first steps.
        weight_decay: λ of the L2 penalty, at least 0.
        foreach: refused when set.
        capturable: refused when set.
        maximize: climb instead of descend.
        differentiable: refused when set.
        fused: one kernel for all tensors: None where it pays and can run, True always or an error, False never.

    Raises:
        ValueError: an option is out of range or refused, or there are no parameters.
        RuntimeError: a gradient is sparse.

    Source:
        Zeiler, arXiv 1212.5701, Algorithm 1.

    Example:
        >>> import torch
        >>> weight = torch.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = Adadelta([weight])
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     (weight**4).sum().backward()
        ...     optimizer.step()
        >>> weight.detach()
        tensor([ 0.9903, -1.9903])
    """

    state_names = ("square_avg", "acc_delta")
    reads_step = False

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
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
            rho=rho,
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
        rho, eps = group["rho"], group["eps"]
        square_avg, acc_delta = state["square_avg"], state["acc_delta"]
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        square_avg.mul_(rho).addcmul_(grad, grad, value=1 - rho)
        delta = acc_delta.add(eps).sqrt_().div_(square_avg.add(eps).sqrt_())
        delta.mul_(grad)
        acc_delta.mul_(rho).addcmul_(delta, delta, value=1 - rho)
        param.add_(delta, alpha=-group["lr"])
