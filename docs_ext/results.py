"""What benchmarks have written: read when a page asks, and anew when a file has changed."""

import functools
import json
from pathlib import Path
from typing import Any


def read_results(file: Path) -> dict[str, Any]:
    """Return the content of a JSON file, which nobody may change."""
    return read_once(file, file.stat().st_mtime_ns)


@functools.lru_cache(maxsize=16)  # each row of a table asks; a served site sees a file change
def read_once(file: Path, _: int) -> dict[str, Any]:
    return json.loads(file.read_text(encoding="utf-8"))
