# First, in a copy of this site's source: pip install .
import torch

from optimizers import Adam, GradientDescent


def for_a_larger_batch(times, lr, betas=(0.9, 0.999), eps=1e-8):
    """Adam's options for a batch that is so many times as large, by the square-root rule."""
    betas = tuple(1 - times * (1 - beta) for beta in betas)
    if min(betas) < 0:
        raise ValueError(f"the rule has no betas for a batch {times} times as large: {betas}")
    return {"lr": lr * times**0.5, "betas": betas, "eps": eps / times**0.5}


def train(optimizer_class, batch, **options):
    """4,000 weights that begin at 1, the minimum is at 0; each example adds noise of size 20."""
    torch.manual_seed(0)
    weight = torch.ones(4000, requires_grad=True)
    optimizer = optimizer_class([weight], **options)
    for _ in range(4000 // batch):  # the same number of examples
        weight.grad = weight.detach() + torch.randn(4000) * 20 / batch**0.5
        optimizer.step()
    return f"{weight.mean():5.2f}{weight.std():8.2f}"


print("                 mean  spread")
lr = 0.01
print("Adam, 1        ", train(Adam, 1, lr=lr))
print("Adam, 4, lr    ", train(Adam, 4, lr=lr))
print("Adam, 4, lr * 4", train(Adam, 4, lr=4 * lr))
print("Adam, 4, rule  ", train(Adam, 4, **for_a_larger_batch(4, lr)))

lr = 0.0005
print("SGD, 1         ", train(GradientDescent, 1, lr=lr))
print("SGD, 4, lr * 2 ", train(GradientDescent, 4, lr=2 * lr))
print("SGD, 4, lr * 4 ", train(GradientDescent, 4, lr=4 * lr))
