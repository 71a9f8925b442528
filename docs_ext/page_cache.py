"""While a site is served, a page that did not change is not rendered again."""

from .locate import ROOT
from .stamps import stamp

# Pages are made of these files, besides their own; scripts and style sheets are only copied.
FOLDERS = ("benchmarks", "docs_ext", "optimizers", "snippets", "tools")
COPIED = {".css", ".js", ".pyc"}
# The attributes that rendering gives to a page.
RENDERED = ("content", "toc", "_title_from_render", "present_anchor_ids", "twin")
pages: dict[str, tuple] = {}
search_entries: dict[str, list] = {}


def stamp_of_sources() -> str:
    """Return a stamp that changes with the files that pages are made of, besides their own."""
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    files = [path for path in paths if path.is_file() and path.suffix not in COPIED]
    return stamp([*files, ROOT / "mkdocs.yml"])


def use(page, sources: str) -> None:
    """Let a page keep what it was, unless its Markdown or the stamp of the sources has changed."""
    render = page.render

    def from_cache(config, files):
        key = (page.markdown, sources)
        page.known = pages.get(page.file.src_uri, (None,))[0] == key
        if page.known:
            page.__dict__.update(pages[page.file.src_uri][1])
        else:
            render(config, files)
            kept = {name: page.__dict__[name] for name in RENDERED if name in page.__dict__}
            pages[page.file.src_uri] = (key, kept)

    page.render = from_cache
