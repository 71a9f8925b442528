# First, in a copy of this site's source: pip install .
import torch
from torch import nn

from optimizers import AdamW


def carry_over(saved, optimizer):
    """Give an optimizer the saved state of all parameters that kept their name and shape.

    Both optimizers have to be made from `model.named_parameters()`. Returns the names of the
    parameters that start anew.
    """
    states = {}
    for group in saved["param_groups"]:
        for name, key in zip(group["param_names"], group["params"], strict=True):
            states[name] = saved["state"].get(key, {})
    anew = []
    for group in optimizer.param_groups:
        for name, param in zip(group["param_names"], group["params"], strict=True):
            state = states.get(name, {})
            if state and all(one.shape in ((), param.shape) for one in state.values()):
                optimizer.state[param] = {key: one.clone() for key, one in state.items()}
            else:
                anew.append(name)
    return anew


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = AdamW(model.named_parameters())
for _ in range(10):
    optimizer.zero_grad()
    model(torch.randn(32, 8)).square().mean().backward()
    optimizer.step()
saved = optimizer.state_dict()

model[2] = nn.Linear(16, 3)  # another head
optimizer = AdamW(model.named_parameters())
print("anew:", *carry_over(saved, optimizer))
print("step of the first layer:", int(optimizer.state[model[0].weight]["step"]))
