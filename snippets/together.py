# First, in a copy of this site's source: pip install .
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from optimizers import AdamW, Muon


class Together(torch.optim.Optimizer):
    """Several optimizers as one, for a trainer or a scheduler that takes one only."""

    def __init__(self, *optimizers):
        self.optimizers = optimizers
        super().__init__([group for one in optimizers for group in one.param_groups], {})

    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for one in self.optimizers:
            one.step()
        return loss

    def state_dict(self):
        return {"optimizers": [one.state_dict() for one in self.optimizers]}

    def load_state_dict(self, state_dict):
        for one, state in zip(self.optimizers, state_dict["optimizers"], strict=True):
            one.load_state_dict(state)
        # They have new groups now; a scheduler has to write into these.
        self.param_groups[:] = [group for one in self.optimizers for group in one.param_groups]


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
hidden = [model[2].weight]
rest = [param for param in model.parameters() if param is not model[2].weight]
optimizer = Together(Muon(hidden, lr=0.02), AdamW(rest, lr=1e-3))
scheduler = LambdaLR(optimizer, lambda step: min(1, (step + 1) / 20) * (1 - step / 200))

inputs = torch.randn(256, 8)
targets = inputs.sin().sum(dim=1, keepdim=True)
for step in range(200):
    loss = nn.functional.mse_loss(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 50 == 49:
        rates = ", ".join(f"{rate:.4f}" for rate in scheduler.get_last_lr())
        print(f"step {step + 1:3}  loss {loss.item():.3f}  lr {rates}")
