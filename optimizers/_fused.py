"""One kernel for all tensors of a group, made from the formula: what it serves, and its launch.

Example:
    >>> import torch
    >>> from optimizers import Adam
    >>> weight = torch.ones(2, dtype=torch.complex64, requires_grad=True)
    >>> weight.grad = torch.ones_like(weight)
    >>> Adam([weight], fused=True).step()
    Traceback (most recent call last):
    RuntimeError: Adam cannot be fused: no kernel computes in torch.complex64
"""

import hashlib
import importlib.util
import linecache
import os
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType
from weakref import WeakKeyDictionary

import numpy as np
from torch import Tensor
from torch.autograd.graph import increment_version
from torch.compiler import is_compiling

from ._layout import COMPILERS, COMPUTES, sort

HERE = Path(__file__).parent
PROCESS = os.getpid()
# Of each optimizer what `sort` remembers of its groups, by the group's list of parameters.
known = WeakKeyDictionary()
INSTALL = "pip install 'optimizers[fused]'"


def step(optimizer, group, params):
    """Update with one kernel what it can serve.

    Args:
        optimizer: whose formula, and whose state.
        group: the options; if `fused` is True, all parameters have to be served.
        params: the parameters, each with a gradient.

    Returns:
        The parameters to be updated one by one: those that no kernel serves, and those without a
        state, which their first update makes.

    Raises:
        RuntimeError: `fused` is True, and a parameter cannot be served.
    """
    if why := hindrance(optimizer, group):
        batches, others = {}, params
    else:
        states = list(map(optimizer.state.get, params))
        remembered = known.setdefault(optimizer, {}).setdefault(id(group["params"]), {})
        batches, others, why = sort(params, states, optimizer.state_names, remembered)
    for kind in list(batches):
        if isinstance(kernel := kernel_of(formula_of(type(optimizer)), *kind), str):
            why = kernel
            others += batches.pop(kind)[0]
    if why and group["fused"]:
        raise RuntimeError(f"{type(optimizer).__name__} cannot be fused: {why}")
    for kind, (served, states, places) in batches.items():
        if served:
            run(kernel_of(formula_of(type(optimizer)), *kind), group, states, kind, places)
            # Autograd has to know, as of any operation in place.
            increment_version(served)
    return others


def hindrance(optimizer, group):
    """Why no parameter of a group can be served, or None."""
    if is_compiling():
        return "torch.compile makes kernels of its own"
    if isinstance(group["lr"], Tensor) and group["lr"].requires_grad:
        return "lr requires a gradient"
    if formula_of(type(optimizer)) is None:
        return "its update is not that of a formula of the package"
    return None


@cache
def formula_of(cls):
    """The module with the formula that a class steps by; None where a subclass does otherwise."""
    homes = {
        next(one.__module__ for one in cls.__mro__ if method in vars(one))
        for method in ("update", "first_update", "_step_one")
    } - {f"{__package__}._optimizer"}
    home = homes.pop()
    known = not homes and home.startswith(f"{__package__}.")
    return home.rpartition(".")[2] if known else None


@cache
def kernel_of(formula, dtype, device):
    """The module printed from a formula for a kind; or, in words, why there is none."""
    compiler = COMPILERS[device.type]
    if importlib.util.find_spec(compiler) is None:
        return f"{compiler} is not installed: {INSTALL}"
    computes = name_of(COMPUTES[dtype])
    # Whatever the text of a kernel, and what Numba makes of it, depend on.
    sources = [HERE / f"{formula}.py", HERE / f"_{compiler}.py", *HERE.glob("formula/*.*")]
    digest = hashlib.sha256(b"".join(one.read_bytes() for one in sorted(sources))).hexdigest()
    file = f"{formula}_{computes}_{compiler}_{digest[:16]}.py"
    try:
        text, path = kept(formula, computes, compiler, file)
    except (ImportError, ValueError) as why:
        return str(why)
    kernel = ModuleType(file.removesuffix(".py"))
    kernel.__file__ = path
    # Numba looks for the module of what it finds on disk, Triton for the lines of what it runs.
    sys.modules[kernel.__name__] = kernel
    linecache.cache[path] = len(text), None, text.splitlines(keepends=True), path
    exec(compile(text, path, "exec"), vars(kernel))
    return kernel


def kept(formula, dtype, compiler, file):
    """The text of a kernel and its path; it is printed where it is not kept already."""

    def printed():
        # What reads formulas is slow to import, and not needed for what is kept.
        from .formula import rule_of

        return rule_of(importlib.import_module(f"{__package__}.{formula}")).kernel(dtype, compiler)

    try:
        path = folder() / file
        if not path.exists():
            write(path, printed())
        return path.read_text(encoding="utf-8"), str(path)
    except (OSError, RuntimeError):
        # No home, or none that can be written to: each process prints and compiles it anew.
        return printed(), f"<{file}>"


def folder():
    """Where kernels are kept for later processes."""
    place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "optimizers"
    place.mkdir(parents=True, exist_ok=True)
    return place


def write(path, text):
    """Write a file that others see as a whole or not at all."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(name, path)


def run(kernel, group, states, kind, places):
    """Launch a kernel for some parameters.

    Args:
        kernel: the printed module.
        group: the options.
        states: the state of each parameter; its `step` is counted up.
        kind: the dtype and the device of the parameters.
        places: where they, their gradients and their states are.
    """
    dtype, device = kind
    runner = importlib.import_module(f"{__package__}._{COMPILERS[device.type]}")
    tensors = len(states)
    if np.any((places.addresses == 0) & (places.counts > 0)):
        raise RuntimeError("a parameter, a gradient or a state has no memory")
    steps = np.fromiter((state["step"].data_ptr() for state in states), np.int64, tensors)
    steps = runner.count(steps)
    options = {name: group[name] for name in kernel.OPTIONS}
    if isinstance(lr := options.get("lr"), Tensor):
        options["lr"] = lr.item()
    computes = np.dtype(name_of(COMPUTES[dtype]))
    # Numbers lie on the CPU, each in an array that shares its memory.
    kept = [[state[name].numpy() for state in states] for name in kernel.KEPT]
    with np.errstate(all="ignore"):
        given = [np.array(one, np.float64) for one in kept]
        values = [-1.0 if group["maximize"] else 1.0, *kernel.once(steps, *given, **options)]
        for arrays in reversed(kept):
            for array, value in zip(arrays, values.pop(), strict=True):
                array[...] = value
        numbers = np.empty((tensors, len(values)), computes)
        for column, value in enumerate(values):
            numbers[:, column] = value
    runner.launch(kernel.each, places, numbers, name_of(dtype), device)


def name_of(dtype):
    """What NumPy calls a dtype."""
    return str(dtype).removeprefix("torch.")
