"""Markdown text, the pieces of mathematics in it, and errors that point to their places."""

import re
from typing import NamedTuple


class FormulaError(ValueError):
    r"""A formula that cannot be read as a program, with its place.

    Args:
        message: what is wrong.
        path: the file.
        line: the line in the file, from 1.
        column: the column in the line, from 1.
        piece: the offending piece.
        text: the line.
        accepted: what would be accepted instead.

    Example:
        >>> print(FormulaError("unknown symbol", "adam.py", 7, 6, "q", "$W = q$", "a known one"))
        adam.py:7:6: unknown symbol
            $W = q$
                 ^
        accepted: a known one
    """

    def __init__(
        self,
        message: str,
        path: str,
        line: int,
        column: int,
        piece: str,
        text: str,
        accepted: str,
    ) -> None:
        self.path, self.line, self.column, self.piece = path, line, column, piece
        self.accepted = accepted
        width = max(1, min(len(piece.split("\n")[0]), len(text) - column + 1))
        super().__init__(
            f"{path}:{line}:{column}: {message}\n"
            f"    {text}\n    {' ' * (column - 1)}{'^' * width}\n"
            f"accepted: {accepted}"
        )


class Source(NamedTuple):
    """The text of a formula section.

    Args:
        text: Markdown with LaTeX between dollar signs.
        path: the file that it comes from.
        line: the line of the file where the text begins.
    """

    text: str
    path: str
    line: int

    def where(self, start: int) -> tuple[int, int]:
        """Line and column, both from 1, of a position in the text.

        Example:
            >>> Source("first\\nsecond", "page.md", 10).where(7)
            (11, 2)
        """
        before = self.text[:start]
        return self.line + before.count("\n"), start - before.rfind("\n")

    def error(self, message: str, start: int, end: int, accepted: str) -> FormulaError:
        """The error that underlines the text from `start` to `end`."""
        line, column = self.where(start)
        text = self.text.split("\n")[line - self.line]
        piece = self.text[start:end]
        return FormulaError(message, self.path, line, column, piece, text, accepted)


class Math(NamedTuple):
    """A piece of mathematics in a text.

    Args:
        latex: what stands between the dollar signs.
        start: where it starts.
        section: the section that it stands in.
        repeat: the piece that says how often it is repeated; None for once.
    """

    latex: str
    start: int
    section: str
    repeat: "Math | None" = None


# A section begins with a line that begins with one of these, whatever markup stands before it.
SECTIONS = {
    "initialize": r"initiali[sz]e\b|مقدار\u200c?\s?دهی\s+اولیه",
    "iteration": r"on\s+(each\s+)?iteration\b|در\s+(هر\s+)?تکرار",
}
WORDS = "'Initialize' or 'مقداردهی اولیه', then 'On iteration' or 'در تکرار'"

# The rest of the paragraph is repeated; a formula says how often.
REPEAT = re.compile(r"(?:repeat|به\s+تعداد)\s+\$([^$\n]+)\$\s+(?:times\b|بار\b)", re.IGNORECASE)
REPEATED = "'Repeat $K$ times:' or 'به تعداد $K$ بار:', and formulas in the same paragraph"
PARAGRAPH_END = re.compile(r"\n\s*\n")

# The first alternative that fits wins: code and comments are neither formulas nor prose.
PIECES = re.compile(
    r"""(?P<skip>(?m:^[ ]*```.*?^[ ]*```) | `[^`]*` | <!--.*?--> | \\\$ )
    | \$\$ (?P<display>.*?) \$\$
    | \\\[ (?P<bracket>.*?) \\\]
    | \\\( (?P<paren>.*?) \\\)
    | \$ (?P<inline>(?:[^$\n]|\n(?!\s*\n))+) \$
    | (?P<repeat>\brepeat\b | \bبه\s+تعداد\b | \b(?:times|بار)\s*:)
    | (?P<stray>\$ | \\[A-Za-z\[\]()]+ | [_^]\{ | :=)
    | ^[ ]*(?:[>*_#\-\d.)]|<[^>]*>|\s)*?(?:(?P<initialize>INIT)|(?P<iteration>ITER))
    """.replace("INIT", SECTIONS["initialize"]).replace("ITER", SECTIONS["iteration"]),
    re.VERBOSE | re.DOTALL | re.IGNORECASE | re.MULTILINE,
)


def pieces_of_math(source: Source) -> list[Math]:
    r"""Every piece of mathematics of a text, in reading order.

    Args:
        source: the text.

    Returns:
        A list of `Math`; `section` is "initialize", "iteration" or, before either, "".

    Raises:
        FormulaError: a dollar sign without its partner, LaTeX outside of dollar signs, the
            sections in another order, or a repetition of nothing.

    Example:
        >>> for math in pieces_of_math(Source("Initialize: $V = 0$\n\nOn iteration $t$:", "", 1)):
        ...     print(math)
        Math(latex='V = 0', start=13, section='initialize', repeat=None)
        Math(latex='t', start=35, section='iteration', repeat=None)
    """
    # Keyboards put Arabic letters in the place of Persian ones; no position moves.
    text = source.text.replace("ي", "ی").replace("ك", "ک")
    found, section = [], ""
    repeat, counted, until = None, -1, 0
    for match in PIECES.finditer(text):
        kind = match.lastgroup or ""
        if kind in SECTIONS:
            start = match.start(kind)
            if section and (section, kind) != ("initialize", "iteration"):
                message = f"a section '{match[kind]}' after the section '{section}'"
                raise source.error(
                    message, start, match.end(), f"once each, in this order: {WORDS}"
                )
            section, until = kind, 0
        elif kind == "repeat" and match.start() > counted:
            times, inside = REPEAT.match(text, match.start()), match.start() < until
            until = match.end() + len(PARAGRAPH_END.split(text[match.end() :], maxsplit=1)[0])
            counted = times.end() if times else match.end()
            if inside or not times or not re.search(r"\$|\\[\[(]", text[counted:until]):
                message = "a repetition that does not say how often, or of what, or inside another"
                raise source.error(message, match.start(), counted, REPEATED)
            repeat = Math(source.text[slice(*times.span(1))], times.start(1), section)
        elif kind == "stray":
            if match[0] == "$":
                message, accepted = "a dollar sign without its partner", r"$…$; as a sign, \$"
            else:
                message, accepted = "LaTeX outside of a formula", r"$…$, $$…$$ or \[…\] around it"
            raise source.error(message, match.start(), match.end(), accepted)
        elif kind not in ("skip", "repeat"):
            start, end = match.span(kind)
            repeated = repeat if repeat and repeat.start < start < until else None
            found.append(Math(source.text[start:end], start, section, repeated))
    return found
