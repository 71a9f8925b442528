# First, in a copy of this site's source: pip install .
import torch

from optimizers import ADOPT, AdamW


def saved(groups, optimizer_class=AdamW):
    optimizer = optimizer_class(groups)
    for group in optimizer.param_groups:
        for param in group["params"]:
            param.grad = torch.ones_like(param)
    optimizer.step()
    return optimizer.state_dict()


model = torch.nn.Linear(4, 2)
two_groups = [{"params": [model.weight]}, {"params": [model.bias]}]
no_average = saved(model.parameters())
del no_average["state"][0]["exp_avg"]

for what, state in (
    ("another optimizer", saved(model.parameters(), ADOPT)),
    ("other groups", saved(two_groups)),
    ("another shape", saved(torch.nn.Linear(8, 2).parameters())),
    ("more layers", saved([*model.parameters(), torch.ones(2, requires_grad=True)])),
    ("a missing state", no_average),
):
    try:
        AdamW(model.parameters()).load_state_dict(state)
    except ValueError as error:
        print(f"{what}: {error}")
