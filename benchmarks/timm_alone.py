"""timm's optimizers, without the vision models that importing timm brings along."""

import importlib
import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType


def timm_optim(module: str) -> ModuleType:
    """Import a module of timm.optim, such as "adopt".

    Raises:
        ModuleNotFoundError: timm is not installed.
    """
    for name in ("timm", "timm.optim"):
        if name not in sys.modules and (spec := find_spec(name)):
            sys.modules[name] = module_from_spec(spec)  # it knows its folder, and runs nothing
    return importlib.import_module(f"timm.optim.{module}")
