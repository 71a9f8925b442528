"""The built site as a product: light, whole without help from elsewhere, safe, printable."""

import gzip
import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from .conftest import ROOT

COMPRESSED = {".woff2", ".png"}  # already, so that a server sends them as they are


def pages(site: Path) -> list[str]:
    """Return the addresses of all pages, as the sitemap has them, without the host."""
    text = (site / "sitemap.xml").read_text(encoding="utf-8")
    return [urlsplit(url).path[1:] for url in re.findall(r"<loc>(.+?)</loc>", text)]


def sources(site: Path) -> dict[str, str]:
    """Return the HTML of all pages."""
    return {path: (site / path / "index.html").read_text(encoding="utf-8") for path in pages(site)}


def weight(path: Path) -> int:
    """Return the bytes that a server with gzip sends of a file."""
    content = path.read_bytes()
    return len(content if path.suffix in COMPRESSED else gzip.compress(content, 6))


def test_the_sitemap_names_every_page(site):
    files = {file.parent.relative_to(site).as_posix() for file in site.rglob("index.html")}
    assert {path.strip("/") or "." for path in pages(site)} == files


def test_a_page_is_light(site, address, open_page, capsys):
    page = open_page("", record_har_omit_content=True)
    loaded = []
    page.on("response", lambda response: loaded.append(response.url))
    page.goto(f"{address}/adam/", wait_until="networkidle")
    files = [site / url.removeprefix(f"{address}/") for url in loaded]
    weights = {file: weight(file / "index.html" if file.is_dir() else file) for file in files}
    scripts = sum(weights[file] for file in files if file.parent.name == "javascripts")
    with capsys.disabled():
        print(
            f"\nThe page of Adam: {sum(weights.values()) / 1000:.1f} KB compressed, {scripts} B of it our own script"
        )
    assert sum(weights.values()) <= 160_000
