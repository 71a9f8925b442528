"""Compares a formula with an optimizer of somebody else's: 200 steps of both in float64."""

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..formula.rule import Rule
from .about import places_read

STEPS = 200
# Roundings in another order stay far below it, and another formula far above.
TOLERANCE = 1e-10
ACCEPTED = "accepted: torch.optim.Adam, optax:adam, keras:Adam, mlx:Adam, or mine.py:Mine for a class in a file"
# Where the optimizers of a framework stand, if not in its first module.
MODULES = {"keras": "keras.optimizers", "mlx": "mlx.optimizers"}
RATES = (0.8, 0.95, 0.9)
# Values with which differences show, where both take the option: ε at its default hides its place.
TELLING = {"lr": 0.01, "eps": 1e-3, "weight_decay": 0.1, "momentum": 0.8}
# MLX keeps the learning rate in float32, which holds this one.
HELD = {"lr": 2**-6}
# What the frameworks call the options.
KEYWORDS = {
    "lr": ("lr", "learning_rate"),
    "eps": ("eps", "epsilon"),
    "betas[0]": ("b1", "beta1", "beta_1"),
    "betas[1]": ("b2", "beta2", "beta_2"),
    "betas[2]": ("b3", "beta3", "beta_3"),
    "alpha": ("alpha", "decay", "rho"),
    "momentum": ("momentum", "decay", "beta"),
}


def check(rule: Rule, other: str) -> tuple[bool, str]:
    """Compare a rule with an optimizer.

    Args:
        rule: the rule.
        other: a class of torch's kind by its full name; `optax:` and the name of a function;
            `keras:` or `mlx:` and the name of a class; a file, a colon and the name of a class or
            function in it.

    Returns:
        Whether they are equal, and a message: with which options, and, if they part, at which line
        of the formula, in which iteration and by how much.

    Raises:
        ImportError: the optimizer's package is not installed.
        ValueError: there is no such optimizer, or an option has no value in common.

    Example:
        >>> from optimizers import rule_of
        >>> print(check(rule_of("Momentum"), "torch.optim.SGD")[1])  # doctest: +ELLIPSIS
        equal: optimizers/momentum.py and torch.optim.SGD, 200 steps in float64 with lr=0.01, momentum=0.8, weight_decay=0.1; they differ by ... at most
    """
    make = loaded(other)
    shape = (3, 2) if rule.matrix else (6,)
    random = np.random.default_rng(0)
    start = random.standard_normal(shape)
    grads = random.standard_normal((STEPS, *shape)) ** 3
    run = runner(make)
    given, hyper = chosen(rule, make, TELLING | (HELD if run is run_mlx else {}))
    theirs = run(make, given, start, grads)
    param: Any = start
    state: dict[str, Any] = {}
    ours: list[dict[str, Any]] = []
    with np.errstate(all="ignore"):
        for grad in grads:
            param, state = rule.step(param, grad, state, **hyper)
            ours.append({**state, "param": param})
    named = ", ".join(f"{name}={value}" for name, value in hyper.items())
    pair = f"{rule.statements[0].path} and {other}, {STEPS} steps in float64 with {named}"
    parting = first_difference(ours, theirs)
    if parting is None:
        most = max(
            difference(mine["param"], yours["param"])
            for mine, yours in zip(ours, theirs, strict=True)
        )
        return True, f"equal: {pair}; they differ by {most:.0e} at most"
    iteration, quantity, by = parting
    lines = [line for line in rule.lines(rule.variables[0]) if rule.code(line.target) == quantity]
    places = [f"{line.path}:{line.line}:{line.column}: {line.latex}" for line in lines]
    known = sorted(theirs[0].keys() & ours[0].keys() - {"param"})
    compared = f"compared: the parameter{' and ' if known else ''}{', '.join(known)}"
    text = f"they part in iteration {iteration}, in {quantity}, by {by:.1e} of its size"
    return False, "\n  ".join([f"not equal: {pair}", text, *places, compared])


def loaded(other: str) -> Callable:
    """The class or function that a name stands for."""
    place, colon, name = other.rpartition(":")
    if not colon:
        place, _, name = other.rpartition(".")
    if not place or not name:
        raise ValueError(f"{other!r} names no optimizer; {ACCEPTED}")
    # Keras reads it when it is imported, and would else take TensorFlow, which we do not install.
    os.environ.setdefault("KERAS_BACKEND", "jax")
    if place.endswith(".py"):
        if not Path(place).exists():
            raise ValueError(f"{place}: no such file; {ACCEPTED}")
        # A name of its own: a file may be called as a package that is installed.
        spec = importlib.util.spec_from_file_location(f"checked_{Path(place).stem}", place)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    else:
        try:
            module = importlib.import_module(MODULES.get(place, place))
        except ModuleNotFoundError as error:
            missing = str(error.name).partition(".")[0]
            ours = missing in ("jax", "optax", "keras", "mlx")
            extra = "; the extra `frameworks` installs it" if ours else ""
            raise ImportError(f"{other}: no module {missing!r}{extra}; {ACCEPTED}") from None
    if not callable(make := getattr(module, name, None)):
        raise ValueError(f"{place} has no class or function {name!r}; {ACCEPTED}")
    return make


def runner(make: Callable) -> Callable:
    """The function that runs an optimizer, by what its framework asks of a class."""
    if isinstance(make, type) and issubclass(make, torch.optim.Optimizer):
        return run_torch
    if hasattr(make, "update_step"):
        return run_keras
    return run_mlx if hasattr(make, "apply_single") else run_optax


def chosen(rule: Rule, make: Callable, telling: dict) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options for the optimizer, by its names, and those for the rule."""
    known = inspect.signature(make).parameters
    given: dict[str, Any] = {}
    hyper: dict[str, Any] = {}

    def keyword(name):
        return next((keyword for keyword in KEYWORDS.get(name, (name,)) if keyword in known), None)

    rates = RATES[: 1 + max([1, *places_read(rule, "betas")])]
    telling = {**telling, "betas": rates}
    for name in rule.hyperparameters:
        several = [keyword(f"{name}[{place}]") for place in range(len(rates))]
        if name in known or keyword(name):
            own = name if name in known else keyword(name)
            value = telling.get(name, rule.defaults.get(name, known[own].default))
            given[own] = hyper[name] = value
        elif name == "betas" and all(several):
            hyper[name] = rates
            given.update(zip(several, rates, strict=True))
        elif name in ("weight_decay", "decouple"):
            hyper[name] = 0.0  # it has none
        elif name in rule.defaults:
            hyper[name] = rule.defaults[name]
        else:
            raise ValueError(
                f"{rule.statements[0].path}: {make.__name__} has no option {name!r}; accepted: {', '.join(known)}"
            )
        if hyper[name] is inspect.Parameter.empty:
            raise ValueError(f"{make.__name__}: {name!r} has no default; accepted: one that has")
    return given, hyper


def run_torch(make, given, start, grads):
    """The parameter and the state of a torch optimizer after each step."""
    param = torch.tensor(start, requires_grad=True)
    optimizer, seen = make([param], **given), []
    for grad in grads:
        param.grad = torch.tensor(grad)
        optimizer.step()
        state = {
            name: np.array(value.detach().numpy())
            for name, value in optimizer.state[param].items()
            if isinstance(value, torch.Tensor) and value.shape == param.shape
        }
        seen.append({**state, "param": param.detach().numpy().copy()})
    return seen


def run_optax(make, given, start, grads):
    """The parameter, and nothing else, of a transformation of Optax's after each step."""
    import jax

    transformation = make(**given)
    if not hasattr(transformation, "update") or not hasattr(transformation, "init"):
        raise ValueError(f"{make.__name__} is an optimizer of no known framework; {ACCEPTED}")
    with jax.enable_x64(True):
        param, seen = jax.numpy.asarray(start), []
        state, update = transformation.init(param), jax.jit(transformation.update)
        for grad in grads:
            change, state = update(jax.numpy.asarray(grad), state, param)
            param = param + change
            seen.append({"param": np.asarray(param)})
    return seen


def run_keras(make, given, start, grads):
    """The parameter, and nothing else, of an optimizer of Keras' after each step."""
    import keras

    surroundings, seen = torch.no_grad(), []
    if keras.backend.backend() == "jax":
        import jax

        surroundings = jax.enable_x64(True)
    floatx = keras.config.floatx()
    keras.config.set_floatx("float64")  # the learning rate has this dtype
    try:
        with surroundings:
            param, optimizer = keras.Variable(start), make(**given)
            optimizer.build([param])
            for grad in grads:
                optimizer.apply([keras.ops.convert_to_tensor(grad)], [param])
                seen.append({"param": keras.ops.convert_to_numpy(param).copy()})
    finally:
        keras.config.set_floatx(floatx)
    return seen


def run_mlx(make, given, start, grads):
    """The parameter and the state of an optimizer of MLX's after each step."""
    from mlx import core as mx

    optimizer, seen = make(**given), []
    with mx.stream(mx.cpu):  # only there has MLX float64
        params = {"param": mx.array(start, dtype=mx.float64)}
        for grad in grads:
            params = optimizer.apply_gradients({"param": mx.array(grad, dtype=mx.float64)}, params)
            mx.eval(params, optimizer.state)
            state = {key: np.array(value) for key, value in optimizer.state["param"].items()}
            seen.append({**state, "param": np.array(params["param"])})
    return seen


def first_difference(ours, theirs):
    """The iteration, the quantity and the relative size of the first difference; None if there is none."""
    for iteration, (mine, yours) in enumerate(zip(ours, theirs, strict=True), 1):
        # States come before the parameter, because a wrong state makes the parameter wrong, too.
        for quantity in [*(name for name in mine if name in yours and name != "param"), "param"]:
            by = difference(mine[quantity], yours[quantity])
            if not by <= TOLERANCE:
                return iteration, quantity, by
    return None


def difference(mine, yours):
    """The greatest difference of two arrays, relative to the greatest number in them."""
    size = max(np.abs(mine).max(), np.abs(yours).max(), np.finfo(float).tiny)
    return float(np.abs(mine - yours).max() / size)
