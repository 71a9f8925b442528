r"""Momentum: gradient descent that keeps most of its last step and adds the new gradient.

Source: Polyak, "Some methods of speeding up the convergence of iteration methods", USSR Computational Mathematics and Mathematical Physics 4(5), 1–17, 1964, [doi:10.1016/0041-5553(64)90137-5](https://doi.org/10.1016/0041-5553%2864%2990137-5); in the form of torch.optim.SGD, where $\alpha$ multiplies $V$ and not the gradient in it.

% --8<-- [start:formula]
Initialize: $V_{dw} = 0$, $V_{db} = 0$, so that the first $V$ is the first gradient itself

On iteration $t$: Compute $dW$, $db$ using the current mini-batch.

$dW := dW + \lambda W$, $db := db + \lambda b$ <-- "L2 regularization" $\lambda$, zero unless you set it

$V_{dw} = \mu V_{dw} + dW$, $V_{db} = \mu V_{db} + db$ <-- "momentum" $\mu$

$W := W - \alpha V_{dw}$, $b := b - \alpha V_{db}$
% --8<-- [end:formula]
"""

from collections.abc import Iterable
from typing import Any, ClassVar, Unpack

import numpy as np
from torch import Tensor

from ._numpy import real_arrays
from ._optimizer import Fixed, Flags, Optimizer


@real_arrays
# --8<-- [start:step]
def momentum_step(
    param: np.ndarray,
    grad: np.ndarray,
    state: dict,
    *,
    lr: float = 1e-3,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> tuple[np.ndarray, dict]:
    """One step of gradient descent with momentum on NumPy arrays, out of place.

    The options are those of `Momentum`.

    Args:
        param: the parameter, an array of any shape.
        grad: its gradient, of the same shape.
        state: what the last step returned; an empty dict starts.

    Returns:
        The new parameter and the new state.

    Source:
        Polyak 1964, doi:10.1016/0041-5553(64)90137-5; in the form of torch.optim.SGD.

    Example:
        >>> param, state = np.array([1.0, -2.0]), {}
        >>> for grad in ([0.5, 0.1], [0.4, -0.3]):
        ...     param, state = momentum_step(param, np.array(grad), state, lr=0.1)
        >>> print(param, state["momentum_buffer"])
        [ 0.865 -1.989] [ 0.85 -0.21]
    """
    step = state.get("step", 0) + 1
    momentum_buffer = state.get("momentum_buffer", np.zeros_like(param))
    if maximize:
        grad = -grad

    grad = grad + weight_decay * param  # 1
    momentum_buffer = momentum * momentum_buffer + grad  # 2
    param = param - lr * momentum_buffer  # 3
    return param, {"step": step, "momentum_buffer": momentum_buffer}


# --8<-- [end:step]


class Momentum(Optimizer):
    """Momentum for PyTorch: `torch.optim.SGD` with `momentum`, without dampening.

    Args:
        params: parameters, named parameters, or groups of either.
        lr: learning rate α, at least 0; as a 0-d tensor it may change under torch.compile.
        momentum: μ, the share of the momentum that is kept, above 0.
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
        Polyak 1964, doi:10.1016/0041-5553(64)90137-5; in the form of torch.optim.SGD.

    Example:
        >>> import torch
        >>> weight = torch.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = Momentum([weight], lr=0.01)
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     (weight**4).sum().backward()
        ...     optimizer.step()
        >>> weight.detach()
        tensor([ 0.7963, -0.7029])
    """

    state_names = ("momentum_buffer",)
    fixed: ClassVar = {
        "dampening": Fixed(
            0.0, "use a smaller lr, which does the same except at the first gradient"
        ),
        "nesterov": Fixed(False, "use Nesterov"),
    }
    reads_step = False

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        momentum: float = 0.9,
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

    def _check_saved(self, group: dict[str, Any], own: dict[str, Any]) -> None:
        super()._check_saved(group, own)
        if group.get("momentum") == 0:
            self._refuse_saved("momentum", group)  # it is gradient descent

    def update(self, param, grad, state, group):
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        momentum_buffer = state["momentum_buffer"]
        momentum_buffer.mul_(group["momentum"]).add_(grad)
        param.add_(momentum_buffer, alpha=-group["lr"])
