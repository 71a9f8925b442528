r"""ADOPT: the gradient is normalized by the second moment of earlier gradients, then averaged.

Source: Taniguchi et al., "ADOPT: Modified Adam Can Converge with Any β₂ with the Optimal Rate",
NeurIPS 2024, arXiv 2411.02853, Algorithm 2 (clipped); weight decay as in the authors' code.

% --8<-- [start:formula]
Initialize: Compute $dW$, $db$ using the first mini-batch. They fill $S$ only; $W$ and $b$ do not move.

$dW := dW + (1 - \delta) \lambda W$, $db := db + (1 - \delta) \lambda b$

$V_{dw} = 0$, $S_{dw} = dW^2$, $V_{db} = 0$, $S_{db} = db^2$

On iteration $t$: Compute $dW$, $db$ using the current mini-batch.

$dW := dW + (1 - \delta) \lambda W$, $db := db + (1 - \delta) \lambda b$ <-- "L2 regularization" $\lambda$, unless decoupled

$W := W - \alpha \delta \lambda W$, $b := b - \alpha \delta \lambda b$ <-- "decoupled weight decay" $\lambda$, if decoupled

$dW^{\text{clipped}} = \operatorname{clip}\left(\frac{dW}{\max(\sqrt{S_{dw}}, \epsilon)}, -t^{c}, t^{c}\right)$, $db^{\text{clipped}} = \operatorname{clip}\left(\frac{db}{\max(\sqrt{S_{db}}, \epsilon)}, -t^{c}, t^{c}\right)$ <-- "normalize" by the old $S$, then clip

$V_{dw} = \beta_1 V_{dw} + (1 - \beta_1) dW^{\text{clipped}}$, $V_{db} = \beta_1 V_{db} + (1 - \beta_1) db^{\text{clipped}}$ <-- "momentum" $\beta_1$

$W := W - \alpha V_{dw}$, $b := b - \alpha V_{db}$

$S_{dw} = \beta_2 S_{dw} + (1 - \beta_2) dW^2$, $S_{db} = \beta_2 S_{db} + (1 - \beta_2) db^2$ <-- "RMSprop" $\beta_2$, only now
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
def adopt_step(
    param: np.ndarray,
    grad: np.ndarray,
    state: dict,
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.9999),
    eps: float = 1e-6,
    weight_decay: float = 0.0,
    decouple: bool = False,
    clip_exp: float | None = 0.25,
    maximize: bool = False,
) -> tuple[np.ndarray, dict]:
    """One step of ADOPT on NumPy arrays, out of place; the first fills the second moment only.

    The options are those of `ADOPT`.

    Args:
        param: the parameter, an array of any shape.
        grad: its gradient, of the same shape.
        state: what the last step returned; an empty dict starts.

    Returns:
        The new parameter and the new state.

    Source:
        Taniguchi et al., arXiv 2411.02853, Algorithm 2; clip_exp=None is the paper's first version.

    Example:
        >>> param, state = np.array([1.0, -2.0]), {}
        >>> for grad in ([0.5, 0.1], [0.4, -0.3], [0.2, 0.1]):
        ...     param, state = adopt_step(param, np.array(grad), state, lr=0.1)
        >>> print(param, state["exp_avg"], state["exp_avg_sq"])
        [ 0.98079993 -1.990996  ] [0.11200072 0.00996002] [0.24997  0.010008]
    """
    beta1, beta2 = betas
    step = state.get("step", 0)
    if maximize:
        grad = -grad

    if not decouple:
        grad = grad + weight_decay * param  # 1
    if step == 0:
        return param, {"step": 1, "exp_avg": np.zeros_like(param), "exp_avg_sq": grad**2}
    if decouple:
        param = param - lr * weight_decay * param  # 2
    normed_grad = grad / np.maximum(np.sqrt(state["exp_avg_sq"]), eps)  # 3
    if clip_exp is not None:
        normed_grad = np.clip(normed_grad, -(step**clip_exp), step**clip_exp)
    exp_avg = beta1 * state["exp_avg"] + (1 - beta1) * normed_grad  # 4
    param = param - lr * exp_avg  # 5
    exp_avg_sq = beta2 * state["exp_avg_sq"] + (1 - beta2) * grad**2  # 6
    return param, {"step": step + 1, "exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}


# --8<-- [end:step]


class ADOPT(Optimizer):
    """ADOPT for PyTorch, with the official class's arguments, defaults and state.

    The official `clip_lambda`, a function, is here the exponent `clip_exp`: it can be saved,
    copied and set per group.

    Args:
        params: parameters, named parameters, or groups of either.
        lr: learning rate α, at least 0; as a 0-d tensor it may change under torch.compile.
        betas: decay rates (β₁, β₂) of the two moments, each in [0, 1).
        eps: ε, the least that a gradient is divided by, at least 0.
        weight_decay: λ, at least 0: of the L2 penalty, or of decoupled decay.
        decouple: δ, whether decay is taken out of the gradient, as in AdamW.
        clip_exp: c, at least 0: normalized gradients are clipped to ±t^c; None does not clip.
        maximize: climb instead of descend.
        fused: one kernel for all tensors: None where it pays and can run, True always or an error, False never.
        flags: `foreach`, `capturable`, `differentiable`: refused when set.

    Raises:
        ValueError: an option is out of range or refused, or there are no parameters.
        RuntimeError: a gradient is sparse.

    Source:
        Taniguchi et al., arXiv 2411.02853, Algorithm 2; clip_exp=None is the paper's first version.

    Example:
        >>> import torch
        >>> weight = torch.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = ADOPT([weight], lr=0.1)
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     (weight**4).sum().backward()
        ...     optimizer.step()
        >>> weight.detach()
        tensor([ 0.9713, -1.9711])
    """

    state_names = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.9999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        decouple: bool = False,
        *,
        clip_exp: float | None = 0.25,
        maximize: bool = False,
        fused: bool | None = None,
        **flags: Unpack[Flags],
    ) -> None:
        options = dict(
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            decouple=decouple,
            clip_exp=clip_exp,
            maximize=maximize,
            fused=fused,
        )
        if "clip_lambda" in flags:
            raise TypeError(
                "ADOPT takes clip_exp, the exponent of the bound, in place of clip_lambda"
            )
        super().__init__(params, options, flags)

    def first_update(self, param, grad, state, group):
        if group["weight_decay"] != 0 and not group["decouple"]:
            grad = grad.add(param, alpha=group["weight_decay"])
        state["exp_avg_sq"].addcmul_(grad, grad)

    def update(self, param, grad, state, group):
        (beta1, beta2), lr, decay = group["betas"], group["lr"], group["weight_decay"]
        exp_avg, exp_avg_sq, step = state["exp_avg"], state["exp_avg_sq"], state["step"] - 1
        if decay != 0 and group["decouple"]:
            param.add_(param, alpha=-lr * decay)
        elif decay != 0:
            grad = grad.add(param, alpha=decay)
        normed_grad = exp_avg_sq.sqrt().clamp_(min=group["eps"])
        torch.div(grad, normed_grad, out=normed_grad)
        if group["clip_exp"] is not None:
            bound = step ** group["clip_exp"]
            normed_grad.clamp_(-bound, bound)
        exp_avg.lerp_(normed_grad, 1 - beta1)
        param.add_(exp_avg, alpha=-lr)
        exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
