"""`::: cost-table` and `::: measured-on`: what a step costs, as `benchmarks.cost` measured it."""

from operator import itemgetter

from markdown import Markdown

from ..locate import ROOT, PageError, locate, page_path
from ..results import read_results
from .sortable import sortable

FILES = {
    "cpu": ROOT / "benchmarks" / "results" / "cost.json",
    "cuda": ROOT / "benchmarks" / "results" / "cost-cuda.json",
}
COMMANDS = {"cpu": "make bench", "cuda": "python -m benchmarks.cost --device cuda"}
HERE = {"here": "this package"}
HEAD = "| Algorithm | Whose | How | {} | times the floor | extra memory | state per parameter |"
RULE = "| --- | --- | --- | --: | --: | --: | --: |"


def measured(device: str = "cpu") -> dict:
    """Return the results on a device; no rows where nothing was measured."""
    file = FILES[device]
    return read_results(file) if file.exists() else {"rows": []}


def rows(case: str, device: str = "cpu") -> list[dict]:
    """Return the results of a case, without the floor itself."""
    found = measured(device)["rows"]
    return [row for row in found if row["case"] == case and row["by"] != "floor"]


def per_parameter(row: dict) -> float:
    """Return the nanoseconds for each number of the parameters."""
    return 1e6 * row["milliseconds"] / (row["tensors"] * row["elements"])


def per_tensor(row: dict) -> float:
    """Return the microseconds for each tensor."""
    return 1e3 * row["milliseconds"] / row["tensors"]


def cost_table(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return the table of a case: "large", "small", or "huge cuda" for one that a GPU has run."""
    case, _, device = argument.partition(" ")
    device = device or "cpu"
    known = {key: {row["case"] for row in measured(key)["rows"]} for key in FILES}
    if case not in known.get(device, ()):
        there = [f"{name} {key}" for key in FILES for name in sorted(known[key])]
        raise PageError(
            f"{locate(page_path(md), 'cost-table ' + argument)}: nothing was measured by that "
            f"name; there are: {', '.join(there).replace(' cpu', '')}; "
            f"`{COMMANDS.get(device, COMMANDS['cpu'])}` measures"
        )
    if device == "cuda":
        unit, time = "ms per step", itemgetter("milliseconds")
    elif case == "small":
        unit, time = "µs per tensor", per_tensor
    else:
        unit, time = "ns per parameter", per_parameter
    lines = [HEAD.format(unit), RULE]
    for row in rows(case, device):
        extra = row["extra_bytes"]
        cells = [
            row["name"],
            HERE.get(row["by"], row["by"]),
            row["how"],
            f"{time(row):.2f}",
            f"{row['to_floor']:.2f}",
            "–" if extra is None else f"{extra / 1e6:.1f} MB",
            f"{row['state_bytes']:g} bytes",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return sortable(lines)


def measured_on(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return when, where and with which versions: `measured-on`, or `measured-on cuda`."""
    device = argument or "cpu"
    if device not in FILES:
        where = locate(page_path(md), f"measured-on {argument}")
        raise PageError(f"{where}: nothing is measured on `{device}`, but on: {', '.join(FILES)}")
    found = measured(device)
    if not found["rows"]:
        return [f"Nothing has been measured yet: run `{COMMANDS[device]}`."]
    where = found["machine"]
    text = f"Measured on {found['date']}: {where['processor']}, {where['cores']} "
    text += f"cores of which {where['threads']} are used" if "threads" in where else "processors"
    text += f", {where['gigabytes']} GB, {where['system']}; "
    text += ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    if where.get("load", 0) > where["cores"] / 2:
        text += f". The machine was busy with other work (load {where['load']:g}): read the ratios"
    return [f"{text}."]


def of_a_step(name: str) -> str:
    """How many times its floor a step of this package takes, by one kernel if there is one.

    The floor was measured in turn with it: times of different optimizers were not, so that what
    else the machine did lies between them.

    Example:
        >>> of_a_step("an optimizer that nobody has measured")
        '–'
    """
    found = {row["how"]: row for row in rows("large") if (row["name"], row["by"]) == (name, "here")}
    row = found.get("fused") or found.get("plain")
    return f"{row['to_floor']:.2f} × floor" if row else "–"
