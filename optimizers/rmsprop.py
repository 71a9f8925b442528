r"""RMSprop: each step is divided by the root of a moving average of squared gradients.

Source: Hinton, Srivastava & Swersky, "Neural Networks for Machine Learning", Coursera, 2012,
[lecture 6e](https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf); ε and weight
decay as in torch.optim.

% --8<-- [start:formula]
Initialize: $S_{dw} = 0$, $S_{db} = 0$

On iteration $t$: Compute $dW$, $db$ using the current mini-batch.

$dW := dW + \lambda W$, $db := db + \lambda b$ <-- "L2 regularization" $\lambda$, zero unless you set it

$S_{dw} = \beta_2 S_{dw} + (1 - \beta_2) dW^2$, $S_{db} = \beta_2 S_{db} + (1 - \beta_2) db^2$ <-- PyTorch calls $\beta_2$ `alpha`

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
def rmsprop_step(
    param: np.ndarray,
    grad: np.ndarray,
    state: dict,
    *,
    lr: float = 1e-2,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> tuple[np.ndarray, dict]:
    """One step of RMSprop on NumPy arrays, out of place.

    The options are those of `RMSprop`.

    Args:
        param: the parameter, an array of any shape.
        grad: its gradient, of the same shape.
        state: what the last step returned; an empty dict starts.

    Returns:
        The new parameter and the new state.

    Source:
        Hinton et al., Coursera, 2012, lecture 6e.

    Example:
        >>> param, state = np.array([1.0, -2.0]), {}
        >>> for grad in ([0.5, 0.1], [0.4, -0.3]):
        ...     param, state = rmsprop_step(param, np.array(grad), state, lr=0.01)
        >>> print(param, state["square_avg"])
        [ 0.83733919 -2.00508413] [0.004075 0.000999]
    """
    step = state.get("step", 0) + 1
    square_avg = state.get("square_avg", np.zeros_like(param))
    if maximize:
        grad = -grad

    grad = grad + weight_decay * param  # 1
    square_avg = alpha * square_avg + (1 - alpha) * grad**2  # 2
    param = param - lr * grad / (np.sqrt(square_avg) + eps)  # 3
    return param, {"step": step, "square_avg": square_avg}


# --8<-- [end:step]


class RMSprop(Optimizer):
    """RMSprop for PyTorch, with `torch.optim.RMSprop`'s arguments, defaults and state.

    Args:
        params: parameters, named parameters, or groups of either.
        lr: learning rate α, at least 0; as a 0-d tensor it may change under torch.compile.
        alpha: β₂, the decay rate of the second moment, in [0, 1]; not the learning rate α.
        eps: ε, added to the root of the second moment, at least 0.
        weight_decay: λ of the L2 penalty, at least 0.
        momentum: refused when set; torch.optim.RMSprop has it.
        centered: refused when set; torch.optim.RMSprop has it.
        capturable: refused when set.
        foreach: refused when set.
        maximize: climb instead of descend.
        differentiable: refused when set.
        fused: one kernel for all tensors: None where it pays and can run, True always or an error, False never.

    Raises:
        ValueError: an option is out of range or refused, or there are no parameters.
        RuntimeError: a gradient is sparse.

    Source:
        Hinton et al., Coursera, 2012, lecture 6e.

    Example:
        >>> import torch
        >>> weight = torch.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = RMSprop([weight], lr=0.01)
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     (weight**4).sum().backward()
        ...     optimizer.step()
        >>> weight.detach()
        tensor([ 0.7973, -1.7839])
    """

    state_names = ("square_avg",)
    fixed: ClassVar = {
        "momentum": Fixed(0.0, "use torch.optim.RMSprop; a scheduler takes cycle_momentum=False"),
        "centered": Fixed(False, "use torch.optim.RMSprop, which has it"),
    }
    reads_step = False

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        *,
        fused: bool | None = None,
    ) -> None:
        options = dict(
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
            maximize=maximize,
            fused=fused,
        )
        super().__init__(
            params,
            options,
            dict(foreach=foreach, capturable=capturable, differentiable=differentiable),
        )

    def update(self, param, grad, state, group):
        alpha, square_avg = group["alpha"], state["square_avg"]
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        square_avg.mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        param.addcdiv_(grad, square_avg.sqrt().add_(group["eps"]), value=-group["lr"])
