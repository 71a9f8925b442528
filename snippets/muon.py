import torch

from optimizers import Muon

model = torch.nn.Linear(8, 1)
optimizer = Muon(model.parameters(), lr=1e-3)
