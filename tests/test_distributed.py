"""Two processes give what one gives; a checkpoint of two is resumed on one and on two."""

import copy
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
import torch.multiprocessing as mp
from torch import nn
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Shard, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from optimizers import OPTIMIZERS, rule_of
from tests import cases

ROOT = Path(__file__).parents[1]
# A guard against hanging, wide enough for a busy machine.
SECONDS = 180
# Every setting is tried on one process; here some of each optimizer's suffice.
CASES = [(name, options) for name in OPTIMIZERS for options in ({}, *cases.RICH[name])]
TENSOR_LR = [
    (name, {"lr": torch.tensor(0.01), **cases.having(name, weight_decay=0.1, maximize=climb)})
    for name in OPTIMIZERS
    for climb in (False, True)
]

pytestmark = pytest.mark.skipif(not dist.is_gloo_available(), reason="torch was built without gloo")


def enter(rank, work, world, folder):
    torch.set_num_threads(1)
    if world > 1:
        store = f"file://{folder}/{work.__name__}{world}"
        dist.init_process_group("gloo", init_method=store, rank=rank, world_size=world)
    work(rank, world, folder)
    if world > 1:
        dist.destroy_process_group()
    # All is done and asserted. Some exits of an interpreter that has used gloo, about one in
    # thirty, abort in C++ after the last line of Python; this one ends before that.
    os._exit(0)


def spawn(work, world, folder):
    """Run `work(rank, world, folder)` in so many processes; an error there is one here."""
    # Forked from a process that has imported this file, which takes longer than most of the work.
    multiprocessing.set_forkserver_preload([__name__])
    context = mp.start_processes(
        enter, (work, world, folder), nprocs=world, join=False, start_method="forkserver"
    )
    deadline = time.monotonic() + SECONDS
    try:
        while not context.join(timeout=1):
            assert time.monotonic() < deadline, f"{work.__name__} took more than {SECONDS} s"
    finally:
        for process in context.processes:
            process.kill()


def network(dtype=torch.float32):
    torch.manual_seed(0)
    # Sizes that two processes cannot share evenly.
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3)).to(dtype)


def taken(name, model):
    """The parameters of a model that an optimizer takes."""
    return [param for param in model.parameters() if cases.takes(name, param)]


def shard(model, world):
    mesh = init_device_mesh("cpu", (world,))
    for layer in (model[0], model[2], model):
        fully_shard(layer, mesh=mesh)
    return model


def batches(steps, dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(8, 5, generator=generator).to(dtype) for _ in range(steps)]


def train(model, optimizer, inputs):
    for x in inputs:
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()


def assert_trained_alike(model, expected, what):
    for ours, theirs in zip(model.parameters(), expected.parameters(), strict=True):
        full = ours.full_tensor() if isinstance(ours, DTensor) else ours
        # The promise is 1e-6; the mean of two means is rounded in another order.
        torch.testing.assert_close(full, theirs, rtol=1e-6, atol=1e-6, msg=f"{what}: {full}")


def assert_same(ours, theirs, name, what):
    # The same numbers one by one: nothing may differ. Only products of shards of matrices are
    # summed in another order, in float32.
    apart = 0.0 if rule_of(name).elementwise else 1e-6
    torch.testing.assert_close(ours, theirs, rtol=apart, atol=apart, msg=f"{name} {what}: {ours}")


def fully_sharded(rank, world, folder):
    for name, options in CASES + TENSOR_LR:
        make = OPTIMIZERS[name].optimizer
        alone, sharded = network(), shard(network(), world)
        inputs = batches(5)
        train(alone, make(taken(name, alone), **copy.deepcopy(options)), inputs)
        optimizer = make(taken(name, sharded), **copy.deepcopy(options))
        train(sharded, optimizer, [x.chunk(world)[rank] for x in inputs])
        assert_trained_alike(sharded, alone, (name, options))
        for state in optimizer.state.values():
            assert all(isinstance(state[kept], DTensor) for kept in optimizer.state_names)


def sharded_and_plain_in_one_group(rank, world, folder):
    mesh = init_device_mesh("cpu", (world,))
    for name, options in CASES + TENSOR_LR:
        for dtype in (torch.float32, torch.bfloat16):
            make = OPTIMIZERS[name].optimizer
            start = [param.detach().to(dtype) for param in taken(name, network())]
            alone = [value.clone().requires_grad_() for value in start]
            mixed = [
                # Every second one is sharded.
                nn.Parameter(fully_shard_tensor(value, mesh) if i % 2 == 0 else value.clone())
                for i, value in enumerate(start)
            ]
            expected, optimizer = make(alone, **options), make(mixed, **options)
            for _ in range(4):
                for a, b in zip(alone, mixed, strict=True):
                    generator = torch.Generator().manual_seed(a.numel())
                    a.grad = torch.randn(a.shape, generator=generator).to(dtype)
                    is_sharded = isinstance(b, DTensor)
                    b.grad = fully_shard_tensor(a.grad, mesh) if is_sharded else a.grad.clone()
                expected.step()
                optimizer.step()
            for a, b in zip(alone, mixed, strict=True):
                full = b.full_tensor() if isinstance(b, DTensor) else b
                assert_same(full, a, name, (options, dtype))


def fully_shard_tensor(tensor, mesh):
    return distribute_tensor(tensor.clone(), mesh, [Shard(0)])


def data_parallel(rank, world, folder):
    for name, options in CASES:
        make = OPTIMIZERS[name].optimizer
        alone, parallel = network(), DistributedDataParallel(network())
        inputs = batches(5)
        train(alone, make(taken(name, alone), **options), inputs)
        optimizer = make(taken(name, parallel), **options)
        train(parallel, optimizer, [x.chunk(world)[rank] for x in inputs])
        assert_trained_alike(parallel.module, alone, (name, options))


def zero_redundancy(rank, world, folder):
    # Its import warns of something deprecated, which in a test would be an error.
    from torch.distributed.optim import ZeroRedundancyOptimizer

    for name, options in CASES:
        make = OPTIMIZERS[name].optimizer
        inputs = batches(6)
        alone, parallel = network(), DistributedDataParallel(network())
        expected = make(taken(name, alone), **options)
        train(alone, expected, inputs)
        optimizer = ZeroRedundancyOptimizer(taken(name, parallel), make, **options)
        local = [x.chunk(world)[rank] for x in inputs]
        train(parallel, optimizer, local[:3])
        # Each process has the state of its share; brought together it is one state dict.
        optimizer.consolidate_state_dict(to=0)
        saved = [optimizer.state_dict() if rank == 0 else None]
        dist.broadcast_object_list(saved)
        assert saved[0]["state"].keys() == expected.state_dict()["state"].keys()
        resumed = ZeroRedundancyOptimizer(taken(name, parallel), make, **options)
        resumed.load_state_dict(copy.deepcopy(saved[0]))
        train(parallel, resumed, local[3:])
        assert_trained_alike(parallel.module, alone, (name, options))
        # One process continues from it, too.
        single = make(taken(name, network()))
        single.load_state_dict(saved[0])


@pytest.mark.parametrize(
    "work", [fully_sharded, sharded_and_plain_in_one_group, data_parallel, zero_redundancy]
)
def test_two_processes_give_what_one_gives(work, tmp_path):
    spawn(work, 2, tmp_path)


# Checkpoints

CHECKPOINTED = CASES + TENSOR_LR[::2]


def feed(model, optimizer, times):
    """Gradients that do not depend on the number of processes."""
    for now in times:
        for index, param in enumerate(model.parameters()):
            generator = torch.Generator().manual_seed(100 * now + index)
            grad = torch.randn(param.shape, generator=generator).to(param.dtype)
            if isinstance(param, DTensor):
                grad = distribute_tensor(grad, param.device_mesh, param.placements)
            param.grad = grad
        optimizer.step()
        optimizer.zero_grad()


def checkpointed():
    for index, (name, options) in enumerate(CHECKPOINTED):
        for dtype in (torch.float32, torch.bfloat16) if index % 3 == 1 else (torch.float32,):
            yield f"{index}-{dtype}", name, options, dtype


def states_of(model, optimizer):
    model_state, state = get_state_dict(model, optimizer)
    return {"model": model_state, "optimizer": state}


def full_values(model, optimizer):
    states = states_of(model, optimizer)
    values = list(states["model"].values())
    for moments in states["optimizer"]["state"].values():
        values += moments.values()
    return [value.full_tensor() if isinstance(value, DTensor) else value for value in values]


def save(rank, world, folder):
    # All go into one checkpoint: each takes a while, whatever it holds.
    trained, states = {}, {}
    for key, name, options, dtype in checkpointed():
        model = shard(network(dtype), world)
        optimizer = OPTIMIZERS[name].optimizer(taken(name, model), **options)
        feed(model, optimizer, range(3))
        trained[key] = model, optimizer
        states[key] = states_of(model, optimizer)
    dcp.save(states, checkpoint_id=folder / "saved")
    for model, optimizer in trained.values():
        feed(model, optimizer, range(3, 6))
    values = {key: full_values(*both) for key, both in trained.items()}
    if rank == 0:
        torch.save(values, folder / "expected.pt")


def resume(rank, world, folder):
    fresh, states = {}, {}
    for key, name, options, dtype in checkpointed():
        model = network(dtype) if world == 1 else shard(network(dtype), world)
        # Every option has to come from the checkpoint.
        lr = torch.tensor(9.0) if isinstance(options.get("lr"), torch.Tensor) else 9.0
        optimizer = OPTIMIZERS[name].optimizer(taken(name, model), lr=lr)
        fresh[key] = model, optimizer
        states[key] = states_of(model, optimizer)
    dcp.load(states, checkpoint_id=folder / "saved")
    expected = torch.load(folder / "expected.pt", weights_only=True)
    for key, name, options, _ in checkpointed():
        model, optimizer = fresh[key]
        set_state_dict(
            model,
            optimizer,
            model_state_dict=states[key]["model"],
            optim_state_dict=states[key]["optimizer"],
        )
        for option, value in options.items():
            assert optimizer.param_groups[0][option] == value, (name, option)
        feed(model, optimizer, range(3, 6))
        values = full_values(model, optimizer)
        # Four parameters; for each that is optimized the step and its state.
        kept = ["step", *optimizer.numbers, *optimizer.state_names]
        assert len(values) == len(expected[key]) == 4 + len(taken(name, model)) * len(kept)
        for ours, theirs in zip(values, expected[key], strict=True):
            assert_same(ours, theirs, name, options)


def test_a_checkpoint_of_two_processes_is_resumed_exactly_on_two_and_on_one(tmp_path):
    spawn(save, 2, tmp_path)
    spawn(resume, 2, tmp_path)
    spawn(resume, 1, tmp_path)


# The page "Train on many GPUs"

TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]


def run_snippet(*args):
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1"}
    environment["CUDA_VISIBLE_DEVICES"] = ""  # there may be fewer GPUs than processes
    return subprocess.run(
        [sys.executable, *map(str, args)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )


def test_the_snippet_prints_what_the_page_shows_and_its_progress(tmp_path):
    snippet, folder = ROOT / "snippets/many_gpus.py", tmp_path / "saved"
    shown = (ROOT / "snippets/many_gpus.out").read_text()
    first = run_snippet(*TORCHRUN, snippet, folder)
    assert first.stdout == shown
    assert [f"step {step} of 100: loss" in first.stderr for step in (10, 50, 100)] == [True] * 3
    # It goes on, now on one process.
    second = run_snippet(snippet, folder)
    assert second.stdout.endswith("after 200 steps\n")
    assert float(second.stdout.split()[1]) < float(first.stdout.split()[1])
