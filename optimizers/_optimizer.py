"""What the PyTorch optimizers share: groups, closure, state and checks."""

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.compiler import is_compiling

from . import _fused
from ._layout import sealed

INVALID = {
    "lr": "Invalid learning rate: {}",
    "eps": "Invalid epsilon value: {}",
    "momentum": "Invalid momentum value: {}",
    "weight_decay": "Invalid weight_decay value: {}",
    "alpha": "Invalid alpha value: {}",
    "rho": "Invalid rho value: {}",
    "lr_decay": "Invalid lr_decay value: {}",
    "initial_accumulator_value": "Invalid initial_accumulator_value value: {}",
    "momentum_decay": "Invalid momentum_decay value: {}",
    "clip_exp": "Invalid clip_exp value: {}",
}

# Flags of torch.optim that say how to compute, not what; a saved one does not matter here.
HOW = {
    "foreach": "leave it out, or use fused=True for one kernel",
    "capturable": "use torch.compile(optimizer.step) instead of a graph capture",
    "differentiable": "use the class of torch.optim, which has it",
}
INSTEAD = {
    "amsgrad": "use ADOPT, which converges without it, or use AMSGrad",
    "decoupled_weight_decay": "use AdamW",
    "nesterov": "use Nesterov",
    "momentum": "use Momentum",
    "dampening": "use a smaller lr, which does the same but for the first gradient",
    "centered": "use torch.optim.RMSprop, which has it",
    "lr_decay": "use torch.optim.lr_scheduler",
    "initial_accumulator_value": "use torch.optim.Adagrad, which has it",
    "adjust_lr_fn": 'leave it out, which is "original", or use torch.optim.Muon, which has others',
    **HOW,
}
# By these a saved group tells of which algorithm it is.
MARKS = (
    *(*INVALID, "betas", "ns_coefficients", "ns_steps"),
    *("amsgrad", "decoupled_weight_decay", "decouple", "dampening", "nesterov"),
)


def check_options(options: dict[str, Any], invalid: dict[str, str] = INVALID) -> None:
    """Refuse what no optimizer can use, in torch.optim's words where it has any.

    Args:
        options: some of an optimizer's options.
        invalid: what to say of each.

    Raises:
        ValueError: an option is negative, infinite or NaN, or a beta is outside [0, 1).

    Example:
        >>> check_options({"lr": 1e-3, "betas": (0.9, 1.0)})
        Traceback (most recent call last):
        ValueError: Invalid beta parameter at index 1: 1.0
    """
    if isinstance(options.get("lr"), Tensor) and options["lr"].numel() != 1:
        raise ValueError(f"Tensor lr must be 1-element: {options['lr']}")
    for name, message in invalid.items():
        value = options.get(name, 0.0)
        if name == "clip_exp" and value is None:
            continue
        # Infinity passes `0 <= value`, yet one step with it turns parameters into NaN.
        # So does a decay rate beyond 1, with which an average of squares falls below zero.
        if not 0.0 <= value < math.inf or (name in ("alpha", "rho") and value > 1):
            raise ValueError(message.format(value))
    for index, beta in enumerate(options.get("betas", ())):
        if isinstance(beta, Tensor):
            raise ValueError(f"betas must be both floats: {options['betas']}")
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {index}: {beta}")


def capturing() -> bool:
    """Whether a CUDA graph is recorded, which would repeat this step's bias correction for ever."""
    return (
        not is_compiling()
        and torch.cuda.is_initialized()
        and torch.cuda.is_current_stream_capturing()
    )


def number(tensor: Tensor) -> float | Tensor:
    """The number in a 0-d tensor, which remains a tensor under torch.compile."""
    # Reading it would break the graph; in float32 little would be left of 1 - 0.9999**step.
    return tensor.double() if is_compiling() else tensor.item()


def choose(condition: bool | Tensor, one: Callable, other: Callable) -> Tensor:
    """What one function gives or the other; under torch.compile, which cannot know yet, of both."""
    if isinstance(condition, Tensor):
        return torch.where(condition, one(), other())
    return one() if condition else other()


def real(tensor: Tensor) -> Tensor:
    """A complex number is optimized as two real ones."""
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def state_dtype(param: Tensor) -> torch.dtype:
    """The dtype to compute in: with β₂ = 0.9999 a second moment in bfloat16 would never move."""
    return torch.promote_types(param.dtype, torch.float32)


def number_dtype(param: Tensor) -> torch.dtype:
    """The dtype of one number for a whole parameter, which is real and as precise as its state."""
    double = (torch.float64, torch.complex128)
    return torch.float64 if param.dtype in double else torch.float32


class Optimizer(torch.optim.Optimizer):
    """The loop around one optimizer's `update`: a subclass adds a constructor and that function.

    Args:
        params: parameters, named parameters, or groups of either.
        defaults: the options of a group that does not set them itself.
        flags: `fused`, and options of torch.optim that are accepted to be refused when they are set.

    Raises:
        ValueError: an option is out of range or not supported, or there are no parameters.
    """

    state_names: ClassVar[tuple[str, ...]]
    # What is one number for a whole parameter, and its first value.
    numbers: ClassVar[dict[str, float]] = {}
    invalid: ClassVar[dict[str, str]] = INVALID
    # What torch.optim's class has as an option and this one stands for; groups carry it.
    fixed: ClassVar[dict[str, Any]] = {}
    # Whether the formula reads t: what does not, torch.optim saves without `step`.
    reads_step: ClassVar[bool] = True

    def __init__(self, params: Iterable, defaults: dict[str, Any], **flags: bool | None) -> None:
        defaults["fused"] = flags.pop("fused", None)
        for name in flags.keys() - INSTEAD.keys():
            raise TypeError(f"{type(self).__name__}() got an unexpected keyword argument '{name}'")
        self.defaults = defaults
        set_flags = {
            name: flag
            for name, flag in flags.items()
            if flag or (flag is not None and name in self.fixed)
        }
        self._check_group({**defaults, **set_flags})
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group; its own options are checked like the constructor's."""
        if isinstance(param_group, dict):
            self._check_group(param_group)
            for name, value in self.fixed.items():
                param_group.setdefault(name, value)
        super().add_param_group(param_group)
        if (param := sealed(self.param_groups[-1]["params"])) is not None:
            self.param_groups.pop()
            shape = tuple(param.shape)
            raise ValueError(f"a parameter of shape {shape} cannot be written to: clone it first")

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a saved state, which is copied; options that it lacks keep their value.

        Args:
            state_dict: from this class, from torch.optim's of the same name, or from torch-adopt.

        Raises:
            ValueError: the state belongs to other parameters or to another algorithm.
        """
        # The last pre-hook sees what the others made of the state dict.
        hook = self.register_load_state_dict_pre_hook(type(self)._as_own)
        try:
            super().load_state_dict(state_dict)
        finally:
            hook.remove()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Args:
            closure: recomputes the loss and the gradients, and returns the loss.

        Returns:
            The closure's loss, or None.

        Raises:
            RuntimeError: a gradient is sparse, or a CUDA graph is being captured.
        """
        if capturing():
            raise RuntimeError(f"{type(self).__name__} cannot be captured: {HOW['capturable']}")
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if isinstance(lr := group["lr"], Tensor):
                # It stays a tensor, because torch.optim rounds as a tensor is rounded.
                group = {**group, "lr": lr.squeeze()}
            params = [param for param in group["params"] if param.grad is not None]
            if group["fused"] is not False:
                params = _fused.step(self, group, params)
            for param in params:
                self._step_one(param, param.grad, group)
        return loss

    def _step_one(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        if grad.layout is not torch.strided:
            raise RuntimeError(f"{type(self).__name__} does not support sparse gradients")
        state, dtype, update = self.state[param], state_dtype(param), self.update
        if not state:
            update = self.first_update
            # On the CPU, so that reading it does not wait for the device.
            state["step"] = torch.zeros((), dtype=torch.float32, device="cpu")
            for name, value in self.numbers.items():
                state[name] = torch.tensor(value, dtype=number_dtype(param), device="cpu")
            for name in self.state_names:
                state[name] = torch.zeros_like(param, dtype=dtype)
        state["step"] += 1
        moments = {name: real(state[name]) for name in self.state_names}
        moments |= {name: state[name] for name in self.numbers}
        moments["step"] = number(state["step"])
        work, grad = param.to(dtype), real(grad.to(dtype))
        update(real(work), -grad if group["maximize"] else grad, moments, group)
        if work.dtype != param.dtype:
            param.copy_(work)

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]):
        """Move one parameter in place.

        Args:
            param: real, in float32 at least, as all that follows; to be written to.
            grad: its gradient, not to be written to.
            state: the number `step`, which counts this call, and tensors to be written to; those of
                `numbers` have no dimension.
            group: the options.
        """
        raise NotImplementedError

    def first_update(self, param, grad, state, group):
        """Do the same on the call that has made the state, unless the formula says otherwise."""
        self.update(param, grad, state, group)

    def _check_group(self, group: dict[str, Any]) -> None:
        check_options(group, self.invalid)
        options = self.defaults.keys() - self.fixed.keys()
        for name, instead in INSTEAD.items():
            if name not in options and group.get(name) and group[name] != self.fixed.get(name):
                raise ValueError(f"{name}={group[name]} is not supported: {instead}")
        for name in MARKS:
            known = name in options or (name in self.fixed and group.get(name) == self.fixed[name])
            if name in group and not known:
                raise ValueError(f"{name}={group[name]} is not {type(self).__name__}")
        if group.get("momentum") == 0 and self.defaults.get("momentum"):
            raise ValueError(f"momentum={group['momentum']} is not {type(self).__name__}")

    def _as_own(self, saved: dict[str, Any]) -> dict[str, Any]:
        groups, state = [], dict(saved["state"])
        for group, own in zip(saved["param_groups"], self.param_groups, strict=False):
            # RAdam's groups and states are Adam's but for this: whoever writes the younger of the
            # two flags knows the older.
            if "amsgrad" in self.fixed.keys() - group.keys() and "decoupled_weight_decay" in group:
                raise ValueError(f"a group without amsgrad is not {type(self).__name__}")
            group = {**own, **{name: group[name] for name in group.keys() - HOW.keys() - {"fused"}}}
            self._check_group(group)
            groups.append(group)
            for key, param in zip(group["params"], own["params"], strict=False):
                if values := state.pop(key, None):
                    # torch.optim casts what is keyed as it was saved to the parameter's dtype, half
                    # precision included, and leaves alone what is keyed by parameter.
                    state[param] = self._as_own_state(param, values)
        groups += saved["param_groups"][len(groups) :]
        return {**saved, "state": state, "param_groups": groups}

    def _as_own_state(self, param: Tensor, saved: dict[str, Any]) -> dict[str, Any]:
        if not self.reads_step:
            # It has been updated, and how often does not matter.
            saved = {"step": 1.0, **saved}
        if missing := {"step", *self.state_names, *self.numbers} - saved.keys():
            raise ValueError(f"loaded state dict has a state without {min(missing)}")
        step = torch.tensor(float(saved["step"]), dtype=torch.float32, device="cpu")
        state: dict[str, Any] = {"step": step}
        for name in self.numbers:
            value = float(saved[name])
            state[name] = torch.tensor(value, dtype=number_dtype(param), device="cpu")
        for name in self.state_names:
            if saved[name].shape != param.shape:
                shapes = f"{tuple(saved[name].shape)} for a parameter of {tuple(param.shape)}"
                raise ValueError(f"loaded state dict has {name} of shape {shapes}")
            state[name] = torch.empty_like(param, dtype=state_dtype(param)).copy_(saved[name])
        return state | {name: deepcopy(saved[name]) for name in saved.keys() - state.keys()}
