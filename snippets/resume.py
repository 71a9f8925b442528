# First, in a copy of this site's source: pip install .
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR

from optimizers import ADOPT


def new():
    torch.manual_seed(0)
    model = torch.nn.Linear(8, 1)
    optimizer = ADOPT(model.parameters(), lr=0.01)
    return model, optimizer, CosineAnnealingLR(optimizer, T_max=100)


def train(parts, first, last):
    model, optimizer, scheduler = parts
    for step in range(first, last):
        inputs = torch.randn(32, 8, generator=torch.Generator().manual_seed(step))
        loss = torch.nn.functional.mse_loss(model(inputs), inputs.sum(dim=1, keepdim=True))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    return model.weight.detach().clone()


unbroken = train(new(), 0, 100)

parts = new()
train(parts, 0, 50)
torch.save([part.state_dict() for part in parts], "checkpoint.pt")

parts = new()  # another program, later
for part, state in zip(parts, torch.load("checkpoint.pt"), strict=True):
    part.load_state_dict(state)
print("with all three: off by", (train(parts, 50, 100) - unbroken).abs().max().item())

parts = new()
parts[0].load_state_dict(torch.load("checkpoint.pt")[0])
print(f"with the model alone: off by {(train(parts, 50, 100) - unbroken).abs().max():.3f}")
