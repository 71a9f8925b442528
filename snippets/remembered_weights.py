# First, in a copy of this site's source: pip install .
import torch

from optimizers import AdamW


def weight_decay_for(lr, remembered):
    """AdamW's weight decay for weights that remember so many steps."""
    return 1 / (lr * remembered)


def left(lr, weight_decay, steps):
    """What is left of a weight of 1 after so many steps without a gradient."""
    weight = torch.ones(1, requires_grad=True)
    optimizer = AdamW([weight], lr=lr, weight_decay=weight_decay)
    for _ in range(steps):
        weight.grad = torch.zeros(1)
        optimizer.step()
    return weight.item()


steps = 2000  # of the whole training
for lr in (1e-3, 3e-4):
    decay = weight_decay_for(lr, remembered=steps)
    print(f"lr {lr}, decay {decay:.2f}: {left(lr, decay, steps):.2f} left")
decay = weight_decay_for(1e-3, remembered=steps // 2)  # batch twice as large, the same data
print(f"half the steps, {decay:.2f}: {left(1e-3, decay, steps // 2):.2f} left")
