"""Each optimizer's formula ends with a link to the laboratory, which runs it beside its parent."""

import xml.etree.ElementTree as etree

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor

from optimizers import OPTIMIZERS

from ..laboratory.links import address
from .tabs import ends_of_sections

SECTION = "Formula"
PAGE = "lab.md"


class SeeItMoveTreeprocessor(Treeprocessor):
    """Adds the link to the end of each tab of the formulas, or of the section if it has no tabs."""

    def run(self, root: etree.Element) -> None:
        if "relpath" not in self.md.treeprocessors:  # outside a site's build
            return
        here = self.md.treeprocessors["relpath"]
        page = here.files.get_file_from_path(PAGE)
        if page is None:
            return
        for name, place in ends_of_sections(root, SECTION, self.md.names):
            if name in OPTIMIZERS:
                link = etree.SubElement(place, "p", {"class": "see-it-move"})
                href = page.url_relative_to(here.file) + address(name)
                etree.SubElement(link, "a", {"href": href}).text = "See it move"


class SeeItMoveExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        # After the links of pages are resolved (0), which would look for its anchor on the page.
        md.treeprocessors.register(SeeItMoveTreeprocessor(md), "see-it-move", -1)


def makeExtension(**kwargs) -> SeeItMoveExtension:
    return SeeItMoveExtension(**kwargs)
