import torch
from torch.optim import Adadelta, Adagrad, Adam, RMSprop

print("step         1      10     100    1000")
for optimizer_class in (Adagrad, RMSprop, Adam, Adadelta):
    weight = torch.zeros(1, requires_grad=True)
    lr = 1.0 if optimizer_class is Adadelta else 0.01
    optimizer = optimizer_class([weight], lr=lr)
    lengths = []
    for step in range(1, 1001):
        before = weight.item()
        weight.grad = torch.tensor([5.0])  # always the same slope
        optimizer.step()
        if step in (1, 10, 100, 1000):
            lengths.append(f"{before - weight.item():.5f}")
    print(f"{optimizer_class.__name__:8}", *lengths)
