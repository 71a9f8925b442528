"""What only a MkDocs hook can do: name the line of a broken link, read notebooks, finish a site."""

import logging
import re
from html import escape
from pathlib import Path

from jinja2 import FileSystemBytecodeCache
from mkdocs.plugins import CombinedEvent, event_priority
from mkdocs.structure.files import File

from docs_ext import (
    describe,
    fonts,
    laboratory,
    licences,
    memory,
    notebook,
    plain,
    policy,
    search,
    slips,
    styles,
    swap,
    varieties,
)
from docs_ext.source import ROOT, PageError, locate
from optimizers.formula import FormulaError

LINK = re.compile(r"Doc file '(?P<page>.+?)' contains an? (?:\w+ )*link '(?P<link>.+?)'")
ENTRY = re.compile(r"A reference to '(?P<link>.+?)' is included in the 'nav' configuration")
# Material says of its checkboxes how to complete what is typed.
TOGGLE = re.compile(r'(<input class="md-toggle"[^>]*) autocomplete="off"')
serving = False  # `mkdocs serve` wants a page soon, and adds a script of its own to it


class NameTheLine(logging.Filter):
    """MkDocs says which page has a broken link; this adds where on it."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if match := LINK.match(text):
            record.msg = f"{locate(ROOT / 'docs' / match['page'], match['link'])}: {text}"
        elif match := ENTRY.match(text):
            record.msg = f"{locate(ROOT / 'mkdocs.yml', match['link'])}: {text}"
        else:
            return True
        record.args = ()
        return True


def on_startup(command, dirty):
    global serving
    serving = command == "serve"


def on_config(config):
    for name in ("mkdocs.structure.nav", "mkdocs.structure.pages"):
        logger = logging.getLogger(name)
        if not any(isinstance(one, NameTheLine) for one in logger.filters):
            logger.addFilter(NameTheLine())
    if serving:
        config.extra["changed"] = memory.stamp()
    config.site_dir = str(swap.aside(Path(config.site_dir)))


def on_files(files, config):
    slips.check_files(files)
    try:
        printed = laboratory.scripts()
    except FormulaError as error:
        raise PageError(str(error)) from None
    for path, text in printed.items():
        files.append(File.generated(config, path, content=text))


def on_nav(nav, config, files):
    config.extra["pages"] = nav.pages


def on_env(env, config, files):
    # Compiling the theme's templates takes half a second of each build.
    folder = ROOT / ".cache" / "templates"
    folder.mkdir(parents=True, exist_ok=True)
    env.bytecode_cache = FileSystemBytecodeCache(str(folder))
    return env


def on_page_markdown(markdown, page, config, files):
    if page.file.src_uri.endswith(".py"):
        markdown = notebook.as_markdown(page, config)
    if serving:
        memory.use(page, config.extra["changed"])
    return markdown


def on_page_content(html, page, config, files):
    if "{" in page.title:
        # The navigation takes a title's markup from here; a heading's links would nest in its own.
        pill = '<span class="pill {}">{{{}}}</span>'
        title = re.sub(
            r"\{(.+?)\}", lambda match: pill.format(varieties.hue(match[1]), match[1]), page.title
        )
        page.typeset = {"title": title}
    if not (serving and page.known):
        slips.check_page(html, page, files)
    told = describe.first_sentence(html)
    if not told:
        raise PageError(
            f"{locate(Path(page.file.abs_src_path), '# ')}: the page has no sentence "
            "that could describe it to a search engine; begin it with one"
        )
    page.meta["description"] = escape(told)  # Material's templates take it for HTML


@event_priority(100)  # before the search plugin takes the page's words
def for_searching(context, page, config, nav):
    if page.parent:
        page.meta["search"] = {"boost": search.boost(page)}
    context["plain"] = plain.beside("index.html")
    index = config.plugins["material/search"].search_index.entries
    context["whole"], context["indexed"] = page.content, len(index)
    if serving and page.known:
        index += memory.entries[page.file.src_uri]
        page.content = ""
    else:
        page.content = search.readable(page.content)


@event_priority(-100)
def for_reading(context, page, config, nav):
    page.content = context.pop("whole")
    index = config.plugins["material/search"].search_index.entries
    memory.entries[page.file.src_uri] = index[context.pop("indexed") :]


on_page_context = CombinedEvent(for_searching, for_reading)


def on_post_page(output, page, config):
    return finish(output)


def on_post_template(output, template_name, config):
    return finish(output) if template_name.endswith(".html") else output


def finish(page: str) -> str:
    """Take from a page what HTML does not know, and give it its policy."""
    page = TOGGLE.sub(r"\1", page).replace(' tabindex=""', "")
    return page if serving else policy.protect(page)


@event_priority(-100)  # when the others have written what they write
def on_post_build(config):
    if swap.was_warned():
        return
    site = Path(config.site_dir)
    plain.write(site, config, config.extra["pages"])
    licences.write(site)
    search.defer(site)
    (site / "sitemap.xml.gz").unlink()  # sitemap.xml, and the time of the build
    if not serving:
        styles.merge(site)
        fonts.shrink(site)
        policy.write_headers(site)
    config.site_dir = str(swap.put_in_place(site))
