r"""LAMB: AdamW whose step has a length for each tensor: a share of the length of the weights.

Source: You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes",
ICLR 2020, arXiv 1904.00962, Algorithm 2, with the identity as φ; norms of zero as in optax.lamb.

% --8<-- [start:formula]
Initialize: $V_{dw} = 0$, $S_{dw} = 0$, $V_{db} = 0$, $S_{db} = 0$

On iteration $t$: Compute $dW$, $db$ using the current mini-batch.

$V_{dw} = \beta_1 V_{dw} + (1 - \beta_1) dW$, $V_{db} = \beta_1 V_{db} + (1 - \beta_1) db$ <-- "momentum" $\beta_1$

$S_{dw} = \beta_2 S_{dw} + (1 - \beta_2) dW^2$, $S_{db} = \beta_2 S_{db} + (1 - \beta_2) db^2$ <-- "RMSprop" $\beta_2$

$V_{dw}^{\text{corrected}} = V_{dw} / (1 - \beta_1^t)$, $V_{db}^{\text{corrected}} = V_{db} / (1 - \beta_1^t)$

$S_{dw}^{\text{corrected}} = S_{dw} / (1 - \beta_2^t)$, $S_{db}^{\text{corrected}} = S_{db} / (1 - \beta_2^t)$

$\Delta_{dw} = \frac{V_{dw}^{\text{corrected}}}{\sqrt{S_{dw}^{\text{corrected}}} + \epsilon} + \lambda W$, $\Delta_{db} = \frac{V_{db}^{\text{corrected}}}{\sqrt{S_{db}^{\text{corrected}}} + \epsilon} + \lambda b$ <-- Adam's direction, and "weight decay" $\lambda$

$r_{dw} = \begin{cases} \frac{\lVert W \rVert}{\lVert \Delta_{dw} \rVert} & \text{if } \min(\lVert W \rVert, \lVert \Delta_{dw} \rVert) > 0 \\ 1 & \text{otherwise} \end{cases}$, $r_{db} = \begin{cases} \frac{\lVert b \rVert}{\lVert \Delta_{db} \rVert} & \text{if } \min(\lVert b \rVert, \lVert \Delta_{db} \rVert) > 0 \\ 1 & \text{otherwise} \end{cases}$ <-- "trust ratio", one number for a tensor

$W := W - \alpha r_{dw} \Delta_{dw}$, $b := b - \alpha r_{db} \Delta_{db}$
% --8<-- [end:formula]
"""

from collections.abc import Iterable
from typing import ClassVar, Unpack

import numpy as np
import torch
from torch import Tensor

from ._numpy import real_arrays
from ._optimizer import Fixed, Flags, Optimizer


@real_arrays
# --8<-- [start:step]
def lamb_step(
    param: np.ndarray,
    grad: np.ndarray,
    state: dict,
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-6,
    weight_decay: float = 1e-2,
    maximize: bool = False,
) -> tuple[np.ndarray, dict]:
    """One step of LAMB on NumPy arrays, out of place.

    The options are those of `LAMB`.

    Args:
        param: the parameter, an array of any shape.
        grad: its gradient, of the same shape.
        state: what the last step returned; an empty dict starts.

    Returns:
        The new parameter and the new state.

    Source:
        You et al., arXiv 1904.00962, Algorithm 2.

    Example:
        >>> param, state = np.array([1.0, -2.0]), {}
        >>> for grad in ([0.5, 0.1], [0.4, -0.3]):
        ...     param, state = lamb_step(param, np.array(grad), state, lr=0.1)
        >>> print(param, state["exp_avg"], state["exp_avg_sq"])
        [ 0.63406409 -2.04937889] [ 0.085 -0.021] [4.0975e-04 9.9990e-05]
    """
    beta1, beta2 = betas
    step = state.get("step", 0) + 1
    exp_avg = state.get("exp_avg", np.zeros_like(param))
    exp_avg_sq = state.get("exp_avg_sq", np.zeros_like(param))
    if maximize:
        grad = -grad

    exp_avg = beta1 * exp_avg + (1 - beta1) * grad  # 1
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad**2  # 2
    exp_avg_corrected = exp_avg / (1 - beta1**step)  # 3
    exp_avg_sq_corrected = exp_avg_sq / (1 - beta2**step)  # 4
    delta = exp_avg_corrected / (np.sqrt(exp_avg_sq_corrected) + eps) + weight_decay * param  # 5
    weight_norm, norm = np.linalg.norm(param), np.linalg.norm(delta)
    trust_ratio = weight_norm / norm if min(weight_norm, norm) > 0 else 1.0  # 6
    param = param - lr * trust_ratio * delta  # 7
    return param, {"step": step, "exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}


# --8<-- [end:step]


class LAMB(Optimizer):
    """LAMB for PyTorch. A tensor is a layer: its norm is that of all its elements.

    Args:
        params: parameters, named parameters, or groups of either.
        lr: learning rate α, at least 0; as a 0-d tensor it may change under torch.compile.
        betas: decay rates (β₁, β₂) of the two moments, each in [0, 1).
        eps: ε, added to the root of the second moment, at least 0.
        weight_decay: λ, at least 0: the decay's share of the direction, before the trust ratio.
        always_adapt: True, which is what this class is: the ratio is taken without decay, too.
        maximize: climb instead of descend.
        fused: None and False are the plain step; True is refused, since a kernel sees no norm of a whole tensor.
        flags: `foreach`, `capturable`, `differentiable`: refused when set.

    Raises:
        ValueError: an option is out of range or refused, or there are no parameters.
        RuntimeError: a gradient is sparse.

    Source:
        You et al., arXiv 1904.00962, Algorithm 2.

    Example:
        >>> import torch
        >>> weight = torch.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = LAMB([weight], lr=0.1)
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     (weight**4).sum().backward()
        ...     optimizer.step()
        >>> weight.detach()
        tensor([ 0.5784, -1.5598])
    """

    state_names = ("exp_avg", "exp_avg_sq")
    fixed: ClassVar = {
        # As timm calls it; by it a saved state is told from AdamW's.
        "always_adapt": Fixed(True, "use AdamW for what has no trust ratio"),
    }

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 1e-2,
        *,
        always_adapt: bool = True,
        maximize: bool = False,
        fused: bool | None = None,
        **flags: Unpack[Flags],
    ) -> None:
        options = dict(
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            always_adapt=always_adapt,
            maximize=maximize,
            fused=fused,
        )
        super().__init__(params, options, flags)

    def update(self, param, grad, state, group):
        (beta1, beta2), lr, step = group["betas"], group["lr"], state["step"]
        exp_avg, exp_avg_sq = state["exp_avg"], state["exp_avg_sq"]
        exp_avg.lerp_(grad, 1 - beta1)
        exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        denom = exp_avg_sq.sqrt().div_((1 - beta2**step) ** 0.5).add_(group["eps"])
        delta = torch.div(exp_avg, denom, out=denom).mul_(1 / (1 - beta1**step))
        delta.add_(param, alpha=group["weight_decay"])
        weight_norm, norm = torch.linalg.vector_norm(param), torch.linalg.vector_norm(delta)
        trust_ratio = torch.where(torch.minimum(weight_norm, norm) > 0, weight_norm / norm, 1.0)
        param.addcmul_(trust_ratio, delta, value=-lr)
