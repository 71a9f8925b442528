# First, in a copy of this site's source: pip install .
import torch
from torch import nn

from optimizers import ADOPT, AdamW


def new_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 1))


def train(model, optimizer, steps, warm_up=0):
    losses, lr = [], optimizer.param_groups[0]["lr"]
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * min(1, (step + 1) / (warm_up + 1))
        inputs = torch.randn(256, 8)
        loss = nn.functional.mse_loss(model(inputs), inputs.sin().sum(dim=1, keepdim=True))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


model = new_model()
optimizer = AdamW(model.parameters(), lr=0.02)
losses = train(model, optimizer, 300)
print(f"AdamW ends at {sum(losses[-30:]) / 30:.3f}")
torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, "checkpoint.pt")

checkpoint = torch.load("checkpoint.pt")
try:
    ADOPT(model.parameters()).load_state_dict(checkpoint["optimizer"])
except ValueError as error:
    print("ADOPT refuses it:", error)

for warm_up in (0, 30):
    model = new_model()
    model.load_state_dict(checkpoint["model"])
    optimizer = ADOPT(model.parameters(), lr=0.02, decouple=True, weight_decay=0.01)
    losses = train(model, optimizer, 30, warm_up)
    print(f"ADOPT, warm-up of {warm_up:2}: {max(losses):.3f} at most")
