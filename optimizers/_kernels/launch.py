"""Decides which parameters a kernel updates, and launches it.

A kernel can only help: with `fused=None` whatever stands in its way, in finding, compiling or
starting it, leads to the plain path, and the reason is kept.

Example:
    >>> import torch
    >>> from optimizers import Adam
    >>> weight = torch.ones(2, dtype=torch.complex64, requires_grad=True)
    >>> weight.grad = torch.ones_like(weight)
    >>> Adam([weight], fused=True).step()
    Traceback (most recent call last):
    RuntimeError: Adam cannot be fused: no kernel computes in torch.complex64
"""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from torch import Tensor
from torch.autograd.graph import increment_version
from torch.compiler import is_compiling

from .cache import in_a_line, kernel_of
from .layout import COMPILERS, COMPUTES, NoMemory, Quantities, name_of, sort

PACKAGE = __package__.rpartition(".")[0]
RUNNERS = {"numba": "numba_cpu", "triton": "triton_gpu"}
# A kernel takes up to two seconds to compile and half a second to load. `fused=None` waits for it
# where a step then gains a millisecond or so: in a group of a million elements, or of a hundred
# tensors, each of which saves as much time as ten thousand elements do.
WORTH, A_TENSOR = 1_000_000, 10_000

# Why a kernel could not be had or started in this process, by formula, dtype and device.
broken: dict[tuple, str] = {}
# For each optimizer what `sort` remembers of its groups, by the group's list of parameters.
known: WeakKeyDictionary[Any, dict[int, dict]] = WeakKeyDictionary()


class Plan(NamedTuple):
    """How the parameters of a group are updated.

    Args:
        options: the group's options.
        launches: functions that update some parameters each, without fail.
        plain: the parameters that are updated one by one.
        why: why a kernel does not serve some of them, in words; None if it serves all that have a
            state, which each parameter's first update makes.
    """

    options: dict[str, Any]
    launches: list[Callable[[], None]]
    plain: list[Tensor]
    why: str | None


def plan(optimizer, groups):
    """Decide for all groups, before any parameter moves.

    Args:
        optimizer: whose formula, and whose state.
        groups: the options of each group, and its parameters that have a gradient.

    Returns:
        A plan for each group.

    Raises:
        RuntimeError: a group's `fused` is True, and a parameter in it cannot be served; or a tensor
            has no memory.
    """
    plans = [plan_group(optimizer, group, params) for group, params in groups]
    for found in plans:
        if found.why and found.options["fused"]:
            raise RuntimeError(f"{type(optimizer).__name__} cannot be fused: {found.why}")
    return plans


def plan_group(optimizer, group, params):
    """Return the plan for one group."""
    if not params:
        return Plan(group, [], [], None)
    if why := hindrance(optimizer, group, params):
        return Plan(group, [], params, why)
    formula, remembered = formula_of(optimizer), known.setdefault(optimizer, {})
    quantities = Quantities(optimizer.state_names, ("step", *optimizer.numbers))
    states = list(map(optimizer.state.get, params))
    try:
        batches, waiting, plain, why = sort(
            params, states, quantities, remembered.setdefault(id(group["params"]), {})
        )
    except NoMemory:
        raise
    except Exception as error:
        return Plan(group, [], params, f"the tensors could not be looked at: {in_a_line(error)}")
    if group["fused"]:
        # What is insisted on is refused before a first update has made the state.
        for kind in {(param.dtype, param.device) for param in waiting}:
            kernel = kernel_of(formula, *kind)
            why = kernel if isinstance(kernel, str) else why
    launches, plain = [], waiting + plain
    for batch in batches:
        key = formula, *batch.kind
        kernel = broken.get(key) or kernel_of(*key)
        if not isinstance(kernel, str):
            try:
                launches.append(prepared(kernel, group, batch))
                continue
            except Exception as error:
                kernel = broken[key] = f"the kernel could not be started: {in_a_line(error)}"
        why = kernel
        plain = plain + batch.params
    return Plan(group, launches, plain, why)


def hindrance(optimizer, group, params):
    """Return why no parameter of a group is served by a kernel, or None."""
    if group["fused"] is False:
        return "fused=False"
    if is_compiling():
        return "torch.compile makes kernels of its own"
    for name in optimizer.defaults:
        if isinstance(value := group.get(name), Tensor) and (name != "lr" or value.requires_grad):
            return f"{name} requires a gradient" if value.requires_grad else f"{name} is a tensor"
    if formula_of(optimizer) is None:
        return "its update is not that of a formula of the package"
    if group["fused"] is None and sum(map(Tensor.numel, params)) + A_TENSOR * len(params) < WORTH:
        return f"a group of {len(params)} small tensors would gain too little to wait for a kernel"
    return None


def formula_of(optimizer):
    """Return the name of the module whose formula an optimizer steps by, or None.

    A subclass or an instance may have an update of its own: then there is none.
    """
    methods = "update", "first_update", "_step_plainly"
    if not vars(optimizer).keys().isdisjoint(methods):
        return None
    owner = next(
        cls.__module__
        for cls in type(optimizer).__mro__
        if cls.__module__.startswith(f"{PACKAGE}.")
    )
    homes = {getattr(getattr(type(optimizer), name), "__module__", None) for name in methods}
    known = owner in homes and homes <= {owner, f"{PACKAGE}._optimizer"}
    return owner.rpartition(".")[2] if known else None


def prepared(kernel, group, batch):
    """All that can fail in a launch, done; the function that is returned moves the parameters.

    Args:
        kernel: the printed module.
        group: the options.
        batch: the parameters; their `step` is counted up when they have moved.
    """
    dtype, device = batch.kind
    places, states = batch.places, batch.states
    runner = importlib.import_module(f"{__package__}.{RUNNERS[COMPILERS[device.type]]}")
    steps = runner.count(places.scalars[0], 0) + 1
    options = {name: group[name] for name in kernel.OPTIONS}
    if isinstance(lr := options.get("lr"), Tensor):
        options["lr"] = lr.item()
    # Numbers lie on the CPU, each in an array that shares its memory.
    kept = [[state[name].detach().numpy() for state in states] for name in kernel.KEPT]
    with np.errstate(all="ignore"):
        given = [np.array(arrays, np.float64) for arrays in kept]
        values = [-1.0 if group["maximize"] else 1.0, *kernel.once(steps, *given, **options)]
        last = [(arrays, values.pop()) for arrays in reversed(kept)]
        numbers = np.empty((len(states), len(values)), np.dtype(name_of(COMPUTES[dtype])))
        for column, value in enumerate(values):
            numbers[:, column] = value
    start = runner.prepared(kernel.each, places, numbers, name_of(dtype), device)

    def launch():
        start()
        runner.count(places.scalars[0], 1)
        for arrays, moved in last:
            for array, value in zip(arrays, moved, strict=True):
                array[...] = value
        # Autograd has to know, as of any operation in place.
        increment_version(batch.params)

    return launch
