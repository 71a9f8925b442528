"""Lighthouse on every page of the built site, as a phone on a slow network sees it.

`make audit` runs this: it serves the site compressed, as a host would, prints a table, and fails
where a page is below what is promised. What else the machine does moves a score by 0.05; a page
that is below is looked at twice more, and the medians count.

Lighthouse slows the processor down by 4, which makes a phone of middling speed of a fast desktop.
A slower machine is slowed down less, in proportion to its speed, as Lighthouse's own page on
throttling asks for. Each look measures that speed, which on a shared machine changes from one
minute to the next: the last three say how the next look is slowed down, and a look at a machine
that was then faster or slower by more than a tenth is thrown away, so long as there is a chance.
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
from statistics import median

from .conftest import FLAGS, ROOT, chrome

LEAST = {"performance": 0.97, "accessibility": 1, "best-practices": 1, "seo": 1}
# By Lighthouse's index of speed: a fast desktop has 1500 to 2000.
FAST, SLOWDOWN, CHANCES = 1750, 4, 6
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


def lighthouse(url: str, report: Path, speeds: list[float], *options: str) -> dict:
    """Return what Lighthouse says of a page, and note how fast the machine was."""
    command = [
        "node",
        str(ROOT / "node_modules" / "lighthouse" / "cli" / "index.js"),
        url,
        "--quiet",
        "--output=json",
        f"--output-path={report}",
        # Without a window, Chromium holds back the first picture of a page for a second or two.
        f"--chrome-flags={' '.join([*FLAGS, '--disable-features=PaintHolding'])}",
        *options,
    ]
    subprocess.run(command, check=True, env=os.environ | {"CHROME_PATH": chrome() or ""})
    told = json.loads(report.read_text(encoding="utf-8"))
    speeds.append(told["environment"]["benchmarkIndex"])
    return told


def slowdown(speeds: list[float]) -> float:
    """Return by how much a machine that was so fast has to be slowed down."""
    return round(max(1, min(SLOWDOWN, SLOWDOWN * median(speeds[-3:]) / FAST)), 2)


def scores(url: str, report: Path, speeds: list[float]) -> tuple[dict[str, float], list[str]]:
    """Return what Lighthouse gives a page, and the audits that cost it points."""
    for _ in range(CHANCES):
        times = slowdown(speeds)
        told = lighthouse(
            url,
            report,
            speeds,
            f"--only-categories={','.join(LEAST)}",
            f"--throttling.cpuSlowdownMultiplier={times}",
        )
        if abs(slowdown(speeds[-1:]) / times - 1) < 0.1:
            break
    lost = [
        one["id"]
        for category in told["categories"].values()
        for one in category["auditRefs"]
        if one["weight"]
        and (told["audits"][one["id"]]["score"] or 0) < 0.9
        and told["audits"][one["id"]]["scoreDisplayMode"] not in ("notApplicable", "manual")
    ]
    return {name: told["categories"][name]["score"] for name in LEAST}, lost


def judged(url: str, report: Path, speeds: list[float]) -> tuple[dict[str, float], list[str]]:
    """Return the same, of a page that is below what is promised the medians of three looks."""
    got, lost = scores(url, report, speeds)
    if any(got[name] < least for name, least in LEAST.items()):
        looks = [got, *(scores(url, report, speeds)[0] for _ in range(2))]
        got = {name: median(look[name] for look in looks) for name in LEAST}
    return got, lost


def main(site: Path, folder: Path, *only: str) -> int:
    server, address = serve(site)
    report, below, speeds = folder / "report.json", 0, []
    for _ in range(3):
        lighthouse(address, report, speeds, "--only-categories=performance")
    print(f"{'':42}" + "".join(f"{name:>16}" for name in (*LEAST, "slowed down by")))
    for page in sorted(site.rglob("index.html")):
        path = page.parent.relative_to(site).as_posix().strip(".")
        if only and path not in only:
            continue
        url = f"{address}{path}/" if path else address
        times = slowdown(speeds)
        got, lost = judged(url, report, speeds)
        below += any(got[name] < least for name, least in LEAST.items())
        row = "".join(f"{got[name]:16.2f}" for name in LEAST)
        print(f"{path or 'home':42}{row}{times:16.2f}  {' '.join(lost)}", flush=True)
    server.shutdown()
    if below:
        print(f"{below} pages are below {LEAST}", file=sys.stderr)
    return int(below > 0)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(main(Path(sys.argv[1]), Path(folder), *sys.argv[2:]))
