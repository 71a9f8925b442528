"""Drawings in the site's own colours: an `<svg>` element that a page can hold, the same each time.

Matplotlib draws in stand-in colours, and the site's variables take their place in the file.
"""

import io
import re
import xml.etree.ElementTree as etree
from collections.abc import Callable

import matplotlib as mpl
from matplotlib.figure import Figure

from optimizers import OPTIMIZERS

from ..names import colour_number
from .tables import Table

# These become the text's colour and a faint one.
INK, FAINT = "#010101", "#020202"
# The last two digits are the number of an optimizer's colour.
COLOURS = {name: f"#0300{colour_number(name):02x}" for name in OPTIMIZERS}
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "optimizers",
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": mpl.cycler(color=list(COLOURS.values())),
}


def drawn(
    draw: Callable[[], tuple[Figure, Table]], name: str, description: str
) -> tuple[str, Table]:
    """Draw a figure in the site's style, as an `<svg>` element whose ids begin with a name."""
    with mpl.rc_context(STYLE):
        figure, table = draw()
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return for_page(etree.fromstring(buffer.getvalue()), name, description), table


def for_page(root: etree.Element, name: str, description: str) -> str:
    """Turn a file's SVG into one that lives in a page, with its colours, its fonts, ids of its own.

    Args:
        root: the file's root element, which is changed.
        name: what ids begin with, so that they differ from those of the page's other drawings.
        description: what it shows, for those who do not see it.
    """
    text = etree.tostring(root, encoding="unicode")
    used = set(re.findall(r"#([\w.-]+)[\")]", text))
    for parent in list(root.iter()):
        for child in list(parent):
            # matplotlib's style sheet would hold for the whole page.
            if child.tag.endswith(("metadata", "style")):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.partition("}")[2]
        for key, value in list(element.items()):
            del element.attrib[key]
            if key == "id" and value not in used:
                continue
            value = re.sub(r"font(-family|-size)?: [^;]*(; )?", "", value)
            value = re.sub(r"#0300([0-9a-f]{2})", lambda m: f"var(--hue-{int(m[1], 16)})", value)
            value = value.replace(INK, "currentColor").replace(FAINT, "var(--faint)")
            value = re.sub(r"\d+\.\d{3,}", lambda m: f"{float(m[0]):.2f}", value)
            if value:
                element.set(key.partition("}")[2] or key, value)
        if "id" in element.attrib:
            element.set("id", f"{name}-{element.get('id')}")
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("role", "img")
    root.set("aria-label", description)
    root.set("stroke-linejoin", "round")
    drawing = re.sub(r"\s*\n\s*", "\n", etree.tostring(root, encoding="unicode"))
    return re.sub(r"(?<=[(\"])#(?=[\w.-]+[)\"])", f"#{name}-", drawing)
