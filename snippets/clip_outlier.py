# First, in a copy of this site's source: pip install .
import torch

from optimizers import ADOPT, AdamW


def step_lengths(optimizer_class, most=None):
    """Train on noise with one gradient 1,000 times too long; return the steps after it, in lr."""
    torch.manual_seed(0)
    weight = torch.zeros(100, requires_grad=True)
    optimizer = optimizer_class([weight], lr=1.0, betas=(0.9, 0.999), weight_decay=0.0)
    lengths = []
    for iteration in range(1301):
        weight.grad = torch.randn(100) * (1000 if iteration == 300 else 1)
        if most is not None:
            torch.nn.utils.clip_grad_norm_([weight], most)
        before = weight.detach().clone()
        optimizer.step()
        lengths.append((weight - before).square().mean().sqrt().item())
    return "".join(f"{lengths[300 + later]:5.2f}" for later in after)


after = (-1, 0, 10, 100, 1000)
print("later         " + "".join(f"{later:5}" for later in after))
for optimizer_class in (AdamW, ADOPT):
    name = optimizer_class.__name__
    print(f"{name}         {step_lengths(optimizer_class)}")
    print(f"{name}, clipped{step_lengths(optimizer_class, 20.0)}")
