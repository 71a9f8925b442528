"""What a step costs, as `make bench` has measured it: tables, and a figure's numbers."""

import json

from markdown import Markdown

from .source import ROOT

FILE = ROOT / "benchmarks" / "results" / "cost.json"
HERE = {"here": "this package"}
HEAD = "| Algorithm | Whose | How | {} | times the floor | extra memory | state per parameter |"
RULE = "| --- | --- | --- | --: | --: | --: | --: |"
# What the columns of time say, by case.
TIME = {"large": "ns per parameter", "small": "µs per tensor"}


def measured() -> dict:
    """The file of results, or nothing measured."""
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {"rows": []}


def rows(case: str) -> list[dict]:
    """What was measured of a case, without the floor itself."""
    return [row for row in measured()["rows"] if row["case"] == case and row["by"] != "floor"]


def per_parameter(row: dict) -> float:
    """Nanoseconds for each number."""
    return 1e6 * row["milliseconds"] / (row["tensors"] * row["elements"])


def cost_table(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """The table of a case: "large" or "small"."""
    lines = [HEAD.format(TIME[argument]), RULE]
    for row in rows(argument):
        time = per_parameter(row)
        if argument == "small":
            time = 1e3 * row["milliseconds"] / row["tensors"]
        extra = row["extra_bytes"]
        cells = [
            row["name"],
            HERE.get(row["by"], row["by"]),
            row["how"],
            f"{time:.2f}",
            f"{row['to_floor']:.2f}",
            "–" if extra is None else f"{extra / 1e6:.1f} MB",
            f"{row['state_bytes']:g} bytes",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return ["/// html | div.sortable", "", *lines, "", "///"]


def measured_on(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """When, where and with what it was measured."""
    found = measured()
    if not found["rows"]:
        return ["Nothing has been measured yet: run `make bench`."]
    where = found["machine"]
    text = f"Measured on {found['date']}: {where['processor']}, {where['cores']} cores of which "
    text += f"{where['threads']} are used, {where['gigabytes']} GB, {where['system']}; "
    text += ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    if where["load"] > where["cores"] / 2:
        text += f". The machine was busy with other work (load {where['load']:g}): read the ratios"
    return [f"{text}."]


def of_a_step(name: str) -> str:
    """What a step of this package costs for each parameter, by one kernel if there is one.

    Example:
        >>> of_a_step("an optimizer that nobody has measured")
        '–'
    """
    found = {row["how"]: row for row in rows("large") if (row["name"], row["by"]) == (name, "here")}
    row = found.get("fused") or found.get("plain")
    return f"{per_parameter(row):.2f} ns" if row else "–"
