"""While the site is served, a page that changed is made again, and no other."""

from types import SimpleNamespace

from docs_ext import memory


def made(text: str, when: int) -> tuple[str, bool]:
    """Make a page of some Markdown, and say whether it was known."""
    page = SimpleNamespace(file=SimpleNamespace(src_uri="memory.md"), markdown=text, content=None)
    page.render = lambda config, files: setattr(page, "content", page.markdown.upper())
    memory.use(page, when)
    page.render(None, None)
    return page.content, page.known


def test_only_what_changed_is_made_again():
    assert made("a", 1) == ("A", False)
    assert made("a", 1) == ("A", True)
    assert made("b", 1) == ("B", False)
    assert made("b", 2) == ("B", False)  # a module or a snippet changed
    assert memory.stamp() > 0
