"""The checks of the formulas see a change of every kind; `make mutants` tries all changes."""

from pathlib import Path

import numpy as np
import pytest

from optimizers import OPTIMIZERS
from tests import agreement, mutants


def expected(name):
    """What the unchanged NumPy step computes, look by look."""
    step = OPTIMIZERS[name].step
    return [(look, agreement.run_step(step, *look)) for look in agreement.looks(name)]


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_one_change_of_each_kind_is_noticed(name):
    wanted, seen = expected(name), {}
    for make in (mutants.formula_changes, mutants.step_mutants, mutants.class_mutants):
        for mutant in make(name):
            key = (mutant.what, mutant.kind)
            if key not in seen and not (mutant.what == "formula" and mutants.same_meaning(mutant)):
                seen[key] = mutants.outcome(mutant, wanted).result
    assert {what for what, _ in seen} == {"formula", "step", "class"}
    assert len(seen) > 15
    assert set(seen.values()) <= {"refused", "raised", "parted", "equal"}, seen


def test_the_changes_are_of_many_kinds():
    made = [
        mutant
        for make in (mutants.formula_changes, mutants.step_mutants, mutants.class_mutants)
        for mutant in make("ADOPT")  # another adds one kind
    ]
    assert len({(mutant.what, mutant.kind) for mutant in made}) > 40


def test_an_unchanged_formula_is_not_noticed():
    path, text = mutants.formula_text("Adam")
    twin = text.replace(r"\alpha \frac", r"\alpha \, \frac")
    mutant = mutants.Mutant("Adam", "formula", "a space", path.name, "", twin)
    assert mutants.outcome(mutant, expected("Adam")).result == "unnoticed"


def test_a_change_of_equal_meaning_needs_its_reason(monkeypatch):
    [mutant] = [
        one
        for one in mutants.formula_changes("ADOPT")
        if one.after.startswith(r"W := W - \alpha \delta \lambda W;")
    ]
    with np.errstate(all="ignore"):
        result = mutants.outcome(mutant, expected("ADOPT"))
        assert (result.result, result.detail) == ("equal", mutants.EITHER_OR)
        assert len(mutants.stale([result])) == len(mutants.EQUAL) - 1
        monkeypatch.setattr(mutants, "EQUAL", {})
        assert mutants.outcome(mutant, expected("ADOPT")).result == "unnoticed"


def test_the_table_on_the_page_is_of_this_package():
    table = (Path(__file__).parent / "mutants.md").read_text(encoding="utf-8")
    fresh = table.startswith(f"<!-- {mutants.fingerprint()} -->")
    assert fresh, "tests/mutants.md:1: the package has changed since; run `make mutants`"
