"""The content-security policy: the site's files only, and the scripts a page was built with."""

import base64
import hashlib
import re
from pathlib import Path

SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<code>.*?)</script>", re.DOTALL)
AWAY = re.compile(r"<a(?=[^>]* href=\"?https?://)(?![^>]* rel=)")


def inline_scripts(html: str) -> list[str]:
    """Return the hashes by which a policy allows the scripts that stand in a page.

    Example:
        >>> inline_scripts("<script>1</script><script src=a.js></script>")
        ["'sha256-a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s='"]
    """
    hashes = []
    for script in SCRIPT.finditer(html):
        if "src=" not in script["attributes"] and "application/json" not in script["attributes"]:
            digest = hashlib.sha256(script["code"].encode()).digest()
            hashes.append(f"'sha256-{base64.b64encode(digest).decode()}'")
    return sorted(set(hashes))


def policy(hashes: list[str]) -> str:
    """Return the policy that allows scripts by their hashes."""
    return "; ".join(
        [
            "default-src 'self'",
            " ".join(["script-src 'self'", *hashes]),
            "style-src 'self'",
            "img-src 'self' data:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        ]
    )


def protect(html: str) -> str:
    """Give a page its policy, ahead of all that it governs; links to other sites get no opener."""
    meta = f'<meta http-equiv="content-security-policy" content="{policy(inline_scripts(html))}">'
    html = re.sub(r"<meta charset=[^>]*>", lambda match: f"{match[0]}\n      {meta}", html, count=1)
    return AWAY.sub('<a rel="noopener"', html)


def write_headers(site: Path) -> None:
    """Write the policy of all pages, and what only a host can say, to `_headers`."""
    pages = [page.read_text(encoding="utf-8") for page in site.rglob("*.html")]
    hashes = sorted({script for page in pages for script in inline_scripts(page)})
    lines = [
        "/*",
        f"  Content-Security-Policy: {policy(hashes)}; frame-ancestors 'self'",
        "  X-Content-Type-Options: nosniff",
        "  Referrer-Policy: no-referrer",
    ]
    (site / "_headers").write_text("\n".join([*lines, ""]), encoding="utf-8")
