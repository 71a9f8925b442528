r"""Nesterov: momentum that looks one step ahead.

Source: Nesterov, "A method of solving a convex programming problem with convergence rate O(1/k²)", Soviet Mathematics Doklady 27(2), 372–376, 1983; as momentum: Sutskever, Martens, Dahl & Hinton, "On the importance of initialization and momentum in deep learning", 2013, [PMLR 28(3), 1139–1147](https://proceedings.mlr.press/v28/sutskever13.html), equations 3 and 4; written for the point looked ahead to, as in torch.optim.SGD: Bengio, Boulanger-Lewandowski & Pascanu, "Advances in Optimizing Recurrent Networks", 2012, arXiv 1212.0901.

% --8<-- [start:formula]
Initialize: $V_{dw} = 0$, $V_{db} = 0$, so that the first $V$ is the first gradient itself

On iteration $t$: Compute $dW$, $db$ using the current mini-batch.

$dW := dW + \lambda W$, $db := db + \lambda b$ <-- "L2 regularization" $\lambda$, zero unless you set it

$V_{dw} = \mu V_{dw} + dW$, $V_{db} = \mu V_{db} + db$ <-- "momentum" $\mu$

$W := W - \alpha (dW + \mu V_{dw})$, $b := b - \alpha (db + \mu V_{db})$
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
def nesterov_step(
    param: np.ndarray,
    grad: np.ndarray,
    state: dict,
    *,
    lr: float = 1e-3,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> tuple[np.ndarray, dict]:
    """One step of gradient descent with Nesterov momentum on NumPy arrays, out of place.

    The options are those of `Nesterov`.

    Args:
        param: the parameter, an array of any shape.
        grad: its gradient, of the same shape.
        state: what the last step returned; an empty dict starts.

    Returns:
        The new parameter and the new state.

    Source:
        Nesterov 1983; as momentum Sutskever et al. 2013, PMLR 28(3), equations 3 and 4.

    Example:
        >>> param, state = np.array([1.0, -2.0]), {}
        >>> for grad in ([0.5, 0.1], [0.4, -0.3]):
        ...     param, state = nesterov_step(param, np.array(grad), state, lr=0.1)
        >>> print(param, state["momentum_buffer"])
        [ 0.7885 -1.9701] [ 0.85 -0.21]
    """
    step = state.get("step", 0) + 1
    momentum_buffer = state.get("momentum_buffer", np.zeros_like(param))
    if maximize:
        grad = -grad

    grad = grad + weight_decay * param  # 1
    momentum_buffer = momentum * momentum_buffer + grad  # 2
    param = param - lr * (grad + momentum * momentum_buffer)  # 3
    return param, {"step": step, "momentum_buffer": momentum_buffer}


# --8<-- [end:step]


class Nesterov(Optimizer):
    """Nesterov momentum for PyTorch: `torch.optim.SGD` with `momentum` and `nesterov=True`.

    Args:
        params: parameters, named parameters, or groups of either.
        lr: learning rate α, at least 0; as a 0-d tensor it may change under torch.compile.
        momentum: μ, the share of the momentum that is kept, above 0.
        dampening: refused when set, as it is by torch.optim.SGD.
        weight_decay: λ of the L2 penalty, at least 0.
        nesterov: True, which is what this class is.
        maximize: climb instead of descend.
        fused: one kernel for all tensors: None where it pays and can run, True always or an error, False never.
        flags: `foreach`, `capturable`, `differentiable`: refused when set.

    Raises:
        ValueError: an option is out of range or refused, or there are no parameters.
        RuntimeError: a gradient is sparse.

    Source:
        Nesterov 1983; as momentum Sutskever et al. 2013, PMLR 28(3), equations 3 and 4.

    Example:
        >>> import torch
        >>> weight = torch.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = Nesterov([weight], lr=0.01)
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     (weight**4).sum().backward()
        ...     optimizer.step()
        >>> weight.detach()
        tensor([ 0.7332, -0.5464])
    """

    state_names = ("momentum_buffer",)
    fixed: ClassVar = {
        "dampening": Fixed(0.0, "use torch.optim.SGD without Nesterov momentum"),
        "nesterov": Fixed(True, "use Momentum"),
    }
    reads_step = False

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        momentum: float = 0.9,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = True,
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
        momentum_buffer = state["momentum_buffer"]
        momentum_buffer.mul_(group["momentum"]).add_(grad)
        param.add_(grad.add(momentum_buffer, alpha=group["momentum"]), alpha=-group["lr"])
