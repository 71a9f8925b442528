"""What works with torch.optim works here: every test runs for every optimizer of the package."""

import copy
import inspect
import io
import pickle
import shutil
from functools import partial
from itertools import pairwise, permutations

import pytest
import torch
import torch._dynamo.testing
from torch import nn
from torch.optim import lr_scheduler

from optimizers import OPTIMIZERS, rule_of
from tests import cases

NAMES = list(OPTIMIZERS)
# All settings are tried where numbers are compared, in test_optimizers.py and test_formula.py.
CASES = [(name, options) for name in NAMES for options in cases.RICH[name]]
every_optimizer = pytest.mark.parametrize("name", NAMES)
every_case = pytest.mark.parametrize(("name", "options"), CASES)
# Of each optimizer the dtypes that it takes.
every_dtype = pytest.mark.parametrize(
    ("name", "dtype"),
    [
        (name, dtype)
        for name in NAMES
        for dtype in (
            *(torch.float64, torch.float32, torch.bfloat16, torch.float16),
            *(torch.complex64, torch.complex128),
        )
        if cases.takes_dtype(name, dtype)
    ],
)
every_original = pytest.mark.parametrize("name", cases.ORIGINALS)
every_case_of_an_original = pytest.mark.parametrize(
    ("name", "options"), [case for case in CASES if case[0] in cases.ORIGINALS]
)


def new(name, params, **options):
    return OPTIMIZERS[name].optimizer(params, **options)


def exact(name, params, **options):
    """Whose numbers are the original's to the last bit; a kernel's are a few roundings apart."""
    return new(name, params, fused=False, **options)


def label(name):
    """What the class is called."""
    return OPTIMIZERS[name].optimizer.__name__


def quantities(name):
    """What is kept for each parameter: tensors of its shape."""
    return OPTIMIZERS[name].optimizer.state_names


def weights(*shapes, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()
        for shape in shapes or [(3, 2), (4, 1)]
    ]


def copies(params):
    return [param.detach().clone().requires_grad_() for param in params]


def feed(optimizer, times):
    """Steps with gradients that depend on the time and on the place of the parameter only."""
    for time in times:
        generator = torch.Generator().manual_seed(time)
        for group in optimizer.param_groups:
            for param in group["params"]:
                # Cubed, for heavy tails.
                param.grad = torch.randn(param.shape, generator=generator, dtype=param.dtype) ** 3
        optimizer.step()


def same(ours, theirs):
    return all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def same_state(ours, theirs):
    uncounted = [] if getattr(theirs, "reads_step", True) and ours.reads_step else ["step"]
    ours, theirs = ours.state_dict()["state"], theirs.state_dict()["state"]
    if uncounted:
        # torch.optim does not count the steps of these, and keeps no state that is empty.
        ours, theirs = (
            {
                key: {k: v for k, v in values.items() if k not in uncounted}
                for key, values in one.items()
            }
            for one in (ours, theirs)
        )
        ours, theirs = ({k: v for k, v in one.items() if v} for one in (ours, theirs))
    assert ours.keys() == theirs.keys()
    for key, state in ours.items():
        assert state.keys() == theirs[key].keys()
        assert all(torch.equal(value, theirs[key][name]) for name, value in state.items())
        assert all(value.dtype == theirs[key][name].dtype for name, value in state.items())
    return True


# Constructor


@every_original
def test_arguments_have_the_original_names_order_and_defaults(name):
    ours = inspect.signature(OPTIMIZERS[name].optimizer).parameters
    original = cases.ORIGINALS[name]
    theirs = inspect.signature(original).parameters
    # Options that are set in advance can be given by name only; the class tells their places.
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


# State


@every_case
def test_resuming_at_any_step_is_exact(name, options):
    straight = weights()
    feed(new(name, straight, **options), range(5))
    for stop in range(5):
        params = weights()
        first = new(name, params, **options)
        feed(first, range(stop))
        second = new(name, params)
        second.load_state_dict(first.state_dict())
        feed(second, range(stop, 5))
        assert same(params, straight)


@every_optimizer
def test_hooks_around_the_state_dict_run_and_have_their_say(name):
    params = weights()
    optimizer = new(name, params)
    feed(optimizer, range(2))
    calls = []
    kept = [*quantities(name), "step"][0]

    def shrink(_, state_dict):
        calls.append("before load")
        state = {
            key: {**values, kept: values[kept] / 2} for key, values in state_dict["state"].items()
        }
        return {**state_dict, "state": state}

    def after_load(loaded):
        # Everything is in its place by now.
        calls.append(loaded.state[params[0]][kept].clone())

    optimizer.register_state_dict_pre_hook(lambda _: calls.append("before"))
    optimizer.register_state_dict_post_hook(lambda _, state_dict: {**state_dict, "note": 1})
    other = new(name, params)
    other.register_load_state_dict_pre_hook(shrink)
    other.register_load_state_dict_post_hook(after_load)
    state_dict = optimizer.state_dict()
    assert state_dict["note"] == 1
    other.load_state_dict(state_dict)
    assert calls[:2] == ["before", "before load"]
    assert torch.equal(calls[2], optimizer.state[params[0]][kept] / 2)
    # A hook that comes later sees the state dict as the earlier ones have left it.
    other.register_load_state_dict_pre_hook(lambda _, loaded: calls.append(list(loaded["state"])))
    other.load_state_dict(state_dict)
    assert calls[3:5] == ["before load", [0, 1]]


@every_dtype
def test_a_loaded_state_shares_no_memory_with_its_source(name, dtype):
    params = weights(dtype=dtype)
    optimizer = new(name, params)
    feed(optimizer, range(3))
    state_dict = optimizer.state_dict()
    before = copy.deepcopy(state_dict)
    other = new(name, params)
    other.load_state_dict(state_dict)
    feed(other, range(2))
    other.param_groups[0]["lr"] = 5.0
    for key, values in state_dict["state"].items():
        for what, value in values.items():
            assert torch.equal(value, before["state"][key][what])
            assert value.data_ptr() != other.state[params[key]][what].data_ptr()
    assert state_dict["param_groups"] == before["param_groups"]


@every_optimizer
def test_a_late_first_gradient_finds_a_new_parameter(name):
    early, late = weights()
    alone = late.detach().clone().requires_grad_()
    optimizer, fresh = new(name, [early, late]), new(name, [alone])
    for time in range(6):
        early.grad = torch.ones_like(early)
        if time >= 3:
            late.grad = alone.grad = weights((4, 1), seed=time)[0].detach()
            fresh.step()
        optimizer.step()
    assert torch.equal(late, alone)
    assert [optimizer.state[param]["step"].item() for param in (early, late)] == [6, 3]
    for step in (optimizer.state[param]["step"] for param in (early, late)):
        assert (step.dtype, step.device.type, step.shape) == (torch.float32, "cpu", ())


@every_optimizer
def test_the_step_is_counted_in_float32_whatever_the_default_dtype(name):
    torch.set_default_dtype(torch.bfloat16)  # which cannot count further than 256
    try:
        params = weights()
        optimizer = new(name, params)
        feed(optimizer, range(1))
        assert optimizer.state[params[0]]["step"].dtype == torch.float32
        optimizer.load_state_dict(optimizer.state_dict())
    finally:
        torch.set_default_dtype(torch.float32)
    assert optimizer.state[params[0]]["step"].dtype == torch.float32


@every_case_of_an_original
def test_a_state_saved_by_the_original_is_continued_exactly(name, options):
    theirs = weights()
    witness = cases.WITNESSES[name](theirs, **options)
    feed(witness, range(3))
    ours = copies(theirs)
    # Only what the official class keeps out of its groups has to be said again.
    kept = {key: value for key, value in options.items() if key not in witness.param_groups[0]}
    optimizer = exact(name, ours, **kept)
    optimizer.load_state_dict(copy.deepcopy(witness.state_dict()))
    feed(witness, range(3, 23))
    feed(optimizer, range(3, 23))
    assert same(ours, theirs)
    assert same_state(optimizer, witness)


@every_case_of_an_original
def test_the_original_continues_exactly_what_was_saved_here(name, options):
    ours = weights()
    optimizer = exact(name, ours, **options)
    feed(optimizer, range(3))
    theirs = copies(ours)
    witness = cases.WITNESSES[name](theirs, **options)
    witness.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    feed(witness, range(3, 23))
    feed(optimizer, range(3, 23))
    assert same(ours, theirs)


@every_original
def test_a_tensor_lr_saved_by_the_original_is_continued_exactly(name):
    theirs = weights()
    witness = cases.WITNESSES[name](
        theirs, lr=torch.tensor(0.03), **cases.having(name, weight_decay=0.1)
    )  # fmt: skip
    feed(witness, range(3))
    ours = copies(theirs)
    optimizer = exact(name, ours)
    optimizer.load_state_dict(copy.deepcopy(witness.state_dict()))
    feed(witness, range(3, 23))
    feed(optimizer, range(3, 23))
    assert same(ours, theirs)


@every_optimizer
def test_how_the_saver_computed_does_not_matter(name):
    params = weights()
    optimizer = new(name, params)
    feed(optimizer, range(2))
    state_dict = optimizer.state_dict()
    saved = copy.deepcopy(state_dict)
    for flag in ("foreach", "fused", "capturable", "differentiable"):
        saved["param_groups"][0][flag] = True
    for values in saved["state"].values():
        values["step"] = int(values["step"])  # as old versions of torch saved it
    optimizer.load_state_dict(saved)
    assert optimizer.state_dict()["param_groups"] == state_dict["param_groups"]
    step = optimizer.state[params[0]]["step"]
    assert torch.equal(step, torch.tensor(2.0))


@every_optimizer
def test_what_else_the_state_holds_is_loaded_too(name):
    params = weights()
    optimizer = new(name, params)
    feed(optimizer, range(2))
    note = optimizer.state[params[0]]["note"] = torch.ones(1)
    other = new(name, params)
    other.load_state_dict(optimizer.state_dict())
    assert torch.equal(other.state[params[0]]["note"], note)
    assert other.state[params[0]]["note"] is not note


@every_optimizer
def test_an_option_that_the_state_dict_lacks_keeps_its_value(name):
    odd = {**cases.FAR[name], **cases.having(name, lr=0.7, maximize=True)}
    optimizer = new(name, weights(), **odd)
    feed(optimizer, range(2))
    saved = new(name, weights()).state_dict()
    for key in saved["param_groups"][0].keys() - optimizer.fixed.keys() - {"params"}:
        lacking = copy.deepcopy(saved)
        del lacking["param_groups"][0][key]
        other = new(name, weights(), **odd)
        expected = other.param_groups[0][key]
        other.load_state_dict(lacking)
        assert other.param_groups[0][key] == expected
        assert other.state_dict()["param_groups"][0].keys() == saved["param_groups"][0].keys()
        feed(other, range(2))


def refuses(optimizer, state_dict, message):
    """Refuses to load, and stays as it was."""
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state_dict)
    twin = type(optimizer)(copies(optimizer.param_groups[0]["params"]))
    twin.load_state_dict(before)
    assert same_state(optimizer, twin)
    assert optimizer.state_dict()["param_groups"] == before["param_groups"]


@pytest.mark.parametrize(("saver", "loader"), list(permutations(NAMES, 2)))
def test_the_state_of_another_algorithm_is_refused(saver, loader):
    optimizer = new(loader, weights())
    feed(optimizer, range(2))
    for make in filter(None, (OPTIMIZERS[saver].optimizer, cases.WITNESSES.get(saver))):
        other = make(weights())
        feed(other, range(2))
        # What the loader refuses may be an option that the saver has from its parent.
        known = "|".join(label(one) for one in (saver, OPTIMIZERS[saver].parent) if one)
        why = f"is not {label(loader)}$|use ({known})$|has a state without [a-z_]+$"
        refuses(optimizer, other.state_dict(), why)


@every_optimizer
def test_a_state_that_cannot_be_continued_is_refused(name):
    optimizer = new(name, weights())
    feed(optimizer, range(2))
    amsgrad, shape, lr = (copy.deepcopy(optimizer.state_dict()) for _ in range(3))
    own = optimizer.defaults.get("amsgrad", False)
    amsgrad["param_groups"][0]["amsgrad"] = not own
    refuses(optimizer, amsgrad, f"^amsgrad={not own} is not {label(name)}$")
    for quantity in quantities(name):
        wrong = copy.deepcopy(shape)
        wrong["state"][1][quantity] = torch.zeros(1)
        shapes = r"of shape \(1,\) for a parameter of \(4, 1\)$"
        refuses(optimizer, wrong, f"{quantity} {shapes}")
        lacking = copy.deepcopy(shape)
        del lacking["state"][1][quantity]
        refuses(optimizer, lacking, f"has a state without {quantity}$")
    if optimizer.reads_step:
        del shape["state"][1]["step"]
        refuses(optimizer, shape, "has a state without step$")
    lr["param_groups"][0]["lr"] = float("nan")
    refuses(optimizer, lr, "[Ll]earning rate.*: nan$")
    rprop = torch.optim.Rprop(weights())
    feed(rprop, range(1))
    if quantities(name):
        refuses(optimizer, rprop.state_dict(), f"has a state without {min(quantities(name))}$")
    fewer = new(name, weights()[:1])
    feed(fewer, range(1))
    refuses(optimizer, fewer.state_dict(), "doesn't match the size")
    groups = new(name, [{"params": [param]} for param in weights()])
    feed(groups, range(1))
    refuses(optimizer, groups.state_dict(), "different number of parameter groups")


@every_optimizer
def test_a_group_added_in_mid_run_starts_afresh(name):
    first, second = weights()
    optimizer = new(name, [first])
    feed(optimizer, range(3))
    optimizer.add_param_group({"params": [second], "lr": 0.5})
    alone = second.detach().clone().requires_grad_()
    other = new(name, [alone], lr=0.5)
    for time in range(3, 6):
        first.grad = None
        second.grad = alone.grad = weights((4, 1), seed=time)[0].detach()
        optimizer.step()
        other.step()
    assert torch.equal(second, alone)
    for option in cases.defaults_of(name).keys() - {"lr"}:
        assert optimizer.param_groups[1][option] == optimizer.param_groups[0][option]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (name, {option: value})
        for name in NAMES
        for option, value in cases.FAR[name].items()
    ],
)  # fmt: skip
def test_an_option_changed_in_mid_run_takes_effect_at_the_next_step(name, change):
    (param,) = weights((4, 1), dtype=torch.float64)
    array, state, options = param.detach().numpy().copy(), {}, {}
    optimizer = new(name, [param])
    for time in range(6):
        if time == 3:
            options = change
            optimizer.param_groups[0].update(change)
        feed(optimizer, [time])
        array, state = OPTIMIZERS[name].step(array, param.grad.numpy(), state, **options)
    # Two implementations in float64, six steps.
    torch.testing.assert_close(param.detach(), torch.tensor(array), rtol=1e-13, atol=1e-15)


SCHEDULERS = [
    lambda optimizer, _: lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5),
    lambda optimizer, _: lr_scheduler.CosineAnnealingLR(optimizer, T_max=7),
    # This one moves the betas or the momentum, too.
    lambda optimizer, momentum: lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.3, total_steps=12, cycle_momentum=momentum
    ),
    lambda optimizer, _: lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.3),
    lambda optimizer, _: lr_scheduler.SequentialLR(
        optimizer,
        [lr_scheduler.LinearLR(optimizer), lr_scheduler.ExponentialLR(optimizer, gamma=0.8)],
        [3],
    ),
]


@every_optimizer
@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("lr", [0.1, torch.tensor(0.1)], ids=["float", "tensor"])
def test_lr_schedulers_do_what_they_do_to_the_original(name, scheduler, lr):
    runs, momentum = [], bool(cases.defaults_of(name).keys() & {"betas", "momentum"})
    for make in filter(None, (partial(exact, name), cases.WITNESSES.get(name))):
        params = weights()
        optimizer = make(params, lr=copy.deepcopy(lr))
        schedule = scheduler(optimizer, momentum)
        for time in range(8):
            feed(optimizer, [time])
            schedule.step(*[1.0] * isinstance(schedule, lr_scheduler.ReduceLROnPlateau))
        assert optimizer.param_groups[0]["lr"] != lr
        runs.append(params)
    assert same(runs[0], runs[-1])


WITHOUT_MOMENTUM = [name for name in NAMES if OPTIMIZERS[name].optimizer.fixed.get("momentum")]


@pytest.mark.parametrize("name", WITHOUT_MOMENTUM)
@pytest.mark.parametrize("scheduler", [lr_scheduler.OneCycleLR, lr_scheduler.CyclicLR])
def test_a_scheduler_that_sets_a_momentum_is_refused_before_anything_moves(name, scheduler):
    options = {
        lr_scheduler.OneCycleLR: dict(max_lr=0.3, total_steps=12),
        lr_scheduler.CyclicLR: dict(base_lr=0.1, max_lr=0.3, step_size_up=4),
    }[scheduler]
    params = weights()
    optimizer = new(name, params)
    scheduler(optimizer, **options)
    with pytest.raises(ValueError, match=r"^momentum=0.\d+ is not supported: .*cycle_mom"):
        feed(optimizer, [0])
    assert same(params, weights())
    assert not optimizer.state
    runs = []
    for make in (partial(exact, name), cases.WITNESSES[name]):
        params = weights()
        optimizer = make(params)
        schedule = scheduler(optimizer, cycle_momentum=False, **options)
        for time in range(8):
            feed(optimizer, [time])
            schedule.step()
        runs.append(params)
    assert same(*runs)


@every_optimizer
def test_a_grad_scaler_unscales_and_skips_the_step_with_an_infinite_gradient(name):
    scaled, plain = weights((4, 1)), weights((4, 1))
    optimizer, expected = new(name, scaled), new(name, plain)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for time in range(5):
        target = weights((4, 1), seed=time + 1)[0].detach()
        optimizer.zero_grad()
        scaler.scale(((scaled[0] - target) ** 2).sum()).backward()
        if time == 2:
            scaled[0].grad[1] = torch.inf
        else:
            expected.zero_grad()
            ((plain[0] - target) ** 2).sum().backward()
            expected.step()
        scaler.step(optimizer)
        scaler.update()
    assert same(scaled, plain)  # a scale that is a power of two rounds nothing
    assert scaler.get_scale() == 512.0


@every_optimizer
def test_a_closure_is_run_with_autograd_and_its_loss_returned(name):
    params, expected = weights((4, 1)), weights((4, 1))
    optimizer, plain = new(name, params), new(name, expected)

    def closure():
        optimizer.zero_grad()
        loss = (params[0] ** 2).sum()
        loss.backward()
        return loss

    for _ in range(3):
        plain.zero_grad()
        loss = (expected[0] ** 2).sum()
        loss.backward()
        assert plain.step() is None
        assert optimizer.step(closure) == loss
    assert same(params, expected)


@every_optimizer
def test_parameters_without_a_gradient_are_left_alone(name):
    used, unused, frozen = weights((2, 1), (2, 1), (2, 1))
    frozen.requires_grad_(False)
    before = [unused.clone(), frozen.clone()]
    optimizer = new(name, [used, unused, frozen], **cases.having(name, weight_decay=0.5))
    for _ in range(3):
        optimizer.zero_grad()
        (used + frozen).sum().backward()
        optimizer.step()
    assert same([unused, frozen], before)
    assert set(optimizer.state) == {used}
    frozen.requires_grad_(True)  # thawed
    (used + frozen).sum().backward()
    optimizer.step()
    assert optimizer.state[frozen]["step"] == 1


@every_optimizer
def test_a_gradient_counts_whether_or_not_its_parameter_is_frozen_by_now(name):
    runs = []
    for make in (partial(exact, name), cases.WITNESSES[name]):
        (param,) = weights((3, 1))
        optimizer = make([param])
        for _ in range(3):
            param.grad = torch.ones(3, 1)
            param.requires_grad_(False)
            optimizer.step()
        runs.append([param])
    assert same(*runs)
    assert not same(runs[0], weights((3, 1)))


@every_optimizer
def test_zero_grad_clears_or_zeroes(name):
    (param,) = weights((2, 1))
    optimizer = new(name, [param])
    feed(optimizer, range(1))
    optimizer.zero_grad(set_to_none=False)
    assert torch.equal(param.grad, torch.zeros(2, 1))
    optimizer.zero_grad()
    assert param.grad is None


@every_optimizer
def test_hooks_around_the_step_run(name):
    calls = []
    params = weights()
    optimizer = new(name, params)
    before = params[0].detach().clone()

    def first(*_):
        calls.append(("before", torch.equal(params[0], before), not optimizer.state))

    optimizer.register_step_pre_hook(first)
    optimizer.register_step_post_hook(lambda *_: calls.append(("after", bool(optimizer.state))))
    feed(optimizer, range(1))
    assert calls == [("before", True, True), ("after", True)]


# Tensors

HALVES = [torch.bfloat16, torch.float16]


@every_dtype
def test_the_state_is_kept_in_float32_at_least_also_after_loading(name, dtype):
    kept = torch.float32 if dtype in HALVES else dtype
    params = weights(dtype=dtype)
    optimizer = new(name, params)
    feed(optimizer, range(3))
    other = new(name, copies(params))
    other.load_state_dict(optimizer.state_dict())
    assert same_state(optimizer, other)
    successors = [optimizer, other]
    if name in cases.ORIGINALS:
        # The original keeps half precision in half precision.
        witness = cases.WITNESSES[name](weights(dtype=dtype))
        feed(witness, range(3))
        successors.append(new(name, copies(params)))
        successors[-1].load_state_dict(witness.state_dict())
    for whose in successors:
        for state in whose.state.values():
            assert all(state[quantity].dtype == kept for quantity in quantities(name))
    feed(optimizer, range(3, 6))
    feed(other, range(3, 6))
    assert same(params, other.param_groups[0]["params"])


@every_optimizer
@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_is_float32_rounded_once_per_step(name, dtype):
    half = weights(dtype=dtype)
    single = [param.detach().float().requires_grad_() for param in half]
    ours, expected = new(name, half, lr=0.1), new(name, single, lr=0.1)
    for time in range(20):
        for a, b, grad in zip(half, single, weights(dtype=dtype, seed=time), strict=True):
            a.grad, b.grad = grad.detach(), grad.detach().float()
        ours.step()
        expected.step()
        for param in single:
            param.data = param.data.to(dtype).float()
    assert same(half, [param.to(dtype) for param in single])


@every_optimizer
def test_the_state_of_a_bfloat16_parameter_moves(name):
    options, runs = cases.having(name, betas=(0.9, 0.9999), weight_decay=0.0), []
    for dtype in (torch.bfloat16, torch.float32):
        param = torch.ones(1, 1, dtype=dtype, requires_grad=True)
        optimizer = new(name, [param], **options)
        for grad in [0.125, *[1.0] * 1000]:
            param.grad = torch.tensor([[grad]], dtype=dtype)
            optimizer.step()
        runs.append(optimizer.state[param])
    for quantity in quantities(name):
        assert torch.equal(runs[0][quantity], runs[1][quantity])
        assert runs[0][quantity].dtype == torch.float32
    if "exp_avg_sq" in quantities(name):
        # 1 - 0.9999 ** 1000 = 0.0952 of the way from at most 0.0156 to 1
        assert 0.09 < runs[0]["exp_avg_sq"].item() < 0.115


@every_optimizer
def test_float16_survives_small_gradients_and_a_small_eps(name):
    param = torch.ones(1, 3, dtype=torch.float16, requires_grad=True)
    optimizer = new(name, [param], **cases.having(name, eps=1e-8))
    for _ in range(5):
        param.grad = torch.tensor([[0.0, 6e-8, 1e-4]], dtype=torch.float16)
        optimizer.step()
    assert param.isfinite().all()


@pytest.mark.parametrize(
    ("name", "options"), [case for case in CASES if cases.takes_dtype(case[0], torch.complex64)]
)
def test_a_complex_parameter_is_two_real_ones(name, options):
    for dtype in (torch.complex64, torch.complex128):
        whole = weights((3,), (), dtype=dtype)
        parts = [torch.view_as_real(param.detach()).clone().requires_grad_() for param in whole]
        ours, expected = exact(name, whole, **options), exact(name, parts, **options)
        for time in range(4):
            grads = weights((3,), (), dtype=dtype, seed=time)
            for a, b, grad in zip(whole, parts, grads, strict=True):
                a.grad, b.grad = grad.detach(), torch.view_as_real(grad.detach())
                # A gradient that is conjugated only when it is read.
                a.grad = a.grad.conj().resolve_conj().conj()
            ours.step()
            expected.step()
        assert same([torch.view_as_real(param) for param in whole], parts)


@every_optimizer
def test_any_shape_and_memory_layout_gives_the_same_numbers(name):
    def layouts():
        generator = torch.Generator().manual_seed(0)
        base = torch.randn(2, 4, 3, 5, generator=generator)
        if name in cases.MATRICES:
            base = base[0, :, 0]
            yield base, base
            yield base.T, base.T.contiguous()
            yield base[::2, 1:], base[::2, 1:].contiguous()
            yield base[:0], base[:0].clone()
            return
        yield base, base
        yield base.to(memory_format=torch.channels_last), base
        yield base.transpose(1, 3), base.transpose(1, 3).contiguous()
        yield base[:, ::2, 1:], base[:, ::2, 1:].contiguous()
        yield base[0, 0, 0, 0], base[0, 0, 0, 0].clone()
        yield base[:0], base[:0].clone()

    for odd, plain in layouts():
        for grad_like in (odd, plain):
            a = torch.empty_strided(odd.shape, odd.stride()).copy_(odd).requires_grad_()
            b = plain.clone().requires_grad_()
            ours, expected = exact(name, [a], lr=0.1), exact(name, [b], lr=0.1)
            for time in range(3):
                grad = torch.randn(plain.shape, generator=torch.Generator().manual_seed(time))
                a.grad, b.grad = torch.empty_like(grad_like).copy_(grad), grad
                ours.step()
                expected.step()
            assert a.stride() == odd.stride()
            assert torch.equal(a, b)


@every_optimizer
def test_an_expanded_gradient_is_read_like_a_full_one(name):
    (a,), (b,) = weights((3, 4)), weights((3, 4))
    ours, expected = exact(name, [a]), exact(name, [b])
    for time in range(3):
        row = weights((4,), seed=time)[0].detach()
        a.grad, b.grad = row.expand(3, 4), row.repeat(3, 1)
        ours.step()
        expected.step()
    assert torch.equal(a, b)


@every_optimizer
def test_parameters_may_live_on_several_devices(name):
    elsewhere = "cuda" if torch.cuda.is_available() else "meta"
    there = torch.ones(3, 1, device=elsewhere, requires_grad=True)
    here, alone = torch.ones(3, 1, requires_grad=True), torch.ones(3, 1, requires_grad=True)
    optimizer, expected = new(name, [there, here]), new(name, [alone])
    for _ in range(3):
        for param in (there, here, alone):
            param.grad = torch.ones_like(param)
        optimizer.step()
        expected.step()
    assert torch.equal(here, alone)
    for _ in range(2):
        for quantity in quantities(name):
            assert optimizer.state[there][quantity].device.type == elsewhere
        assert optimizer.state[there]["step"].device.type == "cpu"
        here.grad = there.grad = None
        optimizer.load_state_dict(optimizer.state_dict())


@every_optimizer
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_gradient_that_is_not_finite_reaches_no_coordinate_but_those_it_moves(name, bad):
    params, expected = weights(), weights()
    optimizer, plain = new(name, params), new(name, expected)
    for time in range(6):
        for a, b, grad in zip(params, expected, weights(seed=time), strict=True):
            a.grad, b.grad = grad.detach().clone(), grad.detach()
        if time == 2:
            params[0].grad[1, 1] = bad
        optimizer.step()
        plain.step()
    assert torch.equal(params[1], expected[1])
    differs = params[0] != expected[0]
    if rule_of(name).elementwise:
        assert differs.nonzero().tolist() == [[1, 1]]
    else:
        assert params[0].isnan().all()
    state = optimizer.state[params[0]]
    assert all(not state[quantity][1, 1].isfinite() for quantity in quantities(name)[-1:])


@pytest.mark.parametrize(
    ("name", "options", "dtype"),
    [
        (*case, dtype)
        for case in CASES
        for dtype in (torch.float32, torch.bfloat16, torch.complex64)
        if cases.takes_dtype(case[0], dtype)
    ],
)
def test_the_gradient_is_never_written_to(name, options, dtype):
    params = weights(dtype=dtype)
    optimizer = new(name, params, **options)
    for time in range(3):
        grads = [grad.detach() for grad in weights(dtype=dtype, seed=time)]
        for param, grad in zip(params, grads, strict=True):
            param.grad = grad
        before, versions = [grad.clone() for grad in grads], [grad._version for grad in grads]
        optimizer.step()
        assert same(grads, before)
        assert [grad._version for grad in grads] == versions
        assert all(param.grad is grad for param, grad in zip(params, grads, strict=True))


# Machinery


def run_compiled(name, groups, backend, first=1, fullgraph=False):
    torch.compiler.reset()
    torch._dynamo.utils.counters.clear()
    optimizer = new(name, copy.deepcopy(groups))
    params = [param for group in optimizer.param_groups for param in group["params"]]
    step = optimizer.step
    if backend:
        step = torch.compile(step, backend=backend, fullgraph=fullgraph)
    for time in range(6):
        for index, (param, grad) in enumerate(zip(params, copies(params), strict=True)):
            torch.default_generator.manual_seed(100 * time + index)
            # The first parameter's first gradient may come late.
            param.grad = torch.randn_like(grad) if index or time >= first else None
        step()
    assert not torch._dynamo.utils.counters["graph_break"]
    return params, [optimizer.state[param] for param in params]


@every_optimizer
def test_the_step_is_one_graph(name):
    dtypes = torch.float32, torch.bfloat16, torch.complex64
    dtypes = [dtype for dtype in dtypes if cases.takes_dtype(name, dtype)]
    groups = [
        {"params": weights((2, 1), dtype=dtypes[index % len(dtypes)]), **options}
        for index, options in enumerate([{}, *cases.RICH[name], cases.FAR[name]] * 2)
    ]
    eager, compiled = run_compiled(name, groups, None), run_compiled(name, groups, "eager")
    # A scalar that is a tensor is multiplied and rounded apart from what it is added to.
    torch.testing.assert_close(compiled, eager, rtol=1e-6, atol=1e-7)


@every_optimizer
def test_the_step_is_one_graph_with_a_tensor_lr_which_may_change(name):
    params, expected = weights(), weights()
    torch.compiler.reset()
    optimizer = new(name, params, lr=torch.tensor(0.1))
    plain = new(name, expected, lr=torch.tensor(0.1))
    counter = torch._dynamo.testing.CompileCounter()
    optimizer.step = torch.compile(optimizer.step, backend=counter)
    for time in range(6):
        for whose in (optimizer, plain):
            feed(whose, [time])
            whose.param_groups[0]["lr"].mul_(0.8)
    assert counter.frame_count == 2  # one graph makes the state, the other goes on
    torch.testing.assert_close(params, expected, rtol=1e-6, atol=1e-7)


@every_optimizer
@pytest.mark.skipif(not shutil.which("g++"), reason="inductor needs a C++ compiler")
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # when inductor is imported
def test_the_step_compiles_to_equal_results(name):
    groups = [{"params": weights(), **cases.having(name, weight_decay=0.1)}]
    # Each graph takes a C++ compiler seconds: one makes the states, the other goes on.
    eager = run_compiled(name, groups, None, first=0)
    compiled = run_compiled(name, groups, "inductor", first=0, fullgraph=True)
    # A compiler may contract a product and a sum into one rounding.
    torch.testing.assert_close(compiled, eager, rtol=1e-5, atol=1e-6)


@every_optimizer
def test_a_profiler_sees_the_step_by_name(name):
    optimizer = new(name, weights())
    feed(optimizer, range(1))
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        optimizer.step()
        optimizer.zero_grad()
    events = [event.key for event in profile.key_averages()]
    assert events.count(f"Optimizer.step#{label(name)}.step") == 1
    assert events.count(f"Optimizer.zero_grad#{label(name)}.zero_grad") == 1


@every_optimizer
def test_a_graph_capture_is_refused(name, monkeypatch):
    # No GPU here: only what the CUDA runtime would answer during a capture is pretended.
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    optimizer = new(name, weights())
    with pytest.raises(
        RuntimeError, match=rf"^{label(name)} cannot be captured: use torch\.compile"
    ):
        optimizer.step()


@every_optimizer
def test_it_trains_a_network_and_prints_its_options(name):
    def losses(lr):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
        x = torch.randn(64, 4)
        y = x[:, :1] * x[:, 1:2]
        params = [param for param in model.parameters() if cases.takes(name, param)]
        optimizer = new(name, params, lr=lr)
        for _ in range(400):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            yield loss.item()
        assert repr(optimizer).startswith(f"{label(name)} (\nParameter Group 0\n")
        assert f"    lr: {lr}\n" in repr(optimizer)

    # What divides by the gradient's size needs a small learning rate, what does not a large one.
    for found in map(list, map(losses, (0.001, 0.002, 0.003, 0.01, 0.1, 0.3))):
        falls = all(later < earlier for earlier, later in pairwise(found[50::50]))
        if falls and found[-1] < 0.2 * found[0]:
            return
    pytest.fail(f"trains with none of these learning rates; the last losses are {found[-3:]}")
