"""Runs mutants beside the unchanged NumPy step, as tests/test_formula.py does, and counts them."""

import functools
import sys
import warnings

import numpy as np

from optimizers import OPTIMIZERS, rule_of
from optimizers.formula import FormulaError, read
from tests import agreement  # the very judge that the tests ask

from .code_changes import class_mutants, step_mutants
from .equal import EQUAL, entries_of
from .formula_changes import formula_mutants, table_of
from .mutant import Mutant, Outcome


def programs(mutant: Mutant):
    """Yield the programs of a mutant: functions of a setting and gradients, as the checks run."""
    name = mutant.optimizer
    if mutant.part == "formula":
        original = rule_of(name)
        rule = read(mutant.changed, symbols=table_of(name), defaults=original.defaults)
        for variable in original.variables:
            if content(rule, variable) != content(original, variable):

                def step(*args, variable=variable, **hyper):
                    return rule.step(*args, variable=variable, **hyper)

                yield functools.partial(agreement.run_step, step)
        return
    entry = OPTIMIZERS[name]
    namespace = dict(vars(sys.modules[entry.step.__module__]))
    exec(compile(mutant.changed, f"<{name} {mutant.part}>", "exec"), namespace)
    if mutant.part == "step":
        yield functools.partial(agreement.run_step, namespace[entry.step.__name__])
    else:
        cls = namespace[entry.optimizer.__name__]
        yield functools.partial(agreement.run_class, cls)


def content(rule, variable: str) -> list[tuple]:
    """Return all that a rule computes for a parameter."""
    return [(line.section, line.target, line.expression) for line in rule.lines(variable)]


def expected(name: str) -> list[tuple]:
    """Return each look, which is a setting and gradients, and what the NumPy step computes."""
    step = OPTIMIZERS[name].step
    return [(look, agreement.reference(step, *look)) for look in agreement.looks(name)]


def outcome(mutant: Mutant, wanted: list[tuple]) -> Outcome:
    """Run a mutant until a look shows a difference from what is wanted."""
    try:
        for program in programs(mutant):
            for look, reference in wanted:
                found = agreement.disagreement(program(*look), *reference)
                if found:
                    return Outcome(mutant, "parted", f"{look[0]}: {found}")
    except FormulaError as error:
        return Outcome(mutant, "refused", str(error).split("\n")[0])
    except Exception as error:
        return Outcome(mutant, "raised", f"{type(error).__name__}: {error}")
    reason = EQUAL.get((mutant.optimizer, mutant.part, mutant.after))
    return Outcome(mutant, "equal" if reason else "unnoticed", reason or "")


def outcomes_of(name: str) -> list[Outcome]:
    """Return the outcomes of all mutants of an optimizer."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = expected(name)
        mutants = [*formula_mutants(name), *step_mutants(name), *class_mutants(name)]
        return [outcome(mutant, wanted) for mutant in mutants]


def needless_entries(name: str, outcomes: list[Outcome]) -> list[tuple[str, str, str]]:
    """Return an optimizer's entries of `EQUAL` that no mutant needs."""
    used = {
        (mutant.optimizer, mutant.part, mutant.after)
        for mutant, result, _ in outcomes
        if result == "equal"
    }
    return [key for key in entries_of(name) if key not in used]
