"""Trains the small transformer with warm-up, decay and clipping, each alone and together.

    python -m benchmarks.schedules

writes `benchmarks/schedules.json` anew, for the page on why each line is there; it takes about
half an hour on two cores. The model, the text and the training are those of
`benchmarks.experiment`.
"""

import argparse
import json
import multiprocessing
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import torch
from tqdm import tqdm

from benchmarks import experiment

RESULT = Path(__file__).with_suffix(".json")
# What is added to a constant learning rate: `warm_up` in so many iterations, `decay` to zero at the
# end, both linear, and `clip`, the largest norm that all gradients together may have.
WAYS: dict[str, dict] = {
    "constant": {},
    "warm-up": {"warm_up": 20},
    "decay": {"decay": True},
    "clipping": {"clip": 1.0},
    "all three": {"warm_up": 20, "decay": True, "clip": 1.0},
}
OPTIONS = {"Momentum": {}, "AdamW": {"weight_decay": 0.1}, "RAdam": {}, "ADOPT": {}}
# Around each one's best rate; a factor of about 3 apart.
RATES = {
    "Momentum": (0.03, 0.1, 0.3, 1.0),
    "AdamW": (0.003, 0.01, 0.03, 0.1),
    "RAdam": (0.003, 0.01, 0.03, 0.1),
    "ADOPT": (0.003, 0.01, 0.03, 0.1),
}
# Half the text in a step and a third of the steps of the experiment, because there are more runs.
SIZES = {"steps": 200, "seeds": 3, "context": 32}
SETTINGS = experiment.SETTINGS | SIZES | {"every": SIZES["steps"], "options": OPTIONS}


def runs(settings: dict) -> list[tuple[str, str, float, int]]:
    """Return every run: a way, an optimizer, a learning rate, a seed."""
    return [
        (way, name, lr, seed)
        for seed in range(settings["seeds"])
        for name in OPTIONS
        for lr in RATES[name]
        for way in WAYS
    ]


def train(job: tuple[dict, tuple[str, str, float, int]]) -> dict:
    """Train once, and return the run with its loss at the end, None where it is not finite."""
    settings, (way, *run) = job
    done = experiment.train(settings | WAYS[way], tuple(run))
    return {"way": way, **done, "losses": done["losses"][-1:]}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=RESULT, help="the JSON to write")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    for name in ("steps", "seeds", "width", "layers", "context", "batch"):
        parser.add_argument(f"--{name}", type=int, default=SETTINGS[name])
    given = vars(parser.parse_args(arguments))
    path, workers = given.pop("output"), given.pop("workers")
    settings = SETTINGS | given | {"every": given["steps"]}
    begun, jobs = time.time(), [(settings, run) for run in runs(settings)]
    with multiprocessing.get_context("spawn").Pool(workers, experiment.start_worker) as pool:
        made = list(tqdm(pool.imap(train, jobs), total=len(jobs), unit="run"))
    head = {
        "settings": settings,
        "ways": WAYS,
        "made_with": experiment.circumstances(settings),
        "date": datetime.now(UTC).date().isoformat(),
        "minutes": round((time.time() - begun) / 60, 1),
    }
    lines = ",\n  ".join(json.dumps(run) for run in made)
    body = json.dumps(head, indent=1).removesuffix("\n}")
    path.write_text(f'{body},\n "runs": [\n  {lines}\n ]\n}}\n', encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
