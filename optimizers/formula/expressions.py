r"""Parses one piece of mathematics in LaTeX and builds its SymPy expressions.

Expressions are built unevaluated, because SymPy would otherwise reorder them, and the formula has
to run as it is written.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import sympy
from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput
from sympy.core.alphabets import greeks

from . import matrices
from .matrices import NUMBER, UNKNOWN, frobenius, is_matrix, matmul, norm, transpose
from .source import Math, Source
from .symbols import Symbol


class clip(sympy.Function):
    """clip(x, low, high): x, but at least low and at most high."""


class cases(sympy.Function):
    """cases(condition, value, …, otherwise): the first value whose condition holds."""


class greater(sympy.Function):
    """greater(x, y): x > y."""


class less(sympy.Function):
    """less(x, y): x < y."""


class at_least(sympy.Function):
    """at_least(x, y): x ≥ y."""


class at_most(sympy.Function):
    """at_most(x, y): x ≤ y."""


# The sign of each comparison, in code and in LaTeX.
COMPARISONS = {
    greater: (">", ">"),
    less: ("<", "<"),
    at_least: (">=", r"\geq"),
    at_most: ("<=", r"\leq"),
}
SPELLINGS = {
    **{">": greater, r"\gt": greater, "<": less, r"\lt": less},
    **{r"\geq": at_least, r"\ge": at_least, r"\leq": at_most, r"\le": at_most},
}


class Occurrence(NamedTuple):
    """A symbol where it stands: its LaTeX without index of time, the index, its place in the text."""

    latex: str
    time: str
    start: int
    end: int


class Formula(NamedTuple):
    """One mention or assignment: `target` is None for a mention."""

    target: Occurrence | None
    reads: list[Occurrence]
    expression: sympy.Expr
    tree: Tree
    start: int
    end: int


# The grammar's terminals in errors; a terminal that is missing here starts an operand.
TERMINALS = {
    "ASSIGN": "= or := or \\leftarrow",
    "TIMES": "\\cdot or \\odot",
    "PLUS": "+",
    "MINUS": "-",
    "SLASH": "/",
    "COMMA": ",",
    "NEWLINE": "\\\\",
    "RPAR": ")",
    "RSQB": "]",
    "LBRACE": "{",
    "RBRACE": "}",
    "RCURLY": "\\}",
    "ABS_CLOSE": "closing |",
    "NORM_CLOSE": "closing \\rVert",
    "IF": "\\text{if}",
    "OTHERWISE": "\\text{otherwise}",
    "COMPARE": "> or <, \\geq or \\leq",
    "CASES_CLOSE": "\\end{cases}",
    "CARET": "^",
    "SUB": "_",
    "$END": "the end of the formula",
}
FUNCTIONS = (
    r"\sqrt{}, \max(,), \min(,), \operatorname{clip}(,,), \operatorname{sign}(), |·| or"
    r" \lVert·\rVert"
)
OPERAND = rf"a symbol, a bracket, \frac{{}}{{}}, {FUNCTIONS}"
# An argument in brackets begins here.
ARGUMENT = re.compile(r"\s*(\\left|\\[bB]igg?l?)?\s*(\(|\[|\\?\{)")
# Errors name these by other terminals.
IMPLIED = {
    *("SEMICOLON", "PERIOD", "DIGIT_UP", "LETTER_UP", "TEXT_UP", "TOP_UP"),
    *("LPAR", "LSQB", "LCURLY"),
}
OPENS_OPERAND = {
    "ASSIGN", "TIMES", "PLUS", "MINUS", "SLASH", "COMMA", "SEMICOLON", "NEWLINE", "LPAR", "LSQB",
    "LBRACE", "LCURLY", "ABS_OPEN", "NORM_OPEN", "CARET", "MAX", "MIN", "CLIP", "SIGN",
    "CASES_OPEN", "IF", "COMPARE",
}  # fmt: skip


CLOSES = ("RPAR", "RSQB", "RBRACE", "RCURLY", "CASES_CLOSE")


class Bars:
    """Decides whether a bar opens or closes: it closes an open bar that has an operand."""

    always_accept = ("BAR", "DOUBLE_BAR", "WORDS")

    def process(self, stream):
        """Rename bars in a stream of tokens."""
        opened, last = [], "COMMA"
        for token in stream:
            if token.type in ("BAR", "DOUBLE_BAR"):
                name = "ABS" if token.type == "BAR" else "NORM"
                closes = opened and opened[-1] == name and last not in OPENS_OPERAND
                token = Token.new_borrow_pos(
                    f"{name}_{'CLOSE' if closes else 'OPEN'}", token, token
                )
            if token.type in ("LPAR", "LSQB", "LBRACE", "LCURLY", "CASES_OPEN"):
                opened.append(token.type)
            elif token.type in ("ABS_OPEN", "NORM_OPEN"):
                opened.append(token.type[: -len("_OPEN")])
            elif token.type in (*CLOSES, "ABS_CLOSE", "NORM_CLOSE"):
                del opened[-1:]
            last = token.type
            yield token


@cache
def parser():
    """The LALR parser of grammar.lark."""
    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(
        grammar,
        parser="lalr",
        lexer="basic",
        postlex=Bars(),
        propagate_positions=True,
        keep_all_tokens=True,
        maybe_placeholders=False,
    )


def formulas(
    source: Source,
    math: Math,
    table: Mapping[str, Symbol],
    shapes: dict[str, tuple] | None = None,
) -> list[Formula]:
    r"""The mentions and assignments of one piece of mathematics.

    Args:
        source: the text, for errors.
        math: the piece.
        table: the known symbols, by LaTeX.
        shapes: the shapes of the matrices so far, by LaTeX; those of this piece are added.

    Returns:
        A list of `Formula`.

    Raises:
        FormulaError: the piece is not of the dialect, a symbol is unknown, or one part assigns
            and another does not.

    Example:
        >>> from .source import Math, Source
        >>> from .symbols import symbols_for
        >>> text, table = r"W := W - \alpha dW / 2", {row.latex: row for row in symbols_for()}
        >>> [formula] = formulas(Source(text, "", 1), Math(text, 0, ""), table)
        >>> print(formula.target.latex, formula.expression, sep=" := ")
        W := W - \alpha*dW/2
    """
    try:
        tree = parser().parse(math.latex)
    except UnexpectedInput as error:
        raise unexpected(source, math, error) from None
    found = [
        Builder(source, math.start, table, {} if shapes is None else shapes).formula(child)
        for child in tree.children
        if isinstance(child, Tree)
    ]
    if any(formula.target for formula in found):
        for formula in found:
            if formula.target is None:
                message = "this assigns nothing, between the same signs as an assignment"
                accepted = "assignments only, parted by commas"
                raise source.error(message, formula.start, formula.end, accepted)
    return found


def unexpected(source, math, error):
    """The error for a piece that the grammar does not accept."""
    if isinstance(error, UnexpectedCharacters):
        start = error.pos_in_stream
        message = f"cannot read `{math.latex[start]}`"
        accepted = r"letters, digits, \commands and + - = : / | ^ _ , ; . ( ) [ ] { }"
        return source.error(message, math.start + start, math.start + start + 1, accepted)
    names = error.accepts or error.expected
    if error.token.type == "$END":
        start, end = len(math.latex), len(math.latex) + 1
    else:
        start, end = error.token.start_pos, error.token.end_pos
    piece = math.latex[start:end]
    named = piece.startswith(r"\operatorname") or ARGUMENT.match(math.latex, end)
    if error.token.type == "WORDS" and named:
        message = f"unknown function `{piece}`"
        return source.error(message, math.start + start, math.start + end, FUNCTIONS)
    message = f"cannot read `{piece}`" if piece else "the formula ends too early"
    accepted = [TERMINALS[name] for name in TERMINALS if name in names]
    operand = names - TERMINALS.keys() - IMPLIED
    if operand:
        accepted.insert(0, ("a number, " if "NUMBER" in operand else "") + OPERAND)
    elif names & {"LPAR"}:
        accepted.insert(0, "(")
    return source.error(message, math.start + start, math.start + end, ", ".join(accepted))


class Builder:
    """Builds the expression of one parse tree and notes the symbols that it reads."""

    def __init__(self, source, offset, table, shapes):
        self.source, self.offset, self.table, self.shapes = source, offset, table, shapes
        self.reads = []

    def error(self, message, node, accepted):
        """The error that underlines a node."""
        start, end = extent(node)
        return self.source.error(message, self.offset + start, self.offset + end, accepted)

    def formula(self, tree):
        """The mention or the assignment of a tree."""
        target, right = None, tree
        if tree.data == "assignment":
            left, _, right = tree.children
            if left.data != "symbol":
                raise self.error(
                    "an assignment to more than a symbol", left, "one symbol, as in W :="
                )
            target = self.occurrence(left)
        start, end = extent(tree)
        expression = self.build(right)
        if target:
            self.note_shape(target.latex, expression, tree)
        return Formula(target, self.reads, expression, tree, self.offset + start, self.offset + end)

    def shape(self, expression):
        return matrices.shape_of(expression, self.table, self.shapes)

    def note_shape(self, latex, expression, tree):
        """Check that a value fits its symbol; a matrix keeps the shape of its first value."""
        value = self.shape(expression)
        own = self.shape(sympy.Symbol(latex))
        try:
            matrices.check_assignment(latex, own, value)
        except matrices.Mismatch as error:
            raise self.error(error.args[0], tree.children[2], error.args[1]) from None
        if own == UNKNOWN:
            self.shapes[latex] = value if is_matrix(value) else matrices.PARAMETER

    def occurrence(self, node):
        """The symbol that a node names, checked against the known names."""
        latex = name_of(node)
        time = ""
        start, end = extent(node)
        if latex not in self.table:
            latex, time = without_time(latex)
        if latex not in self.table:
            message = f"unknown symbol `{name_of(node)}`"
            known = "  ".join(sorted(self.table, key=str.lower))
            accepted = f"one of {known}, or a new row in optimizers/formula/symbols.py"
            word = name_of(node).removeprefix("\\")
            if word in ("sign", "clip"):
                accepted = rf"\operatorname{{{word}}}(…)"
            elif self.names_function(word, end):
                message = f"unknown function `{name_of(node)}`"
                accepted = f"{FUNCTIONS}; a symbol needs a row in optimizers/formula/symbols.py"
            raise self.error(message, node, accepted)
        return Occurrence(latex, time, self.offset + start, self.offset + end)

    def names_function(self, word, end):
        """Whether a command is meant as a function: it has an argument, and is no Greek letter."""
        greek = word.removeprefix("var").lower() in greeks
        command = len(word) > 1 and word.isalpha() and not greek
        return command and ARGUMENT.match(self.source.text, self.offset + end) is not None

    def build(self, node):
        """The SymPy expression of a node, operands in the order written."""
        if node.data == "symbol":
            read = self.occurrence(node)
            self.reads.append(read)
            return sympy.Symbol(read.latex)
        if node.data == "number":
            digits = str(node.children[0])
            return sympy.Float(digits) if "." in digits else sympy.Integer(digits)
        if node.data == "power":
            return self.power(node)
        if node.data == "cases":
            return self.cases(node)
        if node.data == "unclear":
            message = "after a/b, is this above or below the line?"
            raise self.error(message, node, r"\frac{}{}, or brackets: a/(b c), (a/b) c")
        if node.data == "juxtapose":
            self.refuse_call(*node.children)
        if node.data == "norm" and str(node.children[-1]) not in NORMS + FROBENIUS:
            raise self.error("a norm other than the Euclidean", node.children[-1], "_2 or nothing")
        parts = [self.build(child) for child in subtrees(node)]
        if node.data == "norm":
            return self.norm(node, *parts)
        if node.data in COUNTS and len(parts) not in COUNTS[node.data]:
            expected = " or ".join(map(str, COUNTS[node.data]))
            message = f"{len(parts)} arguments to {node.data}"
            raise self.error(message, node, f"{expected}, parted by commas")
        shapes = [self.shape(part) for part in parts]
        if any(map(is_matrix, shapes)):
            sign = str(node.children[1]) if node.data == "times" else ""
            self.check(node, shapes, sign)
            if node.data == "juxtapose" and NUMBER not in shapes:
                return matmul(*parts)
        return BUILD[node.data](*parts)

    def cases(self, node):
        """The value that depends on conditions, each of which compares two values."""
        *branches, otherwise = subtrees(node)
        parts = []
        for branch in branches:
            value, left, right = map(self.build, subtrees(branch))
            [sign] = (one for one in branch.children if getattr(one, "type", "") == "COMPARE")
            parts += [SPELLINGS[str(sign)](left, right), value]
        parts.append(self.build(otherwise))
        shapes = [self.shape(part) for part in parts]
        if any(map(is_matrix, shapes)):
            self.check(node, shapes)
        return cases(*parts)

    def check(self, node, shapes, sign=""):
        """Refuse, at a node, an operation that matrices do not have."""
        try:
            matrices.check(node.data, shapes, sign)
        except matrices.Mismatch as error:
            raise self.error(error.args[0], node, error.args[1]) from None

    def norm(self, node, inner):
        """The norm of an array, or the named norm of a matrix."""
        named = str(node.children[-1]) in FROBENIUS
        if is_matrix(self.shape(inner)) and not named:
            raise self.error("of a matrix, which norm?", node, r"\lVert·\rVert_F")
        if named and not is_matrix(self.shape(inner)):
            message = "the Frobenius norm of what is no matrix"
            raise self.error(message, node.children[-1], "_2 or nothing")
        return frobenius(inner) if named else norm(inner)

    def power(self, node):
        base, up = node.children
        base = self.build(base)
        matrix = is_matrix(self.shape(base))
        if isinstance(up, Token) and up.type == "TOP_UP":
            if not matrix:
                raise self.error("the transpose of what is no matrix", node, "a matrix, such as X")
            return transpose(base)
        exponent = self.exponent(up)
        if matrix or is_matrix(self.shape(exponent)):
            self.check(node, [self.shape(base), self.shape(exponent)])
        return sympy.Pow(base, exponent, evaluate=False)

    def exponent(self, up):
        if isinstance(up, Tree):
            return self.build(up.children[2])
        # ^2 or ^t: the token holds the sign and one character or command.
        latex = up[1:].lstrip()
        if latex.isdigit():
            return sympy.Integer(latex)
        start = up.end_pos - len(latex)
        name = Token("NAME", latex, start_pos=start, end_pos=up.end_pos)
        return self.build(Tree("symbol", [name]))

    def refuse_call(self, left, right):
        """W (t - 1) is a product to the grammar, but its reader may mean W at t - 1."""
        while left.data in ("juxtapose", "times"):
            left = left.children[-1]
        if left.data != "symbol" or right.data != "group":
            return
        words = [str(token) for token in right.scan_values(lambda token: True)][1:-1]
        if words[0] == "t" and words[1:2] in ([], ["+"], ["-"]):
            message = "a product with t, or a value at t?"
            raise self.error(message, right, r"\cdot before the bracket, or the index _{t}, _{t-1}")


FROBENIUS = ("_F", "_{F}")
NORMS = ("_2", "_{2}", "|", "\\|", "\\rVert", "\\Vert")
COUNTS = {"maximum": (2, 3), "minimum": (2, 3), "clip": (3,), "sign": (1,)}


def product(*factors):
    """A product in the order written; a product on the left goes on rather than nests."""
    first = factors[0].args if isinstance(factors[0], sympy.Mul) else factors[:1]
    return sympy.Mul(*first, *factors[1:], evaluate=False)


def divides(factor):
    """Whether a factor stands for a division."""
    return isinstance(factor, sympy.Pow) and factor.exp == -1


def over(above, below):
    """A quotient: SymPy writes it as a product with the power -1."""
    return product(above, sympy.Pow(below, -1, evaluate=False))


def minus(part):
    """The negative."""
    return -part if part.is_Number else sympy.Mul(-1, part, evaluate=False)


BUILD = {
    "add": lambda left, right: sympy.Add(left, right, evaluate=False),
    "subtract": lambda left, right: sympy.Add(left, minus(right), evaluate=False),
    "negate": minus,
    "juxtapose": product,
    "times": product,
    "quotient": over,
    "fraction": over,
    "group": lambda inner: inner,
    "root": lambda inner: sympy.Pow(inner, sympy.Rational(1, 2), evaluate=False),
    "maximum": lambda *parts: sympy.Max(*parts, evaluate=False),
    "minimum": lambda *parts: sympy.Min(*parts, evaluate=False),
    "clip": clip,
    "sign": lambda inner: sympy.sign(inner, evaluate=False),
    "absolute": lambda inner: sympy.Abs(inner, evaluate=False),
}


def subtrees(node):
    """The operands of a node, those of its bracket of arguments included."""
    for child in node.children:
        if isinstance(child, Tree):
            if child.data == "arguments":
                yield from subtrees(child)
            else:
                yield child


def extent(node):
    """Start and end of a node or a token in the piece of mathematics."""
    if isinstance(node, Token):
        return node.start_pos, node.end_pos
    tokens = list(node.scan_values(lambda token: True))
    return min(token.start_pos for token in tokens), max(token.end_pos for token in tokens)


def name_of(node):
    r"""A symbol in its only spelling: accent, base, subscript, text superscript, no spaces."""
    base, sub, up = "", "", ""
    for token in node.scan_values(lambda token: True):
        if token.type == "ACCENT":
            base = ACCENTS.get(str(token), str(token))
        elif token.type == "NAME":
            base = base + "{" + token + "}" if base else str(token)
        elif token.type == "SUB":
            sub = sub + inner(token[1:])
        elif token.type == "TEXT_UP":
            up = "^{\\text{" + token[token.rindex("{") + 1 : token.index("}")].strip() + "}}"
    sub = sub.replace(" ", "")
    if sub:
        sub = f"_{sub}" if len(sub) == 1 else "_{" + sub + "}"
    return base + sub + up


ACCENTS = {"\\widehat": "\\hat", "\\widetilde": "\\tilde", "\\overline": "\\bar"}


def inner(text):
    """The text inside braces, or the text itself where there are none."""
    text = text.strip()
    return text[1:-1] if text.startswith("{") else text


def without_time(latex):
    r"""A name and its index of time: V_{dw,t-1} is V_{dw} at t-1, W_t is W at t.

    Example:
        >>> without_time("V_{dw,t-1}"), without_time("W_t"), without_time(r"\beta_1")
        (('V_{dw}', 't-1'), ('W', 't'), ('\\beta_1', ''))
    """
    base, _, rest = latex.partition("_")
    if not rest:
        return latex, ""
    if rest.startswith("{"):
        sub, _, up = rest[1:].partition("}")
    else:
        sub, up = rest[0], rest[1:]
    *subs, time = sub.split(",")
    if time not in ("t", "t-1", "0"):
        return latex, ""
    if subs:
        sub = ",".join(subs)
        base += f"_{sub}" if len(sub) == 1 else "_{" + sub + "}"
    return base + up, time


def occurrences(latex: str, symbols: Iterable[Symbol]) -> list[tuple[Symbol, int, int]]:
    r"""The symbols of a piece of mathematics with their places, so that a page can mark them.

    Args:
        latex: the piece, without dollar signs.
        symbols: the known symbols, one row each.

    Returns:
        A list of (symbol, start, end), in reading order.

    Raises:
        FormulaError: the piece is not of the dialect, or a symbol is unknown.

    Example:
        >>> from .symbols import symbols_for
        >>> found = occurrences(r"\beta_1^t", symbols_for())
        >>> [(symbol.code, start, end) for symbol, start, end in found]
        [('betas[0]', 0, 7), ('step', 8, 9)]
    """
    table = {symbol.latex: symbol for symbol in symbols}
    found = formulas(Source(latex, "<formula>", 1), Math(latex, 0, ""), table)
    places = [place for formula in found for place in [formula.target, *formula.reads] if place]
    places.sort(key=attrgetter("start"))
    return [(table[place.latex], place.start, place.end) for place in places]
