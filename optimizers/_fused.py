"""One kernel for all tensors of a group, made from the formula: what it serves, and its launch.

Example:
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
from itertools import chain
from operator import attrgetter
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import increment_version
from torch.compiler import is_compiling

HERE = Path(__file__).parent
# What a kernel computes in and keeps the state in, by the parameter's dtype.
COMPUTES = {
    torch.float64: torch.float64,
    torch.float32: torch.float32,
    torch.bfloat16: torch.float32,
    torch.float16: torch.float32,
}
# What compiles the kernels of a device.
COMPILERS = {"cpu": "numba", "cuda": "triton"}
ORDINARY = {Tensor, torch.nn.Parameter}
LAYOUT, DTYPE, DEVICE = map(attrgetter, ("layout", "dtype", "device"))
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
        batches, others, why = sort(params, states, optimizer.state_names)
    for kind in list(batches):
        if isinstance(kernel := kernel_of(formula_of(type(optimizer)), *kind), str):
            why = kernel
            others += batches.pop(kind)[0]
    if why and group["fused"]:
        raise RuntimeError(f"{type(optimizer).__name__} cannot be fused: {why}")
    for kind, (served, states, columns) in batches.items():
        if served:
            run(kernel_of(formula_of(type(optimizer)), *kind), group, states, columns)
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


def sort(params, states, names):
    """Which parameters a kernel can serve together.

    Args:
        params: the parameters, each with a gradient.
        states: the state of each; None before its first update.
        names: the state's tensors.

    Returns:
        By kind, which is the dtype and the device: the parameters, their states, and
        of each quantity the tensors. Then the parameters that are left, and for the last of them
        that no kernel can serve the reason in words.
    """
    if params and all(states):
        grads = [param.grad for param in params]
        columns = [params, grads, *([state[name] for state in states] for name in names)]
        # Nearly always; and this takes a third of the time of looking at one after the other.
        if alike(columns):
            return {kind_of(params[0]): (params, states, columns)}, [], None
    batches, others, why = {}, [], None
    for param, state in zip(params, states, strict=True):
        row = [param, param.grad, *([state[name] for name in names] if state else [])]
        row = local(row) or row
        if odd := oddity(row):
            why = odd
            others.append(param)
            continue
        served, known, rows = batches.setdefault(kind_of(row[0]), ([], [], []))
        if state:
            served.append(param)
            known.append(state)
            rows.append(row)
        else:
            others.append(param)
    batches = {
        kind: (served, known, list(zip(*rows, strict=True)))
        for kind, (served, known, rows) in batches.items()
    }
    return batches, others, why


def kind_of(param):
    """What parameters of one kernel have in common."""
    return param.dtype, param.device


def alike(columns):
    """Whether all tensors are ordinary ones of one kind, without gaps and in the usual order."""
    device, counts = columns[0][0].device, list(map(Tensor.numel, columns[0]))
    if device.type not in COMPILERS or columns[0][0].dtype not in COMPUTES:
        return False
    for column, dtype in zip(columns, dtypes(columns[0][0], len(columns)), strict=True):
        if not (
            set(map(type, column)) <= ORDINARY
            and set(map(LAYOUT, column)) == {torch.strided}
            and set(map(DTYPE, column)) == {dtype}
            and set(map(DEVICE, column)) == {device}
            and list(map(Tensor.numel, column)) == counts
            and all(map(Tensor.is_contiguous, column))
        ):
            return False
    return not any(map(Tensor.is_neg, chain(*columns[:2])))


def oddity(row):
    """Why no kernel can serve one parameter, in words; None if one can.

    Args:
        row: the parameter, its gradient, and, once it has been updated, its state.
    """
    param = row[0]
    if not {type(one) for one in row} <= ORDINARY:
        return f"no kernel reads a {type(param).__name__} like this"
    if param.dtype not in COMPUTES:
        return f"no kernel computes in {param.dtype}"
    if param.device.type not in COMPILERS:
        return f"there is no kernel for {param.device.type}"
    if any(one.layout is not torch.strided for one in row):
        return "a gradient is sparse"
    for one, dtype in zip(row, dtypes(param, len(row)), strict=True):
        if (one.dtype, one.device, one.shape) != (dtype, param.device, param.shape):
            return "parameter, gradient and state differ in dtype, device or shape"
        if not same_places(param, one):
            return "the strides of parameter, gradient and state differ, or leave gaps"
    if param.is_neg() or row[1].is_neg():
        return "a value is negated only when it is read"
    return None


def dtypes(param, quantities):
    """The dtypes of a parameter, of its gradient and of its state."""
    return [param.dtype] * 2 + [COMPUTES[param.dtype]] * (quantities - 2)


def same_places(param, other):
    """Whether two tensors of a shape lie in memory alike, with nothing in between."""
    # The stride of a dimension of one element says nothing.
    places, others = (
        [place for place in zip(one.stride(), one.shape, strict=True) if place[1] > 1]
        for one in (param, other)
    )
    expected = 1
    for stride, size in sorted(places):
        if stride != expected:
            return False
        expected *= size
    return places == others


def local(tensors):
    """The parts of distributed tensors that are here; None if they are not parted alike."""
    module = sys.modules.get("torch.distributed.tensor")
    if module is None or not all(type(one) is module.DTensor for one in tensors):
        return None
    parted = {(one.device_mesh, one.placements) for one in tensors}
    if len(parted) > 1 or any(place.is_partial() for place in tensors[0].placements):
        return None
    return [one.to_local() for one in tensors]


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


def run(kernel, group, states, columns):
    """Launch a kernel for some parameters.

    Args:
        kernel: the printed module.
        group: the options.
        states: the state of each parameter; its `step` is counted up.
        columns: the tensors of each quantity, in the kernel's order.
    """
    dtype, device = kind_of(columns[0][0])
    runner = importlib.import_module(f"{__package__}._{COMPILERS[device.type]}")
    quantities, tensors = len(columns), len(states)
    counts = np.fromiter(map(Tensor.numel, columns[0]), np.int64, tensors)
    addresses = np.fromiter(map(Tensor.data_ptr, chain(*columns)), np.int64, quantities * tensors)
    addresses = addresses.reshape(quantities, tensors)
    if np.any((addresses == 0) & (counts > 0)):
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
    sizes = np.array([column[0].element_size() for column in columns])
    runner.launch(kernel.each, counts, addresses, sizes, numbers, name_of(dtype), device)


def name_of(dtype):
    """What NumPy calls a dtype."""
    return str(dtype).removeprefix("torch.")
