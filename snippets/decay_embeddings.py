import torch

wanted = torch.ones(2, 8)  # what both rows should stay

for decay in (0.0, 0.2):
    rows = torch.nn.Embedding.from_pretrained(torch.ones(2, 8), freeze=False)
    matrices = [param for param in rows.parameters() if param.dim() >= 2]
    optimizer = torch.optim.AdamW(matrices, lr=0.02, weight_decay=decay)
    for step in range(1000):
        token = torch.tensor(1 if step == 0 else 0)  # 1 comes once, 0 always
        loss = (rows(token) - wanted[token]).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    often, once = rows.weight.detach().mean(dim=1).tolist()
    print(f"λ = {decay}: usual token's row {often:.2f}, rare token's {once:.2f}")
