r"""LARS: Momentum whose learning rate is larger for a tensor with large weights and small gradients.

Source: You, Gitman & Ginsburg, "Large Batch Training of Convolutional Networks", 2017,
arXiv 1708.03888, Algorithm 1, without its schedule of α; η and norms of zero as in timm.

% --8<-- [start:formula]
Initialize: $V_{dw} = 0$, $V_{db} = 0$

On iteration $t$: Compute $dW$, $db$ using the current mini-batch.

$r_{dw} = \begin{cases} \frac{\eta \lVert W \rVert}{\lVert dW \rVert + \lambda \lVert W \rVert} & \text{if } \min(\lVert W \rVert, \lVert dW \rVert) > 0 \\ 1 & \text{otherwise} \end{cases}$, $r_{db} = \begin{cases} \frac{\eta \lVert b \rVert}{\lVert db \rVert + \lambda \lVert b \rVert} & \text{if } \min(\lVert b \rVert, \lVert db \rVert) > 0 \\ 1 & \text{otherwise} \end{cases}$ <-- "local learning rate", one number for a tensor

$dW := dW + \lambda W$, $db := db + \lambda b$ <-- "L2 regularization" $\lambda$

$V_{dw} = \mu V_{dw} + \alpha r_{dw} dW$, $V_{db} = \mu V_{db} + \alpha r_{db} db$ <-- "momentum" $\mu$, with the learning rates in it

$W := W - V_{dw}$, $b := b - V_{db}$
% --8<-- [end:formula]
"""

from collections.abc import Iterable
from typing import Any, Unpack

import numpy as np
import torch
from torch import Tensor

from ._numpy import real_arrays
from ._optimizer import Flags, Optimizer


@real_arrays
# --8<-- [start:step]
def lars_step(
    param: np.ndarray,
    grad: np.ndarray,
    state: dict,
    *,
    lr: float = 1.0,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    trust_coefficient: float = 1e-3,
    maximize: bool = False,
) -> tuple[np.ndarray, dict]:
    """One step of gradient descent with momentum on NumPy arrays, out of place.

    The options are those of `LARS`.

    Args:
        param: the parameter, an array of any shape.
        grad: its gradient, of the same shape.
        state: what the last step returned; an empty dict starts.

    Returns:
        The new parameter and the new state.

    Source:
        You, Gitman & Ginsburg 2017, arXiv 1708.03888, Algorithm 1.

    Example:
        >>> param, state = np.array([1.0, -2.0]), {}
        >>> for grad in ([0.5, 0.1], [0.4, -0.3]):
        ...     param, state = lars_step(param, np.array(grad), state, lr=10.0)
        >>> print(param, state["momentum_buffer"])
        [ 0.94049743 -1.99495032] [ 0.03757612 -0.00943497]
    """
    step = state.get("step", 0) + 1
    momentum_buffer = state.get("momentum_buffer", np.zeros_like(param))
    if maximize:
        grad = -grad

    weight_norm, norm = np.linalg.norm(param), np.linalg.norm(grad)
    divisor = norm + weight_decay * weight_norm
    trusted = min(weight_norm, norm) > 0
    trust_ratio = trust_coefficient * weight_norm / divisor if trusted else 1.0  # 1
    grad = grad + weight_decay * param  # 2
    momentum_buffer = momentum * momentum_buffer + lr * trust_ratio * grad  # 3
    param = param - momentum_buffer  # 4
    return param, {"step": step, "momentum_buffer": momentum_buffer}


# --8<-- [end:step]


class LARS(Optimizer):
    """LARS for PyTorch. A tensor is a layer: its norm is that of all its elements.

    Args:
        params: parameters, named parameters, or groups of either.
        lr: learning rate α, at least 0; as a 0-d tensor it may change under torch.compile.
        momentum: μ, the share of the momentum that is kept, above 0.
        weight_decay: λ of the L2 penalty, at least 0.
        trust_coefficient: η, at least 0: the share of the weights' length that a step with α = 1 has.
        maximize: climb instead of descend.
        fused: None and False are the plain step; True is refused, since a kernel sees no norm of a whole tensor.
        flags: `foreach`, `capturable`, `differentiable`: refused when set.

    Raises:
        ValueError: an option is out of range or refused, or there are no parameters.
        RuntimeError: a gradient is sparse.

    Source:
        You, Gitman & Ginsburg 2017, arXiv 1708.03888, Algorithm 1.

    Example:
        >>> import torch
        >>> weight = torch.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = LARS([weight], lr=10.0)
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     (weight**4).sum().backward()
        ...     optimizer.step()
        >>> weight.detach()
        tensor([ 0.9842, -1.8766])
    """

    state_names = ("momentum_buffer",)
    reads_step = False

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1.0,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust_coefficient: float = 1e-3,
        *,
        maximize: bool = False,
        fused: bool | None = None,
        **flags: Unpack[Flags],
    ) -> None:
        options = dict(
            lr=lr,
            momentum=momentum,
            weight_decay=weight_decay,
            trust_coefficient=trust_coefficient,
            maximize=maximize,
            fused=fused,
        )
        super().__init__(params, options, flags)

    def _check_saved(self, group: dict[str, Any], own: dict[str, Any]) -> None:
        super()._check_saved(group, own)
        if group.get("momentum") == 0:
            self._refuse_saved("momentum", group)  # it is gradient descent

    def update(self, param, grad, state, group):
        decay, momentum_buffer = group["weight_decay"], state["momentum_buffer"]
        weight_norm, norm = torch.linalg.vector_norm(param), torch.linalg.vector_norm(grad)
        trust_ratio = group["trust_coefficient"] * weight_norm / (norm + decay * weight_norm)
        trust_ratio = torch.where(torch.minimum(weight_norm, norm) > 0, trust_ratio, 1.0)
        if decay != 0:
            grad = grad.add(param, alpha=decay)
        momentum_buffer.mul_(group["momentum"]).addcmul_(trust_ratio, grad, value=group["lr"])
        param.sub_(momentum_buffer)
