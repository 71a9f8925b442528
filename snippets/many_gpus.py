# First, in a copy of this site's source: pip install .
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as checkpoint
from torch import nn
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from optimizers import ADOPT

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
device = "cuda" if torch.cuda.is_available() else "cpu"
rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
if dist.is_torchelastic_launched():  # by torchrun
    mesh = init_device_mesh(device, (world,))

torch.manual_seed(0)  # the same model and the same data in every process
model = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 1)).to(device)
x = torch.randn(512, 8).to(device)
y = torch.sin(x.sum(dim=1, keepdim=True))

if dist.is_initialized():
    for part in (model[0], model[2], model):
        fully_shard(part, mesh=mesh)
optimizer = ADOPT(model.parameters(), lr=0.01)  # after fully_shard: it must see the shards


def state():
    return dict(zip(("model", "optimizer"), get_state_dict(model, optimizer), strict=True))


if folder and folder.exists():  # go on where the last run stopped
    saved = state()
    checkpoint.load(saved, checkpoint_id=folder)
    set_state_dict(
        model, optimizer, model_state_dict=saved["model"], optim_state_dict=saved["optimizer"]
    )

for step in range(1, 101):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x[rank::world]), y[rank::world])  # its part of the data
    loss.backward()
    optimizer.step()
    if rank == 0 and step % 10 == 0:
        print(f"step {step} of 100: loss {loss.item():.4f}", file=sys.stderr, flush=True)

if folder:
    checkpoint.save(state(), checkpoint_id=folder)
with torch.no_grad():
    loss = nn.functional.mse_loss(model(x), y)
if rank == 0:
    print(f"loss {loss.item():.3f} after {int(optimizer.state[model[0].weight]['step'])} steps")
if dist.is_initialized():
    dist.barrier()  # else a process may leave while its last message is under way, and abort
    dist.destroy_process_group()
