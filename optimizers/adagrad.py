r"""Adagrad: each step is divided by the root of the sum of all squared gradients so far.

Source: Duchi, Hazan & Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
Optimization", [JMLR 12, 2011](https://jmlr.org/papers/v12/duchi11a.html), the diagonal version;
weight decay as in torch.optim.

% --8<-- [start:formula]
Initialize: $S_{dw} = 0$, $S_{db} = 0$

On iteration $t$: Compute $dW$, $db$ using the current mini-batch.

$dW := dW + \lambda W$, $db := db + \lambda b$ <-- "L2 regularization" $\lambda$, zero unless you set it

$S_{dw} = S_{dw} + dW^2$, $S_{db} = S_{db} + db^2$ <-- the sum of all squares so far

$W := W - \alpha \frac{dW}{\sqrt{S_{dw}} + \epsilon}$, $b := b - \alpha \frac{db}{\sqrt{S_{db}} + \epsilon}$
% --8<-- [end:formula]
"""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
from torch import Tensor

from ._numpy import real_arrays
from ._optimizer import Fixed, Optimizer


@real_arrays
# --8<-- [start:step]
def adagrad_step(
    param: np.ndarray,
    grad: np.ndarray,
    state: dict,
    *,
    lr: float = 1e-2,
    weight_decay: float = 0.0,
    eps: float = 1e-10,
    maximize: bool = False,
) -> tuple[np.ndarray, dict]:
    """One step of Adagrad on NumPy arrays, out of place.

    The options are those of `Adagrad`.

    Args:
        param: the parameter, an array of any shape.
        grad: its gradient, of the same shape.
        state: what the last step returned; an empty dict starts.

    Returns:
        The new parameter and the new state.

    Source:
        Duchi et al., JMLR 12, 2011, the diagonal version.

    Example:
        >>> param, state = np.array([1.0, -2.0]), {}
        >>> for grad in ([0.5, 0.1], [0.4, -0.3]):
        ...     param, state = adagrad_step(param, np.array(grad), state, lr=0.1)
        >>> print(param, state["sum"])
        [ 0.8375305  -2.00513167] [0.41 0.1 ]
    """
    step = state.get("step", 0) + 1
    sum = state.get("sum", np.zeros_like(param))
    if maximize:
        grad = -grad

    grad = grad + weight_decay * param  # 1
    sum = sum + grad**2  # 2
    param = param - lr * grad / (np.sqrt(sum) + eps)  # 3
    return param, {"step": step, "sum": sum}


# --8<-- [end:step]


class Adagrad(Optimizer):
    """Adagrad for PyTorch, with `torch.optim.Adagrad`'s arguments, defaults and state.

    Args:
        params: parameters, named parameters, or groups of either.
        lr: learning rate α, at least 0; as a 0-d tensor it may change under torch.compile.
        lr_decay: refused when set; torch.optim.lr_scheduler lowers a learning rate.
        weight_decay: λ of the L2 penalty, at least 0.
        initial_accumulator_value: refused when set; torch.optim.Adagrad has it.
        eps: ε, added to the root of the sum, at least 0.
        foreach: refused when set.
        capturable: refused when set.
        maximize: climb instead of descend.
        differentiable: refused when set.
        fused: one kernel for all tensors: None where it pays and can run, True always or an error, False never.

    Raises:
        ValueError: an option is out of range or refused, or there are no parameters.
        RuntimeError: a gradient is sparse.

    Source:
        Duchi et al., JMLR 12, 2011, the diagonal version.

    Example:
        >>> import torch
        >>> weight = torch.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = Adagrad([weight], lr=0.1)
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     (weight**4).sum().backward()
        ...     optimizer.step()
        >>> weight.detach()
        tensor([ 0.7978, -1.7843])
    """

    state_names = ("sum",)
    fixed: ClassVar = {
        "lr_decay": Fixed(0.0, "use torch.optim.lr_scheduler"),
        "initial_accumulator_value": Fixed(0.0, "use torch.optim.Adagrad, which has it"),
    }
    reads_step = False

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        options = dict(
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
            maximize=maximize,
            fused=fused,
        )
        super().__init__(
            params,
            options,
            dict(foreach=foreach, capturable=capturable, differentiable=differentiable),
        )

    def update(self, param, grad, state, group):
        total = state["sum"]
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        total.addcmul_(grad, grad)
        param.addcdiv_(grad, total.sqrt().add_(group["eps"]), value=-group["lr"])
