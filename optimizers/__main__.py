"""`python -m optimizers` says what is installed, whether kernels are used, and where they are kept."""

import platform
from pathlib import Path

import numpy as np
import torch

from . import __file__ as home
from . import __version__, rule_of
from ._kernels import cache


def main() -> None:
    """Print one line a fact."""
    print(f"optimizers {__version__}, {Path(home).parent}")
    print(f"Python {platform.python_version()}, torch {torch.__version__}, NumPy {np.__version__}")
    print(f"formulas: {formulas()}")
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        print(f"kernels, {device}: {kernels(device)}")
    print(f"cache: {kept()}")


def formulas() -> str:
    """Whether formulas can be read, or why not."""
    try:
        rule_of("Adam")
    except (ImportError, OSError) as error:
        return f"not read: {error}"
    return "read"


def kernels(device: str) -> str:
    """Whether a device has kernels, or why not; that of Adam stands for all."""
    kernel = cache.kernel_of("adam", torch.float32, torch.device(device))
    return f"not used: {kernel}" if isinstance(kernel, str) else "used"


def kept() -> str:
    """Where kernels are kept, how much there is, and how to remove it."""
    try:
        folder = cache.folder()
    except (OSError, RuntimeError) as error:
        return f"none: {error}"
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return f"{folder}, {size / 1e6:.1f} MB; it can be deleted at any time"


if __name__ == "__main__":
    main()
