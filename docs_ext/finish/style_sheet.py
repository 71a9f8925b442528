"""One style sheet replaces four and loses the rules that no page uses: a phone waits for it all."""

import re
import subprocess
from pathlib import Path

LINK = re.compile(r'\s*<link rel="stylesheet" href="(?P<up>[./]*)(?P<path>[^"]+)">')
# An address within the site, which may stand in quotes.
URL = re.compile(r"url\((?P<quote>\s*[\"']?)(?![\s\"']|data:|#|/|https?:)")


def merge(site: Path) -> None:
    """Put the style sheets that all pages of a built site load into one, ours last and whole."""
    pages = {page: page.read_text(encoding="utf-8") for page in sorted(site.rglob("*.html"))}
    loaded = [[link["path"] for link in LINK.finditer(html)] for html in pages.values()]
    shared = [path for path in loaded[0] if all(path in paths for paths in loaded)]
    own = "stylesheets/site.css"
    target = site / "stylesheets" / "all.css"  # beside ours, whose addresses hold there, too
    theirs = "".join(moved(site / path, site) for path in shared if path != own)
    target.write_text(theirs, encoding="utf-8")
    purge = Path(__file__).with_name("purge.mjs")
    content = [f"{site}/**/*.html", f"{site}/**/*.js"]
    subprocess.run(["node", purge, target, site / own, *content], check=True)
    for page, html in pages.items():
        first, *rest = (link for link in LINK.finditer(html) if link["path"] in shared)
        for other in rest:
            html = html.replace(other[0], "")
        html = html.replace(first[0], first[0].replace(first["path"], "stylesheets/all.css"))
        page.write_text(html, encoding="utf-8")


def moved(sheet: Path, site: Path) -> str:
    """Return a style sheet whose addresses hold in the folder of the merged one."""
    folder = sheet.parent.relative_to(site).as_posix()
    return URL.sub(rf"url(\g<quote>../{folder}/", sheet.read_text(encoding="utf-8")) + "\n"
