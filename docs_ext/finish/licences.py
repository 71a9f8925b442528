"""The licences of what a site contains and of what it is built with."""

import functools
import json
import re
from importlib.metadata import PackageNotFoundError, distribution, metadata
from pathlib import Path

from ..locate import ROOT


def write(site: Path) -> None:
    """Write `licences.txt`."""
    (site / "licences.txt").write_text(text(), encoding="utf-8")


@functools.cache
def text() -> str:
    """Return the licences of what is in the site, and of what it was built with."""
    own = (ROOT / "LICENSE").read_text(encoding="utf-8")
    parts = ["What this site contains", "", "== Pages, package and programs", "", own]
    for name in json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["dependencies"]:
        terms = (ROOT / "node_modules" / name / "LICENSE").read_text(encoding="utf-8")
        parts += [f"== {name}", "", terms]
    theme = distribution("mkdocs-material").read_text("licenses/LICENSE")
    parts += ["== mkdocs-material", "", theme, "What it was built with", ""]
    for name in re.findall(
        r"^[\w.-]+", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE
    ):
        try:
            parts.append(f"{name} {metadata(name)['Version']}: {licence(name)}")
        except PackageNotFoundError:
            continue  # constraints.txt also pins what other systems need
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    for path, package in lock["packages"].items():
        if path and "license" in package:
            name = path.rpartition("node_modules/")[2]
            parts.append(f"{name} {package['version']}: {package['license']}")
    return "\n".join([*parts, ""])


def licence(name: str) -> str:
    """Return a Python package's licence in a few words.

    Example:
        >>> licence("mkdocs-material")
        'MIT'
    """
    fields = metadata(name)
    expression = (
        fields["License-Expression"] or (fields["License"] or "").partition("\n")[0].strip()
    )
    prefix = "License :: OSI Approved :: "
    classifiers = fields.get_all("Classifier") or []
    classes = [line.removeprefix(prefix) for line in classifiers if prefix in line]
    return expression or ", ".join(classes) or "see its files"
