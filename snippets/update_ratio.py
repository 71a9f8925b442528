# First, in a copy of this site's source: pip install .
import torch

from optimizers import AdamW


def step_and_look(model, optimizer):
    """Take a step of Adam or AdamW, and return two numbers for each named parameter.

    The first is the length of its update over that of its weights. The second is how large its
    gradient is, as a multiple of what the second moment expects; None in its first step.
    """
    expected, before = {}, {}
    for group in optimizer.param_groups:
        for param in group["params"]:
            before[param] = param.detach().clone()
            if state := optimizer.state.get(param):
                grown = 1 - group["betas"][1] ** state["step"].item()
                expected[param] = state["exp_avg_sq"] / grown + group["eps"] ** 2
    optimizer.step()
    seen = {}
    for name, param in model.named_parameters():
        if param.grad is not None and param in before:
            ratio = (param.detach() - before[param]).norm() / before[param].norm()
            squares = param.grad.square() / expected[param] if param in expected else None
            surprise = None if squares is None else squares.mean().sqrt().item()
            seen[name] = ratio.item(), surprise
    return seen


torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(8, 64), torch.nn.Tanh(), torch.nn.Linear(64, 1))
optimizer = AdamW(model.parameters(), lr=1e-3)
print("step   loss   ratio  surprise")
for step in range(1, 306):
    inputs = torch.randn(64, 8)
    targets = inputs.sin().sum(dim=1, keepdim=True)
    if step == 301:
        targets *= 100  # a bad batch
    loss = torch.nn.functional.mse_loss(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    seen = step_and_look(model, optimizer)
    if step in (100, 200, 300, 301, 302, 305):
        ratio, surprise = seen["2.weight"]
        print(f"{step}  {loss.item():7.1f}  {ratio:.4f}  {surprise:8.1f}")
