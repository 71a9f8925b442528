"""Our optimizers described to torch's own test tools, then given torch's own kind of inputs."""

import copy
import inspect
import io
import warnings

import pytest
import torch
from torch import nn
from torch.testing._internal.common_optimizers import (
    OptimizerErrorEnum,
    OptimizerInfo,
    OptimizerInput,
    get_error_inputs_for_all_optims,
    optim_db,
)

from optimizers import OPTIMIZERS
from tests import cases

# What torch's own database says of the original: its inputs, errors and schedulers.
THEIRS = {info.optim_cls: info for info in optim_db}
REFUSED = {"amsgrad", "foreach", "capturable", "differentiable", "fused", "adjust_lr_fn"}


def describe(name):
    original = cases.ORIGINALS.get(name)
    # Where torch has no such class: what its Adam is given, so far as ours takes it.
    theirs = THEIRS.get(getattr(original, "func", original), THEIRS[torch.optim.Adam])
    ours = OPTIMIZERS[name].optimizer
    # An option with one value may be named, in torch's place among the arguments, and is refused.
    arguments = inspect.signature(ours).parameters.keys() - REFUSED - ours.fixed.keys()

    def inputs(device, dtype=None):
        known = [
            given for given in theirs.optim_inputs_func(device, dtype)
            if given.kwargs.keys() <= arguments and as_many(given.kwargs)
        ]  # fmt: skip
        rich = [OptimizerInput(None, options, str(options)) for options in cases.RICH[name]]
        return [*known, *rich]

    def as_many(given):
        # What torch tries is written for two numbers.
        return "betas" not in given or ours.rates == 2

    def errors(device, dtype):
        known = arguments | (ours.fixed.keys() - REFUSED)
        # Three refusals differ: `foreach` and `adjust_lr_fn` in any case, and tensors as betas.
        return [
            error for error in theirs.optim_error_inputs_func(device, dtype)
            if error.optimizer_error_input.kwargs.keys() <= known
            and as_many(error.optimizer_error_input.kwargs)
            and "both Tensors" not in error.error_regex
        ]  # fmt: skip

    return OptimizerInfo(
        ours,
        optim_inputs_func=inputs,
        optim_error_inputs_func=errors,
        scheduler_inputs=theirs.scheduler_inputs,
        supported_impls=(),
        not_og_supported_flags=("maximize",),
        supports_complex=cases.takes_dtype(name, torch.complex64),
    )


DATABASE = [describe(name) for name in OPTIMIZERS]
every_info = pytest.mark.parametrize("info", DATABASE, ids=lambda info: info.name)
every_input = pytest.mark.parametrize(
    ("info", "given"),
    [
        pytest.param(info, given, id=f"{info.name}-{given.desc}")
        for info in DATABASE
        for given in info.optim_inputs_func("cpu", torch.float32)
    ],
)


def make(info, given, params=None):
    params = given.params if params is None else params
    return info.optim_cls(params, **copy.deepcopy(given.kwargs))


@every_info
def test_error_inputs(info):
    inputs = info.optim_error_inputs_func("cpu", torch.float32)
    # Besides those that no optimizer takes, at least one of its own.
    assert len(inputs) > len(get_error_inputs_for_all_optims("cpu", torch.float32))
    for error in inputs:
        given = error.optimizer_error_input
        params = given.params
        if params is None:
            params = [nn.Parameter(torch.randn(1, 1))]
        # What torch refuses at the first step, too, is refused at once.
        assert error.error_on in OptimizerErrorEnum
        if issubclass(error.error_type, Warning):
            with pytest.warns(error.error_type, match=error.error_regex):
                make(info, given, params)
        else:
            with pytest.raises(error.error_type, match=error.error_regex):
                make(info, given, params)


@every_input
@pytest.mark.parametrize("layout", ["contiguous", "sliced"])
def test_it_goes_in_the_right_direction(info, given, layout):
    torch.manual_seed(0)
    weight, bias, x = torch.randn(10, 5), torch.randn(10, 1), torch.randn(5)
    # Its curvature is 4, so that no setting's learning rate is too large for it.
    x /= x.norm()
    if layout == "sliced":
        weight = torch.randn(10, 5, 2)[..., 0]
        bias = torch.randn(10, 1, 2)[..., 0]
    weight, bias = nn.Parameter(weight), nn.Parameter(bias)
    optimizer = make(info, given, [weight, bias])

    def closure():
        optimizer.zero_grad()
        loss = (weight.mv(x) + bias[:, 0]).pow(2).sum()
        loss.backward()
        return loss

    first = closure().item()
    for _ in range(20):
        optimizer.step(closure)
    change = closure().item() - first
    if given.kwargs.get("lr") == 0.0:
        assert change == 0.0
    else:
        assert change > 0.0 if given.kwargs.get("maximize") else change < 0.0


@pytest.mark.parametrize(
    ("info", "dtype"),
    [
        pytest.param(info, dtype, id=f"{info.name}-{dtype}")
        for info in DATABASE
        for dtype in (torch.float32, torch.complex64)
        if info.supports_complex or not dtype.is_complex
    ],
)
def test_it_goes_in_the_right_direction_with_schedulers(info, dtype):
    for schedulers in info.scheduler_inputs:
        torch.manual_seed(0)
        weight = nn.Parameter(torch.randn(10, 5, dtype=dtype))
        x = torch.randn(5, dtype=dtype)
        optimizer = info.optim_cls([weight], lr=0.01)
        chain = [scheduler(optimizer) for scheduler in schedulers]

        def closure(optimizer=optimizer, weight=weight, x=x):
            optimizer.zero_grad()
            loss = weight.mv(x).abs().pow(2).sum()
            loss.backward()
            return loss

        first = closure().item()
        for _ in range(20):
            loss = optimizer.step(closure)
            for scheduler in chain:
                if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
                    scheduler.step(loss.item())
                else:
                    scheduler.step()
        assert closure().item() < first


@every_input
def test_a_step_without_gradients_does_nothing(info, given):
    torch.manual_seed(0)
    params = [nn.Parameter(torch.randn(2, 3)) for _ in range(2)]
    before = copy.deepcopy(params)
    optimizer = make(info, given, params)
    optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(params, before, strict=True))
    assert not optimizer.state


@every_input
def test_zero_gradients_move_nothing_but_by_weight_decay(info, given):
    torch.manual_seed(0)
    param = nn.Parameter(torch.randn(2, 3))
    before = copy.deepcopy(param)
    optimizer = make(info, given, [param])
    decays = optimizer.defaults.get("weight_decay", 0) != 0 and optimizer.defaults["lr"] != 0
    for _ in range(3):
        param.grad = torch.zeros_like(param)
        optimizer.step()
    assert torch.equal(param, before) != decays


@every_input
def test_the_state_dict_is_deterministic_and_loads_from_a_file(info, given):
    torch.manual_seed(0)
    x = torch.randn(5)
    weight = nn.Parameter(torch.randn(2, 5))
    optimizer = make(info, given, [weight])

    def run(optimizer, weight, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            weight.mv(x).pow(2).sum().backward()
            optimizer.step()

    run(optimizer, weight, 3)
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    other_weight = copy.deepcopy(weight)
    other = info.optim_cls([other_weight])
    other.load_state_dict(torch.load(file, weights_only=True))
    run(optimizer, weight, 3)
    run(other, other_weight, 3)
    assert torch.equal(weight, other_weight)
    again = copy.deepcopy(other.state_dict())
    other.load_state_dict(other.state_dict())
    torch.testing.assert_close(other.state_dict(), again, rtol=0, atol=0)


@every_input
def test_a_state_dict_from_before_a_flag_was_invented_loads(info, given):
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(2, 5))
    optimizer = make(info, given, [weight])
    weight.grad = torch.randn_like(weight)
    optimizer.step()
    old = copy.deepcopy(optimizer.state_dict())
    for group in old["param_groups"]:
        for flag in info.not_og_supported_flags:
            del group[flag]
    optimizer.load_state_dict(old)
    optimizer.step()


@every_info
def test_names_survive_in_the_state_dict(info):
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    optimizer = info.optim_cls(model.named_parameters())
    names = optimizer.state_dict()["param_groups"][0]["param_names"]
    assert names == ["0.weight", "1.weight"]
    unnamed = info.optim_cls(model.parameters())
    unnamed.load_state_dict(optimizer.state_dict())
    assert unnamed.param_groups[0]["param_names"] == names


@every_info
def test_non_tensor_and_duplicate_parameters_are_refused(info):
    with pytest.raises(TypeError, match="optimizer can only optimize Tensors"):
        info.optim_cls([1.0])
    with pytest.raises(ValueError, match="can't optimize a non-leaf Tensor"):
        info.optim_cls([torch.ones(2, 1, requires_grad=True) * 2])
    with pytest.raises(TypeError, match="ordered collections"):
        info.optim_cls([{"params": {nn.Parameter(torch.ones(2, 1))}}])
    with pytest.raises(TypeError, match="param_group must be a dict"):
        info.optim_cls([nn.Parameter(torch.ones(2, 1))]).add_param_group([])


@every_info
def test_defaults_may_be_changed_and_new_groups_follow(info):
    first, second = nn.Parameter(torch.ones(2, 1)), nn.Parameter(torch.ones(2, 1))
    optimizer = info.optim_cls([first])
    optimizer.defaults["lr"] = 0.25
    optimizer.add_param_group({"params": second})
    default = inspect.signature(info.optim_cls).parameters["lr"].default
    assert [group["lr"] for group in optimizer.param_groups] == [default, 0.25]


@every_info
def test_no_warning_is_given(info):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        weight = nn.Parameter(torch.ones(2, 1))
        optimizer = info.optim_cls([weight], lr=torch.tensor(0.1))
        weight.grad = torch.ones(2, 1)
        optimizer.step()
