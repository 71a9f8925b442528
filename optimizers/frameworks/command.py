"""The command line: prints a formula for a framework, or compares it with an optimizer."""

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from .. import OPTIMIZERS, rule_of
from ..formula import FormulaError, in_letters, read, read_letters
from ..formula.reader import MARKERS, section_of
from ..formula.rule import Rule
from . import FRAMEWORKS
from .about import About, about
from .check import check


def main(arguments: list[str] | None = None) -> int | str:
    """Run the command.

    Args:
        arguments: as on the command line; those of the process unless said.

    Returns:
        0; 1 if a compared optimizer is another one; the message of an error.

    Example:
        >>> main(["adam", "--as", "fortran"])
        Traceback (most recent call last):
        SystemExit: 2
        >>> print(main(["nowhere.md", "--as", "torch"]))  # doctest: +ELLIPSIS
        nowhere.md: no such file, and no optimizer of this name; accepted: a file, -, or one of ...
    """
    parser = argparse.ArgumentParser(
        prog="python -m optimizers.formula",
        description="Print a formula as an optimizer of a framework, or compare it with one.",
    )
    parser.add_argument(
        "formula",
        help="the name of an optimizer, such as adam; a file with a formula section; - for standard input",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--as", dest="framework", choices=FRAMEWORKS, help="the framework to print for"
    )
    what.add_argument(
        "--check",
        metavar="OPTIMIZER",
        help="run both for 200 steps: torch.optim.Adam, optax:adam, keras:Adam, mlx:Adam, or a class of a file, mine.py:Mine",
    )
    parser.add_argument(
        "--with",
        dest="options",
        metavar="WORD",
        action="append",
        default=[],
        help="an option that is on in a formula in papers' letters, such as nesterov",
    )
    given = parser.parse_args(arguments)
    try:
        rule, said = found(given.formula, given.options)
        if given.framework:
            print(FRAMEWORKS[given.framework].module(rule, said), end="")
            return 0
        equal, message = check(rule, given.check)
    except (FormulaError, ImportError, OSError, ValueError, TypeError) as error:
        return str(error)
    print(message)
    return 0 if equal else 1


def found(formula: str, options: Iterable[str] = ()) -> tuple[Rule, About]:
    """The rule of a name, of a file or of standard input, and what is said of it.

    What symbols of papers' letters were taken for goes to the standard error.
    """
    names = {plain(name): name for name in OPTIMIZERS}
    if plain(formula) in names:
        refuse(formula, options)
        name = names[plain(formula)]
        return rule_of(name), about(name)
    if formula == "-":
        path, text = "<stdin>", sys.stdin.read()
    else:
        path = formula
        if not Path(path).exists():
            known = ", ".join(names.values())
            raise ValueError(
                f"{path}: no such file, and no optimizer of this name; "
                f"accepted: a file, -, or one of {known}"
            )
        text = Path(path).read_text(encoding="utf-8")
    section, line = (text, 1) if MARKERS[0] not in text else section_of(text, path)
    name = name_of(text, path)
    said = About(
        name=name,
        what=f"{name}: the formula in {path}.",
        source=f"{path}.",
        made_from=path,
        licence="",
    )
    if not in_letters(section):
        refuse(path, options)
        return read(section, path=path, line=line), said
    reading = read_letters(section, path=path, line=line, options=dict.fromkeys(options, True))
    print(f"{path}, in papers' letters:", *reading.taken, sep="\n  ", file=sys.stderr)
    return reading.rule, said


def refuse(formula: str, options: Iterable[str]) -> None:
    """Refuse options of papers' letters for a formula in this site's."""
    if any(options):
        message = "--with is for a formula in papers' letters, and this one is in this site's"
        raise ValueError(f"{formula}: {message}; accepted: the command without it")


def plain(name: str) -> str:
    """A name without what people spell in their own way."""
    return re.sub(r"[\s_-]", "", name).lower()


def name_of(text: str, path: str) -> str:
    r"""The name of a class: that of the first heading, else that of the file.

    Example:
        >>> name_of("# My rule\n", "a.md"), name_of("$W$", "docs/sign_rule.md"), name_of("", "<stdin>")
        ('MyRule', 'SignRule', 'Mine')
    """
    heading = re.search(r"^# (.+)$", text, re.MULTILINE)
    words = re.findall(r"[A-Za-z0-9]+", heading[1] if heading else Path(path).stem)
    name = "".join(word[0].upper() + word[1:] for word in words)
    known = heading is not None or path != "<stdin>"
    return name if known and name.isidentifier() else "Mine"
