# ---
# jupyter:
#   kernelspec:
#     name: python3
#     display_name: Python 3
#     language: python
# ---

# %% [markdown]
# # Where Adam fails and ADOPT converges
#
# Unless $\beta_2$ suits the problem, Adam can walk away from the answer and stay away. ADOPT's authors prove that, under their assumptions, their method converges with any $\beta_2$ ([abstract](https://arxiv.org/abs/2411.02853)). This notebook runs both on a problem made to show the difference, and then ADOPT with the clipping that was added to it later. One problem proves nothing about others.
#
# اگر $\beta_2$ با مسئله سازگار نباشد، Adam ممکن است از جواب دور شود و همان‌جا بماند. نویسندگان ADOPT ثابت کرده‌اند که روششان، با فرض‌هایی که دارند، به ازای هر $\beta_2$ همگرا می‌شود. این نوت‌بوک هر دو را روی مسئله‌ای می‌آزماید که برای نشان دادن همین تفاوت ساخته شده است.
#
# ## The problem
#
# One weight $W$ between −1 and 1, and the loss is $W$ itself: the answer is −1. The gradient is 1, but a mini-batch sees it only now and then, and large:
#
# $$dW = \begin{cases} k^2 & \text{with probability } 1/k \\ -k & \text{otherwise} \end{cases}$$
#
# Its mean is $k - (k - 1) = 1$. The problem is of the kind that [Reddi, Kale & Kumar (2018)](https://arxiv.org/abs/1904.09237) use: they prove in Theorem 3 that for $\beta_1 < \sqrt{\beta_2}$ there is a stochastic convex problem on which Adam does not converge, and run one in section 5, with gradients of 1010 with probability 0.01 and of −10 otherwise. [The laboratory](../lab.md#what-is-drawn) has the same problem as this notebook. A figure of [the ADOPT paper](https://arxiv.org/abs/2411.02853) shows one of this kind too; we could not read its numbers, so $k = 10$, the learning rate and the number of steps are ours.

# %%
import numpy as np
from tqdm import tqdm

from optimizers import OPTIMIZERS, adam_step, adopt_step

k, steps, seeds = 10, 100_000, 20
beta2 = np.array([0.1, 0.5, 0.9, 0.99, 0.999, 0.9999])
marks = np.unique(np.geomspace(10, steps, 150).astype(int)).tolist()
grads = np.where(np.random.default_rng(0).random((steps, seeds)) < 1 / k, float(k**2), -k)


def walk(step, **options):
    """The weight for every β₂, mean of all seeds, after each of the marks."""
    weight, state, path = np.zeros((len(beta2), seeds)), {}, []
    for t, grad in enumerate(tqdm(grads), start=1):
        lr = 0.01 / np.sqrt(1 + 0.01 * t)
        weight, state = step(weight, grad, state, lr=lr, betas=(0.9, beta2[:, None]), **options)
        weight = np.clip(weight, -1, 1)
        if t in marks:
            path.append(weight.mean(axis=1))
    return np.array(path)


paths = {
    "Adam": walk(adam_step),
    "ADOPT, not clipped": walk(adopt_step, clip_exp=None),
    "ADOPT": walk(adopt_step),
}
ends = {name: path[-1] for name, path in paths.items()}

# %% [markdown]
# ## What is claimed and what was measured
#
# | Claim | Measured here, after 100,000 steps |
# | --- | --- |
# | Adam need not converge unless $\beta_2$ suits the problem ([Reddi et al., Theorem 3](https://arxiv.org/abs/1904.09237)). | With $\beta_2$ up to 0.9 it ends at +1, the worst point there is; from 0.99 on it ends near −1. |
# | ADOPT converges with any $\beta_2$, under assumptions ([Taniguchi et al., abstract](https://arxiv.org/abs/2411.02853)). | It ends near −1 with all six. |
#
# The next cell fails, and this page with it, if that is not so.

# %%
assert np.all(ends["Adam"][beta2 <= 0.9] > 0.9)
assert np.all(ends["Adam"][beta2 >= 0.99] < -0.9)
assert np.all(ends["ADOPT, not clipped"] < -0.9)

# %% alt="Three panels: the weight over 100,000 steps for six values of β₂. Adam climbs to +1 with β₂ up to 0.9 and falls to −1 with larger ones. ADOPT without clipping falls to −1 with every β₂. With clipping it first climbs, with β₂ up to 0.5 almost to +1, and all have fallen to −1 at the end; where the bound has grown to k, at step k⁴, a line is drawn."
import matplotlib.pyplot as plt

order = list(OPTIMIZERS)
figure, panels = plt.subplots(3, 1, figsize=(5.6, 6.2), sharex=True, layout="constrained")
for (name, path), panel in zip(paths.items(), panels):
    colour = f"C{order.index(name.partition(',')[0])}"
    panel.plot(marks, path, color=colour, linewidth=1.6)
    panel.set(xscale="log", ylim=(-1.1, 1.1), yticks=[-1, 0, 1], ylabel="weight")
    panel.text(10, 1.12, name, color=colour, weight="bold", va="bottom")
panels[0].text(250, 0.72, "β₂ ≤ 0.9", ha="right")
panels[0].text(600, -0.75, "β₂ ≥ 0.99", ha="right")
panels[1].text(250, -0.6, "every β₂", ha="right")
panels[2].text(2_000, 1.0, "β₂ of 0.1 and 0.5", ha="center", va="bottom")
panels[2].text(800, 0.59, "0.9999", va="center")
panels[2].text(800, 0.24, "0.999", va="center")
panels[2].text(600, -0.75, "β₂ of 0.9 and 0.99", ha="right")
panels[2].axvline(k**4, color=plt.rcParams["text.color"], linewidth=0.8, linestyle=":")
panels[2].text(k**4 * 1.1, 0.8, "the bound is k")
panels[2].set_xlabel("iteration");

# %% table="As a table: where the weight ends, and how high ADOPT comes before; means of 20 seeds"
columns = ends | {"ADOPT's highest": paths["ADOPT"].max(axis=0)}
print("| With $\\beta_2$ |", " | ".join(columns), "|\n| ---", "| --- " * len(columns), "|")
for row, value in enumerate(beta2):
    print(f"| {value} |", " | ".join(f"{column[row]:.2f}" for column in columns.values()), "|")

# %% [markdown]
# ## Why
#
# Adam divides $k^2$ by a root that contains this same $k^2$. A small $\beta_2$ forgets all else, so the rare large gradient yields hardly more than one step, like each of the many small ones; and those point the wrong way. A large gradient is worth about $1 / \sqrt{1 - \beta_2}$ small ones, and there are $k - 1$ of them to outweigh: with $k = 10$ that needs a $\beta_2$ near 0.99, with a larger $k$ one still nearer 1. ADOPT divides by a root that does not contain the gradient yet. Here, where each gradient is drawn by itself, the divisor is then independent of what is divided, and the mean keeps its sign.
#
# !!! info
#
#     در Adam گرادیانِ بزرگ و کمیاب بر ریشه‌ای تقسیم می‌شود که خودش در آن سهم دارد، پس با $\beta_2$ کوچک تقریباً یک گام می‌سازد و گرادیان‌های کوچکِ پرشمار بر آن چیره می‌شوند. در ADOPT مخرج از گرادیان فعلی مستقل است و میانگین گام‌ها علامت درست را نگه می‌دارد.
#
# ## What clipping changes
#
# The clipping to $\pm t^{1/4}$ came after the first version of the paper, against divisions by first gradients near zero, and is on by default. Its authors say that the guarantee is kept with this schedule of the bound ([README, update of 22 November 2024](https://github.com/iShohei220/adopt/blob/6468572/README.md)). This run does not contradict them, since a guarantee of convergence says nothing of the way there. On the way, clipping cuts the rare large gradient too, as long as $t^{1/4}$ is below the ratio of large to small, here $k$. Until then ADOPT with a small $\beta_2$ goes the wrong way, as Adam does; it turns when the bound lets $k$ through, at $t = k^4 = 10{,}000$, and arrives. With $k = 50$ that is after $50^4$ steps. A $\beta_2$ very near 1, ADOPT's default 0.9999 among them, goes wrong for a while as well: its $S_{dw}$ remembers the first gradient for a long time, and that is mostly a small one.
#
# !!! info
#
#     برش به $\pm t^{1/4}$ بعدها به ADOPT افزوده شد. تا وقتی این کران از $k$ کوچک‌تر است، گرادیان بزرگ بریده می‌شود و ADOPT نیز ممکن است راه را اشتباه برود؛ پس از $k^4$ گام برمی‌گردد و به جواب می‌رسد.

# %%
turn = np.searchsorted(marks, k**4)
highest = dict(zip(beta2.tolist(), paths["ADOPT"].max(axis=0).round(2).tolist()))
print("highest on the way:", highest)
assert min(highest[0.1], highest[0.5], highest[0.9999]) > 0.5, "the wrong way"
assert np.all(paths["ADOPT"][turn, beta2 <= 0.5] > 0.4), "until k⁴ steps"
assert np.all(ends["ADOPT"] < -0.9), "and then the right one"
assert np.all(paths["ADOPT, not clipped"].max(axis=0) < 0.1), "which is the clipping's doing"

# %% [markdown]
# The formulas stand on [the page of Adam and ADOPT](../adam.md#formula-adopt).
#
# ## References
#
# ::: references Adam ADOPT
