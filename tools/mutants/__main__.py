"""`make mutants` changes one thing at a time in formulas and code, and counts what checks notice.

It counts anew for the optimizers that changed since, for one with `ONLY=lion`, or for all with
`FULL=1`, and fails where a change goes unnoticed.
"""

import argparse
import multiprocessing
import os
import sys

from docs_ext.names import module_name
from optimizers import OPTIMIZERS

from .count import count
from .results import is_current

MODULES = {module_name(name): name for name in OPTIMIZERS}


def main() -> int:
    options = argparse.ArgumentParser(prog="tools.mutants", description=__doc__.split("\n")[0])
    options.add_argument("module", nargs="?", choices=MODULES, help="one optimizer's module")
    options.add_argument("--all", action="store_true", help="also optimizers that did not change")
    chosen = options.parse_args()
    if chosen.module:
        names = [MODULES[chosen.module]]
    else:
        names = [name for name in OPTIMIZERS if chosen.all or not is_current(name)]
    if not names:
        print("the counts of all optimizers are current")
        return 0
    faults = []
    # A process that has used torch's threads is not to be forked.
    with multiprocessing.get_context("spawn").Pool(min(len(names), os.cpu_count())) as pool:
        for name, changes, found in pool.imap_unordered(count, names):
            print(f"{name}: {changes} changes, {len(found)} faults", flush=True)
            faults += found
    for fault in faults:
        print(fault, file=sys.stderr)
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
