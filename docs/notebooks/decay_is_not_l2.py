# ---
# jupyter:
#   kernelspec:
#     name: python3
#     display_name: Python 3
#     language: python
# ---

# %% [markdown]
# # Decay is not L2
#
# *Adam with an L2 penalty* and *AdamW* both take a number called `weight_decay`, and both pull weights towards zero. They do not do the same. This notebook runs when the site is built; its numbers and its plot come from that run.
#
# هر دو روش، یعنی Adam با جریمهٔ L2 و AdamW، ابرپارامتری به نام `weight_decay` دارند و وزن‌ها را به سوی صفر می‌کشند، اما کارشان یکی نیست. این نوت‌بوک هنگام ساخت سایت اجرا می‌شود.
#
# ## A problem with known answers
#
# Two weights, both of which the loss wants to be 1. The first weight's gradients have a much larger scale $h_1$ than the second's, and each gradient carries noise, 3 times as large as its scale, as mini-batches do:
#
# $$dW_i = h_i (W_i - 1 + 3 z), \qquad z \sim \mathcal{N}(0, 1), \qquad h = (10, 0.1)$$
#
# An L2 penalty of strength $\lambda$ adds $\lambda W_i$ to the gradient. The mean gradient is zero at
#
# $$W_i = \frac{h_i}{h_i + \lambda}$$
#
# so the penalty shrinks the weight with the small gradient far more than the other. AdamW divides the gradient by its size, about $3 h_i$, and leaves its decay undivided. The two balance at
#
# $$W_i = \frac{1}{1 + 3 \lambda}$$
#
# for both weights: $h_i$ has dropped out.

# %%
import numpy as np

from optimizers import OPTIMIZERS, adam_step, adamw_step

h = np.array([10.0, 0.1])
decay = 0.3


def train(step, weight_decay):
    noise = np.random.default_rng(0).normal(size=(40_000, 2))
    param, state, path = np.zeros(2), {}, []
    for z in noise:
        grad = h * (param - 1 + 3 * z)
        param, state = step(param, grad, state, lr=1e-2, weight_decay=weight_decay)
        path.append(param)
    return np.array(path)


paths = {
    "no decay": train(adam_step, 0.0),
    "Adam + L2": train(adam_step, decay),
    "AdamW": train(adamw_step, decay),
}
answers = {
    "no decay": np.ones(2),
    "Adam + L2": h / (h + decay),
    "AdamW": np.full(2, 1 / (1 + 3 * decay)),
}
for name, path in paths.items():
    rest = path[2_000:].mean(axis=0)
    print(f"{name:10} rests at {rest.round(2)}, known answer {answers[name].round(2)}")
    assert np.allclose(rest, answers[name], atol=0.03), name

# %% [markdown]
# !!! info
#
#     جریمهٔ L2 بیش از همه وزنی را کوچک می‌کند که گرادیانش کوچک است. در AdamW هر دو وزن به یک نسبت کوچک می‌شوند، چون کاهش وزن از $\sqrt{S_{dw}}$ نمی‌گذرد.
#
# ## Where the two part ways

# %% alt="Two panels, one per weight. With the large gradient, Adam with L2 stays near 1 and AdamW falls. With the small gradient, AdamW falls to the same height as before, and Adam with L2 far below it."
import matplotlib.pyplot as plt

order = list(OPTIMIZERS)
looks = {
    "no decay": plt.rcParams["text.color"],
    "Adam + L2": f"C{order.index('Adam')}",
    "AdamW": f"C{order.index('AdamW')}",
}
figure, panels = plt.subplots(1, 2, figsize=(7, 3.2), sharey=True, layout="constrained")
for index, panel in enumerate(panels):
    for name, path in paths.items():
        smooth = path[:, index].reshape(-1, 2000).mean(axis=1)
        panel.plot(np.arange(1000, len(path), 2000), smooth, color=looks[name])
    panel.set(xlabel="iteration", title=f"gradient scale {h[index]}", ylim=(0, 1.2))
for name, height in {"no decay": 1.08, "Adam + L2": 0.13, "AdamW": 0.61}.items():
    panels[1].text(28_000, height, name, color=looks[name])
panels[0].set_ylabel("weight, mean of 2000 iterations");

# %% table="As a table: where each weight rests, and the known answer"
print("| Optimizer | Large gradient | Known | Small gradient | Known |\n| --- | --- | --- | --- | --- |")
for name, path in paths.items():
    rests = zip(path[2_000:].mean(axis=0), answers[name])
    print(f"| {name} |", " | ".join(f"{rest:.2f} | {answer:.2f}" for rest, answer in rests), "|")

# %% [markdown]
# The formulas stand on [the page of Adam and AdamW](../adam.md#formula-adamw); the line that differs is the first.
#
# ## References
#
# ::: references Adam AdamW
