"""While a site is served, a page that did not change is not made again."""

from .source import ROOT

# What making a page gives it.
MADE = ("content", "toc", "_title_from_render", "present_anchor_ids", "plain")
pages: dict[str, tuple] = {}
entries: dict[str, list] = {}  # of the search index


def stamp() -> int:
    """Return when something changed last that pages are made of, besides themselves."""
    folders = ("docs_ext", "optimizers", "snippets", "tests")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.*")]
    return max(file.stat().st_mtime_ns for file in [*files, ROOT / "mkdocs.yml"])


def use(page, when: int) -> None:
    """Let a page be what it was, unless its Markdown or what it is made of has changed."""
    render = page.render

    def remembered(config, files):
        key = (page.markdown, when)
        page.known = pages.get(page.file.src_uri, (None,))[0] == key
        if page.known:
            page.__dict__.update(pages[page.file.src_uri][1])
        else:
            render(config, files)
            made = {name: page.__dict__[name] for name in MADE if name in page.__dict__}
            pages[page.file.src_uri] = (key, made)

    page.render = remembered
