"""Runs the printed kernels on CPUs: what they are made of, and the loop over tensors.

Addresses are numbers here: a kernel walks the memory of a tensor, whatever its shape.
"""

import math
from itertools import pairwise
from threading import Thread

import numpy as np
import torch
from llvmlite import ir
from numba import carray, cfunc, float64, int64, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

# A product and a sum may be rounded once instead of twice; nothing else may be changed.
MATH = {"fastmath": {"contract"}, "error_model": "numpy"}
# Halves are computed in float32, in pieces that remain in the innermost cache.
PIECE = 1024
# What takes less time than a thread takes to start is not worth one.
SHARE = 300_000


def cached(decorator, *arguments, **options):
    """A Numba decorator that keeps what it compiles on disk, where there is a place for it."""

    def decorate(function):
        try:
            return decorator(*arguments, cache=True, **options)(function)
        except Exception:
            # No place can be written to, or what lies there cannot be read: it is compiled anew.
            return decorator(*arguments, **options)(function)

    return decorate


def kernel(dtype):
    """A decorator: compile a loop over elements, to be called by its address."""
    signature = types.void(int64, types.CPointer(int64), types.CPointer(dtype))
    return cached(cfunc, signature, **MATH)


@intrinsic
def pointer(context, address):
    """The pointer to an address."""

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


@intrinsic
def call(context, function, n, at, numbers):
    """Call the kernel at an address."""

    def generate(context, builder, signature, arguments):
        kind = ir.FunctionType(ir.VoidType(), [ir.IntType(64)] * 3)
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), generate


# What the formulas call; these keep the type of their arguments and let a NaN through.
sqrt, absolute = math.sqrt, abs
maximum, minimum, sign = np.maximum, np.minimum, np.sign


@njit(**MATH)
def clip(x, low, high):
    return low if x < low else high if x > high else x


@njit(**MATH)
def square(x):
    return x * x


@njit(**MATH)
def power(x, exponent):
    return x**exponent


@njit
def from_bfloat16(halves, singles):
    bits = singles.view(np.uint32)
    for i in range(len(halves)):
        bits[i] = np.uint32(halves[i]) << 16


@njit
def to_bfloat16(singles, halves):
    bits = singles.view(np.uint32)
    for i in range(len(halves)):
        # To the nearest, of two to the even one; a NaN remains one.
        rounded = (bits[i] + 0x7FFF + (bits[i] >> 16 & 1)) >> 16
        halves[i] = 0x7FC0 if singles[i] != singles[i] else rounded


@njit
def from_float16(halves, singles):
    bits = singles.view(np.uint32)
    for i in range(len(halves)):
        bits[i] = np.uint32(halves[i] & 0x7FFF) << 13
    for i in range(len(halves)):
        # The exponents are 112 apart, also of what is too small to have one.
        singles[i] *= np.float32(2.0**112)
    for i in range(len(halves)):
        infinite = 0x7F800000 if halves[i] & 0x7C00 == 0x7C00 else 0
        bits[i] |= infinite | np.uint32(halves[i] & 0x8000) << 16


@njit
def to_float16(singles, halves):
    bits, small = singles.view(np.uint32), np.empty(len(singles), np.float32)
    shifted = small.view(np.uint32)
    for i in range(len(halves)):
        # Beside 0.5 the last bit is worth 2**-24, which is the least float16: the sum is rounded.
        small[i] = abs(singles[i]) + np.float32(0.5)
    for i in range(len(halves)):
        size = bits[i] & 0x7FFFFFFF
        if size > 0x7F800000:
            half = 0x7E00
        elif size >= 0x47800000:  # 65536
            half = 0x7C00
        elif size < 0x38800000:  # 2**-14
            half = shifted[i] - 0x3F000000
        else:
            half = (size - 0x38000000 + 0xFFF + (size >> 13 & 1)) >> 13
        halves[i] = half | bits[i] >> 16 & 0x8000


@cached(njit, float64[::1](int64[::1]), nogil=True)
def count(addresses):
    """Add one to each of the numbers in float32 at some addresses; return them."""
    steps = np.empty(len(addresses))
    for k in range(len(addresses)):
        step = carray(pointer(addresses[k]), 1, np.float32)
        step[0] += 1
        steps[k] = step[0]
    return steps


@njit
def stretches(begin, end, offsets, longest):
    """What lies from one place to another: the tensor, where in it, how many elements."""
    k = np.searchsorted(offsets, begin, side="right") - 1
    while begin < end:
        while begin == offsets[k + 1]:
            k += 1
        n = min(end, offsets[k + 1], begin + longest) - begin
        yield k, begin - offsets[k], n
        begin += n


@cached(njit, nogil=True)
def drive(function, begin, end, offsets, addresses, sizes, numbers, row):
    """Call a kernel for some of the elements of all tensors; `launch` says how it is called."""
    at = np.empty(len(sizes), np.int64)
    for k, start, n in stretches(begin, end, offsets, end):
        for j in range(len(sizes)):
            at[j] = addresses[j, k] + start * sizes[j]
        call(function, n, at.ctypes.data, numbers + k * row)


@cached(njit, nogil=True)
def drive_halves(function, begin, end, offsets, addresses, sizes, numbers, row, bfloat16):
    """The same where parameters and gradients are halves, and the kernel takes float32."""
    at = np.empty(len(sizes), np.int64)
    params, grads = np.empty((2, PIECE), np.float32)
    for k, start, n in stretches(begin, end, offsets, PIECE):
        for j in range(len(sizes)):
            at[j] = addresses[j, k] + start * sizes[j]
        param = carray(pointer(at[0]), n, np.uint16)
        grad = carray(pointer(at[1]), n, np.uint16)
        at[0], at[1] = params.ctypes.data, grads.ctypes.data
        if bfloat16:
            from_bfloat16(param, params)
            from_bfloat16(grad, grads)
            call(function, n, at.ctypes.data, numbers + k * row)
            to_bfloat16(params, param)
        else:
            from_float16(param, params)
            from_float16(grad, grads)
            call(function, n, at.ctypes.data, numbers + k * row)
            to_float16(params, param)


def launch(each, counts, addresses, sizes, numbers, dtype, device):
    """Call a kernel for all elements of some tensors, shared among threads.

    Args:
        each: the kernel.
        counts: how many elements each tensor has.
        addresses: of each quantity, of each tensor; numbers.
        sizes: the bytes of an element, of each quantity.
        numbers: a row of numbers for each tensor.
        dtype: the parameters' dtype, "float32", "float64", "bfloat16" or "float16".
        device: the CPU.
    """
    offsets = np.concatenate([[0], np.cumsum(counts)])
    total = int(offsets[-1])
    # Threads of our own: those of Numba would fight with torch's. This one takes the first share.
    shares = max(1, min(torch.get_num_threads(), total // SHARE))
    cuts = [total * i // shares for i in range(shares + 1)]
    run, rest = drive, (offsets, addresses, sizes, numbers.ctypes.data, numbers.strides[0])
    if dtype in ("bfloat16", "float16"):
        run, rest = drive_halves, (*rest, dtype == "bfloat16")
    others = [
        Thread(target=run, args=(each.address, begin, end, *rest))
        for begin, end in pairwise(cuts[1:])
    ]
    for thread in others:
        thread.start()
    try:
        run(each.address, cuts[0], cuts[1], *rest)
    finally:
        # Nobody may go on while the memory is being written to.
        for thread in others:
            thread.join()
