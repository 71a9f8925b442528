"""`::: mutants`: how many changes of formulas and code the checks noticed, by `make mutants`."""

from collections import Counter
from collections.abc import Hashable

from markdown import Markdown

from optimizers import OPTIMIZERS

from ..locate import ROOT
from ..names import module_name
from ..results import read_results

OUTCOMES = ("refused", "raised", "parted", "equal", "unnoticed")


def mutants(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return the tables: by optimizer, by kind of change, and the changes that change nothing."""
    counts, equal = Counter(), ["| changed | to | equal, because |", "|:--|:--|:--|"]
    for name in OPTIMIZERS:
        for part, kinds in results(name)["changes"].items():
            for kind, outcomes in kinds.items():
                for outcome, count in outcomes.items():
                    counts[f"{name}, {part}", kind, outcome] += count
        for change in results(name)["equal"]:
            after = change["after"].replace("|", r"\|")
            equal.append(f"| {name}, {change['in']} | `{after}` | {change['because']} |")
    tables = [count_table("changed", counts, 0), count_table("kind", counts, 1)]
    return "\n\n".join(["\n".join(table) for table in [*tables, equal]]).split("\n")


def results(name: str) -> dict:
    """Return what `make mutants` has written about an optimizer."""
    file = ROOT / "tools" / "mutants" / "results" / f"{module_name(name)}.json"
    return read_results(file) if file.exists() else EMPTY


EMPTY = {"changes": {}, "equal": []}


def count_table(title: str, counts: dict[tuple[str, str, str], int], column: int) -> list[str]:
    """Return a table that adds up counts by one part of their keys, in the order of appearance."""
    sums: Counter[tuple[Hashable, str]] = Counter()
    for key, count in counts.items():
        sums[key[column], key[2]] += count
    rows = [f"| {title} | changes | {' | '.join(OUTCOMES)} |", "|:--" + "|--:" * 6 + "|"]
    for row in dict.fromkeys(key[column] for key in counts):
        cells = [sums[row, outcome] for outcome in OUTCOMES]
        rows.append(f"| {row} | {sum(cells)} | {' | '.join(map(str, cells))} |")
    return rows
