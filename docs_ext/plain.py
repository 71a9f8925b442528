"""Beside each page stands its Markdown, for those who read without a browser, such as machines.

What the page includes and what is made for it stands there in full: a formula or a program that is
only named could not be read.
"""

import html
import posixpath
import re
from pathlib import Path

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

LINK = re.compile(r"\]\((?P<file>[^)\s:#]+\.(?:md|py))(?=[)#])")


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


def makeExtension(**kwargs) -> PlainExtension:
    return PlainExtension(**kwargs)
