"""A kernel can only help: whatever goes wrong with one, the plain step is taken, with a reason."""

import errno
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile

import numpy as np
import pytest
import torch

from optimizers import OPTIMIZERS, Adam, NAdam
from optimizers._kernels import cache, launch, numba_cpu
from optimizers._kernels.printing import printed
from optimizers.formula import NoKernel, read, symbols
from tests.conftest import ROOT

# Steps by default and on the plain path; then what is said, and what is insisted on moves nothing.
PROGRAM = """
import sys, torch
from optimizers import Adam
from optimizers._kernels import launch
launch.WORTH = 0
runs = []
for fused in (None, False):
    weight = torch.linspace(-1, 1, 9).requires_grad_()
    optimizer = Adam([weight], lr=0.1, fused=fused)
    for _ in range(4):
        weight.grad = weight.detach() ** 3
        optimizer.step()
    runs.append((weight.detach(), optimizer.why_not_fused()))
assert torch.allclose(runs[0][0], runs[1][0], rtol=1e-6, atol=1e-7), runs
weight = torch.ones(2, requires_grad=True)
weight.grad = torch.ones(2)
optimizer = Adam([weight], fused=True)
try:
    optimizer.step()
except RuntimeError as error:
    assert weight.tolist() == [1, 1] and not optimizer.state
    assert str(error) == "Adam cannot be fused: " + runs[0][1][0], (error, runs)
print(*runs[0][1])
"""


def steps(tmp_path, *path, **environment) -> str:
    """What the program above says in a process of its own: why it takes no kernel."""
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": os.pathsep.join(map(str, [*path, ROOT])),
        **environment,
    }
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, text=True, capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def kernels_anew(monkeypatch, tmp_path):
    """Kernels are looked for anew, and kept in a folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(launch, "broken", {})
    cache.kernel_of.cache_clear()
    yield tmp_path / "optimizers"
    cache.kernel_of.cache_clear()


def step(fused=None, times=2, make=Adam):
    weight = torch.linspace(-1, 1, 9).requires_grad_()
    optimizer = make([weight], lr=0.1, fused=fused)
    for _ in range(times):
        weight.grad = torch.ones(9)
        optimizer.step()
    return weight, optimizer


def broken_numba(tmp_path):
    folder = tmp_path / "numba"
    folder.mkdir()
    (folder / "__init__.py").write_text('raise ImportError("Numba needs an older\\n NumPy")\n')
    return (tmp_path,), {}


def disabled(tmp_path):
    return (), {"NUMBA_DISABLE_JIT": "1"}


def without_sources(tmp_path):
    shutil.copytree(
        ROOT / "optimizers", tmp_path / "optimizers", ignore=shutil.ignore_patterns("__pycache__")
    )
    subprocess.run([sys.executable, "-m", "compileall", "-qb", str(tmp_path)], check=True)
    for file in tmp_path.rglob("*.py"):
        file.unlink()
    return (tmp_path,), {}


def zipped(tmp_path):
    with zipfile.ZipFile(tmp_path / "package.zip", "w") as file:
        for path in (ROOT / "optimizers").rglob("*.*"):
            if "__pycache__" not in path.parts:
                file.write(path, path.relative_to(ROOT))
    return (tmp_path / "package.zip",), {}


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (broken_numba, "Numba needs an older NumPy"),
        (disabled, "NUMBA_DISABLE_JIT is set"),
        (without_sources, "FileNotFoundError: "),
        (zipped, "NotADirectoryError: "),
    ],
)
def test_where_no_kernel_can_be_had_the_plain_step_is_taken_and_the_reason_is_said(
    tmp_path, harm, why
):
    path, environment = harm(tmp_path)
    said = steps(tmp_path, *path, **environment)
    assert said.startswith(why)
    assert "\n" not in said


@pytest.mark.parametrize("content", [b"", b"def each(", b"raise SystemExit\n", b"\xff\xfe"])
def test_a_kept_kernel_that_is_not_whole_is_made_anew(kernels_anew, content):
    step(fused=True)
    (file,) = kernels_anew.glob("adam_*.py")
    text = file.read_bytes()
    file.write_bytes(content)
    cache.kernel_of.cache_clear()
    _, optimizer = step(fused=True)
    assert optimizer.why_not_fused() == []
    assert file.read_bytes() == text


@pytest.mark.parametrize("content", [b"", b"\x80\x05", b"cut off"])
@pytest.mark.parametrize("kind", ["*.nbi", "*.nbc"])
def test_a_compiled_kernel_that_is_damaged_is_thrown_away_and_made_anew(
    kernels_anew, kind, content
):
    step(fused=True)
    files = [*kernels_anew.rglob(f"adam_{kind}")]
    assert files
    for file in files:
        file.write_bytes(content)
    cache.kernel_of.cache_clear()
    assert step(fused=True)[1].why_not_fused() == []
    assert all(file.read_bytes() != content for file in kernels_anew.rglob(f"adam_{kind}"))


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has these permissions")
def test_kept_kernels_are_the_user_s_alone_and_never_run_where_others_can_write(kernels_anew):
    step(fused=True)
    (file,) = kernels_anew.glob("adam_*.py")
    assert kernels_anew.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600
    # A text that is whole, but that others could have written, is replaced.
    evil = cache.sealed("raise SystemExit\n")
    file.write_text(evil)
    file.chmod(0o622)
    cache.kernel_of.cache_clear()
    step(fused=True)
    assert file.read_text() != evil
    # From a folder that others can write to, nothing is run; the kernel is made in memory.
    file.write_text(evil)
    kernels_anew.chmod(0o777)
    cache.kernel_of.cache_clear()
    step(fused=True)
    assert file.read_text() == evil


def test_a_full_disk_costs_the_keeping_only(kernels_anew, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    _, optimizer = step(fused=True)
    assert optimizer.why_not_fused() == []
    assert [path for path in kernels_anew.iterdir() if path.is_file()] == []


def test_a_kernel_that_cannot_be_started_leads_to_the_plain_path_for_good(
    kernels_anew, monkeypatch
):
    asked = []

    def prepared(*_):
        asked.append(1)
        raise MemoryError("no room for\nthe table")

    expected, _ = step(fused=False, times=4)
    monkeypatch.setattr(numba_cpu, "prepared", prepared)
    weight, optimizer = step(times=4)
    why = "the kernel could not be started: MemoryError: no room for the table"
    assert optimizer.why_not_fused() == [why]
    assert len(asked) == 1
    assert torch.equal(weight, expected)
    optimizer.param_groups[0]["fused"] = True
    with pytest.raises(RuntimeError, match=f"^Adam cannot be fused: {why}$"):
        optimizer.step()
    assert torch.equal(weight, expected)
    assert optimizer.state[weight]["step"] == 4


def test_threads_that_cannot_be_started_leave_the_work_to_those_that_can(monkeypatch):
    started, joined = [], []

    class Few(threading.Thread):
        def start(self):
            if started:
                raise RuntimeError("can't start new thread")
            started.append(self)
            super().start()

        def join(self, timeout=None):
            joined.append(self)
            super().join(timeout)

    expected, _ = step(fused=True, times=3)
    monkeypatch.setattr(numba_cpu, "Thread", Few)
    monkeypatch.setattr(numba_cpu, "on_threads_of_torch", None)
    monkeypatch.setattr(numba_cpu, "PIECE", 2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    numba_cpu.pieces.cache_clear()
    weight, optimizer = step(fused=True, times=2)
    assert started == joined
    assert len(started) == 1
    started.clear()
    weight.grad = torch.ones(9)
    optimizer.step()
    numba_cpu.pieces.cache_clear()
    assert torch.equal(weight, expected)


# What is in a state


CASTS = {
    "all to double": lambda name, value: value.double(),
    "all to half": lambda name, value: value.half(),
    "all to bfloat16": lambda name, value: value.bfloat16(),
    "step to int64": lambda name, value: value.long() if name == "step" else value,
    "step to int32": lambda name, value: value.int() if name == "step" else value,
    "step as a number": lambda name, value: value.item() if name == "step" else value,
    "step with a dimension": lambda name, value: value.reshape(1) if name == "step" else value,
    "another memory": lambda name, value: value.clone(),
}


@pytest.mark.parametrize("make", [Adam, NAdam])
@pytest.mark.parametrize("cast", CASTS)
def test_a_state_that_others_have_cast_goes_on_as_on_the_plain_path(make, cast):
    runs = []
    for fused in (None, False):
        weight, optimizer = step(fused, 5, make)
        state = optimizer.state[weight]
        state.update({name: CASTS[cast](name, value) for name, value in state.items()})
        for _ in range(5):
            optimizer.step()
        runs.append(weight.detach())
        assert float(optimizer.state[weight]["step"]) == 10
        assert optimizer.state[weight]["exp_avg"].dtype == torch.float32
    # Ten steps, a few roundings each.
    torch.testing.assert_close(*runs, rtol=1e-5, atol=1e-6)


def test_a_step_on_another_device_does_not_end_the_process():
    weight, optimizer = step(times=2)
    optimizer.state[weight]["step"] = torch.zeros((), device="meta")
    with pytest.raises(NotImplementedError, match="meta"):
        optimizer.step()
    optimizer.state[weight]["step"] = torch.tensor(2.0)
    optimizer.step()
    assert optimizer.state[weight]["step"] == 3


def test_parameters_that_share_memory_are_updated_one_after_the_other():
    runs = []
    for fused in (None, False):
        whole = torch.linspace(-1, 1, 12)
        params = [whole[:8].requires_grad_(), whole.detach()[4:].requires_grad_()]
        optimizer = Adam(params, lr=0.1, fused=fused)
        for _ in range(3):
            for param in params:
                param.grad = torch.ones(8)
            optimizer.step()
        runs.append(whole.detach().clone())
        said = optimizer.why_not_fused()
    assert torch.equal(*runs)
    assert said == ["fused=False"]


def test_a_group_that_is_refused_leaves_all_groups_as_they_were():
    one = torch.ones(3, requires_grad=True)
    for other, message in (
        (torch.ones(3, dtype=torch.complex64), "no kernel computes in torch.complex64"),
        (torch.ones(3, dtype=torch.float64).to_sparse(), "does not support sparse gradients"),
    ):
        param = other.to_dense().detach().clone().requires_grad_()
        optimizer = Adam([{"params": [one]}, {"params": [param]}], fused=True)
        one.grad, param.grad = torch.ones(3), other
        with pytest.raises(RuntimeError, match=message):
            optimizer.step()
        assert one.tolist() == [1, 1, 1]
        assert not optimizer.state


# Names and updates of one's own


def renamed(monkeypatch, **codes):
    """The table of symbols, with other names in the code."""
    rows = tuple(row._replace(code=codes.get(row.code, row.code)) for row in symbols.SYMBOLS)
    monkeypatch.setattr(symbols, "SYMBOLS", rows)


FORMULA = r"On iteration $t$: $W := W - 3 \epsilon dW - 2 \alpha dW$"


@pytest.mark.parametrize("name", ["c1", "c1_", "c2", "beta1"])
def test_an_option_s_name_is_not_taken_by_the_kernel(monkeypatch, name):
    renamed(monkeypatch, lr=name)
    rule = read(FORMULA, path="rule.md")
    text = printed(rule, "float64")
    once, _, loop = text.partition("@kernel(float64)\n")
    # As Python, over lists instead of memory.
    loop = re.sub(r"carray\(pointer\((at\[\d\])\).*\)", r"\1", loop)
    scope = {}
    exec(once[once.index("def once") :] + loop, scope)
    numbers = scope["once"](np.array([1.0]), **{name: 0.5, "eps": 0.25})
    params = [2.0]
    scope["each"](1, [params, [10.0]], [1.0, *numbers])
    expected, _ = rule.step(2.0, 10.0, {}, **{name: 0.5, "eps": 0.25})
    assert params == [expected] == [2.0 - 7.5 - 10.0]


@pytest.mark.parametrize("name", ["n", "i", "numbers", "direction", "grads", "sqrt", "tl"])
def test_a_name_that_the_kernel_needs_is_refused_with_the_remedy(monkeypatch, name):
    renamed(monkeypatch, lr=name)
    with pytest.raises(NoKernel, match=rf"^rule.md: .*`{name}`; give .* another one$"):
        printed(read(FORMULA, path="rule.md"))


class Own(Adam):
    def update(self, param, grad, state, group):
        param.sub_(grad)


def test_an_update_of_one_s_own_is_taken_in_every_step():
    def update(param, grad, state, group):
        param.sub_(grad)

    of_an_instance = Adam([torch.ones(3).requires_grad_()])
    of_an_instance.update = update
    for optimizer in (of_an_instance, Own([torch.ones(3).requires_grad_()])):
        (param,) = optimizer.param_groups[0]["params"]
        for _ in range(3):
            param.grad = torch.ones(3)
            optimizer.step()
        assert param.tolist() == [-2, -2, -2]
        assert optimizer.why_not_fused() == ["its update is not that of a formula of the package"]


# Where a kernel pays


def test_by_default_a_kernel_serves_large_groups_only(run):
    program = """
    import torch
    from optimizers import Adam
    def served(*shapes, **options):
        params = [torch.ones(shape, requires_grad=True) for shape in shapes]
        for param in params:
            param.grad = torch.ones_like(param)
        optimizer = Adam(params, **options)
        optimizer.step()
        return not optimizer.why_not_fused()
    print(served((1000, 1000)), served(*[(9,)] * 100), served(*[(9,)] * 99))
    print(served((9,), fused=True))
    """
    text = run("\n".join(line[4:] for line in program.splitlines()), ROOT)
    assert text.split() == ["True", "True", "False", "True"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_class_says_why_it_takes_no_kernel(name):
    param = torch.ones(2, 2, requires_grad=True)
    optimizer = OPTIMIZERS[name].optimizer([param], fused=False)
    assert optimizer.why_not_fused() == []  # there is no gradient, and so no step
    param.grad = torch.ones(2, 2)
    assert optimizer.why_not_fused() == ["fused=False"]
    assert "fused" in OPTIMIZERS[name].optimizer.__init__.__annotations__
    with pytest.raises(TypeError, match="unexpected keyword argument 'fuse'"):
        OPTIMIZERS[name].optimizer([param], fuse=True)
