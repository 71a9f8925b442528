"""A formula in a heading is plain text in the table of contents and in the heading's address."""

import re
import xml.etree.ElementTree as etree

from markdown import Extension, Markdown
from markdown.extensions.toc import render_inner_html, slugify_unicode, strip_tags
from markdown.treeprocessors import Treeprocessor

from ..search.index import readable


class HeadingsTreeprocessor(Treeprocessor):
    """Gives each heading that holds a formula the label by which the table of contents calls it."""

    def run(self, root: etree.Element) -> None:
        for element in root.iter():
            if (
                re.fullmatch("h[1-6]", element.tag)
                and element.find(".//*[@class='math']") is not None
            ):
                label = strip_tags(readable(render_inner_html(element, self.md)))
                label = re.sub(r"_(\d)", lambda index: chr(ord("₀") + int(index[1])), label)
                element.set("data-toc-label", label)
                if "id" not in element.attrib:
                    element.set("id", slugify_unicode(label, "-"))


class HeadingsExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        # After formulas are rendered (6), before the table of contents is made (5).
        md.treeprocessors.register(HeadingsTreeprocessor(md), "headings", 5.5)


def makeExtension(**kwargs) -> HeadingsExtension:
    return HeadingsExtension(**kwargs)
