"""How tensors lie in memory: which of them one kernel can walk together, and where they are."""

import ctypes
import os
import sys
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

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
LAYOUT, DTYPE, DEVICE, IS_CPU = map(attrgetter, ("layout", "dtype", "device", "is_cpu"))


def sort(params, states, names, remembered):
    """Which parameters a kernel can serve together.

    Args:
        params: the parameters, each with a gradient.
        states: the state of each; None before its first update.
        names: the state's tensors.
        remembered: what was last found of these parameters; changed here.

    Returns:
        By kind, which is the dtype and the device: the parameters, their states, and the places of
        all. Then the parameters that are left, and for the last of them that no kernel can serve
        the reason in words.
    """
    if params and all(states):
        grads = [param.grad for param in params]
        columns = [params, grads, *([state[name] for state in states] for name in names)]
        # Nearly always; and this takes a fifth of the time of looking at one after the other.
        if places := alike(columns, remembered):
            return {kind_of(params[0]): (params, states, places)}, [], None
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
        kind: (served, known, Places.of(list(zip(*rows, strict=True))) if rows else None)
        for kind, (served, known, rows) in batches.items()
    }
    return batches, others, why


def kind_of(param):
    """What parameters of one kernel have in common."""
    return param.dtype, param.device


class Places(NamedTuple):
    """Where tensors are in memory.

    Args:
        counts: how many elements each has.
        addresses: of each quantity, of each tensor.
        sizes: the bytes of an element, of each quantity.
    """

    counts: np.ndarray
    addresses: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, columns):
        """Those of the tensors of each quantity: parameters, gradients, states."""
        counts = np.fromiter(map(Tensor.numel, columns[0]), np.int64, len(columns[0]))
        addresses = np.fromiter(map(Tensor.data_ptr, chain(*columns)), np.int64)
        sizes = np.array([column[0].element_size() for column in columns])
        return cls(counts, addresses.reshape(len(columns), len(counts)), sizes)

    def lasting(self):
        """What remains from step to step: all but the addresses of gradients."""
        return self.counts.tobytes() + np.delete(self.addresses, 1, axis=0).tobytes()


def alike(columns, remembered):
    """The places of tensors, if all are ordinary ones of one kind, in order and without gaps.

    Args:
        columns: the tensors of each quantity.
        remembered: where parameters and states were when they were last found to be so; changed
            here. If they still are there, little can have changed but the gradients, which are new
            in each step; and looking takes most of the time of a step of many small tensors.

    Returns:
        None if one is not.
    """
    params, grads, *states = columns
    dtype, device, counts = params[0].dtype, params[0].device, list(map(Tensor.numel, params))
    # To ask for a device takes twice as long as to ask whether it is the CPU.
    where, here = (IS_CPU, True) if device.type == "cpu" else (DEVICE, device)

    def regular(column, dtype):
        return (
            set(map(LAYOUT, column)) == {torch.strided}
            and set(map(DTYPE, column)) == {dtype}
            and set(map(where, column)) == {here}
            and list(map(Tensor.numel, column)) == counts
            and all(map(Tensor.is_contiguous, column))
            and not any(map(Tensor.is_neg, column))
        )

    if (
        device.type not in COMPILERS
        or dtype not in COMPUTES
        or not all(set(map(type, column)) <= ORDINARY for column in columns)
        or not regular(grads, dtype)
        # A parameter can be transposed where it is.
        or not all(map(Tensor.is_contiguous, params))
    ):
        return None
    places = Places.of(columns)
    lasting = places.lasting()
    if lasting != remembered.get("places"):
        if not regular(params, dtype):
            return None
        if not all(regular(column, COMPUTES[dtype]) for column in states):
            return None
        remembered["places"] = lasting
    return places


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


def sealed(params):
    """The first parameter in memory that cannot be written to, such as a file opened for reading.

    A step would end the process there, without a word. The system, asked to write a byte to such
    a place, says no instead: each parameter's first byte is written over itself.
    """
    if os.name != "posix":
        return None
    read = ctypes.CDLL(None).read
    read.argtypes = ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t
    source, sink = os.pipe()
    try:
        for param in params:
            if type(param) in ORDINARY and param.is_cpu and param.layout is torch.strided:
                # Without elements, or while its memory is elsewhere, it has no address.
                if (address := param.data_ptr()) == 0:
                    continue
                os.write(sink, ctypes.string_at(address, 1))
                if read(source, address, 1) != 1:
                    return param
    finally:
        os.close(source)
        os.close(sink)
    return None
