"""What a fresh clone takes: seconds and space until the pages are built, and until tests can run.

`python -m benchmarks.set_up` writes the results, for the pages on hosting and on installing.
"""

import datetime
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "set_up.json"


def megabytes(folder: Path) -> int:
    """What the files below a folder take."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return round(sum(path.stat().st_size for path in files) / 1e6)


def main() -> None:
    """Clone what is committed, set it up and build it, then set up the tests."""
    # An environment that is in use would be taken for that of the clone.
    path = os.pathsep.join(
        folder for folder in os.get_exec_path() if not folder.startswith(str(ROOT))
    )
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
        found = {}
        for target in ("pages", "build", "setup"):
            start, before = time.perf_counter(), os.times()
            subprocess.run(
                ["make", target], cwd=folder, env=os.environ | {"PATH": path}, check=True
            )
            after = os.times()
            found[f"{target}_s"] = round(time.perf_counter() - start)
            processor = after.children_user + after.children_system
            found[f"{target}_cpu_s"] = round(
                processor - before.children_user - before.children_system
            )
            needed = (Path(folder, ".venv"), Path(folder, "node_modules"))
            found[f"{target}_MB"] = sum(map(megabytes, needed))
    found["date"], found["load"] = f"{datetime.date.today()}", round(os.getloadavg()[0], 1)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
