"""What the NumPy steps share: they refuse complex arrays.

Example:
    >>> from optimizers import adam_step
    >>> adam_step(np.array([1j]), np.array([1.0]), {})
    Traceback (most recent call last):
    TypeError: adam_step takes real arrays; give it np.stack([x.real, x.imag]) for a complex x
"""

from collections.abc import Callable
from functools import wraps

import numpy as np


def real_arrays(step: Callable) -> Callable:
    """Let a step refuse complex arrays, which the PyTorch classes take for two real ones each."""

    @wraps(step)
    def checked(param, grad, state, **options):
        if np.iscomplexobj(param) or np.iscomplexobj(grad):
            raise TypeError(
                f"{step.__name__} takes real arrays; give it np.stack([x.real, x.imag]) for a "
                "complex x"
            )
        return step(param, grad, state, **options)

    # Signatures are read by their defaults, too.
    checked.__kwdefaults__ = step.__kwdefaults__  # type: ignore[attr-defined]
    return checked
