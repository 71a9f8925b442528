# First, in a copy of this site's source: pip install .
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from optimizers import ADOPT

STEPS = 250


def train(lr):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 64), nn.LayerNorm(64), nn.Tanh(), nn.Linear(64, 1))
    matrices = [param for param in model.parameters() if param.dim() >= 2]
    vectors = [param for param in model.parameters() if param.dim() < 2]  # biases and norms
    optimizer = ADOPT(
        [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
        lr=lr,
        decouple=True,
    )
    warm_up = 30
    scheduler = LambdaLR(
        optimizer, lambda step: min((step + 1) / warm_up, (STEPS - step) / (STEPS - warm_up))
    )
    for _ in range(STEPS):
        inputs = torch.randn(128, 8)
        targets = inputs.sin().sum(dim=1, keepdim=True) + torch.randn(128, 1)
        loss = nn.functional.mse_loss(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
    inputs = torch.randn(2000, 8)
    with torch.no_grad():
        return nn.functional.mse_loss(model(inputs), inputs.sin().sum(dim=1, keepdim=True)).item()


for lr in (1e-2, 3e-2, 5e-2):
    print(f"ADOPT, lr {lr}: {train(lr):.3f}")
