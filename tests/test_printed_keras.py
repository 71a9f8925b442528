"""What is printed for Keras moves as the NumPy step does on two backends; a model saves it."""

import os
import subprocess
import sys

import numpy as np
import pytest
import sympy

from optimizers import rule_of
from tests import agreement, cases, printed
from tests.contract import every_optimizer

pytest.importorskip("jax", reason=printed.MISSING.format("JAX"))
# Keras reads it when it is imported, so that one process has one backend.
BACKEND = os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras", reason=printed.MISSING.format("Keras"))
import jax  # noqa: E402
import torch  # noqa: E402

jax.config.update("jax_enable_x64", True)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def tolerance(name):
    """Keras takes a maximum of float64 in float32, as the docstring says, unless JAX takes it."""
    exact = BACKEND == "jax" or not any(
        line.expression.has(sympy.Max) for line in rule_of(name).lines()
    )
    return 1e-12 if exact else 1e-6


@pytest.fixture(autouse=True)
def _float64():
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx("float32")


def new(name, **options):
    return printed.make(name, "keras", options)


def numbers(variable):
    return keras.ops.convert_to_numpy(variable).copy()


@every_optimizer
def test_it_moves_as_the_numpy_step_does(name, sample):
    for setting, grads in sample(printed.looks(name), 1):
        if tolerance(name) > 1e-12:
            # The hard gradients are outside of what float32 holds.
            grads = np.random.default_rng(0).standard_normal(grads.shape)
        optimizer, seen = new(name, **setting), []
        variable = keras.Variable(agreement.start(grads.shape[1:]))
        optimizer.build([variable])
        with torch.no_grad():
            for grad in grads:
                optimizer.apply([keras.ops.convert_to_tensor(grad)], [variable])
                names = rule_of(name).states
                state = {key: numbers(getattr(optimizer, f"_{key}")[0]) for key in names}
                step = int(optimizer.iterations.numpy())
                seen.append({"step": step, **state, "param": numbers(variable)})
        with np.errstate(all="ignore"):
            reference = agreement.reference(printed.STEPS[name], setting, grads)
        if tolerance(name) > 1e-12:
            ours, theirs = ([values["param"] for values in run] for run in (seen, reference.steps))
            np.testing.assert_allclose(ours, theirs, rtol=tolerance(name), atol=tolerance(name))
            continue
        found = agreement.disagreement(seen, *reference)
        assert found is None, f"{name} {setting}: {found}"


@every_optimizer
@pytest.mark.parametrize("schedule", [False, True])
def test_several_variables_move_as_each_alone(name, schedule):
    params, options = printed.starts(name), printed.far(name)
    if schedule:
        options["lr"] = keras.optimizers.schedules.PiecewiseConstantDecay([4], [0.3, 0.03])
    optimizer = new(name, **options)
    variables = {key: keras.Variable(value) for key, value in params.items()}
    states = {key: {} for key in params}
    with torch.no_grad():
        for time, given in enumerate(printed.gradients_of(params, 10)):
            grads = [keras.ops.convert_to_tensor(grad) for grad in given.values()]
            optimizer.apply(grads, list(variables.values()))
            if schedule:
                options["lr"] = 0.3 if time <= 4 else 0.03
            for key, grad in given.items():
                step = printed.STEPS[name]
                params[key], states[key] = step(params[key], grad, states[key], **options)
    for key, value in params.items():
        near = tolerance(name)
        np.testing.assert_allclose(numbers(variables[key]), value, rtol=near, atol=near / 100)


def network():
    keras.utils.set_random_seed(0)
    # Matrices only, so that Muon takes them, too.
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(16, activation="tanh", use_bias=False),
            keras.layers.Dense(1, use_bias=False),
        ]
    )


def data():
    x = np.random.default_rng(0).standard_normal((64, 4))
    return x, x[:, :1] * x[:, 1:2]


def train(model, epochs):
    history = model.fit(*data(), batch_size=64, epochs=epochs, shuffle=False, verbose=0)
    return history.history["loss"]


@every_optimizer
def test_it_trains_a_network_and_is_saved_with_it(name, tmp_path):
    options = {**printed.far(name), **cases.having(name, lr=0.01, weight_decay=1e-3)}
    model = network()
    model.compile(optimizer=new(name, **options), loss="mse")
    losses = train(model, 20)
    assert losses[-1] < losses[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is printed.printed_optimizer(name, "keras")
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    train(model, 3)
    train(loaded, 3)
    for ours, theirs in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_allclose(numbers(ours), numbers(theirs), rtol=1e-12, atol=1e-14)


@every_optimizer
def test_its_config_makes_another_with_the_same_options(name):
    optimizer = new(name, **printed.far(name))
    twin = type(optimizer).from_config(optimizer.get_config())
    assert twin.get_config() == optimizer.get_config()


@pytest.mark.every
@pytest.mark.skipif(BACKEND != "jax", reason="the process for the other backend")
def test_all_this_holds_on_the_torch_backend(request):
    other = [*["--full"] * request.config.getoption("--full"), "-p", "no:cacheprovider", "-q"]
    command = [sys.executable, "-m", "pytest", *other, __file__]
    environment = os.environ | {"KERAS_BACKEND": "torch"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
