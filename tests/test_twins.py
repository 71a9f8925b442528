"""Each page leads to itself as Markdown, whole, and to its source."""

import inspect
import re

from mkdocs.commands.build import get_context
from mkdocs.config import load_config
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import get_navigation

from docs_ext import hooks
from optimizers import OPTIMIZERS
from optimizers._distribution import VERSION

from .conftest import ROOT


def test_each_page_as_markdown_is_the_whole_page(site):
    for page in site.rglob("index.html"):
        source, text = (
            file.read_text(encoding="utf-8") for file in (page, page.with_name("index.html.md"))
        )
        words = re.sub(r"^( *)(`{3,}).*?^\1\2$", "", text, flags=re.DOTALL | re.MULTILINE)
        levels = [len(marks) for marks in re.findall("^(#+) ", words, re.MULTILINE)]
        assert levels == [int(level) for level in re.findall(r"<h([1-4]) [^>]*id=", source)], page
        assert not re.search("^ *:::", words, re.MULTILINE)
    for page, kind in (("api", "optimizer"), ("api-numpy", "step")):
        text = (site / page / "index.html.md").read_text(encoding="utf-8")
        for documented in (getattr(entry, kind) for entry in OPTIMIZERS.values()):
            assert f"```python\n{documented.__name__}(" in text
            assert inspect.getdoc(documented).partition("\n")[0] in text


def test_pages_lead_to_their_source_where_the_build_knows_it(monkeypatch):
    for address, shown in {
        "https://example.org/me/it.git": "https://example.org/me/it",
        "https://example.org/me/it/": "https://example.org/me/it",
        "git@example.org:me/it": "",
        "": "",
    }.items():
        monkeypatch.setenv("REPOSITORY_URL", address)
        config = load_config(str(ROOT / "mkdocs.yml"))
        hooks.say_what_is_built(config)
        assert config.extra["repository"] == shown
        assert VERSION in config.copyright
        assert (f'href="{shown}"' in config.copyright) == bool(shown)


def test_a_page_is_copied_as_markdown(open_page, site):
    page = open_page("api/", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy this page as Markdown").click()
    page.get_by_text("Copied.").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == (site / "api" / "index.html.md").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_fetched_has_no_button_to_copy_it(browser, site):
    page = browser.new_page()
    page.goto((site / "install" / "index.html").as_uri())
    page.get_by_text("This page as Markdown").wait_for()
    assert page.get_by_role("button", name="Copy this page as Markdown").count() == 0
    page.close()


def test_a_page_has_a_link_to_edit_it_where_the_build_knows_its_source(monkeypatch, tmp_path):
    (tmp_path / "page.md").write_text("# Page\n", encoding="utf-8")
    for address, count in {"https://example.org/it": 1, "": 0}.items():
        monkeypatch.setenv("REPOSITORY_URL", address)
        config = load_config(str(ROOT / "mkdocs.yml"), plugins=[], hooks=[], nav=None)
        hooks.say_what_is_built(config)
        file = File("page.md", str(tmp_path), str(tmp_path), use_directory_urls=True)
        files = Files([file])
        nav, page = get_navigation(files, config), file.page
        page.read_source(config)
        page.render(config, files)
        template = config.theme.get_env().get_template("main.html")
        html = template.render(get_context(nav, files, config, page))
        assert html.count(f'href="{address}/edit/main/docs/page.md">Edit this page</a>') == count
