"""What is printed for Optax moves as the NumPy step does, and goes wherever Optax's own goes."""

import inspect

import numpy as np
import pytest

from tests import agreement, printed
from tests.contract import every_optimizer

optax = pytest.importorskip("optax", reason=printed.MISSING.format("Optax"))
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

jax.config.update("jax_enable_x64", True)
TOLERANCE = {"rtol": 1e-12, "atol": 1e-14}


def new(name, **options):
    return printed.make(name, "optax", options)


def run(transformation, params, grads):
    """The parameters after some updates, under jit."""
    params = jax.tree.map(jnp.asarray, params)
    state, update = transformation.init(params), jax.jit(transformation.update)
    for given in grads:
        updates, state = update(jax.tree.map(jnp.asarray, given), state, params)
        params = optax.apply_updates(params, updates)
    return params


def same(ours, theirs, **tolerance):
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), **(tolerance or TOLERANCE))


@every_optimizer
def test_it_moves_as_the_numpy_step_does(name, sample):
    for setting, grads in sample(printed.looks(name), 2):
        transformation, seen = new(name, **setting), []
        param = jnp.asarray(agreement.start(grads.shape[1:]))
        state, update = transformation.init(param), jax.jit(transformation.update)
        for grad in grads:
            change, state = update(jnp.asarray(grad), state, param)
            param = optax.apply_updates(param, change)
            values = state._asdict()
            seen.append({"step": values.pop("count"), **values, "param": param})
        with np.errstate(all="ignore"):
            expected = agreement.run_step(printed.STEPS[name], setting, grads)
        found = agreement.disagreement(seen, expected)
        assert found is None, f"{name} {setting}: {found}"


@every_optimizer
def test_any_tree_of_parameters_moves_as_each_alone(name):
    params, options = printed.starts(name), printed.far(name)
    grads = list(printed.gradients_of(params, 20))
    nested = [
        ({"a": tree["p0"], "b": (tree["p1"],)}, [tree["p2"], tree["p3"]])
        for tree in (params, *grads)
    ]
    moved = run(new(name, **options), nested[0], nested[1:])
    expected = printed.by_numpy(name, params, grads, options)
    same(moved, ({"a": expected["p0"], "b": (expected["p1"],)}, [expected["p2"], expected["p3"]]))


@every_optimizer
def test_it_stands_in_a_chain(name):
    params = printed.starts(name)
    grads = list(printed.gradients_of(params, 5))
    # To climb is to be given the negative gradient.
    climbing = optax.chain(optax.scale(-1.0), new(name))
    down = run(new(name), params, [jax.tree.map(np.negative, given) for given in grads])
    same(run(climbing, params, grads), down)


@every_optimizer
def test_its_options_can_be_injected_and_changed(name):
    params = printed.starts(name)
    grads = list(printed.gradients_of(params, 6))
    function = printed.printed_optimizer(name, "optax")
    known = inspect.signature(function).parameters
    static = known.keys() & {"decouple", "clip_exp", "ns_steps"}
    injected = optax.inject_hyperparams(function, static_args=static)(learning_rate=0.1)
    here = jax.tree.map(jnp.asarray, params)
    state, update = injected.init(here), jax.jit(injected.update)
    for time, given in enumerate(grads):
        state.hyperparams["learning_rate"] = jnp.asarray(0.1 if time < 3 else 0.02)
        updates, state = update(jax.tree.map(jnp.asarray, given), state, here)
        here = optax.apply_updates(here, updates)
    scheduled = new(name, lr=lambda count: jnp.where(count < 3, 0.1, 0.02))
    # The options are injected in float32.
    same(here, run(scheduled, params, grads), rtol=1e-4, atol=1e-5)


@every_optimizer
def test_the_learning_rate_may_be_a_schedule(name):
    params = printed.starts(name)

    def schedule(count):
        return 0.1 * 0.9**count

    moved = run(new(name, lr=schedule), params, printed.gradients_of(params, 15))
    expected, states = dict(params), {key: {} for key in params}
    for count, given in enumerate(printed.gradients_of(params, 15)):
        for key, grad in given.items():
            lr = float(schedule(count))
            expected[key], states[key] = printed.STEPS[name](
                expected[key], grad, states[key], lr=lr
            )
    same(moved, expected)


@every_optimizer
def test_what_is_masked_stays_and_groups_have_options_of_their_own(name):
    params, options = printed.starts(name), printed.far(name)
    grads = list(printed.gradients_of(params, 5))
    mask = {key: key in ("p0", "p2") for key in params}
    alone = printed.by_numpy(name, params, grads, options)
    others = printed.by_numpy(name, params, grads, {})
    frozen = optax.chain(
        optax.masked(new(name, **options), mask),
        optax.masked(optax.set_to_zero(), {key: not kept for key, kept in mask.items()}),
    )
    same(run(frozen, params, grads), {key: (alone if mask[key] else params)[key] for key in params})
    labels = {key: "far" if kept else "near" for key, kept in mask.items()}
    groups = optax.multi_transform({"far": new(name, **options), "near": new(name)}, labels)
    same(run(groups, params, grads), {key: (alone if mask[key] else others)[key] for key in params})


@every_optimizer
def test_the_state_of_bfloat16_parameters_is_float32_and_updates_are_bfloat16(name):
    shape = (2, 2)
    params = {"w": jnp.ones(shape, jnp.bfloat16)}
    transformation = new(name)
    state, update = transformation.init(params), jax.jit(transformation.update)
    kinds = jax.tree.map(lambda leaf: leaf.dtype, state)
    for time in range(3):
        grads = {"w": jnp.full(shape, 0.5 + time, jnp.bfloat16)}
        updates, state = update(grads, state, params)
        assert updates["w"].dtype == jnp.bfloat16
        params = optax.apply_updates(params, updates)
        assert params["w"].dtype == jnp.bfloat16
        assert jax.tree.map(lambda leaf: leaf.dtype, state) == kinds
    assert all(leaf.dtype != jnp.bfloat16 for leaf in jax.tree.leaves(state))


@every_optimizer
def test_it_trains_a_network_as_the_numpy_step_does(name):
    random = np.random.default_rng(0)
    params = {"in": random.standard_normal((4, 16)) / 2, "out": random.standard_normal((16, 1)) / 4}
    x = random.standard_normal((64, 4))
    y = x[:, :1] * x[:, 1:2]

    @jax.jit
    def loss_and_grads(params):
        return jax.value_and_grad(
            lambda params: jnp.mean((jnp.tanh(x @ params["in"]) @ params["out"] - y) ** 2)
        )(params)

    transformation = new(name, lr=0.01)
    ours = jax.tree.map(jnp.asarray, params)
    state, update = transformation.init(ours), jax.jit(transformation.update)
    theirs, states, losses = dict(params), {key: {} for key in params}, []
    for _ in range(100):
        loss, grads = loss_and_grads(ours)
        updates, state = update(grads, state, ours)
        ours = optax.apply_updates(ours, updates)
        losses.append(float(loss))
        _, grads = loss_and_grads(theirs)
        for key in theirs:
            moved = printed.STEPS[name](theirs[key], np.asarray(grads[key]), states[key], lr=0.01)
            theirs[key], states[key] = moved
    assert losses[-1] < losses[0]
    # A network amplifies roundings; tanh does so gently.
    same(ours, theirs, rtol=1e-7, atol=1e-9)
