r"""Gradient Descent: a step against the gradient, as long as the gradient is steep.

Source: Cauchy, "Méthode générale pour la résolution des systèmes d'équations simultanées", Comptes Rendus 25, 536–538, 1847; with mini-batches: Robbins & Monro, "A Stochastic Approximation Method", The Annals of Mathematical Statistics 22(3), 400–407, 1951, [doi:10.1214/aoms/1177729586](https://doi.org/10.1214/aoms/1177729586).

% --8<-- [start:formula]
On iteration $t$: Compute $dW$, $db$ using the current mini-batch.

$dW := dW + \lambda W$, $db := db + \lambda b$ <-- "L2 regularization" $\lambda$, zero unless you set it

$W := W - \alpha dW$, $b := b - \alpha db$
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
def gradient_descent_step(
    param: np.ndarray,
    grad: np.ndarray,
    state: dict,
    *,
    lr: float = 1e-3,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> tuple[np.ndarray, dict]:
    """One step of gradient descent on NumPy arrays, out of place.

    The options are those of `GradientDescent`.

    Args:
        param: the parameter, an array of any shape.
        grad: its gradient, of the same shape.
        state: what the last step returned; an empty dict starts.

    Returns:
        The new parameter and the new state.

    Source:
        Cauchy 1847; with mini-batches Robbins & Monro 1951, doi:10.1214/aoms/1177729586.

    Example:
        >>> import numpy as np
        >>> param, state = np.array([1.0, -2.0]), {}
        >>> for grad in ([0.5, 0.1], [0.4, -0.3]):
        ...     param, state = gradient_descent_step(param, np.array(grad), state, lr=0.1)
        >>> print(param)
        [ 0.91 -1.98]
    """
    step = state.get("step", 0) + 1
    if maximize:
        grad = -grad

    grad = grad + weight_decay * param  # 1
    param = param - lr * grad  # 2
    return param, {"step": step}


# --8<-- [end:step]


class GradientDescent(Optimizer):
    """Gradient descent for PyTorch: `torch.optim.SGD` without momentum.

    Args:
        params: parameters, named parameters, or groups of either.
        lr: learning rate α, at least 0; as a 0-d tensor it may change under torch.compile.
        momentum: refused when set; use Momentum.
        dampening: refused when set; torch.optim.SGD has it.
        weight_decay: λ of the L2 penalty, at least 0.
        nesterov: refused when set; use Nesterov.
        maximize: climb instead of descend.
        fused: one kernel for all tensors: None where it pays and can run, True always or an error, False never.
        flags: `foreach`, `capturable`, `differentiable`: refused when set.

    Raises:
        ValueError: an option is out of range or refused, or there are no parameters.
        RuntimeError: a gradient is sparse.

    Source:
        Cauchy 1847; with mini-batches Robbins & Monro 1951, doi:10.1214/aoms/1177729586.

    Example:
        >>> import torch
        >>> weight = torch.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = GradientDescent([weight], lr=0.01)
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     (weight**4).sum().backward()
        ...     optimizer.step()
        >>> weight.detach()
        tensor([ 0.8930, -1.3579])
    """

    state_names = ()
    fixed: ClassVar = {
        "momentum": Fixed(0.0, "use Momentum; a scheduler takes cycle_momentum=False"),
        "dampening": Fixed(0.0, "use torch.optim.SGD, which has it"),
        "nesterov": Fixed(False, "use Nesterov"),
    }
    reads_step = False

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        fused: bool | None = None,
        **flags: Unpack[Flags],
    ) -> None:
        options = dict(
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            maximize=maximize,
            fused=fused,
        )
        super().__init__(params, options, flags)

    def update(self, param, grad, state, group):
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        param.add_(grad, alpha=-group["lr"])
