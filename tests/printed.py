"""What the tests of the printed optimizers share: printed modules, imported, and runs of them."""

import inspect
import sys
import types
from functools import cache

import numpy as np

from docs_ext.names import module_name
from optimizers import OPTIMIZERS
from optimizers.frameworks import FRAMEWORKS, printed
from optimizers.frameworks.about import about
from tests import agreement, cases

# The steps, before a test puts the printed classes in the place of the package's.
STEPS = {name: entry.step for name, entry in OPTIMIZERS.items()}
MISSING = "{} is not installed: pip install 'optimizers-that-run[frameworks]'"

# What the frameworks call the options; several names in the place of `betas` are as many options.
KEYWORDS = {
    "optax": {"lr": "learning_rate", "betas": ("b1", "b2", "b3")},
    "keras": {"lr": "learning_rate", "betas": ("beta_1", "beta_2", "beta_3"), "eps": "epsilon"},
    "mlx": {"lr": "learning_rate"},
}
SHAPES = [(), (4,), (2, 3), (2, 1, 3)]


@cache
def module_of(name, framework):
    """The printed module of an optimizer, imported under a name of its own, so that it pickles."""
    module = types.ModuleType(f"printed_{framework}_{module_name(name)}")
    module.__file__ = f"{module.__name__}.{FRAMEWORKS[framework].ending}"
    sys.modules[module.__name__] = module
    module.text = printed(name, framework)
    exec(compile(module.text, module.__file__, "exec"), module.__dict__)
    return module


def printed_optimizer(name, framework):
    """The class of a printed module, or with Optax the function."""
    said = about(name)
    return getattr(module_of(name, framework), said.function if framework == "optax" else said.name)


def make(name, framework, options):
    """A printed optimizer with options by their names in the NumPy step; `maximize` it has none."""
    make, given = printed_optimizer(name, framework), {}
    known = inspect.signature(make).parameters
    for option, value in options.items():
        keyword = KEYWORDS[framework].get(option, option)
        # An optimizer has two or three betas.
        pairs = (
            zip(keyword, value, strict=False) if isinstance(keyword, tuple) else [(keyword, value)]
        )
        given.update((keyword, value) for keyword, value in pairs if keyword in known)
    return make(**given)


def looks(name):
    """Settings with hard gradients, those with the most options first, without `maximize`."""
    for setting, grads in agreement.looks(name):
        yield {key: value for key, value in setting.items() if key != "maximize"}, grads


def starts(name):
    """Parameters of several shapes."""
    random = np.random.default_rng(1)
    return {
        f"p{place}": random.standard_normal(cases.shape_for(name, shape))
        for place, shape in enumerate(SHAPES)
    }


def gradients_of(params, times):
    """For each time, gradients of several shapes, with heavy tails."""
    random = np.random.default_rng(2)
    for _ in range(times):
        yield {key: random.standard_normal(np.shape(value)) ** 3 for key, value in params.items()}


def by_numpy(name, params, grads, options):
    """Several parameters after the NumPy step has been given some gradients."""
    params, states = dict(params), {key: {} for key in params}
    for given in grads:
        for key, grad in given.items():
            params[key], states[key] = STEPS[name](params[key], grad, states[key], **options)
    return params


def far(name):
    """Every option off its default."""
    return {key: value for key, value in cases.FAR[name].items() if key != "maximize"} | (
        {"decouple": True} if "decouple" in cases.defaults_of(name) else {}
    )
