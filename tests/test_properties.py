"""What must hold for any shapes, dtypes, options, groups and times of saving."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizers import OPTIMIZERS
from tests import cases
from tests.contract import same_but_for_order

every_optimizer = pytest.mark.parametrize("name", list(OPTIMIZERS))
# The same examples on every machine; no deadline, because machines differ.
bounded = settings(max_examples=60, deadline=None, derandomize=True)

VALUES = {
    "lr": st.floats(0, 0.5),
    "momentum": st.floats(0.01, 0.999),
    "eps": st.floats(1e-12, 1),
    "weight_decay": st.just(0.0) | st.floats(0, 1),
    "clip_exp": st.none() | st.floats(0, 1),
}
DTYPES = [
    *(torch.float64, torch.float32, torch.bfloat16, torch.float16),
    *(torch.complex128, torch.complex64),
]
SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)


def shapes(name):
    """Any shape; of a matrix, with a column at least."""
    fitting = SHAPES.map(lambda shape: cases.shape_for(name, shape))
    return fitting if name not in cases.MATRICES else fitting.filter(lambda shape: shape[1] > 0)


def memory(tensor, odd):
    """The same numbers in another order in memory, if they are to be odd."""
    return tensor.transpose(0, -1).contiguous().transpose(0, -1) if odd else tensor.clone()


def values(option, default):
    """Any value of an option in its range; without an entry in VALUES, those of tests/cases.py."""
    if isinstance(default, bool):
        return st.booleans()
    if option == "betas":
        return st.tuples(*[st.floats(0, 0.999)] * (len(default) - 1), st.floats(0, 0.9999))
    return VALUES[option] if option in VALUES else st.sampled_from(cases.values(option, default))


def options_of(name):
    """Any of the optimizer's options, each within its range."""
    optional = {
        option: values(option, default) for option, default in cases.defaults_of(name).items()
    }
    return st.fixed_dictionaries({}, optional=optional)


@st.composite
def layouts(draw, name, dtypes):
    """Groups of options and parameters; a parameter is a shape, a dtype and its first time."""
    dtypes = st.sampled_from([dtype for dtype in dtypes if cases.takes_dtype(name, dtype)])
    params = st.lists(st.tuples(shapes(name), dtypes, st.integers(0, 3)), min_size=1, max_size=3)
    return draw(st.lists(st.tuples(options_of(name), params), min_size=1, max_size=3))


def sow(seed):
    # torch.manual_seed remembers a stack trace for each kind of GPU: that took half of the time.
    torch.default_generator.manual_seed(seed)


def start(name, layout, seed, **more):
    sow(seed)
    groups = [
        {"params": [torch.randn(shape, dtype=dtype).requires_grad_() for shape, dtype, _ in params]}
        | options
        for options, params in layout
    ]
    return OPTIMIZERS[name].optimizer(groups, **more)


def params_of(optimizer):
    return [param for group in optimizer.param_groups for param in group["params"]]


def feed(optimizer, layout, times):
    firsts = [first for _, params in layout for _, _, first in params]
    for time in times:
        sow(1000 + time)
        for param, first in zip(params_of(optimizer), firsts, strict=True):
            # Now and then missing, after the first one, too.
            grad = torch.randn_like(param) ** 3
            param.grad = grad if time >= first and (time - first) % 4 != 3 else None
        optimizer.step()


def assert_same(ours, theirs):
    for a, b in zip(params_of(ours), params_of(theirs), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)
        assert ours.state[a].keys() == theirs.state[b].keys()
        for key, value in ours.state[a].items():
            torch.testing.assert_close(value, theirs.state[b][key], rtol=0, atol=0, equal_nan=True)


@every_optimizer
@bounded
@given(data=st.data())
def test_the_class_is_the_numpy_step(name, data):
    layout = data.draw(layouts(name, [torch.float64]))
    optimizer = start(name, layout, seed=data.draw(st.integers(0, 9)))
    options = [options for options, params in layout for _ in params]
    arrays = [param.detach().numpy().copy() for param in params_of(optimizer)]
    states, largest = [{} for _ in arrays], [np.abs(array) for array in arrays]
    for time in range(7):
        feed(optimizer, layout, [time])
        for i, param in enumerate(params_of(optimizer)):
            if param.grad is not None:
                grad = param.grad.numpy()
                arrays[i], states[i] = OPTIMIZERS[name].step(
                    arrays[i], grad, states[i], **options[i]
                )
                largest[i] = np.maximum(largest[i], np.abs(arrays[i]))
            error = np.abs(param.detach().numpy() - arrays[i])
            # Relative to the largest value so far; ten thousand roundings of float64.
            assert np.all(error <= 1e-12 * largest[i])
            assert optimizer.state[param].get("step", 0) == states[i].get("step", 0)


@every_optimizer
@bounded
@given(data=st.data())
def test_saving_and_resuming_changes_nothing(name, data):
    layout = data.draw(layouts(name, DTYPES))
    stop, seed = data.draw(st.integers(0, 6)), data.draw(st.integers(0, 9))
    straight, first = start(name, layout, seed), start(name, layout, seed)
    feed(straight, layout, range(7))
    feed(first, layout, range(stop))
    # Every option has to come from the file.
    second = start(name, [({}, params) for _, params in layout], seed)
    for ours, theirs in zip(params_of(second), params_of(first), strict=True):
        ours.data.copy_(theirs.data)
    second.load_state_dict(first.state_dict())
    feed(second, layout, range(stop, 7))
    assert_same(second, straight)


@every_optimizer
@bounded
@given(data=st.data())
def test_the_neighbours_of_a_parameter_do_not_matter(name, data):
    layout = data.draw(layouts(name, DTYPES))
    # Small matrices are multiplied together, which may round otherwise, unless it is forbidden.
    together = start(name, layout, seed=0, **({"fused": False} if name in cases.MATRICES else {}))
    alone = []
    for group in copy.deepcopy(together.param_groups):
        params = group.pop("params")
        alone += [OPTIMIZERS[name].optimizer([{"params": [param]} | group]) for param in params]
    for time in range(5):
        feed(together, layout, [time])
        for param, optimizer in zip(params_of(together), alone, strict=True):
            params_of(optimizer)[0].grad = param.grad
            optimizer.step()
    for param, optimizer in zip(params_of(together), alone, strict=True):
        torch.testing.assert_close(params_of(optimizer)[0], param, rtol=0, atol=0, equal_nan=True)


@every_optimizer
@bounded
@given(data=st.data())
def test_the_layout_in_memory_does_not_matter(name, data):
    shape = data.draw(st.lists(st.integers(1, 4), min_size=4, max_size=4))
    options = data.draw(options_of(name))
    sow(0)
    plain = torch.randn(cases.shape_for(name, shape)).requires_grad_()
    odd = memory(plain.detach(), data.draw(st.booleans())).requires_grad_()
    # A kernel takes what lies alike only, and rounds otherwise: its layouts are in test_fused.py.
    make = partial(OPTIMIZERS[name].optimizer, fused=False, **options)
    optimizers = [make([param]) for param in (plain, odd)]
    for _ in range(4):
        plain.grad = torch.randn(plain.shape)
        odd.grad = memory(plain.grad, data.draw(st.booleans()))
        for optimizer in optimizers:
            optimizer.step()
    assert same_but_for_order(name, odd, plain)
