"""A figure can be read by who does not see it, and its words and its table say what was drawn."""

import itertools
import re

import numpy as np
import pytest

from docs_ext.figures import address, drawings
from docs_ext.figures.address import with_table
from docs_ext.laboratory.losses import LOSSES
from docs_ext.locate import PageError
from docs_ext.names import COLOURS, chosen_colours, colours, names_on
from optimizers import OPTIMIZERS

from .conftest import ROOT

NAMES = {
    "cost": [],
    "gradient": ["Gradient Descent"],
    "look-ahead": ["Momentum", "Nesterov"],
    "loss": ["RMSprop", "Adagrad", "Adadelta"],
    "memory": ["Adam"],
    "paths": ["Adam", "AdamW", "ADOPT"],
    "rare": ["Adam", "AMSGrad"],
    "singular-values": ["Muon"],
    "start": ["Adam"],
    "step-length": ["RMSprop", "Adagrad", "Adadelta"],
    "trained": ["AdamW"],
    "turned": ["Adam", "Momentum", "Muon"],
}
# What is drawn point by point, W to the right and b upwards.
PLANES = ("gradient", "look-ahead", "paths")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def numbers(text):
    return [float(number) for number in NUMBER.findall(text.replace("−", "-").replace(",0", "0"))]


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
            nearest = int(at) if name in PLANES else np.abs(line[:, 0] - at).argmin()
            drawn = line[nearest] if name in PLANES else line[nearest, 1:]
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
            for word in re.findall(r"-?\d+\.\d+", words.replace("−", "-")):
                digits = len(word.partition(".")[2])
                assert float(word) in [round(value, digits) for value in known], (page.name, word)
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


FIGURE = re.compile(r"!\[(.+)\]\(figure:(.+)\)")


def test_a_figure_is_refused_that_cannot_be_drawn_as_its_address_says(convert):
    for url, message in {
        "pats": "no figure `pats`; there are: cost, gradient, look-ahead, loss, memory, paths",
        "paths?AdamX.lr=0.1": "`AdamX.lr` sets nothing; Adam has: lr, betas.0, betas.1, eps",
        "paths?Lion.lr=0.1": "`Lion.lr` sets nothing; Adam has: lr",
        "paths?Adam.lrr=0.1": "`Adam.lrr` sets nothing; Adam has: lr",
        "paths?lrr=0.1": "`lrr` sets nothing; Adam has: lr",
        "paths?Adam.betas=0.1": "`Adam.betas` sets nothing; Adam has: lr, betas.0",
        "paths?Adam.lr=fast": "`Adam.lr=fast`: not a value such as 0.001",
        "paths?Adam.lr=": "`Adam.lr=`: not a value such as 0.001",
        "paths?Adam.lr=-1": "`Adam.lr=-1`: Invalid learning rate: -1.0",
        "paths?Adam.betas.1=1": "Invalid beta parameter at index 1: 1.0",
        "paths?Adam.maximize=1": "`Adam.maximize=1`: not a value such as false",
        "paths?on=Adam,Lyon": "no optimizer `Lyon`; there are: Gradient Descent,",
        "paths?on=": "it draws no optimizer; name some: figure:paths?on=Adam,Lion",
        "paths?on=Adam,Adam": "Adam is named twice; name it once",
        "paths?loss=ravin": "no loss with a map `ravin`; there are: bowl,",
        "paths?loss=counterexample": "no loss with a map `counterexample`",
        "paths?steps=0": "`steps=0`: write a number from 1 to 20000",
        "loss?steps=5": "`steps` sets nothing; Adam has: lr",
        "singular-values": "Adam has no `ns_steps`, which `singular-values` draws",
        "paths?on=Adam,Lion,Muon": "its words do not name Lion, Muon, which it draws",
        "cost": "its words do not name ADOPT, which it draws",
    }.items():
        with pytest.raises(PageError, match=re.escape(message)):
            convert(f"# Adam\n\n![Where Adam goes.](figure:{url})\n")


def test_words_have_to_name_each_optimizer_not_a_longer_name(convert):
    with pytest.raises(PageError, match="its words do not name Adam, which it draws"):
        convert("# Adam\n\n![Where AdamW goes, and Adamax.](figure:paths)\n")
    assert "<svg" in convert("# Adam\n\n![Where AdamW goes, and adam.](figure:paths)\n")


# A page that has grown, besides those that there are.
CROWDED = ("paths", ["Adam", "AdamW", "ADOPT", "NAdam", "RAdam", "AMSGrad", "Adamax", "Lion"])


def test_no_label_covers_another_or_a_curve_that_is_not_its_own():
    figures = [("loss", CROWDED[1], {}, {}), (*CROWDED, {}, {})]
    for page in (ROOT / "docs").glob("*.md"):
        for _, url in FIGURE.findall(page.read_text(encoding="utf-8")):
            figures.append(address.read(url, tuple(names_on(page))))
    assert len(figures) > 8
    for figure, names, options, settings in figures:
        drawing, _ = drawings.FIGURES[figure].draw(names, options, **settings)
        drawing.draw_without_rendering()
        (axes,) = drawing.axes
        boxes = {text.get_text(): text.get_window_extent().extents for text in axes.texts}
        assert len(boxes) >= len(names) or figure == "singular-values"
        for (one, a), (other, b) in itertools.combinations(boxes.items(), 2):
            apart = a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]
            assert apart, (figure, names, one, other)
        for name, line in zip(names, axes.lines, strict=False):
            points = axes.transData.transform(line.get_xydata())
            points = np.concatenate([np.linspace(*pair, 20) for pair in itertools.pairwise(points)])
            for label, (left, low, right, high) in boxes.items():
                inside = ((points > [left, low]) & (points < [right, high])).all(axis=1)
                assert label == name or not inside.any(), (figure, names, label, name)


def test_drawings_carry_no_style(site):
    """The policy of the pages forbids it."""
    seen = 0
    for page in site.rglob("index.html"):
        for drawing in re.findall(r"<svg viewBox.*?</svg>", page.read_text("utf-8"), re.DOTALL):
            assert " style=" not in drawing, page
            seen += "aria-label" in drawing
    assert seen >= 15


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(part * c for part, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_each_colour_can_be_read_in_both_schemes():
    """WCAG 2.2, 1.4.3: a contrast of 4.5 with the paper."""
    sheet = (ROOT / "docs" / "stylesheets" / "site.css").read_text(encoding="utf-8")
    schemes = re.findall(r"--paper: (#\w{6});(.*?)\}", sheet, re.DOTALL)[:2]
    for paper, rest in schemes:
        hues = dict(re.findall(r"--hue-(\d+): (#\w{6});", rest))
        assert list(map(int, hues)) == list(range(1, COLOURS + 1))
        assert len(set(hues.values())) == COLOURS
        for number, hue in hues.items():
            light, dark = sorted((luminance(paper), luminance(hue)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, number
    for number in range(1, COLOURS + 1):
        assert f".optimizer-{number} {{ --hue: var(--hue-{number}); }}" in sheet


def test_two_optimizers_of_a_page_never_have_the_same_colour():
    pages = [names_on(page) for page in (ROOT / "docs").glob("*.md")]
    for names in pages:
        chosen = [colours()[name] for name in names if name in OPTIMIZERS]
        assert len(set(chosen)) == len(chosen)
    # The laboratory has all of them on one page, as long as there are colours.
    assert len(set(colours().values())) == min(len(OPTIMIZERS), COLOURS)
    # Far more optimizers than colours, the later ones on the pages of the first.
    names = [f"Optimizer {number}" for number in range(5 * COLOURS)]
    pages = [names[place::COLOURS] for place in range(COLOURS)]
    found = chosen_colours(names, pages, COLOURS)
    for page in pages:
        assert len({found[name] for name in page}) == len(page)
    # Who was there first keeps what it had.
    assert [found[name] for name in names[:COLOURS]] == list(range(1, COLOURS + 1))
