# First, in a copy of this site's source: pip install .
from torch import nn

from optimizers import AdamW


def decay_groups(model, weight_decay, spared=(nn.Embedding,)):
    """Two groups of named parameters: matrices with decay; vectors and spared modules without."""
    modules = [module for module in model.modules() if isinstance(module, spared)]
    spared_ids = {id(param) for module in modules for param in module.parameters()}
    decayed, others = [], []
    for name, param in model.named_parameters():
        decays = param.dim() >= 2 and id(param) not in spared_ids
        (decayed if decays else others).append((name, param))
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


model = nn.Sequential(nn.Embedding(100, 8), nn.LayerNorm(8), nn.Linear(8, 2))
optimizer = AdamW(decay_groups(model, weight_decay=0.1), lr=1e-3)

for group in optimizer.param_groups:
    print(f"weight_decay {group['weight_decay']}:", *group["param_names"])
