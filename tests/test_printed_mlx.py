"""What is printed for MLX moves as the NumPy step does.

MLX keeps the learning rate in float32. A rate that float32 holds gives the NumPy step's numbers to
1e-12; another gives them to 1e-7, which is its rounding.
"""

import numpy as np
import pytest

from tests import agreement, cases, printed
from tests.contract import every_optimizer

mx = pytest.importorskip("mlx.core", reason=printed.MISSING.format("MLX"))
from mlx import nn  # noqa: E402
from mlx.utils import tree_flatten, tree_unflatten  # noqa: E402

# Only there has it float64.
mx.set_default_device(mx.cpu)


def new(name, **options):
    return printed.make(name, "mlx", options)


def held(rate):
    """The rate as float32 holds it."""
    return float(np.float32(rate))


def exact(name, options):
    return {**options, "lr": held(options.get("lr", cases.defaults_of(name)["lr"]))}


def arrays(tree):
    return {key: mx.array(value, dtype=mx.float64) for key, value in tree.items()}


@every_optimizer
def test_it_moves_as_the_numpy_step_does(name, sample):
    for setting, grads in sample(printed.looks(name), 3):
        options = exact(name, setting)
        optimizer, seen = new(name, **options), []
        params = arrays({"w": agreement.start(grads.shape[1:])})
        for grad in grads:
            params = optimizer.apply_gradients(arrays({"w": grad}), params)
            mx.eval(params, optimizer.state)
            state = {key: np.array(value) for key, value in optimizer.state["w"].items()}
            seen.append({"step": optimizer.step.item(), **state, "param": np.array(params["w"])})
        with np.errstate(all="ignore"):
            reference = agreement.reference(printed.STEPS[name], options, grads)
        found = agreement.disagreement(seen, *reference)
        assert found is None, f"{name} {options}: {found}"


@every_optimizer
def test_a_rate_that_float32_rounds_moves_it_to_1e_7(name):
    params, options = printed.starts(name), {**printed.far(name), "lr": 0.1}
    grads = list(printed.gradients_of(params, 20))
    optimizer, ours = new(name, **options), arrays(params)
    for given in grads:
        ours = optimizer.apply_gradients(arrays(given), ours)
    for key, value in printed.by_numpy(name, params, grads, options).items():
        np.testing.assert_allclose(np.array(ours[key]), value, rtol=1e-7, atol=1e-7)


@every_optimizer
def test_the_learning_rate_may_be_a_schedule(name):
    params, states = printed.starts(name), {}
    optimizer, ours = new(name, lr=lambda step: mx.array(2.0**-6) / (1 + step)), arrays(params)
    for time, given in enumerate(printed.gradients_of(params, 8)):
        ours = optimizer.apply_gradients(arrays(given), ours)
        for key, grad in given.items():
            lr = float(np.float32(2.0**-6) / np.float32(1 + time))
            step = printed.STEPS[name]
            params[key], states[key] = step(params[key], grad, states.get(key, {}), lr=lr)
    for key, value in params.items():
        np.testing.assert_allclose(np.array(ours[key]), value, rtol=1e-12, atol=1e-14)


@every_optimizer
def test_its_state_is_flattened_saved_and_continued(name):
    params, options = printed.starts(name), exact(name, printed.far(name))
    grads = [arrays(given) for given in printed.gradients_of(params, 6)]
    first, ours = new(name, **options), arrays(params)
    for given in grads[:3]:
        ours = first.apply_gradients(given, ours)
    saved = tree_flatten(first.state)
    assert {key.partition(".")[0] for key, _ in saved} <= {*params, "step", "learning_rate"}
    second, theirs = new(name, **options), dict(ours)
    second.init(theirs)
    second.state = tree_unflatten(saved) | {key: {} for key in params if not first.state[key]}
    for given in grads[3:]:
        ours = first.apply_gradients(given, ours)
        theirs = second.apply_gradients(given, theirs)
    for key in params:
        assert mx.array_equal(ours[key], theirs[key])


@every_optimizer
def test_half_precision_parameters_have_a_state_in_float32(name):
    params = {"w": mx.ones((2, 2), mx.bfloat16)}
    optimizer = new(name)
    for _ in range(3):
        params = optimizer.apply_gradients({"w": mx.full((2, 2), 0.5, mx.bfloat16)}, params)
    assert params["w"].dtype == mx.bfloat16
    assert all(value.dtype == mx.float32 for value in optimizer.state["w"].values())


@every_optimizer
def test_it_trains_a_network(name):
    mx.random.seed(0)
    # Matrices only, so that Muon takes them, too.
    model = nn.Sequential(nn.Linear(4, 16, bias=False), nn.Tanh(), nn.Linear(16, 1, bias=False))
    x = mx.random.normal((64, 4))
    y = x[:, :1] * x[:, 1:2]
    optimizer, losses = new(name, lr=0.01), []
    compute = nn.value_and_grad(model, lambda model: nn.losses.mse_loss(model(x), y))
    for _ in range(100):
        loss, grads = compute(model)
        optimizer.update(model, grads)
        mx.eval(model.parameters(), optimizer.state)
        losses.append(loss.item())
    assert losses[-1] < losses[0]
