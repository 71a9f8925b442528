"""One style sheet instead of four: a phone waits for each before it shows anything."""

import re
from pathlib import Path

LINK = re.compile(r'\s*<link rel="stylesheet" href="(?P<up>[./]*)(?P<path>[^"]+)">')
URL = re.compile(r"url\((?![\"']?(?:data:|#))")


def merge(site: Path) -> None:
    """Put the style sheets of a built site into one, in the order in which its pages load them."""
    target = site / "stylesheets" / "all.css"
    for page in site.rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        links = list(LINK.finditer(html))
        if not target.exists():
            target.write_text("".join(moved(site / one["path"], site) for one in links), "utf-8")
        first = links[0]
        one = first[0].replace(first["path"], "stylesheets/all.css")
        html = html.replace(first[0], one, 1)
        for other in links[1:]:
            html = html.replace(other[0], "", 1)
        page.write_text(html, encoding="utf-8")


def moved(sheet: Path, site: Path) -> str:
    """Return a style sheet whose addresses hold in the folder of the merged one."""
    folder = sheet.parent.relative_to(site).as_posix()
    return URL.sub(f"url(../{folder}/", sheet.read_text(encoding="utf-8")) + "\n"
