"""Lighthouse on every page of the built site, as a phone on a slow network sees it.

`make audit` runs this: it serves the site compressed, as a host would, prints a table, and fails
where a page is below what is promised.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

from .conftest import FLAGS, ROOT, chrome

LEAST = {"performance": 0.97, "accessibility": 1, "best-practices": 1, "seo": 1}
COMPRESSED = {".html", ".css", ".js", ".json", ".svg", ".txt", ".xml"}


class Compressing(SimpleHTTPRequestHandler):
    """Serves files compressed, and to be kept by the browser for a while."""

    protocol_version = "HTTP/1.1"

    def send_head(self):
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            path, status = Path(self.directory) / "404.html", 404
        else:
            status = 200
        body = path.read_bytes()
        self.send_response(status)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Cache-Control", "max-age=600")
        if path.suffix in COMPRESSED:
            body = gzip.compress(body, 6)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return BytesIO(body)

    def log_message(self, *args):
        pass


def serve(site: Path) -> tuple[ThreadingHTTPServer, str]:
    """Serve a site on a free port; return the server and its address."""

    def handler(*args):
        return Compressing(*args, directory=str(site))

    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}/"


def scores(url: str, report: Path) -> tuple[dict[str, float], list[str]]:
    """Return what Lighthouse gives a page, and the audits that cost it points."""
    command = [
        "node",
        str(ROOT / "node_modules" / "lighthouse" / "cli" / "index.js"),
        url,
        "--quiet",
        "--output=json",
        f"--output-path={report}",
        f"--only-categories={','.join(LEAST)}",
        f"--chrome-flags={' '.join(FLAGS)}",
    ]
    subprocess.run(command, check=True, env=os.environ | {"CHROME_PATH": chrome() or ""})
    told = json.loads(report.read_text(encoding="utf-8"))
    lost = [
        one["id"]
        for category in told["categories"].values()
        for one in category["auditRefs"]
        if one["weight"]
        and (told["audits"][one["id"]]["score"] or 0) < 0.9
        and told["audits"][one["id"]]["scoreDisplayMode"] not in ("notApplicable", "manual")
    ]
    return {name: told["categories"][name]["score"] for name in LEAST}, lost


def main(site: Path) -> int:
    server, address = serve(site)
    below = 0
    print(f"{'':42}" + "".join(f"{name:>16}" for name in LEAST))
    with tempfile.TemporaryDirectory() as folder:
        for page in sorted(site.rglob("index.html")):
            path = page.parent.relative_to(site).as_posix().strip(".")
            url = f"{address}{path}/" if path else address
            got, lost = scores(url, Path(folder) / "report.json")
            below += any(got[name] < least for name, least in LEAST.items())
            row = "".join(f"{got[name]:16.2f}" for name in LEAST)
            print(f"{path or 'home':42}{row}  {' '.join(lost)}", flush=True)
    server.shutdown()
    if below:
        print(f"{below} pages are below {LEAST}", file=sys.stderr)
    return int(below > 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
