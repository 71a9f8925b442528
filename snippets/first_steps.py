# First, in a copy of this site's source: pip install .
import torch

from optimizers import Adam

torch.manual_seed(0)
weight = torch.zeros(1000, requires_grad=True)
optimizer = Adam([weight], lr=1.0)
for iteration in range(1, 301):
    before = weight.detach().clone()
    weight.grad = torch.randn(1000)  # noise, which should lead nowhere
    optimizer.step()
    if iteration in (1, 2, 5, 20, 300):
        length = (weight - before).square().mean().sqrt()
        print(f"step {iteration:3}: {length:.2f} lr")
