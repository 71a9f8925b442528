"""Trains a small transformer with several optimizers; `make experiment` runs it.

The model learns to predict the next character of the standard library's source. Each optimizer
runs at each learning rate with each seed; a run that is finished stands in the file and is not
repeated, so an interrupted experiment goes on where it stopped.

    python -m benchmarks.experiment
    python -m benchmarks.experiment --output gpu.json --device cuda --width 512 --layers 6
"""

import argparse
import hashlib
import json
import math
import multiprocessing
import os
import platform
import signal
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from sysconfig import get_path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from optimizers import OPTIMIZERS

RESULT = Path(__file__).with_suffix(".json")
# Options besides the learning rate; the others have their defaults.
OPTIONS = {"Adam": {}, "AdamW": {"weight_decay": 0.1}, "ADOPT": {}}
LEARNING_RATES = (1e-3, 3e-3, 1e-2, 3e-2)
# Single files in every Python from 3.11 on, on every system.
MODULES = (
    *("argparse", "ast", "bdb", "calendar", "codecs", "configparser", "contextlib", "copy", "csv"),
    *("dataclasses", "difflib", "dis", "doctest", "enum", "fractions", "ftplib", "functools"),
    *("gettext", "heapq", "imaplib", "inspect", "ipaddress", "locale", "mailbox", "mimetypes"),
    *("optparse", "os", "pdb", "pickle", "pickletools", "platform", "pprint", "pstats", "pydoc"),
    *("random", "shutil", "smtplib", "socket", "ssl", "statistics", "subprocess", "tarfile"),
    *("tempfile", "textwrap", "threading", "tokenize", "traceback", "typing", "uuid", "weakref"),
)
SETTINGS = {
    "steps": 600,
    "every": 25,
    "seeds": 5,
    "width": 64,
    "layers": 2,
    "heads": 4,
    "context": 64,
    "batch": 16,
    "device": "cpu",
}


class ExperimentError(Exception):
    """A result that cannot be used, reported without a traceback."""


@cache
def corpus() -> tuple[Tensor, int]:
    """Return the source of MODULES as a tensor of characters, and how many there are."""
    folder = Path(get_path("stdlib"))
    text = "".join((folder / f"{name}.py").read_text(encoding="utf-8") for name in MODULES)
    # Letters outside ASCII, in names of authors, count as the same character.
    codes = np.frombuffer(text.encode("ascii", "replace"), np.uint8)
    letters, numbers = np.unique(codes, return_inverse=True)
    return torch.from_numpy(numbers), len(letters)


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.split, self.join = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.split(self.norms[0](x)).chunk(3, dim=-1)
        query, key, value = (p.unflatten(-1, (self.heads, -1)).transpose(1, 2) for p in parts)
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.join(seen.transpose(1, 2).flatten(2))
        return x + self.narrow(functional.gelu(self.wide(self.norms[1](x))))


class Transformer(nn.Module):
    """Predicts each next character from those before it."""

    def __init__(self, letters: int, width: int, layers: int, heads: int, context: int) -> None:
        super().__init__()
        self.letter, self.place = nn.Embedding(letters, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, letters)

    def forward(self, text: Tensor) -> Tensor:
        x = self.letter(text) + self.place.weight[: text.shape[1]]
        return self.head(self.norm(self.blocks(x)))

    def loss(self, text: Tensor) -> Tensor:
        return functional.cross_entropy(self(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())


def train(settings: dict, run: tuple[str, float, int]) -> dict:
    """Train once.

    Args:
        settings: as SETTINGS; `options` of the optimizers, `warm_up`, `decay` and `clip`, as
            `benchmarks.schedules` describes them, if they are there.
        run: an optimizer, a learning rate, a seed.

    Returns:
        The run: its identity, and its losses on text that it did not learn from, in nats per
        character, before the first and after every `every` steps; None where not finite.
    """
    name, lr, seed = run
    device, context = settings["device"], settings["context"]
    text, letters = corpus()
    split = len(text) * 9 // 10
    generator = torch.Generator().manual_seed(seed)

    def windows(begin: int, end: int, count: int, generator: torch.Generator) -> Tensor:
        places = torch.randint(begin, end - context, (count, 1), generator=generator)
        return text[places + torch.arange(context + 1)].to(device)

    held_out = windows(split, len(text), 256, torch.Generator().manual_seed(0))
    torch.manual_seed(seed)
    sizes = {key: settings[key] for key in ("width", "layers", "heads", "context")}
    model = Transformer(letters, **sizes).to(device)
    # Behind an optimizer's name may stand which of its settings these are.
    optimizer_class = OPTIMIZERS[name.partition(", ")[0]].optimizer
    options = settings.get("options", OPTIONS)[name]
    optimizer = optimizer_class(model.parameters(), lr=lr, fused=False, **options)

    losses = []
    for step in range(settings["steps"] + 1):
        if step in measured(settings):
            with torch.no_grad():
                losses.append(model.loss(held_out).item())
            if not math.isfinite(losses[-1]):
                break
        if step < settings["steps"]:
            optimizer.zero_grad()
            model.loss(windows(0, split, settings["batch"], generator)).backward()
            if "clip" in settings:
                nn.utils.clip_grad_norm_(model.parameters(), settings["clip"])
            for group in optimizer.param_groups:
                group["lr"] = lr * share_of_rate(settings, step)
            optimizer.step()
    losses = [round(loss, 4) if math.isfinite(loss) else None for loss in losses]
    losses += [None] * (len(measured(settings)) - len(losses))
    return {"optimizer": name, "lr": lr, "seed": seed, "losses": losses}


def share_of_rate(settings: dict, step: int) -> float:
    """Return by what the learning rate is multiplied in a step: 1 without warm-up and decay.

    Example:
        >>> ways = {"steps": 100, "warm_up": 10, "decay": True}
        >>> [share_of_rate(ways, step) for step in (0, 4, 9, 10, 55, 99)]
        [0.1, 0.5, 1.0, 1.0, 0.5, 0.011111111111111112]
    """
    warm_up, steps = settings.get("warm_up", 0), settings["steps"]
    if step < warm_up:
        return (step + 1) / warm_up
    return (steps - step) / (steps - warm_up) if settings.get("decay") else 1.0


def measured(settings: dict) -> range:
    """The steps after which the loss is measured."""
    return range(0, settings["steps"] + 1, settings["every"])


def runs(settings: dict) -> list[tuple[str, float, int]]:
    """Every run of an experiment: optimizer, learning rate, seed."""
    seeds = range(settings["seeds"])
    return [
        (name, lr, seed)
        for seed in seeds
        for name in settings["options"]
        for lr in settings["learning_rates"]
    ]


def circumstances(settings: dict) -> dict:
    """The machine and the versions of an experiment; runs of others are not mixed with its own."""
    on_gpu = settings["device"].startswith("cuda")
    vectors = torch.backends.cpu.get_cpu_capability()
    return {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {vectors}",
        "accelerator": torch.cuda.get_device_name(settings["device"]) if on_gpu else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "text": hashlib.sha256(corpus()[0].numpy().tobytes()).hexdigest()[:16],
    }


def read(path: Path) -> dict:
    """Read a result.

    Raises:
        ExperimentError: the file is not JSON, or not the result of an experiment.
    """
    name = os.path.relpath(path)
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        done = {identity(run) for run in result["runs"]}
        unknown = done - set(runs(result["settings"]))
        counts = {len(run["losses"]) for run in result["runs"]}
    except json.JSONDecodeError as error:
        raise ExperimentError(
            f"{name}:{error.lineno}: not JSON: {error.msg}; delete the file to start anew"
        ) from None
    except (UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ExperimentError(
            f"{name}: not the result of an experiment ({type(error).__name__}: {error}); "
            "delete the file to start anew"
        ) from None
    if unknown or counts - {len(measured(result["settings"]))}:
        raise ExperimentError(
            f"{name}: its runs are not those of its settings; delete the file to start anew"
        )
    return result


def identity(run: dict) -> tuple[str, float, int]:
    return run["optimizer"], run["lr"], run["seed"]


def missing(result: dict) -> list[tuple[str, float, int]]:
    """The runs that are yet to be made."""
    done = {identity(run) for run in result["runs"]}
    return [run for run in runs(result["settings"]) if run not in done]


def write(path: Path, result: dict) -> None:
    """Replace a result in one go, so that a stopped experiment leaves the old file or the new."""
    order = {run: place for place, run in enumerate(runs(result["settings"]))}
    lines = [json.dumps(run) for run in sorted(result["runs"], key=lambda r: order[identity(r)])]
    head = json.dumps({key: result[key] for key in result if key != "runs"}, indent=1)
    body = head.removesuffix("\n}") + ',\n "runs": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"
    aside = path.with_name(path.name + ".part")
    aside.write_text(body, encoding="utf-8")
    aside.replace(path)


def experiment(settings: dict, path: Path, workers: int) -> None:
    """Make the runs that a file lacks, and write the file after each.

    Raises:
        ExperimentError: the file cannot be used, or was made with something else.
    """
    name = os.path.relpath(path)
    now = {"settings": settings, "made_with": circumstances(settings)}
    result = read(path) if path.exists() else now | {"runs": []}
    for part, values in now.items():
        for key in values.keys() | result[part].keys():
            before, after = result[part].get(key), values.get(key)
            if before != after:
                raise ExperimentError(
                    f"{name}: made with {key} = {before}, not {after}; name another file with "
                    "--output, or delete this one"
                )
    todo = missing(result)
    ready = len(result["runs"])
    pool = multiprocessing.get_context("spawn").Pool(workers, start_worker) if workers > 1 else None
    with pool or nullcontext():
        done = (pool.imap_unordered if pool else map)(partial(train, settings), todo)
        for run in tqdm(done, total=ready + len(todo), initial=ready, unit="run"):
            result["runs"].append(run)
            result["date"] = datetime.now(UTC).date().isoformat()
            write(path, result)


def start_worker() -> None:
    # The parent handles Ctrl-C and ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


def at_least_1(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"at least 1, not {text}")
    return number


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=RESULT, help="the JSON to go on with")
    parser.add_argument("--workers", type=at_least_1, default=os.cpu_count(), help="processes")
    for name, value in SETTINGS.items():
        kind = at_least_1 if isinstance(value, int) else str
        parser.add_argument(f"--{name}", type=kind, default=value, help=f"{value} if not given")
    options = vars(parser.parse_args(arguments))
    if options["width"] % options["heads"]:
        parser.error("--width has to be a multiple of --heads")
    if options["device"].startswith("cuda") and not torch.cuda.is_available():
        parser.error("--device: torch sees no GPU here; use cpu")
    path, workers = options.pop("output"), options.pop("workers")
    settings = options | {"learning_rates": list(LEARNING_RATES), "options": OPTIONS}
    torch.set_num_threads(1)
    try:
        experiment(settings, path, workers)
    except ExperimentError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        kept = os.path.relpath(path)
        sys.exit(f"stopped; the finished runs are in {kept}, the same command makes the others")


if __name__ == "__main__":
    main()
