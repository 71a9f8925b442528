"""Parameters and gradients may have any dtype, layout and device that torch.optim takes."""

import pytest
import torch
import torch._dynamo.testing

from optimizers import rule_of
from tests import cases
from tests.contract import (
    CASES,
    copies,
    every_dtype,
    every_optimizer,
    exact,
    feed,
    new,
    quantities,
    same,
    same_but_for_order,
    same_state,
    weights,
)

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
        # What takes the length of a rounded weight is another number, which moves as well.
        whole = not rule_of(name).elementwise and name not in cases.MATRICES
        assert runs[0][quantity] != 0 if whole else torch.equal(*(run[quantity] for run in runs))
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
            assert same_but_for_order(name, a, b)


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
    if "step_size" in quantities(name):
        # Of an infinite gradient only the sign counts.
        assert differs.nonzero().tolist() in ([], [[1, 1]])
    elif rule_of(name).elementwise:
        assert differs.nonzero().tolist() == [[1, 1]]
    elif rule_of(name).matrix:
        assert params[0].isnan().all()
    else:
        # The length of the step changes, and nothing else.
        assert params[0].isnan().nonzero().tolist() == [[1, 1]]
    state = optimizer.state[params[0]]
    # The last gradient is replaced as a whole, and a step size looks at signs alone.
    passing = ("pre_grad", "prev", "step_size")
    averages = [quantity for quantity in quantities(name) if quantity not in passing]
    assert all(not state[quantity][1, 1].isfinite() for quantity in averages[-1:])


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
