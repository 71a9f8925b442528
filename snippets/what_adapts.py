import torch

weights = torch.zeros(4, requires_grad=True)
optimizer = torch.optim.Adam([weights], lr=1e-3)

for step in range(200):
    flip = (-1.0) ** step
    before = weights.detach().clone()
    weights.grad = torch.tensor([1.0, 100.0, flip, 100 * flip])
    optimizer.step()

sizes = (weights.detach() - before).abs()
print(f"α after 200 steps: {optimizer.param_groups[0]['lr']}")
print(f"last step where the sign stays: {sizes[0]:.6f} {sizes[1]:.6f}")
print(f"last step where the sign flips: {sizes[2]:.6f} {sizes[3]:.6f}")
