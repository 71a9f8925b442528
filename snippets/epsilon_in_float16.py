import torch

print("dtype     ε as stored   divisor   weight after 10 steps")
for dtype in (torch.float32, torch.bfloat16, torch.float16):
    for eps in (1e-8, 1e-6, 1e-4):
        weight = torch.zeros(1, dtype=dtype, requires_grad=True)
        optimizer = torch.optim.Adam([weight], lr=0.001, eps=eps)
        for _ in range(10):
            weight.grad = torch.full((1,), 1e-4, dtype=dtype)  # always the same
            optimizer.step()
        stored = torch.tensor(eps, dtype=dtype).item()
        second = optimizer.state[weight]["exp_avg_sq"] / (1 - 0.999**10)
        divisor = (second.sqrt() + stored).item()
        name = str(dtype).removeprefix("torch.")
        print(f"{name:8}  {stored:11.0e}   {divisor:7.0e}   {weight.item():8.4f}")
