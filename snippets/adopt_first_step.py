# First, in a copy of this site's source: pip install .
import torch
from torch.optim.lr_scheduler import LinearLR

from optimizers import ADOPT

weight = torch.ones(1, requires_grad=True)
optimizer = ADOPT([weight], lr=0.1)
scheduler = LinearLR(optimizer, start_factor=0.25, total_iters=3)
for call in range(1, 6):
    weight.grad = torch.ones(1)
    rate = scheduler.get_last_lr()[0]
    optimizer.step()
    scheduler.step()
    print(f"call {call}, lr {rate:.3f}: weight {weight.item():.4f}")
