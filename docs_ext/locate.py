"""Errors of pages, and the file and line that they name."""

import re
from pathlib import Path

from markdown import Markdown
from mkdocs.exceptions import BuildError

ROOT = Path(__file__).parent.parent
INCLUDE = re.compile(r"^\s*-+8<-+ +[\"']([^\"':]+)(?::([\w-]+))?[\"']\s*$")


class PageError(BuildError):
    """A fault of a page, which MkDocs reports without a traceback."""


def page_path(md: Markdown) -> Path | None:
    """Return the file that is being converted, or None outside a site's build."""
    # MkDocs gives an extension its page only through the processor that resolves links.
    if "relpath" not in md.treeprocessors:
        return None
    return Path(md.treeprocessors["relpath"].file.abs_src_path)


def locate(path: Path | None, piece: str) -> str:
    """Say where a piece of text stands: on the page, or in a file that the page includes.

    Args:
        path: the page, or None if it is unknown.
        piece: text as the author wrote it; of several lines, the first that is not blank counts.

    Returns:
        `file:line`, relative to the project; the file alone if the piece is nowhere in it.

    Example:
        >>> locate(ROOT / "docs" / "adam.md", "## Description")
        'docs/adam.md:3'
    """
    if path is None:
        return "<text>"
    needle = next((line.strip() for line in piece.splitlines() if line.strip()), piece)
    lines = path.read_text(encoding="utf-8").splitlines()
    found = None
    for file in (path, *included(lines)):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip() == needle:  # "``" is in each "```", too
                return f"{relative(file)}:{number}"
            if needle in line and found is None:
                found = f"{relative(file)}:{number}"
    return found or relative(path)


def included(lines: list[str]) -> list[Path]:
    """Return the files that a page's lines include, as far as they exist."""
    files = [ROOT / match[1] for line in lines if (match := INCLUDE.match(line))]
    return [file for file in files if file.is_file()]


def relative(path: Path) -> str:
    """Return a path as a reader of the project would type it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
