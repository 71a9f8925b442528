"""What a notebook prints and draws becomes a page that everyone can read."""

import jupytext
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from docs_ext.notebook import cell_markdown, execute

from .conftest import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.py"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_plot_has_its_numbers_in_a_table(path):
    cells = [cell for cell in jupytext.read(path).cells if cell.cell_type == "code"]
    plots = [index for index, cell in enumerate(cells) if "alt" in cell.metadata]
    assert plots
    for index in plots:
        assert "table" in cells[index + 1].metadata, cells[index].metadata["alt"]


def test_a_progress_bar_stays_off_the_page_and_a_table_becomes_one(convert):
    bar = new_output("stream", name="stderr", text="100%|██████████| 5/5")
    table = new_output(
        "stream", name="stdout", text="| β₂ | Adam |\n| --- | --- |\n| 0.9 | 1.00 |\n"
    )
    cell = new_code_cell("show()", outputs=[bar, table], metadata={"table": "As a table"})
    tree = convert("\n\n".join(cell_markdown(cell, NOTEBOOKS[0], 1)), tree=True)
    details = tree.find("details")
    assert details.findtext("summary") == "As a table"
    assert [one.text for one in details.iter("td")] == ["0.9", "1.00"]
    assert "show()" in "".join(details.itertext())
    assert "100%" not in "".join(tree.itertext())


def test_what_a_cell_prints_in_pieces_stays_together():
    """A busy machine sends a cell's lines in as many messages as it takes; a page shows one box."""
    lines = (
        "import sys",
        "for n in range(3):",
        "    print(n, flush=True)",
        "    print('bar', file=sys.stderr, flush=True)",
    )
    cell = new_code_cell("\n".join(lines))
    execute(new_notebook(cells=[cell]), NOTEBOOKS[0])
    shown = list(cell_markdown(cell, NOTEBOOKS[0], 1))
    assert shown[1:] == ['```{ .text .output title="Output" }\n0\n1\n2\n```']
