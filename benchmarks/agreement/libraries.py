"""The optimizers of other libraries that have the name of one of ours, and how they are run."""

import contextlib
import importlib
import inspect
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from importlib.metadata import version
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import torch

from ..timm_alone import timm_optim

# Keras chooses where it is imported, and without a word it wants TensorFlow.
os.environ.setdefault("KERAS_BACKEND", "jax")


class Library(NamedTuple):
    """A library.

    Args:
        distribution: what pip installs.
        module: what is imported; without it there is nothing to run.
        source: its files on the web, with {version} and {file}.
        names: what it calls our options; those that it calls as we do are not named.
        run: `run(make, given, start, grads, rates, penalty)` returns the parameters after each
            step; the gradient is one of `grads` plus that of an L2 penalty in the loss.
    """

    distribution: str
    module: str
    source: str
    names: dict[str, tuple[str, ...]]
    run: Callable


class Contender(NamedTuple):
    """An optimizer of a library.

    Args:
        optimizer: the name of ours.
        library: a key of LIBRARIES.
        path: module and name, such as "optax.contrib:muon".
        options: what makes it the optimizer of that name, such as nesterov=True; None for none.
    """

    optimizer: str
    library: str
    path: str
    options: dict[str, Any] | None = None

    def make(self) -> Callable:
        """Import it."""
        module, name = self.path.split(":")
        if self.library == "timm":
            found = timm_optim(module.rpartition(".")[2])
        else:
            found = importlib.import_module(module)
        return getattr(found, name)

    def options_of(self) -> dict[str, inspect.Parameter]:
        """The parameters of its constructor."""
        return dict(inspect.signature(self.make()).parameters)


def run_torch(make, given, start, grads, rates, penalty):
    """Run a class of torch's kind; a learning rate is set before each step, as a scheduler does."""
    params = [torch.tensor(value, requires_grad=True) for value in start]
    group = {"params": params}
    if make.__module__.startswith("pytorch_optimizer.optimizer.muon"):
        group["use_muon"] = True  # each group has to say so
    optimizer, seen = make([group], **{"lr": rates[0], **given}), []
    for several, rate in zip(grads, rates, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        for param, grad in zip(params, several, strict=True):
            param.grad = torch.tensor(grad) + penalty * param.detach()
        with warnings.catch_warnings():
            # torch 2.13 deprecates two names that torch-adopt 0.1.0 calls.
            warnings.simplefilter("ignore")
            optimizer.step()
        seen.append([param.detach().numpy().copy() for param in params])
    return seen


def run_optax(make, given, start, grads, rates, penalty):
    """Run a transformation of Optax, in float64."""
    import jax
    import optax

    with jax.enable_x64(True):
        schedule = jax.numpy.asarray(rates)
        # Rprop reads the learning rate once, here and there; optax's takes no schedule.
        rate = rates[0] if make is optax.rprop else lambda count: schedule[count]
        transformation = make(learning_rate=rate, **given)
        if penalty:
            transformation = optax.chain(optax.add_decayed_weights(penalty), transformation)
        params, seen = [jax.numpy.asarray(value) for value in start], []
        state, update = transformation.init(params), jax.jit(transformation.update)
        for several in grads:
            changes, state = update([jax.numpy.asarray(grad) for grad in several], state, params)
            params = optax.apply_updates(params, changes)
            seen.append([np.asarray(param) for param in params])
    return seen


@contextlib.contextmanager
def keras_in_float64() -> Iterator[None]:
    """Keras's default dtype is one for all, so it is put back."""
    import jax
    import keras

    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        with jax.enable_x64(True):
            yield
    finally:
        keras.config.set_floatx(before)


def run_keras(make, given, start, grads, rates, penalty):
    """Run a class of Keras, in float64."""
    with keras_in_float64():
        import keras

        params = [keras.Variable(value, dtype="float64") for value in start]
        optimizer, seen = make(learning_rate=rates[0], **given), []
        for several, rate in zip(grads, rates, strict=True):
            optimizer.learning_rate = rate
            pairs = zip(several, params, strict=True)
            optimizer.apply([grad + penalty * param.value for grad, param in pairs], params)
            seen.append([np.array(keras.ops.convert_to_numpy(param.value)) for param in params])
    return seen


def run_mlx(make, given, start, grads, rates, penalty):
    """Run a class of MLX, in float64 on the CPU; its learning rate is in float32."""
    import mlx.core as mx

    with mx.stream(mx.cpu):
        params = {str(place): mx.array(value, mx.float64) for place, value in enumerate(start)}
        optimizer, seen = make(learning_rate=rates[0], **given), []
        for several, rate in zip(grads, rates, strict=True):
            optimizer.learning_rate = rate
            pairs = zip(params.items(), several, strict=True)
            now = {
                key: mx.array(grad, mx.float64) + penalty * value for (key, value), grad in pairs
            }
            params = optimizer.apply_gradients(now, params)
            mx.eval(params, optimizer.state)
            seen.append([np.array(param) for param in params.values()])
    return seen


GITHUB = "https://github.com"
LIBRARIES = {
    "torch": Library(
        "torch", "torch", f"{GITHUB}/pytorch/pytorch/blob/v{{version}}/{{file}}", {}, run_torch
    ),
    "optax": Library(
        "optax",
        "optax",
        f"{GITHUB}/google-deepmind/optax/blob/v{{version}}/{{file}}",
        {
            "lr": ("learning_rate",),
            "betas": ("b1", "b2"),
            "alpha": ("decay",),
            "ns_coefficients": ("ns_coeffs",),
        },
        run_optax,
    ),
    "Keras": Library(
        "keras",
        "keras",
        f"{GITHUB}/keras-team/keras/blob/v{{version}}/{{file}}",
        {
            "lr": ("learning_rate",),
            "betas": ("beta_1", "beta_2"),
            "alpha": ("rho",),
            "eps": ("epsilon",),
            "ns_coefficients": ("muon_a", "muon_b", "muon_c"),
        },
        run_keras,
    ),
    "MLX": Library(
        "mlx",
        "mlx",
        f"{GITHUB}/ml-explore/mlx/blob/v{{version}}/python/{{file}}",
        {"lr": ("learning_rate",)},
        run_mlx,
    ),
    "timm": Library(
        "timm",
        "timm",
        f"{GITHUB}/huggingface/pytorch-image-models/blob/v{{version}}/{{file}}",
        {
            "momentum_decay": ("schedule_decay",),
            "decouple": ("decoupled",),
            "trust_coefficient": ("trust_coeff",),
        },
        run_torch,
    ),
    "pytorch-optimizer": Library(
        "pytorch-optimizer",
        "pytorch_optimizer",
        f"{GITHUB}/kozistr/pytorch_optimizer/blob/v{{version}}/{{file}}",
        {"ns_coefficients": ("ns_coeffs",), "decouple": ("weight_decouple",)},
        run_torch,
    ),
    "torch-adopt": Library(
        "torch-adopt", "adopt", f"{GITHUB}/iShohei220/adopt/blob/main/{{file}}", {}, run_torch
    ),
}

NESTEROV = {"nesterov": True}
CONTENDERS = (
    Contender("Gradient Descent", "torch", "torch.optim:SGD"),
    Contender("Gradient Descent", "optax", "optax:sgd"),
    Contender("Gradient Descent", "Keras", "keras.optimizers:SGD"),
    Contender("Gradient Descent", "MLX", "mlx.optimizers:SGD"),
    Contender("Momentum", "torch", "torch.optim:SGD"),
    Contender("Momentum", "optax", "optax:sgd"),
    Contender("Momentum", "Keras", "keras.optimizers:SGD"),
    Contender("Momentum", "MLX", "mlx.optimizers:SGD"),
    Contender("Nesterov", "torch", "torch.optim:SGD", NESTEROV),
    Contender("Nesterov", "optax", "optax:sgd", NESTEROV),
    Contender("Nesterov", "Keras", "keras.optimizers:SGD", NESTEROV),
    Contender("Nesterov", "MLX", "mlx.optimizers:SGD", NESTEROV),
    Contender("RMSprop", "torch", "torch.optim:RMSprop"),
    Contender("RMSprop", "optax", "optax:rmsprop"),
    Contender("RMSprop", "Keras", "keras.optimizers:RMSprop"),
    Contender("RMSprop", "MLX", "mlx.optimizers:RMSprop"),
    Contender("RMSprop", "timm", "timm.optim.rmsprop_tf:RMSpropTF"),
    Contender("Adagrad", "torch", "torch.optim:Adagrad"),
    Contender("Adagrad", "optax", "optax:adagrad"),
    Contender("Adagrad", "Keras", "keras.optimizers:Adagrad"),
    Contender("Adagrad", "MLX", "mlx.optimizers:Adagrad"),
    Contender("Adadelta", "torch", "torch.optim:Adadelta"),
    Contender("Adadelta", "optax", "optax:adadelta"),
    Contender("Adadelta", "Keras", "keras.optimizers:Adadelta"),
    Contender("Adadelta", "MLX", "mlx.optimizers:AdaDelta"),
    Contender("Adadelta", "pytorch-optimizer", "pytorch_optimizer:AdaDelta"),
    Contender("Adam", "torch", "torch.optim:Adam"),
    Contender("Adam", "optax", "optax:adam"),
    Contender("Adam", "Keras", "keras.optimizers:Adam"),
    Contender("Adam", "MLX", "mlx.optimizers:Adam"),
    Contender("AdamW", "torch", "torch.optim:AdamW"),
    Contender("AdamW", "optax", "optax:adamw"),
    Contender("AdamW", "Keras", "keras.optimizers:AdamW"),
    Contender("AdamW", "MLX", "mlx.optimizers:AdamW"),
    Contender("AdamW", "timm", "timm.optim.adamw:AdamWLegacy"),
    Contender("ADOPT", "torch-adopt", "adopt:ADOPT"),
    Contender("ADOPT", "optax", "optax.contrib:adopt"),
    Contender("ADOPT", "timm", "timm.optim.adopt:Adopt"),
    Contender("ADOPT", "pytorch-optimizer", "pytorch_optimizer:ADOPT"),
    Contender("NAdam", "torch", "torch.optim:NAdam"),
    Contender("NAdam", "optax", "optax:nadam"),
    Contender("NAdam", "Keras", "keras.optimizers:Nadam"),
    Contender("NAdam", "timm", "timm.optim.nadam:NAdamLegacy"),
    Contender("RAdam", "torch", "torch.optim:RAdam"),
    Contender("RAdam", "optax", "optax:radam"),
    Contender("RAdam", "timm", "timm.optim.radam:RAdamLegacy"),
    Contender("RAdam", "pytorch-optimizer", "pytorch_optimizer:RAdam"),
    Contender("AMSGrad", "torch", "torch.optim:Adam", {"amsgrad": True}),
    Contender("AMSGrad", "optax", "optax:amsgrad"),
    Contender("AMSGrad", "Keras", "keras.optimizers:Adam", {"amsgrad": True}),
    Contender("Adamax", "torch", "torch.optim:Adamax"),
    Contender("Adamax", "optax", "optax:adamax"),
    Contender("Adamax", "Keras", "keras.optimizers:Adamax"),
    Contender("Adamax", "MLX", "mlx.optimizers:Adamax"),
    Contender("Adamax", "pytorch-optimizer", "pytorch_optimizer:AdaMax"),
    Contender("AdaBelief", "optax", "optax:adabelief"),
    Contender("AdaBelief", "timm", "timm.optim.adabelief:AdaBelief"),
    Contender("AdaBelief", "pytorch-optimizer", "pytorch_optimizer:AdaBelief"),
    Contender("Adan", "optax", "optax:adan"),
    Contender("Adan", "timm", "timm.optim.adan:Adan"),
    Contender("Adan", "pytorch-optimizer", "pytorch_optimizer:Adan"),
    Contender("LAMB", "optax", "optax:lamb"),
    Contender("LAMB", "Keras", "keras.optimizers:Lamb"),
    Contender("LAMB", "timm", "timm.optim.lamb:Lamb"),
    Contender("LAMB", "pytorch-optimizer", "pytorch_optimizer:Lamb"),
    Contender("LARS", "optax", "optax:lars"),
    Contender("LARS", "timm", "timm.optim.lars:Lars"),
    Contender("LARS", "pytorch-optimizer", "pytorch_optimizer:LARS"),
    Contender("Rprop", "torch", "torch.optim:Rprop"),
    Contender("Rprop", "optax", "optax:rprop"),
    Contender("Lion", "optax", "optax:lion"),
    Contender("Lion", "Keras", "keras.optimizers:Lion"),
    Contender("Lion", "MLX", "mlx.optimizers:Lion"),
    Contender("Lion", "timm", "timm.optim.lion:Lion"),
    Contender("Lion", "pytorch-optimizer", "pytorch_optimizer:Lion"),
    Contender("Signum", "optax", "optax:signum"),
    Contender("Signum", "pytorch-optimizer", "pytorch_optimizer:SignSGD"),
    Contender("Muon", "torch", "torch.optim:Muon"),
    Contender("Muon", "optax", "optax.contrib:muon"),
    Contender("Muon", "Keras", "keras.optimizers:Muon"),
    Contender("Muon", "MLX", "mlx.optimizers:Muon"),
    Contender("Muon", "timm", "timm.optim.muon:Muon"),
    Contender("Muon", "pytorch-optimizer", "pytorch_optimizer:Muon"),
)
# What a name of ours is in one class, where it is not what its library calls it elsewhere.
ELSEWHERE = {
    "keras.optimizers:Muon": {"eps": ()},  # its epsilon is that of the parameters that take Adam
    "optax:adan": {"betas": ("b1", "b2", "b3")},
    "optax:rprop": {
        "etas": ("eta_minus", "eta_plus"),
        "step_sizes": ("min_step_size", "max_step_size"),
    },
    "optax:signum": {"momentum": ("beta",)},
    "optax.contrib:muon": {"momentum": ("beta",)},
}


@cache
def installed(library: str) -> str | None:
    """The version of a library, without what follows a plus; None where it is missing."""
    try:
        return version(LIBRARIES[library].distribution).partition("+")[0]
    except ModuleNotFoundError:
        return None


def translated(contender: Contender, hyper: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Say hyper-parameters in a library's names, and which it has none for.

    Args:
        contender: whose names.
        hyper: ours, without the learning rate.

    Returns:
        What to give to its constructor, and the names of ours that it does not have.
    """
    known = contender.options_of()
    given, missing = dict(contender.options or {}), []
    for name, value in hyper.items():
        theirs = names_of(contender, name)
        if not theirs or theirs[0] not in known:
            missing.append(name)
        elif len(theirs) > 1:
            given.update(zip(theirs, value, strict=True))
        else:
            # MLX wants its pair of betas as a list.
            given[theirs[0]] = (
                list(value) if contender.library == "MLX" and name == "betas" else value
            )
    return given, missing


def names_of(contender: Contender, name: str) -> tuple[str, ...]:
    """What a library calls a hyper-parameter of ours: one name, or one for each of its numbers."""
    names = {**LIBRARIES[contender.library].names, **ELSEWHERE.get(contender.path, {})}
    return names.get(name, (name,))


def run(
    contender: Contender,
    given: dict[str, Any],
    start: Sequence[np.ndarray],
    grads: Sequence[Sequence[np.ndarray]],
    rates: Sequence[float],
    penalty: float = 0.0,
) -> list[list[np.ndarray]]:
    """Run an optimizer of a library: the parameters after each step."""
    make = contender.make()
    return LIBRARIES[contender.library].run(make, given, start, grads, rates, penalty)


def in_float64_by_default():
    """Let torch make float64 where a class does not say what it makes."""
    return restoring(torch.get_default_dtype(), torch.set_default_dtype, torch.float64)


@contextlib.contextmanager
def restoring(before, put, new):
    put(new)
    try:
        yield
    finally:
        put(before)


def without(method: str):
    """Take away a method of tensors that rounds."""
    return mock.patch.object(torch.Tensor, method, torch.Tensor.clone)


def iterating_in_float64(module: str, name: str):
    """Let a function that iterates do so in float64."""
    found = importlib.import_module(module)
    return mock.patch.object(found, name, partial(getattr(found, name), dtype=torch.float64))


def norm_of_keras_in_float64():
    """Let the norm of Keras on JAX have the dtype of what it is given."""
    import jax

    def norm(x, ord=None, axis=None, keepdims=False):
        return jax.numpy.linalg.norm(x, ord=ord, axis=axis, keepdims=keepdims)

    ops = importlib.import_module("keras.src.optimizers.muon").ops
    return mock.patch.object(ops, "norm", norm)


# What rounds on the way, by what is taken away to see it.
ROUNDINGS = {
    "keras.optimizers:Muon": ("the norm is computed in float32", norm_of_keras_in_float64),
    "torch.optim:NAdam": ("keeps the product of shares in float32", in_float64_by_default),
    "torch.optim:Muon": ("iterates in bfloat16", partial(without, "bfloat16")),
    "timm.optim.radam:RAdamLegacy": ("computes in float32", partial(without, "float")),
    "timm.optim.muon:Muon": (
        "iterates in bfloat16",
        partial(iterating_in_float64, "timm.optim.muon", "zeropower_via_newtonschulz"),
    ),
    "pytorch_optimizer:Muon": (
        "iterates in bfloat16",
        partial(
            iterating_in_float64,
            "pytorch_optimizer.optimizer.muon.base",
            "zero_power_via_newton_schulz_5",
        ),
    ),
}
