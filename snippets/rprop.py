import torch
from torch.optim import Rprop

torch.manual_seed(0)
inputs = torch.randn(256, 8)
targets = inputs.sin().sum(dim=1, keepdim=True)

model = torch.nn.Sequential(
    torch.nn.Linear(8, 64),
    torch.nn.Tanh(),
    torch.nn.Linear(64, 1),
)
optimizer = Rprop(model.parameters(), lr=1e-3)

for step in range(501):
    loss = torch.nn.functional.mse_loss(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        print(f"step {step:3}  loss {loss.item():.3f}")
