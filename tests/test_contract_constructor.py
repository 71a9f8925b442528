"""A class is constructed as torch.optim's class is, and its options live in its groups."""

import copy
import inspect
import io
import pickle

import pytest
import torch
import torch._dynamo.testing

from optimizers import OPTIMIZERS
from tests import cases
from tests.contract import (
    NAMES,
    every_case,
    every_optimizer,
    every_original,
    feed,
    label,
    new,
    same,
    same_state,
    weights,
)


@every_original
def test_arguments_have_the_original_names_order_and_defaults(name):
    ours = inspect.signature(OPTIMIZERS[name].optimizer).parameters
    original = cases.ORIGINALS[name]
    theirs = inspect.signature(original).parameters
    # Options that are set in advance can be given by name only; the class knows their places.
    placed = inspect.signature(getattr(original, "func", original)).parameters
    positional = [key for key, value in ours.items() if value.kind is value.POSITIONAL_OR_KEYWORD]
    assert positional == [key for key in placed if key in positional]
    for key in ours.keys() & theirs.keys():
        assert ours[key].default == theirs[key].default
        assert ours[key].kind == placed[key].kind


@every_original
def test_every_argument_is_accepted_or_refused_with_what_to_use_instead(name):
    theirs = cases.arguments_of(cases.ORIGINALS[name])
    new(name, weights(), fused=True)
    known = inspect.signature(OPTIMIZERS[name].optimizer).parameters.keys() | {"fused"}
    for key in theirs.keys() - known:
        if isinstance(theirs[key].default, bool | None):
            new(name, weights(), **{key: theirs[key].default})
            new(name, weights(), **{key: False})
            with pytest.raises(ValueError, match=f"^{key}=True is not supported: .*use"):
                new(name, weights(), **{key: True})
            with pytest.raises(ValueError, match=f"^{key}=True is not supported: .*use"):
                new(name, [{"params": weights(), key: True}])
    with pytest.raises(
        TypeError,
        match=rf"^{label(name)}(\.__init__)?\(\) got an unexpected keyword argument 'oops'$",
    ):
        new(name, weights(), oops=None)


@every_optimizer
def test_parameters_may_be_a_list_groups_names_or_a_generator(name):
    expected = weights()
    feed(new(name, expected), range(3))
    for wrap in (
        iter,
        lambda params: [{"params": [param]} for param in params],
        lambda params: [{"params": params[0]}, {"params": iter(params[1:])}],
        lambda params: list(zip("wb", params, strict=True)),
        lambda params: (pair for pair in zip("wb", params, strict=True)),
        lambda params: [{"params": [("w", params[0]), ("b", params[1])]}],
    ):
        params = weights()
        feed(new(name, wrap(params)), range(3))
        assert same(params, expected)
    named = new(name, zip("wb", weights(), strict=True))
    assert named.state_dict()["param_groups"][0]["param_names"] == ["w", "b"]


@every_case
def test_options_per_group_are_the_options_of_an_optimizer_of_its_own(name, options):
    together, apart = weights(), weights()
    feed(new(name, [{"params": together[:1], **options}, {"params": together[1:]}]), range(4))
    first = new(name, apart[:1], **options)
    second = new(name, apart[1:])
    both = new(name, apart)  # only for its gradients: step() runs on the other two
    both.step = lambda: (first.step(), second.step())
    feed(both, range(4))
    assert same(together, apart)


@every_case
def test_every_option_lives_in_the_groups_and_nowhere_else(name, options):
    optimizer = new(name, weights(), **options)
    group = optimizer.param_groups[0]
    for key, default in cases.defaults_of(name).items():
        assert group[key] == options.get(key, default)
    feed(optimizer, range(2))
    twin = new(name, weights(), **{**options, **cases.having(name, lr=0.7, maximize=True)})
    for ours, theirs in zip(optimizer.param_groups, twin.param_groups, strict=True):
        theirs.update({key: value for key, value in ours.items() if key != "params"})
    feed(twin, range(2))
    assert same(optimizer.param_groups[0]["params"], twin.param_groups[0]["params"])


def through_deepcopy(params, optimizer):
    return copy.deepcopy((params, optimizer))


def through_pickle(params, optimizer):
    return pickle.loads(pickle.dumps((params, optimizer)))


def through_torch_save(params, optimizer):
    file = io.BytesIO()
    torch.save((params, optimizer.state_dict()), file)
    file.seek(0)
    params, state_dict = torch.load(file, weights_only=True)
    # Options far from all settings, so that each has to come from the file.
    [name] = [name for name in NAMES if OPTIMIZERS[name].optimizer is type(optimizer)]
    other = new(name, params, **{**cases.FAR[name], **cases.having(name, lr=9.0)})
    other.load_state_dict(state_dict)
    return params, other


@every_case
@pytest.mark.parametrize("through", [through_deepcopy, through_pickle, through_torch_save])
def test_a_copy_goes_on_like_the_original(name, options, through):
    params = weights()
    optimizer = new(name, params, **options)
    feed(optimizer, range(3))
    their_params, other = through(params, optimizer)
    feed(optimizer, range(3, 6))
    feed(other, range(3, 6))
    assert same(params, their_params)
    assert same_state(optimizer, other)
    for ours, theirs in zip(optimizer.param_groups, other.param_groups, strict=True):
        assert {**ours, "params": None} == {**theirs, "params": None}


@every_optimizer
def test_a_tensor_lr_is_a_float_lr(name):
    expected = weights(dtype=torch.float64)
    decay = cases.having(name, weight_decay=0.1)
    feed(new(name, expected, lr=0.03, **decay), range(4))
    for lr in (torch.tensor(0.03, dtype=torch.float64), torch.tensor([0.03], dtype=torch.float64)):
        params = weights(dtype=torch.float64)
        optimizer = new(name, params, lr=lr, **decay)
        feed(optimizer, range(4))
        assert optimizer.param_groups[0]["lr"] is lr
        assert same(params, expected)


@every_optimizer
def test_maximize_is_the_negated_gradient(name):
    up, down = weights(), weights()
    climber, walker = new(name, up, maximize=True), new(name, down)
    for time in range(4):
        for a, b, grad in zip(up, down, weights(seed=time), strict=True):
            a.grad, b.grad = grad.detach(), -grad.detach()
        climber.step()
        walker.step()
    assert same(up, down)
