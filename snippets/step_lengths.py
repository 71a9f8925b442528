# First, in a copy of this site's source: pip install .
import torch

from optimizers import ADOPT, AdamW, Lion, Muon


def step_length(optimizer_class, rows=64, columns=256, steps=300):
    """How long a step is, as a root mean square over a matrix, if the learning rate is 1."""
    torch.manual_seed(0)
    weight = torch.zeros(rows, columns, requires_grad=True)
    optimizer = optimizer_class([weight], lr=1.0, weight_decay=0.0)
    for _ in range(steps):
        weight.grad = torch.randn(rows, columns)  # noise, as in most of a long training
        before = weight.detach().clone()
        optimizer.step()
    return (weight - before).square().mean().sqrt().item()


usual = step_length(AdamW)
print("      a step is  for the same length")
for optimizer_class in (AdamW, ADOPT, Lion, Muon):
    length = step_length(optimizer_class)
    print(f"{optimizer_class.__name__:5} {length:.2f} lr, {usual / length:9.2f} of AdamW's lr")
