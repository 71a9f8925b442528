"""While the site is served, a page that changed is made again, and no other."""

from types import SimpleNamespace

import pytest
from mkdocs.config import load_config

from docs_ext import page_cache
from docs_ext.directives import costs
from docs_ext.figures import address

from .conftest import ROOT


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


def test_a_page_that_counts_what_all_pages_have_is_made_again_when_they_change(monkeypatch):
    found = {"values": "1", "marks": "1", "citations": "1"}
    monkeypatch.setattr(page_cache, "count", found.get)
    text = "{value: count citations}"
    assert made(text, "1") == (text.upper(), False)
    assert made(text, "1") == (text.upper(), True)
    found["citations"] = "2"
    assert made(text, "1") == (text.upper(), False)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("docs/adam.md", "# Adam {AdamW}\n"),
        ("benchmarks/results/cost.json", "{}"),
        ("tools/mutants/results/adam.json", "{}"),
        ("snippets/adam.out", "1"),
        ("mkdocs.yml", "nav: []"),
    ],
)
def test_another_title_or_result_makes_pages_and_figures_anew(file, text, tmp_path, monkeypatch):
    monkeypatch.setattr(page_cache, "ROOT", tmp_path)
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "docs").mkdir(exist_ok=True)
    for name in ("mkdocs.yml", "docs/adam.md"):
        (tmp_path / name).write_text("# Adam\n\nText.\n", encoding="utf-8")
    before = page_cache.stamp_of_sources()
    address.with_table("paths", ("Adam",), "The path of Adam.")
    (tmp_path / "docs" / "adam.md").write_text("# Adam\n\nOther text.\n", encoding="utf-8")
    assert page_cache.stamp_of_sources() == before
    assert address.with_table.cache_info().currsize
    path.write_text(text, encoding="utf-8")
    assert page_cache.stamp_of_sources() != before
    assert not address.with_table.cache_info().currsize


def test_what_pages_are_made_of_is_watched():
    watched = load_config(str(ROOT / "mkdocs.yml")).watch
    results = [*costs.FILES.values(), *(ROOT / "tools" / "mutants" / "results").iterdir()]
    shown = [*results, *(ROOT / "benchmarks").glob("*.json"), *(ROOT / "docs_ext").rglob("*.html")]
    for path in [*shown, *(ROOT / "snippets").iterdir()]:
        assert any(path.is_relative_to(folder) for folder in watched), path


def test_pages_are_made_of_programs_not_of_what_is_copied(tmp_path, monkeypatch):
    monkeypatch.setattr(page_cache, "ROOT", tmp_path)
    (tmp_path / "docs_ext" / ".icons").mkdir(parents=True)
    stamps = []
    for name in ("mkdocs.yml", "docs_ext/names.py", "docs_ext/engine.js"):
        (tmp_path / name).write_text("new", encoding="utf-8")
        stamps.append(page_cache.stamp_of_sources())
    assert stamps[0] != stamps[1] == stamps[2]
