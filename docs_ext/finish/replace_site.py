"""A new site is built beside the old one, and replaces it only when it is whole."""

import logging
import shutil
from pathlib import Path

from mkdocs.utils import CountHandler


def building_folder(target: Path) -> Path:
    """Return the folder to build in; put back a site whose exchange was interrupted."""
    old = sibling(target, "old")
    if old.exists() and not target.exists():
        old.rename(target)
    return sibling(target, "new")


def replace(new: Path) -> Path:
    """Exchange the site for the one that was built beside it, and return where it is."""
    target = new.with_name(new.name.removeprefix(".").removesuffix(".new"))
    old = sibling(target, "old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return target


def sibling(target: Path, name: str) -> Path:
    """Return a folder on the same disk, so that moving it is renaming it."""
    return target.with_name(f".{target.name}.{name}")


def build_will_fail() -> bool:
    """Say whether a strict build is about to fail: MkDocs looks at its count of warnings last."""
    handlers = logging.getLogger("mkdocs").handlers
    return any(h.get_counts() for h in handlers if isinstance(h, CountHandler))
