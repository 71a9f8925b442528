r"""Signum: of the momentum only the sign is taken, so every weight's step has the same length.

Source: Bernstein et al., "signSGD: Compressed Optimisation for Non-Convex Problems", ICML 2018,
arXiv 1802.04434, Algorithm 2; weight decay as `wd` in Apache MXNet's class of that name.

% --8<-- [start:formula]
Initialize: $V_{dw} = 0$, $V_{db} = 0$

On iteration $t$: Compute $dW$, $db$ using the current mini-batch.

$dW := dW + \lambda W$, $db := db + \lambda b$ <-- "L2 regularization" $\lambda$, zero unless you set it

$V_{dw} = \mu V_{dw} + (1 - \mu) dW$, $V_{db} = \mu V_{db} + (1 - \mu) db$ <-- "momentum" $\mu$

$W := W - \alpha \operatorname{sign}(V_{dw})$, $b := b - \alpha \operatorname{sign}(V_{db})$
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
def signum_step(
    param: np.ndarray,
    grad: np.ndarray,
    state: dict,
    *,
    lr: float = 1e-4,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> tuple[np.ndarray, dict]:
    """One step of Signum on NumPy arrays, out of place.

    The options are those of `Signum`.

    Args:
        param: the parameter, an array of any shape.
        grad: its gradient, of the same shape.
        state: what the last step returned; an empty dict starts.

    Returns:
        The new parameter and the new state.

    Source:
        Bernstein et al. 2018, arXiv 1802.04434, Algorithm 2.

    Example:
        >>> param, state = np.array([1.0, -2.0]), {}
        >>> for grad in ([0.5, 0.1], [0.4, -0.3]):
        ...     param, state = signum_step(param, np.array(grad), state, lr=0.1)
        >>> print(param, state["exp_avg"])
        [ 0.8 -2. ] [ 0.085 -0.021]
    """
    step = state.get("step", 0) + 1
    exp_avg = state.get("exp_avg", np.zeros_like(param))
    if maximize:
        grad = -grad

    grad = grad + weight_decay * param  # 1
    exp_avg = momentum * exp_avg + (1 - momentum) * grad  # 2
    param = param - lr * np.sign(exp_avg)  # 3
    return param, {"step": step, "exp_avg": exp_avg}


# --8<-- [end:step]


class Signum(Optimizer):
    """Signum for PyTorch.

    Args:
        params: parameters, named parameters, or groups of either.
        lr: learning rate α, at least 0; as a 0-d tensor it may change under torch.compile.
        momentum: μ, the share of the momentum that is kept, above 0 and below 1.
        weight_decay: λ of the L2 penalty, at least 0.
        maximize: climb instead of descend.
        fused: one kernel for all tensors: None where it pays and can run, True always or an error, False never.
        flags: `foreach`, `capturable`, `differentiable`: refused when set.

    Raises:
        ValueError: an option is out of range or refused, or there are no parameters.
        RuntimeError: a gradient is sparse.

    Source:
        Bernstein et al. 2018, arXiv 1802.04434, Algorithm 2.

    Example:
        >>> import torch
        >>> weight = torch.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = Signum([weight], lr=0.1)
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     (weight**4).sum().backward()
        ...     optimizer.step()
        >>> weight.detach()
        tensor([ 0.7000, -1.7000])
    """

    state_names = ("exp_avg",)
    reads_step = False

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-4,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        fused: bool | None = None,
        **flags: Unpack[Flags],
    ) -> None:
        options = dict(
            lr=lr, momentum=momentum, weight_decay=weight_decay, maximize=maximize, fused=fused
        )
        super().__init__(params, options, flags)

    def update(self, param, grad, state, group):
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        exp_avg = state["exp_avg"]
        exp_avg.lerp_(grad, 1 - group["momentum"])
        # torch's sign of NaN is 0, which would hide it.
        direction = torch.where(exp_avg.isnan(), exp_avg, exp_avg.sign())
        param.add_(direction, alpha=-group["lr"])
