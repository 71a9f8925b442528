"""Options that others pass: wrappers, schedulers, configurations written for torch.optim."""

import copy
import ctypes
import inspect
import os

import numpy as np
import pytest
import torch

from optimizers import ADOPT, OPTIMIZERS, Adam, AdamW, AMSGrad, Muon, Nesterov
from optimizers._optimizer import FLAGS
from tests import cases

NAMES = list(OPTIMIZERS)
every_optimizer = pytest.mark.parametrize("name", NAMES)


def weight():
    return torch.linspace(-1, 1, 6).reshape(3, 2).requires_grad_()


def new(name, params, **options):
    return OPTIMIZERS[name].optimizer(params, **options)


def moved(optimizer, times=3):
    (param,) = optimizer.param_groups[0]["params"]
    for time in range(times):
        param.grad = torch.linspace(1, 2 + time, 6).reshape(3, 2)
        optimizer.step()
    return param.detach().clone()


# What SAM, schedulers, layer-wise rates and configurations for other classes put into a group.
CARRIED = {
    "rho": 0.05,
    "alpha": 0.5,
    "momentum_decay": 7.0,
    "layer_name": "head",
    "initial_lr": 0.3,
    "adaptive": False,
}


@every_optimizer
def test_what_a_group_carries_for_others_changes_nothing_and_is_saved_and_loaded(name):
    carried = {key: CARRIED[key] for key in CARRIED.keys() - cases.defaults_of(name).keys()}
    optimizer = new(name, [{"params": [weight()], **carried}])
    assert torch.equal(moved(optimizer), moved(new(name, [weight()])))
    for other in (new(name, [weight()]), new(name, [{"params": [weight()], "rho": 0.9}])):
        other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        group = other.param_groups[0]
        assert {key: group[key] for key in carried} == carried


@pytest.mark.parametrize("name", cases.ORIGINALS)
def test_defaults_and_groups_have_the_keys_of_the_original(name):
    ours, theirs = (
        make([weight()]) for make in (OPTIMIZERS[name].optimizer, cases.ORIGINALS[name])
    )
    assert theirs.defaults.keys() <= ours.defaults.keys()
    for key in theirs.defaults.keys() - {"fused"}:
        assert ours.defaults[key] == theirs.defaults[key], key
        assert ours.param_groups[0][key] == theirs.param_groups[0][key], key


@every_optimizer
def test_a_value_that_says_what_the_class_is_is_accepted_and_another_refused_with_advice(name):
    cls = OPTIMIZERS[name].optimizer
    for option, (value, instead, also) in cls.fixed.items():
        named = option in inspect.signature(cls).parameters
        for same in (value, *also):
            if named:
                assert cls([weight()], **{option: same}).param_groups[0][option] == value
            cls([{"params": [weight()], option: same}])
        other = not value if isinstance(value, bool) else "other" if value is None else 0.5
        refused = pytest.raises(ValueError, match=f"^{option}={other} is not supported: use ")
        with refused:
            cls([{"params": [weight()], option: other}])
        with refused if named else pytest.raises(TypeError):
            cls([weight()], **{option: other})
        assert instead.startswith("use ")
    for flag, (unset, _) in FLAGS.items():
        cls([weight()], **{flag: unset})
        cls([weight()], **{flag: False})
        with pytest.raises(ValueError, match=f"^{flag}=True is not supported: "):
            cls([{"params": [weight()], flag: True}])


def test_advice_names_the_class_that_has_what_was_asked_for():
    with pytest.raises(ValueError, match=r"^amsgrad=True is not supported: use AMSGrad$"):
        Adam([weight()], amsgrad=True)
    with pytest.raises(TypeError, match=r"^ADOPT takes clip_exp, .* in place of clip_lambda$"):
        ADOPT([weight()], clip_lambda=None)
    AMSGrad([weight()], 1e-3, (0.9, 0.999), 1e-8, 0.0, True)
    Nesterov([weight()], 0.1, 0.9, 0, 0, True)
    Adam([weight()], 1e-3, (0.9, 0.999), 1e-8, 0.0, False)
    for name in ("NAdam", "RAdam"):
        with pytest.raises(ValueError, match=f"use torch.optim.{name}, which has it$"):
            new(name, [weight()], decoupled_weight_decay=True)
        getattr(torch.optim, name)([weight()], decoupled_weight_decay=True)


def test_an_option_that_was_changed_in_a_group_is_refused_before_the_step():
    param = weight()
    optimizer = AdamW([param])
    moved(optimizer, 1)
    before = param.detach().clone()
    optimizer.param_groups[0]["amsgrad"] = True
    with pytest.raises(ValueError, match=r"^amsgrad=True is not supported: "):
        optimizer.step()
    assert torch.equal(param, before)
    assert optimizer.state[param]["step"] == 1


@pytest.mark.parametrize("name", [name for name in NAMES if "betas" in cases.defaults_of(name)])
@pytest.mark.parametrize(
    "betas",
    [
        (0.9,),
        (),
        (0.9, 0.99, 0.999, 0.9999),
        0.9,
        None,
        torch.tensor(0.9),
        torch.tensor([0.9, 0.99]),
    ],
)
def test_betas_that_are_not_as_many_floats_are_refused_at_once(name, betas):
    with pytest.raises(ValueError, match=r"^betas must be "):
        new(name, [weight()], betas=betas)
    with pytest.raises(ValueError, match=r"^betas must be "):
        new(name, [weight()]).add_param_group({"params": [weight()], "betas": betas})
    good = list(cases.having(name, betas=(0.5, 0.9))["betas"])
    assert new(name, [weight()], betas=good).param_groups[0]["betas"] == good


@every_optimizer
def test_a_scalar_state_of_a_float64_parameter_is_float64(name):
    param = weight().detach().double().requires_grad_()
    optimizer = new(name, [param])
    param.grad = torch.ones_like(param)
    optimizer.step()
    assert all(optimizer.state[param][key].dtype == torch.float64 for key in optimizer.numbers)


# Complex numbers


@pytest.mark.parametrize("name", [name for name in NAMES if name not in cases.MATRICES])
def test_a_parameter_that_is_conjugated_when_it_is_read_moves_like_its_twin(name):
    values = torch.complex(weight().detach(), weight().detach().flip(0))
    lazy, before = values.mH.requires_grad_(), values.mH.resolve_conj().clone()
    plain = before.clone().requires_grad_()
    assert lazy.is_conj()
    for param in (lazy, plain):
        optimizer = new(name, [param], lr=0.1)
        for time in range(4):
            param.grad = torch.complex(torch.ones(2, 3), torch.full((2, 3), time - 1.5))
            optimizer.step()
    assert torch.equal(lazy.detach().resolve_conj(), plain.detach())
    assert not torch.equal(plain.detach(), before)


@every_optimizer
@pytest.mark.parametrize("which", ["param", "grad"])
def test_a_numpy_step_refuses_complex_arrays_in_words(name, which):
    arrays = {"param": np.ones((2, 2)), "grad": np.ones((2, 2))}
    arrays[which] = arrays[which] + 1j
    step = OPTIMIZERS[name].step
    with pytest.raises(TypeError, match=f"^{step.__name__} takes real arrays; give it np.stack"):
        step(**arrays, state={})


# Memory


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="only Linux lists its memory")
def test_the_look_for_read_only_memory_writes_nothing():
    libc, page = ctypes.CDLL(None, use_errno=True), 4096
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long
    address = libc.mmap(None, page, 1 | 2, 0x22, -1, 0)  # private, anonymous, readable, writable
    buffer = (ctypes.c_float * 8).from_address(address)
    param = torch.frombuffer(buffer, dtype=torch.float32).requires_grad_()
    Adam([param])
    # Where writing is forbidden for a moment, a byte that is written back would end the process.
    libc.mprotect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    assert libc.mprotect(address, page, 1) == 0
    with pytest.raises(ValueError, match=r"of shape \(8,\) cannot be written to: clone it first"):
        Adam([param])
    assert libc.mprotect(address, page, 1 | 2) == 0
    Adam([param])


# Muon


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (40, 70), (300, 220)])
def test_muon_in_bfloat16_is_torch_s_to_the_last_bit(shape):
    generator = torch.Generator().manual_seed(0)
    values = [torch.randn(shape, generator=generator) for _ in range(3)]
    ours, theirs = ([value.clone().requires_grad_() for value in values] for _ in range(2))
    optimizer, original = Muon(ours, ns_dtype=torch.bfloat16), torch.optim.Muon(theirs)
    for _ in range(5):
        for a, b in zip(ours, theirs, strict=True):
            a.grad = b.grad = torch.randn(shape, generator=generator)
        optimizer.step()
        original.step()
    assert all(map(torch.equal, ours, theirs))
    other = Muon([value.clone().requires_grad_() for value in values], ns_dtype=torch.float32)
    other.load_state_dict(optimizer.state_dict())
    assert other.param_groups[0]["ns_dtype"] == torch.bfloat16


def test_matrices_of_one_shape_together_are_matrices_one_by_one():
    generator = torch.Generator().manual_seed(0)
    shapes = [(5, 3), (3, 5), (5, 3), (5, 3), (3, 5), (2, 2)]
    values = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    together, alone = ([value.clone().requires_grad_() for value in values] for _ in range(2))
    optimizer, others = Muon(together, lr=0.1), [Muon([param], lr=0.1) for param in alone]
    for time in range(6):
        for a, b in zip(together, alone, strict=True):
            a.grad = b.grad = torch.randn(a.shape, generator=generator, dtype=torch.float64)
            if time < 2 and a.shape == (3, 5):
                a.grad = b.grad = None
        for muon in (optimizer, *others):
            muon.step()
    # Products of a few numbers in float64, in another order.
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-13)


def test_muon_refuses_a_dtype_that_cannot_be_iterated_in():
    with pytest.raises(ValueError, match=r"^ns_dtype must be a floating dtype: torch.int32$"):
        Muon([weight()], ns_dtype=torch.int32)
