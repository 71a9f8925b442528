"""`::: calculator`: what a model and its optimizer cost, with the reader's numbers.

The form and its first answer are written here; the script answers anew when the reader changes
something. For those without scripts, and for the page's Markdown, there is a table.
"""

import itertools
import json
import re
from html import escape
from pathlib import Path
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader
from markdown import Markdown

from optimizers import OPTIMIZERS

from ..directives import costs
from ..laboratory.form import WORDS
from ..locate import PageError, locate, page_path
from . import arithmetic
from .arithmetic import FLOAT32, PARTS, Setting

HERE = Path(__file__).parent
# The files of this folder that pages load, by their addresses.
FILES = {
    "javascripts/calculator.js": HERE / "calculator.js",
    "stylesheets/calculator.css": HERE / "calculator.css",
}
# Whose steps' times are taken from where: what a page calls it, the case, the device.
MEASURED = [("CPU", "large", "cpu"), ("GPU", "huge", "cuda")]
TITLES = {
    "weights": "Weights",
    "master": "Master weights",
    "gradients": "Gradients",
    "states": "States",
}
SPLITS = {
    "all": "all (FSDP, ZeRO-3)",
    "gradients": "gradients and states (ZeRO-2)",
    "states": "states (ZeRO-1)",
}
MEGATRON = (
    "[Megatron-LM](https://github.com/NVIDIA/Megatron-LM/blob/"
    "50b073cc788271efb5d4fbc92d987aeed2384f4f/docs/source/api-guide/dist_optimizer.md)"
)
DEEPSPEED = (
    "[DeepSpeed](https://github.com/deepspeedai/DeepSpeed/blob/"
    "077e6740178eba4ccff1b3ea9a7981578d3d42e4/docs/code-docs/source/memory.rst)"
)
TRANSFORMERS = (
    "[Transformers](https://github.com/huggingface/transformers/blob/"
    "249ef8164cfbd8e288c2f6d8395539b9e90e8300/docs/source/en/model_memory_anatomy.md)"
)
COOKBOOK = (
    "[EleutherAI](https://github.com/EleutherAI/cookbook/blob/"
    "827ee3b293a63f14403f1467d08c91fda213f4e6/calc/calc_transformer_mem.py#L312)"
)
BFLOAT16 = {"master": False, "states": "bfloat16"}
# What is counted in the table of presets: its name, and the setting.
COUNTED = [
    ("all in float32", FLOAT32),
    ("bfloat16, states in float32", {"master": False}),
    ("the same, and master weights", {}),
]
# What is counted where a number of bytes for Adam is quoted: the parts, the setting, in words, and
# who counts so.
QUOTED = [
    (("states",), FLOAT32, "its two averages in float32", TRANSFORMERS),
    (PARTS, BFLOAT16, "all in bfloat16", "`torch.optim` with such weights"),
    (("master", "states"), {}, "its averages, and master weights", COOKBOOK),
    (PARTS, {"master": False}, "bfloat16, the averages in float32", "this package"),
    (PARTS, FLOAT32, "all in float32", f"{DEEPSPEED}, {MEGATRON}"),
    (PARTS, {}, "the same with bfloat16, and master weights", "the calculator above"),
    (
        PARTS,
        {"gradients": "float32"},
        "the same with gradients in float32",
        f"{DEEPSPEED}, {MEGATRON}, {TRANSFORMERS}",
    ),
]
SENTENCE = (
    "Each device holds {total} ({gib}). A step moves {moved} there, which takes at least {time}."
)
MASTERLESS = "The address asks for “{what}”, which is left out: {weights} needs no more exact copy."


def calculator(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return the table of presets, and the form with the data that the script needs.

    Raises:
        PageError: something stands behind the name.
    """
    if argument:
        where = locate(page_path(md), f"::: calculator {argument}")
        raise PageError(f"{where}: write `::: calculator` alone")
    table = ["/// html | div.calculator-presets", "", *presets(), "", "///", ""]
    lines = [*table, *form(Setting()).splitlines()]
    if others := [name for name in OPTIMIZERS if name not in arithmetic.offered()]:
        why = "because their states depend on the shapes of the parameters"
        lines += ["", f"Not offered, {why}: {', '.join(others)}."]
    return lines


def presets() -> list[str]:
    """Return a table of what each preset takes, by how many states an optimizer has."""
    rows = [f"| Bytes | of each parameter | {' | '.join(arithmetic.PRESETS)} |"]
    rows.append("| --- | --: |" + " --: |" * len(arithmetic.PRESETS))

    def kept(name: str) -> float:
        return sum(arithmetic.states(name).values())

    names = sorted(arithmetic.offered(), key=kept)
    for _, alike in itertools.groupby(names, key=kept):
        optimizers = list(alike)
        for counted, options in COUNTED:
            setting = Setting(optimizer=optimizers[0], **options)
            cells = [f"{sum(arithmetic.held(setting).values()):g}"]
            for millions in arithmetic.PRESETS.values():
                each = arithmetic.on_each_device(setting._replace(millions=millions))
                cells.append(amount(sum(each.values())))
            rows.append(f"| {', '.join(optimizers)}: {counted} | {' | '.join(cells)} |")
    return rows


def quoted(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return a table of the bytes that are quoted for Adam, and of what is counted in each."""
    rows = ["| Bytes of each parameter | What is counted | Who counts so |", "| --: | --- | --- |"]
    for parts, options, words, whose in QUOTED:
        setting = Setting(optimizer="Adam", **options)
        total = sum(arithmetic.held(setting)[part] for part in parts)
        # MkDocs would look for the section that a link in Markdown names.
        link = f'<a href="{escape(address(setting))}">{total:g}</a>'
        rows.append(f"| {link} | {words} | {whose} |")
    return rows


def address(setting: Setting) -> str:
    """Return where the calculator shows a setting, on its own page.

    Example:
        >>> address(Setting())[:39]
        '#millions=7000&optimizer=AdamW&weights='
    """
    values = setting._asdict() | {"master": str(setting.master).lower()}
    return f"#{urlencode(values, quote_via=quote)}"


def form(setting: Setting) -> str:
    """Return the form as it is before the reader touches it."""
    data = {
        "sizes": arithmetic.SIZES,
        "master": arithmetic.MASTER,
        "splits": arithmetic.SPLITS,
        "bounds": arithmetic.BOUNDS,
        "optimizers": {
            name: {"states": arithmetic.states(name), "times": times(name)}
            for name in arithmetic.offered()
        },
        "words": {
            **{key: WORDS[key]["en"] for key in ("unknown", "beyond", "wants")},
            "sentence": SENTENCE,
            "masterless": MASTERLESS,
        },
    }
    template = Environment(autoescape=True, loader=FileSystemLoader(HERE))
    text = template.get_template("form.html").render(
        setting=setting,
        presets=arithmetic.PRESETS,
        dtypes=list(arithmetic.SIZES),
        splits=SPLITS,
        bounds=arithmetic.BOUNDS,
        titles=TITLES,
        states=arithmetic.states(setting.optimizer),
        held=arithmetic.held(setting),
        each=arithmetic.on_each_device(setting),
        least=arithmetic.seconds(setting),
        times=times(setting.optimizer),
        optimizers=list(data["optimizers"]),
        master=arithmetic.MASTER,
        amount=amount,
        duration=duration,
        sentence=sentence(setting),
        data=json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", r"<\/"),
    )
    return re.sub(r"\n *", "\n", text)


def sentence(setting: Setting) -> str:
    """Return the answer in words.

    Example:
        >>> sentence(Setting(millions=1000, shards=4))[:37]
        'Each device holds 4.00 GB (3.73 GiB).'
    """
    total = sum(arithmetic.on_each_device(setting).values())
    return SENTENCE.format(
        total=amount(total),
        gib=f"{figures(total / 2**30)} GiB",
        moved=amount(arithmetic.moved(setting) * arithmetic.share(setting)),
        time=duration(arithmetic.seconds(setting)),
    )


def times(name: str) -> list[tuple[str, float]]:
    """Return how many times its floor a step takes, as this site has measured it.

    Returns:
        Whose step, how it computes and where; and the factor. None for an optimizer that was not
        measured in a case that memory bounds.

    Example:
        >>> times("Muon")
        []
    """
    return [
        (f"{costs.HERE.get(row['by'], row['by'])}, {row['how']}, {place}", row["to_floor"])
        for place, case, device in MEASURED
        for row in costs.rows(case, device)
        if row["name"] == name
    ]


def figures(value: float) -> str:
    """Return a number in three digits, or in as many as it has before its point.

    Example:
        >>> figures(0.5), figures(16), figures(99.96), figures(1234.6)
        ('0.500', '16.0', '100', '1235')
    """
    return f"{value:#.3g}".rstrip(".") if value < 999.5 else f"{value:.0f}"


def in_units(value: float, units: list[str]) -> str:
    """Return a number with the first of some units, each a thousand times the last, that fits."""
    for unit in units[:-1]:
        if value < 999.5:
            return f"{figures(value)} {unit}"
        value /= 1000
    return f"{figures(value)} {units[-1]}"


def amount(size: float) -> str:
    """Return a number of bytes for readers.

    Example:
        >>> amount(0), amount(112e9), amount(999_600)
        ('0 bytes', '112 GB', '1.00 MB')
    """
    return in_units(size, ["bytes", "kB", "MB", "GB", "TB"]) if size else "0 bytes"


def duration(time: float) -> str:
    """Return seconds for readers.

    Example:
        >>> duration(0.0793), duration(7200.0)
        ('79.3 ms', '7200 s')
    """
    return in_units(1e6 * time, ["µs", "ms", "s"])
