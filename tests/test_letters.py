"""Papers' letters are read as they are meant, or refused; what was taken for what is said."""

import importlib.util
import json

import numpy as np
import pytest

from benchmarks import letters
from optimizers import OPTIMIZERS, rule_of
from optimizers.formula import FormulaError, paper_lines, read, read_letters
from optimizers.formula.letters import letters_of
from optimizers.frameworks.command import main

pytestmark = pytest.mark.every

# Each way of writing, and the same rule in the dialect, over W, dW and V.
MOMENTUM = r"""Initialize: $V_{dw} = 0$

On iteration $t$: $V_{dw} = \beta_1 V_{dw} + dW$, $W := W - \alpha V_{dw}$"""
WAYS = {
    "indices": r"$$m_t = \beta m_{t-1} + g_t, \quad \theta_t = \theta_{t-1} - \eta m_t$$",
    "the next index": r"\[ m_{k+1} = \beta m_k + g_k, x_{k+1} = x_k - \alpha_k m_{k+1} \]",
    "indices above": r"""
        $m^{(t)} = \beta m^{(t-1)} + g^{(t)}$, $w^{(t)} = w^{(t-1)} - \gamma m^{(t)}$""",
    "no index": r"$m \leftarrow \beta m + g$ and $\theta \leftarrow \theta - \eta m$",
    "coordinates": r"""
        $$m_{t,i} = \beta m_{t-1,i} + g_{t,i}, \theta_{t,i} = \theta_{t-1,i} - \eta m_{t,i}$$""",
    "bold": r"""$$\mathbf{m}_t = \beta\,\mathbf{m}_{t-1} + \mathbf{g}_t \\
        \boldsymbol{\theta}_t = \boldsymbol{\theta}_{t-1} - \eta\,\mathbf{m}_t$$""",
    "the gradient of a function": r"""$$m_t = \beta m_{t-1} + \nabla_\theta f_t(\theta_{t-1}),
        \theta_t = \theta_{t-1} - \eta m_t$$""",
    "a gradient that is defined": r"""$d_t = \nabla L(\theta_{t-1}; \xi_t)$,
        $m_t = \beta m_{t-1} + d_t$, $\theta_t = \theta_{t-1} - \eta m_t$""",
    "a definition below its use": r"""
        $$\theta_t = \theta_{t-1} - \eta m_t,$$ where $m_t = \beta m_{t-1} + g_t$.""",
    "an environment": r"""\begin{align*} m_t &= \beta m_{t-1} + g_t \\[1ex]
        \theta_t &= \theta_{t-1} - \eta m_t. \end{align*}""",
    "an array": r"""\begin{array}{rcl} m_t & = & \beta m_{t-1} + g_t \\
        w_t & = & w_{t-1} - \eta m_t \end{array}""",
    "a row that goes on": r"""\begin{aligned} m_t &= \beta m_{t-1} \\ &\quad + g_t \\
        w_t &= w_{t-1} - \eta m_t \end{aligned}""",
    "sections": r"""
Initialize: $m_0 = 0$

On iteration $t$: $m_t = \beta m_{t-1} + g_t$, $w_t = w_{t-1} - \eta m_t$""",
    "an update": r"""$$m_t \leftarrow \beta \cdot m_{t-1} + g_t, u_t \leftarrow -\alpha_t \cdot m_t,
        S_t \leftarrow (m_t)$$""",
    "a sentence with values": r"""We use $\beta = 0.9$ and $t = 1, 2, 3$.
        $$m_t = \beta m_{t-1} + g_t, w_t = w_{t-1} - \eta m_t$$""",
    "a branch": r"""\begin{aligned} &\textbf{for} \: t=1 \: \textbf{to} \: \ldots \: \textbf{do} \\
        &\hspace{5mm} if \: t > 1 \\ &\hspace{10mm} m_t \leftarrow \beta m_{t-1} + g_t \\
        &\hspace{5mm} else \\ &\hspace{10mm} m_t \leftarrow g_t \\
        &\hspace{5mm} \theta_t \leftarrow \theta_{t-1} - \eta m_t \end{aligned}""",
}


def run(rule, grads, **hyper):
    param, state, seen = np.array([1.0, -2.0, 0.5]), {}, []
    for grad in grads:
        param, state = rule.step(param, grad, state, **hyper)
        seen.append(param)
    return np.array(seen)


@pytest.mark.parametrize("way", WAYS)
def test_a_way_of_writing_is_the_same_rule(way):
    reading = read_letters(WAYS[way])
    grads = np.random.default_rng(0).standard_normal((20, 3))
    own = run(reading.rule, grads, beta=0.8, lr=0.1)
    assert np.array_equal(own, run(read(MOMENTUM), grads, betas=(0.8, 0), lr=0.1))


# Each symbol keeps its label and its power, whatever the order of its scripts and brackets.
@pytest.mark.parametrize(
    "written",
    [
        *(r"\hat{v}_t^2", r"\hat{v_t}^2", r"\widehat{v}^2_t", r"{\hat v_t}^2", r"(\hat v_t)^2"),
        *(r"{\hat{v}^{(t)}}^2", r"\hat{\mathbf{v}}_t^{2}", r"\hat{v}_{t} \odot \hat{v}_{t}"),
    ],
)
def test_scripts_are_read_in_any_order(written):
    text = rf"$$\hat{{v}}_t = g_t + 1, \theta_t = \theta_{{t-1}} - \eta {written}$$"
    (value, _) = read_letters(text).rule.step(1.0, 0.5, {}, lr=0.1)
    assert value == pytest.approx(1 - 0.1 * 1.5**2, rel=1e-15)


RUNS = {
    "a sum": (
        r"$$w_{t+1} = w_t - \frac{\eta}{\sqrt{\sum_{i=1}^{t} g_i^2}} g_t$$",
        [0.9, 0.9 - 0.08],
    ),
    "a maximum": (
        r"$$w_{t+1} = w_t - \eta \max_{i \leq t} |w_i - w_0| - \eta g_t$$",
        [0.7, 0.7 - 0.1 * 0.3 - 0.4],
    ),
    "two steps back": (
        r"$$x_{k+1} = x_k - \alpha \nabla f(x_k) + \beta (x_k - x_{k-1})$$",
        [0.7, 0.7 - 0.4 + 0.8 * -0.3],
    ),
    "an earlier gradient": (
        r"$$\theta_t = \theta_{t-1} - \eta (2 g_t - g_{t-1})$$",
        [0.4, 0.4 - 0.1 * (8 - 3)],
    ),
    "an earlier value": (
        r"$$m_t = g_t, \theta_t = \theta_{t-1} - \eta m_{t-1}$$",
        [1.0, 0.7],
    ),
    "clipping": (
        r"$$\theta_t = \theta_{t-1} - \eta \, \mathrm{clip}(g_t, -c, c)$$",
        [0.8, 0.6],
    ),
    "sign": (r"$$\theta_t = \theta_{t-1} - \eta \, \mathrm{sign}(g_t)$$", [0.9, 0.8]),
    "a norm": (r"$$\theta_t = \theta_{t-1} - \eta g_t / \lVert g_t \rVert_2$$", [0.9, 0.8]),
}


@pytest.mark.parametrize("what", RUNS)
def test_a_formula_runs_as_it_is_meant(what):
    text, expected = RUNS[what]
    rule, param, state, seen = read_letters(text).rule, 1.0, {}, []
    values = {"lr": 0.1, "beta": 0.8, "c": 2.0}
    hyper = {name: values[name] for name in rule.hyperparameters}
    for grad in (3.0, 4.0):
        param, state = rule.step(param, grad, state, **hyper)
        seen.append(float(param))
    assert seen == pytest.approx(expected, rel=1e-14)


# Each refusal: a text with the fault between ⟦ and ⟧; words of the message and of the remedy.
REFUSALS = [
    (r"$\theta_t = \theta_{t-1} - \eta ⟦\log⟧ g_t$", "cannot read", "letters with indices"),
    (r"$\theta_t = \theta_{t-1} - \eta ⟦\phi⟧(g_t)$", "a function", r"\cdot"),
    (r"$\theta_t = \theta_{t-1} - \eta ⟦\mathbb{E}⟧[g_t]$", "a function", r"\cdot"),
    (r"$\theta_t = \theta_{t-1} - \eta ⟦\operatorname{RMS}⟧(g_t)$", "unknown function", "clip"),
    (r"$\theta_t = \theta_{t-1} - \eta ⟦\nabla f(\theta_{t-1} + m)⟧$", "a gradient at", "nabla"),
    (r"$\theta_t = \theta_{t-1} - \eta ⟦\nabla f(\theta_t)⟧$", "a gradient at", r"\theta_{t-1}"),
    (r"$m_t = \beta ⟦m_t⟧ + g_t$, $w_t = w_{t-1} - m_t$", "is read above", "t-1"),
    (r"$w_t = w_{t-1} - \eta ⟦v_{t-1}⟧ g_t$", "no line gives it", "a line v_t"),
    (r"$w_t = w_{t-1} - \eta ⟦\beta^{(t)}⟧ g_t$", "to the power t, or", r"\beta^t"),
    (r"$w_t = w_{t-1} - \eta ⟦g^t⟧$", "to the power t, or", "g_t for the value"),
    (r"$w_t = w_{t-1} - ⟦\eta \beta / 2 g_t⟧$", "above or below", r"\frac"),
    (r"⟦$⟧w_t = w_{t-1} - \eta$", "no gradient", "g_t"),
    (r"$⟦m_t = \beta m_{t-1} + g_t⟧$", "nothing moves a parameter", r"\theta_t"),
    (r"$⟦m_t = 2 g_t⟧$, $w_t = w_{t-1} - \eta g_t$", "never used", "a part in the update"),
    (r"$w_t = w_{t-1} - \eta ⟦{⟧g_t$", "never closed", "}"),
    (r"$w_t ⟦=⟧$", "without its two sides", "letters"),
    (r"$w_t = w_{t-1} ⟦=⟧ g_t$", "two signs", "one for each"),
    (r"$$⟦w_t + m_t⟧ = g_t$$", "more than a symbol", "one symbol"),
    (r"$w_t = w_{t-1} - ⟦\sum⟧_{i} g_i$", "a sum or product", "i=1"),
    (r"⟦Nothing.⟧", "no assignment", r"\theta_t"),
]


@pytest.mark.parametrize(("marked", "message", "accepted"), REFUSALS)
def test_what_would_be_guessed_is_refused_at_its_place(marked, message, accepted):
    before, _, rest = marked.partition("⟦")
    fault, _, after = rest.partition("⟧")
    with pytest.raises(FormulaError) as caught:
        read_letters("A line above.\n" + before + fault + after, path="mine.md", line=6)
    error = caught.value
    assert message in str(error)
    assert accepted in error.accepted
    if "no gradient" not in message and "no assignment" not in message:
        assert (error.path, error.line, error.column) == ("mine.md", 7, len(before) + 1)
        assert error.piece == fault


def test_each_symbol_is_said_to_be_taken_for_something():
    for name in ("Adam", "NAdam", "Rprop"):
        reading = read_letters(letters.text_of(letters.Case(f"torch.optim.{name}")))
        for latex in reading.rule.symbols.keys() - {"t"}:
            assert any(line.startswith(f"{latex}: ") for line in reading.taken), (name, latex)


def test_an_option_is_off_unless_said():
    case = letters.Case("torch.optim.SGD")
    off, on = (
        read_letters(letters.text_of(case), options=given) for given in ({}, {"nesterov": True})
    )
    assert "nesterov: an option, off" in off.taken
    assert "nesterov: an option, on" in on.taken
    assert len(str(off.rule)) != len(str(on.rule))
    with pytest.raises(FormulaError, match="no branch asks for the option 'nestrov'") as caught:
        read_letters(letters.text_of(case), options={"nestrov": True})
    assert caught.value.accepted == "maximize, nesterov"


def test_a_value_in_a_sentence_is_a_default():
    text = r"With $\beta_1 = 0.9$, $\beta_2=0.99$ and $\epsilon = 10^{-8}$: "
    text += r"$$w_t = w_{t-1} - \eta \beta_1 \beta_2 g_t / (|g_t| + \epsilon)$$"
    reading = read_letters(text)
    assert reading.rule.defaults == {"betas": (0.9, 0.99), "eps": 1e-8}
    assert "eps = 1e-08, because the text says so" in reading.taken


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_rule_in_papers_letters_is_read_back_as_the_same_rule(name):
    rule = rule_of(name)
    if rule.matrix:
        with pytest.raises(ValueError, match="matrices"):
            paper_lines(rule)
        return
    reading = read_letters(r" \\ ".join(paper_lines(rule)))
    grads = np.random.default_rng(0).standard_normal((20, 3))
    values = {"lr": 0.01, "eps": 1e-3, "weight_decay": 0.1}
    ours = {key: values.get(key, value) for key, value in rule.defaults.items()}
    theirs = {}
    for latex, symbol in rule.symbols.items():
        if symbol.kind == "hyper-parameter":
            key, _, index = symbol.code.rstrip("]").partition("[")
            twin = reading.rule.symbols[letters_of(rule).get(latex, latex)].code
            value = ours[key][int(index)] if index else ours[key]
            if twin.startswith("betas["):
                theirs.setdefault("betas", [0.0] * 3)[int(twin[6])] = value
            else:
                theirs[twin] = value
    assert np.array_equal(run(rule, grads, **ours), run(reading.rule, grads, **theirs))


@pytest.mark.parametrize(
    "case", letters.CASES, ids=lambda case: f"{case.name} {case.blocks} {case.options}"
)
def test_the_measurement_is_what_is_committed(case):
    library = case.name.partition(".")[0]
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed; the extra `frameworks` installs it")
    found = json.loads(letters.RESULTS.read_text(encoding="utf-8"))
    if found["libraries"][library]["version"] != letters.version(library):
        pytest.skip(f"measured with {library} {found['libraries'][library]['version']}")
    row = letters.measured(case)
    committed = found["formulas"][letters.CASES.index(case)]
    kept = ("name", "with", "read", "refused", "at", "agrees", "taken")
    assert {key: row.get(key) for key in kept} == {key: committed.get(key) for key in kept}
    assert not committed.get("mended") or row["mended"]["agrees"]


def test_the_command_takes_papers_letters_and_says_what_it_took(capsys, tmp_path):
    path = tmp_path / "box.tex"
    path.write_text(letters.text_of(letters.Case("torch.optim.SGD")), encoding="utf-8")
    assert main([str(path), "--as", "torch", "--with", "nesterov"]) == 0
    shown = capsys.readouterr()
    compile(shown.out, "mine.py", "exec")
    assert '\\gamma: a hyper-parameter, called lr, because the text says "lr"' in shown.err
    assert "nesterov: an option, on" in shown.err
    path.write_text(letters.text_of(letters.Case("torch.optim.Adam")), encoding="utf-8")
    assert main([str(path), "--check", "torch.optim.Adam"]) == 0
    path.write_text(r"$\theta_t = \theta_{t-1} - \eta \log g_t$", encoding="utf-8")
    assert str(main([str(path), "--as", "torch"])).startswith(f"{path}:1:33: cannot read `\\log`")
    assert "--with is for" in str(main(["adam", "--as", "torch", "--with", "nesterov"]))
