import torch

weight = torch.zeros(1, requires_grad=True)
optimizer = torch.optim.NAdam([weight], lr=0.01)

for step in range(1, 101):
    weight.grad = torch.ones(1)  # the same gradient each time
    before = weight.item()
    optimizer.step()
    if step in (1, 2, 3, 10, 30, 100):
        print(f"step {step:3}: {(before - weight.item()) / 0.01:.3f} times α")
