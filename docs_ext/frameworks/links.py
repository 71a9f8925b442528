"""Each optimizer's example ends with links to its code for several frameworks."""

import xml.etree.ElementTree as etree

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from mkdocs.utils import get_relative_url

from optimizers import OPTIMIZERS
from optimizers.frameworks import FRAMEWORKS

from ..markdown.tabs import ends_of_sections
from .files import address


class LinksTreeprocessor(Treeprocessor):
    """Adds the links to the end of each tab of the examples, or of the section without tabs."""

    def run(self, root: etree.Element) -> None:
        if "relpath" not in self.md.treeprocessors:  # outside a site's build
            return
        here = self.md.treeprocessors["relpath"].file
        for name, place in ends_of_sections(root, "Example", self.md.names):
            if name not in OPTIMIZERS:
                continue
            details = etree.SubElement(place, "details", {"class": "take"})
            etree.SubElement(details, "summary").text = "Take it with you"
            links = etree.SubElement(details, "p")
            for key, framework in FRAMEWORKS.items():
                href = get_relative_url(address(name, key), here.url)
                link = etree.SubElement(links, "a", {"href": href})
                link.text, link.tail = framework.title, " "


class LinksExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        # After the links of pages are resolved (0), which would look for these among the pages.
        md.treeprocessors.register(LinksTreeprocessor(md), "take", -1)


def makeExtension(**kwargs) -> LinksExtension:
    return LinksExtension(**kwargs)
