# First, in a copy of this site's source: pip install .
import torch

import optimizers

for dtype in (torch.float16, torch.bfloat16):
    eps = torch.tensor([1e-8, 1e-6], dtype=dtype)
    name = str(dtype).removeprefix("torch.")
    print(f"{name:8}: 1e-8 is {eps[0]:.1e}, 1e-6 is {eps[1]:.1e}")


def second_moment(optimizer_class, beta2, steps=2000):
    """The second moment of a bfloat16 weight: its gradient was 1 for long, and is 1.5 now."""
    weight = torch.ones(1, dtype=torch.bfloat16, requires_grad=True)
    optimizer = optimizer_class([weight], lr=1e-3, betas=(0.9, beta2))
    weight.grad = torch.ones_like(weight)
    optimizer.step()
    average = optimizer.state[weight]["exp_avg_sq"].fill_(1.0)
    for _ in range(steps):
        weight.grad.fill_(1.5)
        optimizer.step()
    return average.item()


print("beta2  should be  torch.optim  optimizers")
for beta2 in (0.95, 0.999):
    right = 1.5**2 - (1.5**2 - 1) * beta2**2000
    theirs = second_moment(torch.optim.AdamW, beta2)
    ours = second_moment(optimizers.AdamW, beta2)
    print(f"{beta2:5}  {right:9.2f}  {theirs:11.2f}  {ours:10.2f}")
