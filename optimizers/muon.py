r"""Muon: momentum whose step is made orthogonal, for the weight matrices of hidden layers.

Source: Jordan, Jin, Boza, You, Cesista, Newhouse & Bernstein, "Muon: An optimizer for hidden layers in neural networks", 2024, [kellerjordan.github.io/posts/muon](https://kellerjordan.github.io/posts/muon/); weight decay: Liu et al., "Muon is Scalable for LLM Training", 2025, arXiv 2502.16982; written as in torch.optim.Muon.

% --8<-- [start:formula]
Initialize: $V_{dw} = 0$

On iteration $t$: Compute $dW$ using the current mini-batch.

$V_{dw} = \mu V_{dw} + (1 - \mu) dW$ <-- "momentum" $\mu$

$X = \mu V_{dw} + (1 - \mu) dW$ <-- "Nesterov": one step ahead

$X := \frac{X}{\max(\lVert X \rVert_F, \epsilon)}$ <-- so that no singular value is above 1

Repeat $K$ times: $A = X X^\top$, $X := a_1 X + (a_3 A + a_5 A A) X$ <-- "Newton–Schulz": every singular value towards 1

$W := W - \alpha \lambda W$ <-- "decoupled weight decay" $\lambda$

$W := W - \alpha \sqrt{\max(1, \frac{n_{\text{rows}}}{n_{\text{columns}}})} X$
% --8<-- [end:formula]
"""

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from ._optimizer import INVALID, Optimizer


# --8<-- [start:step]
def muon_step(
    param,
    grad,
    state,
    *,
    lr=1e-3,
    weight_decay=0.1,
    momentum=0.95,
    ns_coefficients=(3.4445, -4.7750, 2.0315),
    eps=1e-7,
    ns_steps=5,
    maximize=False,
):
    """One step of Muon on a NumPy matrix, out of place.

    Args:
        param: the parameter, a matrix.
        grad: its gradient, of the same shape.
        state: what the last step returned; an empty dict starts.
        lr: learning rate α, at least 0.
        weight_decay: λ of the decoupled decay, at least 0; one step shrinks by the factor 1 - αλ.
        momentum: μ, the share of the momentum that is kept, in (0, 1).
        ns_coefficients: (a₁, a₃, a₅) of the polynomial a₁x + a₃x³ + a₅x⁵.
        eps: ε, at least 0; below it, the direction is not made as long as 1.
        ns_steps: K, how often the polynomial is applied, from 0 to 99.
        maximize: climb instead of descend.

    Returns:
        The new parameter and the new state.

    Source:
        Jordan et al. 2024, kellerjordan.github.io/posts/muon; decay Liu et al. 2025,
        arXiv 2502.16982.

    Example:
        >>> param, state = np.array([[1.0, -2.0], [0.5, 3.0]]), {}
        >>> for grad in ([[0.5, 0.1], [0.2, -0.4]], [[0.4, -0.3], [0.1, 0.2]]):
        ...     param, state = muon_step(param, np.array(grad), state, lr=0.1)
        >>> print(param, state["momentum_buffer"])
        [[ 0.82170778 -1.93371698]
         [ 0.40589981  2.95151361]] [[ 0.04375 -0.01025]
         [ 0.0145  -0.009  ]]
    """
    (a1, a3, a5), (rows, columns) = ns_coefficients, param.shape
    step = state.get("step", 0) + 1
    momentum_buffer = state.get("momentum_buffer", np.zeros_like(param))
    if maximize:
        grad = -grad

    momentum_buffer = momentum * momentum_buffer + (1 - momentum) * grad  # 1
    update = momentum * momentum_buffer + (1 - momentum) * grad  # 2
    update = update / max(np.linalg.norm(update), eps)  # 3
    for _ in range(ns_steps):
        gram = update @ update.T  # 4
        update = a1 * update + (a3 * gram + a5 * gram @ gram) @ update
    param = param - lr * weight_decay * param  # 5
    param = param - lr * np.sqrt(max(1, rows / columns)) * update  # 6
    return param, {"step": step, "momentum_buffer": momentum_buffer}


# --8<-- [end:step]


class Muon(Optimizer):
    """Muon for PyTorch, with the arguments, defaults and state layout of `torch.optim.Muon`.

    The iteration runs in the parameter's dtype, float32 at least, where torch rounds to bfloat16:
    so it is the formula's. On a GPU, `torch.set_float32_matmul_precision` trades that for speed.

    Args:
        params: matrices, named matrices, or groups of either; the rest is for another optimizer.
        lr: learning rate α, at least 0; as a 0-d tensor it may change under torch.compile.
        weight_decay: λ of the decoupled decay, at least 0; one step shrinks by the factor 1 - αλ.
        momentum: μ, the share of the momentum that is kept, in (0, 1).
        ns_coefficients: (a₁, a₃, a₅) of the polynomial a₁x + a₃x³ + a₅x⁵.
        eps: ε, at least 0; below it, the direction is not made as long as 1.
        ns_steps: K, how often the polynomial is applied, from 0 to 99.
        maximize: climb instead of descend.
        flags: `nesterov=False`, `adjust_lr_fn`: refused when set.

    Raises:
        ValueError: a parameter is no matrix, an option is out of range or refused, or there are
            no parameters.
        RuntimeError: a parameter is complex, or a gradient is sparse.

    Source:
        Jordan et al. 2024, kellerjordan.github.io/posts/muon; decay Liu et al. 2025,
        arXiv 2502.16982.

    Example:
        >>> import torch
        >>> weight = torch.tensor([[1.0, -2.0], [0.5, 3.0]], requires_grad=True)
        >>> optimizer = Muon([weight], lr=0.1)
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     (weight**4).sum().backward()
        ...     optimizer.step()
        >>> weight.detach()
        tensor([[ 0.6684, -1.8819],
                [ 0.3945,  2.7124]])
    """

    state_names = ("momentum_buffer",)
    fixed: ClassVar = {"nesterov": True, "adjust_lr_fn": None}
    reads_step = False
    # As torch words them here.
    invalid: ClassVar = {
        **INVALID,
        "lr": "Learning rate should be >= 0 but is: {}",
        "momentum": "momentum should be >= 0 but is: {}",
        "weight_decay": "weight decay should be >= 0 but is: {}",
    }

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        *,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        maximize: bool = False,
        **flags: bool | None,
    ) -> None:
        defaults = dict(
            lr=lr,
            weight_decay=weight_decay,
            momentum=momentum,
            ns_coefficients=ns_coefficients,
            eps=eps,
            ns_steps=ns_steps,
            maximize=maximize,
        )
        super().__init__(params, defaults, **flags)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of matrices; its own options are checked like the constructor's."""
        super().add_param_group(param_group)
        try:
            for param in self.param_groups[-1]["params"]:
                if param.is_complex():
                    raise RuntimeError("Muon does not support complex parameters")
                if param.ndim != 2:
                    raise ValueError(
                        "Muon only supports 2D parameters whereas we found a parameter with size: "
                        f"{param.size()}"
                    )
        except Exception:
            self.param_groups.pop()
            raise

    def _check_group(self, group: dict[str, Any]) -> None:
        super()._check_group(group)
        if len(group.get("ns_coefficients", (0, 0, 0))) != 3:
            raise ValueError("Coefficients must be a tuple of exactly 3 values")
        if group.get("ns_steps", 0) not in range(100):
            raise ValueError(
                "Number of steps must be less than 100 for computational efficiency, and at least "
                f"0: {group['ns_steps']}"
            )

    def update(self, param, grad, state, group):
        lr, momentum, (rows, columns) = group["lr"], group["momentum"], param.shape
        momentum_buffer = state["momentum_buffer"].lerp_(grad, 1 - momentum)
        update = grad.lerp(momentum_buffer, momentum).contiguous()
        if rows > columns:
            # The same the other way round, with smaller products.
            update = update.T
        update = update.div(update.norm().clamp(min=group["eps"]))
        a1, a3, a5 = group["ns_coefficients"]
        for _ in range(group["ns_steps"]):
            gram = update @ update.T
            update = update.addmm(gram.addmm(gram, gram, beta=a3, alpha=a5), update, beta=a1)
        if rows > columns:
            update = update.T
        param.mul_(1 - lr * group["weight_decay"])
        param.add_(update, alpha=-(lr * max(1, rows / columns) ** 0.5))
