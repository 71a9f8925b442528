"""What the PyTorch optimizers share: groups, closure, state and checks."""

import math
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor

INVALID = {
    "lr": "Invalid learning rate: {}",
    "eps": "Invalid epsilon value: {}",
    "weight_decay": "Invalid weight_decay value: {}",
    "clip_exp": "Invalid clip_exp value: {}",
}


def check_options(options: dict[str, Any]) -> None:
    """Refuse what no optimizer here can use, in torch.optim's words.

    Raises:
        ValueError: an option is negative, infinite or NaN, or a beta is outside [0, 1).

    Example:
        >>> check_options({"lr": 1e-3, "betas": (0.9, 1.0)})
        Traceback (most recent call last):
        ValueError: Invalid beta parameter at index 1: 1.0
    """
    for name, message in INVALID.items():
        value = options.get(name)
        # Infinity passes `0 <= value`, yet one step with it turns parameters into NaN.
        if value is not None and not 0.0 <= value < math.inf:
            raise ValueError(message.format(value))
    for index, beta in enumerate(options.get("betas", ())):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {index}: {beta}")


class Optimizer(torch.optim.Optimizer):
    """The loop around one optimizer's `update`: a subclass adds a constructor and that function.

    Args:
        params: parameters, named parameters, or groups of either.
        defaults: the options of a group that does not set them itself.

    Raises:
        ValueError: an option is out of range, or there are no parameters.
    """

    state_names: ClassVar[tuple[str, ...]]

    def __init__(self, params: Iterable, defaults: dict[str, Any]) -> None:
        check_options(defaults)
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group; its own options are checked like the constructor's."""
        if isinstance(param_group, dict):
            check_options(param_group)
        super().add_param_group(param_group)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Args:
            closure: recomputes the loss and the gradients, and returns the loss.

        Returns:
            The closure's loss, or None.

        Raises:
            RuntimeError: a gradient is sparse.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    self._step_one(param, param.grad, group)
        return loss

    def _step_one(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        if grad.is_sparse:
            raise RuntimeError(f"{type(self).__name__} does not support sparse gradients")
        state = self.state[param]
        if not state:
            state["step"] = torch.tensor(0.0)
            for name in self.state_names:
                state[name] = torch.zeros_like(param, memory_format=torch.preserve_format)
        state["step"] += 1
        self.update(param, -grad if group["maximize"] else grad, state, group)

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], group: dict[str, Any]):
        """Move one parameter in place; `state["step"]` already counts this call."""
        raise NotImplementedError
