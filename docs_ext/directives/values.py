"""The numbers that a page's sentences take from a run, each a function: `{value: NAME}`.

The function's name is what a page writes; the words behind it are the function's arguments.
`{value: default Adam lr}` gives 0.001.
"""

import functools
import inspect
import os
import re

import numpy as np

from optimizers import OPTIMIZERS, adam_step, adamw_step, muon_step, rule_of
from optimizers._distribution import NAME, VERSION
from optimizers._kernels import launch

from ..calculator.arithmetic import FLOAT32, Setting, moved
from ..figures import curves, drawings
from ..laboratory.losses import LOSSES, functions
from ..locate import ROOT
from ..results import read_results
from . import agreement, costs, schedules

# What pip is given, and where. Once the index has the package, these are NAME and "".
TARGET, PLACE = ".", "in a copy of this site's source"
# What is in code is shown as it is.
VALUE = re.compile(r"(?<!`)\{value: (?P<name>\w+)(?P<given>(?: [\w.]+)*)\}")
# Names the test that holds what a sentence says of the code; tests/test_prose.py reads it.
MARK = re.compile(r"<!-- test: .*? -->")


def default(optimizer: str, option: str) -> str:
    """The default of an option, as the signature of the NumPy step has it.

    Example:
        >>> default("Adam", "lr"), default("Gradient.Descent", "lr"), default("Adam", "betas.1")
        ('0.001', '0.001', '0.999')
    """
    option, _, place = option.partition(".")
    step = OPTIMIZERS[optimizer.replace(".", " ")].step
    value = inspect.signature(step).parameters[option].default
    return str(value[int(place)] if place else value)


def betas() -> tuple[float, float]:
    return adam_step.__kwdefaults__["betas"]


def adam_lone_step() -> str:
    """How many times α Adam's step is after one gradient that follows on silence.

    Example:
        >>> adam_lone_step()
        '3.16'
    """
    beta1, beta2 = betas()
    return f"{(1 - beta1) / np.sqrt(1 - beta2):.2f}"


def adam_longest_step() -> str:
    """How many times α Adam's step can be at most, with its default betas.

    By the inequality of Cauchy and Schwarz: it is reached by gradients that each are β₁ / β₂ of
    the one before.

    Example:
        >>> adam_longest_step()
        '7.27'
    """
    beta1, beta2 = betas()
    return f"{(1 - beta1) / np.sqrt((1 - beta2) * (1 - beta1**2 / beta2)):.2f}"


def adamax_longest_step() -> str:
    """How many times α Adamax's step can be at most, with its default betas.

    Example:
        >>> adamax_longest_step()
        '1.01'
    """
    beta1, beta2 = OPTIMIZERS["Adamax"].step.__kwdefaults__["betas"]
    return f"{(1 - beta1) / (1 - beta1 / beta2):.2f}"


def adamw_share(decay: str, lr: str) -> str:
    """The share that a weight loses in one step of AdamW without a gradient.

    Example:
        >>> adamw_share("0.01", "0.001")
        '0.00001'
    """
    weight, _ = adamw_step(np.ones(1), np.zeros(1), {}, lr=float(lr), weight_decay=float(decay))
    return np.format_float_positional(1 - weight.item(), 3, trim="-", fractional=False)


def left_of_memory(beta: str) -> str:
    """How much of its first weight in an average a gradient has left after 1 / (1 − β) iterations.

    Example:
        >>> left_of_memory("0.9"), left_of_memory("0.999")
        ('35%', '37%')
    """
    state: dict = {}
    first = 1 - float(beta)
    for t in range(round(1 / first) + 1):
        _, state = adam_step(np.zeros(1), np.full(1, t == 0), state, betas=(float(beta), 0.999))
    return f"{state['exp_avg'].item() / first:.0%}"


@functools.cache
def decay_memory(lr: str, decay: str) -> str:
    """After how many iterations of AdamW without a gradient a weight is down to 1 / e.

    Example:
        >>> decay_memory("0.001", "0.1")
        '10,000'
    """
    weight, state, steps = np.ones(1), {}, 0
    while weight > 1 / np.e:
        weight, state = adamw_step(
            weight, np.zeros(1), state, lr=float(lr), weight_decay=float(decay)
        )
        steps += 1
    return f"{steps:,}"


def turned_loss(optimizer: str, lr: str, angle: str) -> str:
    """The loss after 40 steps down the narrow valley, turned by so many degrees.

    Example:
        >>> turned_loss("Adam", "0.1", "0"), turned_loss("Adam", "0.1", "45")
        ('0.293', '1.742')
    """
    return f"{curves.loss_when_turned(optimizer, float(lr), float(angle)):.3f}"


def trained(optimizer: str, way: str, lr: str) -> str:
    """The loss that a small transformer ends with, as `benchmarks.schedules` found it.

    Example:
        >>> trained("AdamW", "warm_up", "0.03"), trained("AdamW", "all_three", "0.03")
        ('2.43', '2.36')
    """
    (found,) = (name for name in schedules.results()["ways"] if re.sub(r"\W", "_", name) == way)
    return schedules.cell(optimizer, found, float(lr))


def loss_formula(loss: str) -> str:
    """A loss of the laboratory in LaTeX, between dollars.

    Example:
        >>> print(loss_formula("ravine"))
        $L = \\frac{(W - 2)^2}{2} + 8 (b - 1)^2$
    """
    return f"${LOSSES[loss].latex}$"


def minimum_of(loss: str, variable: str) -> str:
    """Where the first minimum of a loss of the laboratory lies.

    Example:
        >>> minimum_of("ravine", "W"), minimum_of("ravine", "b")
        ('2', '1')
    """
    return f"{LOSSES[loss].minima[0][['W', 'b'].index(variable)]:g}"


def curvature() -> str:
    """How many times the distance from its floor the slope across the narrow valley is.

    Example:
        >>> curvature()
        '16'
    """
    _, gradient = functions("ravine")
    (along, floor), *_ = LOSSES["ravine"].minima
    return f"{gradient(along, floor + 1)[1]:g}"


@functools.cache
def largest_rate(optimizer: str) -> str:
    """The learning rate above which a rule leaves a parabola as steep as the valley is across.

    Example:
        >>> largest_rate("Gradient.Descent"), largest_rate("Momentum"), largest_rate("Nesterov")
        ('0.125', '0.237', '0.0848')
    """
    step, steep = OPTIMIZERS[optimizer.replace(".", " ")].step, float(curvature())

    def shrinks(lr: float) -> bool:
        sizes, weight, state = [], np.ones(1), {}
        for _ in range(1000):
            weight, state = step(weight, steep * weight, state, lr=lr)
            sizes.append(abs(weight.item()))
            if sizes[-1] > 1e9:
                return False
        # The swings of a learning rate that just suits grow at first.
        return max(sizes[900:]) <= max(sizes[800:900])

    low, high = 0.01, 0.3
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if shrinks(middle) else (low, middle)
    # Downwards, so that the rule does converge at what is said.
    digits = 3 - int(np.ceil(np.log10(low)))
    return f"{np.floor(low * 10**digits + 1e-3) / 10**digits:.{digits}f}"


@functools.cache
def swings(optimizer: str) -> np.ndarray:
    """How far above the valley's floor each point of a path of the first figure is."""
    options = {optimizer: {"lr": 0.02}}
    (walked,) = drawings.walks([optimizer], options, "ravine", 60).values()
    return walked[:, 1] - LOSSES["ravine"].minima[0][1]


def crossings(optimizer: str) -> str:
    """How often a path of gradient descent's figure crosses the valley's floor.

    Example:
        >>> crossings("Momentum")
        '11'
    """
    return str(int((np.diff(np.sign(swings(optimizer))) != 0).sum()))


def first_swing(optimizer: str) -> str:
    """How far the first swing leads past the floor, as a share of the distance at the start.

    Example:
        >>> first_swing("Momentum"), first_swing("Nesterov")
        ('79%', '42%')
    """
    heights = swings(optimizer)
    return f"{-heights.min() / heights[0]:.0%}"


def growth(optimizer: str) -> str:
    """How many times gradient descent's step a rule's is in the end, if the gradient stays.

    Example:
        >>> growth("Momentum")
        '10'
    """
    return constant_step(optimizer, "1000")


def first_step(optimizer: str) -> str:
    """How many times α the first step of a rule is, whatever the gradient.

    Example:
        >>> first_step("RMSprop"), first_step("Adam")
        ('10', '1')
    """
    step = OPTIMIZERS[optimizer].step
    weight, _ = step(np.zeros(1), -np.ones(1), {}, lr=1.0)
    return f"{weight.item():.3g}"


def constant_step(optimizer: str, iteration: str) -> str:
    """How many times α a rule's step is in an iteration, if the gradient is 1 from the start.

    Example:
        >>> constant_step("AdaBelief", "10"), constant_step("Adam", "10")
        ('1.64', '1')
    """
    weight, state = np.zeros(1), {}
    for _ in range(int(iteration)):
        before, (weight, state) = weight, OPTIMIZERS[optimizer].step(weight, -np.ones(1), state)
    return f"{(weight - before).item() / float(default(optimizer, 'lr')):.3g}"


def lr_ratio(optimizer: str, other: str) -> str:
    """How many times another's default learning rate one's own is.

    Example:
        >>> lr_ratio("NAdam", "Adam")
        '2'
    """
    return f"{float(default(optimizer, 'lr')) / float(default(other, 'lr')):g}"


def nadam_share(iteration: str) -> str:
    """NAdam's share of momentum in an iteration, with its defaults.

    Example:
        >>> nadam_share("1"), nadam_share("1000")
        ('0.450', '0.518')
    """
    return f"{share_of_momentum(int(iteration)):.3f}"


def share_of_momentum(iteration: float) -> float:
    beta1, psi = float(default("NAdam", "betas.0")), float(default("NAdam", "momentum_decay"))
    return beta1 * (1 - 0.96 ** (iteration * psi) / 2)


def nadam_grown(part: str) -> str:
    """In which iteration NAdam's share of momentum is a part of β₁, to a thousand.

    Example:
        >>> nadam_grown("0.99")
        '24,000'
    """
    psi = float(default("NAdam", "momentum_decay"))
    return f"{round(float(nadam_grown_in_keras(part)) / psi, -3):,.0f}"


def nadam_grown_in_keras(part: str) -> str:
    """The same where the exponent of 0.96 is the iteration itself.

    Example:
        >>> nadam_grown_in_keras("0.99")
        '96'
    """
    return f"{np.ceil(np.log(2 * (1 - float(part))) / np.log(0.96)):.0f}"


def dozat_step(iteration: str) -> str:
    """How many times α NAdam's step is on a constant gradient, averaged as Dozat does.

    Example:
        >>> dozat_step("1"), dozat_step("10")
        ('1.31', '1.00')
    """
    average, product = 0.0, 1.0
    for t in range(1, int(iteration) + 1):
        now, after = share_of_momentum(t), share_of_momentum(t + 1)
        product *= now
        average = now * average + (1 - now)
        step = after * average / (1 - product * after) + (1 - now) / (1 - product)
    return f"{step:.2f}"


def radam_undivided() -> str:
    """How many of RAdam's first steps are not divided, with its defaults.

    Example:
        >>> radam_undivided()
        '5'
    """
    rule = rule_of("RAdam")
    moments = rule.trace(1.0, [1.0] * 20)
    return str(sum(moment.values["k"] == 0 for moment in moments if "k" in moment.values))


def radam_first_step() -> str:
    """How long RAdam's first step of the page's first figure is.

    Example:
        >>> radam_first_step()
        '1.65'
    """
    (walked,) = drawings.walks(["RAdam"], {}, "ravine", 1).values()
    return f"{np.linalg.norm(walked[1] - walked[0]):.2f}"


def muon_of(value: float, times: int) -> float:
    """What Muon makes of the smaller one of two singular values, after so many iterations."""
    gradient = np.diag([value, np.sqrt(1 - value * value)])
    weight, _ = muon_step(np.zeros((2, 2)), gradient, {}, lr=1.0, ns_steps=times)
    return -weight[0, 0]


def muon_lift() -> str:
    """How many times itself a small singular value is after one iteration of Muon.

    Example:
        >>> muon_lift()
        '3.44'
    """
    return f"{muon_of(1e-3, 1) / 1e-3:.2f}"


def muon_band() -> str:
    """Between what the singular values from 0.002 on lie after all iterations of Muon.

    Example:
        >>> muon_band()
        '0.68 and 1.20'
    """
    times = muon_step.__kwdefaults__["ns_steps"]
    after = [muon_of(value, times) for value in np.geomspace(0.002, 1, 1000)]
    return f"{min(after):.2f} and {max(after):.2f}"


def install(extra: str = "") -> str:
    """The command that installs the package, or that and an extra, and where to give it.

    Example:
        >>> install("fused")
        "`pip install '.[fused]'` in a copy of this site's source"
    """
    return f"{command(extra)} {PLACE}".rstrip()


def command(extra: str = "") -> str:
    """The command alone.

    Example:
        >>> command(), command("fused")
        ('`pip install .`', "`pip install '.[fused]'`")
    """
    return f"`pip install '{TARGET}[{extra}]'`" if extra else f"`pip install {TARGET}`"


def distribution() -> str:
    """What the package is called where it is installed from."""
    return f"`{NAME}`"


def repository_address() -> str:
    """Return where the source can be read, if the build knows, without a slash at the end."""
    address = os.environ.get("REPOSITORY_URL", "")
    # Hosts also give addresses that only their members can read.
    return address.rstrip("/").removesuffix(".git") if address.startswith("https://") else ""


def repository() -> str:
    """How to install without a copy of the source, if the build knows the repository's address."""
    address = repository_address()
    return f"Without a copy: `pip install '{NAME} @ git+{address}'`." if address else ""


def version() -> str:
    """The version of the package."""
    return VERSION


def figure_lr(loss: str) -> str:
    """The learning rate with which a loss of the laboratory begins.

    Example:
        >>> figure_lr("ravine")
        '0.1'
    """
    return f"{LOSSES[loss].lr:g}"


def loss_option(loss: str, option: str) -> str:
    """What a loss of the laboratory brings with it for an option.

    Example:
        >>> loss_option("counterexample", "betas.1")
        '0.9'
    """
    return f"{LOSSES[loss].options[option]:g}"


def figure_steps(loss: str) -> str:
    """How many iterations a loss of the laboratory begins with."""
    return f"{LOSSES[loss].steps:,}"


def singular_value(place: str) -> str:
    """A singular value of the step that Muon makes of values a factor of ten apart, largest first.

    Example:
        >>> [singular_value(place) for place in "1234"]
        ['0.71', '0.70', '0.70', '0.47']
    """
    weight, _ = muon_step(np.zeros((4, 4)), np.diag([10.0, 1.0, 0.1, 0.01]), {}, lr=1.0)
    return f"{np.linalg.svd(weight, compute_uv=False)[int(place) - 1]:.2f}"


def bytes_moved(optimizer: str) -> str:
    """How many bytes per parameter a step has to read and to write, in float32.

    Example:
        >>> bytes_moved("Adam")
        '28'
    """
    return f"{moved(Setting(optimizer=optimizer, **FLOAT32)):g}"


def memory_speed(device: str) -> str:
    """How many GB per second a loop or a copy moved that has as many bytes as a step of Adam.

    Example:
        >>> memory_speed("cuda")
        '3,000'
    """
    case = "huge" if device == "cuda" else "large"
    rows = costs.measured(device)["rows"]
    floor = next(r for r in rows if (r["name"], r["case"], r["by"]) == ("Adam", case, "floor"))
    size = float(bytes_moved("Adam")) * floor["tensors"] * floor["elements"]
    speed = size / floor["milliseconds"] / 1e6
    return f"{float(f'{speed:.2g}'):,.0f}"


def measured_case(case: str, what: str) -> str:
    """How many tensors, or parameters in all, a case of the measured costs has.

    Example:
        >>> measured_case("large", "tensors"), measured_case("large", "millions")
        ('100', '30')
    """
    rows = costs.measured("cuda" if case == "huge" else "cpu")["rows"]
    row = next(row for row in rows if row["case"] == case)
    millions = row["tensors"] * row["elements"] / 1e6
    return f"{ {**row, 'millions': millions}[what]:,.0f}"


def kernel_start(what: str) -> str:
    """What a kernel costs and changes at its start, as `make bench` has measured it."""
    found = costs.measured()["start"][what]
    return f"{found:.0%}" if what == "weights_that_differ" else f"{found:g}"


def kernel_worth(what: str) -> str:
    """From how many elements on a group is served by a kernel, and as how many a tensor counts.

    Example:
        >>> kernel_worth("tensor")
        '10,000'
    """
    return f"{ {'elements': launch.WORTH, 'tensor': launch.A_TENSOR}[what]:,}"


def letters(library: str, what: str) -> str:
    """How much of a library's docstrings can be read, as `python -m benchmarks.letters` found.

    Example:
        >>> letters("torch", "docstrings")
        '12'
    """
    found = read_results(ROOT / "benchmarks" / "letters.json")
    return f"{found['libraries'][library][what.replace('_', ' ')]}"


def scaled_pages() -> str:
    """How many pages the sites had whose growth was measured."""
    rows = read_results(ROOT / "benchmarks" / "site.json")["rows"]
    *fewer, most = [f"{row['pages']}" for row in rows]
    return f"{', '.join(fewer)} and {most}"


def set_up(what: str) -> str:
    """What a fresh clone takes, as `python -m benchmarks.set_up` has measured it."""
    found = read_results(ROOT / "benchmarks" / "set_up.json")
    return f"{found[what]:,}"


def printed(snippet: str, word: str, place: str) -> str:
    """A number that a snippet prints: in the first line that has a word, the first, second, ….

    Example:
        >>> printed("decay_groups", "0.1", "2")
        '576'
    """
    lines = (ROOT / "snippets" / f"{snippet}.out").read_text(encoding="utf-8").splitlines()
    line = next(line for line in lines if word in re.findall(r"[\w.]+", line))
    numbers = re.findall(r"(?<![\w.])\d[\d,]*(?:\.\d+)?%?(?!\w)", line)
    return numbers[int(place) - 1]


def experiment_lowest(lr: str = "") -> str:
    """Which optimizer's runs of the small transformer end lowest in the median, at a learning rate.

    Without one, each at its best.

    Example:
        >>> experiment_lowest("0.003"), experiment_lowest("0.01")
        ('ADOPT', 'Adam')
    """
    ends: dict[tuple[str, float], list[float]] = {}
    for run in read_results(ROOT / "benchmarks" / "experiment.json")["runs"]:
        if not lr or run["lr"] == float(lr):
            end = np.inf if run["losses"][-1] is None else run["losses"][-1]
            ends.setdefault((run["optimizer"], run["lr"]), []).append(end)
    name, _ = min(ends, key=lambda key: np.median(ends[key]))
    return name


def short_run(beta2: str, lr: str) -> str:
    """The loss in which ADOPT's runs of the small transformer end, in the median of the seeds.

    Example:
        >>> short_run("0.99", "0.01"), short_run("0.9999", "0.01")
        ('1.935', '2.008')
    """
    runs = read_results(ROOT / "benchmarks" / "short_runs.json")["runs"]
    named = [run for run in runs if run["optimizer"] == f"ADOPT, {beta2}"]
    return f"{np.median([run['losses'][-1] for run in named if run['lr'] == float(lr)]):.3f}"


def compared_on() -> str:
    """The day on which `make agreement` ran the optimizers of other libraries."""
    return agreement.results()["date"]


def count(what: str) -> str:
    """How many values, marks of tests and citations the pages have, or what the package has."""
    pages = [*(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "notebooks").glob("*.py")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    found = {
        "values": len(VALUE.findall(text)),
        "marks": len(MARK.findall(text)),
        "citations": len(re.findall(r"\]\(https?://", text)),
        "optimizers": len(OPTIMIZERS),
        "formulas": sum(len(rule_of(name).statements) for name in OPTIMIZERS),
        "programs": len(list((ROOT / "snippets").glob("*.py"))),
    }
    return f"{found[what]:,}"


# What a page may write behind `value:`.
VALUES = {
    function.__name__: function
    for function in (
        default,
        lr_ratio,
        first_step,
        growth,
        constant_step,
        adam_lone_step,
        adam_longest_step,
        adamax_longest_step,
        adamw_share,
        left_of_memory,
        decay_memory,
        turned_loss,
        trained,
        loss_formula,
        minimum_of,
        curvature,
        largest_rate,
        crossings,
        first_swing,
        nadam_share,
        nadam_grown,
        nadam_grown_in_keras,
        dozat_step,
        radam_undivided,
        radam_first_step,
        singular_value,
        muon_lift,
        muon_band,
        install,
        command,
        distribution,
        repository,
        version,
        figure_lr,
        loss_option,
        figure_steps,
        bytes_moved,
        memory_speed,
        measured_case,
        kernel_start,
        kernel_worth,
        letters,
        scaled_pages,
        set_up,
        printed,
        experiment_lowest,
        short_run,
        compared_on,
        count,
    )
}
