import torch
from torch.optim import SGD, RMSprop

gradients = 100 * [*9 * [0.1], -0.9]  # each ten of them sum to zero

for name, optimizer_class, options in (
    ("gradient descent", SGD, {}),
    ("only the sign   ", SGD, {}),
    ("RMSprop, β₂ 0.9 ", RMSprop, {"alpha": 0.9}),
    ("RMSprop, β₂ 0.99", RMSprop, {"alpha": 0.99}),
):
    weight = torch.zeros(1, requires_grad=True)
    optimizer = optimizer_class([weight], lr=0.001, **options)
    for gradient in gradients:
        weight.grad = torch.tensor([gradient])
        if "sign" in name:
            weight.grad.sign_()
        optimizer.step()
    print(f"{name}  ends at {weight.item():6.3f}")
