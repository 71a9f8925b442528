# First, in a copy of this site's source: pip install .
import torch

from optimizers import AdamW, Muon

torch.manual_seed(0)
inputs = torch.randn(256, 8)
targets = inputs.sin().sum(dim=1, keepdim=True)

model = torch.nn.Sequential(
    torch.nn.Linear(8, 64),
    torch.nn.Tanh(),
    torch.nn.Linear(64, 64),
    torch.nn.Tanh(),
    torch.nn.Linear(64, 1),
)
hidden = [model[2].weight]
rest = [param for param in model.parameters() if param is not model[2].weight]
optimizer = Muon(hidden, lr=0.02)
for_the_rest = AdamW(rest, lr=1e-3)

for step in range(201):
    loss = torch.nn.functional.mse_loss(model(inputs), targets)
    model.zero_grad()
    loss.backward()
    optimizer.step()
    for_the_rest.step()
    if step % 40 == 0:
        print(f"step {step:3}  loss {loss.item():.3f}")
