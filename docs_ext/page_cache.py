"""While a site is served, a page that did not change is not rendered again."""

from .directives.values import count
from .figures import address
from .locate import ROOT
from .stamps import stamp

# Pages are made of these files, besides their own; scripts and style sheets are only copied.
FOLDERS = ("benchmarks", "docs_ext", "optimizers", "snippets", "tools")
COPIED = {".css", ".js", ".pyc"}
COUNTED = ("values", "marks", "citations")  # in all pages
# The attributes that rendering gives to a page.
RENDERED = ("content", "toc", "_title_from_render", "present_anchor_ids", "twin")
pages: dict[str, tuple] = {}
search_entries: dict[str, list] = {}
last: list[str] = []  # stamp of the sources


def stamp_of_sources() -> str:
    """Return a stamp that changes with what pages are made of, besides their own text.

    These are files, and the titles of other pages. When it changes, figures are drawn anew.
    """
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    files = [path for path in paths if path.is_file() and path.suffix not in COPIED]
    beginnings = []
    for page in sorted((ROOT / "docs").glob("*.md")):
        with page.open(encoding="utf-8") as lines:
            beginnings.append(f"{page.name}: {next(lines, '')}")
    found = stamp([*files, ROOT / "mkdocs.yml"], *beginnings)
    if last != [found]:
        address.with_table.cache_clear()
        last[:] = [found]
    return found


def use(page, sources: str) -> None:
    """Let a page keep what it was, unless its Markdown or the stamp of the sources has changed."""
    render = page.render
    counts = "{value: count" in page.markdown and tuple(map(count, COUNTED))
    key = (page.markdown, sources, counts)

    def from_cache(config, files):
        page.known = pages.get(page.file.src_uri, (None,))[0] == key
        if page.known:
            page.__dict__.update(pages[page.file.src_uri][1])
        else:
            render(config, files)
            kept = {name: page.__dict__[name] for name in RENDERED if name in page.__dict__}
            pages[page.file.src_uri] = (key, kept)

    page.render = from_cache
