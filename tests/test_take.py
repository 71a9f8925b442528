"""Readers take an optimizer with them: the code of each framework, shown, copied, downloaded."""

import gzip
import re

import pytest
from playwright.sync_api import expect

from docs_ext.frameworks.files import address as place
from docs_ext.names import names_on
from optimizers import OPTIMIZERS
from optimizers.frameworks import FRAMEWORKS, printed

from .conftest import ROOT


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_file_stands_at_its_address(site, name):
    for framework in FRAMEWORKS:
        text = (site / place(name, framework)).read_text(encoding="utf-8")
        assert text == printed(name, framework)
        assert re.match(rf"(#|//) {re.escape(name)}, from .* Made by .*; MIT licence\.\n", text)


def test_a_framework_is_chosen_once_for_all_pages(open_page, site):
    page, loaded = open_page("adam/#example-adopt", permissions=["clipboard-write"]), []
    page.wait_for_load_state("networkidle")  # the icon may come late
    page.context.on("request", lambda request: loaded.append(request.url))
    take = page.locator(".take:visible")
    assert take.locator("pre").count() == 0
    assert loaded == []
    take.locator("summary").click()
    expect(take.locator("[aria-current]")).to_have_text("PyTorch")
    take.get_by_text("Optax").click()
    expect(take.locator("[aria-current]")).to_have_text("Optax")
    assert take.locator("pre").text_content() == printed("ADOPT", "optax")
    with page.expect_download() as download:
        take.get_by_text("Download").click()
    assert download.value.suggested_filename == "optax.py"
    assert download.value.path().read_text(encoding="utf-8") == printed("ADOPT", "optax")
    take.get_by_role("button", name="Copy").click()
    expect(take.get_by_role("status")).to_have_text("Copied.")
    # Nothing was loaded before it was asked for; a download is no request of the page's.
    assert [url.rpartition("/")[2] for url in loaded] == ["highlighted.json"]
    other = open_page("lion/#example-signum", context=page.context)
    other.locator(".take:visible summary").click()
    expect(other.locator(".take:visible pre")).to_have_text(printed("Signum", "optax"))


def test_what_did_not_load_is_asked_for_again(open_page):
    page = open_page("muon/")
    take = page.locator(".take")
    page.route("**/highlighted.json", lambda route: route.fulfill(status=200, body="cut o"))
    with page.expect_response("**/highlighted.json"):
        take.locator("summary").click()
    page.unroute("**/highlighted.json")
    expect(take.get_by_text("Keras")).to_be_visible()
    take.locator("summary").click()
    take.locator("summary").click()
    expect(take.locator("pre")).to_contain_text("torch.optim.Optimizer")


def test_without_script_the_files_are_plain_links(open_page, address):
    page = open_page("muon/", java_script_enabled=False)
    page.locator(".take summary").click()
    links = {
        link.inner_text(): link.get_attribute("href") for link in page.locator(".take a").all()
    }
    assert list(links) == [framework.title for framework in FRAMEWORKS.values()]
    answer = page.request.get(f"{address}/muon/{links['MLX']}")
    assert answer.text() == printed("Muon", "mlx")


def test_the_files_cost_a_page_next_to_nothing(site):
    source = (site / "adam" / "index.html").read_text(encoding="utf-8")
    ours = r'<details class="take">.*?</details>|<script[^>]*take.js.*?</script>'
    without = re.sub(ours, "", source, flags=re.DOTALL)
    assert source.count('class="take"') == len(names_on(ROOT / "docs" / "adam.md"))
    script = (site / "javascripts" / "take.js").read_bytes()
    pieces = (source.encode(), without.encode(), script)
    with_links, bare, own = (len(gzip.compress(piece, 6)) for piece in pieces)
    assert with_links - bare + own <= 2000
