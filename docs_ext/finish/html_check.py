"""Faults that MkDocs lets pass: each is reported with its line, and a strict build then fails."""

import logging
import posixpath
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

from ..locate import ROOT, PageError, locate, relative
from ..markdown.formulas import RENDERED

NAME = re.compile(r"[a-z0-9_/-]+\.(md|py)")
# Marks that Markdown, had it understood them, would have replaced.
LEFT = re.compile(r"^ *(?:!!!|\?\?\?\+?|:::).*|-+8<-+.*|```.*|\$\\.*|\$$|\]\(.*")
# What two backticks, meant as a fence, become.
SHORT_FENCE = re.compile(r"<p[^>]*><code[^>]*>(\w+)\n")
TITLE_WITH_FORMULA = re.compile(r"<h1[^>]*>(?:(?!</h1>).)*<bdi class=\"math\"", re.DOTALL)
VERBATIM = {"annotation", "code", "pre", "script", "style"}
VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
log = logging.getLogger("mkdocs.html_check")


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


def check_configured_files(files, config) -> None:
    """Refuse a style sheet, a script or an icon of mkdocs.yml that is not there."""
    written = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")  # plugins add files of their own
    wanted = [config.theme["favicon"], *config.extra_css, *map(str, config.extra_javascript)]
    for name in wanted:
        if name in written and files.get_file_from_path(name) is None:
            raise PageError(
                f"{locate(ROOT / 'mkdocs.yml', name)}: there is no docs/{name}; "
                "put the file there, or take its name away"
            )


class Reader(HTMLParser):
    """Collects a page's sources and ids, and its faults: what is not closed or not understood."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.ids: list[str] = []
        self.faults: list[tuple[str, str]] = []  # the author's text, and what is wrong with it
        self.nameless = False

    def handle_starttag(self, tag, attrs):
        self.sources += [value for name, value in attrs if name in ("src", "poster") and value]
        for name, value in attrs:
            if name == "id" and value in self.ids:
                self.faults.append((value, f"the id `{value}` is there twice; rename one"))
            elif name == "id":
                self.ids.append(value)
        self.nameless = bool(re.fullmatch("h[1-6]", tag)) and bool(
            re.fullmatch(r"_\d+", dict(attrs).get("id") or "")
        )
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag in self.open:
            while (last := self.open.pop()) != tag:
                self.faults.append((f"<{last}", f"`<{last}>` is not closed; add `</{last}>`"))
        elif tag not in VOID:
            self.faults.append((f"</{tag}", f"`</{tag}>` closes nothing; remove it"))

    def handle_data(self, data):
        if self.nameless and data.strip():
            remedy = "the heading has no letters for its address; name it: `{ #name }`"
            self.faults.append((data.strip(), f"`{data.strip()}`: {remedy}"))
            self.nameless = False
        if not VERBATIM.intersection(self.open):
            for line in data.splitlines():
                if match := LEFT.search(line):
                    piece = match[0].strip()
                    remedy = "look for a missing quote, blank line, indentation or end"
                    self.faults.append((piece, f"`{piece}` was not understood; {remedy}"))


def check_page(html: str, page, files) -> None:
    """Warn of each fault in a page's HTML; `--strict` makes errors of warnings."""
    reader = Reader()
    reader.feed(RENDERED.sub("", html))  # a formula has no faults, and most of a page is formulas
    reader.close()
    path = Path(page.file.abs_src_path)
    for fence in SHORT_FENCE.finditer(html):
        fault = "a block of code begins and ends with three backticks, not with two"
        reader.faults.append((f"``{fence[1]}", fault))
    if TITLE_WITH_FORMULA.match(html):
        fault = "the title holds a formula, which the navigation cannot show; write it in letters"
        reader.faults.append(("# ", fault))
    for piece, fault in reader.faults:
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
