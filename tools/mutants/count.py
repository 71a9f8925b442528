"""Counts the mutants of an optimizer, and words the messages on faults."""

from pathlib import Path

import torch

from docs_ext.locate import locate
from docs_ext.names import module_name

from . import results, run
from .mutant import Mutant

EQUAL = Path(__file__).with_name("equal.py")


def count(name: str) -> tuple[str, int, list[str]]:
    """Write the counts of an optimizer; return its name, how many changes, and the faults."""
    torch.set_num_threads(1)  # each core has a process
    outcomes = run.outcomes_of(name)
    results.write(name, outcomes)
    faults = [unnoticed(mutant) for mutant, result, _ in outcomes if result == "unnoticed"]
    faults += [needless(key) for key in run.needless_entries(name, outcomes)]
    return name, len(outcomes), faults


def unnoticed(mutant: Mutant) -> str:
    """Return the message on a change that no check notices, with both remedies."""
    key = (mutant.optimizer, mutant.part, mutant.after)
    return (
        f"optimizers/{module_name(mutant.optimizer)}.py: no check notices this change of the "
        f"{mutant.part} ({mutant.kind}):\n"
        f"  before: {mutant.before}\n"
        f"  after:  {mutant.after}\n"
        "  If it changes what is computed, add values that show it to tests/cases.py.\n"
        f"  If it changes nothing, add to EQUAL in {locate(EQUAL, 'EQUAL = {')}, with the reason:\n"
        f'    {key!r}: "why it changes nothing",'
    )


def needless(key: tuple[str, str, str]) -> str:
    """Return the message on an entry of `EQUAL` that no change needs."""
    return f"{locate(EQUAL, key[2][:30])}: no change needs this entry any more; remove {key!r}"
