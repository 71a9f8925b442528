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


print("7 billion parameters  weights in    state    on each of 8")
for package, names in (
    (optimizers, ("AMSGrad", "AdamW", "ADOPT", "Muon", "Lion")),
    (torch.optim, ("AdamW",)),
):
    for name in names:
        for dtype in (torch.float32, torch.bfloat16):
            gigabytes = 7 * state_bytes(getattr(package, name), dtype)
            label, of = f"{package.__name__}.{name}", str(dtype).removeprefix("torch.")
            print(f"{label:20}  {of:10} {gigabytes:5.0f} GB {gigabytes / 8:10.1f} GB")
