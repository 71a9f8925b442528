"""`![What it shows](figure:name)`: a figure that the package draws while the site is built.

It stands in the page as SVG whose colours are the site's own variables, so one drawing serves light
and dark, and its labels are text. Some of the numbers that it is drawn from stand below it as a
table.
"""

import xml.etree.ElementTree as etree

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor

from ..figures.address import AddressError, with_table
from ..figures.tables import folded, in_markdown
from ..locate import PageError, locate, page_path


class FiguresTreeprocessor(Treeprocessor):
    """Replaces each image whose address begins with `figure:` by its drawing and its table."""

    def run(self, root: etree.Element) -> None:
        self.md.drawn = {}
        for above in list(root.iter()):
            for place, parent in enumerate(above):
                image = parent.find("img")
                if image is not None and image.get("src", "").startswith("figure:"):
                    above.insert(place + 1, self.draw(parent, image))

    def draw(self, parent: etree.Element, image: etree.Element) -> etree.Element:
        """Turn an image's paragraph into its figure, and return the table to stand below it."""
        url, text = image.get("src").removeprefix("figure:"), image.get("alt", "").strip()
        where = locate(page_path(self.md), f"](figure:{url}")
        if not text:
            raise PageError(f"{where}: the figure has no text: ![What it shows](figure:{url})")
        try:
            svg, title, table = with_table(url, tuple(self.md.names), text)
        except AddressError as error:
            raise PageError(f"{where}: the figure `{url}`: {error}") from None
        parent.clear()
        parent.tag = "figure"
        parent.text = self.md.htmlStash.store(svg)
        etree.SubElement(parent, "figcaption").text = text
        below = etree.Element("p")  # which Python-Markdown takes away around a block
        below.text = self.md.htmlStash.store(folded(title, table))
        self.md.drawn[url] = [title, "", *in_markdown(table)]
        return below


class FiguresExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        # After inline Markdown (20) made the images, before Persian captions are found (7).
        md.treeprocessors.register(FiguresTreeprocessor(md), "figures", 9)


def makeExtension(**kwargs) -> FiguresExtension:
    return FiguresExtension(**kwargs)
