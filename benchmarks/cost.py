"""Measures what a step costs, here and elsewhere, and writes results/cost.json.

    make bench
    python -m benchmarks.cost --device cuda
    python -m benchmarks.cost --case small

Steps of an algorithm are measured in turn, in one process, and the median of each is kept, so that
other work on the machine disturbs all of them alike. Results on a GPU go to a file of their own.
"""

import argparse
import ctypes
import datetime
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from types import ModuleType
from unittest import mock

import adopt
import pytorch_optimizer
import torch
from tqdm import tqdm

from optimizers import OPTIMIZERS, Muon, rule_of
from optimizers._kernels import launch, layout
from optimizers._kernels.printing import printed
from optimizers.formula import read

from .timm_alone import timm_optim

RESULTS = Path(__file__).parent / "results"
TURNS = 9
# Numbers of tensors and shapes: a model of 30 million parameters, and many small tensors.
CASES = {"large": (100, (300_000,)), "small": (500, (1000,))}
# Numbers of parameters in 100 tensors, to see how cost grows.
SIZES = [10**4, 10**5, 10**6, 10**7, 10**8]
GROWING = ("Adam", "ADOPT")
# A model of a thousand million parameters for a GPU, and the classes whose states fit its memory.
HUGE = (100, (10_000_000,))
LARGEST = {
    "Adam": [("here", "fused"), ("torch.optim", "fused"), ("torch.optim", "foreach")],
    "AdamW": [("here", "fused"), ("torch.optim", "fused"), ("torch.optim", "foreach")],
    "ADOPT": [("here", "fused"), ("torch-adopt", "foreach")],
}
# Weight matrices of hidden layers for Muon, 12.6 million parameters, and few of its slow steps.
MATRICES = (24, (512, 1024))
# Steps that move the bytes of 0, 1, 2 and 3 states, and only add.
FLOORS = [
    "$W := W + dW$",
    "$V_{dw} = V_{dw} + dW$, $W := W + V_{dw}$",
    "$V_{dw} = V_{dw} + dW$, $S_{dw} = S_{dw} + dW$, $W := W + V_{dw} + S_{dw}$",
    r"$V_{dw} = V_{dw} + dW$, $S_{dw} = S_{dw} + dW$, "
    r"$S_{dw}^{\text{max}} = S_{dw}^{\text{max}} + dW$, "
    r"$W := W + V_{dw} + S_{dw} + S_{dw}^{\text{max}}$",
]
# The first lines of those states.
STATES = ["$V_{dw} = 0$", "$S_{dw} = 0$", r"$S_{dw}^{\text{max}} = 0$"]
START = "Initialize: {}\n\n"


def contenders(device):
    """For each algorithm, rows of: whose class, how it computes, its maker, given parameters."""
    found = {}
    for name, entry in OPTIMIZERS.items():
        # The cost of a matrix does not follow from its number of elements.
        if rule_of(name).elementwise:
            found[name] = [
                ("here", how, partial(entry.optimizer, lr=1e-3, fused=how == "fused"))
                for how in ("plain", "fused")
            ]
        elif not rule_of(name).matrix:
            found[name] = [("here", "plain", partial(entry.optimizer, lr=1e-3, fused=False))]
    others = {
        "Gradient Descent": ("SGD", {}),
        "Momentum": ("SGD", {"momentum": 0.9}),
        "Nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
        "AMSGrad": ("Adam", {"amsgrad": True}),
    }
    for name, rows in found.items():
        theirs, options = others.get(name, (OPTIMIZERS[name].optimizer.__name__, {}))
        if cls := getattr(torch.optim, theirs, None):
            for how in ("plain", "foreach", "fused"):
                flag = {"foreach": how == "foreach", **({"fused": True} if how == "fused" else {})}
                make = partial(cls, lr=1e-3, **options, **flag)
                weight = torch.ones(1, device=device, requires_grad=True)
                weight.grad = torch.ones_like(weight)
                try:
                    make([weight]).step()
                except (TypeError, RuntimeError):
                    continue  # torch.optim has no such path
                rows.append(("torch.optim", how, make))
    timm = timm_optim("adopt").Adopt
    for how in ("plain", "foreach"):
        flag = {"foreach": how == "foreach"}
        found["ADOPT"].append(("torch-adopt", how, partial(adopt.ADOPT, **flag)))
        found["ADOPT"].append(("timm", how, partial(timm, **flag)))
        found["ADOPT"].append(("pytorch-optimizer", how, partial(pytorch_optimizer.ADOPT, **flag)))
    return found


class Float32Muon(torch.optim.Muon):
    """torch's class without its rounding to bfloat16."""

    def step(self):
        with mock.patch.object(torch.Tensor, "bfloat16", torch.Tensor.clone):
            super().step()


def muons():
    """Muon here and in torch.optim, in both dtypes of the iteration."""
    return [
        ("here", "float32", partial(Muon, lr=1e-3)),
        ("here", "bfloat16", partial(Muon, lr=1e-3, ns_dtype=torch.bfloat16)),
        ("torch.optim", "float32", partial(Float32Muon, lr=1e-3)),
        ("torch.optim", "bfloat16", partial(torch.optim.Muon, lr=1e-3)),
    ]


class Copy:
    """Steps that only move the bytes, on a GPU: copies of a fixed part of its memory."""

    PART = 2**30

    def __init__(self, params, states):
        moved = (3 + 2 * states) * sum(param.nbytes for param in params)
        self.times, rest = divmod(moved // 2, self.PART)
        self.source = torch.ones(self.PART, dtype=torch.uint8, device="cuda")
        self.target = torch.empty_like(self.source)
        self.rest = self.source[:rest], self.target[:rest]
        self.state = {}

    def step(self):
        for _ in range(self.times):
            self.target.copy_(self.source)
        source, target = self.rest
        target.copy_(source)


class Floor:
    """Steps that only move the bytes: the kernel of the shortest formula that does."""

    def __init__(self, params, states):
        begin = ", ".join(STATES[:states])
        start = START.format(begin) if states else ""
        rule = read(f"{start}On iteration $t$: {FLOORS[states]}")
        self.kernel = ModuleType("floor")
        exec(printed(rule), vars(self.kernel))
        self.group = {"maximize": False, "lr": 0.0}
        self.states = [{"step": torch.zeros(())} for _ in params]
        kept = [[torch.zeros_like(param) for param in params] for _ in range(states)]
        self.columns = [params, [param.grad for param in params], *kept]
        self.state = {}

    def step(self):
        places = layout.Places.of(self.columns, [[state["step"] for state in self.states]])
        batch = layout.Batch(self.columns[0], self.states, places)
        launch.prepared(self.kernel, self.group, batch)()


def parameters(tensors, shape, device):
    """Parameters with gradients."""
    torch.manual_seed(0)
    params = [torch.randn(shape, device=device).requires_grad_() for _ in range(tensors)]
    for param in params:
        param.grad = torch.randn_like(param)
    return params


def wait(device):
    """Wait until a device has finished its work."""
    if device == "cuda":
        torch.cuda.synchronize()


def peak(step, device):
    """The peak memory, in bytes, that a step takes in addition to the memory in use."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        return torch.cuda.max_memory_allocated() - before
    status = Path("/proc/self/status")

    def kilobytes(name):
        return int(status.read_text().partition(f"{name}:")[2].split()[0])

    try:
        ctypes.CDLL(None).malloc_trim(0)  # freed memory goes back, so that its reuse is counted
        Path("/proc/self/clear_refs").write_text("5")  # from here on the peak is counted anew
        before = kilobytes("VmRSS")
        step()
        return 1024 * max(0, kilobytes("VmHWM") - before)
    except (OSError, AttributeError):
        return None  # not Linux


def measure(rows, tensors, shape, states, device):
    """Measure the contenders of an algorithm, in turn.

    Args:
        rows: whose class, how it computes, its maker.
        tensors: how many parameters.
        shape: the shape of each.
        states: the number of values that the algorithm keeps for each element.
        device: "cpu" or "cuda".

    Returns:
        A row of results for each, the floor's last.
    """
    params, elements = parameters(tensors, shape, device), math.prod(shape)
    running = [(by, how, make(params)) for by, how, make in rows]
    floor = Copy if device == "cuda" else Floor
    running.append(("floor", "fused", floor(params, states)))
    times, extra = [[] for _ in running], []
    for _, _, optimizer in running:
        for _ in range(3):  # makes the state, compiles, finds its memory
            optimizer.step()
        extra.append(peak(optimizer.step, device))
    # Calls take most of the time on a GPU, so the size of the tensors does not matter.
    repeats = 5 if device == "cuda" else max(1, min(50, 2_000_000 // (tensors * elements)))
    for _ in range(TURNS):
        for index, (_, _, optimizer) in enumerate(running):
            wait(device)
            begin = time.perf_counter()
            for _ in range(repeats):
                optimizer.step()
            wait(device)
            times[index].append((time.perf_counter() - begin) / repeats)
    floor = median(times[-1])
    return [
        {
            "by": by,
            "how": how,
            "tensors": tensors,
            "elements": elements,
            "milliseconds": round(1e3 * median(taken), 4),
            "to_floor": round(
                median(one / other for one, other in zip(taken, times[-1], strict=True)), 3
            ),
            "extra_bytes": more,
            "state_bytes": state_bytes(optimizer, tensors * elements),
            "floor_milliseconds": round(1e3 * floor, 4),
        }
        for (by, how, optimizer), taken, more in zip(running, times, extra, strict=True)
    ]


def state_bytes(optimizer, elements):
    """The bytes of state for each element."""
    values = [value for state in optimizer.state.values() for value in state.values()]
    held = [value for value in values if isinstance(value, torch.Tensor) and value.dim()]
    return round(sum(tensor.nbytes for tensor in held) / elements, 3)


def machine(device):
    """The machine of the measurement."""
    if device == "cuda":
        card = torch.cuda.get_device_properties(0)
        return {
            "processor": card.name,
            "cores": card.multi_processor_count,
            "gigabytes": round(card.total_memory / 2**30),
            "system": f"{platform.system()} {platform.machine()}, CUDA {torch.version.cuda}",
        }
    try:
        text = Path("/proc/cpuinfo").read_text()
        processor = text.partition("model name")[2].partition(":")[2].partition("\n")[0].strip()
    except OSError:
        processor = platform.processor()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gigabytes": round(memory / 2**30),
        # The number of programs that wanted a core.
        "load": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {platform.machine()}",
    }


def plan(found, device):
    """The measurements: case, algorithm, number of tensors, shape of each, contenders."""
    for case, sizes in CASES.items():
        for name, rows in found.items():
            yield case, name, *sizes, rows
    yield "matrices", "Muon", *MATRICES, muons()
    if device == "cuda":
        for name, chosen in LARGEST.items():
            yield "huge", name, *HUGE, [row for row in found[name] if row[:2] in chosen]
        return
    room = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    largest = 10**8 if room > 14e9 else 10**7
    for size in SIZES:
        for name in GROWING if size <= largest else ():
            whose = ("here", "torch.optim", "torch-adopt")
            yield "grow", name, 100, (size // 100,), [row for row in found[name] if row[0] in whose]


# A program with AdamW on the plain path or by the kernel, which a user with Numba gets by default:
# prints the seconds of its second step and its memory, and saves its weights.
STARTING = """
import json, pathlib, sys, time, torch
from optimizers import AdamW
fused = json.loads(sys.argv[1])
torch.manual_seed(0)
params = [torch.randn(10_000, requires_grad=True) for _ in range(100)]
optimizer, times = AdamW(params, fused=fused), []
for step in range(STEPS):
    for param in params:
        param.grad = torch.randn(10_000)
    begin = time.perf_counter()
    optimizer.step()
    times.append(time.perf_counter() - begin)
torch.save([param.detach() for param in params], sys.argv[2])
status = pathlib.Path("/proc/self/status").read_text()
print(json.dumps([times[1], 1024 * int(status.partition("VmHWM:")[2].split()[0])]))
"""


STARTED = 50


def starting():
    """The cost of a first kernel: seconds with an empty cache and with a full one, and memory."""
    with tempfile.TemporaryDirectory() as folder:
        cold, runs = {**os.environ, "XDG_CACHE_HOME": folder, "NUMBA_CACHE_DIR": folder}, {}
        for how, fused in (("plain", False), ("cold", None), ("warm", None)):
            weights = Path(folder) / f"{how}.pt"
            program = STARTING.replace("STEPS", str(STARTED))
            command = [sys.executable, "-c", program, json.dumps(fused), str(weights)]
            done = subprocess.run(command, env=cold, text=True, capture_output=True, check=True)
            runs[how] = json.loads(done.stdout), torch.cat(torch.load(weights))
    (plain, memory), expected = runs["plain"]
    return {
        "steps": STARTED,
        "plain_milliseconds": round(1e3 * plain, 2),
        "cold_seconds": round(runs["cold"][0][0], 2),
        "warm_seconds": round(runs["warm"][0][0], 2),
        "megabytes": round((runs["warm"][0][1] - memory) / 2**20),
        "weights_that_differ": round((runs["warm"][1] != expected).double().mean().item(), 3),
        "largest_difference": float(f"{(runs['warm'][1] - expected).abs().max().item():.1e}"),
    }


def main():
    """Measure everything and write it down."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--case", help="measure one case again, such as small, and keep the rest")
    chosen_case, device = (arguments := parser.parse_args()).case, arguments.device
    if device == "cuda" and not torch.cuda.is_available():
        parser.error("--device: torch sees no GPU here; use cpu")
    warnings.simplefilter("ignore")  # torch's, about names that the others still use
    path = RESULTS / ("cost.json" if device == "cpu" else "cost-cuda.json")
    old = json.loads(path.read_text(encoding="utf-8")) if chosen_case else {"rows": []}
    planned = [case for case in plan(contenders(device), device) if chosen_case in (None, case[0])]
    where = machine(device)
    if chosen_case and (not planned or old["machine"]["processor"] != where["processor"]):
        parser.error("--case: no such case, or the rest was measured on another processor")
    rows = [row for row in old["rows"] if row["case"] != chosen_case]
    for case, name, tensors, shape, chosen in (bar := tqdm(planned)):
        bar.set_description(f"{name} {case}")
        states = len(OPTIMIZERS[name].optimizer.state_names)
        for row in measure(chosen, tensors, shape, states, device):
            rows.append({"name": name, "case": case, **row})
    compiler = "triton" if device == "cuda" else "numba"
    packages = ["torch", "numpy", compiler, "torch-adopt", "timm", "pytorch-optimizer"]
    results = {
        "date": datetime.date.today().isoformat(),
        "machine": old.get("machine", where),
        "versions": {package: version(package).partition("+")[0] for package in packages},
        # Only Linux says how much memory a process has had.
        **({"start": starting()} if device == "cpu" and sys.platform == "linux" else {}),
        "rows": rows,
    }
    RESULTS.mkdir(exist_ok=True)
    text = ",\n".join(json.dumps(row) for row in rows)
    head = json.dumps({key: value for key, value in results.items() if key != "rows"}, indent=1)
    path.write_text(f'{head[:-2]},\n "rows": [\n{text}\n]}}\n', encoding="utf-8")
    print(f"written: {path}, {len(rows)} rows; `make serve` shows them on the page of costs")


if __name__ == "__main__":
    main()
