"""Notebooks become Markdown, so that their formulas, Persian and code look like everywhere else.

mkdocs-jupyter makes pages of the notebooks; `as_markdown` then puts MkDocs' own rendering in the
place of its rendering and runs the cells itself, because its HTML brings a style sheet of 574 KB
with each page and leaves formulas and admonitions as they were typed, its errors name no line, and
its cache does not notice that the package changed.
"""

import json
import re
import sys
import xml.etree.ElementTree as etree
from pathlib import Path
from textwrap import indent
from types import MethodType

import jupytext
from mkdocs.structure.pages import Page
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell

from .figures.svg import STYLE, for_page
from .locate import ROOT, PageError, relative
from .stamps import stamp

# Plots are drawn in stand-in colours that become the site's: C0 is the first optimizer's.
SETUP = f"""
%matplotlib inline
import matplotlib
from cycler import cycler
import matplotlib_inline.backend_inline
matplotlib_inline.backend_inline.set_matplotlib_formats("svg", metadata={{"Date": None}})
matplotlib.rcParams.update({STYLE})
"""


def as_markdown(page: Page, config) -> str:
    """Run a page's notebook and return it as Markdown, with what its cells print and draw.

    Raises:
        PageError: a cell failed.
    """
    page.render = MethodType(Page.render, page)
    path = Path(page.file.abs_src_path)
    cached = ROOT / ".cache" / "notebooks" / f"{stamp_of(path)}.json"
    if cached.exists():
        return json.loads(cached.read_text(encoding="utf-8"))
    notebook = jupytext.read(path)
    execute(notebook, path)
    markdown = "\n\n".join(
        part for cell in notebook.cells for part in cell_markdown(cell, path, line_of(path, cell))
    )
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_text(json.dumps(markdown), encoding="utf-8")
    return markdown


def stamp_of(path: Path) -> str:
    """Return a stamp that changes with the notebook, with what it reads and with what runs it."""
    sources = [path, Path(__file__), ROOT / "constraints.txt"]
    sources += [ROOT / "docs_ext" / name for name in ("figures/svg.py", "names.py")]
    sources += (ROOT / "optimizers").rglob("*.py")
    sources += (ROOT / "benchmarks").glob("experiment*")
    return stamp(sources, sys.version)


def execute(notebook, path: Path) -> None:
    """Run every cell, in a kernel whose working directory is the project."""
    client = NotebookClient(
        notebook,
        resources={"metadata": {"path": str(ROOT)}},
        kernel_name="python3",
        coalesce_streams=True,  # a busy machine sends what a cell prints in several pieces
    )
    notebook.cells.insert(0, new_code_cell(SETUP))
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            try:
                client.execute_cell(cell, index)
            except CellExecutionError as error:
                raise PageError(
                    f"{relative(path)}:{failing_line(path, cell, error)}: the cell failed\n"
                    f"{error.ename}: {error.evalue}"
                ) from None
    del notebook.cells[0]


def failing_line(path: Path, cell, error: CellExecutionError) -> int:
    """Return the line of the notebook's file that raised."""
    plain = re.sub(r"\x1b\[[\d;]*m", "", str(error))
    inside = re.search(r"Cell In\[\d+\], line (\d+)", plain)
    return line_of(path, cell) + (int(inside[1]) - 1 if inside else 0)


def line_of(path: Path, cell) -> int:
    """Return the line of the notebook's file at which a cell of code begins."""
    return path.read_text(encoding="utf-8").partition(cell.source)[0].count("\n") + 1


def cell_markdown(cell, path: Path, line: int):
    """Yield the Markdown of a cell and of its outputs; a plot's code and a table are folded."""
    if cell.cell_type == "markdown":
        yield cell.source
    elif cell.cell_type == "code":
        code = f"```python\n{cell.source}\n```"
        if not cell.metadata.keys() & {"alt", "table"}:
            yield code
        for output in cell.outputs:
            if output.get("name") == "stderr":
                continue  # progress bars
            if "image/svg+xml" not in output.get("data", ()):
                text = (output.get("text") or output.data["text/plain"]).rstrip()
                if "table" in cell.metadata:
                    yield folded(cell.metadata["table"], f"{text}\n\n{code}")
                else:
                    yield f'```{{ .text .output title="Output" }}\n{text}\n```'
            elif "alt" in cell.metadata:
                drawing = etree.fromstring(output.data["image/svg+xml"])
                svg = for_page(drawing, f"{path.stem}-{line}", cell.metadata["alt"])
                yield f"<figure>{svg}<figcaption>{cell.metadata['alt']}</figcaption></figure>"
                yield folded("The code of this plot", code)
            else:
                raise PageError(
                    f"{relative(path)}:{line - 1}: the plot has no text for those who do not see; "
                    'begin the cell with: # %% alt="What it shows"'
                )


def folded(title: str, markdown: str) -> str:
    """Return Markdown that opens on demand."""
    return f'??? example "{title}"\n\n' + indent(markdown, "    ")
