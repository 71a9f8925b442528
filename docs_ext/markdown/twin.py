"""Beside each page stands its Markdown, for those who read without a browser, such as machines.

What the page includes and what is made for it stands there in full: a formula or a program that is
only named could not be read.
"""

import html
import posixpath
import re
import xml.etree.ElementTree as etree
from pathlib import Path

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor

LINK = re.compile(r"\]\((?P<file>[^)\s:#]+\.(?:md|py))(?=[)#])")
FIGURE = re.compile(r"^(?P<indent> *)!\[(?P<text>.+)\]\(figure:(?P<url>.+)\)$", re.MULTILINE)


class PlainPreprocessor(Preprocessor):
    """Keeps what a page's Markdown is when all is included and nothing is hidden."""

    def run(self, lines: list[str]) -> list[str]:
        if "relpath" in self.md.treeprocessors:
            text = "\n".join(lines)
            if len(self.md.names) > 1:
                primary, *varieties = self.md.names
                title = " ".join([f"# {primary}", *(f"{{{name}}}" for name in varieties)])
                text = text.replace(f"# {primary}", title, 1)
            self.md.treeprocessors["relpath"].file.page.plain = text.strip() + "\n"
        return lines


class FiguresTreeprocessor(Treeprocessor):
    """Gives a figure's words and numbers for the picture, which only a browser has."""

    def run(self, root: etree.Element) -> None:
        if "relpath" in self.md.treeprocessors:
            page = self.md.treeprocessors["relpath"].file.page
            page.plain = FIGURE.sub(self.told, page.plain)

    def told(self, match: re.Match) -> str:
        lines = [f"Figure: {match['text']}", "", *self.md.drawn[match["url"]]]
        return "\n".join(f"{match['indent']}{line}" if line else "" for line in lines)


def write(site: Path, config, pages: list) -> None:
    """Write the Markdown of each page beside it, and `llms.txt`, which lists them."""
    index = [f"# {config.site_name}", "", f"> {config.site_description}", "", "## Pages", ""]
    urls = {page.file.src_uri: page.canonical_url for page in pages}
    for page in pages:
        text = with_addresses(page.plain, posixpath.dirname(page.file.src_uri), urls)
        (site / beside(page.file.dest_uri)).write_text(text, encoding="utf-8")
        address = beside(page.canonical_url + "index.html")
        told = html.unescape(page.meta["description"])
        index.append(f"- [{page.title}]({address}): {told}")
    (site / "llms.txt").write_text("\n".join([*index, ""]), encoding="utf-8")


def with_addresses(text: str, folder: str, urls: dict[str, str]) -> str:
    """Let links lead to pages instead of files.

    Example:
        >>> with_addresses("[A](../a.md#b)", "notebooks", {"a.md": "https://example.com/a/"})
        '[A](https://example.com/a/#b)'
    """

    def address(match: re.Match) -> str:
        file = posixpath.normpath(posixpath.join(folder, match["file"]))
        return f"]({urls.get(file, match['file'])}"  # MkDocs tells of a file that is no page

    return LINK.sub(address, text)


def beside(page: str) -> str:
    """Return where the Markdown of a page stands, as llms.txt has it."""
    return f"{page}.md"


class PlainExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        # After all that adds to the text (31 and more), before anything takes it apart (30).
        md.preprocessors.register(PlainPreprocessor(md), "plain", 30.5)
        # After figures are drawn (9).
        md.treeprocessors.register(FiguresTreeprocessor(md), "plain", 8)


def makeExtension(**kwargs) -> PlainExtension:
    return PlainExtension(**kwargs)
