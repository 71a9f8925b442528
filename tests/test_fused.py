"""What a kernel made from a formula computes, serves and refuses, and what can go wrong."""

import copy
import ctypes
import importlib
import os
import pickle
import subprocess
import sys
import threading
import warnings
from itertools import product

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from optimizers import ADOPT, OPTIMIZERS, Adam, rule_of
from optimizers._kernels import cache, numba_cpu
from optimizers._kernels.printing import printed
from tests import cases
from tests.conftest import ROOT

# Those whose formula can be a kernel; the others say why not, below.
NAMES = [name for name in OPTIMIZERS if cases.has_kernel(name)]
CASES = [(name, {}) for name in NAMES]
CASES += [(name, options) for name in NAMES for options in (*cases.RICH[name], cases.FAR[name])]


def weights(*shapes, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(shape, generator=generator).to(dtype).requires_grad_()
        for shape in shapes or [(3, 2), (4,)]
    ]


def give(params, time):
    """Gradients that depend on the time and on the place of the parameter; with heavy tails."""
    for param, grad in zip(
        params, weights(*(param.shape for param in params), seed=time), strict=True
    ):
        param.grad = torch.empty_like(param).copy_(grad.detach() ** 3)


def kernels(monkeypatch):
    """A list that grows with each launch by how many tensors it serves."""
    launches = []

    def prepared(each, places, *rest):
        start = original(each, places, *rest)
        return lambda: (launches.append(len(places.counts)), start())

    original = numba_cpu.prepared
    monkeypatch.setattr(numba_cpu, "prepared", prepared)
    return launches


def snapshot(optimizer):
    """Every value that a step changes, in float64."""
    return {
        (index, key): value.detach().double().numpy().copy()
        for index, (param, state) in enumerate(optimizer.state.items())
        for key, value in {"param": param, **state}.items()
    }


def twin_of(params, optimizer, **change):
    """A copy of both, with other options."""
    params, optimizer = copy.deepcopy((params, optimizer))
    for group in optimizer.param_groups:
        group.update(change)
    return params, optimizer


def ulps(dtype, before, one, other):
    """How far two results are apart, in units of the last place of the largest value involved."""
    largest = np.maximum(np.abs(before), np.maximum(np.abs(one), np.abs(other)))
    info = torch.finfo(dtype)
    exponent = np.floor(np.log2(np.maximum(largest, info.smallest_normal)))
    return np.max(np.abs(one - other) / (info.eps * 2.0**exponent), initial=0.0)


def steps_from_one_state(name, options, dtype, times):
    """Before each step the values, and after it those of three: plain, by kernel, in float64."""
    params = weights((40, 25), (37,), (), dtype=dtype)
    make = OPTIMIZERS[name].optimizer
    plain = make(params, fused=False, **options)
    for time in range(times):
        give(params, time)
        theirs, fused = twin_of(params, plain, fused=True)
        doubles = [param.detach().double().requires_grad_() for param in params]
        exact = make(doubles, fused=False, **options)
        if before := snapshot(plain):
            exact.load_state_dict(plain.state_dict())
        for one, other, param in zip(theirs, doubles, params, strict=True):
            one.grad, other.grad = param.grad, param.grad.double()
        for optimizer in (plain, fused, exact):
            optimizer.step()
        if before:
            yield time, before, *map(snapshot, (plain, fused, exact))


@pytest.mark.parametrize(("name", "options"), CASES)
def test_a_step_is_the_plain_step_within_four_units_in_the_last_place(name, options):
    apart, inexact, off = {}, {}, {}
    for _, before, plain, fused, exact in steps_from_one_state(name, options, torch.float32, 12):
        assert plain.keys() == fused.keys()
        for key in plain:
            pairs = ((apart, plain, fused), (inexact, plain, exact), (off, fused, exact))
            for found, one, other in pairs:
                distance = ulps(torch.float32, before[key], one[key], other[key])
                found[key[1]] = max(found.get(key[1], 0.0), distance)
    for key, distance in apart.items():
        # Where numbers cancel or a rounding is squared, the plain step may itself be further than
        # that from the exact one; then the kernel is nearer to it than twice as far.
        assert distance <= 4 or off[key] <= 2 * inexact[key], key


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_half_is_rounded_once_from_float32(name, dtype):
    options = cases.RICH[name][0]
    for time, before, plain, fused, _ in steps_from_one_state(name, options, dtype, 4):
        for key, value in plain.items():
            # What lies in the middle of two halves may go to either.
            unit = dtype if key[1] == "param" else torch.float32
            most = 1 if key[1] == "param" else 8
            assert ulps(unit, before[key], value, fused[key]) <= most, (key, time)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_every_half_and_what_lies_between_is_converted_as_torch_converts(dtype):
    widen = numba_cpu.from_bfloat16 if dtype == torch.bfloat16 else numba_cpu.from_float16
    narrow = numba_cpu.to_bfloat16 if dtype == torch.bfloat16 else numba_cpu.to_float16
    halves = np.arange(2**16, dtype=np.uint16)
    singles = np.empty(2**16, np.float32)
    widen(halves, singles)
    expected = torch.from_numpy(halves.view(np.int16)).view(dtype).float()
    torch.testing.assert_close(torch.from_numpy(singles), expected, rtol=0, atol=0, equal_nan=True)
    assert np.array_equal(np.signbit(singles), np.signbit(expected.numpy()))
    # The halves, the middles between them, and the next to either side of both.
    finite = singles[np.isfinite(singles)]
    middles = (np.sort(finite)[1:] / 2 + np.sort(finite)[:-1] / 2).astype(np.float32)
    bits = np.concatenate([finite, middles, np.array([np.inf, -np.inf, np.nan], np.float32)])
    bits = (bits.view(np.uint32) + np.array([[-1], [0], [1]]).astype(np.uint32)).ravel()
    singles = np.ascontiguousarray(bits).view(np.float32)
    found = np.empty(len(singles), np.uint16)
    narrow(singles, found)
    expected = torch.from_numpy(singles).to(dtype)
    found = torch.from_numpy(found.view(np.int16)).view(dtype)
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


def test_what_every_optimizer_without_a_kernel_says():
    for name in OPTIMIZERS.keys() - set(NAMES):
        (param,) = weights((3, 2))
        optimizer = OPTIMIZERS[name].optimizer([param], fused=True)
        give([param], 0)
        file = OPTIMIZERS[name].step.__module__.replace(".", "/") + ".py"
        with pytest.raises(RuntimeError, match=rf"cannot be fused: {file}:\d+: "):
            optimizer.step()


# Launches


def test_one_launch_serves_a_group_however_many_its_tensors_and_touches_torch_for_none(monkeypatch):
    class Seen(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            if function.namespace != "profiler":
                called.append(function)
            return function(*args, **(kwargs or {}))

    launches, called = kernels(monkeypatch), []
    params = weights(*[(7, 3)] * 40)
    optimizer = Adam([{"params": params[:30]}, {"params": params[30:], "lr": 0.1}], fused=True)
    for time in range(3):
        give(params, time)
        with Seen():
            called.clear()
            optimizer.step()
    assert launches == [30, 10] * 2  # the first call makes the state, one by one
    assert not called  # so no tensor is made beside the kernel's
    assert [state["step"].item() for state in optimizer.state.values()] == [3.0] * 40


def test_dtypes_of_a_group_have_a_launch_each_and_late_ones_join(monkeypatch):
    launches = kernels(monkeypatch)
    params = [*weights((3,), (2,)), *weights((4,), dtype=torch.bfloat16)]
    optimizer = ADOPT(params, fused=True)
    for time in range(4):
        give(params, time)
        if time < 2:
            params[1].grad = None
        optimizer.step()
    assert launches == [1, 1, 1, 1, 2, 1]
    assert [state["step"].item() for state in optimizer.state.values()] == [4.0, 4.0, 2.0]


def shared_among(monkeypatch, threads, piece):
    """Let torch have so many threads, each of which takes so many elements at a time."""
    monkeypatch.setattr(numba_cpu, "PIECE", piece)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    numba_cpu.pieces.cache_clear()


@pytest.mark.parametrize("of_torch", [True, False])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_as_many_threads_as_torch_may_use_give_the_same_numbers(monkeypatch, of_torch, threads):
    started, asked, theirs = [], [], numba_cpu.on_threads_of_torch

    class Counted(threading.Thread):
        def start(self):
            started.append(self)
            super().start()

    def on_threads_of_torch(function, job, number, flags):
        asked.append(number)
        theirs(function, job, number, flags)

    if of_torch and not theirs:
        pytest.skip("this build of torch has no OpenMP to be asked for its threads")
    monkeypatch.setattr(numba_cpu, "Thread", Counted)
    monkeypatch.setattr(numba_cpu, "on_threads_of_torch", on_threads_of_torch if of_torch else None)
    shapes = [(0,), (3, 7), (), (2111,), (1,), (0, 4), (64,)]
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        found = []
        for number, piece in ((1, numba_cpu.PIECE), (threads, 10)):
            with monkeypatch.context() as patch:
                shared_among(patch, number, piece)
                params = weights(*shapes, dtype=dtype)
                optimizer = Adam(params, fused=True)
                for time in range(4):
                    give(params, time)
                    optimizer.step()
            found.append(snapshot(optimizer))
        alone, shared = found
        assert all(np.array_equal(alone[key], shared[key]) for key in alone)
    numba_cpu.pieces.cache_clear()
    assert asked == ([threads] * 3 * 3 if of_torch and threads > 1 else [])
    assert len(started) == (0 if of_torch else 3 * 3 * (threads - 1))


def test_what_threads_read_is_kept_while_they_read_it(monkeypatch):
    seen = []

    def take_part(place):
        before = ctypes.string_at(place, 40)
        taken = [np.full(5, -1) for _ in range(100)]  # they would lie where something was let go
        seen.append(ctypes.string_at(place, 40) == before)
        taken.clear()

    params = weights((9,))
    optimizer = Adam(params, fused=True)
    give(params, 0)
    optimizer.step()
    monkeypatch.setattr(numba_cpu, "worker", lambda dtype: take_part)
    optimizer.step()
    assert seen == [True]


def test_an_interrupt_waits_for_the_other_threads(monkeypatch):
    finished = []

    def take_part(job):
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        threading.Event().wait(0.05)
        finished.append(job)

    params = weights((9,))
    optimizer = Adam(params, fused=True)
    give(params, 0)
    optimizer.step()
    shared_among(monkeypatch, 3, 1)
    monkeypatch.setattr(numba_cpu, "on_threads_of_torch", None)
    monkeypatch.setattr(numba_cpu, "worker", lambda dtype: take_part)
    with pytest.raises(KeyboardInterrupt):
        optimizer.step()
    numba_cpu.pieces.cache_clear()
    assert len(finished) == 2


# Tensors


def layouts():
    base = torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(0))
    yield "contiguous", base, base, True
    last = base.to(memory_format=torch.channels_last)
    yield "channels last", last, last, True
    yield "transposed", base.transpose(1, 3), base.transpose(1, 3), True
    yield "one column", base[:, :, :1, :1].clone(), base[:, :, :1, :1].contiguous(), True
    yield "a scalar", base[0, 0, 0, 0].clone(), base[0, 0, 0, 0].clone(), True
    yield "nothing", base[:0], base[:0], True
    yield "channels last, gradient not", last, base, False
    yield "gradient channels last", base, last, False
    yield "gaps", base[:, ::2, 1:], base[:, ::2, 1:], False
    yield "expanded gradient", base, base[:1].expand(2, 4, 3, 5), False


@pytest.mark.parametrize(("what", "param", "grad", "served"), list(layouts()))
def test_memory_is_walked_where_all_lie_alike_and_left_to_torch_where_not(
    monkeypatch, what, param, grad, served
):
    launches = kernels(monkeypatch)
    odd = torch.empty_strided(param.shape, param.stride()).copy_(param).requires_grad_()
    even = param.detach().contiguous().requires_grad_()
    optimizer, expected = ADOPT([odd], lr=0.1), ADOPT([even], lr=0.1, fused=False)
    for time in range(3):
        odd.grad = torch.empty_strided(grad.shape, grad.stride())
        if what != "expanded gradient":
            odd.grad.normal_(generator=torch.Generator().manual_seed(time))
        else:
            odd.grad = torch.full((1,) * 4, time - 1.5).expand(grad.shape)
        even.grad = odd.grad.contiguous()
        optimizer.step()
        expected.step()
    assert odd.stride() == param.stride()
    assert launches == ([1, 1] if served else [])
    # Three steps of at most 0.3, a few roundings each.
    torch.testing.assert_close(odd.detach().contiguous(), even.detach(), rtol=1e-6, atol=1e-6)


def transposed(param, state):
    param.data = param.data.t()


def grown(param, state):
    param.data = torch.as_strided(param.data, (5, 4), (4, 1))


def replaced(param, state):
    state["exp_avg"] = state["exp_avg"].double()


def doubled(param, state):
    state["step"] = state["step"].expand(2).clone()


def parted(param, state):
    state["exp_avg"] = torch.stack([state["exp_avg"]] * 2, dim=-1)[..., 0]


@pytest.mark.parametrize("change", [transposed, grown, replaced, doubled, parted])
def test_what_changes_where_it_is_is_seen(monkeypatch, change):
    launches = kernels(monkeypatch)
    # More memory than the parameter needs, so that it can grow where it is.
    param = torch.zeros(5, 4)[:4].requires_grad_()
    optimizer = Adam([param], fused=True)
    for time in range(3):
        give([param], time)
        optimizer.step()
    assert launches == [1, 1]
    address = param.data_ptr()
    with torch.no_grad():
        param.grad = None
        change(param, optimizer.state[param])
    assert param.data_ptr() == address
    param.grad = torch.zeros(param.shape, dtype=param.dtype)
    with pytest.raises(RuntimeError, match="cannot be fused"):
        optimizer.step()
    assert launches == [1, 1]


def test_of_a_distributed_parameter_the_part_that_is_here_is_served(monkeypatch):
    from torch import distributed
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor, init_device_mesh

    launches = kernels(monkeypatch)
    store = distributed.HashStore()
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        mesh = init_device_mesh("cpu", (1,))

        def spread(tensor, placement):
            return distribute_tensor(tensor.detach().clone(), mesh, [placement])

        whole, alone = weights((6, 3), seed=1), weights((6, 3), seed=1)
        part = spread(whole[0], Shard(0)).requires_grad_()
        optimizer, plain = ADOPT([part], fused=True), ADOPT(alone, fused=False)
        for time in range(3):
            give(alone, time)
            part.grad = spread(alone[0].grad, Shard(0))
            optimizer.step()
            plain.step()
        assert launches == [1, 1]
        # Three steps of at most 0.001, a few roundings each.
        torch.testing.assert_close(part.full_tensor(), alone[0], rtol=1e-6, atol=1e-7)
        part.grad = spread(alone[0].grad, Replicate())
        with pytest.raises(RuntimeError, match="no kernel reads a DTensor like this"):
            optimizer.step()
    finally:
        distributed.destroy_process_group()


class Own(Adam):
    """Whose update is the user's."""

    def update(self, param, grad, state, group):
        param.sub_(grad)


class Renamed(Adam):
    """Whose update is still the formula's."""


def refused():
    one = torch.ones(2, 3)
    yield {}, one + 0j, one + 0j, r"no kernel computes in torch\.complex64"
    yield {}, one.to("meta"), one.to("meta"), "there is no kernel for meta"
    yield {}, one, one.t().contiguous().t(), "strides of parameter, gradient and state differ"
    yield {}, one.expand(2, 2, 3)[0, :, ::2], one[:, ::2], "or leave gaps"
    yield {}, one, torch.view_as_complex(torch.ones(2, 3, 2)).conj().imag, "differ|negated"
    yield {}, one, torch._neg_view(one), "negated only when it is read"
    yield {}, one.as_subclass(Tensor), one, "no kernel reads a Tensor like this"
    yield {"lr": torch.tensor(0.1, requires_grad=True)}, one, one, "lr requires a gradient"


class Tensor(torch.Tensor):
    """Somebody's tensor."""


@pytest.mark.parametrize(("options", "param", "grad", "why"), list(refused()))
def test_what_no_kernel_serves_takes_the_plain_path_or_is_refused_with_the_reason(
    options, param, grad, why
):
    runs = []
    for fused in (True, None, False):
        ours = param.detach().clone(memory_format=torch.preserve_format).requires_grad_()
        optimizer = Adam([ours], fused=fused, **options)
        ours.grad = grad
        if fused:
            with pytest.raises(RuntimeError, match=f"^Adam cannot be fused: .*{why}"):
                optimizer.step()
            assert not optimizer.state
            continue
        optimizer.step()
        ours.grad = grad
        optimizer.step()
        runs.append(ours.detach())
    if runs[0].device.type != "meta":
        assert torch.equal(*runs)


def test_a_subclass_has_the_kernel_until_it_steps_in_its_own_way(monkeypatch):
    launches = kernels(monkeypatch)
    for make in (Renamed, Own):
        params = weights((3,))
        optimizer = make(params)
        for time in range(2):
            give(params, time)
            optimizer.step()
    assert launches == [1]
    with pytest.raises(RuntimeError, match=r"^Own cannot be fused: its update is not that of"):
        Own(params, fused=True).step()


def test_torch_compile_makes_its_own_kernels():
    params = weights((3,))
    give(params, 0)
    torch.compiler.reset()
    torch.compile(Adam(params).step, backend="eager", fullgraph=True)()
    with pytest.raises(Exception, match=r"Adam cannot be fused: torch\.compile makes kernels"):
        torch.compile(Adam(params, fused=True).step, backend="eager")()


@pytest.mark.parametrize("missing", ["numba", "sympy"])
def test_without_the_extra_it_is_named_where_the_kernel_is_insisted_on(
    monkeypatch, tmp_path, missing
):
    for module in [
        missing,
        *(loaded for loaded in sys.modules if loaded.startswith("optimizers.formula")),
    ]:
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(sys, "path_importer_cache", {})
    find = importlib.machinery.PathFinder.find_spec

    def find_without(name, *rest):
        return None if name == missing else find(name, *rest)

    monkeypatch.setattr(importlib.machinery.PathFinder, "find_spec", find_without)
    monkeypatch.setattr(cache, "folder", lambda: tmp_path)
    cache.kernel_of.cache_clear()
    params = weights((3,))
    give(params, 0)
    Adam(params).step()
    with pytest.raises(
        RuntimeError, match=r"^Adam cannot be fused: .*, which the extra `\w+` installs"
    ):
        Adam(params, fused=True).step()
    cache.kernel_of.cache_clear()


def test_autograd_notices_that_a_parameter_has_changed(monkeypatch):
    launches = kernels(monkeypatch)
    (param,) = weights((3,))
    optimizer = Adam([param])
    give([param], 0)
    optimizer.step()
    loss = (param**3).sum()
    optimizer.step()
    assert launches == [1]
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_file_is_trained_and_a_gradient_that_cannot_be_written_to_is_read(tmp_path):
    values = np.linspace(-1, 1, 7, dtype=np.float32)
    file, frozen = tmp_path / "param", tmp_path / "grad"
    values.tofile(file)
    values.tofile(frozen)
    param = torch.from_file(str(file), shared=True, size=7).requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, about tensors that cannot be written to
        grad = torch.from_numpy(np.memmap(frozen, np.float32, mode="r"))
    expected = torch.from_numpy(values.copy()).requires_grad_()
    optimizer, plain = ADOPT([param], fused=True), ADOPT([expected], fused=False)
    for _ in range(3):
        param.grad = expected.grad = grad
        optimizer.step()
        plain.step()
    found = torch.from_numpy(np.fromfile(file, np.float32))
    torch.testing.assert_close(found, expected.detach(), rtol=1e-6, atol=0)
    assert not torch.equal(found, torch.from_numpy(values))
    assert np.array_equal(np.fromfile(frozen, np.float32), values)


def test_a_parameter_that_cannot_be_written_to_is_refused_before_it_ends_the_process(tmp_path):
    values = np.linspace(-1, 1, 7, dtype=np.float32)
    values.tofile(tmp_path / "param")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, about tensors that cannot be written to
        param = torch.from_numpy(np.memmap(tmp_path / "param", np.float32, mode="r"))
    with pytest.raises(ValueError, match=r"of shape \(7,\) cannot be written to: clone it"):
        Adam([param.requires_grad_()])
    others = weights((0,), (3,))
    optimizer = Adam(others)
    with pytest.raises(ValueError, match="cannot be written to"):
        optimizer.add_param_group({"params": [param]})
    assert [group["params"] for group in optimizer.param_groups] == [others]
    # What is mapped to be read by all and written to by oneself can be trained.
    mapped = torch.from_numpy(np.memmap(tmp_path / "param", np.float32, mode="c")).requires_grad_()
    Adam([mapped])
    assert np.array_equal(mapped.detach().numpy(), values)


def test_a_tensor_without_memory_is_refused_before_anything_is_counted():
    params = weights((3,), (2,))
    optimizer = Adam(params)
    give(params, 0)
    optimizer.step()
    params[1].grad.untyped_storage().resize_(0)
    with pytest.raises(RuntimeError, match="has no memory"):
        optimizer.step()
    assert [state["step"].item() for state in optimizer.state.values()] == [1.0, 1.0]


# Groups and copies


def test_fused_is_an_option_of_a_group_which_a_loaded_state_leaves_alone(monkeypatch):
    launches = kernels(monkeypatch)
    params = weights((3,), (2,), (4,))
    groups = [{"params": params[:1], "fused": False}, {"params": params[1:2]}]
    optimizer = Adam(groups, fused=True)
    optimizer.add_param_group({"params": params[2:]})
    assert [group["fused"] for group in optimizer.param_groups] == [False, True, True]
    theirs = torch.optim.Adam([{"params": [param]} for param in params], fused=True)
    for time in range(2):
        give(params, time)
        theirs.step()
    optimizer.load_state_dict(theirs.state_dict())
    for other in (optimizer, copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert [group["fused"] for group in other.param_groups] == [False, True, True]
        launches.clear()
        params = [param for group in other.param_groups for param in group["params"]]
        give(params, 3)
        other.step()
        assert launches == [1, 1]
        assert {state["step"].item() for state in other.state.values()} == {3.0}
    theirs.load_state_dict(optimizer.state_dict())
    theirs.step()


# The printed kernel


@pytest.mark.parametrize("name", NAMES)
def test_the_kernel_has_the_lines_of_the_formula_and_touches_each_value_once(name):
    rule = rule_of(name)
    text = printed(rule)
    body = text[text.index("for i in") :].splitlines()[1:]
    shown = [line.latex for line in rule.lines("W", "iteration") if rule.symbols[line.target].of]
    assert [line.partition("  # ")[2] for line in body if "  # " in line] == shown
    for quantity in ("param", "grad", *OPTIMIZERS[name].optimizer.state_names):
        reads = sum(f" {quantity}s[i]" in line.replace("*", " ") for line in body) - sum(
            line.strip().startswith(f"{quantity}s[i] =") for line in body
        )
        assert reads == 1
        assert sum(line.strip().startswith(f"{quantity}s[i] =") for line in body) == (
            quantity != "grad"
        )
    assert "64" not in text.replace("float64", "", 1)  # nothing is computed in it in the loop


# Other processes

PROGRAM = """
import os, sys, torch
from optimizers import Adam
params = [torch.linspace(-1, 1, 700_001, requires_grad=True)]
optimizer = Adam(params, lr=0.1, fused=True)
for _ in range(3):
    params[0].grad = params[0].detach() ** 3
    optimizer.step()
result = params[0].double().sum().item(), params[0][0].item()
print("optimizers.formula.reader" in sys.modules, *result)
# A forked worker has no threads of its parent's; torch's own operations may wait for them for ever.
sys.stdout.flush()
child = os.fork()
if not child:
    optimizer.step()
    print(params[0][0].item() != -1.0)
    sys.stdout.flush()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


def run_program(cache):
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    command = [
        sys.executable,
        "-W",
        "error",
        "-W",
        "ignore:.*fork:DeprecationWarning",
        "-c",
        PROGRAM,
    ]
    done = subprocess.run(command, env=environment, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split(maxsplit=1)


def test_a_kernel_is_kept_for_later_processes_and_made_in_memory_where_it_cannot_be(tmp_path):
    printed, result = run_program(tmp_path / "cache")
    assert printed == "True"
    kept = sorted(path.name for path in (tmp_path / "cache").rglob("*.nb?"))
    assert any(name.startswith("adam_float32") and name.endswith(".nbc") for name in kept)
    # What Numba has kept is lost in part; it is compiled anew, but not printed.
    for path in (tmp_path / "cache").rglob("*.nbi"):
        path.write_bytes(b"")
    assert run_program(tmp_path / "cache") == ["False", result]
    # A file stands where the folder should be.
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    assert run_program(blocked) == ["True", result]


COUNTED = """
from numba.core import event
from optimizers._kernels import numba_cpu
with event.install_recorder("numba:compiler_lock") as compiled:
    for dtype in ("float32", "bfloat16", "float16"):
        numba_cpu.worker(dtype)
print(len(compiled.buffer))
"""


def test_what_walks_over_tensors_is_compiled_once_for_all_processes(run):
    run(COUNTED, ROOT)
    # Numba takes its lock a dozen times to find what is kept, and thousands of times to compile.
    assert int(run(COUNTED, ROOT)) < 100


def test_an_interrupted_first_compile_leaves_everything_as_it_was(monkeypatch, tmp_path):
    def interrupted(*_):
        raise KeyboardInterrupt

    params = weights((3,))
    optimizer = Adam(params, fused=True)
    monkeypatch.setattr(cache, "folder", lambda: tmp_path)
    cache.kernel_of.cache_clear()
    give(params, 0)
    with monkeypatch.context() as patch:
        patch.setattr(numba_cpu, "kernel", interrupted)
        with pytest.raises(KeyboardInterrupt):
            optimizer.step()
    assert not optimizer.state
    assert torch.equal(params[0], weights((3,))[0])
    optimizer.step()
    optimizer.step()
    assert optimizer.state[params[0]]["step"] == 2
    assert [path.suffix for path in tmp_path.iterdir() if path.is_file()] == [".py"]
    cache.kernel_of.cache_clear()


# Triton's interpreter may cut what it should round to a half: a unit in the last place.
NEAR = {torch.float64: 1e-14, torch.float32: 1e-6, torch.bfloat16: 2**-7, torch.float16: 2**-10}


def compare_on_triton(device, elements=(5, 3000, 0)):
    """Hold the kernels that Triton compiles against the plain path."""
    for name, (dtype, bound) in product(filter(cases.has_kernel, OPTIMIZERS), NEAR.items()):
        torch.manual_seed(0)
        options = cases.RICH[name][0]
        params = [torch.randn(n, dtype=dtype, device=device).requires_grad_() for n in elements]
        others = [param.detach().clone().requires_grad_() for param in params]
        optimizer = OPTIMIZERS[name].optimizer(params, fused=True, **options)
        plain = OPTIMIZERS[name].optimizer(others, fused=False, **options)
        for _ in range(3):
            for param, other in zip(params, others, strict=True):
                param.grad = other.grad = torch.randn_like(param)
            optimizer.step()
            plain.step()
            for param, other in zip(params, others, strict=True):
                torch.testing.assert_close(
                    param, other, rtol=bound, atol=min(bound, 1e-6), msg=f"{name}: {{}}".format
                )
                # What is cut must not add up: where it changes a sign, all that follows is changed.
                other.data.copy_(param)
        assert [state["step"].item() for state in optimizer.state.values()] == [3.0] * len(params)


ON_TRITON = """
from optimizers._kernels import layout
from tests.test_fused import compare_on_triton
layout.COMPILERS["cpu"] = "triton"
compare_on_triton("cpu")
"""


def test_the_kernel_of_a_gpu_computes_the_same_in_tritons_interpreter():
    pytest.importorskip("triton", reason="Triton is there for Linux only")
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    command = [sys.executable, "-c", ON_TRITON]
    done = subprocess.run(
        command, env=environment, text=True, capture_output=True, timeout=120, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize("elements", [(5, 3000, 0), (16, 4096)], ids=["uneven", "even"])
def test_the_kernel_computes_the_same_on_a_gpu(elements):
    compare_on_triton("cuda", elements)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_step_on_a_gpu_is_one_launch_for_each_dtype():
    params = [
        torch.ones(n, dtype=dtype, device="cuda", requires_grad=True)
        for dtype in (torch.float32, torch.bfloat16)
        for n in (1, 3000, 100_000)
    ]
    for param in params:
        param.grad = torch.ones_like(param)
    optimizer = ADOPT(params, fused=True)
    for _ in range(3):
        optimizer.step()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as seen:
        optimizer.step()
    kernels = [event.name for event in seen.events() if "mem" not in event.name.lower()]
    assert kernels.count("each") == 2, kernels
