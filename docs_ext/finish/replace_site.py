"""A site is built beside the one that is there, and takes its place only when it is whole."""

import logging
import shutil
from pathlib import Path

from mkdocs.utils import CountHandler


def aside(target: Path) -> Path:
    """Return the folder to build in; put back a site whose exchange was interrupted."""
    old = beside(target, "old")
    if old.exists() and not target.exists():
        old.rename(target)
    return beside(target, "new")


def put_in_place(new: Path) -> Path:
    """Exchange the site for the one that was built beside it, and return where it is."""
    target = new.with_name(new.name.removeprefix(".").removesuffix(".new"))
    old = beside(target, "old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return target


def beside(target: Path, name: str) -> Path:
    """Return a folder on the same disk, so that moving it is renaming it."""
    return target.with_name(f".{target.name}.{name}")


def was_warned() -> bool:
    """Say whether a strict build is about to fail: MkDocs counts warnings, and looks at the end."""
    handlers = logging.getLogger("mkdocs").handlers
    return any(one.get_counts() for one in handlers if isinstance(one, CountHandler))
