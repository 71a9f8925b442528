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
import os
import sys
import tempfile
from functools import cache
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
COMPILERS = {"cpu": "numba"}
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
    batches, others = {}, []
    hindrance = of_the_group(optimizer, group)
    for param in params:
        state = optimizer.state.get(param)
        found = hindrance or operands(param, state, optimizer.state_names)
        if not isinstance(found, str):
            kind, row = found
            if kind not in batches:
                kernel = kernel_of(formula_of(type(optimizer)), *kind)
                batches[kind] = kernel, [], [], []
            kernel, served, steps, rows = batches[kind]
            found = kernel if isinstance(kernel, str) else None
        if found and group["fused"]:
            raise RuntimeError(f"{type(optimizer).__name__} cannot be fused: {found}")
        if found or not state:
            others.append(param)
        else:
            served.append(param)
            steps.append(state["step"])
            rows.append(row)
    for (dtype, _), (kernel, served, steps, rows) in batches.items():
        if served:
            run(kernel, group, steps, rows, dtype)
            # Autograd has to know, as of any operation in place.
            increment_version(served)
    return others


def of_the_group(optimizer, group):
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


def operands(param, state, names):
    """What a kernel reads and writes for one parameter.

    Args:
        param: the parameter, with a gradient.
        state: its state; None or empty before its first update.
        names: the state's tensors.

    Returns:
        The kind, which is the dtype and the type of the device, and the tensors in the kernel's
        order; or, in words, why no kernel can serve it.
    """
    tensors = [param, param.grad]
    if state:
        tensors += [state[name] for name in names]
    if type(param) not in (Tensor, torch.nn.Parameter):
        tensors = local(tensors)
        if tensors is None:
            return f"no kernel reads a {type(param).__name__}"
        param = tensors[0]
    dtype, device, shape = param.dtype, param.device, param.shape
    whole, computes = param.is_contiguous(), COMPUTES.get(param.dtype)
    if computes is None:
        return f"no kernel computes in {dtype}"
    if device.type not in COMPILERS:
        return f"there is no kernel for {device.type}"
    wanted = dtype
    for index, one in enumerate(tensors):
        if index == 2:
            wanted = computes
        if one.layout is not torch.strided:
            return "a gradient is sparse"
        if one.dtype is not wanted or one.device != device or one.shape != shape:
            return "parameter, gradient and state differ in dtype, device or shape"
        if not (whole and one.is_contiguous()) and not same_places(param, one):
            return "the strides of parameter, gradient and state differ, or have gaps"
        if index < 2 and one.is_neg():
            return "a gradient is negated only when it is read"
    return (dtype, device.type), tensors


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
    compiler = COMPILERS[device]
    if importlib.util.find_spec(compiler) is None:
        return f"{compiler} is not installed: {INSTALL}"
    computes = str(COMPUTES[dtype]).removeprefix("torch.")
    # Whatever the text of a kernel, and what Numba makes of it, depend on.
    sources = [HERE / f"{formula}.py", HERE / f"_{compiler}.py", *HERE.glob("formula/*.*")]
    digest = hashlib.sha256(b"".join(one.read_bytes() for one in sorted(sources))).hexdigest()
    file = f"{formula}_{computes}_{digest[:16]}.py"
    try:
        path = folder() / file
        if not path.exists():
            write(path, printed(formula, computes))
    except (OSError, RuntimeError):
        # No home, or none that can be written to: it is compiled in memory, in each process anew.
        path = None
    except ValueError as why:
        return str(why)
    except ImportError as why:
        return f"{why.name} is not installed: {INSTALL}"
    kernel = ModuleType(file.removesuffix(".py"))
    kernel.__file__ = str(path or f"<{file}>")
    text = path.read_text(encoding="utf-8") if path else printed(formula, computes)
    exec(compile(text, kernel.__file__, "exec"), vars(kernel))
    return kernel


def printed(formula, dtype):
    """The text of a kernel."""
    from .formula import rule_of

    return rule_of(importlib.import_module(f"{__package__}.{formula}")).kernel(dtype)


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


def run(kernel, group, steps, rows, dtype):
    """Launch a kernel for some tensors.

    Args:
        kernel: the printed module.
        group: the options.
        steps: how often each parameter has been updated, tensors that are counted up.
        rows: for each parameter, what the kernel reads and writes.
        dtype: the parameters' dtype.
    """
    from . import _numba as runner

    counts = runner.count(np.array([one.data_ptr() for one in steps]))
    options = {name: group[name] for name in kernel.OPTIONS}
    if isinstance(lr := options.get("lr"), Tensor):
        options["lr"] = lr.item()
    with np.errstate(all="ignore"):
        values = [-1.0 if group["maximize"] else 1.0, *kernel.once(counts, **options)]
        computes = str(COMPUTES[dtype]).removeprefix("torch.")
        numbers = np.empty((len(rows), len(values)), computes)
        for column, value in enumerate(values):
            numbers[:, column] = value
    offsets = np.cumsum([0, *(row[0].numel() for row in rows)])
    addresses = np.array([[one.data_ptr() for one in row] for row in rows])
    sizes = np.array([one.element_size() for one in rows[0]])
    name = str(dtype).removeprefix("torch.")
    threads = torch.get_num_threads()
    runner.launch(kernel.each, offsets, addresses, sizes, numbers, name, threads)
