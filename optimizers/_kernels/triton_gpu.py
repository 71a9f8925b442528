"""Runs the printed kernels on CUDA devices: the functions that they call, and their launch."""

from ctypes import c_float
from functools import lru_cache

import numpy as np
import torch
import triton
import triton.language as tl

# Elements of a program; each program belongs to one tensor.
BLOCK = 1024
DTYPES = {
    "float64": tl.float64,
    "float32": tl.float32,
    "bfloat16": tl.bfloat16,
    "float16": tl.float16,
}

# What the formulas call; a NaN goes through all of these.


@triton.jit
def absolute(x):
    return tl.abs(x)


@triton.jit
def sqrt(x):
    return tl.sqrt_rn(x) if x.dtype == tl.float32 else tl.sqrt(x)


@triton.jit
def maximum(x, y):
    return tl.maximum(x, y, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def minimum(x, y):
    return tl.minimum(x, y, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def clip(x, low, high):
    return tl.where(x < low, low, tl.where(x > high, high, x))


@triton.jit
def sign(x):
    return tl.where(x > 0, 1.0, tl.where(x < 0, -1.0, x)).to(x.dtype)


@triton.jit
def choose(condition, x, y):
    return tl.where(condition, x, y)


@triton.jit
def square(x):
    return x * x


@triton.jit
def power(x, exponent):
    raised = tl.exp2(exponent * tl.log2(x))
    return tl.where(exponent == 0, 1.0, tl.where(exponent == 1, x, raised)).to(x.dtype)


def count(addresses, summand):
    """Add 0 or 1 to each of the numbers in float32 at some addresses of the CPU; return them."""
    cells = list(map(c_float.from_address, addresses.tolist()))
    for cell in cells:
        cell.value += summand
    return np.array([cell.value for cell in cells])


@lru_cache  # with other gradients missing in each step, it would grow without end
def blocks_of(counts, device):
    """For each program its tensor and its place among those of the tensor."""
    programs = [-(-n // BLOCK) for n in counts]
    tensors = np.repeat(np.arange(len(counts), dtype=np.int32), programs)
    places = np.concatenate([np.arange(n, dtype=np.int32) for n in programs])
    return torch.from_numpy(np.stack([tensors, places], axis=1)).to(device)


# The kernels, dtypes, alignments and devices that have been compiled for.
compiled: set[tuple] = set()


def prepared(each, places, numbers, dtype, device):
    """Make ready to call a kernel once for all elements of some tensors.

    Args:
        each: the kernel.
        places: where they are.
        numbers: a row of numbers for each tensor.
        dtype: the parameters' dtype, "float32", "float64", "bfloat16" or "float16".
        device: where all of them are.

    Returns:
        The function that launches it.
    """
    blocks = blocks_of(tuple(places.counts.tolist()), device)
    tables = (
        torch.from_numpy(array).to(device) for array in (places.counts, places.addresses, numbers)
    )
    # A GPU loads 16 bytes at once from what begins and ends at multiples of 16 bytes.
    even = 1 if np.any(places.counts % 16) or np.any(places.addresses % 16) else 16
    arguments = blocks, *tables, len(places.counts), DTYPES[dtype], even, BLOCK

    def launch(programs):
        if device.type == "cuda":
            with torch.cuda.device(device):
                each[(programs,)](*arguments)
        else:
            each[(programs,)](*arguments)  # Triton's interpreter

    if (each, dtype, even, device) not in compiled:
        # Launching no program compiles the kernel; what fails there fails before anything moves.
        launch(0)
        compiled.add((each, dtype, even, device))
    return (lambda: launch(len(blocks))) if len(blocks) else (lambda: None)
