"""Stamps of what is current: a cache or a table that bears another stamp is stale."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def stamp(files: Iterable[Path], *texts: str) -> str:
    """Return a digest that changes with the name or content of a file, and with a text.

    Args:
        files: in any order.
        texts: what else is to change the stamp, such as a version.

    Example:
        >>> stamp([Path(__file__)]) == stamp([Path(__file__)], "3.11")
        False
    """
    digest = hashlib.sha256()
    contents = [part for file in sorted(files) for part in (file.name.encode(), file.read_bytes())]
    for part in [*contents, *(text.encode() for text in texts)]:
        digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()
