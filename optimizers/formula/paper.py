r"""Takes papers' LaTeX apart: lines that assign, branches, and symbols with their index of time.

`letters` makes a rule of them. A symbol is known by its letter, its labels and its time, in
whatever order and brackets they stand: $\hat{m_t}$, $\hat m_t$ and ${\hat m}^{(t)}$ are the same.
"""

import re
from typing import Any, NamedTuple

from sympy.core.alphabets import greeks

from .source import SECTIONS, Source


class Atom(NamedTuple):
    """A symbol where it stands: its name in the dialect, and its time: "", "0", "t-1", "t" or "t+1"."""

    name: str
    time: str
    start: int
    end: int
    # The time stood as ^{(t)}, which for a hyper-parameter may be meant as a power.
    raised: bool = False


class Piece(NamedTuple):
    r"""A piece of an expression: an atom, \nabla f(…) with the pieces in its brackets, or text."""

    text: str
    start: int
    end: int
    atom: Atom | None = None
    inside: tuple[Any, ...] | None = None


class Line(NamedTuple):
    """An assignment of the paper."""

    target: Atom
    value: list[Piece]
    start: int
    end: int
    section: str = "iteration"


class Branch(NamedTuple):
    """Lines under an `if`, and those under its `else`."""

    condition: list["Token"]
    start: int
    end: int
    then: list
    other: list


class Token(NamedTuple):
    """One token of LaTeX."""

    kind: str
    text: str
    start: int
    end: int


TEXT = r"\\(?:text|textrm|textbf|textit|texttt|mathrm|mathbf|mathit|mathsf|boldsymbol|bm|mathcal|mathbb|operatorname\*?)"
TOKEN = re.compile(
    rf"""(?P<cases>\\(?:begin|end)\{{cases\}}) | (?P<space>(?:\s|%[^\n]*(?:\n|$)
        |\\[hv]space\*?\{{[^}}]*\}}|\\rule\{{[^}}]*\}}\{{[^}}]*\}}|\\(?:label|tag\*?)\{{[^}}]*\}}
        |\\(?:left|right|[bB]igg?[lrm]?|q?quad|displaystyle|limits|nonumber|notag|bf)(?![A-Za-z])
        |\\(?:begin|end)\{{(?!cases\}})(?:array\}}\{{[^}}]*|[a-z]+\*?)\}}|\\[,;:!>\ ]|~|&)+)
    | (?P<row>\\\\(?:\s*\[[^\]]*\])?)
    | (?P<word>{TEXT}\s*\{{(?:[^{{}}]|\{{[^{{}}]*\}})*\}})
    | (?P<long>[A-Za-z]+(?:\\_[A-Za-z]+)+)
    | (?P<function>\\?(?:max|min|sign|sgn|clip)(?![A-Za-z]))
    | (?P<number>[0-9]+(?:\.[0-9]+)?)
    | (?P<relation>:=|=|\\(?:leftarrow|gets|coloneqq|triangleq|doteq)(?![A-Za-z]))
    | (?P<command>\\[A-Za-z]+|\\.)
    | (?P<letter>[A-Za-z])
    | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
MATH = re.compile(
    r"""\$\$(?P<display>.*?)\$\$ | \\\[(?P<bracket>.*?)\\\] | (?<!\\)\$(?P<inline>[^$]+)\$
    | \\\((?P<round>.*?)\\\)
    | \\begin\{(?P<kind>equation|align|aligned|gather|multline|eqnarray|array)(?P<star>\*?)\}
      (?:\{[lcr|\s]*\})?(?P<environment>.*?)\\end\{(?P=kind)(?P=star)\}""",
    re.VERBOSE | re.DOTALL,
)
CASES = re.compile(r"\\begin\{cases\}(.*?)\\end\{cases\}", re.DOTALL)
CASE = re.compile(r"(?P<value>.*?)&\s*(?P<when>.*?)(?:\\\\(?:\[[^\]]*\])?|$)", re.DOTALL)
KEYWORD = re.compile(
    rf"""(?:{TEXT}\s*\{{\s*|\\bf\s*\{{?\s*)?
    (?P<word>inputs?|require|initiali[sz]e|for|else\s*if|if|else|return|end|do|repeat|until|while)
    (?![A-Za-z])\s*\}}?(?:\s*:)?""",
    re.VERBOSE | re.IGNORECASE,
)
INDENT = re.compile(r"[\s&]*(?:\\hspace\{(?P<mm>[0-9]+)\s*mm\})?")
COMMENT = re.compile(rf"\s*{TEXT}\s*\{{(?P<words>[^{{}}]*)\}}")
BEGIN, END = "\\begin{cases}", "\\end{cases}"
OPEN = {"(": ")", "[": "]", "\\{": "\\}", "{": "}", BEGIN: END}
CLOSE = set(OPEN.values())
COMPARISON = re.compile(r"[<>]|\\(?:[gl]eq?|[gl]t)(?![A-Za-z])")
CONDITIONS = re.compile(rf"{COMPARISON.pattern}|{TEXT}\s*\{{\s*(?:if|otherwise|else)\s*\}}")
ACCENTS = {
    **{"\\hat": "\\hat", "\\widehat": "\\hat", "\\bar": "\\bar", "\\overline": "\\bar"},
    **{"\\tilde": "\\tilde", "\\widetilde": "\\tilde"},
}
SIGNS = {
    **{"+": "+", "-": "-", "/": "/", ",": ",", ";": ","},
    **dict.fromkeys(("\\cdot", "*", "\\ast"), "\\cdot"),
    **dict.fromkeys(("\\odot", "\\circ", "\\otimes"), "\\odot"),
    "\\times": "\\times",
}
FUNCTIONS = {
    **{"max": "\\max", "min": "\\min", "clip": "\\operatorname{clip}"},
    **dict.fromkeys(("sign", "sgn"), "\\operatorname{sign}"),
}
# Letters that papers use for functions.
CALLED = ("f", "h", "F", "L", "J", "N", "P", "\\phi", "\\varphi", "\\Phi", "\\ell", "\\mathcal")
BARS = ("|", "\\|", "\\vert", "\\Vert", "\\lvert", "\\rvert", "\\lVert", "\\rVert")
LETTERS = {*greeks, *(f"var{name}" for name in greeks), "ell"}
LETTERS |= {name.capitalize() for name in greeks}
ACCEPTED = (
    r"letters with indices, \frac{}{}, \sqrt{}, \max(), \min(), \mathrm{sign}(), \mathrm{clip}(), |·|,"
    r" \|·\|, \nabla f(\theta), \sum_{i=1}^{t}, \prod_{i=1}^{t}"
)


class Paper:
    """A text in papers' letters, taken apart.

    Args:
        source: LaTeX, or prose with LaTeX between dollar signs or in environments.
        options: which cases are taken, by the words of their conditions.
    """

    def __init__(self, source: Source, options: dict[str, bool]) -> None:
        self.source, self.options = source, options
        self.program: list = []
        self.words: dict[str, str] = {}
        self.remarks: list[str] = []
        self.values: dict[str, float] = {}
        self.asked: set[str] = set()
        self.coordinates: set[str] = set()
        self.sums: list[tuple[str, list[Piece]]] = []
        indices = re.findall(r"_\{?\(?([tkn])(?![A-Za-z])", source.text)
        self.index = "t" if "t" in indices or not indices else indices[0]

    def read(self) -> list:
        """The lines and branches in order; `words` and `remarks` are known afterwards.

        Raises:
            FormulaError: a piece that cannot be read, with its place.
        """
        text = self.source.text
        found = list(MATH.finditer(text))
        spans = [match.span(next(k for k in PIECES if match[k] is not None)) for match in found]
        spans = spans or [(0, len(text))]
        for start, end in spans:
            self.section = self.section_before(start)
            display = not found or text[start - 1 : start] != "$" or text[start - 2 : start] == "$$"
            rows = self.rows(start, end)
            self.note_words(start, end)
            self.program += self.block(rows, -1, display)
        return self.program

    def section_before(self, start):
        """The section of a text that names its sections as this site does."""
        last = "iteration"
        for name, pattern in SECTIONS.items():
            found = re.finditer(rf"^[^\w\n]*(?:{pattern})", self.source.text[:start], re.M | re.I)
            last = name if name == "initialize" and any(found) else last
        later = re.search(
            rf"^[^\w\n]*(?:{SECTIONS['iteration']})", self.source.text[:start], re.M | re.I
        )
        return "iteration" if later else last

    def error(self, message, start, end, accepted=ACCEPTED):
        return self.source.error(message, start, end, accepted)

    def note_words(self, start, end):
        """Words of the prose that follow a mention, such as "is the learning rate"."""
        after = re.match(
            r"[$\\)\]]*,?\s*(?:represents?|is|be|denotes?|:)?\s*(?:a|an|the)?\s*"
            r"(learning rate|step[- ]size|weight decay|momentum\b(?! buffer))",
            self.source.text[end : end + 60],
        )
        pieces = self.lenient(start, end)
        if after and len(pieces) == 1 and pieces[0].atom:
            self.words[pieces[0].atom.name] = after[1].replace("-", " ")

    def lenient(self, start, end):
        """The pieces of an expression, none if it cannot be read."""
        try:
            return Reader(self, self.tokens(start, end)).expression()
        except ValueError:
            return []

    def tokens(self, start, end):
        """The tokens without layout and comments; where an option chooses, of the chosen case."""
        text, skip = self.source.text, []
        for cases in CASES.finditer(text, start, end):
            chosen = self.chosen(cases)
            if chosen is None:
                continue
            skip += [(cases.start(), chosen[0]), (chosen[1], cases.end())]
        tokens, at = [], start
        while at < end:
            hidden = next((last for first, last in skip if first <= at < last), None)
            if hidden:
                at = hidden
                continue
            match = TOKEN.match(text, at, end)
            assert match is not None
            if match.lastgroup != "space":
                tokens.append(Token(match.lastgroup or "", match[0], *match.span()))
            at = match.end()
        return tokens

    def chosen(self, cases):
        """The place of the value that the options choose among cases; None if numbers choose."""
        rows = list(CASE.finditer(self.source.text, *cases.span(1)))
        for row in rows:
            words = re.sub(r"\\[A-Za-z]+|[{}\\]", " ", row["when"])
            said = re.search(r"if\s+(\w+)\s*=\s*(True|False)", words)
            if not said and COMPARISON.search(row["when"]):
                return None
            if not said:
                raise self.error(
                    "a case whose condition is no option",
                    *row.span("when"),
                    r"\text{if word = True}, \text{if } t > 1",
                )
            if self.option(said[1]) == (said[2] == "True"):
                start = row.start("value")
                return start, start + len(row["value"].rstrip().rstrip(","))
        raise self.error(
            "no case of these is chosen", *cases.span(), "a case for True and one for False"
        )

    def option(self, word):
        """Whether an option is on; off unless said."""
        self.asked.add(word)
        value = self.options.get(word, False)
        self.remark(f"{word}: an option, {'on' if value else 'off'}")
        return value

    def remark(self, text):
        """Note what a reader should know; once."""
        if text not in self.remarks:
            self.remarks.append(text)

    def rows(self, start, end):
        """The rows of a piece: start, end and indent; a row that begins with a sign goes on."""
        places, first, inside = [], start, 0
        for token in self.tokens(start, end):
            inside += (token.text == BEGIN) - (token.text == END)
            if token.kind == "row" and not inside:
                places.append((first, token.start))
                first = token.end
        places.append((first, end))
        rows: list[tuple[int, int, int]] = []
        for first, last in places:
            tokens = self.tokens(first, last)
            if not tokens:
                continue
            if rows and tokens[0].text in ("+", "-", "\\cdot"):
                rows[-1] = (rows[-1][0], last, rows[-1][2])
                continue
            indent = INDENT.match(self.source.text, first, last)
            rows.append((tokens[0].start, last, int(indent["mm"] or 0) if indent else 0))
        return rows

    def block(self, rows, above, display=True):
        """The lines and branches of the rows that stand further right than `above`."""
        found: list = []
        while rows and rows[0][2] > above:
            start, end, indent = rows[0]
            key = KEYWORD.match(self.source.text, start, end)
            word = re.sub(r"\s+", " ", key["word"].lower()) if key else ""
            if word in ("else", "else if"):
                raise self.error(
                    "an else without its if", start, end, "an if above, of the same indent"
                )
            rows.pop(0)
            if word == "if":
                found.append(self.branch(rows, key.end(), end, indent))
            elif word in ("input", "inputs", "require"):
                self.section = "input"
                self.inputs(key.end(), end)
            elif word.startswith("initiali"):
                self.section = "initialize"
                found += self.lines(key.end(), end, display)
            elif word == "for":
                loop = re.match(
                    r"[\s\\:;,]*(?:text\{\s*\}\s*)?([a-z])\s*=", self.source.text[key.end() : end]
                )
                if loop and loop[1] != self.index:
                    # Every quantity has the shape of the parameter: its index is of a coordinate.
                    self.coordinates.add(loop[1])
                    self.remarks.append(
                        f"{loop[1]}: the index of a coordinate; each moves by itself"
                    )
                self.section = "iteration"
            elif word in ("repeat", "until", "while"):
                raise self.error(
                    f"a loop '{word}' in an iteration", start, end, "for t = 1 to … do"
                )
            elif not word:
                if self.section == "input":
                    self.inputs(start, end)
                else:
                    found += self.lines(start, end, display)
        return found

    def branch(self, rows, start, end, indent):
        """A branch, and what stands under its else."""
        condition = [
            token
            for token in self.tokens(start, end)
            if token.text != ":" and not re.search(r"\{\s*(then|do)\s*\}", token.text)
        ]
        if condition:
            start, end = condition[0].start, condition[-1].end
        then, other = self.block(rows, indent), []
        if rows and rows[0][2] == indent:
            key = KEYWORD.match(self.source.text, *rows[0][:2])
            word = re.sub(r"\s+", " ", key["word"].lower()) if key else ""
            if word == "else":
                rows.pop(0)
                other = self.block(rows, indent)
            elif word == "else if":
                last = rows.pop(0)[1]
                other = [self.branch(rows, key.end(), last, indent)]
        return Branch(condition, start, end, then, other)

    def inputs(self, start, end):
        r"""The words of an input: \gamma \text{ (lr)}."""
        for part in self.split(start, end):
            comment = COMMENT.search(self.source.text, part[0].start, part[-1].end)
            if comment:
                pieces = self.lenient(part[0].start, comment.start())
                word = comment["words"].strip().strip("()").strip()
                if len(pieces) == 1 and pieces[0].atom and word:
                    self.words[pieces[0].atom.name] = word

    def split(self, start, end):
        """The tokens of a row, parted at commas outside of brackets."""
        parts: list[list[Token]] = [[]]
        depth = inside = 0
        for token in self.tokens(start, end):
            depth += token.text in OPEN
            depth -= token.text in CLOSE
            inside += (token.text == BEGIN) - (token.text == END)
            if depth == 0 and token.text in (",", ";"):
                parts.append([])
            elif token.kind != "row" or inside:
                parts[-1].append(token)
        return [part for part in parts if part]

    def lines(self, start, end, display):
        """The assignments of a row."""
        found, parts = [], self.split(start, end)
        if parts and parts[-1][-1].text == ".":
            parts[-1].pop()
        assigns = any(token.kind == "relation" for part in parts for token in part)
        for part in parts:
            marks = outer(part)
            if not marks and display and assigns and any(t.kind != "word" for t in part):
                raise self.error(
                    "this assigns nothing", part[0].start, part[-1].end, "an assignment"
                )
            if marks and (display or not self.said(part, marks[0])):
                found += self.assignment(part, marks)
        return found

    def said(self, part, mark):
        r"""Whether $\beta_1 = 0.9$ or $f(x) = …$ in a sentence says a value, or nothing to read."""
        left, right = part[:mark], "".join(token.text for token in part[mark + 1 :])
        pieces = self.lenient(left[0].start, left[-1].end) if left else []
        atom = pieces[0].atom if len(pieces) == 1 else None
        text = self.source.text[part[0].start : part[-1].end]
        number = re.fullmatch(r"[0-9.]+|([0-9.]+\\(times|cdot))?10\^(\{-?[0-9]+\}|[0-9])", right)
        if atom and atom.name == "t":
            return True
        if atom and not atom.time and number:
            self.values[atom.name] = value_of(right)
            return True
        if not atom:
            self.remark(f"{text}: in a sentence, and no assignment to a symbol; not read")
        return not atom and self.members(part[mark + 1 :]) is None

    def assignment(self, part, marks):
        """The assignment of a part of a row; S_0 := (m_0, v_0) = (0, 0) has several."""
        left = part[: marks[0]]
        sides = [part[a + 1 : b] for a, b in zip(marks, [*marks[1:], len(part)], strict=True)]
        if not left or not sides[0]:
            place = part[marks[0]]
            raise self.error("an assignment without its two sides", place.start, place.end)
        tuples = [self.members(side) for side in sides]
        if tuples[0] is not None:
            if len(tuples) == 2 and tuples[1] and len(tuples[1]) == len(tuples[0]):
                pairs = zip(tuples[0], tuples[1], strict=True)
                return [line for name, value in pairs for line in self.line(name, value)]
            if len(tuples) == 1:
                text = "".join(token.text for token in left)
                self.remarks.append(
                    f"{text}: the list of what is kept; it says no more than the lines"
                )
                return []
        if len(sides) > 1:
            place = part[marks[1]]
            raise self.error("two signs of assignment", place.start, place.end, "one for each line")
        return self.line(left, sides[0])

    def members(self, side):
        """The members of a tuple of several, or of one symbol in brackets; None for anything else."""
        if not side or side[0].text != "(" or side[-1].text != ")":
            return None
        parts, depth = [[]], 0
        for token in side[1:-1]:
            depth += token.text in OPEN
            depth -= token.text in CLOSE
            if depth < 0:
                return None
            if token.text == "," and depth == 0:
                parts.append([])
            else:
                parts[-1].append(token)
        single = len(parts) == 1 and len(parts[0]) > 4
        return None if single or not all(parts) else parts

    def line(self, left, right):
        """The assignment, after those of the sums and products in it."""
        start, end = left[0].start, right[-1].end
        self.sums = []
        name = Reader(self, left).expression()
        if len(name) == 4 and name[1].text == "^{" and name[2].text == "0":
            name = [name[0]._replace(atom=name[0].atom and name[0].atom._replace(time="0"))]
        if len(name) != 1 or not name[0].atom:
            raise self.error(
                "an assignment to more than a symbol", start, left[-1].end, "one symbol"
            )
        target = name[0].atom
        words = [token for token in right if token.kind == "word"]
        if len(words) == len(right):
            # \text{lr (learning rate)} as a value is the name of a hyper-parameter.
            said = re.search(r"\{\s*([A-Za-z]+)", words[0].text)
            if not said:
                raise self.error("an assignment of no value", start, end)
            atom = Atom(label_of(said[1]), "", words[0].start, words[0].end)
            self.words.setdefault(atom.name, said[1])
            value = [Piece("", atom.start, atom.end, atom)]
        else:
            value = Reader(self, right).expression()
        section = "initialize" if target.time == "0" else self.section
        totals = [Line(Atom(name, "t", start, end), body, start, end) for name, body in self.sums]
        return [
            *totals,
            Line(target, value, start, end, "iteration" if section == "input" else section),
        ]


PIECES = ("display", "bracket", "inline", "round", "environment")


def outer(part):
    """The places of the signs of assignment outside of brackets."""
    depth, marks = 0, []
    for place, token in enumerate(part):
        depth += token.text in OPEN
        depth -= token.text in CLOSE
        if token.kind == "relation" and depth == 0:
            marks.append(place)
    return marks


def value_of(text):
    r"""A number of a sentence: 0.9, 10^{-8} or 3 \times 10^{-4}.

    Example:
        >>> value_of("0.9"), value_of("10^{-8}"), value_of(r"3\times10^{-4}")
        (0.9, 1e-08, 0.0003)
    """
    text = re.sub(r"\\(?:times|cdot)", "*", text.replace("{", "").replace("}", ""))
    factor, _, power = text.rpartition("*") if "*" in text else ("1", "", text)
    base, _, exponent = power.partition("^")
    return float(f"{factor}e{exponent}") if exponent and base == "10" else float(base)


def label_of(word):
    """A word as a symbol of the dialect: its first letter with the word as its index."""
    plain = word.replace("\\_", "").replace("_", "")
    return plain if len(plain) == 1 else f"{plain[0]}_{{{plain}}}"


class Reader:
    """Reads the tokens of one expression into pieces."""

    def __init__(self, paper: Paper, tokens: list[Token], running: str = "", at: str = "t") -> None:
        self.paper, self.tokens, self.place = paper, tokens, 0
        # The index that a sum or product runs over stands for a time.
        self.running, self.at = running, at
        self.in_cases = 0

    def error(self, message, token, accepted=ACCEPTED):
        return self.paper.error(message, token.start, token.end, accepted)

    def peek(self):
        return self.tokens[self.place].text if self.place < len(self.tokens) else ""

    def next(self):
        if self.place == len(self.tokens):
            last = self.tokens[-1] if self.tokens else Token("", "", 0, 1)
            raise self.error("the formula ends too early", last)
        self.place += 1
        return self.tokens[self.place - 1]

    def expression(self, closing=""):
        """The pieces up to a closing bracket, which is not taken."""
        found: list[Piece] = []
        while self.place < len(self.tokens) and self.peek() != closing:
            token = self.tokens[self.place]
            follows = bool(found) and (
                found[-1].atom is not None
                or found[-1].text[-1:] in tuple(")]}")
                or found[-1].text.isdigit()
            )
            if token.kind == "number" and follows:
                found.append(Piece("\\cdot", token.start, token.start))
            found += self.item()
        return found

    def item(self):
        """The pieces of one symbol, sign, bracket or function."""
        token = self.next()
        text = token.text
        if token.kind == "number":
            return [Piece(text, token.start, token.end), *self.power()]
        if token.kind == "function" or text.strip("\\") in FUNCTIONS:
            return self.function(token, text.strip("\\"))
        if self.in_cases and (token.kind == "row" or CONDITIONS.fullmatch(text)):
            return [Piece(text, token.start, token.end)]
        if token.kind == "word":
            return self.word(token)
        if text in SIGNS:
            return [Piece(SIGNS[text], token.start, token.end)]
        if text in BARS:
            return [Piece(text, token.start, token.end), *self.after_bar()]
        if text == "{":
            return self.braces(token)
        if text in OPEN:
            self.in_cases += text == BEGIN
            inside = self.expression(OPEN[text])
            close = self.closing(token, OPEN[text])
            self.in_cases -= text == BEGIN
            return [Piece(text, *token[2:]), *inside, Piece(close.text, *close[2:]), *self.power()]
        if re.fullmatch(r"\\[dt]?frac", text):
            above, below = self.argument(token), self.argument(token)
            return [Piece("\\frac", *token[2:]), *above, *below, *self.power()]
        if text == "\\sqrt":
            return [Piece("\\sqrt", *token[2:]), *self.argument(token), *self.power()]
        if text == "\\nabla":
            return self.gradient(token)
        if text in ("\\sum", "\\prod"):
            return self.running_total(token)
        if text in ACCENTS or (text == "\\Delta" and self.starts_symbol()):
            return self.symbol(token, *self.prefixed(token))
        if text == "E" and self.peek() == "[":
            # E[g^2]_t is one symbol: an average by the name of what it averages.
            inside = []
            while self.peek() != "]":
                inside.append(self.next().text)
            self.next()
            return self.symbol(token, "E_{" + re.sub(r"[^A-Za-z0-9]", "", "".join(inside)) + "}")
        if token.kind in ("letter", "long") or text[1:] in LETTERS:
            base = label_of(text) if token.kind == "long" else text
            return self.symbol(token, base)
        raise self.error(f"cannot read `{text}`", token)

    def refuse_call(self, token, name):
        """f(x) is a product to the dialect, and a function to whoever wrote it."""
        if name in CALLED and self.peek() in ("(", "["):
            message = "a function of what is in the brackets, or a product?"
            raise self.error(message, token, r"\cdot before the bracket, or the function's formula")

    def starts_symbol(self):
        """Whether a letter follows, as in \\Delta x."""
        if self.place == len(self.tokens):
            return False
        token = self.tokens[self.place]
        return token.kind == "letter" or token.text[1:] in LETTERS

    def closing(self, opening, close):
        if self.peek() != close:
            raise self.error(f"`{opening.text}` is never closed", opening, close)
        return self.next()

    def argument(self, token):
        """An argument in braces; one token without them is an argument, too."""
        if self.peek() == "{":
            opening = self.next()
            inside = self.expression("}")
            close = self.closing(opening, "}")
            return [Piece("{", *opening[2:]), *inside, Piece("}", *close[2:])]
        inner = Reader(self.paper, [self.next()], self.running, self.at).item()
        return [Piece("{", *token[2:]), *inner, Piece("}", *token[2:])]

    def function(self, token, name):
        if name == "max" and self.peek() == "_":
            return self.running_total(token)
        if self.peek() in ("_", "^"):
            raise self.error(f"{name} with an index", self.tokens[self.place], rf"\{name}(a, b)")
        return [Piece(FUNCTIONS[name], token.start, token.end)]

    def word(self, token):
        """A word: a function, a letter in another type, or a comment, which says nothing."""
        inner = token.text[token.text.index("{") + 1 : -1].strip()
        if inner in FUNCTIONS:
            return self.function(token, inner)
        if re.fullmatch(r"[A-Za-z]|\\[A-Za-z]+", inner):
            found = self.symbol(token, inner)
            self.refuse_call(token, "f" if re.match(r"\\math(bb|cal)", token.text) else inner)
            return found
        if self.peek() in ("(", "[", "{") or token.text.startswith("\\operatorname"):
            raise self.error(f"unknown function `{inner}`", token)
        if re.fullmatch(r"[A-Za-z]+", inner) and self.peek() in ("_", "^"):
            return self.symbol(token, label_of(inner))
        if re.fullmatch(r"[A-Za-z_]+", inner) and len(self.tokens) == 1:
            return self.symbol(token, label_of(inner))
        if inner.startswith("(") or " " in inner or not inner:
            return []
        raise self.error(f"cannot read the word `{inner}`", token)

    def braces(self, opening):
        """A group in braces; around one symbol they say nothing."""
        inside = self.expression("}")
        close = self.closing(opening, "}")
        if len(inside) == 1 and inside[0].atom:
            return self.scripts(opening, inside[0].atom)
        return [Piece("{", *opening[2:]), *inside, Piece("}", *close[2:]), *self.power()]

    def prefixed(self, token):
        """The name of an accented symbol or of a difference, and what its inner scripts said."""
        if self.peek() == "{":
            opening = self.next()
            inside = self.expression("}")
            self.closing(opening, "}")
        elif token.text == "\\Delta":
            letter = self.next()
            return f"\\Delta_{{{letter.text}}}", None
        else:
            inside = Reader(self.paper, [self.next()], self.running, self.at).item()
        if len(inside) != 1 or not inside[0].atom:
            raise self.error(f"`{token.text}` over more than a symbol", token, r"\hat{m}")
        atom = inside[0].atom
        base, rest = re.fullmatch(r"(\\?[A-Za-z]+)(.*)", atom.name, re.DOTALL).groups()  # type: ignore[union-attr]
        return f"{ACCENTS[token.text]}{{{base}}}{rest}", atom.time

    def symbol(self, token, base, time=None):
        """A symbol with its scripts."""
        end = self.tokens[self.place - 1].end
        found = self.scripts(token, Atom(base, time or "", token.start, end))
        self.refuse_call(token, base)
        return found

    def scripts(self, token, atom):
        """A symbol with its labels, its time and its power."""
        base, sub, up = parts_of(atom.name)
        time, raised, power = atom.time, atom.raised, []
        while self.peek() in ("_", "^", "'"):
            sign = self.next()
            if sign.text == "'":
                up += "prime"
                continue
            inside = self.script()
            text = "".join(piece.text for piece in inside).replace(" ", "")
            if sign.text == "_":
                labels, when = self.subscript(text)
                sub = ",".join(filter(None, [sub, *labels]))
                time = self.once(time, when, sign)
                continue
            when = self.time_of(text[1:-1]) if text[:1] == "(" and text[-1:] == ")" else ""
            if when:
                time, raised = self.once(time, when, sign), True
            elif re.fullmatch(r"\([0-9]\)", text):
                up += text[1:-1]
            elif text in self.paper.coordinates or re.fullmatch(r"\([ij]\)", text):
                index = text.strip("()")
                self.paper.remark(f"{index}: the index of a coordinate; each moves by itself")
            elif word := re.fullmatch(rf"(?:{TEXT}\{{)?([A-Za-z]{{2,}}|\*|\\star|\\ast)\}}?", text):
                up += "star" if word[1] in ("*", "\\star", "\\ast") else word[1]
            elif power:
                raise self.error("a second power", sign, "one power")
            else:
                pieces = Reader(self.paper, inside, self.running, self.at).expression()
                power = [Piece("^{", *sign[2:]), *pieces, Piece("}", *sign[2:])]
        name = base
        name += "" if not sub else f"_{sub}" if len(sub) == 1 else f"_{{{sub}}}"
        name += f"^{{\\text{{{up}}}}}" if up else ""
        end = self.tokens[self.place - 1].end
        if name == self.paper.index and not time:
            name = "t"
        found = Atom(name, time, token.start, end, raised)
        return [Piece("", token.start, end, found), *power]

    def once(self, time, when, sign):
        if time and when and time != when:
            raise self.error("a second index of time", sign, "one index, such as _t or _{t-1}")
        return when or time

    def script(self):
        """The tokens of one script."""
        first = self.next()
        if first.text != "{":
            return [first]
        found, depth = [], 1
        while True:
            token = self.next()
            depth += (token.text == "{") - (token.text == "}")
            if not depth:
                return found
            found.append(token)

    def time_of(self, text):
        """The time that an index says; "" if it says none."""
        index = self.paper.index
        if self.running and text in (self.running, f"({self.running})"):
            return self.at
        return {index: "t", f"{index}-1": "t-1", f"{index}+1": "t+1", "0": "0"}.get(text, "")

    def subscript(self, text):
        """The labels and the time of a subscript."""
        labels, time = [], ""
        nested = re.fullmatch(r"(.+)_\{?([^{}]+)\}?", text)
        if nested and self.time_of(nested[2]):
            text = f"{nested[1]},{nested[2]}"
        for part in re.sub(rf"{TEXT}\{{([^{{}}]*)\}}", r"\1", text).split(","):
            when = self.time_of(part.strip("()") if part.strip("()") else part)
            if when:
                time = when
            elif part not in self.paper.coordinates:
                labels.append(part.replace("\\_", ""))
        if time and labels[:1] in (["i"], ["j"]):
            self.paper.remark(f"{labels.pop(0)}: the index of a coordinate; each moves by itself")
        return labels, time

    def power(self):
        """The power of what is no symbol."""
        if self.peek() != "^":
            return []
        sign = self.next()
        pieces = Reader(self.paper, self.script(), self.running, self.at).expression()
        return [Piece("^{", *sign[2:]), *pieces, Piece("}", *sign[2:])]

    def after_bar(self):
        """The index and the power of a norm."""
        found = []
        if self.peek() == "_":
            sign = self.next()
            text = "".join(token.text for token in self.script())
            found.append(Piece(f"_{{{text}}}", *sign[2:]))
        return [*found, *self.power()]

    def gradient(self, token):
        r"""\nabla_\theta f_t(\theta_{t-1}): the gradient, and the symbols in its brackets."""
        if self.peek() == "_":
            self.next()
            self.script()
        if self.starts_symbol() or self.peek().startswith("\\math"):
            letter = self.next()
            self.scripts(letter, Atom("f", "", letter.start, letter.end))
        inside: list[Piece] = []
        if self.peek() == "(":
            opening = self.next()
            inside = self.expression(")")
            self.closing(opening, ")")
        return [
            Piece("\\nabla", token.start, self.tokens[self.place - 1].end, None, tuple(inside)),
            *self.power(),
        ]

    def operand(self):
        """One operand: an item, or a norm up to its closing bar."""
        bar = self.peek()
        found = self.item()
        if bar in BARS:
            close = {"\\lVert": "\\rVert", "\\lvert": "\\rvert"}.get(bar, bar)
            found += [*self.expression(close), *self.item()]
        return found

    def running_total(self, token):
        r"""\sum_{i=1}^{t}, \prod_{i=1}^{t} or \max_{i \leq t}: each iteration adds one more."""
        accepted = rf"{token.text}_{{i=1}}^{{t}}"
        scripts = {}
        while self.peek() in ("_", "^"):
            sign = self.next()
            scripts[sign.text] = "".join(token.text for token in self.script()).replace(" ", "")
        index = self.paper.index
        low = re.fullmatch(rf"(\\?[A-Za-z]+)(?:=1|\\leq?{index})", scripts.get("_", ""))
        high = "t" if low and "=" not in low[0] else self.time_of(scripts.get("^", ""))
        if not low or high not in ("t", "t+1"):
            raise self.error("a sum or product over something else", token, accepted)
        rest, first = self.tokens[self.place :], self.place
        body = Reader(self.paper, rest, low[1], "t")
        pieces = body.operand()
        self.place = first + body.place
        word = token.text.removeprefix("\\")
        kind = {"sum": "\\Sigma", "prod": "\\Pi", "max": "M"}[word]
        text = "".join(piece.text or piece.atom.name for piece in pieces)  # type: ignore[union-attr]
        names = [name for name, _ in self.paper.sums if name.startswith(kind)]
        known = next(
            (name for name, value in self.paper.sums if value[1:] and texts(value) == text), ""
        )
        name = known or f"{kind}_{{{word}}}" + (f"^{{\\text{{{len(names) + 1}}}}}" if names else "")
        total = Piece("", token.start, token.end, Atom(name, "t", token.start, token.end))
        before = total._replace(atom=total.atom._replace(time="t-1"))  # type: ignore[union-attr]

        def text(what):
            return Piece(what, token.start, token.end)

        sign = text("+" if kind == "\\Sigma" else "\\cdot")
        value = [before, sign, *pieces]
        if kind == "M":
            value = [text("\\max"), text("("), before, text(","), *pieces, text(")")]
        if not known:
            self.paper.sums.append((name, value))
        if high == "t":
            return [total]
        later = Reader(self.paper, rest, low[1], "t+1").operand()
        open_, close = Piece("(", *token[2:]), Piece(")", *token[2:])
        return [open_, total, sign, *later, close]


def texts(value):
    """The text of what a running total adds, to know it again."""
    return "".join(piece.text or piece.atom.name for piece in value[2:])


def parts_of(name):
    """Base, subscript and label of a name."""
    match = re.fullmatch(
        r"(\\?[A-Za-z]+(?:\{\\?[A-Za-z]+\})?)(?:_([^{]|\{.*?\}))?(?:\^\{\\text\{(.*?)\}\})?",
        name,
        re.DOTALL,
    )
    assert match is not None, name
    base, sub, up = match.groups()
    return base, (sub or "").strip("{}"), up or ""
