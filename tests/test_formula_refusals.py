"""The reader never guesses: what it does not understand is an error with place and remedy."""

import pytest

from optimizers.formula import FormulaError, read

pytestmark = pytest.mark.every

# A rule that reads; each case replaces one piece of it.
RULE = r"""Initialize: $V_{dw} = 0$

On iteration $t$: Compute $dW$.

$V_{dw} = \beta_1 V_{dw} + dW$, $W := W - \alpha V_{dw}$
"""

# Each case: the piece to replace; the new piece, with the fault between ⟦ and ⟧; words of the
# message; words of what is accepted.
CASES = [
    # The dialect lacks these.
    (r"+ dW$", r"+ dW⟦'⟧$", "cannot read `'`", "letters, digits"),
    (r"+ dW$", r"+ dW ⟦<⟧ 1$", "cannot read `<`", "the end of the formula"),
    (
        r"+ dW$",
        r"+ \begin{cases} dW & \text{if } t > 1 ⟦\end{cases}⟧$",
        r"cannot read `\end{cases}`",
        r"\\",
    ),
    (
        r"+ dW$",
        r"+ \begin{cases} dW & \text{if } ⟦\text{otherwise}⟧ \end{cases}$",
        r"cannot read `\text{otherwise}`",
        "a symbol, a bracket",
    ),
    (
        r"+ dW$",
        r"+ \begin{cases} dW & \text{if } t ⟦\\⟧ 1 & \text{otherwise} \end{cases}$",
        r"cannot read `\\`",
        "> or <",
    ),
    (
        r"+ dW$",
        r"+ \begin{cases} dW t ⟦>⟧ 1 \\ 1 & \text{otherwise} \end{cases}$",
        "cannot read `>`",
        r"\text{if}",
    ),
    (r"+ dW$", r"+ dW⟦!⟧$", "cannot read `!`", "letters, digits"),
    (r"+ dW$", r"+ ⟦$⟧", "ends too early", "a number, a symbol"),
    (r"+ dW$", r"+ ⟦)⟧$", "cannot read `)`", "a symbol, a bracket"),
    (r"+ dW$", r"+ (dW⟦]⟧$", "cannot read `]`", ")"),
    (r"+ dW$", r"+ (dW⟦$⟧", "ends too early", ")"),
    (r"+ dW$", r"+ dW^1⟦0⟧$", "cannot read `0`", r"\cdot"),
    (r"+ dW$", r"+ dW ⟦2⟧$", "cannot read `2`", r"\cdot"),
    (r"+ dW$", r"+ 1 ⟦00⟧$", "cannot read `00`", r"\cdot"),
    (r"+ dW$", r"+ \sqrt ⟦dW⟧$", "cannot read `dW`", "{"),
    (r"+ dW$", r"+ \sqrt⟦[⟧3]{dW}$", "cannot read `[`", "{"),
    (r"+ dW$", r"+ \frac⟦12⟧$", "cannot read `12`", "{"),
    (
        r"+ dW$",
        r"+ ⟦\operatorname{mean}⟧(dW)$",
        "unknown function `\\operatorname{mean}`",
        r"\operatorname{sign}()",
    ),
    (r"+ dW$", r"+ \alpha ⟦\operatorname{mean}⟧ dW$", "unknown function", r"\max(,)"),
    (r"+ dW$", r"+ ⟦\mathrm{mean}⟧(dW)$", r"unknown function `\mathrm{mean}`", r"\max(,)"),
    (r"+ dW$", r"+ ⟦\tanh⟧ \left(dW\right)$", r"unknown function `\tanh`", r"\max(,)"),
    (r"+ dW$", r"+ ⟦\exp⟧{dW}$", r"unknown function `\exp`", r"\max(,)"),
    (r"+ dW$", r"+ dW ⟦\text{if}⟧ t$", r"cannot read `\text{if}`", "the end of the formula"),
    (r"+ dW$", r"+ \max ⟦dW⟧$", "cannot read `dW`", "("),
    (r"+ dW$", r"+ ⟦\max(dW)⟧$", "1 arguments to maximum", "2 or 3"),
    (r"+ dW$", r"+ ⟦\operatorname{clip}(dW, 1)⟧$", "2 arguments to clip", "3"),
    (r"+ dW$", r"+ \lVert dW \rVert⟦_1⟧$", "a norm other than the Euclidean", "_2"),
    (r"+ dW$", r"+ |dW⟦$⟧", "ends too early", "closing |"),
    (r"+ dW$", r"+ |dW |t||⟦$⟧", "ends too early", "a symbol"),
    (r"+ dW$", r"+ dW^{2}⟦^⟧{3}$", "cannot read `^`", "+"),
    (r"+ dW$", r"⟦=⟧ dW$", "cannot read `=`", "+"),
    (r"+ dW$", r"+ dW \\ ⟦dW⟧$", "assigns nothing", "assignments only"),
    (r"+ dW$", r"+ dW, ⟦t⟧$", "assigns nothing", "assignments only"),
    # These can be read in two ways.
    (r"+ dW$", r"+ ⟦dW / 2 t⟧$", "above or below the line", r"\frac"),
    (r"+ dW$", r"+ ⟦dW / 2 / t⟧$", "above or below the line", r"\frac"),
    (r"+ dW$", r"+ ⟦dW / 2 \cdot t⟧$", "above or below the line", r"\frac"),
    (r"+ dW$", r"+ dW ⟦(t)⟧$", "a product with t, or a value at t", r"\cdot"),
    (r"+ dW$", r"+ dW ⟦(t - 1)⟧$", "a product with t, or a value at t", "_{t-1}"),
    # Symbols.
    (r"+ dW$", r"+ ⟦dX⟧$", "unknown symbol `dX`", "dW"),
    (r"+ dW$", r"+ ⟦\sign⟧(dW)$", r"unknown symbol `\sign`", r"\operatorname{sign}(…)"),
    (r"+ dW$", r"+ ⟦q⟧$", "unknown symbol `q`", r"\alpha"),
    (r"+ dW$", r"+ ⟦dw⟧$", "unknown symbol `dw`", "dW"),
    (r"+ dW$", r"+ ⟦V_{dW}⟧$", "unknown symbol `V_{dW}`", "V_{dw}"),
    (r"+ dW$", r"+ ⟦\hat{V}_{dw}⟧$", r"unknown symbol `\hat{V}_{dw}`", "V_{dw}"),
    (r"+ dW$", r"+ ⟦V_{dw}^{\text{hat}}⟧$", r"unknown symbol `V_{dw}^{\text{hat}}`", "V_{dw}"),
    (r"+ dW$", r"+ ⟦\beta_4⟧ dW$", "unknown symbol", r"\beta_1"),
    (r"+ dW$", r"+ ⟦\nabla⟧ W$", "unknown symbol", "dW"),
    (r"+ dW$", r"+ dW^⟦\gamma⟧$", "unknown symbol", r"\alpha"),
    (r"+ dW$", r"+ ⟦\varphi⟧ (1 - \alpha)$", r"unknown symbol `\varphi`", r"\alpha"),
    (r"+ dW$", r"+ dW + ⟦V⟧$", "a group of symbols", "V_{dw} or V_{db}"),
    (r"+ dW$", r"+ dW + ⟦db⟧$", "`db` belongs to b, and this line to W", "dW"),
    (r"Compute $dW$", r"Compute $⟦dQ⟧$", "unknown symbol", "dW"),
    # Assignments that cannot be.
    (r"$W :=", r"$⟦2 W⟧ :=", "to more than a symbol", "W :="),
    (r"$W :=", r"$⟦\alpha⟧ = 0.1$, $W :=", "which the caller gives", "a parameter"),
    (r"$W :=", r"$⟦t⟧ := t + 1$, $W :=", "which counts itself", "a parameter"),
    (r"$W :=", r"$⟦V⟧ := dW$, $W :=", "for prose only", "a parameter"),
    (r"V_{dw} = 0$", r"V_{dw} = 0$, $⟦W⟧ = 0$", "starts where the caller says", "V_{dw} = 0"),
    (r"V_{dw} = 0", r"V_{dw} = ⟦t⟧", "`t` has no value yet", "it counts from 1"),
    # Values that are not there yet.
    (
        RULE[: RULE.index("+ dW$")],
        r"On iteration $t$: $V_{dw} = \beta_1 ⟦V_{dw}⟧ ",
        "no value yet",
        "$V_{dw} = 0$",
    ),
    (r"- \alpha V_{dw}", r"- ⟦dW^{\text{clipped}}⟧", "no value yet", "a line above"),
    (
        RULE[: RULE.index("+ dW$")],
        r"""Initialize: $dW^{\text{clipped}} = dW$, $V_{dw} = dW^{\text{clipped}}$

On iteration $t$: $V_{dw} = V_{dw} + ⟦dW^{\text{clipped}}⟧ """,
        "no value yet",
        "a line above",
    ),
    (r"$W :=", r"$⟦S_{dw}⟧ = dW$, $W :=", "no first value", "$S_{dw} = 0$"),
    # Lines without a part in the update.
    (
        r"$V_{dw} = \beta_1 V_{dw} + dW$, ",
        r"$⟦V_{dw} = \beta_1 V_{dw} + dW⟧$, $V_{dw} = dW$, ",
        "a line below replaces this `V_{dw}`",
        "or none",
    ),
    (r"$W :=", r"$⟦dW^{\text{clipped}} = dW⟧$, $W :=", "nothing that moves W reads it", "or none"),
    (r"V_{dw} = 0$", r"V_{dw} = 0$, $⟦S_{dw} = 0⟧$", "`S_{dw}` is never used", "or none"),
    (
        r"V_{dw} = \beta_1 V_{dw} + dW$, $W := W - \alpha V_{dw}$",
        r"⟦V_{dw} = \beta_1 V_{dw} + dW⟧$, $W := W - \alpha dW$",
        "nothing that moves W reads it",
        "or none",
    ),
    (r"$V_{dw} = 0$", r"$⟦V_{dw} = dW⟧$, $V_{dw} = 0$", "a line below replaces", "or none"),
    (
        r"V_{dw} = \beta_1 V_{dw} + dW$, $W := W - \alpha V_{dw}$",
        r"⟦V_{dw} = \beta_1 V_{dw} + dW⟧$, $W := \alpha V_{dw}$",
        "`W` is never used: no line of W reads it",
        "lines that read W",
    ),
    (
        r"V_{dw} = \beta_1 V_{dw} + dW$",
        r"⟦V_{dw} = \beta_1 V_{dw} + W⟧$",
        "`dW` is never used: no line of W reads it",
        "lines that read dW",
    ),
    (r"$W := W - \alpha V_{dw}", r"$b := b - \alpha ⟦V_{dw}⟧", "and this line to b", "V_{db}"),
    (r"Compute $dW$", r"Compute $⟦db⟧$", "mentioned and never used", "dW"),
    (r"Compute $dW$", r"Compute $⟦S⟧$", "mentioned and never used", "dW"),
    (r"Compute $dW$", r"With $⟦\lambda⟧$", "mentioned and never used", "dW"),
    # Sections and the text around the formulas.
    ("Initialize: $V_{dw} = 0$", "First $⟦V_{dw} = 0⟧$", "before any section", "'Initialize'"),
    ("On iteration", "⟦Initialize⟧", "after the section 'initialize'", "once each"),
    ("On iteration", "⟦مقداردهی اولیه⟧", "after the section 'initialize'", "در تکرار"),
    (r"$W := W - \alpha V_{dw}$", r"⟦$⟧W := W - \alpha V_{dw}", "without its partner", r"\$"),
    (r"+ dW$, $W", r"+ dW$, ⟦:=⟧ $W", "LaTeX outside of a formula", "$…$"),
    (r"$W := W - \alpha V_{dw}$", r"W ⟦:=⟧ W", "LaTeX outside of a formula", "$…$"),
    (r"Compute $dW$", r"Compute ⟦\alpha⟧", "LaTeX outside of a formula", "$…$"),
    (r"Compute $dW$", r"Compute dW⟦^{⟧2}", "LaTeX outside of a formula", "$…$"),
    (
        RULE[RULE.index("On") :],
        r"At iteration $t$: $⟦W := W - \alpha dW⟧$",
        "none above begins with 'On iteration'",
        "در تکرار",
    ),
    (RULE[:-1], "⟦Initialize: nothing⟧", "no assignment", r"$W := W -"),
    # Indices of time.
    (r"V_{dw} = 0", r"⟦V_{dw,t}⟧ = 0", "the index t in the section 'initialize'", "_0"),
    (r"= \beta_1 V_{dw}", r"= \beta_1 ⟦V_{dw,0}⟧", "the index 0 in the section 'iter", "_{t-1}"),
    (
        r"V_{dw} = \beta_1 V_{dw} +",
        r"⟦V_{dw}⟧ = \beta_1 V_{dw,t-1} +",
        "`V_{dw}` is written with the index t and without",
        "one of the two",
    ),
    (r"\alpha V", r"⟦\alpha_t⟧ V", "it has no index of time", r"\alpha"),
    (r"+ dW$", r"+ ⟦dW_{t-1}⟧$", "does not outlive its iteration", "a state"),
    (r"$W := W - \alpha", r"$⟦W_{t-1}⟧ := W_{t-1} - \alpha", "an earlier iteration", "index t"),
    (r"$W := W - \alpha", r"$W_t := ⟦W_t⟧ - \alpha", "at t has no value yet", "t-1"),
    (
        r"$V_{dw} = \beta_1 V_{dw} + dW$, $W := W - \alpha V_{dw}$",
        r"$V_{dw,t} = V_{dw,t-1} + dW_t$, $W_t = W_{t-1} - \alpha ⟦V_{dw,t-1}⟧$",
        "at t-1 is gone",
        "this line above that one",
    ),
]


# A rule of matrices that reads.
MATRICES = r"""Initialize: $V_{dw} = 0$

On iteration $t$: $X = dW$, $V_{dw} = V_{dw} + X$

Repeat $K$ times: $A = X X^\top$, $X := a_1 X + A X$

$W := W - \alpha \frac{X}{\lVert X \rVert_F} - V_{dw}$
"""
OF_MATRICES = [
    # Shapes that do not fit.
    (r"X X^\top", r"⟦X X⟧", "product of rows × columns and rows × columns", r"X X^\top"),
    ("+ A X$", "+ ⟦X A⟧$", "a product of rows × columns and rows × rows", r"X X^\top"),
    (
        r"W - \alpha \frac{X}{\lVert X \rVert_F} -",
        r"⟦W - X^\top⟧ -",
        "a sum of rows × columns and columns × rows",
        "the same shape",
    ),
    (
        r"A = X X^\top",
        r"X := ⟦X X^\top⟧",
        "`X` is rows × columns, and this is rows × rows",
        "shape",
    ),
    ("$X = dW$", "$X = ⟦1⟧$", "and this is a number", "a value of the shape"),
    (
        "$X = dW$, $V_{dw} = V_{dw} + X",
        r"$X = dW$, $V_{dw} = ⟦X^\top⟧",
        "`V_{dw}` is rows × columns",
        "shape",
    ),
    # These could be meant of each entry, or of the whole.
    ("+ A X$", "+ ⟦A dW⟧ X$", "multiplied element by element", "$X = dW$"),
    ("+ A X$", r"+ ⟦A \cdot X⟧$", "which product", "side by side"),
    ("+ A X$", r"+ ⟦A \odot X⟧$", "which product", "side by side"),
    (r"a_1 X + A X", r"⟦a_1 X + 1⟧", "to every entry, or on the diagonal", "the same shape"),
    ("+ A X$", "+ ⟦A^2⟧ X$", "power of a matrix", "$X Y$"),
    ("+ A X$", r"+ ⟦\alpha^A⟧ X$", "power of a matrix", "$X Y$"),
    ("+ A X$", r"+ ⟦\sqrt{A}⟧ X$", "root of a matrix", "$X Y$"),
    ("+ A X$", r"+ ⟦\max(A, 1)⟧ X$", "maximum of a matrix", "$X Y$"),
    ("+ A X$", r"+ ⟦|A|⟧ X$", "absolute of a matrix", "$X Y$"),
    ("+ A X$", r"+ ⟦X / A⟧$", "quotient of a matrix", "$X Y$"),
    (r"\lVert X \rVert_F", r"⟦\lVert X \rVert⟧", "which norm", r"\rVert_F"),
    (r"\lVert X \rVert_F", r"\lVert dW \rVert⟦_F⟧", "of what is no matrix", "_2"),
    ("+ A X$", r"+ ⟦dW^\top⟧ X$", "the transpose of what is no matrix", "such as X"),
    # Repetitions.
    ("Repeat $K$", "Repeat $⟦W⟧$", "how often", "a hyper-parameter"),
    ("Repeat $K$", "Repeat $⟦1.5⟧$", "how often", "a whole number"),
    ("Repeat $K$ times:", "⟦Repeat⟧ $K$:", "does not say how often", "'Repeat $K$ times:'"),
    ("Repeat $K$ times:", "⟦Repeat $K$ times⟧:\n\n", "or of what", "in the same paragraph"),
    ("Repeat $K$ times:", "$5$ ⟦times:⟧", "does not say how often", "'Repeat $K$ times:'"),
    ("Repeat $K$ times:", "Repeat $K$ times: ⟦repeat $2$ times⟧:", "inside another", "paragraph"),
    ("$A = X", "$⟦A_t⟧ = X", "an index of time in a repetition", "A"),
    (r"- V_{dw}$", r"- V_{dw} - ⟦A⟧ X$", "`A` has no value yet", "a line above"),
    ("$A = X", "$⟦K⟧ = 2$, $A = X", "which the caller gives", "a parameter"),
    ("$A = X", r"$⟦n_{\text{rows}}⟧ = 2$, $A = X", "which is the parameter's", "a parameter"),
    (r"$A = X X^\top$, $X := a_1 X + A X", r"$⟦A = X X^\top⟧$, $X := a_1 X", "never used", "none"),
]


@pytest.mark.parametrize(
    ("rule", "old", "new", "message", "accepted"),
    [*((RULE, *case) for case in CASES), *((MATRICES, *case) for case in OF_MATRICES)],
    ids=[new for _, new, *_ in CASES + OF_MATRICES],
)
def test_what_is_not_understood_is_refused(rule, old, new, message, accepted):
    assert rule.count(old) == 1
    marked = rule.replace(old, new)
    start, end = marked.index("⟦"), marked.index("⟧") - 1
    text = marked.replace("⟦", "").replace("⟧", "")
    line, column = text[:start].count("\n") + 101, start - text.rfind("\n", 0, start)
    with pytest.raises(FormulaError) as raised:
        read(text, path="page.md", line=101)
    error = raised.value
    place, source, carets, choice = str(error).split("\n")
    assert place.startswith(f"page.md:{line}:{column}: ")
    assert source == "    " + text.split("\n")[line - 101]
    assert carets == " " * (column + 3) + "^" * (end - start)
    assert (error.path, error.line, error.column) == ("page.md", line, column)
    assert error.piece == text[start:end]
    assert message in place
    assert choice.startswith("accepted: ")
    assert accepted in choice


def test_the_rules_of_the_cases_are_not_refused():
    assert read(RULE).variables == read(MATRICES).variables == ("W",)


def test_one_character_more_or_less_is_an_error_or_another_formula():
    same = 0
    wanted = [(line.target, line.expression) for line in read(RULE).statements]
    for position in range(len(RULE)):
        for new in ["", *r"\{}$_^|&(),=t2'`. <[;:-/"]:
            text = RULE[:position] + new + RULE[position + (not new) :]
            try:
                statements = read(text).statements
            except FormulaError:
                continue
            for line in statements:
                assert text.split("\n")[line.line - 1][line.column - 1 :].startswith(line.latex)
            same += [(line.target, line.expression) for line in statements] == wanted
    # In prose, or a space or a separator that changes nothing.
    assert 0 < same < 900
