"""What the tests of the contract share: cases, and optimizers that are made and fed alike."""

import pytest
import torch
import torch._dynamo.testing

from optimizers import OPTIMIZERS, rule_of
from tests import cases

NAMES = list(OPTIMIZERS)
# All settings are tried where numbers are compared, in test_optimizers.py and test_formula.py.
CASES = [(name, options) for name in NAMES for options in cases.RICH[name]]
every_optimizer = pytest.mark.parametrize("name", NAMES)
every_case = pytest.mark.parametrize(("name", "options"), CASES)
# The dtypes that each optimizer takes.
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


def same_but_for_order(name, one, other):
    """Whether two are equal; a norm of the whole is summed, and rounded, in the order of memory."""
    whole = not rule_of(name).elementwise and name not in cases.MATRICES
    return torch.allclose(one, other, rtol=1e-5, atol=1e-6) if whole else torch.equal(one, other)


def same_state(ours, theirs):
    uncounted = [] if getattr(theirs, "reads_step", True) and ours.reads_step else ["step"]
    ours, theirs = ours.state_dict()["state"], theirs.state_dict()["state"]
    if uncounted:
        # torch.optim does not count the steps of these, and keeps no state that is empty.
        ours, theirs = (
            {
                key: {k: v for k, v in values.items() if k not in uncounted}
                for key, values in state.items()
            }
            for state in (ours, theirs)
        )
        ours, theirs = ({k: v for k, v in state.items() if v} for state in (ours, theirs))
    assert ours.keys() == theirs.keys()
    for key, state in ours.items():
        assert state.keys() == theirs[key].keys()
        assert all(torch.equal(value, theirs[key][name]) for name, value in state.items())
        assert all(value.dtype == theirs[key][name].dtype for name, value in state.items())
    return True
