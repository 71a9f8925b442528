r"""Muon: momentum whose step is made orthogonal, for the weight matrices of hidden layers.

Source: Jordan, Jin, Boza, You, Cesista, Newhouse & Bernstein, "Muon: An optimizer for hidden layers in neural networks", 2024, [kellerjordan.github.io/posts/muon](https://kellerjordan.github.io/posts/muon/); weight decay, the first of the two techniques of Liu et al., "Muon is Scalable for LLM Training", 2025, arXiv 2502.16982; written as in torch.optim.Muon.

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

import math
from collections.abc import Iterable
from typing import Any, ClassVar, Unpack

import numpy as np
import torch
from torch import Tensor
from torch.compiler import is_compiling
from torch.nn import Parameter

from ._numpy import real_arrays
from ._optimizer import Fixed, Flags, Optimizer

# Matrices of one shape and of at most so many elements are orthogonalized in one batched product.
# On two CPU cores it takes 24 matrices of 64 x 64 a third of the time, of 512 x 1024 no less.
TOGETHER = 65_536


@real_arrays
# --8<-- [start:step]
def muon_step(
    param: np.ndarray,
    grad: np.ndarray,
    state: dict,
    *,
    lr: float = 1e-3,
    weight_decay: float = 0.1,
    momentum: float = 0.95,
    ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
    eps: float = 1e-7,
    ns_steps: int = 5,
    maximize: bool = False,
) -> tuple[np.ndarray, dict]:
    """One step of Muon on a NumPy matrix, out of place.

    The options are those of `Muon`.

    Args:
        param: the parameter, a matrix.
        grad: its gradient, of the same shape.
        state: what the last step returned; an empty dict starts.

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
    """Muon for PyTorch, with `torch.optim.Muon`'s defaults and state, and Nesterov's momentum only.

    The iteration runs in the parameter's dtype, float32 at least, which is the formula's result.
    With `ns_dtype=torch.bfloat16` it is rounded as torch.optim.Muon rounds it.

    Args:
        params: matrices, named matrices, or groups of either; the rest is for another optimizer.
        lr: learning rate α, at least 0; as a 0-d tensor it may change under torch.compile.
        weight_decay: λ of the decoupled decay, at least 0; one step shrinks by the factor 1 - αλ.
        momentum: μ, the share of the momentum that is kept, in (0, 1).
        nesterov: True, which is what this class is.
        ns_coefficients: (a₁, a₃, a₅) of the polynomial a₁x + a₃x³ + a₅x⁵.
        eps: ε, at least 0; below it, the direction is not made as long as 1.
        ns_steps: K, how often the polynomial is applied, from 0 to 99.
        adjust_lr_fn: "original", which is the scale of the formula; None means the same.
        ns_dtype: the dtype of the iteration, a floating one; None for the parameter's, float32 at least.
        maximize: climb instead of descend.
        fused: None multiplies small matrices of one shape together, False one after the other; True is refused, since no kernel takes whole matrices.
        flags: `foreach`, `capturable`, `differentiable`: refused when set.

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
    fixed: ClassVar = {
        "nesterov": Fixed(True, "use torch.optim.Muon, which can do without"),
        "adjust_lr_fn": Fixed(None, "use torch.optim.Muon, which has other scales", ("original",)),
    }
    reads_step = False
    refusals: ClassVar = {
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
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
        *,
        ns_dtype: torch.dtype | None = None,
        maximize: bool = False,
        fused: bool | None = None,
        **flags: Unpack[Flags],
    ) -> None:
        options = dict(
            lr=lr,
            weight_decay=weight_decay,
            momentum=momentum,
            nesterov=nesterov,
            ns_coefficients=ns_coefficients,
            eps=eps,
            ns_steps=ns_steps,
            adjust_lr_fn=adjust_lr_fn,
            ns_dtype=ns_dtype,
            maximize=maximize,
            fused=fused,
        )
        super().__init__(params, options, flags)

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
        if (dtype := group.get("ns_dtype")) is not None and not dtype.is_floating_point:
            raise ValueError(f"ns_dtype must be a floating dtype: {dtype}")

    def update(self, param, grad, state, group):
        direction = self._direction(grad, state, group)
        self._move(param, self._orthogonalized(direction, group), group)

    def _direction(self, grad, state, group):
        """The momentum, one step ahead, in the dtype of the iteration."""
        momentum = group["momentum"]
        momentum_buffer = state["momentum_buffer"].lerp_(grad, 1 - momentum)
        return grad.lerp(momentum_buffer, momentum).to(group["ns_dtype"] or grad.dtype).contiguous()

    @staticmethod
    def _orthogonalized(update, group):
        """Apply the Newton–Schulz iteration to a matrix, or to each of a stack of matrices."""
        rows, columns = update.shape[-2:]
        # The same the other way round, with smaller products.
        update = update.mT if rows > columns else update
        update = update / update.norm(dim=(-2, -1), keepdim=True).clamp(min=group["eps"])
        a1, a3, a5 = group["ns_coefficients"]
        add_product = torch.addmm if update.ndim == 2 else torch.baddbmm
        for _ in range(group["ns_steps"]):
            gram = update @ update.mT
            polynomial = add_product(gram, gram, gram, beta=a3, alpha=a5)
            update = add_product(update, polynomial, update, beta=a1)
        return update.mT if rows > columns else update

    def _move(self, param, update, group):
        """Decay a matrix and add its step."""
        lr, (rows, columns) = group["lr"], param.shape
        param.mul_(1 - lr * group["weight_decay"])
        param.add_(update, alpha=-(lr * math.sqrt(max(1, rows / columns))))

    def _step_plainly(self, params: list[Tensor], group: dict[str, Any]) -> None:
        stacks: dict[Any, list[Tensor]] = {}
        for param in params:
            ordinary = type(param) in (Tensor, Parameter)
            together = ordinary and group["fused"] is not False and param.numel() <= TOGETHER
            kind = (param.shape, param.dtype, param.device) if together else id(param)
            stacks.setdefault(kind, []).append(param)
        for stack in stacks.values():
            if (
                len(stack) == 1
                or is_compiling()
                or type(self).update is not Muon.update
                or "update" in vars(self)
            ):
                super()._step_plainly(stack, group)
                continue
            works, grads, states = zip(*(self._begin(param, group) for param in stack), strict=True)
            directions = map(self._direction, grads, states, [group] * len(stack))
            updates = self._orthogonalized(torch.stack(list(directions)), group)
            for param, work, update in zip(stack, works, updates, strict=True):
                self._move(work, update, group)
                self._end(param, work)
