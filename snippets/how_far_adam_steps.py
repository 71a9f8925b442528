import torch

torch.manual_seed(0)
weight = torch.zeros(1, requires_grad=True)
optimizer = torch.optim.Adam([weight], lr=1.0)

for step in range(-8000, 12):  # a long calm, then twelve large gradients
    weight.grad = torch.ones(1) if step >= 0 else 1e-4 * torch.randn(1)
    before = weight.item()
    optimizer.step()
    if step in (0, 1, 5, 11):
        print(f"large gradient {step + 1:2}: a step of {before - weight.item():.2f} times α")
