"""States are saved, loaded, resumed and scheduled as those of torch.optim are."""

import copy
from functools import partial
from itertools import permutations

import pytest
import torch
import torch._dynamo.testing
from torch.optim import lr_scheduler

from optimizers import OPTIMIZERS
from tests import cases
from tests.contract import (
    NAMES,
    copies,
    every_case,
    every_case_of_an_original,
    every_dtype,
    every_optimizer,
    every_original,
    exact,
    feed,
    label,
    new,
    quantities,
    same,
    same_state,
    weights,
)


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


# How a message ends that refuses what another optimizer has saved.
FOREIGN = "is not {}(; load the model's weights alone, and make the optimizer anew)?$"


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
        known = "|".join(label(name) for name in (saver, OPTIMIZERS[saver].parent) if name)
        why = f"{FOREIGN.format(label(loader))}|use ({known})$|has a state without [a-z_]+$"
        refuses(optimizer, other.state_dict(), why)


@every_optimizer
def test_a_state_that_cannot_be_continued_is_refused(name):
    optimizer = new(name, weights())
    feed(optimizer, range(2))
    amsgrad, shape, lr = (copy.deepcopy(optimizer.state_dict()) for _ in range(3))
    own = optimizer.defaults.get("amsgrad", False)
    amsgrad["param_groups"][0]["amsgrad"] = not own
    refuses(optimizer, amsgrad, f": amsgrad={not own} {FOREIGN.format(label(name))}")
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
    other = torch.optim.ASGD(weights())
    feed(other, range(1))
    if quantities(name):
        why = f"has a state without {min(quantities(name))}$|{FOREIGN.format(label(name))}"
        refuses(optimizer, other.state_dict(), why)
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
    for make in filter(None, (partial(exact, name), cases.EXACT.get(name))):
        params = weights()
        optimizer = make(params, lr=copy.deepcopy(lr))
        schedule = scheduler(optimizer, momentum)
        for time in range(8):
            feed(optimizer, [time])
            schedule.step(*[1.0] * isinstance(schedule, lr_scheduler.ReduceLROnPlateau))
        assert optimizer.param_groups[0]["lr"] != lr
        runs.append(params)
    assert same(runs[0], runs[-1])


def test_rprop_reads_the_learning_rate_once():
    runs = []
    for later in (0.1, 1e-3):
        params = weights()
        optimizer = new("Rprop", params, lr=0.1)
        for time in range(4):
            feed(optimizer, [time])
            optimizer.param_groups[0]["lr"] = later
        runs.append(params)
    assert same(*runs)


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
    for make in filter(None, (partial(exact, name), cases.EXACT.get(name))):
        params = weights()
        optimizer = make(params)
        schedule = scheduler(optimizer, cycle_momentum=False, **options)
        for time in range(8):
            feed(optimizer, [time])
            schedule.step()
        runs.append(params)
    assert same(runs[0], runs[-1])


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
    for make in filter(None, (partial(exact, name), cases.EXACT.get(name))):
        (param,) = weights((3, 1))
        optimizer = make([param])
        for _ in range(3):
            param.grad = torch.ones(3, 1)
            param.requires_grad_(False)
            optimizer.step()
        runs.append([param])
    assert same(runs[0], runs[-1])
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
