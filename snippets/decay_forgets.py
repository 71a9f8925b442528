import torch

for lr, decay in ((0.01, 0.1), (0.1, 0.1), (0.1, 0.01)):
    weight = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.AdamW([weight], lr=lr, weight_decay=decay)
    memory = round(1 / (lr * decay))  # 1 / (αλ)
    weights = []
    for step in range(1, 5 * memory + 1):
        weight.grad = -torch.ones(1)  # Adam's part of each step is α, upwards
        optimizer.step()
        if step in (memory, 2 * memory, 5 * memory):
            weights.append(f"{weight.item():6.2f} after {step:4}")
    print(f"α = {lr}, λ = {decay}: 1 / λ = {1 / decay:3g};", *weights)
