"""The classes printed for PyTorch are held to what the package's classes are held to."""

import copy
import inspect
import subprocess
import sys

import numpy as np
import pytest
import torch

from optimizers import OPTIMIZERS
from optimizers._options import OPTIONS
from tests import agreement, cases, contract
from tests import test_conformance as conformance
from tests import test_contract_constructor as constructor
from tests import test_contract_machinery as machinery
from tests import test_contract_state as state
from tests import test_contract_tensors as tensors
from tests.contract import NAMES, copies, every_optimizer, feed, same, weights
from tests.printed import module_of

# Each test has run with the package's class of the same formula, too.
pytestmark = pytest.mark.few(3)
# What the package's classes promise and the printed ones do not.
BIT = "it rounds in an order of its own: to 1e-12 below, here to the last bit"
CHECKED = "as with torch.optim's classes, nothing checks a state before it is loaded"
NOT_PROMISED = {
    "test_every_argument_is_accepted_or_refused_with_what_to_use_instead": "it has no others",
    "test_arguments_have_the_original_names_order_and_defaults": "`maximize` is given by name",
    "test_error_inputs": "it has not all of torch's options; those that it has are tried below",
    "test_a_tensor_lr_is_a_float_lr": "a tensor lr has no dimension: it is tried below",
    "test_a_graph_capture_is_refused": "nothing recognizes a capture, as in torch.optim",
    "test_a_state_saved_by_the_original_is_continued_exactly": BIT,
    "test_the_original_continues_exactly_what_was_saved_here": BIT,
    "test_a_tensor_lr_saved_by_the_original_is_continued_exactly": BIT,
    "test_lr_schedulers_do_what_they_do_to_the_original": BIT,
    "test_a_gradient_counts_whether_or_not_its_parameter_is_frozen_by_now": BIT,
    "test_how_the_saver_computed_does_not_matter": CHECKED,
    "test_an_option_that_the_state_dict_lacks_keeps_its_value": CHECKED,
    "test_a_state_dict_from_before_a_flag_was_invented_loads": CHECKED,
    "test_the_state_of_another_algorithm_is_refused": CHECKED,
    "test_a_state_that_cannot_be_continued_is_refused": CHECKED,
    "test_a_scheduler_that_sets_a_momentum_is_refused_before_anything_moves": CHECKED,
}

PROMISES = {
    name: test
    for module in (constructor, machinery, state, tensors, conformance)
    for name, test in vars(module).items()
    if name.startswith("test_")
}
globals().update({name: test for name, test in PROMISES.items() if name not in NOT_PROMISED})
PACKAGE = dict(OPTIMIZERS)


def printed_class(name):
    return getattr(module_of(name, "torch"), PACKAGE[name].optimizer.__name__)


@pytest.fixture(autouse=True)
def _printed_classes(monkeypatch):
    """Put the printed classes where the shared tests look for the package's."""
    for name, entry in PACKAGE.items():
        cls = printed_class(name)
        # What the tests ask of a class besides its behaviour.
        for attribute in ("state_names", "reads_step", "fixed"):
            monkeypatch.setattr(cls, attribute, getattr(entry.optimizer, attribute), raising=False)
        monkeypatch.setitem(OPTIMIZERS, name, entry._replace(optimizer=cls))
    for module in (constructor, machinery, state, tensors):
        if hasattr(module, "exact"):
            monkeypatch.setattr(module, "exact", contract.new)
    for info in conformance.DATABASE:
        [name] = [name for name, entry in PACKAGE.items() if entry.optimizer is info.optim_cls]
        monkeypatch.setattr(info, "optim_cls", printed_class(name))


def test_what_is_not_promised_is_a_promise_of_the_package():
    assert NOT_PROMISED.keys() <= PROMISES.keys()


def run(cls, setting, grads):
    return agreement.run_class(
        lambda params, fused, **options: cls(params, **options), setting, grads
    )


@every_optimizer
def test_it_moves_as_the_numpy_step_does(name, sample):
    for setting, grads in sample(agreement.looks(name), 4):
        with np.errstate(all="ignore"):
            reference = agreement.reference(OPTIMIZERS[name].step, setting, grads)
        found = agreement.disagreement(run(printed_class(name), setting, grads), *reference)
        assert found is None, f"{name} {setting}: {found}"


@every_optimizer
def test_several_tensors_of_several_shapes_move_as_each_alone(name):
    shapes = [cases.shape_for(name, shape) for shape in ((), (4,), (2, 3), (2, 1, 3))]
    together = weights(*shapes, dtype=torch.float64)
    arrays, states = [param.detach().numpy().copy() for param in together], [{} for _ in shapes]
    optimizer = printed_class(name)(together, **cases.FAR[name])
    for time in range(20):
        feed(optimizer, [time])
        for place, param in enumerate(together):
            arrays[place], states[place] = PACKAGE[name].step(
                arrays[place], param.grad.numpy(), states[place], **cases.FAR[name]
            )
    for param, array in zip(together, arrays, strict=True):
        torch.testing.assert_close(param.detach(), torch.tensor(array), rtol=1e-12, atol=1e-14)


@every_optimizer
def test_a_tensor_lr_without_a_dimension_is_a_float_lr(name):
    params, expected = weights(dtype=torch.float64), weights(dtype=torch.float64)
    feed(printed_class(name)(params, lr=torch.tensor(0.03, dtype=torch.float64)), range(4))
    feed(printed_class(name)(expected, lr=0.03), range(4))
    assert same(params, expected)


@every_optimizer
@pytest.mark.parametrize("bad", [-1.0, float("inf"), float("nan"), torch.ones(2)])
def test_a_bad_option_is_refused_in_the_words_of_the_package(name, bad):
    for option, value in cases.FAR[name].items():
        kind = next(row.kind for row in OPTIONS if row.name == option)
        if kind in ("flag", "other") or (option != "lr" and isinstance(bad, torch.Tensor)):
            continue
        several = (*[0.5] * (len(value) - 1), bad) if isinstance(value, tuple) else bad
        given = {option: several}
        with pytest.raises(ValueError, match=r".") as ours:
            printed_class(name)(weights(), **given)
        with pytest.raises(ValueError, match=r".") as theirs:
            PACKAGE[name].optimizer(weights(), **given)
        assert str(ours.value) == str(theirs.value)


@every_optimizer
@pytest.mark.parametrize("saver", ["printed", "package"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_it_goes_on_from_a_state_of_the_package_and_the_package_from_its_own(name, saver, dtype):
    options = cases.RICH[name][0]
    make = {"printed": printed_class(name), "package": PACKAGE[name].optimizer}
    params = weights(dtype=dtype)
    first = make.pop(saver)(params, **options)
    feed(first, range(5))
    [other] = make.values()
    theirs = copies(params)
    second = other(theirs, **options)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    feed(first, range(5, 10))
    feed(second, range(5, 10))
    near = {torch.float64: 1e-12, torch.bfloat16: 1e-2}[dtype]  # a rounding, which may double
    torch.testing.assert_close(theirs, params, rtol=near, atol=near)


@every_optimizer
def test_it_is_typed_and_laid_out_as_by_hand(name, tmp_path):
    text = module_of(name, "torch").text
    path = tmp_path / "printed.py"
    path.write_text(text, encoding="utf-8")
    tidy = ["ruff", "format", "--diff", "--config", "line-length=100", "--isolated", str(path)]
    done = subprocess.run(tidy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    rules = "--select=B,E,F,I,UP,W,RUF100"
    lint = ["ruff", "check", "--isolated", rules, "--ignore=E501", str(path)]
    done = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    code = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    assert max(map(len, code)) <= 100


@pytest.mark.full
def test_their_types_fit(tmp_path):
    for name in NAMES:
        path = tmp_path / f"{module_of(name, 'torch').__name__}.py"
        path.write_text(module_of(name, "torch").text, encoding="utf-8")
    check = [sys.executable, "-m", "mypy", "--disallow-untyped-defs", str(tmp_path)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_adam_is_about_70_lines_besides_those_that_load_a_state():
    module = module_of("Adam", "torch")
    text, _, load = module.text.partition("    def load_state_dict")
    docstrings = sum(len((found.__doc__ or "").splitlines()) for found in documented(module))
    lines = [
        line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")
    ]
    assert len(lines) - docstrings < 70
    assert len(load.splitlines()) < 30


def documented(module):
    """The functions and classes of a printed module, and the methods of these."""
    own = [
        value
        for value in vars(module).values()
        if getattr(value, "__module__", "") == module.__name__
    ]
    return [
        *own,
        *(part for member in own for part in vars(member).values() if inspect.isfunction(part)),
    ]
