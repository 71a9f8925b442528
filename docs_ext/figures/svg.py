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
            # A page's policy forbids `style`; each of its properties is an attribute, too.
            pairs = declarations(value) if key == "style" else {key.partition("}")[2] or key: value}
            for attribute, given in pairs.items():
                element.set(attribute, in_page_colours(given))
        if element.get("transform", "").startswith("rotate(-0 "):
            del element.attrib["transform"]
    join_dots(root)
    lighten(root)
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("role", "img")
    root.set("aria-label", description)
    root.set("stroke-linejoin", "round")
    drawing = re.sub(r"\s*\n\s*", "\n", etree.tostring(root, encoding="unicode"))
    drawing = re.sub(r'(?<= id=")(?=[\w.-]+")', f"{name}-", drawing)
    return re.sub(r"(?<=[(\"])#(?=[\w.-]+[)\"])", f"#{name}-", drawing)


def declarations(style: str) -> dict[str, str]:
    """Return what a `style` declares, as attributes; the page's own font takes the file's place.

    Example:
        >>> declarations("font: 700 11px sans-serif; fill: none; stroke-linecap: butt")
        {'font-weight': '700', 'fill': 'none'}
    """
    found = dict(part.strip().split(": ", 1) for part in style.split(";") if part.strip())
    bold = re.match(r"(\d{3}|bold) ", found.pop("font", ""))
    usual = {"font-family", "font-size", "font-style"}  # and a butt is how lines end anyway
    found = {key: value for key, value in found.items() if key not in usual and value != "butt"}
    return {"font-weight": bold[1]} | found if bold else found


def in_page_colours(value: str) -> str:
    """Return an attribute's value in the page's colours, its numbers to a tenth of a pixel."""
    value = re.sub(r"#0300([0-9a-f]{2})", lambda m: f"var(--hue-{int(m[1], 16)})", value)
    value = value.replace(INK, "currentColor").replace(FAINT, "var(--faint)")
    return re.sub(r"\d+\.\d{2,}", lambda m: f"{float(m[0]):.1f}".removesuffix(".0"), value)


def lighten(parent: etree.Element) -> None:
    """Take away groups that group nothing."""
    for child in list(parent):
        lighten(child)
        if child.tag == "g" and not child.attrib:
            place = list(parent).index(child)
            parent[place : place + 1] = list(child)
        elif child.tag in ("g", "defs") and not len(child):
            parent.remove(child)


def join_dots(root: etree.Element) -> None:
    """Draw the dots of a path as one element: lines without length, whose round ends are dots."""
    markers = {path.get("id"): path for path in root.iterfind(".//defs/path")}
    for group in root.iter("g"):
        uses = group.findall("use")
        marker = markers.get(uses[0].get("href").removeprefix("#")) if len(uses) > 1 else None
        if marker is not None and " C " in marker.get("d"):  # a circle; it begins at its radius
            wide = 2 * float(marker.get("d").split()[2]) + float(marker.get("stroke-width", 1))
            dots = {"d": " ".join(f"M{use.get('x')} {use.get('y')}h0" for use in uses)}
            dots |= {"stroke": uses[0].get("fill"), "stroke-width": f"{wide:.1f}", "fill": "none"}
            for use in uses:
                group.remove(use)
            etree.SubElement(group, "path", dots | {"stroke-linecap": "round"})
    left = {use.get("href").removeprefix("#") for use in root.iter("use")}
    for defs in root.iter("defs"):
        for path in defs.findall("path"):
            if path.get("id") not in left:
                defs.remove(path)
