"""The counts of an optimizer's mutants: a file each, which bears a stamp of what it depends on."""

import json
import sys
from pathlib import Path

from docs_ext.locate import ROOT
from docs_ext.names import module_name
from docs_ext.stamps import stamp
from optimizers import OPTIMIZERS, rule_of
from tests import agreement

from .equal import entries_of
from .mutant import Outcome

HERE = Path(__file__).parent
PROGRAMS = ("mutant.py", "formula_changes.py", "code_changes.py", "run.py")


def file_of(name: str) -> Path:
    """Return the file of an optimizer's counts."""
    return HERE / "results" / f"{module_name(name)}.json"


def stamp_of(name: str) -> str:
    """Return a stamp that changes with what the outcomes of an optimizer's mutants depend on.

    These are its module and those that it takes from, the reading of formulas, and how mutants are
    made and judged. Tables count with the optimizer's own rows only, so that a new optimizer, with
    new symbols and options, leaves the counts of the others current.
    """
    entry = OPTIMIZERS[name]
    used = [*entry.optimizer.__mro__, *vars(sys.modules[entry.step.__module__]).values()]
    modules = {module for value in used if in_package(module := getattr(value, "__module__", None))}
    formula = ROOT / "optimizers" / "formula"
    files = {Path(sys.modules[module].__file__) for module in modules}
    files |= {*formula.glob("*.py"), *formula.glob("*.lark")} - {formula / "symbols.py"}
    files |= {HERE / program for program in PROGRAMS} | {Path(agreement.__file__)}
    rows = (rule_of(name).symbols, agreement.shaped(name), entries_of(name))
    return stamp(files, *map(repr, rows))


def in_package(module: object) -> bool:
    """Say whether a value is the name of a module of the package."""
    return isinstance(module, str) and module.startswith("optimizers.")


def is_current(name: str) -> bool:
    """Say whether an optimizer's counts bear the stamp of today."""
    file = file_of(name)
    return file.exists() and json.loads(file.read_text("utf-8"))["stamp"] == stamp_of(name)


def write(name: str, outcomes: list[Outcome]) -> None:
    """Write an optimizer's counts, by part and kind of change, and its changes of equal meaning."""
    changes, equal = {}, []
    for mutant, result, detail in outcomes:
        counts = changes.setdefault(mutant.part, {}).setdefault(mutant.kind, {})
        counts[result] = counts.get(result, 0) + 1
        if result == "equal":
            equal.append({"in": mutant.part, "after": mutant.after, "because": detail})
    text = json.dumps(
        {"stamp": stamp_of(name), "changes": changes, "equal": equal}, indent=1, ensure_ascii=False
    )
    file_of(name).parent.mkdir(exist_ok=True)
    file_of(name).write_text(text + "\n", encoding="utf-8")
