"""The build, in the order in which it happens: MkDocs calls each `on_` function at its moment.

Only what needs MkDocs stands here; Markdown that authors may write is in `markdown`.
"""

import difflib
import logging
import posixpath
import re
import time
from html import escape
from pathlib import Path

from jinja2 import FileSystemBytecodeCache
from mkdocs.plugins import CombinedEvent, event_priority
from mkdocs.structure.files import File

from docs_ext import notebook, page_cache
from docs_ext.calculator import form as calculator
from docs_ext.directives import values
from docs_ext.finish import (
    content_policy,
    description,
    fonts,
    html_check,
    licences,
    replace_site,
    style_sheet,
)
from docs_ext.frameworks import files as taken
from docs_ext.laboratory import programs
from docs_ext.locate import ROOT, PageError, locate
from docs_ext.markdown import twin
from docs_ext.names import colour_class, read_title
from docs_ext.search import deferral, index
from optimizers.formula import FormulaError

LINK = re.compile(r"Doc file '(?P<page>.+?)' contains an? (?:\w+ )*link '(?P<link>.+?)'")
ANCHOR = re.compile(r"does not contain an anchor|there is no such anchor")
ENTRY = re.compile(r"A reference to '(?P<link>.+?)' is included in the 'nav' configuration")
# Material says of its checkboxes how to complete what is typed.
TOGGLE = re.compile(r'(<input class="md-toggle"[^>]*) autocomplete="off"')
# Where a table's column is aligned, Markdown says so by what the content policy forbids.
ALIGNED = re.compile(r' style="text-align: (?P<side>left|center|right);"')
# A cell that is a number and its unit, which belong on one line.
MEASURED = re.compile(r"(?<=>)[−\d.,]+( ×)? \w+( more)?(?=</td>)")
anchors: dict[str, set[str]] = {}  # of each page
serving = False  # `mkdocs serve` wants a page soon, and adds a script of its own to it


def on_startup(command, dirty):
    global serving
    serving = command == "serve"


def on_config(config):
    name_the_lines_of_broken_links()
    if serving:
        config.extra["sources"] = page_cache.stamp_of_sources()
    say_what_is_built(config)
    config.site_dir = str(replace_site.building_folder(Path(config.site_dir)))


def on_files(files, config):
    html_check.check_files(files)
    add_scripts(files, config)
    html_check.check_configured_files(files, config)


def on_nav(nav, config, files):
    config.extra["pages"] = nav.pages


def on_env(env, config, files):
    keep_compiled_templates(env)
    return env


def on_page_markdown(markdown, page, config, files):
    if page.file.src_uri.endswith(".py"):
        markdown = notebook.as_markdown(page, serving)
    if serving:
        page_cache.use(page, config.extra["sources"])
    return markdown


def on_page_content(html, page, config, files):
    anchors[page.file.src_uri] = page.present_anchor_ids
    set_pills_in_the_navigation(page)
    if not (serving and page.known):
        html_check.check_page(html, page, files)
    describe(html, page)


@event_priority(100)  # before the search plugin takes the page's words
def before_search(context, page, config, nav):
    weigh_in_search(page)
    context["twin"] = twin.twin_of("index.html")
    show_to_search(context, page, config)


@event_priority(-100)
def after_search(context, page, config, nav):
    show_to_readers(context, page, config)


on_page_context = CombinedEvent(before_search, after_search)


def on_post_page(output, page, config):
    return finish(output)


def on_post_template(output, template_name, config):
    return finish(output) if template_name.endswith(".html") else output


@event_priority(-100)  # when the plugins have written their files
def on_post_build(config):
    if replace_site.build_will_fail():
        return
    site = Path(config.site_dir)
    twin.write(site, config, config.extra["pages"])
    licences.write(site)
    deferral.defer(site)
    (site / "sitemap.xml.gz").unlink()  # sitemap.xml, and the time of the build
    if not serving:
        style_sheet.merge(site)
        fonts.shrink(site)
        content_policy.write_headers(site)
    config.site_dir = str(replace_site.replace(site))


def on_serve(server, config, builder):
    run_notebooks_behind_pages(server)
    return server


# The verbs that are not in a room of their own, in the order of their use.


def say_what_is_built(config):
    """Put the version and where its source is into the footer, and let pages lead there."""
    config.extra["repository"] = values.repository_address()
    config.copyright += f" · version {values.version()}"
    if config.extra["repository"]:
        config.copyright += f' · <a href="{escape(config.extra["repository"])}">Source</a>'


class NameTheLine(logging.Filter):
    """Adds the line of a broken link to MkDocs' message, which names only the page."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if match := LINK.match(text):
            nearest = nearest_anchor(match["page"], match["link"]) if ANCHOR.search(text) else ""
            where = locate(ROOT / "docs" / match["page"], match["link"])
            record.msg = f"{where}: {text}{nearest}"
        elif match := ENTRY.match(text):
            record.msg = f"{locate(ROOT / 'mkdocs.yml', match['link'])}: {text}"
        else:
            return True
        record.args = ()
        return True


def nearest_anchor(page: str, link: str) -> str:
    """Say which anchor a page's broken link may have meant, if any is like it."""
    file, _, anchor = link.partition("#")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(page), file)) if file else page
    found = difflib.get_close_matches(anchor, anchors.get(target, ()), 1)
    return f" The nearest is '#{found[0]}'." if found else ""


def name_the_lines_of_broken_links():
    """Let MkDocs' messages about links name the line."""
    for name in ("mkdocs.structure.nav", "mkdocs.structure.pages"):
        logger = logging.getLogger(name)
        if not any(isinstance(known, NameTheLine) for known in logger.filters):
            logger.addFilter(NameTheLine())


def add_scripts(files, config):
    """Add the scripts of the site's rooms, and the programs that are printed from formulas."""
    rooms = programs.FILES | calculator.FILES | deferral.FILES | taken.FILES
    for address, path in rooms.items():
        files.append(File.generated(config, address, abs_src_path=str(path)))
    try:
        printed = programs.printed_scripts() | taken.printed_files()
    except FormulaError as error:
        raise PageError(str(error)) from None
    for address, text in printed.items():
        files.append(File.generated(config, address, content=text))


def keep_compiled_templates(env):
    """Keep the theme's templates compiled: to compile them takes half a second of each build."""
    folder = ROOT / ".cache" / "templates"
    folder.mkdir(parents=True, exist_ok=True)
    env.bytecode_cache = FileSystemBytecodeCache(str(folder))


def set_pills_in_the_navigation(page):
    """Give the navigation a title with pills; the heading's own are links, which would nest."""
    names = read_title(f"# {page.title}")
    if len(names) > 1:
        pills = [f'<span class="pill {colour_class(name)}">{{{name}}}</span>' for name in names[1:]]
        page.typeset = {"title": " ".join([names[0], *pills])}


def describe(html, page):
    """Give a page its description, for search engines and shared links."""
    sentence = description.first_sentence(html)
    if not sentence:
        raise PageError(
            f"{locate(Path(page.file.abs_src_path), '# ')}: the page has no sentence "
            "that could describe it to a search engine; begin it with one"
        )
    page.meta["description"] = escape(sentence)  # Material's templates take it for HTML


def weigh_in_search(page):
    """Let a page come earlier or later among others that have the same word."""
    page.meta["search"] = {"boost": index.boost(page)}


def show_to_search(context, page, config):
    """Let the search plugin see formulas as text, or the entries that it made before."""
    entries = config.plugins["material/search"].search_index.entries
    context["whole"], context["indexed"] = page.content, len(entries)
    if serving and page.known:
        entries += page_cache.search_entries[page.file.src_uri]
        page.content = ""
    else:
        page.content = index.readable(page.content)


def show_to_readers(context, page, config):
    """Put the page's content back, and keep its entries of the search index."""
    page.content = context.pop("whole")
    entries = config.plugins["material/search"].search_index.entries
    page_cache.search_entries[page.file.src_uri] = entries[context.pop("indexed") :]


def finish(page: str) -> str:
    """Mend what Material and Markdown leave, and give a page its policy."""
    page = TOGGLE.sub(r"\1", page).replace(' tabindex=""', "")
    page = MEASURED.sub(lambda match: match[0].replace(" ", "\u00a0"), page)
    page = ALIGNED.sub(r' class="\g<side>"', page)
    return page if serving else content_policy.protect(page)


def run_notebooks_behind_pages(server):
    """Run the notebooks that pages wait for, and have the pages made anew when one has been run."""
    ran = notebook.CACHE / "ran"
    ran.parent.mkdir(parents=True, exist_ok=True)
    ran.touch()
    server.watch(str(ran))

    def make_pages_anew():
        while not server.observer.is_alive():  # before, a change would not be seen
            time.sleep(0.1)
        ran.touch()

    notebook.run_behind_pages(make_pages_anew)
