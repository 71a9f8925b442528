# First, in a copy of this site's source: pip install .
import torch

from optimizers import ADOPT, AdamW


def step_lengths(optimizer_class, beta2):
    """How long steps along noise are, in units of the learning rate, after some iterations."""
    torch.manual_seed(0)
    weight = torch.zeros(200, requires_grad=True)
    optimizer = optimizer_class([weight], lr=1.0, betas=(0.9, beta2), weight_decay=0.0)
    lengths = []
    for _ in range(4000):
        weight.grad = torch.randn(200)
        before = weight.detach().clone()
        optimizer.step()
        lengths.append((weight - before).square().mean().sqrt().item())
    return "".join(f"{lengths[iteration - 1]:7.2f}" for iteration in shown)


shown = (100, 1000, 4000)
print("iteration      " + "".join(f"{iteration:7}" for iteration in shown))
for optimizer_class, beta2 in ((AdamW, 0.999), (ADOPT, 0.99), (ADOPT, 0.9999)):
    print(f"{optimizer_class.__name__}, {beta2:<8}{step_lengths(optimizer_class, beta2)}")
shares = "".join(f"{beta2 ** (iteration - 1):7.0%}" for iteration in shown)
print(f"  its first    {shares}")
