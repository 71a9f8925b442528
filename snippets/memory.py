# First, in a copy of this site's source: pip install .
import torch

import optimizers


def state_bytes(optimizer_class, dtype):
    """Bytes of state that an optimizer keeps for each parameter, counted after a step."""
    weight = torch.zeros(64, 64, dtype=dtype, requires_grad=True)
    weight.grad = torch.ones_like(weight)
    optimizer = optimizer_class([weight], lr=1e-3)
    optimizer.step()
    kept = [value for value in optimizer.state[weight].values() if value.dim()]
    return sum(value.nbytes for value in kept) / weight.numel()


rows = [(name, getattr(optimizers, name)) for name in ("AMSGrad", "AdamW", "ADOPT", "Muon", "Lion")]
print("weights in       float32  bfloat16")
for name, optimizer_class in [*rows, ("torch's AdamW", torch.optim.AdamW)]:
    sizes = [7 * state_bytes(optimizer_class, one) for one in (torch.float32, torch.bfloat16)]
    print(f"{name:14} {sizes[0]:6.0f} GB {sizes[1]:6.0f} GB")
