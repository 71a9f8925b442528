# First, in a copy of this site's source: pip install .
import torch

from optimizers import Lion, Signum


def walk(optimizer_class, size, **options):
    torch.manual_seed(0)
    weight = torch.zeros(1, requires_grad=True)
    optimizer = optimizer_class([weight], lr=0.01, **options)
    for _ in range(100):
        weight.grad = size * (torch.randn(1) + 0.2)
        optimizer.step()
    return weight.item()


for size in (0.001, 1.0, 1000.0):
    lion, equal = walk(Lion, size), walk(Lion, size, betas=(0.9, 0.9))
    signum = walk(Signum, size)
    print(f"{size:8}  Lion {lion:.3f}  {equal:.3f}  Signum {signum:.3f}")
