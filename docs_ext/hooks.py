"""What only a MkDocs hook can do: name the line of a broken link, read notebooks, add files."""

import logging
import posixpath
import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

from mkdocs.structure.files import File

from docs_ext import notebook
from docs_ext.laboratory import scripts
from docs_ext.source import ROOT, PageError, locate, relative
from optimizers.formula import FormulaError

LINK = re.compile(r"Doc file '(?P<page>.+?)' contains an? (?:\w+ )*link '(?P<link>.+?)'")
log = logging.getLogger("mkdocs.hooks")


class NameTheLine(logging.Filter):
    """MkDocs says which page has a broken link; this adds where on it."""

    def __init__(self, docs_dir: str) -> None:
        super().__init__()
        self.docs_dir = docs_dir

    def filter(self, record: logging.LogRecord) -> bool:
        if match := LINK.match(record.getMessage()):
            place = locate(ROOT / self.docs_dir / match["page"], match["link"])
            record.msg, record.args = f"{place}: {record.getMessage()}", ()
        return True


def on_config(config):
    logger = logging.getLogger("mkdocs.structure.pages")
    for old in [f for f in logger.filters if isinstance(f, NameTheLine)]:
        logger.removeFilter(old)
    logger.addFilter(NameTheLine(config.docs_dir))


def on_files(files, config):
    try:
        printed = scripts()
    except FormulaError as error:
        raise PageError(str(error)) from None
    for path, text in printed.items():
        files.append(File.generated(config, path, content=text))


def on_page_markdown(markdown, page, config, files):
    if page.file.src_uri.endswith(".py"):
        return notebook.as_markdown(page, config)


def on_page_content(html, page, config, files):
    if "{" in page.title:
        # The navigation takes a title's markup from here; a heading's links would nest in its own.
        title = re.sub(r"\{(.+?)\}", r'<span class="pill">{\1}</span>', page.title)
        page.typeset = {"title": title}
    check_sources(html, page, files)


class Sources(HTMLParser):
    """Collects what a page's raw HTML loads, which MkDocs does not look at."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("src", "poster") and value]


def check_sources(html: str, page, files) -> None:
    """Warn, which --strict makes an error, of a file that is not there or is elsewhere."""
    parser = Sources()
    parser.feed(html)
    for source in parser.found:
        url = urlsplit(source)
        place = locate(ROOT / "docs" / page.file.src_uri, source)
        if url.scheme == "data":
            continue
        if url.netloc:
            log.warning("%s: `%s` is loaded from another host; keep it in docs/", place, source)
            continue
        target = posixpath.normpath(posixpath.join(page.url, url.path))
        if not any(file.url == target for file in files):
            log.warning("%s: `%s` does not exist in %s", place, source, relative(ROOT / "docs"))
