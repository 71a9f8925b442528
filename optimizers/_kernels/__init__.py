"""One kernel for all tensors of a group, made from the formula.

`printing` writes the program, `cache` keeps it, `layout` looks where tensors lie, `launch` decides
and starts, `numba_cpu` and `triton_gpu` run it.
"""

import os

# The process that has imported the package; threads do not outlive a fork.
PROCESS = os.getpid()
