"""What the tests of the printed optimizers share: a printed module, imported."""

import sys
import types
from functools import cache

from docs_ext.names import module_name
from optimizers.frameworks import FRAMEWORKS, printed


@cache
def module_of(name, framework):
    """The printed module of an optimizer, imported under a name of its own, so that it pickles."""
    module = types.ModuleType(f"printed_{framework}_{module_name(name)}")
    module.__file__ = f"{module.__name__}.{FRAMEWORKS[framework].ending}"
    sys.modules[module.__name__] = module
    module.text = printed(name, framework)
    exec(compile(module.text, module.__file__, "exec"), module.__dict__)
    return module
