r"""What a printed file says of itself, and the options that it takes.

Example:
    >>> about("Adam").source
    'Kingma & Ba, arXiv 1412.6980, Algorithm 1.'
    >>> from optimizers import rule_of
    >>> [option.symbol for option in options(rule_of("Adam"), about("Adam"))]
    ['α', '(β₁, β₂)', 'ε', 'λ']
"""

import re
import sys
import unicodedata
from collections.abc import Mapping
from typing import Any, NamedTuple

from .. import OPTIMIZERS
from .._distribution import NAME, VERSION
from .._options import OPTIONS
from ..formula.rule import Rule


class About(NamedTuple):
    """What a printed file says of itself.

    Args:
        name: the name of the class, such as "AdamW".
        what: what it is, in a sentence.
        source: where the formula is from, in a line.
        made_from: the file with the formula.
        licence: that of what is printed; empty for somebody's own formula.
        refusals: what is said of a bad value, by option, where the table of options says otherwise.
    """

    name: str
    what: str
    source: str
    made_from: str
    licence: str = "MIT"
    refusals: Mapping[str, str] = {}

    @property
    def head(self) -> str:
        """The first line of a printed file."""
        licence = f"; {self.licence} licence" if self.licence else ""
        return f"# {self.name}, from {self.source} Made by {NAME} {VERSION}{licence}."

    @property
    def function(self) -> str:
        """The name as that of a function, such as "adamw" or "gradient_descent"."""
        words = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", self.name)
        return words.lower() if " " not in self.name else self.name.lower().replace(" ", "_")


class PrintedOption(NamedTuple):
    """An option of a printed optimizer.

    Args:
        name: the keyword, such as "betas".
        default: its default, as code; empty if the caller has to say it.
        annotation: its type, as code.
        kind: how it is checked, one of the kinds of `_options.Option`.
        refusal: what is said of a bad value, with {} in the place of the value.
        symbol: how the formula calls it, such as "β₁, β₂".
        length: how many numbers it is; 0 for one that is no tuple.
        used: which of its numbers the formula reads.
    """

    name: str
    default: str
    annotation: str
    kind: str
    refusal: str
    symbol: str
    length: int
    used: tuple[int, ...]


def about(name: str) -> About:
    """What is said of an optimizer of the package, from its module and its class.

    Args:
        name: a name of `OPTIMIZERS`.
    """
    entry = OPTIMIZERS[name]
    module = sys.modules[entry.step.__module__]
    first = (module.__doc__ or "").partition("\n")[0]
    source = re.search(r"Source:\s+(.*?)\n\s*\n", entry.optimizer.__doc__ or "", re.DOTALL)
    return About(
        name=entry.optimizer.__name__,
        what=first,
        # A module that is being written may not name it yet.
        source=" ".join(source[1].split()) if source else "a source that is not named",
        made_from=module.__name__.replace(".", "/") + ".py",
        refusals=entry.optimizer.refusals,
    )


def places_read(rule: Rule, name: str) -> tuple[int, ...]:
    """The places of those numbers of an option that a rule reads; none if it is no tuple.

    Example:
        >>> from optimizers import rule_of
        >>> places_read(rule_of("Adan"), "betas"), places_read(rule_of("Adan"), "eps")
        ((0, 1, 2), ())
    """
    number = re.compile(rf"{re.escape(name)}\[(\d+)\]")
    found = (number.fullmatch(row.code) for row in rule.symbols.values())
    return tuple(sorted(int(match[1]) for match in found if match))


def options(rule: Rule, said: About) -> list[PrintedOption]:
    """The options of a rule, in the order of its defaults; those without a default come first."""
    table = {option.name: option for option in OPTIONS}
    found = []
    for name in rule.hyperparameters:
        rows = [row for row in rule.symbols.values() if row.code.partition("[")[0] == name]
        rows = sorted(
            (row for row in rows if row.kind == "hyper-parameter"), key=lambda row: row.code
        )
        used = places_read(rule, name)
        known, default = name in rule.defaults, rule.defaults.get(name)
        option = table.get(name)
        symbol = ", ".join(unicode_of(row.latex) for row in rows)
        kind = option.kind if option else "number"
        length = len(default) if isinstance(default, tuple) else max(used, default=-1) + 1
        length = max(length, 2) if kind == "rates" else length
        found.append(
            PrintedOption(
                name=name,
                default=re.sub(r"e-0(?=\d)", "e-", repr(default)) if known else "",
                annotation=annotation_of(default, kind, length, option, rule, rows),
                kind=kind,
                refusal=said.refusals.get(name)
                or (option.refusal if option else "")
                or f"Invalid {name}: {{}}",
                symbol=symbol if len(rows) == 1 else f"({symbol})",
                length=length,
                used=used,
            )
        )
    return sorted(found, key=lambda option: bool(option.default))


def element(code: str) -> str:
    """The name of one number of an option that is several.

    Example:
        >>> element("betas[0]")
        'beta1'
    """
    option, _, index = code.rstrip("]").partition("[")
    return f"{option[:-1]}{int(index) + 1}"


def annotation_of(default: Any, kind: str, length: int, option, rule: Rule, rows) -> str:
    """The type of an option, as code."""
    if length:
        return f"tuple[{', '.join(['float'] * length)}]"
    if isinstance(default, bool) or kind == "flag":
        return "bool"
    times = {line.repeat.times for line in rule.statements if line.repeat}
    if isinstance(default, int) or any(row.latex in map(str, times) for row in rows):
        return "int"
    return "float | None" if option and None in option.tries else "float"


def unicode_of(latex: str) -> str:
    r"""A symbol as plain text.

    Example:
        >>> unicode_of(r"\beta_1"), unicode_of("c"), unicode_of(r"\epsilon")
        ('β₁', 'c', 'ε')
    """
    base, _, below = latex.partition("_")
    if base.startswith("\\"):
        base = unicodedata.lookup(
            f"GREEK SMALL LETTER {base[1:].upper().replace('LAMBDA', 'LAMDA')}"
        )
    return base + below.translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
