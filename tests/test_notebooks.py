"""What a notebook prints and draws becomes a page that everyone can read."""

import threading
from types import SimpleNamespace

import jupytext
import pytest
from mkdocs.exceptions import BuildError
from nbformat.v4 import new_code_cell, new_notebook, new_output

from docs_ext import notebook
from docs_ext.notebook import cell_markdown, execute, lines_of

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
    assert [cell.text for cell in details.iter("td")] == ["0.9", "1.00"]
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
    execute(new_notebook(cells=[cell]), NOTEBOOKS[0], [1])
    shown = list(cell_markdown(cell, NOTEBOOKS[0], 1))
    assert shown[1:] == ['```{ .text .output title="Output" }\n0\n1\n2\n```']


def shown(data: dict, **metadata) -> str:
    """Return the Markdown of a cell that displays something."""
    data = {"text/plain": "<IPython.core.display.X object>"} | data
    output = new_output("display_data", data=data)
    cell = new_code_cell("show()", outputs=[output], metadata=metadata)
    return "\n\n".join(cell_markdown(cell, NOTEBOOKS[0], 7))


def words(tree) -> str:
    return "".join(tree.itertext())


@pytest.mark.parametrize("ticks", ["```", "````", "a ``` b `````` c"])
def test_what_holds_backticks_stays_one_block(ticks, convert):
    output = new_output("stream", name="stdout", text=f"before\n{ticks}\nafter\n")
    cell = new_code_cell(f"text = '''\n{ticks}\n'''\nshow(text)", outputs=[output])
    tree = convert("\n\n".join(cell_markdown(cell, NOTEBOOKS[0], 1)), tree=True)
    source, printed = (words(code) for code in tree.iter("code"))
    assert ticks in source
    assert "show(text)" in source
    assert printed.split("\n")[:3] == ["before", ticks, "after"]


def test_colours_of_a_terminal_stay_off_the_page():
    output = new_output("stream", name="stdout", text="\x1b[1;31mred\x1b[0m\n")
    assert list(cell_markdown(new_code_cell("x", outputs=[output]), NOTEBOOKS[0], 1))[1:] == [
        '```{ .text .output title="Output" }\nred\n```'
    ]


def test_what_shows_nothing_leaves_no_empty_box():
    nothing = [new_output("stream", name="stdout", text="\n"), new_output("display_data", data={})]
    assert list(cell_markdown(new_code_cell(""), NOTEBOOKS[0], 1)) == []
    assert len(list(cell_markdown(new_code_cell("x", outputs=nothing), NOTEBOOKS[0], 1))) == 1


def test_what_is_displayed_as_markdown_html_or_latex_is_shown_so(convert):
    markdown = convert(shown({"text/markdown": "**bold** and $x$"}), tree=True)
    assert markdown.findtext("p/strong") == "bold"
    assert markdown.find("p/bdi[@class='math']") is not None
    assert convert(shown({"text/latex": "$x$"}), tree=True).find("p/bdi[@class='math']") is not None
    page = convert(shown({"text/html": "<p>one</p>\n\n<p>two</p>"}), tree=True)
    assert [paragraph.text for paragraph in page.findall("div[@class='output']/p")] == [
        "one",
        "two",
    ]
    assert "object>" not in words(page)


@pytest.mark.parametrize(
    ("data", "metadata"),
    [({"application/json": "{}"}, {}), ({"text/html": "<b>x</b>"}, {"table": "As a table"})],
)
def test_what_a_page_cannot_show_is_refused_with_its_line(data, metadata):
    with pytest.raises(BuildError, match=f"{NOTEBOOKS[0].name}:6: .*Markdown"):
        shown(data, **metadata)


@pytest.mark.parametrize("mark", ["alt", "table"])
def test_a_cell_that_does_not_show_what_it_says_is_refused_with_its_line(mark):
    cell = new_code_cell("x = 1", metadata={mark: "A plot"})
    with pytest.raises(BuildError, match=f"{NOTEBOOKS[0].name}:6: .*shows nothing"):
        list(cell_markdown(cell, NOTEBOOKS[0], 7))


def test_the_lines_of_cells_are_found_where_they_are_alike_empty_or_commands(tmp_path):
    path = tmp_path / "notebook.py"
    path.write_text("# %%\nx = 1\n\n# %%\n\n# %%\n# %time x = 1\n\n# %%\nx = 1\n", "utf-8")
    cells = jupytext.read(path).cells
    assert [cell.source for cell in cells] == ["x = 1", "", "%time x = 1", "x = 1"]
    starts = [line for line, cell in zip(lines_of(path, cells), cells, strict=True) if cell.source]
    assert starts == [2, 7, 10]


def test_a_kernel_warns_of_nothing(capfd):
    execute(new_notebook(cells=[new_code_cell("x = 1")]), NOTEBOOKS[0], [1])
    assert "WARNING" not in capfd.readouterr().err


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Serve a notebook: returns its path, how to ask for its page, and how to wait for a run."""
    path, ended = tmp_path / "notebook.py", threading.Semaphore(0)
    monkeypatch.setattr(notebook, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(notebook, "waiting", notebook.queue.SimpleQueue())
    page = SimpleNamespace(file=SimpleNamespace(abs_src_path=str(path)))
    notebook.run_behind_pages(ended.release)
    return path, lambda: notebook.as_markdown(page, serving=True), lambda: ended.acquire(timeout=60)


def test_a_served_page_does_not_wait_for_its_notebook(served):
    path, ask, wait = served
    path.write_text("# %% [markdown]\n# # Title\n\n# %%\nprint(6 * 7)\n", "utf-8")
    first = ask()
    assert "# Title" in first
    assert "print(6 * 7)" in first
    assert "is being run" in first
    ask()  # another page was edited meanwhile
    assert wait()
    second = ask()
    assert "```\n42\n```" in second.replace('{ .text .output title="Output" }', "")
    assert "is being run" not in second


def test_a_served_notebook_that_was_edited_while_it_ran_is_run_again(served, tmp_path):
    path, ask, wait = served
    begun, go_on = tmp_path / "begun", tmp_path / "go_on"
    hold = f"""# %%
import os, time
open({str(begun)!r}, "w").close()
while not os.path.exists({str(go_on)!r}):
    time.sleep(0.05)
print("old")
"""
    path.write_text(hold, "utf-8")
    ask()
    while not begun.exists():
        threading.Event().wait(0.05)
    path.write_text('# %%\nprint("new")\n', "utf-8")
    assert "is being run" in ask()
    go_on.touch()
    assert wait()
    assert wait()
    assert "\nnew\n" in ask()
    path.write_text(hold, "utf-8")
    assert "is being run" in ask()  # what it printed before it was edited was not kept
    assert wait()


def test_a_served_notebook_that_fails_says_so_until_it_is_mended(served, caplog):
    path, ask, wait = served
    path.write_text("# %%\n1 / 0\n", "utf-8")
    assert "is being run" in ask()
    assert wait()
    assert "failed" in ask()
    assert f"{path}:2: the cell failed\nZeroDivisionError" in caplog.text
    path.write_text("# %%\nprint(1 / 1)\n", "utf-8")
    assert "is being run" in ask()
    assert wait()
    assert "\n1.0\n" in ask()
