import torch
from torch.nn.functional import cross_entropy

torch.manual_seed(0)
model = torch.nn.Linear(16, 10)
texts = [torch.randn(length, 16) for length in (200, 100, 50)]  # of different lengths
labels = [torch.randint(10, (len(text),)) for text in texts]
tokens = sum(len(text) for text in texts)


def gradient(losses):
    """The gradient that is accumulated over some losses."""
    model.zero_grad()
    for loss in losses:
        loss.backward()
    return model.weight.grad.clone()


whole = gradient([cross_entropy(model(torch.cat(texts)), torch.cat(labels))])
pairs = list(zip(texts, labels, strict=True))
by_tokens = gradient(
    cross_entropy(model(text), label, reduction="sum") / tokens for text, label in pairs
)
mean_of_means = gradient(cross_entropy(model(text), label) / len(pairs) for text, label in pairs)

for name, found in (("sum / all tokens", by_tokens), ("mean of means", mean_of_means)):
    off = (found - whole).norm() / whole.norm()
    print(f"{name:16} is off by {off:.1%}")
