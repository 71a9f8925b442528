"""Runs the printed kernels on CPUs: the functions that they call, and the loop over tensors.

Addresses are numbers here: a kernel walks the memory of a tensor, whatever its shape.
"""

import ctypes
import math
import os
from contextlib import suppress
from functools import cache, lru_cache, partial
from threading import Thread
from typing import Any

import numpy as np
import torch
from llvmlite import ir
from numba import carray, cfunc, float32, float64, int64, njit, types
from numba.core import cgutils
from numba.core.caching import FunctionCache
from numba.extending import intrinsic

from . import PROCESS

# A product and a sum may be rounded once instead of twice, as they are in torch's add(alpha=) and
# addcmul: rounded twice, a kernel is further off than these where dW and λW cancel. Nothing else may
# be changed.
MATH: dict[str, Any] = {"fastmath": {"contract"}, "error_model": "numpy"}
# Elements that a thread takes at a time; torch too thinks so many worth a thread.
PIECE = 32_768
# Halves are computed in float32, so many at a time that they remain in the innermost cache.
BUFFER = 1024


def cached(decorator, *arguments, **options):
    """A Numba decorator that keeps what it compiles on disk, where there is a place for it."""

    def decorate(function):
        try:
            return decorator(*arguments, cache=True, **options)(function)
        except Exception:
            # There is no place for it, the disk is full, or what lies there is damaged.
            with suppress(Exception):
                FunctionCache(function).flush()
                return decorator(*arguments, cache=True, **options)(function)
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


@intrinsic
def take(context, counter):
    """Add one to a number, to which other threads do the same; what it was before."""

    def generate(context, builder, signature, arguments):
        return builder.atomic_rmw("add", *arguments, arguments[0].type.pointee(1), "monotonic")

    return types.int64(types.CPointer(types.int64)), generate


# What the formulas call; these keep the type of their arguments and let a NaN through.
sqrt, absolute = math.sqrt, abs
maximum, minimum, sign = np.maximum, np.minimum, np.sign


@njit(**MATH)
def clip(x, low, high):
    return low if x < low else high if x > high else x


@njit(**MATH)
def choose(condition, x, y):
    return x if condition else y


@njit(**MATH)
def square(x):
    return x * x


@njit(**MATH)
def power(x, exponent):
    # A power takes longer than all else, and RAdam's exponent, one for all elements, is 0 or 1.
    if exponent == 1:
        return x
    return x**0 if exponent == 0 else x**exponent


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


@cached(njit, types.void(int64[::1], float32, float64[::1]))
def add(addresses, summand, sums):
    for k in range(len(addresses)):
        number = carray(pointer(addresses[k]), 1, np.float32)
        number[0] += summand
        sums[k] = number[0]


def count(addresses, summand):
    """Add 0 or 1 to each of the numbers in float32 at some addresses; return them."""
    steps = np.empty(len(addresses))
    add(addresses, summand, steps)
    return steps


def work(job):
    """Call a kernel for piece after piece until none is left; each thread does.

    Args:
        job: the next piece, how many there are, the kernel, how many numbers the table has of a
            piece, and the table's address. For each piece it has the number of elements, the
            address of the kernel's numbers, and of each quantity the address.
    """
    piece = take(job)
    while piece < job[1]:
        row = carray(pointer(job[4]), (job[1], job[3]), np.int64)[piece]
        call(job[2], row[0], row[2:].ctypes.data, row[1])
        piece = take(job)


@njit
def widen(halves, singles, brain):
    if brain:
        from_bfloat16(halves, singles)
    else:
        from_float16(halves, singles)


@njit
def narrow(singles, halves, brain):
    if brain:
        to_bfloat16(singles, halves)
    else:
        to_float16(singles, halves)


@njit
def work_on_halves(job, brain):
    """The same where parameters and gradients are halves, and the kernel takes float32."""
    params, grads = np.empty((2, BUFFER), np.float32)
    piece = take(job)
    while piece < job[1]:
        row = carray(pointer(job[4]), (job[1], job[3]), np.int64)[piece]
        at = row[2:].copy()
        for start in range(0, row[0], BUFFER):
            n = min(BUFFER, row[0] - start)
            param = carray(pointer(row[2] + 2 * start), n, np.uint16)
            grad = carray(pointer(row[3] + 2 * start), n, np.uint16)
            at[0], at[1] = params.ctypes.data, grads.ctypes.data
            at[2:] = row[4:] + 4 * start
            widen(param, params, brain)
            widen(grad, grads, brain)
            call(job[2], n, at.ctypes.data, row[1])
            narrow(params, param, brain)
        piece = take(job)


# Numba keeps on disk what calls functions by name, not what is given them.
def work_on_bfloat16(job):
    work_on_halves(job, True)


def work_on_float16(job):
    work_on_halves(job, False)


WORK = {"bfloat16": work_on_bfloat16, "float16": work_on_float16}


@cache
def worker(dtype):
    """What a thread calls for parameters of a dtype."""
    compiled = cached(cfunc, types.void(types.CPointer(int64)))(WORK.get(dtype, work))
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(compiled.address)


@lru_cache  # with other gradients missing in each step, it would grow without end
def pieces(counts):
    """Return the tensor, the first element and the number of elements of each piece."""
    tensors = np.repeat(np.arange(len(counts)), [-(-n // PIECE) for n in counts])
    starts = np.concatenate([np.arange(0, n, PIECE) for n in counts])
    return tensors, starts, np.minimum(np.array(counts)[tensors] - starts, PIECE)


def threads_of_torch():
    """What calls a function on the threads of torch's own operations; None if nothing does."""
    try:
        run = ctypes.CDLL(torch._C.__file__).GOMP_parallel
    except (OSError, AttributeError):
        return None  # a build without OpenMP, or with one that has no such entry
    run.argtypes = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint
    return run


on_threads_of_torch = threads_of_torch()


def prepared(each, places, numbers, dtype, device):
    """Make ready to call a kernel for all elements of some tensors, shared among threads.

    Args:
        each: the kernel.
        places: where they are.
        numbers: a row of numbers for each tensor.
        dtype: the parameters' dtype, "float32", "float64", "bfloat16" or "float16".
        device: the CPU.

    Returns:
        The function that starts it and waits for it.
    """
    tensors, starts, lengths = pieces(tuple(places.counts.tolist()))
    table = np.empty((len(tensors), 2 + len(places.sizes)), np.int64)
    table[:, 0] = lengths
    table[:, 1] = numbers.ctypes.data + numbers.strides[0] * tensors
    table[:, 2:] = places.addresses.T[tensors] + starts[:, None] * places.sizes
    # A thread that is free takes the next piece: one that comes late holds nobody up.
    job = np.array([0, len(table), each.address, table.shape[1], table.ctypes.data])
    take_part = worker(dtype)
    threads = min(torch.get_num_threads(), max(1, int(lengths.sum()) // PIECE))

    return partial(on_threads, threads, take_part, job, (table, numbers))


def on_threads(threads, take_part, job, kept):
    """Call a function on this thread and on others, and wait for all of them.

    Args:
        threads: how many, with this one.
        take_part: the function.
        job: an array, whose address it is given.
        kept: arrays whose addresses are in the job.
    """
    # A forked process has no threads of torch's; OpenMP would wait for them for ever.
    if threads > 1 and on_threads_of_torch and os.getpid() == PROCESS:
        on_threads_of_torch(take_part, job.ctypes.data, threads, 0)
        return
    others = []
    try:
        with suppress(RuntimeError, MemoryError):
            # Where the system has no thread left, those that there are do all the work.
            for _ in range(threads - 1):
                others.append(Thread(target=take_part, args=(job.ctypes.data,)))
                others[-1].start()
        take_part(job.ctypes.data)
    finally:
        # Nobody may go on while the memory is being written to.
        for thread in others:
            if thread.ident is not None:
                thread.join()
