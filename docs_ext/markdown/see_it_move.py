"""Each optimizer's formula ends with a link to the laboratory, which runs it beside its parent."""

import xml.etree.ElementTree as etree

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor

from optimizers import OPTIMIZERS

from ..laboratory.links import address
from .tabs import HEADINGS, tab_ids, top_level_sets

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
        for name, place in self.places(root):
            if name in OPTIMIZERS:
                link = etree.SubElement(place, "p", {"class": "see-it-move"})
                href = page.url_relative_to(here.file) + address(name)
                etree.SubElement(link, "a", {"href": href}).text = "See it move"

    def places(self, root: etree.Element):
        """Yield each name with the element that its link belongs into."""
        found = [tabs for section, tabs in top_level_sets(root) if section == SECTION]
        for tabs in found:
            yield from zip(
                tab_ids(tabs), tabs.findall("div/div[@class='tabbed-block']"), strict=True
            )
        if found or not self.md.names:
            return
        inside = False
        for place, child in enumerate(root):
            if inside and child.tag in HEADINGS:
                # Its own element, since there is no tab to hold it.
                root.insert(place, etree.Element("div"))
                yield self.md.names[0], root[place]
                return
            inside = inside or (child.tag == "h2" and (child.text or "").strip() == SECTION)


class SeeItMoveExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        # After the links of pages are resolved (0), which would look for its anchor on the page.
        md.treeprocessors.register(SeeItMoveTreeprocessor(md), "see-it-move", -1)


def makeExtension(**kwargs) -> SeeItMoveExtension:
    return SeeItMoveExtension(**kwargs)
