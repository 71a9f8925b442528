"""What MkDocs lets pass: each fault is told with its line, and a strict build then fails."""

import logging
import posixpath
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

from .search import FORMULA
from .source import ROOT, PageError, locate, relative

NAME = re.compile(r"[a-z0-9_/-]+\.(md|py)")
# Marks that Markdown, had it understood them, would have made into something.
LEFT = re.compile(r"^ *(?:!!!|\?\?\?\+?|:::).*|-+8<-+.*|```.*|\$\\.*|\$$|\]\(.*")
VERBATIM = {"annotation", "code", "pre", "script", "style"}
VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
log = logging.getLogger("mkdocs.slips")


def check_files(files) -> None:
    """Refuse pages whose name would look odd in an address, or which are not UTF-8."""
    for file in files.documentation_pages():
        path = Path(file.abs_src_path)
        if not NAME.fullmatch(file.src_uri):
            raise PageError(
                f"{relative(path)}:1: the name becomes the page's address; "
                "rename it, with small Latin letters, digits and hyphens only"
            )
        try:
            path.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise PageError(
                f"{relative(path)}:{line}: the file is not UTF-8: save it in that encoding"
            ) from None


class Reader(HTMLParser):
    """Collects what a page loads and names, and what in it is not closed or not understood."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.ids: list[str] = []
        self.slips: list[tuple[str, str]] = []  # what the author wrote, what is wrong with it

    def handle_starttag(self, tag, attrs):
        self.sources += [value for name, value in attrs if name in ("src", "poster") and value]
        for name, value in attrs:
            if name == "id" and value in self.ids:
                self.slips.append((value, f"the id `{value}` is there twice; rename one"))
            elif name == "id":
                self.ids.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag in self.open:
            while (last := self.open.pop()) != tag:
                self.slips.append((f"<{last}", f"`<{last}>` is not closed; add `</{last}>`"))
        elif tag not in VOID:
            self.slips.append((f"</{tag}", f"`</{tag}>` closes nothing; remove it"))

    def handle_data(self, data):
        if not VERBATIM.intersection(self.open):
            for line in data.splitlines():
                if match := LEFT.search(line):
                    piece = match[0].strip()
                    remedy = "look for a missing quote, blank line, indentation or end"
                    self.slips.append((piece, f"`{piece}` was not understood; {remedy}"))


def check_page(html: str, page, files) -> None:
    """Warn, which --strict makes an error, of what is wrong with a page's HTML."""
    reader = Reader()
    reader.feed(FORMULA.sub("", html))  # what KaTeX makes is whole, and most of a page
    reader.close()
    path = Path(page.file.abs_src_path)
    for piece, fault in reader.slips:
        log.warning("%s: %s", locate(path, piece), fault)
    for source in reader.sources:
        url = urlsplit(source)
        place = locate(path, source)
        if url.scheme == "data":
            continue
        if url.netloc:
            log.warning("%s: `%s` is loaded from another host; keep it in docs/", place, source)
            continue
        target = posixpath.normpath(posixpath.join(page.url, url.path))
        if not any(file.url == target for file in files):
            log.warning("%s: `%s` does not exist in %s", place, source, relative(ROOT / "docs"))
