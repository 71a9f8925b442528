"""`make screenshots` photographs the built site, to be looked at: two widths, two schemes."""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from .browser import FLAGS, find_chrome, serve

PAGES = ["", "adam/", "choose/", "symbols/", "api/", "notebooks/decay_is_not_l2/"]


def main(site: Path, folder: Path, pages: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    with serve(site, compressed=True) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chrome(), args=FLAGS)
        for width in (390, 1280):
            for scheme in ("light", "dark"):
                size = {"width": width, "height": 900}
                context = browser.new_context(viewport=size, color_scheme=scheme)
                page = context.new_page()
                for path in pages:
                    page.goto(f"{address}/{path}", wait_until="networkidle")
                    name = path.strip("/").replace("/", "-") or "home"
                    page.screenshot(path=folder / f"{name}-{width}-{scheme}.png")
                context.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] or PAGES)
