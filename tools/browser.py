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


@contextlib.contextmanager
def serve(folder: Path, compressed: bool = False) -> Iterator[str]:
    """Serve a folder on a free port, and yield the address, without a slash at the end."""
    handler = functools.partial(Compressing if compressed else Plain, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
