"""What only a MkDocs hook can do: name the line of a broken link, read notebooks, finish a site."""

import logging
import posixpath
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

from mkdocs.plugins import event_priority

from docs_ext import describe, fonts, licences, notebook, plain, policy, search, swap
from docs_ext.source import ROOT, PageError, locate, relative

LINK = re.compile(r"Doc file '(?P<page>.+?)' contains an? (?:\w+ )*link '(?P<link>.+?)'")
log = logging.getLogger("mkdocs.hooks")
serving = False  # `mkdocs serve` wants a page soon, and adds a script of its own to it


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


def on_startup(command, dirty):
    global serving
    serving = command == "serve"


def on_config(config):
    logger = logging.getLogger("mkdocs.structure.pages")
    for old in [f for f in logger.filters if isinstance(f, NameTheLine)]:
        logger.removeFilter(old)
    logger.addFilter(NameTheLine(config.docs_dir))
    config.site_dir = str(swap.aside(Path(config.site_dir)))


def on_page_markdown(markdown, page, config, files):
    if page.file.src_uri.endswith(".py"):
        return notebook.as_markdown(page, config)


def on_page_content(html, page, config, files):
    if "{" in page.title:
        # The navigation takes a title's markup from here; a heading's links would nest in its own.
        title = re.sub(r"\{(.+?)\}", r'<span class="pill">{\1}</span>', page.title)
        page.typeset = {"title": title}
    told = page.meta.setdefault("description", describe.first_sentence(html))
    if not told:
        raise PageError(
            f"{locate(ROOT / 'docs' / page.file.src_uri, '# ')}: the page has no English sentence "
            "that could describe it to a search engine; begin it with one"
        )
    check_sources(html, page, files)


def on_page_context(context, page, config, nav):
    # Beside the page, wherever a site is served.
    context["plain"] = plain.beside("index.html")


def on_post_page(output, page, config):
    return output if serving else policy.protect(output)


def on_post_template(output, template_name, config):
    if template_name.endswith(".html"):
        return output if serving else policy.protect(output)
    return output


def on_nav(nav, config, files):
    config.extra["pages"] = nav.pages


@event_priority(-100)  # when the others have written what they write
def on_post_build(config):
    site = Path(config.site_dir)
    plain.write(site, config, config.extra["pages"])
    licences.write(site)
    search.defer(site)
    (site / "sitemap.xml.gz").unlink()  # holds the time of the build, and nothing that is not beside it
    if not serving:
        fonts.shrink(site)
        policy.write_headers(site)
    if not swap.was_warned():
        config.site_dir = str(swap.put_in_place(site))


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
