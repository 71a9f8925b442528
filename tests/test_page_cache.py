"""While the site is served, a page that changed is made again, and no other."""

from types import SimpleNamespace

from docs_ext import page_cache


def made(text: str, sources: str) -> tuple[str, bool]:
    """Make a page of some Markdown, and say whether it was known."""
    page = SimpleNamespace(file=SimpleNamespace(src_uri="page.md"), markdown=text, content=None)
    page.render = lambda config, files: setattr(page, "content", page.markdown.upper())
    page_cache.use(page, sources)
    page.render(None, None)
    return page.content, page.known


def test_only_what_changed_is_made_again():
    assert made("a", "1") == ("A", False)
    assert made("a", "1") == ("A", True)
    assert made("b", "1") == ("B", False)
    assert made("b", "2") == ("B", False)  # a module or a snippet changed


def test_pages_are_made_of_programs_not_of_what_is_copied(tmp_path, monkeypatch):
    monkeypatch.setattr(page_cache, "ROOT", tmp_path)
    (tmp_path / "docs_ext" / ".icons").mkdir(parents=True)
    stamps = []
    for name in ("mkdocs.yml", "docs_ext/names.py", "docs_ext/engine.js"):
        (tmp_path / name).write_text("new", encoding="utf-8")
        stamps.append(page_cache.stamp_of_sources())
    assert stamps[0] != stamps[1] == stamps[2]
