"""A figure can be read by who does not see it, and its words and its table say what was drawn."""

import re

import numpy as np
import pytest

from docs_ext.figures import drawings
from docs_ext.figures.address import with_table
from docs_ext.laboratory.losses import LOSSES
from docs_ext.names import names_on

from .conftest import ROOT

NAMES = {
    "cost": [],
    "loss": ["RMSprop", "Adagrad", "Adadelta"],
    "paths": ["Adam", "AdamW", "ADOPT"],
    "singular-values": ["Muon"],
    "step-length": ["RMSprop", "Adagrad", "Adadelta"],
}
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def numbers(text):
    return [float(one) for one in NUMBER.findall(text.replace("−", "-").replace(",0", "0"))]


@pytest.mark.parametrize("name", drawings.FIGURES)
def test_a_table_has_the_numbers_of_its_drawing(name):
    figure, (head, *rows) = drawings.FIGURES[name][0](NAMES[name], {})
    # What has two points marks something.
    lines = [line.get_xydata() for line in figure.axes[0].lines if len(line.get_xydata()) > 2]
    assert len(lines) == len(head) - 1
    assert len(rows) >= 4
    for about, *cells in rows:
        (at,) = numbers(about)
        for cell, line in zip(cells, lines, strict=True):
            # A path is drawn point by point, all else above what its row is about.
            nearest = int(at) if name == "paths" else np.abs(line[:, 0] - at).argmin()
            drawn = line[nearest] if name == "paths" else line[nearest, 1:]
            # Half of the last digit.
            half = 0.51 * 10.0 ** -len(cell.rpartition(".")[2]) if "." in cell else 0.5
            assert numbers(cell) == pytest.approx(list(drawn), abs=half), (about, cell)


def test_the_words_of_a_figure_have_its_numbers():
    """Those with a point: they were set, or stand in the table, maybe with more digits."""
    found = 0
    for page in (ROOT / "docs").glob("*.md"):
        source = page.read_text(encoding="utf-8")
        for words, url in re.findall(r"!\[(.+)\]\(figure:(.+)\)", source):
            _, _, table = with_table(url, tuple(names_on(page)), words)
            cells = " ".join(cell for row in table for cell in row)
            known = [LOSSES["ravine"].lr, *numbers(url), *numbers(re.sub("<.+?>", " ", cells))]
            for word in re.findall(r"\d+\.\d+", words):
                digits = len(word.partition(".")[2])
                assert float(word) in [round(one, digits) for one in known], (page.name, word)
                found += 1
    assert found > 10


def test_each_figure_has_its_numbers_below(site):
    seen = 0
    for page in site.rglob("index.html"):
        source = page.read_text(encoding="utf-8")
        for below in source.split("</figure>")[1:]:
            beginning = re.sub(r"<[^>]+>|\s", "", below[:900])
            assert beginning.startswith(("Asatable:", "به‌صورتجدول:", "Thecodeofthisplot")), page
            seen += 1
    assert seen >= 15
