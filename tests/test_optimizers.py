"""The formula's implementations agree: NumPy step, PyTorch class, kernel, somebody else's class."""

import math

import numpy as np
import pytest
import torch

from optimizers import OPTIMIZERS
from tests import cases

NAMES = list(OPTIMIZERS)
CASES = [(name, options) for name in NAMES for options in cases.SETTINGS[name]]


@pytest.mark.parametrize("name", NAMES)
def test_somebody_or_somebody_s_hand_bears_witness(name):
    step = OPTIMIZERS[name].step
    example = step.__doc__.partition("Example:")[2]
    file = step.__module__.replace(".", "/") + ".py"
    borne = name in cases.WITNESSES or name in cases.BY_HAND or "by hand" in example.lower()
    assert borne, (
        f"{file}: torch.optim has no {OPTIMIZERS[name].optimizer.__name__} to compare with. Work "
        f"the example of {step.__name__} by hand and say so in it ('# by hand: 1 - 0.1 · 0.5 …'), "
        "or add somebody else's class to THEIRS, or steps to BY_HAND, in tests/cases.py."
    )


@pytest.mark.parametrize("table", [cases.THEIRS, cases.BY_HAND])
def test_no_table_speaks_of_an_optimizer_that_is_not_there(table):
    assert table.keys() <= OPTIMIZERS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_every_option_has_two_settings_besides_its_default(name):
    defaults = cases.defaults_of(name)
    for option, default in defaults.items():
        others = {
            str(options[option])
            for options in cases.SETTINGS[name]
            if options.get(option, default) != default
        }
        assert len(others) >= (1 if isinstance(default, bool) else 2), option


def gradients(shape, seed):
    """Heavy-tailed, so that the clipping matters at late steps too; sometimes zero."""
    rng = np.random.default_rng(seed)
    while True:
        yield rng.standard_t(1.2, shape) * (rng.random(shape) > 0.02)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_reference_class_and_witness_agree_over_200_steps(name, options):
    shapes = [cases.shape_for(name, shape) for shape in ((3, 4), (5,), ())]
    starts = [0, 7, 1]
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    states = [{} for _ in shapes]
    ours, theirs, served = (
        [torch.tensor(array).requires_grad_() for array in arrays] for _ in range(3)
    )
    optimizer = OPTIMIZERS[name].optimizer(ours, fused=False, **options)
    kernel = OPTIMIZERS[name].optimizer(served, **options)
    witness = cases.WITNESSES[name](theirs, **options) if name in cases.WITNESSES else None
    streams = [gradients(shape, seed) for seed, shape in enumerate(shapes)]
    moments = [[] for _ in shapes]

    for time in range(210):
        for i, stream in enumerate(streams):
            # The second parameter gets its first gradient late, and every fifth one is missing.
            absent = time < starts[i] or time % 5 == 4
            grad = next(stream)
            for params in (ours, theirs, served):
                params[i].grad = None if absent else torch.tensor(grad)
            if not absent:
                arrays[i], states[i] = OPTIMIZERS[name].step(arrays[i], grad, states[i], **options)
        optimizer.step()
        kernel.step()
        if witness:
            witness.step()

        for i, array in enumerate(arrays):
            results = [{"param": array, **states[i]}]
            for params, whose in ((ours, optimizer), (served, kernel), (theirs, witness)):
                if whose:
                    values = {"param": params[i].detach(), **whose.state[params[i]]}
                    results.append({key: value.numpy().copy() for key, value in values.items()})
            assert results[0].keys() == results[1].keys() == results[2].keys()
            if witness and states[i]:
                # torch's Adagrad has a state before its first gradient. Where the formula has no
                # t, theirs does not count.
                uncounted = set() if optimizer.reads_step else {"step"}
                assert results[0].keys() - uncounted == results[3].keys() - uncounted
            moments[i].append(results)

    for run in moments:
        for key in run[-1][0]:
            there = [results for results in run if key in results[0]]
            reference, *others = (
                np.array([results[who][key] for results in there])
                for who, values in enumerate(there[-1])
                if key in values
            )
            # Relative to the largest value that the coordinate has had: what is left when large
            # numbers cancel keeps their rounding.
            scale = np.maximum.accumulate(np.abs(reference))
            for other in others:
                close = np.abs(other - reference) <= 1e-12 * scale
                assert np.all(close), (key, 210 - len(there) + np.argwhere(~close)[0][0])


@pytest.mark.parametrize("name", cases.BY_HAND)
@pytest.mark.parametrize("fused", [False, None])
def test_steps_worked_by_hand(name, fused):
    options, grads, expected = cases.BY_HAND[name]
    shape = cases.shape_for(name, ())
    array, state = np.ones(shape), {}
    param = torch.ones(shape, dtype=torch.float64, requires_grad=True)
    optimizer = OPTIMIZERS[name].optimizer([param], fused=fused, **options)
    for grad in grads:
        array, state = OPTIMIZERS[name].step(array, np.full(shape, grad), state, **options)
        param.grad = torch.full(shape, grad, dtype=torch.float64)
        optimizer.step()
    # A few roundings of float64 apart.
    expected = pytest.approx({"step": len(grads), **expected}, rel=1e-14)
    assert {"param": array, **state} == expected
    values = {key: value.item() for key, value in optimizer.state[param].items()}
    assert {"param": param.item(), **values} == expected


WRONG = [
    ({"lr": -0.1}, "Invalid learning rate: -0.1"),
    ({"lr": math.nan}, "Invalid learning rate: nan"),
    ({"lr": math.inf}, "Invalid learning rate: inf"),
    ({"lr": torch.tensor(-1.0)}, "Invalid learning rate: -1.0"),
    ({"lr": torch.tensor([1.0, 2.0])}, "Tensor lr must be 1-element"),
    ({"eps": -1e-8}, "Invalid epsilon value: -1e-08"),
    ({"eps": math.nan}, "Invalid epsilon value: nan"),
    ({"eps": math.inf}, "Invalid epsilon value: inf"),
    ({"weight_decay": -1}, "Invalid weight_decay value: -1"),
    ({"weight_decay": math.nan}, "Invalid weight_decay value: nan"),
    ({"weight_decay": math.inf}, "Invalid weight_decay value: inf"),
    ({"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0: 1.0"),
    ({"betas": (-0.1, 0.9)}, "Invalid beta parameter at index 0: -0.1"),
    ({"betas": (math.nan, 0.9)}, "Invalid beta parameter at index 0: nan"),
    ({"betas": (0.9, 1.0)}, "Invalid beta parameter at index 1: 1.0"),
    ({"betas": (0.9, math.inf)}, "Invalid beta parameter at index 1: inf"),
    ({"betas": (0.9, torch.tensor(0.9))}, "betas must be floats: (0.9, tensor(0.9000)"),
    ({"momentum": -0.1}, "Invalid momentum value: -0.1"),
    ({"momentum": math.nan}, "Invalid momentum value: nan"),
    ({"momentum": math.inf}, "Invalid momentum value: inf"),
    ({"ns_coefficients": (2.0, -1.0)}, "Coefficients must be a tuple of exactly 3 values"),
    ({"ns_steps": 100}, "Number of steps must be less than 100"),
    ({"ns_steps": -1}, "Number of steps must be less than 100"),
    ({"ns_steps": 2.5}, "Number of steps must be less than 100"),
    ({"clip_exp": -0.25}, "Invalid clip_exp value: -0.25"),
    ({"clip_exp": math.nan}, "Invalid clip_exp value: nan"),
    ({"clip_exp": math.inf}, "Invalid clip_exp value: inf"),
]


def weight():
    return torch.ones(2, 1, requires_grad=True)


def worded(name, options, message):
    """A refusal as the original words it: how it refuses -1, with the value that is given."""
    [(option, value)] = options.items()
    known = cases.arguments_of(cases.ORIGINALS[name]) if name in cases.ORIGINALS else ()
    if option not in known or option == "betas" or not message.startswith("Invalid"):
        return message
    theirs = refusal(cases.ORIGINALS[name], {option: -1.0})
    return theirs.replace("-1.0", f"{value}") if theirs else message


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (name, cases.having(name, **options), message)
        for name in NAMES
        for options, message in WRONG
        if options.keys() <= cases.defaults_of(name).keys()
    ],
)
def test_a_wrong_option_is_refused_by_name_and_value(name, options, message):
    optimizer = OPTIMIZERS[name].optimizer
    good = optimizer([weight()])
    for construct in (
        lambda: optimizer([weight()], **options),
        lambda: optimizer([{"params": [weight()]}, {"params": [weight()], **options}]),
        lambda: good.add_param_group({"params": [weight()], **options}),
    ):
        with pytest.raises(ValueError) as error:  # noqa: PT011, the message is compared below
            construct()
        assert str(error.value).startswith(worded(name, options, message))
    assert len(good.param_groups) == 1


def refusal(make, options):
    try:
        make([weight()], **options)
    except ValueError as error:
        return str(error)
    return None


WORDED = [
    *({"lr": -0.1}, {"lr": math.nan}, {"eps": -1.0}, {"weight_decay": -1.0}),
    *({"betas": (0.9, 1.0)}, {"momentum": -1.0}),
]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        (name, options)
        for name in cases.ORIGINALS
        for options in WORDED
        if options.keys() <= cases.defaults_of(name).keys()
    ],
)
def test_the_refusal_is_worded_like_the_original(name, options):
    ours, theirs = (
        refusal(make, options) for make in (OPTIMIZERS[name].optimizer, cases.ORIGINALS[name])
    )
    assert ours
    if theirs is None:
        # torch.optim.SGD takes such a learning rate, torch.optim.Muon such an ε.
        assert math.isnan(options.get("lr", 0)) or "eps" in options
    else:
        assert ours == theirs


@pytest.mark.parametrize("name", NAMES)
def test_a_sparse_gradient_is_refused_by_name(name):
    param = torch.eye(3, requires_grad=True)
    optimizer = OPTIMIZERS[name].optimizer([param])
    param.grad = torch.eye(3).to_sparse()
    label = type(optimizer).__name__
    with pytest.raises(RuntimeError, match=f"^{label} does not support sparse gradients$"):
        optimizer.step()
    assert not optimizer.state
    assert torch.equal(param, torch.eye(3))


@pytest.mark.parametrize("name", cases.MATRICES)
@pytest.mark.parametrize(
    ("param", "error", "message"),
    [
        (torch.ones(3), ValueError, r"only supports 2D .* with size: torch\.Size\(\[3\]\)$"),
        (torch.ones(2, 3, 4), ValueError, r"only supports 2D .* torch\.Size\(\[2, 3, 4\]\)$"),
        (
            torch.ones(2, 3, dtype=torch.cfloat),
            RuntimeError,
            "does not support complex parameters$",
        ),
    ],
)
def test_what_is_no_real_matrix_is_refused(name, param, error, message):
    param.requires_grad_()
    good = OPTIMIZERS[name].optimizer([weight()])
    for refused in (
        lambda: OPTIMIZERS[name].optimizer([param]),
        lambda: good.add_param_group({"params": param}),
    ):
        with pytest.raises(error, match=f"^{name} {message}"):
            refused()
    assert len(good.param_groups) == 1


@pytest.mark.parametrize("name", NAMES)
def test_no_parameters_are_refused(name):
    with pytest.raises(ValueError, match=r"^optimizer got an empty parameter list$"):
        OPTIMIZERS[name].optimizer([])
