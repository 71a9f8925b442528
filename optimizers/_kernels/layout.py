"""Where tensors lie in memory: which of them one kernel can walk together, and at which addresses."""

import sys
from itertools import chain
from operator import attrgetter, is_
from typing import Any, NamedTuple

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


class NoMemory(RuntimeError):
    """A tensor has elements and no memory for them: any step would end the process."""


class Quantities(NamedTuple):
    """What an optimizer keeps for a parameter.

    Args:
        tensors: the names of the states of the parameter's shape.
        scalars: the names of the states that are one number on the CPU, `step` first.
    """

    tensors: tuple[str, ...]
    scalars: tuple[str, ...]


class Places(NamedTuple):
    """Where the tensors of some parameters are in memory.

    Args:
        counts: how many elements each parameter has.
        addresses: an address for each quantity and parameter.
        sizes: the bytes of an element of each quantity.
        scalars: an address for each scalar state and parameter, `step` first.
    """

    counts: np.ndarray
    addresses: np.ndarray
    sizes: np.ndarray
    scalars: np.ndarray

    @classmethod
    def of(cls, columns, scalars):
        """Those of a list of tensors for each quantity: parameters, gradients, states; scalars."""
        counts = np.fromiter(map(Tensor.numel, columns[0]), np.int64, len(columns[0]))
        addresses, numbers = (
            np.fromiter(map(Tensor.data_ptr, chain(*lists)), np.int64).reshape(-1, len(counts))
            for lists in (columns, scalars)
        )
        sizes = np.array([column[0].element_size() for column in columns])
        return cls(counts, addresses, sizes, numbers)

    def lasting(self):
        """What remains from step to step: all but the addresses of gradients."""
        kept = self.counts, np.delete(self.addresses, 1, axis=0), self.scalars
        return b"".join(array.tobytes() for array in kept)

    def check_memory(self):
        """Refuse tensors whose memory has been given back."""
        if not (np.all(self.addresses[:, self.counts > 0]) and np.all(self.scalars)):
            raise NoMemory("a parameter, a gradient or a state has no memory")

    def apart(self):
        """Whether what is written to lies apart, so that threads do not write over each other."""
        starts = np.delete(self.addresses, 1, axis=0)
        ends = starts + np.delete(self.sizes, 1)[:, None] * self.counts
        starts, ends = (places[:, self.counts > 0].ravel() for places in (starts, ends))
        order = np.argsort(starts)
        return not np.any(starts[order][1:] < ends[order][:-1])


class Batch(NamedTuple):
    """Parameters of one dtype and device that one kernel serves together.

    Args:
        params: the parameters.
        states: the state of each.
        places: where all of them are.
    """

    params: list[Tensor]
    states: list[dict[str, Any]]
    places: Places

    @property
    def kind(self):
        """The dtype and the device of the parameters."""
        return kind_of(self.params[0])


def sort(params, states, quantities, remembered):
    """Sort parameters into those that a kernel can serve together and those that none can.

    Args:
        params: the parameters, each with a gradient.
        states: the state of each; None before its first update.
        quantities: what a state holds.
        remembered: what was last found of these parameters; changed here.

    Returns:
        The batches; the parameters that a kernel can serve once their first update has made a
        state; those that none can serve; and for the last of these the reason in words, else None.
    """
    if params and all(states):
        # Nearly always; and this takes a fifth of the time of looking at one after the other.
        try:
            columns, scalars = columns_of(params, states, quantities)
        except KeyError:
            columns = None
        if columns and (places := alike(columns, scalars, remembered)):
            return [Batch(params, states, places)], [], [], None
    rows, waiting, others, why = {}, [], [], None
    for param, state in zip(params, states, strict=True):
        row = [param, param.grad, *(state.get(name) for name in quantities.tensors if state)]
        row = local(row) or row
        numbers = [state.get(name) for name in quantities.scalars if state]
        if odd := oddity(row, numbers):
            why = odd
            others.append(param)
        elif state:
            rows.setdefault(kind_of(row[0]), []).append((param, state, row, numbers))
        else:
            waiting.append(param)
    batches = []
    for found in rows.values():
        served, known, tensors, numbers = (list(column) for column in zip(*found, strict=True))
        places = Places.of(*(list(zip(*table, strict=True)) for table in (tensors, numbers)))
        places.check_memory()
        if places.apart():
            batches.append(Batch(served, known, places))
        else:
            why = "two parameters or states share memory"
            others += served
    return batches, waiting, others, why


def columns_of(params, states, quantities):
    """The parameters, their gradients and each tensor state as lists; each scalar state as a list."""
    grads = [param.grad for param in params]
    tensors = ([state[name] for state in states] for name in quantities.tensors)
    scalars = [[state[name] for state in states] for name in quantities.scalars]
    return [params, grads, *tensors], scalars


def name_of(dtype):
    """Return what NumPy calls a dtype."""
    return str(dtype).removeprefix("torch.")


def kind_of(param):
    """What parameters of one kernel have in common."""
    return param.dtype, param.device


def alike(columns, scalars, remembered):
    """The places of tensors, if all are ordinary ones of one kind, in order and without gaps.

    Args:
        columns: the tensors of each quantity.
        scalars: the scalar states.
        remembered: the parameters and states that were last found to be so, and where; changed
            here. If the same tensors are still there with the same dtypes, only the gradients can
            differ, which are new in each step. Looking closer takes most of the time of a step of
            many small tensors.

    Returns:
        None if one is not.
    """
    params, grads, *states = columns
    dtype, device, counts = params[0].dtype, params[0].device, list(map(Tensor.numel, params))
    if device.type not in COMPILERS or dtype not in COMPUTES:
        return None
    # Asking for a device takes twice as long as asking whether it is the CPU.
    where, here = (IS_CPU, True) if device.type == "cpu" else (DEVICE, device)

    def regular(column, dtype):
        return (
            set(map(type, column)) <= ORDINARY
            and set(map(LAYOUT, column)) == {torch.strided}
            and set(map(DTYPE, column)) == {dtype}
            and set(map(where, column)) == {here}
            and list(map(Tensor.numel, column)) == counts
            and all(map(Tensor.is_contiguous, column))
            and not any(map(Tensor.is_neg, column))
        )

    kept = [params, *states, *scalars]
    tensors, lasting = remembered.get("now", ([], None))
    now = [*chain(*kept)]
    same = len(tensors) == len(now) and all(map(is_, tensors, now))
    if not same and not set(map(type, now)) <= ORDINARY:
        return None
    # A parameter can be transposed where it is, and any tensor can become one of another dtype.
    dtypes = [dtype, *[COMPUTES[dtype]] * len(states), *scalar_dtypes(dtype, len(scalars))]
    if (
        any(set(map(DTYPE, column)) != {its} for column, its in zip(kept, dtypes, strict=True))
        or not all(map(Tensor.is_contiguous, params))
        or not regular(grads, dtype)
    ):
        return None
    places = Places.of(columns, scalars)
    if not (same and places.lasting() == lasting):
        if not (
            all(map(regular, kept[: len(states) + 1], dtypes))
            and all(map(is_scalar, chain(*scalars)))
            and places.apart()
        ):
            return None
        remembered["now"] = now, places.lasting()
    places.check_memory()
    return places


def scalar_dtypes(dtype, number):
    """The dtypes of the scalar states of a parameter; `step`, the first, is always a float32."""
    return [torch.float32, *[COMPUTES[dtype]] * (number - 1)][:number]


def is_scalar(tensor):
    """Whether a state is one number in the CPU's memory, as it is."""
    return (
        type(tensor) in ORDINARY
        and tensor.layout is torch.strided
        and tensor.is_cpu
        and tensor.numel() == 1
        and not tensor.is_neg()
    )


def oddity(row, scalars):
    """Why no kernel can serve one parameter, in words; None if one can.

    Args:
        row: the parameter, its gradient, and, once it has been updated, its tensor states.
        scalars: its scalar states, once it has been updated.
    """
    param = row[0]
    for tensor in row:
        if type(tensor) not in ORDINARY:
            return f"no kernel reads a {type(tensor).__name__} like this"
    if param.dtype not in COMPUTES:
        return f"no kernel computes in {param.dtype}"
    if param.device.type not in COMPILERS:
        return f"there is no kernel for {param.device.type}"
    if any(tensor.layout is not torch.strided for tensor in row):
        return "a tensor is sparse"
    dtypes = [param.dtype] * 2 + [COMPUTES[param.dtype]] * (len(row) - 2)
    for tensor, dtype in zip(row, dtypes, strict=True):
        if (tensor.dtype, tensor.device, tensor.shape) != (dtype, param.device, param.shape):
            return "parameter, gradient and state differ in dtype, device or shape"
        if not same_places(param, tensor):
            return "the strides of parameter, gradient and state differ, or leave gaps"
        if tensor.is_neg():
            return "a value is negated only when it is read"
    for scalar, dtype in zip(scalars, scalar_dtypes(param.dtype, len(scalars)), strict=True):
        if not is_scalar(scalar) or scalar.dtype != dtype:
            return "the state's step or another of its numbers is not as it was made"
    return None


def same_places(param, other):
    """Whether two tensors of a shape lie in memory alike, with nothing in between."""
    # The stride of a dimension of one element says nothing.
    places, others = (
        [place for place in zip(tensor.stride(), tensor.shape, strict=True) if place[1] > 1]
        for tensor in (param, other)
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
    if module is None or not all(type(tensor) is module.DTensor for tensor in tensors):
        return None
    parted = {(tensor.device_mesh, tensor.placements) for tensor in tensors}
    if len(parted) > 1 or any(place.is_partial() for place in tensors[0].placements):
        return None
    return [tensor.to_local() for tensor in tensors]
