"""Compilers, profilers and graph captures meet the classes as they meet torch.optim's."""

import copy
import shutil

import pytest
import torch
import torch._dynamo.testing
from torch import nn

from optimizers import OPTIMIZERS
from tests import cases
from tests.contract import copies, every_optimizer, feed, label, new, weights


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


def losses_of_training(name, step):
    """The losses of a small network whose parameters a function moves."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1)).double()
    x = torch.randn(64, 4, dtype=torch.float64)
    y = x[:, :1] * x[:, 1:2]
    params = [param for param in model.parameters() if cases.takes(name, param)]
    step, found = step(params), []
    for _ in range(150):
        model.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        step()
        found.append(loss.item())
    return found


@every_optimizer
def test_it_trains_a_network_as_its_numpy_step_does(name):
    def by_class(params):
        return new(name, params, lr=0.01).step

    def by_hand(params):
        states = [{} for _ in params]

        def step():
            for param, state in zip(params, states, strict=True):
                value, grad = param.detach().numpy(), param.grad.numpy()
                moved, kept = OPTIMIZERS[name].step(value, grad, state, lr=0.01)
                state.update(kept)
                param.data.copy_(torch.from_numpy(moved))

        return step

    found, expected = (losses_of_training(name, step) for step in (by_class, by_hand))
    # Without kinks, 150 steps amplify roundings of float64 to less than this.
    assert found == pytest.approx(expected, rel=1e-9)
    assert found[-1] < found[0]


@every_optimizer
def test_its_options_are_printed(name):
    optimizer = new(name, weights(), lr=0.03)
    assert repr(optimizer).startswith(f"{label(name)} (\nParameter Group 0\n")
    assert "    lr: 0.03\n" in repr(optimizer)
