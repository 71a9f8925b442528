"""What a reader copies runs, prints what the page says, and comes from a tested file."""

import re
from pathlib import Path

import pytest

from docs_ext.names import names_on
from optimizers import OPTIMIZERS

from .conftest import ROOT

pytestmark = pytest.mark.every

SNIPPETS = sorted((ROOT / "snippets").glob("*.py"))
PAGES = sorted((ROOT / "docs").rglob("*.md"))
INCLUDE = re.compile(r'^--8<-- "(?P<file>[^":]+)(:\w+)?"$')
ALLOWED = re.compile(r"^(import numpy as np)?$")


def title(page: Path) -> list[str]:
    """Return the optimizers that a page's title names."""
    names = names_on(page)
    return names if set(names) <= OPTIMIZERS.keys() else []


def fences(page: Path):
    """Yield each Python block of a page, as (line, lines inside), but what a command writes."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for start, line in enumerate(lines):
        if re.match(r"\s*```\s*(\{(?![^}]*\.output)[^}]*\.py\w*|py)", line):
            length = next(i for i, text in enumerate(lines[start + 1 :]) if "```" in text)
            yield start + 1, [text.strip() for text in lines[start + 1 : start + 1 + length]]


@pytest.mark.parametrize("path", SNIPPETS, ids=lambda path: path.stem)
def test_a_snippet_prints_what_its_page_says(path, run, tmp_path, request):
    printed = run(path.read_text(encoding="utf-8"), tmp_path)
    assert printed.strip(), f"{path.name} prints nothing: end it with a number that it computed"
    output = path.with_suffix(".out")
    if request.config.getoption("--write-outputs"):
        output.write_text(printed, encoding="utf-8")
    assert output.exists(), f"{output.name} is missing: run `make snippets`"
    assert printed == output.read_text(encoding="utf-8"), (
        f"snippets/{output.name}:1 is stale: make snippets ONLY={output.stem}"
    )


def with_torch():
    """Yield optimizer, snippet and torch's class of each snippet that shows torch's class."""
    for name, entry in OPTIMIZERS.items():
        path = ROOT / "snippets" / f"{entry.step.__name__.removesuffix('_step')}.py"
        if match := re.search(r"^from torch\.optim import (\w+)$", path.read_text("utf-8"), re.M):
            yield pytest.param(entry.optimizer.__name__, path, match[1], id=name)


@pytest.mark.parametrize(("ours", "path", "theirs"), list(with_torch()))
def test_the_package_prints_what_torch_prints(ours, path, theirs, run, tmp_path):
    code = path.read_text(encoding="utf-8").replace(
        "from torch.optim import", "from optimizers import"
    )
    printed = run(re.sub(rf"\b{theirs}\b", ours, code), tmp_path)
    assert printed == path.with_suffix(".out").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_python_block_comes_from_a_tested_file(page):
    for line, inside in fences(page):
        where = f"{page.relative_to(ROOT)}:{line}"
        included = [match["file"] for text in inside if (match := INCLUDE.match(text))]
        typed = [text for text in inside if not INCLUDE.match(text) and not ALLOWED.match(text)]
        assert not typed, f"{where}: move this code to snippets/ and include it: {typed[0]}"
        for file in included:
            tested = file.startswith(("snippets/", "optimizers/"))
            assert tested, f"{where}: {file} is not tested; include from snippets/ or optimizers/"


def test_every_snippet_stands_on_a_page_with_its_output():
    pages = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    shown = set(re.findall(r'--8<-- "(snippets/[^":]+)"', pages))
    there = {f"snippets/{p.name}" for path in SNIPPETS for p in (path, path.with_suffix(".out"))}
    assert shown == there


@pytest.mark.parametrize(
    "page", [page for page in PAGES if title(page)], ids=lambda page: page.stem
)
def test_the_line_that_matters_is_highlighted(page_html, page):
    highlighted = re.findall(r'<span class="hll">(.*?)\n</span>', page_html(page))
    plain = [re.sub(r"<[^>]+>", "", line) for line in highlighted]
    assert len(plain) == len(title(page))
    odd = [line for line in plain if not line.startswith("optimizer = ")]
    assert not odd, f"docs/{page.name}: `{odd[0]}` is highlighted"


def test_the_baseline_is_short_and_is_what_its_list_says():
    program = (ROOT / "snippets" / "baseline.py").read_text(encoding="utf-8")
    assert len(program.splitlines()) <= 50
    text = (ROOT / "docs" / "choose.md").read_text(encoding="utf-8")
    listed = text.partition("recipes for language models:\n\n")[2].partition("\n\n")[0]
    shown = re.findall(r"^- `([^`]+)`", listed, re.MULTILINE)
    assert len(shown) == 4
    for code in shown:
        assert code in program
