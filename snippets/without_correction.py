import torch

inputs = torch.linspace(-3, 3, 256).reshape(-1, 1)
targets = inputs.sin()

print("losses after      0     1     3    10    30   300 steps")
for corrected in (True, False):
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(1, 64),
        torch.nn.Tanh(),
        torch.nn.Linear(64, 1),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    if not corrected:  # as if a million steps were behind it: 1 − βᵗ is 1
        for param in model.parameters():
            state = optimizer.state[param]
            state["step"] = torch.tensor(1e6)
            state["exp_avg"] = torch.zeros_like(param)
            state["exp_avg_sq"] = torch.zeros_like(param)
    losses = []
    for step in range(301):
        loss = torch.nn.functional.mse_loss(model(inputs), targets)
        if step in (0, 1, 3, 10, 30, 300):
            losses.append(f"{loss.item():.3f}")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("corrected    " if corrected else "not corrected", *losses)
