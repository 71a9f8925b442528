# First, in a copy of this site's source: pip install .
import torch

from optimizers import AdamW

model = torch.nn.Sequential(
    torch.nn.Linear(8, 64),
    torch.nn.LayerNorm(64),
    torch.nn.ReLU(),
    torch.nn.Linear(64, 1),
)
matrices = [param for param in model.parameters() if param.dim() >= 2]
vectors = [param for param in model.parameters() if param.dim() < 2]  # biases and norms
optimizer = AdamW(
    [
        {"params": matrices, "weight_decay": 0.1},
        {"params": vectors, "weight_decay": 0.0},
    ],
    lr=1e-3,
)

for group in optimizer.param_groups:
    count = sum(param.numel() for param in group["params"])
    print(f"weight_decay {group['weight_decay']}: {count} numbers")
