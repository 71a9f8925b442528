r"""Lion: every weight takes a step of the same length, in the direction of an averaged gradient.

Source: Chen et al., "Symbolic Discovery of Optimization Algorithms", NeurIPS 2023,
arXiv 2302.06675, Algorithm 2.

% --8<-- [start:formula]
Initialize: $V_{dw} = 0$, $V_{db} = 0$

On iteration $t$: Compute $dW$, $db$ using the current mini-batch.

$W := W - \alpha \lambda W$, $b := b - \alpha \lambda b$ <-- "decoupled weight decay" $\lambda$

$\Delta_{dw} = \operatorname{sign}(\beta_1 V_{dw} + (1 - \beta_1) dW)$, $\Delta_{db} = \operatorname{sign}(\beta_1 V_{db} + (1 - \beta_1) db)$ <-- "direction" $\beta_1$: only 1, 0 or -1 is left

$W := W - \alpha \Delta_{dw}$, $b := b - \alpha \Delta_{db}$

$V_{dw} = \beta_2 V_{dw} + (1 - \beta_2) dW$, $V_{db} = \beta_2 V_{db} + (1 - \beta_2) db$ <-- "memory" $\beta_2$
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
def lion_step(
    param: np.ndarray,
    grad: np.ndarray,
    state: dict,
    *,
    lr: float = 1e-4,
    betas: tuple[float, float] = (0.9, 0.99),
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> tuple[np.ndarray, dict]:
    """One step of Lion on NumPy arrays, out of place.

    The options are those of `Lion`.

    Args:
        param: the parameter, an array of any shape.
        grad: its gradient, of the same shape.
        state: what the last step returned; an empty dict starts.

    Returns:
        The new parameter and the new state.

    Source:
        Chen et al. 2023, arXiv 2302.06675, Algorithm 2.

    Example:
        >>> param, state = np.array([1.0, -2.0]), {}
        >>> for grad in ([0.5, 0.1], [0.4, -0.3]):
        ...     param, state = lion_step(param, np.array(grad), state, lr=0.1)
        >>> print(param, state["exp_avg"])
        [ 0.8 -2. ] [ 0.00895 -0.00201]
    """
    beta1, beta2 = betas
    step = state.get("step", 0) + 1
    exp_avg = state.get("exp_avg", np.zeros_like(param))
    if maximize:
        grad = -grad

    param = param - lr * weight_decay * param  # 1
    delta = np.sign(beta1 * exp_avg + (1 - beta1) * grad)  # 2
    param = param - lr * delta  # 3
    exp_avg = beta2 * exp_avg + (1 - beta2) * grad  # 4
    return param, {"step": step, "exp_avg": exp_avg}


# --8<-- [end:step]


class Lion(Optimizer):
    """Lion for PyTorch, with the arguments, defaults and state of its authors' class.

    Args:
        params: parameters, named parameters, or groups of either.
        lr: learning rate α, at least 0; as a 0-d tensor it may change under torch.compile.
        betas: decay rates (β₁, β₂) of the direction and of the memory, each in [0, 1).
        weight_decay: λ of the decoupled decay, at least 0; one step shrinks by the factor 1 - αλ.
        maximize: climb instead of descend.
        fused: one kernel for all tensors: None where it pays and can run, True always or an error, False never.
        flags: `foreach`, `capturable`, `differentiable`: refused when set.

    Raises:
        ValueError: an option is out of range or refused, or there are no parameters.
        RuntimeError: a gradient is sparse.

    Source:
        Chen et al. 2023, arXiv 2302.06675, Algorithm 2.

    Example:
        >>> import torch
        >>> weight = torch.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = Lion([weight], lr=0.1)
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
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        fused: bool | None = None,
        **flags: Unpack[Flags],
    ) -> None:
        options = dict(
            lr=lr, betas=betas, weight_decay=weight_decay, maximize=maximize, fused=fused
        )
        super().__init__(params, options, flags)

    def update(self, param, grad, state, group):
        (beta1, beta2), lr, exp_avg = group["betas"], group["lr"], state["exp_avg"]
        param.mul_(1 - lr * group["weight_decay"])
        mixed = exp_avg.lerp(grad, 1 - beta1)
        # torch's sign of NaN is 0, which would hide it.
        param.add_(torch.where(mixed.isnan(), mixed, mixed.sign()), alpha=-lr)
        exp_avg.lerp_(grad, 1 - beta2)
