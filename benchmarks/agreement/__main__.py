"""Runs every pair and writes agreement.json, with versions and date: `make agreement`."""

import datetime
import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from tqdm import tqdm

from .libraries import CONTENDERS, LIBRARIES, installed
from .moves import MOVES, tried_out
from .rows import HYPER, RATE, ROUNDING, STEPS, measured
from .variations import NAMES

RESULTS = Path(__file__).parent.parent / "agreement.json"


def main() -> None:
    """Measure all, and write it."""
    if missing := [name for name in LIBRARIES if installed(name) is None]:
        message = f"not installed: {', '.join(missing)}; `make agreement` installs them"
        sys.exit(message)
    rows = [measured(contender) for contender in tqdm(CONTENDERS)]
    rounds = {(row["optimizer"], row["library"]): row["rounds"] for row in rows}
    moves = [tried_out(move, rounds[move.optimizer, move.library]) for move in tqdm(MOVES)]
    found = {
        "date": f"{datetime.date.today()}",
        "python": platform.python_version(),
        "jax": version("jax"),
        "libraries": {
            name: {
                "version": installed(name),
                "source": library.source.replace("{version}", str(installed(name))),
            }
            for name, library in LIBRARIES.items()
        },
        "steps": STEPS,
        "lr": RATE,
        "tried": HYPER,
        "rounding": ROUNDING,
        "variations": NAMES,
        "rows": rows,
        "moves": moves,
    }
    RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
