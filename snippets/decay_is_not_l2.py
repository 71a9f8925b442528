import torch

for decay in (0.01, 0.1):
    for optimizer_class in (torch.optim.Adam, torch.optim.AdamW):
        weights = torch.tensor([1.0, 10.0], requires_grad=True)
        optimizer = optimizer_class([weights], lr=1e-3, weight_decay=decay)
        for _ in range(1000):
            weights.grad = torch.zeros(2)  # the loss is flat: only the decay acts
            optimizer.step()
        small, large = weights.tolist()
        print(f"{optimizer_class.__name__:5}  λ = {decay:4}:  1 → {small:.3f}   10 → {large:.3f}")
