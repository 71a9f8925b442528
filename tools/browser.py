"""A browser and a server, for the tests, the audit, photographs and benchmarks of the site."""

import contextlib
import functools
import gzip
import os
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
COMPRESSED = {".html", ".css", ".js", ".json", ".svg", ".txt", ".xml"}


def find_chrome() -> str | None:
    """Return the browser to use: `$CHROME_PATH`, else one on the path; None where there is none."""
    names = (os.environ.get("CHROME_PATH"), "chromium", "google-chrome")
    return next((found for name in names if name and (found := shutil.which(name))), None)


class Plain(SimpleHTTPRequestHandler):
    """Serves files as they are, without a log."""

    def log_message(self, *args):
        pass


class Compressing(Plain):
    """Serves files compressed, and to be kept by the browser for a while, as a host would."""

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


# What a page complains about and what it asks of other hosts, sent to the server. It stands before
# the page's content policy, and so is not stopped by it.
WATCH = """<script>{
  const post = { method: "POST", keepalive: true };
  const report = (...words) => fetch("/reported", { ...post, body: words.join(" ") });
  const { error } = console;
  console.error = (...words) => { report("console:", ...words); error(...words); };
  addEventListener("error", ({ message, target }) =>
    target.rel === "next" || // Firefox fetches it, and stops where the reader goes elsewhere
    report(message ?? `not loaded: ${target.src || target.href}`), true);
  addEventListener("unhandledrejection", ({ reason }) => report("promise:", reason));
  addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
    report("policy:", violatedDirective, blockedURI));
  new PerformanceObserver((list) => list.getEntries().forEach(({ name }) =>
    name.startsWith(location.origin) || /^(data|blob):/.test(name) || report("another host:", name)
  )).observe({ type: "resource", buffered: true });
}</script>"""


class Watching(Plain):
    """Serves files, and pages with a script that reports their faults; gathers these."""

    def __init__(self, *args, faults: list[str], **options):
        self.faults = faults
        super().__init__(*args, **options)

    def send_head(self):
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() and self.path.endswith("/") else path
        if path.suffix != ".html" or not path.is_file():
            return super().send_head()
        page = path.read_text(encoding="utf-8").replace("<head>", f"<head>{WATCH}", 1)
        body = page.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return BytesIO(body)

    def do_POST(self):
        self.faults.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(204)
        self.end_headers()

    def send_error(self, code, *args, **options):
        self.faults.append(f"{code}: {self.path}")
        super().send_error(code, *args, **options)


@contextlib.contextmanager
def serve(folder: Path, compressed: bool = False, faults: list[str] | None = None) -> Iterator[str]:
    """Serve a folder on a free port, and yield the address, without a slash at the end.

    With a list of faults, what goes wrong in its pages is added to that list, in any browser.
    """
    if faults is None:
        handler = functools.partial(Compressing if compressed else Plain, directory=str(folder))
    else:
        handler = functools.partial(Watching, faults=faults, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
