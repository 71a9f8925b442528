"""Each formula is followed by the same rule in papers' letters, printed from what was read."""

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

from optimizers import OPTIMIZERS, rule_of
from optimizers.formula import Rule, paper_lines
from optimizers.formula.letters import letters_of

from ..locate import INCLUDE
from ..names import module_name

FORMULAS = {f"optimizers/{module_name(name)}.py": name for name in OPTIMIZERS}


class LettersPreprocessor(Preprocessor):
    """Writes a rule in papers' letters below each include of an optimizer's formula."""

    def run(self, lines: list[str]) -> list[str]:
        written = []
        for line in lines:
            written.append(line)
            match = INCLUDE.match(line)
            if match and match[2] == "formula" and match[1] in FORMULAS:
                rule = rule_of(FORMULAS[match[1]])
                # The letters are of vectors: a rule that moves matrices has none of them.
                if not rule.matrix:
                    indent = line[: len(line) - len(line.lstrip())]
                    written += ["", *(indent + new if new else "" for new in in_letters(rule))]
        return written


def in_letters(rule: Rule) -> list[str]:
    r"""Return the Markdown of a rule in papers' letters, folded.

    Example:
        >>> print(*in_letters(rule_of("Momentum")), sep="\n")
        ??? letters "In papers' letters"
        <BLANKLINE>
            Initialize: $m_0 = 0$
        <BLANKLINE>
            On iteration $t$, with the gradient $g_t$:
        <BLANKLINE>
            $g_t \leftarrow g_t + \lambda \theta_{t-1}$
        <BLANKLINE>
            $m_t = \mu m_{t-1} + g_t$
        <BLANKLINE>
            $\theta_t = \theta_{t-1} - \eta m_t$
        <BLANKLINE>
            Here $\theta$ stands for $W$, $g$ for $dW$, $m$ for $V_{dw}$ and $\eta$ for $\alpha$.
        <BLANKLINE>
    """
    first, each = [], []
    for statement, latex in zip(rule.lines("W"), paper_lines(rule), strict=True):
        (first if statement.section == "initialize" else each).append(f"${latex}$")
    paragraphs = []
    if first:
        given = ", with the first gradient $g_0$" if "g_0" in " ".join(first) else ""
        paragraphs.append(f"Initialize{given}: {', '.join(first)}")
    paragraphs += ["On iteration $t$, with the gradient $g_t$:", *each]
    (symbol, letter), *others = letters_of(rule).items()
    *middle, last = [f"${letter}$ for ${symbol}$" for symbol, letter in others]
    meant = ", ".join([f"Here ${letter}$ stands for ${symbol}$", *middle])
    paragraphs.append(f"{meant} and {last}.")
    lines = [line for paragraph in paragraphs for line in (f"    {paragraph}", "")]
    return ['??? letters "In papers\' letters"', "", *lines]


class LettersExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        # After includes are checked (33), before they are replaced by what they include (32).
        md.preprocessors.register(LettersPreprocessor(md), "papers-letters", 32.5)


def makeExtension(**kwargs) -> LettersExtension:
    return LettersExtension(**kwargs)
