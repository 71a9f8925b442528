r"""Rprop: each weight has a step size of its own, which grows while the gradient keeps its sign.

Source: Riedmiller & Braun, "A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP
Algorithm", 1993, doi:10.1109/ICNN.1993.298623; without going back, as in torch.optim.Rprop.

% --8<-- [start:formula]
Initialize: $G_{dw} = 0$, $H_{dw} = 0$, $G_{db} = 0$, $H_{db} = 0$

On iteration $t$: Compute $dW$, $db$, best using all of the data.

$F_{dw} = \begin{cases} \eta_2 & \text{if } G_{dw} dW > 0 \\ \eta_1 & \text{if } G_{dw} dW < 0 \\ 1 & \text{otherwise} \end{cases}$, $F_{db} = \begin{cases} \eta_2 & \text{if } G_{db} db > 0 \\ \eta_1 & \text{if } G_{db} db < 0 \\ 1 & \text{otherwise} \end{cases}$ <-- same sign as the last gradient: "grow" $\eta_2$; another sign: "shrink" $\eta_1$

$H_{dw} = \operatorname{clip}\left(\begin{cases} \alpha & \text{if } t \leq 1 \\ F_{dw} H_{dw} & \text{otherwise} \end{cases}, \gamma_1, \gamma_2\right)$, $H_{db} = \operatorname{clip}\left(\begin{cases} \alpha & \text{if } t \leq 1 \\ F_{db} H_{db} & \text{otherwise} \end{cases}, \gamma_1, \gamma_2\right)$ <-- the step size, from $\alpha$ on

$dW := \begin{cases} 0 & \text{if } G_{dw} dW < 0 \\ dW & \text{otherwise} \end{cases}$, $db := \begin{cases} 0 & \text{if } G_{db} db < 0 \\ db & \text{otherwise} \end{cases}$ <-- after another sign no step, and no comparison next time

$W := W - H_{dw} \operatorname{sign}(dW)$, $b := b - H_{db} \operatorname{sign}(db)$

$G_{dw} = dW$, $G_{db} = db$ <-- kept for the next iteration
% --8<-- [end:formula]
"""

import math
from collections.abc import Iterable
from typing import Any, Unpack

import numpy as np
import torch
from torch import Tensor

from ._numpy import real_arrays
from ._optimizer import Flags, Optimizer


@real_arrays
# --8<-- [start:step]
def rprop_step(
    param: np.ndarray,
    grad: np.ndarray,
    state: dict,
    *,
    lr: float = 1e-2,
    etas: tuple[float, float] = (0.5, 1.2),
    step_sizes: tuple[float, float] = (1e-6, 50.0),
    maximize: bool = False,
) -> tuple[np.ndarray, dict]:
    """One step of gradient descent on NumPy arrays, out of place.

    The options are those of `Rprop`.

    Args:
        param: the parameter, an array of any shape.
        grad: its gradient, of the same shape.
        state: what the last step returned; an empty dict starts.

    Returns:
        The new parameter and the new state.

    Source:
        Riedmiller & Braun 1993, doi:10.1109/ICNN.1993.298623; in the form of torch.optim.Rprop.

    Example:
        >>> import numpy as np
        >>> param, state = np.array([1.0, -2.0]), {}
        >>> for grad in ([0.5, 0.1], [0.4, -0.3]):
        ...     param, state = rprop_step(param, np.array(grad), state, lr=0.1)
        >>> print(param, state["prev"], state["step_size"])
        [ 0.78 -2.1 ] [0.4 0. ] [0.12 0.05]
    """
    (shrink, grow), (low, high) = etas, step_sizes
    step = state.get("step", 0) + 1
    prev = state.get("prev", np.zeros_like(param))
    if maximize:
        grad = -grad

    agreement = prev * grad
    factor = np.where(agreement > 0, grow, np.where(agreement < 0, shrink, 1.0))  # 1
    step_size = state["step_size"] * factor if step > 1 else np.full_like(param, lr)
    step_size = np.clip(step_size, low, high)  # 2
    grad = np.where(agreement < 0, 0.0, grad)  # 3
    param = param - step_size * np.sign(grad)  # 4
    return param, {"step": step, "prev": grad, "step_size": step_size}  # 5


# --8<-- [end:step]


class Rprop(Optimizer):
    """Rprop for PyTorch, with `torch.optim.Rprop`'s arguments, defaults and state.

    Args:
        params: parameters, named parameters, or groups of either.
        lr: α, the first step size, at least 0; later changes of it have no effect.
        etas: (η₁, η₂), by which a step size shrinks and grows: the first in (0, 1), the second above 1.
        step_sizes: (γ₁, γ₂), the least and the greatest step size, from 0 on, in this order.
        maximize: climb instead of descend.
        fused: one kernel for all tensors: None where it pays and can run, True always or an error, False never.
        flags: `foreach`, `capturable`, `differentiable`: refused when set.

    Raises:
        ValueError: an option is out of range or refused, or there are no parameters.
        RuntimeError: a gradient is sparse.

    Source:
        Riedmiller & Braun 1993, doi:10.1109/ICNN.1993.298623; in the form of torch.optim.Rprop.

    Example:
        >>> import torch
        >>> weight = torch.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = Rprop([weight], lr=0.1)
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     (weight**4).sum().backward()
        ...     optimizer.step()
        >>> weight.detach()
        tensor([ 0.6360, -1.6360])
    """

    state_names = ("prev", "step_size")

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
        *,
        maximize: bool = False,
        fused: bool | None = None,
        **flags: Unpack[Flags],
    ) -> None:
        options = dict(
            lr=lr,
            etas=etas,
            step_sizes=step_sizes,
            maximize=maximize,
            fused=fused,
        )
        super().__init__(params, options, flags)

    def _check_group(self, group: dict[str, Any]) -> None:
        super()._check_group(group)
        shrink, grow = group.get("etas", (0.5, 1.2))
        if not 0.0 < shrink < 1.0 < grow < math.inf:
            raise ValueError(f"Invalid eta values: {shrink}, {grow}")
        low, high = group.get("step_sizes", (0.0, 1.0))
        if not 0.0 <= low <= high < math.inf:
            raise ValueError(f"Invalid step_sizes values: {low}, {high}")

    def first_update(self, param, grad, state, group):
        state["step_size"].add_(group["lr"])  # from zero; a DTensor is filled with no tensor
        self.update(param, grad, state, group)

    def update(self, param, grad, state, group):
        (shrink, grow), (low, high) = group["etas"], group["step_sizes"]
        prev, step_size = state["prev"], state["step_size"]
        agreement = prev * grad
        turned = agreement < 0
        step_size.mul_(
            torch.ones_like(grad).masked_fill_(agreement > 0, grow).masked_fill_(turned, shrink)
        )
        step_size.clamp_(low, high)
        prev.copy_(grad.masked_fill(turned, 0.0))
        param.addcmul_(prev.sign(), step_size, value=-1)
