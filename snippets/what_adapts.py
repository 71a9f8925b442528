import torch

steady, flipping = torch.zeros(2, requires_grad=True), torch.zeros(2, requires_grad=True)
optimizer = torch.optim.Adam([steady, flipping], lr=1e-3)

for step in range(200):
    before = steady.detach().clone(), flipping.detach().clone()
    steady.grad = torch.tensor([1.0, 100.0])
    flipping.grad = torch.tensor([1.0, 100.0]) * (-1) ** step
    optimizer.step()

print("α after 200 steps:        ", optimizer.param_groups[0]["lr"])
for name, weight, old in zip(("one sign", "flipping sign"), (steady, flipping), before):
    sizes = (weight.detach() - old).abs().tolist()
    print(f"last step, {name:14}", " ".join(f"{size:.6f}" for size in sizes))
