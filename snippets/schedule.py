# First, in a copy of this site's source: pip install .
import torch
from torch.optim.lr_scheduler import LinearLR

from optimizers import Adam


def distance(lr, end, steps=1000):
    """How far 1,000 weights still are from the minimum at 0, each with its own noisy gradient."""
    torch.manual_seed(0)
    weight = torch.ones(1000, requires_grad=True)
    optimizer = Adam([weight], lr=lr)
    scheduler = LinearLR(optimizer, start_factor=1.0, end_factor=end, total_iters=steps)
    for _ in range(steps):
        weight.grad = weight.detach() + torch.randn(1000)
        optimizer.step()
        scheduler.step()
    return weight.square().mean().sqrt().item()


print("rate  constant  to a tenth  to zero")
for lr in (0.3, 0.1, 0.03, 0.01):
    constant, tenth, zero = (distance(lr, end) for end in (1.0, 0.1, 0.0))
    print(f"{lr:4}{constant:10.3f}{tenth:12.3f}{zero:9.3f}")
