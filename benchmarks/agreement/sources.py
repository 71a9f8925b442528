"""Where the other libraries' sources say what was found: what `found_in` is given."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

KERAS, OPTAX, TIMM = "keras/src/optimizers", "optax/_src/transform.py", "timm/optim"
KERAS_DECAY = (
    "keras/src/optimizers/base_optimizer.py",
    "variable.assign(variable - variable * wd * lr)",
)
MLX, ADAMAX_MLX = "mlx/optimizers/optimizers.py", "return parameter - lr * m / (v + eps)"
ALIAS, LAMB_PO = "optax/_src/alias.py", "pytorch_optimizer/optimizer/lamb.py"
LARS_PO = "pytorch_optimizer/optimizer/lars.py"
RECTIFIED = "pytorch_optimizer/optimizer/radam.py"
# The places in the source of each optimizer that differs by more than rounding, by its path.
SOURCES = {
    "keras.optimizers:SGD": (
        (f"{KERAS}/sgd.py", "self.assign_add(variable, m)"),
        KERAS_DECAY,
    ),
    "keras.optimizers:RMSprop": (
        (f"{KERAS}/rmsprop.py", "denominator = ops.add(velocity, self.epsilon)"),
        KERAS_DECAY,
    ),
    "keras.optimizers:Adagrad": (
        (f"{KERAS}/adagrad.py", "initial_accumulator_value=0.1,"),
        (f"{KERAS}/adagrad.py", "ops.sqrt(ops.add(accumulator, self.epsilon)),"),
        KERAS_DECAY,
    ),
    "keras.optimizers:Adadelta": (KERAS_DECAY,),
    "keras.optimizers:Adam": (
        (f"{KERAS}/adam.py", "ops.multiply(m, alpha), ops.add(ops.sqrt(v), self.epsilon)"),
        KERAS_DECAY,
    ),
    "keras.optimizers:AdamW": (
        (f"{KERAS}/adam.py", "ops.multiply(m, alpha), ops.add(ops.sqrt(v), self.epsilon)"),
    ),
    "keras.optimizers:Nadam": (
        (f"{KERAS}/nadam.py", "u_t = beta_1 * (1.0 - 0.5 * (ops.power(decay, local_step)))"),
        KERAS_DECAY,
    ),
    "keras.optimizers:Adamax": (
        (f"{KERAS}/adamax.py", "ops.multiply((1 - beta_1_power), ops.add(u, self.epsilon)),"),
        KERAS_DECAY,
    ),
    "keras.optimizers:Muon": (
        (f"{KERAS}/muon.py", "self.assign_add(m, ops.add(gradient, m * (self.momentum - 1)))"),
        (f"{KERAS}/muon.py", "x = x / (ops.norm(x, axis=(-2, -1), keepdims=True) + 1e-7)"),
        (
            f"{KERAS}/muon.py",
            "return x * ops.sqrt(ops.maximum(x.shape[0], x.shape[1])) * self.rms_rate",
        ),
        (
            "keras/src/backend/jax/linalg.py",
            "return jnp.linalg.norm(x, ord=ord, axis=axis, keepdims=keepdims)",
        ),
    ),
    "keras.optimizers:Lamb": (KERAS_DECAY,),
    "optax:rmsprop": ((OPTAX, "scaling = jax.tree.map(lambda n: jax.lax.rsqrt(n + eps), nu_hat)"),),
    "optax:adagrad": (
        (OPTAX, "initial_accumulator_value: jax.typing.ArrayLike = 0.1,"),
        (OPTAX, "lambda t: jnp.where(t > 0, jax.lax.rsqrt(t + eps), 0.0), sum_of_squares"),
    ),
    "optax:nadam": ((OPTAX, "lambda m, g: b1 * m + (1 - b1) * g,", "def scale_by_adam("),),
    "optax:radam": (
        (OPTAX, "lambda m, v: r.astype(m.dtype) * m / (jnp.sqrt(v + eps_root) + eps),"),
    ),
    "optax:amsgrad": ((OPTAX, "nu_max = jax.tree.map(jnp.maximum, state.nu_max, nu_eff)"),),
    "optax.contrib:muon": (
        ("optax/contrib/_muon.py", "lambda m, g: beta * m + (1 - beta) * g,"),
        ("optax/contrib/_muon.py", "x /= jnp.linalg.norm(x, ord='fro') + eps"),
        ("optax/contrib/_muon.py", "scale = jnp.sqrt(jnp.maximum(1, fan_out / fan_in))"),
    ),
    "optax:adabelief": (
        (ALIAS, "eps_root: jax.typing.ArrayLike = 1e-16,", "def adabelief("),
        (OPTAX, "nu = jax.tree.map(lambda v: v + eps_root, nu)"),
    ),
    "optax:adan": (
        (ALIAS, "eps_root: jax.typing.ArrayLike = 1e-8,", "def adan("),
        (ALIAS, "transform.add_decayed_weights(weight_decay, mask),", "def adan("),
        (OPTAX, "sq = optax.tree.add_scale(g, 1 - b2, diff)"),
        (OPTAX, "u = optax.tree.add_scale(m_hat, 1 - b2, v_hat)"),
    ),
    "optax:lars": (
        (ALIAS, "add_decayed_weights(weight_decay, mask=weight_decay_mask),", "def lars("),
        (OPTAX, "trust_ratio = trust_coefficient * param_norm / (update_norm + eps)"),
    ),
    "optax:rprop": (
        (OPTAX, "lambda s, g, prev_g: jnp.where(s < 0, jnp.zeros_like(prev_g), prev_g),"),
    ),
    "mlx.optimizers:Adam": ((MLX, "bias_correction: bool = False,", "class Adam("),),
    "mlx.optimizers:AdamW": ((MLX, "bias_correction: bool = False,", "class AdamW("),),
    "mlx.optimizers:Adamax": ((MLX, ADAMAX_MLX),),
    "mlx.optimizers:Muon": (
        (MLX, "gradient = gradient + self.weight_decay * parameter", "class Muon("),
        (MLX, "X = X / (mx.linalg.norm(X, keepdims=True) + 1e-7)"),
        (MLX, "B = mx.addmm(b * A, A, A, beta=1.0, alpha=c)"),
    ),
    "timm.optim.rmsprop_tf:RMSpropTF": (
        (f"{TIMM}/rmsprop_tf.py", "state['square_avg'] = torch.ones_like(p)"),
        (f"{TIMM}/rmsprop_tf.py", "avg = square_avg.add(eps).sqrt_()"),
    ),
    "timm.optim.radam:RAdamLegacy": (
        (f"{TIMM}/radam.py", "grad = p.grad.float()"),
        (f"{TIMM}/radam.py", "p_fp32.add_(p_fp32, alpha=-group['weight_decay'] * group['lr'])"),
    ),
    "timm.optim.adabelief:AdaBelief": ((f"{TIMM}/adabelief.py", "rectify=True,"),),
    "timm.optim.lamb:Lamb": ((f"{TIMM}/lamb.py", "max_grad_norm: Optional[float] = 1.0,"),),
    "timm.optim.lars:Lars": (
        (f"{TIMM}/lars.py", "eps=1e-8,"),
        (f"{TIMM}/lars.py", " p.add_(grad, alpha=-lr)"),
    ),
    "timm.optim.muon:Muon": (
        (f"{TIMM}/muon.py", "dtype: torch.dtype = torch.bfloat16,"),
        (f"{TIMM}/muon.py", "nesterov: bool = False,"),
        (f"{TIMM}/muon.py", "return 0.2 * max(out_chs, in_chs) ** 0.5"),
    ),
    "pytorch_optimizer:RAdam": (
        ("pytorch_optimizer/base/optimizer.py", "rt = -1.0"),
        (RECTIFIED, "if step_size > 0 or n_sma >= self.n_sma_threshold:"),
    ),
    "pytorch_optimizer:ADOPT": (
        ("pytorch_optimizer/optimizer/adopt.py", "clip = self.clip_lambda(group['step']) if"),
    ),
    "pytorch_optimizer:Lamb": (
        (LAMB_PO, "weight_decouple: bool = True,"),
        (LAMB_PO, "updates = torch._foreach_sqrt(exp_avg_sqs)"),
        (LAMB_PO, "weight_norms / (p_norms + eps), 1.0"),
        ("pytorch_optimizer/base/optimizer.py", "step_size / bias_correction1"),
    ),
    "pytorch_optimizer:LARS": (
        (LARS_PO, "masks = [p.ndim > 1 for p in params]"),
        (LARS_PO, "foreach_add_(params, grads, alpha=-group['lr'])"),
    ),
    "pytorch_optimizer:SignSGD": (
        ("pytorch_optimizer/optimizer/sgd.py", "weight_decouple: bool = True,", "class SignSGD("),
    ),
    "pytorch_optimizer:Muon": (
        ("pytorch_optimizer/optimizer/utils/matrix.py", "dtype: torch.dtype = torch.bfloat16,"),
    ),
    "torch.optim:NAdam": (
        ("torch/optim/nadam.py", "else torch.tensor(1.0, dtype=_get_scalar_dtype())"),
    ),
    "torch.optim:Muon": (("torch/optim/_muon.py", "ortho_grad = grad.bfloat16()"),),
}


def found_in(file: str, text: str, within: str = "") -> dict[str, Any]:
    """The line of an installed file that has a text.

    Args:
        file: its path from the folder of what is installed.
        text: what only one line has.
        within: the beginning of the function or class in which it stands, if others have it, too.

    Raises:
        LookupError: no line has it, or several have.
    """
    spec = find_spec(file.partition("/")[0])
    places = spec.submodule_search_locations if spec else None
    folder = Path(next(iter(places or [""]))).parent
    found, inside = [], not within
    for number, line in enumerate((folder / file).read_text(encoding="utf-8").splitlines(), 1):
        if within and line.startswith(("class ", "def ")):
            inside = line.startswith(within)
        if inside and text in line:
            found.append({"file": file, "line": number, "text": line.strip()})
    if len(found) != 1:
        where = [place["line"] for place in found] or "no line"
        raise LookupError(f"{file}: {where} has {text!r}: read it again and mend {__file__}")
    return found[0]
