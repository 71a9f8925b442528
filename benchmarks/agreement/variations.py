r"""What may differ between two optimizers of one name: edits of the formula, each with a name.

An edit replaces LaTeX by LaTeX in the text of a formula's section, as `text_of` gives it, and the
edited section is read and run as every formula here is. A variation may have several rows, because
one difference is written differently in different formulas.
"""

from collections.abc import Iterator
from functools import cache
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from optimizers import rule_of
from optimizers.formula import FormulaError, Rule, read
from optimizers.formula.symbols import symbols_for


class Variation(NamedTuple):
    """One row.

    Args:
        name: what differs, as pages say it.
        edits: pairs of LaTeX: what is replaced, wherever it stands, and by what.
        where: LaTeX of the formulas that the row belongs to.
    """

    name: str
    edits: tuple[tuple[str, str], ...]
    where: str = ""


ITERATION, END = "On iteration $t$:", "END"
# What is rounded, which no line of a formula says: a hyper-parameter, and which number of several.
ROUNDED = {
    "the learning rate is rounded to float32": ("lr", None),
    "$a_5$ is rounded to float32": ("ns_coefficients", 2),
}
LR_ROUNDED, A5_ROUNDED = ROUNDED
# What is done to the gradients of all tensors together, which no line of one tensor's formula says.
CLIPPED = "the gradients are clipped to a norm of 1, all tensors together"
# What is done to vectors alone, not to matrices.
OF_VECTORS = "vectors take neither the ratio nor the decay"

V, S = r"V_{dw}^{\text{corrected}}", r"S_{dw}^{\text{corrected}}"
MAX = r"S_{dw}^{\text{max}}"
L2, DECAY = r"$dW := dW + \lambda W$", r"$W := W - \alpha \lambda W$"
NOW, NEXT = r"\beta_1 (1 - 0.96^{t \psi} / 2)", r"\beta_1 (1 - 0.96^{(t + 1) \psi} / 2)"
SCALE = r"\sqrt{\max(1, \frac{n_{\text{rows}}}{n_{\text{columns}}})}"
CLIP = r"\operatorname{clip}\left(\frac{dW}{\max(\sqrt{S_{dw}}, \epsilon)}, -t^{c}, t^{c}\right)"
AHEAD = r"$X = \mu V_{dw} + (1 - \mu) dW$"
ADAM = rf"\frac{{{V}}}{{\sqrt{{{S}}} + \epsilon}}"
RHO = r"\frac{2}{1 - \beta_2} - 1"
RECTIFIED = rf"""$\rho_{{\infty}} = \max\left({RHO}, 5\right)$

$\rho = \max\left({RHO} - \frac{{2 t \beta_2^t}}{{1 - \beta_2^t}}, 5\right)$

$k = \operatorname{{sign}}(\rho - 5)$

$r = \sqrt{{\frac{{(\rho - 4) (\rho - 2) \rho_{{\infty}}}}{{(\rho_{{\infty}} - 4) (\rho_{{\infty}} - 2) \rho}}}}$

$W := W - \alpha {V} \left(r \frac{{\sqrt{{1 - \beta_2^t}}}}{{\sqrt{{S_{{dw}}}} + \epsilon}}\right)^k$"""
BELIEF = r"(1 - \beta_2) (dW - V_{dw})^2 + \epsilon"
LAMB_DECAY, DIVIDED = r"\epsilon} + \lambda W$", r"$W := \frac{W}{1 + \alpha \lambda}$"
BELOW = r"\lVert dW \rVert + \lambda \lVert W \rVert}"
LOCAL = rf"$r_{{dw}} = \begin{{cases}} \frac{{\eta \lVert W \rVert}}{{{BELOW} & \text{{if }} \min(\lVert W \rVert, \lVert dW \rVert) > 0 \\ 1 & \text{{otherwise}} \end{{cases}}$"
STEP = r"H_{dw} \operatorname{sign}(dW)"
BEFORE = r"$\Delta_{dw} = \begin{cases} 0 & \text{if } G_{dw} dW < 0 \\ H_{dw} \operatorname{sign}(G_{dw}) & \text{otherwise} \end{cases}$"

# fmt: off
VARIATIONS = (
    # Where ε stands.
    Variation("ε is inside the root", ((rf"\sqrt{{{S}}} + \epsilon", rf"\sqrt{{{S} + \epsilon}}"),)),
    Variation("ε is inside the root", ((r"\sqrt{S_{dw}} + \epsilon", r"\sqrt{S_{dw} + \epsilon}"),)),
    Variation("ε is added before the bias correction", ((rf"\sqrt{{{S}}} + \epsilon", rf"\sqrt{{{S}}} + \frac{{\epsilon}}{{\sqrt{{1 - \beta_2^t}}}}"),)),
    Variation("ε is added before the bias correction, inside the root", ((rf"\sqrt{{{S}}} + \epsilon", rf"\sqrt{{{S} + \frac{{\epsilon}}{{1 - \beta_2^t}}}}"),)),
    Variation("ε is added after the bias correction", ((r"\frac{\sqrt{1 - \beta_2^t}}{\sqrt{S_{dw}} + \epsilon}", r"\frac{\sqrt{1 - \beta_2^t}}{\sqrt{S_{dw}} + \epsilon \sqrt{1 - \beta_2^t}}"),)),
    Variation("ε is a lower bound of the root", ((rf"\sqrt{{{S}}} + \epsilon", rf"\max(\sqrt{{{S}}}, \epsilon)"),)),
    Variation("ε is a lower bound of the root", ((r"\sqrt{S_{dw}} + \epsilon", r"\max(\sqrt{S_{dw}}, \epsilon)"),)),
    Variation("ε is added to the root", ((r"\max(\sqrt{S_{dw}}, \epsilon)", r"\sqrt{S_{dw}} + \epsilon"),)),
    Variation("ε is added to the roots, not inside them", ((r"\sqrt{U_{dw} + \epsilon}", r"(\sqrt{U_{dw}} + \epsilon)"), (r"\sqrt{S_{dw} + \epsilon}", r"\sqrt{S_{dw}} + \epsilon"))),
    Variation("ε is added to the divisor, not to the gradient", ((r"|dW| + \epsilon", "|dW|"), (r"}{U_{dw}}", r"}{U_{dw} + \epsilon}"))),
    Variation("ε is added to the norm", ((r"\max(\lVert X \rVert_F, \epsilon)", r"\lVert X \rVert_F + \epsilon"),)),
    Variation("ε is added to the norm", ((r"}{\lVert \Delta_{dw} \rVert}", r"}{\lVert \Delta_{dw} \rVert + \epsilon}"),)),
    Variation("1e-16, not ε, is added to the average of squares", ((BELIEF, BELIEF.replace(r"\epsilon", "10^{-16}")),)),
    Variation("1e-8 is added inside the root, too", ((rf"\sqrt{{{S}}}", rf"\sqrt{{{S} + 10^{{-8}}}}"),), "D_{dw}"),
    Variation("1e-8 is added to the divisor", ((BELOW, f"{BELOW[:-1]} + 10^{{-8}}}}"),)),
    # The corrections of the start at zero.
    Variation("no bias correction", ((rf"{V} = V_{{dw}} / (1 - \beta_1^t)", rf"{V} = V_{{dw}}"), (rf"{S} = S_{{dw}} / (1 - \beta_2^t)", rf"{S} = S_{{dw}}"))),
    Variation("no bias correction", ((rf"{V} = V_{{dw}} / (1 - \beta_1^t)", rf"{V} = V_{{dw}}"),), "U_{dw}"),
    Variation("no bias correction of the first moment", ((rf"{V} = V_{{dw}} / (1 - \beta_1^t)", rf"{V} = V_{{dw}}"),), S),
    Variation("no bias correction of the second moment", ((rf"{S} = S_{{dw}} / (1 - \beta_2^t)", rf"{S} = S_{{dw}}"),)),
    Variation("no bias correction of the second moment", ((rf"{S} = {MAX} / (1 - \beta_2^t)", rf"{S} = {MAX}"),)),
    Variation("the largest second moment is that of the corrected ones", ((rf"\max({MAX}, S_{{dw}})", rf"\max({MAX}, S_{{dw}} / (1 - \beta_2^t))"), (rf"{S} = {MAX} / (1 - \beta_2^t)", rf"{S} = {MAX}"))),
    Variation("momentum and gradient are corrected, momentum one step ahead", ((AHEAD, r"$X = \frac{\mu V_{dw}}{1 - \mu^{t + 1}} + \frac{(1 - \mu) dW}{1 - \mu^t}$"),)),
    Variation("the bias correction of the first moment comes after the ratio", ((rf"{V} = V_{{dw}} / (1 - \beta_1^t)", rf"{V} = V_{{dw}}"), (r"\alpha r_{dw} \Delta_{dw}", r"\frac{\alpha r_{dw}}{1 - \beta_1^t} \Delta_{dw}"))),
    # Weight decay.
    Variation("decay is decoupled, times the learning rate", ((L2, DECAY),)),
    Variation("decay is decoupled, times the learning rate", ((LAMB_DECAY, r"\epsilon}$"), (ITERATION, f"{ITERATION}\n\n{DECAY}"))),
    Variation("decay multiplies by $1 - \\alpha \\lambda$, it does not divide", ((DIVIDED, ""), (ITERATION, f"{ITERATION}\n\n{DECAY}"))),
    Variation("decay is decoupled, not times the learning rate", ((L2, r"$W := W - \lambda W$"),)),
    Variation("decay is decoupled, not times the learning rate", ((DECAY, r"$W := W - \lambda W$"),)),
    Variation("decay is an L2 penalty", ((DECAY, ""), (ITERATION, f"{ITERATION}\n\n{L2}"))),
    Variation("decay comes after the step", ((DECAY, ""), (END, f"{DECAY}\n\n{END}"))),
    Variation("`weight_decay` does nothing", ((L2, ""),)),
    Variation("decay is decoupled, times the learning rate, once there is something to rectify", ((L2, ""), ("$r = ", r"$W := W - k \alpha \lambda W$" + "\n\n$r = "))),
    # The first value of what is accumulated.
    Variation("the sum starts at 0.1", (("$S_{dw} = 0$", "$S_{dw} = 0.1$"),), "S_{dw} + dW^2"),
    Variation("the average of squares starts at 1", (("$S_{dw} = 0$", "$S_{dw} = 1$"),), r"\beta_2 S_{dw}"),
    Variation("the average of squares starts at 0.1", (("$S_{dw} = 0$", "$S_{dw} = 0.1$"),), r"\beta_2 S_{dw}"),
    # The form of momentum and Nesterov's coefficients.
    Variation("the learning rate is inside the momentum", ((r"$V_{dw} = \mu V_{dw} + dW$", r"$V_{dw} = \mu V_{dw} + \alpha dW$"), (r"W - \alpha V_{dw}", "W - V_{dw}"))),
    Variation("the learning rate is inside the momentum", ((r"$V_{dw} = \mu V_{dw} + dW$", r"$V_{dw} = \mu V_{dw} + \alpha dW$"), (r"W - \alpha (dW + \mu V_{dw})", r"W - (\alpha dW + \mu V_{dw})"))),
    Variation("the learning rate is outside the momentum", ((r"+ \alpha r_{dw} dW$", "+ r_{dw} dW$"), ("W - V_{dw}", r"W - \alpha V_{dw}"))),
    Variation("momentum is an average, not a sum", ((r"$V_{dw} = \mu V_{dw} + dW$", r"$V_{dw} = \mu V_{dw} + (1 - \mu) dW$"),)),
    Variation("momentum is a sum, not an average", ((r"$V_{dw} = \mu V_{dw} + (1 - \mu) dW$", r"$V_{dw} = \mu V_{dw} + dW$"), (AHEAD, r"$X = \mu V_{dw} + dW$"))),
    Variation("no look ahead", ((AHEAD, "$X = V_{dw}$"),)),
    Variation("no look ahead", ((r"W - \alpha (dW + \mu V_{dw})", r"W - \alpha V_{dw}"),)),
    # Order of lines.
    Variation("the memory is updated before the direction is taken", ((r"$\Delta_{dw} = \operatorname{sign}", r"$V_{dw} = \beta_2 V_{dw} + (1 - \beta_2) dW$" + "\n\n" + r"$\Delta_{dw} = \operatorname{sign}"), (r"$W := W - \alpha \Delta_{dw}$" + "\n\n" + r"$V_{dw} = \beta_2 V_{dw} + (1 - \beta_2) dW$", r"$W := W - \alpha \Delta_{dw}$"))),
    # Schedules.
    Variation("the share of momentum grows as with ψ = 1", ((r"0.96^{t \psi}", "0.96^t"), (r"0.96^{(t + 1) \psi}", "0.96^{t + 1}"))),
    Variation("the share of momentum is β₁ from the start", ((NOW, r"\beta_1"), (NEXT, r"\beta_1"))),
    Variation("the bound of clipping is one step ahead", ((CLIP, CLIP.replace("t^{c}", "(t + 1)^{c}")),)),
    Variation("no clipping", ((CLIP, r"\frac{dW}{\max(\sqrt{S_{dw}}, \epsilon)}"),)),
    Variation("no step until there is something to rectify", ((r"W - \alpha V", r"W - k \alpha V"),), "$k = "),
    Variation("the bound of rectifying is 4", ((", 5\\right)", ", 4\\right)"), (r"(\rho - 5)", r"(\rho - 4)"))),
    Variation("rectified as RAdam is", ((rf"${S} = S_{{dw}} / (1 - \beta_2^t)$", ""), (rf"$W := W - \alpha {ADAM}$", RECTIFIED)), "(dW - V_{dw})^2"),
    Variation("the step is that of the iteration before", ((r"$H_{dw} = \operatorname", BEFORE + "\n\n" + r"$H_{dw} = \operatorname"), (rf"W - {STEP}", r"W - \Delta_{dw}"))),
    # The change of the gradient.
    Variation("the change is multiplied by $1 - \\beta_2$, not by $\\beta_2$", ((r"dW + \beta_2 \Delta_{dw}", r"dW + (1 - \beta_2) \Delta_{dw}"), (r"+ \beta_2 D_{dw}^", r"+ (1 - \beta_2) D_{dw}^"))),
    # The ratio of a layer.
    Variation("the divisor is the norm of the sum, $dW + \\lambda W$", ((L2, ""), (LOCAL, L2 + "\n\n" + LOCAL.replace(BELOW, r"\lVert dW \rVert}")))),
    Variation(OF_VECTORS, ((LOCAL, "$r_{dw} = 1$"), (L2, ""))),
    # How a matrix's step is scaled.
    Variation("columns are divided by rows", ((SCALE, r"\sqrt{\max(1, \frac{n_{\text{columns}}}{n_{\text{rows}}})}"),)),
    Variation("the factor is 0.2 times the root of the longer side", ((SCALE, r"\cdot 0.2 \sqrt{\max(n_{\text{rows}}, n_{\text{columns}})}"),)),
    Variation("no factor for the shape", ((rf"\alpha {SCALE} X", r"\alpha X"),)),
    # What is no line.
    Variation(LR_ROUNDED, (), r"\alpha"),
    Variation(A5_ROUNDED, (), "a_5"),
    Variation(CLIPPED, (), r"\lVert W \rVert"),
)
# fmt: on
NAMES = tuple(dict.fromkeys(row.name for row in VARIATIONS))


def text_of(rule: Rule) -> str:
    r"""The section of a rule's formula for the weights alone, one line in each paragraph.

    Example:
        >>> print(text_of(rule_of("Momentum")))
        Initialize:
        <BLANKLINE>
        $V_{dw} = 0$
        <BLANKLINE>
        On iteration $t$:
        <BLANKLINE>
        $dW := dW + \lambda W$
        <BLANKLINE>
        $V_{dw} = \mu V_{dw} + dW$
        <BLANKLINE>
        $W := W - \alpha V_{dw}$
        <BLANKLINE>
        END
    """
    text = []
    for section, title in (("initialize", "Initialize:"), ("iteration", ITERATION)):
        blocks = rule.blocks("W", section)
        text += [title] if blocks else []
        for repeat, lines in blocks:
            written = [f"${line.latex}$" for line in lines]
            text += [f"Repeat ${repeat.times}$ times: {' '.join(written)}"] if repeat else written
    return "\n\n".join([*text, END])


def edited(text: str, row: Variation) -> str | None:
    """The text after a variation's edits; None if it has nothing to edit there.

    Example:
        >>> edited("$S_{dw} = 0$", Variation("at 1", (("$S_{dw} = 0$", "$S_{dw} = 1$"),)))
        '$S_{dw} = 1$'
    """
    if row.where not in text:
        return None
    for old, new in row.edits:
        if old not in text:
            return None
        text = text.replace(old, new)
    return text


@cache
def varied(optimizer: str, names: tuple[str, ...]) -> Rule | None:
    """The rule of an optimizer with some variations, or None if they do not fit it or each other.

    Args:
        optimizer: a name of OPTIMIZERS.
        names: variations, in the order of the table.

    Example:
        >>> print(varied("Adagrad", ("ε is inside the root",)).statements[-1].latex)
        W := W - \\alpha \\frac{dW}{\\sqrt{S_{dw} + \\epsilon}}
        >>> varied("Adagrad", ("no bias correction",))
    """
    rule, text = rule_of(optimizer), text_of(rule_of(optimizer))
    for name in names:
        texts = (edited(text, row) for row in VARIATIONS if row.name == name)
        found = next((text for text in texts if text is not None), None)
        if found is None:
            return None
        text = found
    table = {symbol.latex: symbol for symbol in symbols_for()} | rule.symbols
    try:
        return read(
            text.replace(END, ""),
            path=f"{optimizer} with {names}",
            symbols=table.values(),
            defaults=rule.defaults,
        )
    except FormulaError:
        return None  # two edits may leave a line that nothing reads any more


def combined(optimizer: str, most: int) -> Iterator[tuple[str, ...]]:
    """Every combination of variations that fits an optimizer, the smallest first."""
    fitting = [name for name in NAMES if varied(optimizer, (name,))]
    for count in range(most + 1):
        for names in combinations(fitting, count):
            if varied(optimizer, names):
                yield names


def rounded(names: tuple[str, ...], hyper: dict[str, Any]) -> dict[str, Any]:
    """The hyper-parameters of a combination: those that its variations round are rounded.

    Example:
        >>> rounded((LR_ROUNDED,), {"lr": 0.1})
        {'lr': 0.10000000149011612}
    """
    hyper = dict(hyper)
    for name, place in (ROUNDED[name] for name in names if name in ROUNDED):
        if place is None:
            hyper[name] = float(np.float32(hyper[name]))
        else:
            several = list(hyper[name])
            several[place] = float(np.float32(several[place]))
            hyper[name] = tuple(several)
    return hyper


def clipped(grads: list[np.ndarray]) -> list[np.ndarray]:
    """Divide gradients by their common norm where that is above 1.

    Example:
        >>> clipped([np.array([3.0]), np.array([4.0])])
        [array([0.6]), array([0.8])]
    """
    norm = np.sqrt(sum((grad**2).sum() for grad in grads))
    return [grad / max(norm, 1.0) for grad in grads]


def steps_of(
    optimizer: str,
    names: tuple[str, ...],
    start: list[np.ndarray],
    grads: list[list[np.ndarray]],
    rates: list[float],
    hyper: dict[str, Any],
) -> Iterator[list[np.ndarray]]:
    """The parameters after each step of a formula with some variations."""
    of_vectors = varied(optimizer, names)
    of_others = varied(optimizer, tuple(name for name in names if name != OF_VECTORS))
    if of_vectors is None or of_others is None:
        raise ValueError(f"{names} do not fit {optimizer}")
    params, states = list(start), [{} for _ in start]
    for several, rate in zip(grads, rates, strict=True):
        options = rounded(names, {**hyper, "lr": rate})
        for place, grad in enumerate(clipped(several) if CLIPPED in names else several):
            rule = of_vectors if grad.ndim == 1 else of_others
            given = {name: value for name, value in options.items() if name in rule.hyperparameters}
            params[place], states[place] = rule.step(params[place], grad, states[place], **given)
        yield list(params)
