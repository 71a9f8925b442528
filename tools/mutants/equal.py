"""Changes that change nothing, each with its reason; a change that no check notices has to be here.

An entry is `(optimizer, part, line after the change): reason`. The part is `formula`, `step` or
`class`; `make mutants` prints the key of a change that went unnoticed.
"""

EITHER_OR = "δ is 0 or 1, so one of the two lines changes nothing, and they do not meet"
ANYWHERE = "a number may stand anywhere in a product of matrices"
EITHER_WAY = "transposed or not, the norm is the same and the iteration gives the transpose"
SQUARED = "a square does not tell which was taken from which"
SYMMETRIC = "the smaller of two, and a product, are the same in another order"
NOT_READ = "the first iteration does not read it, and later ones another value"
IN_MEMORY = "only the last digits depend on the order in memory, which here is the plain one"
A_MATRIX = "a matrix has two dimensions; stacks of matrices are compared in tests/test_options.py"
NO_DTYPE = "without `ns_dtype` nothing is converted; with it torch's bits decide in test_options.py"
EQUAL = {
    (
        "ADOPT",
        "formula",
        r"W := W - \alpha \delta \lambda W; dW := dW + (1 - \delta) \lambda W",
    ): EITHER_OR,
    (
        "ADOPT",
        "formula",
        r"b := b - \alpha \delta \lambda b; db := db + (1 - \delta) \lambda b",
    ): EITHER_OR,
    (
        "RAdam",
        "formula",
        r"\rho_{\infty} = \frac{2}{1 - \beta_2} - 1",
    ): "where the bound binds, k is 0, and whatever r is, to the power 0 it is 1",
    (
        "RAdam",
        "class",
        "rho_inf = 2 / (1 - beta2) - 1; "
        "exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)",
    ): "the two lines do not meet",
    (
        "AMSGrad",
        "step",
        "max_exp_avg_sq = np.maximum(exp_avg_sq, max_exp_avg_sq)",
    ): "the larger of two is the larger of the two in another order",
    (
        "AMSGrad",
        "class",
        "torch.maximum(exp_avg_sq, max_exp_avg_sq, out=max_exp_avg_sq)",
    ): "the larger of two is the larger of the two in another order",
    (
        "Adamax",
        "class",
        "torch.maximum(exp_inf.mul_(beta2), grad.abs().add_(group['eps']), out=exp_inf); "
        "exp_avg.lerp_(grad, 1 - beta1)",
    ): "the two lines do not meet",
    (
        "AdaBelief",
        "step",
        "exp_avg_var = beta2 * exp_avg_var + (1 - beta2) * (exp_avg - grad) ** 2 + eps",
    ): SQUARED,
    ("AdaBelief", "class", "surprise = exp_avg - grad"): SQUARED,
    (
        "AdaBelief",
        "class",
        "exp_avg_var.mul_(beta2).add_(group['eps']).addcmul_(surprise, surprise, value=1 - beta2)",
    ): "the same sum in another order",
    ("Adan", "formula", "G_{dw} = 1"): NOT_READ,
    ("Adan", "formula", "G_{db} = 1"): NOT_READ,
    ("Adan", "step", "pre_grad = state.get('pre_grad', np.ones_like(param))"): NOT_READ,
    ("Adan", "step", "pre_grad = state.get('pre_grad', param)"): NOT_READ,
    (
        "Adan",
        "class",
        "denom = exp_avg_sq.sqrt().div_((1 - beta3 ** step) ** 0.5).add_(group['eps']); "
        "ahead.add_(exp_avg_diff, alpha=beta2 / (1 - beta2 ** step))",
    ): "the two lines do not meet",
    (
        "LAMB",
        "step",
        "trust_ratio = weight_norm / norm if min(norm, weight_norm) > 0 else 1.0",
    ): SYMMETRIC,
    (
        "LAMB",
        "class",
        "trust_ratio = torch.where(torch.minimum(norm, weight_norm) > 0, weight_norm / norm, 1.0)",
    ): SYMMETRIC,
    ("LAMB", "class", "param.addcmul_(delta, trust_ratio, value=-lr)"): SYMMETRIC,
    (
        "LARS",
        "step",
        "weight_norm, norm = (np.linalg.norm(param), np.linalg.norm(grad)); "
        "if maximize: grad = -grad",
    ): "the negative gradient is as long",
    ("LARS", "step", "trusted = min(norm, weight_norm) > 0"): SYMMETRIC,
    (
        "LARS",
        "class",
        "trust_ratio = torch.where(torch.minimum(norm, weight_norm) > 0, trust_ratio, 1.0)",
    ): SYMMETRIC,
    (
        "LARS",
        "class",
        "momentum_buffer.mul_(group['momentum']).addcmul_(grad, trust_ratio, value=group['lr'])",
    ): SYMMETRIC,
    (
        "Rprop",
        "step",
        "step_size = np.clip(low, step_size, high)",
    ): "the larger of two, and then the smaller, are the same in another order",
    ("Rprop", "formula", "H_{dw} = 1"): NOT_READ,
    ("Rprop", "formula", "H_{db} = 1"): NOT_READ,
    (
        "Rprop",
        "step",
        "def rprop_step(param: np.ndarray, grad: np.ndarray, state: dict, *, lr: float=0.01, "
        "etas: tuple[float, float]=(0.5, 1.2), step_sizes: tuple[float, float]=(1e-06, 51.0), "
        "maximize: bool=False) -> tuple[np.ndarray, dict]:",
    ): "no step here grows to it; the default itself is compared in tests/test_formula.py",
    (
        "Rprop",
        "class",
        "step_size.mul_(torch.ones_like(grad).masked_fill_(turned, shrink)"
        ".masked_fill_(agreement > 0, grow))",
    ): "no product is above zero and below",
    (
        "NAdam",
        "class",
        "param.addcdiv_(exp_avg, denom, value=-lr * mu_next / (1 - mu_product * mu_next)); "
        "param.addcdiv_(grad, denom, value=-lr * (1 - mu) / (1 - mu_product))",
    ): "the same sum in another order",
    (
        "RAdam",
        "class",
        "mean = lr / (1 - beta1 ** step) * exp_avg",
    ): "the same product in another order",
    ("Muon", "formula", r"X := a_1 X + (a_3 A + A A a_5) X"): ANYWHERE,
    (
        "Muon",
        "class",
        "update = update / update.norm(dim=(-2, -1), keepdim=True).clamp(min=group['eps']); "
        "update = update.mT if rows > columns else update",
    ): EITHER_WAY,
    ("Muon", "class", "rows, columns = update.shape[-3:]"): A_MATRIX,
    (
        "Muon",
        "class",
        "update = update / update.norm(dim=(-2, 1), keepdim=True).clamp(min=group['eps'])",
    ): A_MATRIX,
    (
        "Muon",
        "class",
        "return grad.lerp(momentum_buffer, momentum).to(group['ns_dtype'] or grad.dtype)",
    ): IN_MEMORY,
    (
        "Muon",
        "class",
        "return grad.lerp(momentum_buffer, momentum).contiguous()"
        ".to(group['ns_dtype'] or grad.dtype)",
    ): IN_MEMORY,
    ("Muon", "class", "return grad.lerp(momentum_buffer, momentum).contiguous()"): NO_DTYPE,
    (
        "Muon",
        "class",
        "return grad.to(group['ns_dtype'] or grad.dtype)"
        ".lerp(momentum_buffer, momentum).contiguous()",
    ): NO_DTYPE,
    (
        "Muon",
        "class",
        "return grad.lerp(momentum_buffer, momentum)"
        ".to(group['ns_dtype'] and grad.dtype).contiguous()",
    ): NO_DTYPE,
}


def entries_of(name: str) -> dict[tuple[str, str, str], str]:
    """Return the entries of an optimizer."""
    return {key: reason for key, reason in EQUAL.items() if key[0] == name}
