# ---
# jupyter:
#   kernelspec:
#     name: python3
#     display_name: Python 3
#     language: python
# ---

# %% [markdown]
# # Train something real
#
# A small transformer learns to write Python: character by character, from the source of Python's own standard library. Adam, AdamW and ADOPT train it with four learning rates and five seeds each. `make experiment` made those runs beforehand; this page shows them, and repeats the beginning of three while it is built.
#
# یک ترنسفورمر کوچک با متن کتابخانهٔ استاندارد پایتون، نویسه‌به‌نویسه، آموزش می‌بیند. هر یک از Adam، AdamW و ADOPT با چهار نرخ یادگیری و پنج بذر تصادفی آن را آموزش داده است. ابتدای سه اجرا هنگام ساخت این صفحه تکرار می‌شود.
#
# ## What was trained
#
# Learning rates are constant, without warm-up. AdamW has a decay of 0.1, the others none; all else is each optimizer's default. The loss is measured on a part of the text that is kept back.

# %%
import numpy as np
import torch
from tqdm import tqdm

from benchmarks import experiment
from optimizers import OPTIMIZERS

result = experiment.read(experiment.RESULT)
settings, made_with = result["settings"], result["made_with"]
left = experiment.missing(result)
assert not left, f"{experiment.RESULT.name} lacks {len(left)} runs; `make experiment` makes them"

names, rates = list(settings["options"]), settings["learning_rates"]
steps = np.array(experiment.measured(settings))

def by_optimizer_and_rate(runs):
    """Gather the losses of runs: a row for each seed."""
    found = {}
    for run in runs:
        row = [np.inf if loss is None else loss for loss in run["losses"]]
        found.setdefault((run["optimizer"], run["lr"]), []).append(row)
    return {key: np.array(rows) for key, rows in found.items()}


losses = by_optimizer_and_rate(result["runs"])
ends = {key: runs[:, -1] for key, runs in losses.items()}


def best_rates(ends):
    """Each optimizer's learning rate of the lowest median."""
    return {name: min(rates, key=lambda lr: np.median(ends[name, lr])) for name in names}


best = best_rates(ends)
print(", ".join(f"{key} {settings[key]}" for key in experiment.SETTINGS))
print(f"{result['date']}; {made_with['machine']}; Python {made_with['python']}, torch {made_with['torch']}")

# %% [markdown]
# ## Three runs, now
#
# Each optimizer starts once more, at its best learning rate, with the first seed, and takes the first 100 steps. If this page is built with the Python of the experiment, the text is the same, and its losses have to be the same up to 0.001: another processor rounds differently. With a slightly different text the run is like one with another seed; it has to lie in the band between the lowest and the highest of the five, or leave it by less than the band is wide. Otherwise the page is not built.

# %%
torch.set_num_threads(1)
live = {
    name: experiment.train(settings | {"steps": 100}, (name, best[name], 0))["losses"]
    for name in tqdm(names)
}
same_text = experiment.circumstances(settings)["text"] == made_with["text"]
for name, seen in live.items():
    then = losses[name, best[name]][:, : len(seen)]
    lowest, highest = then.min(axis=0), then.max(axis=0)
    print(f"{name:5} at {best[name]:g}: now {seen[-1]:.3f}, then {lowest[-1]:.3f} to {highest[-1]:.3f}")
    if same_text:
        assert np.allclose(seen, then[0], rtol=0, atol=0.001), f"{name} does something else"
    width = highest - lowest
    assert np.all((lowest - width <= seen) & (seen <= highest + width)), f"{name} leaves its band"

# %% alt="Three panels, one per optimizer: the loss over the iterations for each of four learning rates, as the median of five seeds in a band from the lowest to the highest seed; the best learning rate is drawn thick. All fall steeply, then slowly; ADOPT with the largest learning rate does not fall in the second half. Dots on the first 100 iterations are the runs made for this page; they lie in the bands."
import matplotlib.pyplot as plt

order = list(OPTIMIZERS)
colours = {name: f"C{order.index(name)}" for name in names}
figure, panels = plt.subplots(3, 1, figsize=(5.6, 8), sharex=True, sharey=True, layout="constrained")
for panel, name in zip(panels, names):
    height = 0
    for lr in sorted(rates, key=lambda lr: np.median(ends[name, lr])):
        runs, is_best = losses[name, lr], lr == best[name]
        panel.fill_between(steps, runs.min(axis=0), runs.max(axis=0), color=colours[name], alpha=0.3)
        panel.plot(steps, np.median(runs, axis=0), color=colours[name], linewidth=2 if is_best else 0.9)
        height = max(height + 0.1, np.median(ends[name, lr]))  # labels keep their distance
        panel.text(steps[-1] + 8, height, f"{lr:g}", va="center", weight="bold" if is_best else None)
    panel.plot(steps[: len(live[name])], live[name], "o", color=colours[name], markersize=5)
    panel.set(ylabel="loss", ylim=(1.8, 3.1), xlim=(0, steps[-1] * 1.12))
    panel.set_title(name, color=colours[name], weight="bold", loc="left")
panels[0].text(110, 2.75, "dots: run for this page")
panels[-1].set_xlabel("iteration");

# %% table="As a table: the loss at each one's best learning rate, median, lowest and highest of five seeds"
print("| Iteration |", " | ".join(f"{name}, α = {best[name]:g}" for name in names), "|")
print("| --- |", "--- |" * len(names))
for column in range(0, len(steps), 4):
    cells = (losses[name, best[name]][:, column] for name in names)
    shown = (f"{np.median(cell):.3f} ({cell.min():.3f} to {cell.max():.3f})" for cell in cells)
    print(f"| {steps[column]} |", " | ".join(shown), "|")

# %% [markdown]
# ## Who wins where
#
# The next lines are written by the run, not by hand. Two optimizers are *told apart* if every seed of one ends below every seed of the other.

# %%
def ranking(ends):
    """Say in words how optimizers compare whose runs ended so."""
    first, *others = sorted(ends, key=lambda name: np.median(ends[name]))
    apart = [other for other in others if ends[first].max() < ends[other].min()]
    level = [other for other in others if other not in apart]
    words = f"{first} ends lowest, at {np.median(ends[first]):.3f}"
    if apart:
        words += f"; told apart from {' and '.join(apart)}"
    if level:
        words += f"; not told apart from {' and '.join(level)}"
    return words


def tell(ends):
    """Print the ranking at each one's best learning rate, and at each learning rate."""
    at_best = {name: ends[name, lr] for name, lr in best_rates(ends).items()}
    print("Each at its best learning rate:", ranking(at_best))
    for lr in rates:
        print(f"All at {lr:g}:", ranking({name: ends[name, lr] for name in names}))


tell(ends)

# %% alt="For each learning rate, three marks side by side: the final loss of Adam, AdamW and ADOPT, each with a bar from the lowest to the highest of five seeds. The numbers stand in the table below."
figure, panel = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
for shift, (name, marker) in enumerate(zip(names, "osD")):
    places = np.arange(len(rates)) + 0.22 * (shift - 1)
    runs = np.array([ends[name, lr] for lr in rates])
    panel.vlines(places, runs.min(axis=1), runs.max(axis=1), color=colours[name], linewidth=2)
    panel.plot(places, np.median(runs, axis=1), marker, color=colours[name], markersize=6)
    panel.text(places[0], runs[0].max() + 0.03, name, color=colours[name], rotation=60)
panel.set(ylabel="final loss", xlabel="learning rate α")
panel.set_xticks(range(len(rates)), [f"{lr:g}" for lr in rates])
panel.margins(y=0.2)

# %% table="As a table: the final loss, median, lowest and highest of five seeds"
def tabulate(ends):
    """Print the final losses of each learning rate."""
    print("| Learning rate |", " | ".join(names), "|\n| --- |", "--- |" * len(names))
    for lr in rates:
        cells = (ends[name, lr] for name in names)
        shown = (f"{np.median(cell):.3f} ({cell.min():.3f} to {cell.max():.3f})" for cell in cells)
        print(f"| {lr:g} |", " | ".join(shown), "|")


tabulate(ends)

# %% [markdown]
# ## A larger model, on a GPU
#
# The same script, on a GPU, with a wider and deeper model, more text in each step and three seeds. Whether the order stays, the run says again.
#
# روی کارت گرافیک، مدلی بزرگ‌تر با سه بذر تصادفی آموزش دید. اینکه ترتیب بهینه‌سازها همان می‌ماند یا نه، در سطرهای زیر آمده است.

# %%
on_gpu = experiment.read(experiment.RESULT.with_stem("experiment-gpu"))
assert not experiment.missing(on_gpu), "the experiment on a GPU is not complete"
print(", ".join(f"{key} {on_gpu['settings'][key]}" for key in experiment.SETTINGS))
print("{date}; {accelerator}; Python {python}, torch {torch}".format(date=on_gpu["date"], **on_gpu["made_with"]))

ends_there = {key: runs[:, -1] for key, runs in by_optimizer_and_rate(on_gpu["runs"]).items()}
tell(ends_there)

# %% table="As a table: the final loss on the GPU, median, lowest and highest of three seeds"
tabulate(ends_there)

# %% [markdown]
# These are two small models and short trainings; the experiments of the papers are larger.
#
# !!! info
#
#     این‌ها دو مدل کوچک و آموزش‌هایی کوتاه‌اند. دو بهینه‌ساز را زمانی متفاوت می‌دانیم که بدترین نتیجهٔ یکی از بهترین نتیجهٔ دیگری بهتر باشد.
#
# ## Run it yourself
#
# `make experiment` runs whatever is not yet in `benchmarks/experiment.json`, and can be stopped at any time: the finished runs are kept, and the next call makes the others. Delete the file to start anew. The same script scales up:
#
# ```console
# python -m benchmarks.experiment --output gpu.json --device cuda --width 512 --layers 6 --heads 8 --context 256 --batch 64 --steps 5000 --workers 1
# ```
#
# ## References
#
# ::: references Adam AdamW ADOPT
