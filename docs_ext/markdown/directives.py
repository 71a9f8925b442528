"""`::: name` stands for Markdown that is made during the build, so that it cannot be stale."""

import json
import re
from collections.abc import Callable
from importlib.metadata import version

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

from optimizers import OPTIMIZERS
from optimizers.formula import rule_of
from optimizers.formula.symbols import SYMBOLS

from . import comparison, costs, others, rules
from .laboratory import laboratory
from .source import ROOT, PageError, locate, page_path

DIRECTIVE = re.compile(r"^(?P<indent> *)::: (?P<name>[a-z-]+)(?: (?P<argument>\S.*?))?\s*$")


def symbols(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """The table of symbols: what each means, in both languages, and its name in the code."""
    rows = ["| Formula | Name in the code | Meaning | معنی |", "| --- | --- | --- | --- |"]
    for symbol in SYMBOLS:
        code = f"`{symbol.code}`" if symbol.code else "–"
        rows.append(f"| ${symbol.latex}$ | {code} | {symbol.meaning} | {symbol.fa} |")
    return rows


def references(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """The sources of some optimizers, else of the page's, and what the page was checked with."""
    lines = []
    for name in argument.split() or md.names:
        if name not in OPTIMIZERS:
            raise PageError(
                f"{locate(page_path(md), name)}: the title names `{name}`, but "
                f"optimizers.OPTIMIZERS has only: {', '.join(OPTIMIZERS)}"
            )
        source = comparison.cited(name)
        link = re.sub(r"arXiv (\d+\.\d+)", r"[arXiv \1](https://arxiv.org/abs/\1)", source)
        lines.append(f"- **{name}**: {' '.join(link.split())}")
    # What follows the plus sign names a build of torch, as in 2.13.0+cpu.
    torch, numpy = version("torch").partition("+")[0], version("numpy")
    return [*lines, "", f"Checked when this page was built: torch {torch}, NumPy {numpy}."]


def kernel(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """The program of a kernel that is made from an optimizer's formula."""
    return ["```python", *rule_of(argument).kernel().splitlines(), "```"]


def optimizer_classes(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """The documentation of every PyTorch class, by mkdocstrings."""
    first, *others = [f"::: optimizers.{entry.optimizer.__name__}" for entry in OPTIMIZERS.values()]
    # The first is in view at once, the others become elements later.
    return [first, "    options: { extra: { far: false } }", *others]


def numpy_steps(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """The documentation of every NumPy step, by mkdocstrings."""
    return [f"::: optimizers.{entry.step.__name__}\n" for entry in OPTIMIZERS.values()]


SCALE = {
    "pages": "Optimizer pages",
    "build_s": "Build, s",
    "cpu_s": "of that on the processor, s",
    "peak_MB": "Peak memory, MB",
    "index_gzip_KB": "Search index, KB compressed",
    "page_gzip_KB": "A page, KB compressed",
    "first_search_ms": "First search, ms",
    "search_ms": "Each later one, ms",
}


def scale(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """What sites of several sizes cost, as `make bench-site` has measured it."""
    told = json.loads((ROOT / "benchmarks" / "site.json").read_text(encoding="utf-8"))
    rows = [f"| {' | '.join(SCALE.values())} |", "| ---: " * len(SCALE) + "|"]
    rows += [f"| {' | '.join(str(row[key]) for key in SCALE)} |" for row in told["rows"]]
    (reload,) = (row for row in told["rows"] if "reload_s" in row)
    return [
        *rows,
        "",
        f"After an edit of one of {reload['pages']} pages, `make serve` shows it "
        f"{reload['reload_s']} seconds later. Measured on {told['date']}: {told['machine']}, "
        f"whose load was {told['load']} at the end.",
    ]


# Each takes the page, what stands behind its name, and the lines that stand indented below it.
MADE: dict[str, Callable[[Markdown, str, list[str]], list[str]]] = {
    "compare-optimizers": comparison.compare_optimizers,
    "cost-table": costs.cost_table,
    "defaults-that-differ": rules.defaults_that_differ,
    "differs": rules.differs,
    "how-others-write-it": others.how_others_write_it,
    "kernel": kernel,
    "laboratory": laboratory,
    "measured-on": costs.measured_on,
    "numpy-steps": numpy_steps,
    "optimizer-classes": optimizer_classes,
    "references": references,
    "scale": scale,
    "symbols": symbols,
    "worked-numbers": rules.worked_numbers,
}


class MadePreprocessor(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        made, rest = [], list(lines)
        while rest:
            line = rest.pop(0)
            match = DIRECTIVE.match(line)
            if match is None:
                made.append(line)
                continue
            indent, name, argument = match.groups(default="")
            if name not in MADE:
                raise PageError(
                    f"{locate(page_path(self.md), line)}: nothing is made by the name "
                    f"`{name}`; there are: {', '.join(MADE)}"
                )
            body = []
            while rest and (rest[0].startswith(f"{indent} ") or not rest[0].strip()):
                body.append(rest.pop(0))
            new = MADE[name](self.md, argument, body)
            new = "\n".join([*new, ""]).split("\n")
            made += [indent + line if line else "" for line in new]
        return made


class MadeExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        # After the title (31.5) is read, before fenced code (25) hides what could look like ours.
        md.preprocessors.register(MadePreprocessor(md), "made", 31)


def makeExtension(**kwargs) -> MadeExtension:
    return MadeExtension(**kwargs)
