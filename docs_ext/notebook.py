"""Notebooks become Markdown, so that their formulas, Persian and code look like everywhere else.

mkdocs-jupyter makes pages of the notebooks; `as_markdown` then puts MkDocs' own rendering in the
place of its rendering and runs the cells itself, because its HTML brings a style sheet of 574 KB
with each page and leaves formulas and admonitions as they were typed, its errors name no line, and
its cache does not notice that the package changed.
"""

import html
import logging
import queue
import re
import sys
import threading
import xml.etree.ElementTree as etree
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import indent
from types import MethodType

import jupytext
from click import unstyle
from mkdocs.structure.pages import Page
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat.v4 import new_code_cell
from traitlets.config import Config

from .figures.svg import STYLE, for_page
from .locate import ROOT, PageError, relative
from .stamps import stamp

log = logging.getLogger("mkdocs.notebook")
CACHE = ROOT / ".cache" / "notebooks"
# Plots are drawn in stand-in colours that become the site's: C0 is the first optimizer's.
SETUP = f"""
%matplotlib inline
import matplotlib
from cycler import cycler
import matplotlib_inline.backend_inline
matplotlib_inline.backend_inline.set_matplotlib_formats("svg", metadata={{"Date": None}})
matplotlib.rcParams.update({STYLE})
"""


def as_markdown(page: Page, serving: bool = False) -> str:
    """Return a page's notebook as Markdown, with what its cells print and draw.

    Args:
        page: the page that mkdocs-jupyter has made of the notebook.
        serving: let the page come first and the notebook be run behind it.

    Raises:
        PageError: a cell failed, or shows what a page cannot.
    """
    page.render = MethodType(Page.render, page)
    path = Path(page.file.abs_src_path)
    cached = cache_of(path)
    if cached.exists():
        return cached.read_text(encoding="utf-8")
    return run_later(path) if serving else run(path)


def run(path: Path) -> str:
    """Run a notebook, return its Markdown and keep it."""
    cached = cache_of(path)
    notebook = jupytext.read(path)
    lines = lines_of(path, notebook.cells)
    execute(notebook, path, lines)
    cells = zip(notebook.cells, lines, strict=True)
    markdown = "\n\n".join(part for cell, line in cells for part in cell_markdown(cell, path, line))
    if cache_of(path) == cached:  # else it was edited meanwhile: this is no longer what it shows
        cached.parent.mkdir(parents=True, exist_ok=True)
        new = cached.with_suffix(".new")  # another build may read while this one writes
        new.write_text(markdown, encoding="utf-8")
        new.replace(cached)
    return markdown


# While the site is served, one thread runs the notebooks that pages wait for.
waiting: queue.SimpleQueue[Path] = queue.SimpleQueue()
failed: set[Path] = set()


def run_later(path: Path) -> str:
    """Have a notebook run behind the pages, and return it as it is without its outputs."""
    if cache_of(path) in failed:
        sentence = "*This notebook failed: `make serve` has printed where.*"
    else:
        sentence = "*This notebook is being run: what it shows comes here.*"
        waiting.put(path)
    cells = jupytext.read(path).cells
    return "\n\n".join(part for cell in cells for part in source_markdown(cell, sentence))


def run_behind_pages(when_one_ends: Callable[[], None]) -> None:
    """Run the notebooks that wait, one after the other, as long as this process lives."""

    def run_all() -> None:
        for path in iter(waiting.get, None):
            if not path.exists():
                continue  # it was taken away
            cached = cache_of(path)
            if cached.exists() or cached in failed:
                continue  # each build puts it there that comes before it has been run
            try:
                run(path)
            except Exception as error:  # whatever it is, the thread has to serve the next one
                failed.add(cached)
                log.error(str(error) if isinstance(error, PageError) else f"{path}: {error!r}")
            when_one_ends()

    threading.Thread(target=run_all, daemon=True).start()


def cache_of(path: Path) -> Path:
    """Return where a notebook's Markdown is kept, which is elsewhere when anything changes."""
    return CACHE / f"{stamp_of(path)}.md"


def stamp_of(path: Path) -> str:
    """Return a stamp that changes with the notebook, with what it reads and with what runs it."""
    sources = [path, Path(__file__), ROOT / "constraints.txt"]
    sources += [ROOT / "docs_ext" / name for name in ("figures/svg.py", "names.py")]
    sources += (ROOT / "optimizers").rglob("*.py")
    sources += (ROOT / "benchmarks").glob("experiment*")
    return stamp(sources, sys.version)


def execute(notebook, path: Path, lines: list[int]) -> None:
    """Run every cell, in a kernel whose working directory is the project."""
    client = NotebookClient(
        notebook,
        resources={"metadata": {"path": str(ROOT)}},
        kernel_name="python3",
        coalesce_streams=True,  # a busy machine sends what a cell prints in several pieces
        # Files of this user instead of ports, of which the kernel warns that others can listen.
        config=Config(KernelManager={"transport": "ipc"}),
    )
    notebook.cells.insert(0, new_code_cell(SETUP))
    with client.setup_kernel():
        for index, (cell, line) in enumerate(zip(notebook.cells, [1, *lines], strict=True)):
            try:
                client.execute_cell(cell, index)
            except CellExecutionError as error:
                raise PageError(
                    f"{relative(path)}:{failing_line(line, error)}: the cell failed\n"
                    f"{error.ename}: {unstyle(error.evalue)}"
                ) from None
            except DeadKernelError:
                raise PageError(
                    f"{relative(path)}:{line}: the cell ended the process that runs it; "
                    "it may need more memory than there is"
                ) from None
    del notebook.cells[0]


def failing_line(line: int, error: CellExecutionError) -> int:
    """Return the line of the notebook's file that raised, in a cell that begins at a line."""
    inside = re.search(r"Cell In\[\d+\], line (\d+)", unstyle(str(error)))
    return line + (int(inside[1]) - 1 if inside else 0)


def lines_of(path: Path, cells: list) -> list[int]:
    """Return the lines of a notebook's file at which its cells begin."""
    text, lines, found = path.read_text(encoding="utf-8").splitlines(), [], 0
    for cell in cells:
        source = cell.source.splitlines()
        first = next((line for line in source if line.strip()), "")
        # Words stand behind a `#` in the file, and so do commands such as `%time`.
        places = (place for place in range(found, len(text)) if first and first in text[place])
        start = next(places, found)
        lines.append(start + 1)
        found = start + len(source)
    return lines


def cell_markdown(cell, path: Path, line: int) -> Iterator[str]:
    """Yield the Markdown of a cell and of its outputs; a plot's code and a table are folded."""
    yield from source_markdown(cell)
    outputs = [output for output in cell.get("outputs", ()) if output.get("name") != "stderr"]
    marks = cell.metadata.keys() & {"alt", "table"}
    where = f"{relative(path)}:{line - 1}"
    if marks and cell.cell_type == "code" and not outputs:
        raise PageError(f"{where}: the cell shows nothing, but has `{marks.pop()}=`; remove that")
    for output in outputs:  # progress bars are not among them
        yield from output_markdown(output, cell, path, line)


def source_markdown(cell, instead_of_outputs: str = "") -> Iterator[str]:
    """Yield the Markdown of a cell without its outputs; code that belongs to them stays away."""
    if cell.cell_type == "markdown":
        yield cell.source
    elif cell.cell_type == "code" and cell.source.strip():
        if not cell.metadata.keys() & {"alt", "table"}:
            yield fenced(cell.source, "python")
        if instead_of_outputs:
            yield instead_of_outputs


def output_markdown(output, cell, path: Path, line: int) -> Iterator[str]:
    """Yield the Markdown of something that a cell has printed, shown or drawn."""
    where, code = f"{relative(path)}:{line - 1}", fenced(cell.source, "python")
    data = output.get("data", {})
    if "image/svg+xml" in data:
        if "alt" not in cell.metadata:
            raise PageError(
                f"{where}: the plot has no text for those who do not see; "
                'begin the cell with: # %% alt="What it shows"'
            )
        text = cell.metadata["alt"]
        svg = for_page(etree.fromstring(data["image/svg+xml"]), f"{path.stem}-{line}", text)
        yield f"<figure>{svg}<figcaption>{html.escape(text)}</figcaption></figure>"
        yield folded("The code of this plot", code)
        return
    markdown = data.get("text/markdown", data.get("text/latex"))
    if markdown is None:
        text = as_text(output)
        if re.fullmatch(r"<IPython\S+ object>", text):  # the name of what only a browser can show
            if "text/html" not in data or "table" in cell.metadata:
                raise PageError(
                    f"{where}: the cell shows {', '.join(set(data) - {'text/plain'})}, "
                    "which cannot stand here; print text, or a table in Markdown"
                )
            yield f'<div class="output">\n{data["text/html"]}\n</div>'
            return
        markdown = text if "table" in cell.metadata else printed(text)
    if "table" in cell.metadata:
        yield folded(cell.metadata["table"], f"{markdown}\n\n{code}")
    elif markdown.strip():
        yield markdown


def as_text(output) -> str:
    """Return what an output says in plain letters, without colours of a terminal."""
    if output.output_type == "error":  # of a cell that is marked to raise
        return unstyle(f"{output.ename}: {output.evalue}")
    return unstyle(output.get("text") or output.data.get("text/plain", "")).rstrip()


def printed(text: str) -> str:
    """Return a box with what a cell has printed, nothing if that is nothing."""
    return fenced(text, '{ .text .output title="Output" }') if text else ""


def fenced(text: str, kind: str) -> str:
    """Return a block of code, whatever it holds.

    Example:
        >>> print(fenced("'```'", "python"))
        ````python
        '```'
        ````
    """
    fence = "`" * max([3, *(len(ticks) + 1 for ticks in re.findall("`+", text))])
    return f"{fence}{kind}\n{text}\n{fence}"


def folded(title: str, markdown: str) -> str:
    """Return Markdown that opens on demand."""
    return f'??? example "{title}"\n\n' + indent(markdown, "    ")
