"""Which parameters lie in memory that cannot be written to, such as a file opened for reading."""

import numpy as np
import torch
from torch import Tensor


def read_only(params: list[Tensor]) -> Tensor | None:
    """Return the first parameter in memory that cannot be written to; None if there is none.

    A step would end the process there, without a word. Linux lists the parts of a process's memory
    and what may be done with them; where there is no such list, nothing is found.
    """
    here = [
        param
        for param in params
        if param.is_cpu and param.layout is torch.strided and param.numel() and memory_of(param)
    ]
    try:
        with open("/proc/self/maps", encoding="ascii", errors="replace") as file:
            parts = [line.split(maxsplit=2)[:2] for line in file]
    except OSError:
        return None
    starts, ends = (
        np.array([int(bounds.split("-")[side], 16) for bounds, _ in parts], np.uint64)
        for side in (0, 1)
    )
    writable = np.array(["w" in rights for _, rights in parts])
    for param in here:
        address = memory_of(param)
        place = np.searchsorted(starts, address, side="right") - 1
        if place >= 0 and address < ends[place] and not writable[place]:
            return param
    return None


def memory_of(param: Tensor) -> int:
    """The address of a parameter; 0 while its memory is elsewhere."""
    try:
        return param.data_ptr()
    except RuntimeError:
        return 0  # a tensor that wraps others has no memory of its own
