"""What the PyTorch optimizers share: groups, closure, state and checks."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any, ClassVar, NamedTuple, TypedDict

import torch
from torch import Tensor
from torch.compiler import is_compiling

from . import _options
from ._kernels import launch, memory
from .formula.symbols import SYMBOLS


class Flags(TypedDict, total=False):
    """Options of torch.optim that say how to compute, not what; here they are refused when set."""

    foreach: bool | None
    capturable: bool
    differentiable: bool


# The value of each flag where it is not set, and what to use instead.
FLAGS = {
    "foreach": (None, "leave it out, or use fused=True for one kernel"),
    "capturable": (False, "use torch.compile(optimizer.step) instead of a graph capture"),
    "differentiable": (False, "use the class of torch.optim, which has it"),
}
# The names of all states of all formulas.
STATES = {symbol.code for symbol in SYMBOLS if symbol.kind == "state"}


class Fixed(NamedTuple):
    """An option of torch.optim's class that has one value here, because it says what the class is.

    Args:
        value: the value.
        instead: what to use for another one.
        also: other values that mean the same.
    """

    value: Any
    instead: str
    also: tuple = ()


def capturing() -> bool:
    """Return whether a CUDA graph is recorded; it would repeat this step's bias correction."""
    return (
        not is_compiling()
        and torch.cuda.is_initialized()
        and torch.cuda.is_current_stream_capturing()
    )


def number(tensor: Tensor) -> float | Tensor:
    """Return the number in a 0-d tensor; under torch.compile it remains a tensor."""
    # Reading it would break the graph; in float32 little would be left of 1 - 0.9999**step.
    return tensor.double() if is_compiling() else tensor.item()


def choose(condition: bool | Tensor, one: Callable, other: Callable) -> Tensor:
    """Return what one of two functions gives; torch.compile, which cannot choose yet, calls both."""
    if isinstance(condition, Tensor):
        return torch.where(condition, one(), other())
    return one() if condition else other()


def real(tensor: Tensor) -> Tensor:
    """Return the same memory as real numbers: a complex number is optimized as two real ones."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def state_dtype(param: Tensor) -> torch.dtype:
    """Return the dtype to compute in: a second moment in bfloat16 would never move."""
    return torch.promote_types(param.dtype, torch.float32)


def number_dtype(param: Tensor) -> torch.dtype:
    """Return the dtype of a scalar state, which is real and as precise as the other states."""
    double = (torch.float64, torch.complex128)
    return torch.float64 if param.dtype in double else torch.float32


class Optimizer(torch.optim.Optimizer):
    """The loop around one optimizer's `update`: a subclass adds a constructor and that function.

    Args:
        params: parameters, named parameters, or groups of either.
        options: the options of a group that does not set them itself.
        flags: options of torch.optim that are accepted to be refused when they are set.

    Raises:
        TypeError: a flag is none of `Flags`.
        ValueError: an option is out of range or not supported, or there are no parameters.
    """

    state_names: ClassVar[tuple[str, ...]]
    # The states that are one number for a whole parameter, and their first values.
    numbers: ClassVar[dict[str, float]] = {}
    # How many numbers `betas` is.
    rates: ClassVar[int] = 2
    # The options of torch.optim's class that have one value here.
    fixed: ClassVar[dict[str, Fixed]] = {}
    # The words of a refusal, by option, where torch.optim words it otherwise than the table.
    refusals: ClassVar[dict[str, str]] = {}
    # Whether the formula reads t: torch.optim saves no `step` for those that do not.
    reads_step: ClassVar[bool] = True

    def __init__(self, params: Iterable, options: dict[str, Any], flags: Flags) -> None:
        for name in flags.keys() - FLAGS.keys():
            raise TypeError(f"{type(self).__name__}() got an unexpected keyword argument '{name}'")
        self._check_group({**options, **flags})
        options.update((name, fixed.value) for name, fixed in self.fixed.items())
        super().__init__(params, {**options, **{name: FLAGS[name][0] for name in FLAGS}})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group; its own options are checked like the constructor's, others are carried."""
        if isinstance(param_group, dict):
            self._check_group(param_group)
        super().add_param_group(param_group)
        if (param := memory.read_only(self.param_groups[-1]["params"])) is not None:
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
        hook = self.register_load_state_dict_pre_hook(lambda _, saved: self._as_own(saved))
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
            raise RuntimeError(
                f"{type(self).__name__} cannot be captured: {FLAGS['capturable'][1]}"
            )
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        # The plan refuses what cannot be done in any group before a parameter moves.
        for plan in launch.plan(self, self._groups()):
            for move in plan.launches:
                move()
            self._step_plainly(plan.plain, plan.options)
        return loss

    def why_not_fused(self) -> list[str]:
        """Say why the next step would update some parameters one by one instead of by a kernel.

        Returns:
            A reason for each group that a kernel would not serve as a whole; none if kernels serve
            all parameters that have a gradient. A parameter's first update never takes a kernel.

        Example:
            >>> from optimizers import Adam
            >>> weight = torch.ones(3, requires_grad=True)
            >>> weight.grad = torch.ones(3)
            >>> Adam([weight], fused=False).why_not_fused()
            ['fused=False']
        """
        plans = (launch.plan_group(self, *group) for group in self._groups())
        return [plan.why for plan in plans if plan.why]

    def _groups(self) -> list[tuple[dict[str, Any], list[Tensor]]]:
        """The options of each group and its parameters that have a gradient."""
        groups = []
        for group in self.param_groups:
            # A scheduler writes into groups what no constructor has seen.
            self._check_fixed(group)
            if isinstance(lr := group["lr"], Tensor):
                # It stays a tensor, because torch.optim rounds as a tensor is rounded.
                group = {**group, "lr": lr.squeeze()}
            params = [param for param in group["params"] if param.grad is not None]
            if any(param.grad.layout is not torch.strided for param in params):
                raise RuntimeError(f"{type(self).__name__} does not support sparse gradients")
            groups.append((group, params))
        return groups

    def _step_plainly(self, params: list[Tensor], group: dict[str, Any]) -> None:
        for param in params:
            update = self.update if self.state[param] else self.first_update
            work, grad, state = self._begin(param, group)
            update(work, grad, state, group)
            if work is not param:
                self._end(param, work)

    def _begin(self, param: Tensor, group: dict[str, Any]) -> tuple[Tensor, Tensor, dict[str, Any]]:
        """Return what an update takes: the parameter, its gradient and its state, as real numbers."""
        state, dtype, grad = self.state[param], state_dtype(param), param.grad
        assert grad is not None
        if not state:
            # On the CPU, so that reading it does not wait for the device.
            state["step"] = torch.zeros((), dtype=torch.float32, device="cpu")
            for name, value in self.numbers.items():
                state[name] = torch.tensor(value, dtype=number_dtype(param), device="cpu")
            for name in self.state_names:
                state[name] = torch.zeros_like(param, dtype=dtype)
        moments: dict[str, Any] = {}
        for name in self.state_names:
            if state[name].dtype != dtype or state[name].is_cpu != param.is_cpu:
                # Users cast or move all of an optimizer's state when they do so with the model.
                state[name] = state[name].to(param.device, dtype)
            moments[name] = real(state[name])
        for name in ("step", *self.numbers):
            dtype_of_number = torch.float32 if name == "step" else number_dtype(param)
            if not isinstance(state[name], Tensor):
                state[name] = torch.tensor(state[name], dtype=dtype_of_number, device="cpu")
            elif state[name].dtype != dtype_of_number or not state[name].is_cpu:
                state[name] = state[name].to("cpu", dtype_of_number)
            moments[name] = state[name]
        state["step"] += 1
        moments["step"] = number(state["step"])
        work = param
        if param.dtype != dtype or param.is_complex():
            # A copy, where the parameter is a half or is conjugated only when it is read.
            work, grad = (real(tensor.to(dtype).resolve_conj()) for tensor in (param, grad))
        return work, -grad if group["maximize"] else grad, moments

    def _end(self, param: Tensor, work: Tensor) -> None:
        """Write back what was updated in a copy."""
        # torch.compile cannot ask whether a tensor is conjugated only when it is read.
        conjugated = param.is_complex() and (is_compiling() or param.is_conj())
        if conjugated or param.dtype != state_dtype(param):
            param.copy_(torch.view_as_complex(work) if param.is_complex() else work)

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
        _options.check(group, self.refusals, self.rates)
        for name, (_, instead) in FLAGS.items():
            if group.get(name):
                raise ValueError(f"{name}={group[name]} is not supported: {instead}")
        self._check_fixed(group)

    def _check_fixed(self, group: dict[str, Any]) -> None:
        for name in self._set_otherwise(group):
            instead = self.fixed[name].instead
            raise ValueError(f"{name}={group[name]} is not supported: {instead}")

    def _set_otherwise(self, group: dict[str, Any]) -> list[str]:
        """Return the options that have one value here and another in a group."""
        return [
            name
            for name, (value, _, also) in self.fixed.items()
            if group.get(name, value) != value and group[name] not in also
        ]

    def _as_own(self, saved: dict[str, Any]) -> dict[str, Any]:
        groups, state = [], dict(saved["state"])
        for group, own in zip(saved["param_groups"], self.param_groups, strict=False):
            self._check_saved(group, own)
            ours = group.keys() - FLAGS.keys() - {"fused"}
            group = {**own, **{name: group[name] for name in ours}}
            self._check_group(group)
            groups.append(group)
            for key, param in zip(group["params"], own["params"], strict=False):
                if values := state.pop(key, None):
                    # torch.optim casts what is keyed as it was saved to the parameter's dtype, half
                    # precision included, and leaves alone what is keyed by parameter.
                    state[param] = self._as_own_state(param, values)
        groups += saved["param_groups"][len(groups) :]
        return {**saved, "state": state, "param_groups": groups}

    def _check_saved(self, group: dict[str, Any], own: dict[str, Any]) -> None:
        """Refuse the options of another algorithm; what wrappers have put there is carried."""
        lacking = (self.defaults.keys() - FLAGS.keys() - {"fused", "maximize"}) - group.keys()
        for option in _options.OPTIONS:
            foreign = option.name in group and option.name not in own
            if foreign and (lacking or option.kind in ("flag", "fixed")):
                self._refuse_saved(option.name, group)
        for name in self._set_otherwise(group):
            self._refuse_saved(name, group)
        if "betas" in group and len(group["betas"]) != self.rates:
            self._refuse_saved("betas", group)
        # Groups and states of Adam and RAdam differ by `amsgrad` alone, which is the older flag.
        if "amsgrad" in lacking and "decoupled_weight_decay" in group:
            self._refuse_saved("decoupled_weight_decay", group)

    def _refuse_saved(self, name: str, group: dict[str, Any]) -> None:
        raise ValueError(
            f"the saved state is another optimizer's: {name}={group[name]} is not "
            f"{type(self).__name__}; load the model's weights alone, and make the optimizer anew"
        )

    def _as_own_state(self, param: Tensor, saved: dict[str, Any]) -> dict[str, Any]:
        if not self.reads_step:
            # It has been updated, and how often does not matter.
            saved = {"step": 1.0, **saved}
        if missing := {"step", *self.state_names, *self.numbers} - saved.keys():
            raise ValueError(f"loaded state dict has a state without {min(missing)}")
        if foreign := STATES & saved.keys() - {*self.state_names, *self.numbers}:
            whose = type(self).__name__
            raise ValueError(
                f"loaded state dict has a state with {min(foreign)}, which is not {whose}"
            )
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
