import math

import torch
from torch import nn
from torch.nn.functional import cross_entropy

STEPS, WARMUP, LEAST = 200, 20, 0.1
WORDS, SLIPS = 16, 0.2
torch.manual_seed(0)
rule = torch.randint(WORDS, (WORDS, WORDS))  # which word follows two, but for slips


def batch(size=128):
    words = torch.randint(WORDS, (size, 2))
    follows, slips = rule[words[:, 0], words[:, 1]], torch.randint(WORDS, (size,))
    return words, torch.where(torch.rand(size) < SLIPS, slips, follows)


def share(step):  # of lr: up to all of it, then along a cosine down to LEAST
    if step < WARMUP:
        return (step + 1) / WARMUP
    done = (step - WARMUP) / (STEPS - WARMUP)
    return LEAST + (1 - LEAST) * (1 + math.cos(math.pi * done)) / 2


layers = nn.Embedding(WORDS, 32), nn.Flatten(), nn.Linear(64, 128), nn.LayerNorm(128)
model = nn.Sequential(*layers, nn.Tanh(), nn.Linear(128, WORDS))
matrices = [param for param in model.parameters() if param.dim() >= 2]
vectors = [param for param in model.parameters() if param.dim() < 2]  # biases, norms
groups = [{"params": matrices, "weight_decay": 0.1}]
groups.append({"params": vectors, "weight_decay": 0.0})
optimizer = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95))
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)

for step in range(1, STEPS + 1):
    words, follows = batch()
    loss = cross_entropy(model(words), follows)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    if step in (1, WARMUP, STEPS // 2, STEPS):
        print(f"step {step:3}: lr {schedule.get_last_lr()[0]:.4f}, loss {loss.item():.2f}")
    optimizer.step()
    schedule.step()

words, follows = batch(10_000)
loss = cross_entropy(model(words), follows)
other, right = SLIPS / WORDS, 1 - SLIPS * (WORDS - 1) / WORDS
least = -right * math.log(right) - (WORDS - 1) * other * math.log(other)
print(f"new text: loss {loss.item():.2f}, at best {least:.2f}")
