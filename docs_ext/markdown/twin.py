"""Each page has a Markdown twin beside it, for those who read without a browser, such as machines.

What the page includes and what the build writes for it stands there in full: a formula or a program
that is only named could not be read.
"""

import html
import posixpath
import re
import xml.etree.ElementTree as etree
from pathlib import Path

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor

from ..api.in_markdown import documentation
from ..names import write_title

LINK = re.compile(r"\]\((?P<file>[^)\s:#]+\.(?:md|py))(?=[)#])")
# What mkdocstrings reads: a name of the package, and options below it.
API = re.compile(r"^::: (?P<path>[\w.]+)\n(?:(?: .*)?\n)*", re.MULTILINE)
FIGURE = re.compile(r"^(?P<indent> *)!\[(?P<text>.+)\]\(figure:(?P<url>.+)\)$", re.MULTILINE)


class TwinPreprocessor(Preprocessor):
    """Keeps a page's Markdown after everything is included and before anything is converted."""

    def run(self, lines: list[str]) -> list[str]:
        page = page_of(self.md)
        # mkdocstrings converts docstrings, too, while it converts a page.
        if page is not None and not hasattr(page, "twin"):
            self.md.twin_of = page
            text = API.sub(
                lambda match: documentation(match["path"]) + "\n\n", "\n".join([*lines, ""])
            )
            if len(self.md.names) > 1:
                title = write_title(self.md.names)
                text = text.replace(write_title(self.md.names[:1]), title, 1)
            page.twin = text.strip() + "\n"
        return lines


class FiguresTreeprocessor(Treeprocessor):
    """Replaces each figure by its words and numbers, for the picture is in the browser only."""

    def run(self, root: etree.Element) -> None:
        page = getattr(self.md, "twin_of", None)
        if page is not None:
            page.twin = FIGURE.sub(self.in_words, page.twin)

    def in_words(self, match: re.Match) -> str:
        """Return what stands in the twin for a figure."""
        lines = [f"Figure: {match['text']}", "", *self.md.drawn[match["url"]]]
        return "\n".join(f"{match['indent']}{line}" if line else "" for line in lines)


def page_of(md: Markdown):
    """Return the page that is being converted, or None outside a site's build."""
    return md.treeprocessors["relpath"].file.page if "relpath" in md.treeprocessors else None


def write(site: Path, config, pages: list) -> None:
    """Write the twin of each page, and `llms.txt`, which lists them."""
    index = [f"# {config.site_name}", "", f"> {config.site_description}", "", "## Pages", ""]
    urls = {page.file.src_uri: page.canonical_url for page in pages}
    for page in pages:
        text = with_addresses(page.twin, posixpath.dirname(page.file.src_uri), urls)
        (site / twin_of(page.file.dest_uri)).write_text(text, encoding="utf-8")
        address = twin_of(page.canonical_url + "index.html")
        description = html.unescape(page.meta["description"])
        index.append(f"- [{page.title}]({address}): {description}")
    (site / "llms.txt").write_text("\n".join([*index, ""]), encoding="utf-8")


def with_addresses(text: str, folder: str, urls: dict[str, str]) -> str:
    """Let links lead to pages instead of files.

    Example:
        >>> with_addresses("[A](../a.md#b)", "notebooks", {"a.md": "https://example.com/a/"})
        '[A](https://example.com/a/#b)'
    """

    def address(match: re.Match) -> str:
        file = posixpath.normpath(posixpath.join(folder, match["file"]))
        return f"]({urls.get(file, match['file'])}"  # MkDocs reports a file that is no page

    return LINK.sub(address, text)


def twin_of(page: str) -> str:
    """Return the address of a page's twin, in the form that llms.txt asks for."""
    return f"{page}.md"


class TwinExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        # After everything that adds to the text (31 and more), before it is taken apart (30).
        md.preprocessors.register(TwinPreprocessor(md), "twin", 30.5)
        # After figures are drawn (9).
        md.treeprocessors.register(FiguresTreeprocessor(md), "twin", 8)


def makeExtension(**kwargs) -> TwinExtension:
    return TwinExtension(**kwargs)
