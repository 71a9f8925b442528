# First, in a copy of this site's source: pip install .
import torch

from optimizers import AdamW


def rounded_at_random(values):
    """Round float32 to bfloat16, up or down at random, so that the mean is kept."""
    bits = values.view(torch.int32)
    noise = torch.randint(0, 1 << 16, bits.shape, dtype=torch.int32, device=bits.device)
    return ((bits + noise) & -(1 << 16)).view(torch.float32).bfloat16()


def train(weight, store=None):
    """Take 100 steps of 0.001 downwards, and return the mean of the weights, which began at 1."""
    weight.requires_grad_()
    optimizer = AdamW([weight], lr=1e-3, weight_decay=0.0)
    for _ in range(100):
        weight.grad = torch.ones_like(weight)
        optimizer.step()
        if store is not None:
            weight.data = store(weight.data).float()  # what is kept between two steps
    return weight.float().mean().item()


torch.manual_seed(0)
start = torch.ones(10_000)
print(f"float32             {train(start.clone()):.3f}")
print(f"bfloat16            {train(start.bfloat16()):.3f}")
print(f"rounded at random   {train(start.clone(), rounded_at_random):.3f}")

smallest = next(one for one in range(1, 100) if train(start[:1].bfloat16() * 2**-one) < 2**-one)
print(f"0.001 moves {2**-smallest}, but not {2 ** (1 - smallest)}")
