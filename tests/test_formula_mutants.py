"""The checks of the formulas see a change of every kind; `make mutants` tries all changes."""

import json
from pathlib import Path

import numpy as np
import pytest

from docs_ext.names import module_name
from optimizers import OPTIMIZERS, lion
from tools.mutants import equal, results, run
from tools.mutants.code_changes import class_mutants, step_mutants
from tools.mutants.count import needless, unnoticed
from tools.mutants.formula_changes import formula_changes, formula_text, same_meaning
from tools.mutants.mutant import Mutant


def all_changes(name):
    """Return all changes, with those of formulas in which SymPy sees no difference."""
    return [*formula_changes(name), *step_mutants(name), *class_mutants(name)]


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_one_change_of_each_kind_is_noticed(name):
    wanted, seen = run.expected(name), {}
    for mutant in all_changes(name):
        key = (mutant.part, mutant.kind)
        if key not in seen and not (mutant.part == "formula" and same_meaning(mutant)):
            seen[key] = run.outcome(mutant, wanted).result
    assert {part for part, _ in seen} == {"formula", "step", "class"}
    assert len(seen) > 15
    assert set(seen.values()) <= {"refused", "raised", "parted", "equal"}, seen


def test_the_changes_are_of_many_kinds():
    # Another optimizer adds one kind.
    assert len({(mutant.part, mutant.kind) for mutant in all_changes("ADOPT")}) > 40


def test_an_unchanged_formula_is_not_noticed():
    path, text = formula_text("Adam")
    twin = text.replace(r"\alpha \frac", r"\alpha \, \frac")
    mutant = Mutant("Adam", "formula", "a space", path.name, "", twin)
    assert run.outcome(mutant, run.expected("Adam")).result == "unnoticed"


def test_a_change_of_equal_meaning_needs_its_reason(monkeypatch):
    [mutant] = [
        change
        for change in formula_changes("ADOPT")
        if change.after.startswith(r"W := W - \alpha \delta \lambda W;")
    ]
    with np.errstate(all="ignore"):
        result = run.outcome(mutant, run.expected("ADOPT"))
        assert (result.result, result.detail) == ("equal", equal.EITHER_OR)
        left = run.needless_entries("ADOPT", [result])
        assert len(left) == len(equal.entries_of("ADOPT")) - 1 > 0
        monkeypatch.setattr(run, "EQUAL", {})
        assert run.outcome(mutant, run.expected("ADOPT")).result == "unnoticed"


def test_a_change_that_goes_unnoticed_is_reported_with_its_remedies():
    message = unnoticed(Mutant("Lion", "step", "flip a sign", "a = b", "a = -b", None))
    assert message.startswith("optimizers/lion.py: no check notices this change of the step")
    assert "tests/cases.py" in message
    assert "add to EQUAL in tools/mutants/equal.py:" in message
    assert """    ('Lion', 'step', 'a = -b'): "why it changes nothing",""" in message


def test_an_entry_that_nothing_needs_is_reported_with_its_line():
    key = next(iter(equal.EQUAL))
    line = int(needless(key).removeprefix("tools/mutants/equal.py:").partition(":")[0])
    text = (results.HERE / "equal.py").read_text(encoding="utf-8").splitlines()[line - 1]
    assert key[2] in text


@pytest.mark.every
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_counts_on_the_page_are_of_this_package(name):
    file = f"tools/mutants/results/{module_name(name)}.json"
    assert results.is_current(name), (
        f"{file}:2: {name}, or how it is checked, has changed since; "
        f"run `make mutants ONLY={module_name(name)}`"
    )
    counts = json.loads(results.file_of(name).read_text(encoding="utf-8"))["changes"]
    noticed = [kind for kinds in counts.values() for kind in kinds.values()]
    assert not any("unnoticed" in kind for kind in noticed), f"{file}: a change goes unnoticed"


def test_a_change_of_one_optimizer_leaves_the_counts_of_others(monkeypatch, tmp_path):
    before = {name: results.stamp_of(name) for name in ("Adam", "Lion")}
    changed = tmp_path / "lion.py"
    text = Path(lion.__file__).read_text(encoding="utf-8")
    changed.write_text(f"{text}\n# One line more.\n", encoding="utf-8")
    monkeypatch.setattr(lion, "__file__", str(changed))
    assert results.stamp_of("Adam") == before["Adam"]
    assert results.stamp_of("Lion") != before["Lion"]


def test_a_reason_changes_the_counts_of_its_optimizer_alone(monkeypatch):
    before = {name: results.stamp_of(name) for name in ("Adam", "Lion")}
    monkeypatch.setitem(equal.EQUAL, ("Lion", "step", "a = b"), "it is")
    assert results.stamp_of("Adam") == before["Adam"]
    assert results.stamp_of("Lion") != before["Lion"]


def test_no_counts_are_left_of_what_is_gone():
    files = {file.name for file in (results.HERE / "results").iterdir()}
    assert files <= {results.file_of(name).name for name in OPTIMIZERS}
