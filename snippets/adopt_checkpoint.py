# First, in a copy of this site's source: pip install .
import torch
from torch import nn

from optimizers import ADOPT, AdamW


def new_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 1))


def train(model, optimizer, steps, warm_up=0):
    """Train, and return the largest loss of the first 30 steps and the loss of the last 30."""
    losses, lr = [], optimizer.param_groups[0]["lr"]
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * min(1, (step + 1) / (warm_up + 1))
        inputs = torch.randn(256, 8)
        loss = nn.functional.mse_loss(model(inputs), inputs.sin().sum(dim=1, keepdim=True))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return f"{max(losses[:30]):9.3f}  {sum(losses[-30:]) / 30:.3f}"


model = new_model()
optimizer = AdamW(model.parameters(), lr=0.03)
print("                    at most    end")
print("AdamW            ", train(model, optimizer, 300))
torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, "checkpoint.pt")

checkpoint = torch.load("checkpoint.pt")
try:
    ADOPT(model.parameters()).load_state_dict(checkpoint["optimizer"])
except ValueError as error:
    print("ADOPT refuses it:", error)

for warm_up in (0, 30):
    model = new_model()
    model.load_state_dict(checkpoint["model"])
    optimizer = ADOPT(model.parameters(), lr=0.03, decouple=True, weight_decay=0.01)
    print(f"ADOPT, warm-up {warm_up:2}", train(model, optimizer, 300, warm_up))
