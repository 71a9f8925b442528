# ---
# jupyter:
#   kernelspec:
#     name: python3
#     display_name: Python 3
#     language: python
# ---

# %% [markdown]
# # Which hyper-parameter matters
#
# The learning rate $\alpha$ matters most. $\beta_2$ matters more to ADOPT than to Adam, and most where $\alpha$ is large; $\epsilon$ matters where it is set to something large. That is what came out here, for Adam and ADOPT, on one small network: train it once for each pair of values, and look at the map.
#
# بیش از همه نرخ یادگیری $\alpha$ مهم است. در این نوت‌بوک یک شبکهٔ کوچک با هر جفت از مقدارها یک بار آموزش می‌بیند و نتیجه به شکل نقشه نشان داده می‌شود.
#
# ## One network, many settings at once
#
# The network reads four characters of Python source and guesses the fifth. All settings are trained side by side on the same batches, as slices of the same arrays, from the same first weights. The loss is measured on text that was not learnt from; a guess at random has $\ln 88 \approx 4.5$.

# %%
import argparse  # the text to be learnt
import inspect
from collections import defaultdict

import numpy as np
import torch
from torch.nn import functional
from tqdm import trange

from optimizers import OPTIMIZERS

torch.set_num_threads(1)  # more would not help arrays of this size
letters, text = np.unique(list(inspect.getsource(argparse)), return_inverse=True)
text = torch.from_numpy(text)
split, past, steps = len(text) * 9 // 10, 4, 300


def train(name, **grid):
    """The loss for each element of the grid's arrays."""
    arrays = dict(zip(grid, np.broadcast_arrays(*grid.values())))
    shape = arrays["lr"].shape
    options = {key: array.reshape(-1, 1, 1).astype("float32") for key, array in arrays.items()}
    if "beta2" in options:
        options["betas"] = (0.9, options.pop("beta2"))
    generator = np.random.default_rng(0)

    def weights(*size, scale):
        drawn = generator.normal(scale=scale, size=(1, *size)).astype("float32")
        return np.repeat(drawn, np.prod(shape), axis=0)

    count = len(letters)
    params = {
        "letters": weights(count, 8, scale=1),
        "inner": weights(past * 8, 32, scale=(past * 8) ** -0.5),
        "outer": weights(32, count, scale=32**-0.5),
        "bias": weights(1, count, scale=0),
    }

    def losses(params, places):
        read = params["letters"][:, text[places[:, None] + np.arange(past)]].flatten(2)
        guess = torch.tanh(read @ params["inner"]) @ params["outer"] + params["bias"]
        truth = text[places + past].expand(len(guess), -1)
        return functional.cross_entropy(guess.mT, truth, reduction="none").mean(dim=1)

    state = defaultdict(dict)
    for _ in trange(steps):
        tensors = {key: torch.tensor(value, requires_grad=True) for key, value in params.items()}
        losses(tensors, generator.integers(0, split - past, 64)).sum().backward()
        for key, tensor in tensors.items():
            params[key], state[key] = OPTIMIZERS[name].step(
                params[key], tensor.grad.numpy(), state[key], **options
            )
    held_out = generator.integers(split, len(text) - past, 1000)
    tensors = {key: torch.from_numpy(value) for key, value in params.items()}
    return losses(tensors, held_out).numpy().reshape(shape)


names = ("Adam", "ADOPT")
lr = np.array([3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1])
beta2 = np.array([0.5, 0.9, 0.99, 0.999, 0.9999])
eps = np.array([1, 1e-2, 1e-4, 1e-6, 1e-8])
by_beta2 = {name: train(name, lr=lr, beta2=beta2[:, None]) for name in names}
by_eps = {name: train(name, lr=lr, eps=eps[:, None]) for name in names}

# %% [markdown]
# ## Learning rate and $\beta_2$
#
# The stronger the colour, the lower the loss; the lowest is framed.

# %% alt="Two maps of the loss, for Adam and for ADOPT: learning rate to the right, β₂ upwards. In each row the loss falls as the learning rate grows to 0.01 or 0.03, and rises after. Along a column Adam's changes little, except that with β₂ = 0.5 it diverges at the two largest learning rates. ADOPT does best with the largest β₂ at the smallest learning rate, and with a β₂ in the middle at the two largest."
import matplotlib.pyplot as plt

order = list(OPTIMIZERS)


def maps(results, label, values):
    panels = plt.subplots(2, 1, figsize=(5.6, 6.2), sharex=True, layout="constrained")[1]
    for (name, losses), panel in zip(results.items(), panels):
        colour = f"C{order.index(name)}"
        best = losses.min()
        for (row, column), loss in np.ndenumerate(losses):
            shade = 0.5 * max(0, 1 - (loss - best) / 1.5)
            frame = dict(edgecolor=plt.rcParams["text.color"], linewidth=1.6 * (loss == best))
            panel.add_patch(plt.Rectangle((column, row), 0.97, 0.95, color=colour, alpha=shade))
            if loss == best:
                panel.add_patch(plt.Rectangle((column, row), 0.97, 0.95, fill=False, **frame))
            panel.text(column + 0.48, row + 0.47, f"{loss:.2f}" if loss < 10 else f"{loss:.0f}", ha="center", va="center")
        panel.set(xlim=(0, len(lr)), ylim=(0, len(values)), ylabel=label)
        panel.set_xticks(np.arange(len(lr)) + 0.5, [f"{one:g}" for one in lr])
        panel.set_yticks(np.arange(len(values)) + 0.5, [f"{one:g}" for one in values])
        panel.spines[:].set_visible(False)
        panel.tick_params(length=0)
        panel.set_title(name, color=colour, weight="bold", loc="left")
    panels[-1].set_xlabel("learning rate α")


def table(results, label, values):
    print(f"| Optimizer | {label} |", " | ".join(f"α = {one:g}" for one in lr), "|")
    print("| --- | --- |", "--- |" * len(lr))
    for name, losses in results.items():
        for value, row in zip(values, losses):
            print(f"| {name} | {value:g} |", " | ".join(f"{loss:.2f}" for loss in row), "|")


maps(by_beta2, "β₂", beta2)

# %% table="As a table: the loss for each learning rate and β₂"
table(by_beta2, "β₂", beta2)

# %% [markdown]
# ## Learning rate and $\epsilon$

# %% alt="Two maps of the loss, for Adam and for ADOPT: learning rate to the right, ε upwards from 1 to 0.00000001. The upper three rows are nearly the same: no ε up to 0.0001 matters. In the lowest row, ε = 1, the loss is much higher, except at the largest learning rate, up to which it falls."
maps(by_eps, "ε", eps)

# %% table="As a table: the loss for each learning rate and ε"
table(by_eps, "ε", eps)

# %% [markdown]
# ## What it says
#
# Read it with care: one network, one text, one set of first weights; a few hundredths mean nothing. What is larger stands here, and the page is not built if it is no longer true:

# %%
usual = slice(0, 5)  # learning rates up to 0.03
for name in names:
    print(
        f"{name:5}: α moves the loss by {np.ptp(by_beta2[name][1:, usual], axis=1).max():.2f}, "
        f"β₂ from 0.9 on by {np.ptp(by_beta2[name][1:, usual], axis=0).max():.2f}, "
        f"ε up to 0.0001 by {np.ptp(by_eps[name][2:, usual], axis=0).max():.2f}"
    )
    assert np.ptp(by_eps[name][2:, usual], axis=0).max() < 0.1, "a small ε not at all"
    assert by_eps[name][0].argmin() == len(lr) - 1, "with ε = 1 no learning rate was large enough"
    assert np.all(by_beta2[name][:, usual].argmin(axis=1) >= 3), "0.01 or 0.03 is best in each row"
    for row in by_beta2[name][1:]:
        tenth = row[row.argmin() - 2] - row.min()
        assert tenth > np.ptp(by_beta2[name][1:, usual], axis=0).max(), "learning rate first"
swing = {name: np.ptp(by_beta2[name][1:, usual], axis=0).max() for name in names}
assert swing["ADOPT"] > 2 * swing["Adam"], "β₂ matters more to ADOPT"
assert by_beta2["Adam"][0, 4] > np.log(len(letters)), "Adam with β₂ = 0.5 diverges at 0.03"
assert by_beta2["ADOPT"][-1, 4] > by_beta2["ADOPT"][2, 4] + 0.1, "ADOPT's own β₂ is not its best"

# %% [markdown]
# - **The learning rate first.** A tenth of the best one costs more than any choice of $\beta_2$ from 0.9 on, as long as the learning rate is at most 0.03.
# - **$\beta_2$ matters more to ADOPT than to Adam**, most of all where $\alpha$ is large: with 0.03 the default of 0.9999 does worse here than 0.99. With few steps, a long memory remembers the beginning.
# - **Adam with $\beta_2 = 0.5$ and a large $\alpha$ diverges**; ADOPT only gets worse.
# - **$\epsilon$ does nothing while it is small** beside the gradients. With a large one, $\epsilon$ is most of the divisor: the step shrinks, and needs a larger $\alpha$.
#
# !!! info
#
#     نخست نرخ یادگیری را تنظیم کنید. $\beta_2$ برای ADOPT مهم‌تر از Adam است، به‌ویژه وقتی $\alpha$ بزرگ باشد. تا وقتی $\epsilon$ در برابر گرادیان‌ها کوچک است، اثری ندارد.
#
# What each symbol means stands on [the page of symbols](../symbols.md).
#
# ## References
#
# ::: references Adam ADOPT
