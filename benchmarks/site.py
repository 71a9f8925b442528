"""How the site grows: built with 1, 10, 50 and 200 optimizer pages, made from the real ones.

`make bench-site` writes the results, with date and machine, for the page on hosting.
"""

import datetime
import gzip
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tools.browser import FLAGS, find_chrome, serve

ROOT = Path(__file__).parent.parent
SIZES = (1, 10, 50, 200)
REAL = ("adam", "gradient-descent", "lion", "rmsprop")
NEEDED = ("docs_ext", "docs", "optimizers", "snippets", "mkdocs.yml", "package.json")
NEEDED += ("package-lock.json", "constraints.txt", "LICENSE")
QUERIES = ("adam", "weight decay", "bias correction", "میانگین", "gradient")
# Builds as `mkdocs serve` does, edits a page, builds again, and prints how long that took.
RELOAD = """
import sys, time
from pathlib import Path
from mkdocs.commands.build import build
from mkdocs.config import load_config

def once(first):
    config = load_config("mkdocs.yml", site_dir=sys.argv[1])
    if first:
        config.plugins.on_startup(command="serve", dirty=False)
    build(config, serve_url="http://127.0.0.1:8000/")

once(True)
page = Path("docs/page-000.md")
page.write_text(page.read_text("utf-8") + "\\nEdited.\\n", "utf-8")
start = time.perf_counter()
once(False)
print(time.perf_counter() - start)
"""
# Asks the search engine, and returns how long each answer took.
ASK = """async (queries) => {
    const times = [];
    for (const data of queries) {
        const start = performance.now();
        await new Promise(done => {
            engine.addEventListener("message", done, { once: true });
            engine.postMessage({ type: 2, data });
        });
        times.push(performance.now() - start);
    }
    return times;
}"""
KEEP = """
    const made = window.Worker;
    window.Worker = class extends made {
        constructor(...all) { super(...all); window.engine = this; }
    };
"""


def generate(folder: Path, pages: int) -> None:
    """Make a project whose site has some optimizer pages, copies of the real ones by turns."""
    for name in NEEDED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, folder / name)
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    docs = folder / "docs"
    texts = [(docs / f"{name}.md").read_text(encoding="utf-8") for name in REAL]
    # Links lead home, because most of their pages are left out.
    texts = [re.sub(r"\]\([\w./-]+\.(md|py)[^)]*\)", "](index.md)", text) for text in texts]
    home = docs / "index.md"
    home.write_text(home.read_text(encoding="utf-8").replace("symbols.md", "index.md"), "utf-8")
    for page in [*docs.glob("*.md"), *docs.glob("notebooks/*")]:
        if page.name != "index.md":
            page.unlink()
    nav = ["nav:", "  - Home: index.md"]
    for number in range(pages):
        name = f"page-{number:03}.md"
        # The page's number in a figure's text keeps figures of other pages from being reused.
        text = texts[number % len(REAL)].replace("![", f"![{number}. ")
        (docs / name).write_text(text, encoding="utf-8")
        nav.append(f"  - {name}")
    config = (folder / "mkdocs.yml").read_text(encoding="utf-8")
    config = re.sub(r"nav:\n(?: .*\n)+", "\n".join([*nav, ""]), config, count=1)
    (folder / "mkdocs.yml").write_text(config, encoding="utf-8")


def measure(folder: Path, pages: int) -> dict:
    """Build a project's site and return its time, memory and sizes."""
    site = folder / "site"
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "mkdocs", "build", "-q", "-d", str(site)],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status or not (site / "index.html").exists():
        sys.exit(f"the site of {pages} pages was not built:\n{said[-2000:]}")
    index = (site / "search" / "search_index.js").read_bytes()
    html = [len(gzip.compress(page.read_bytes())) for page in site.glob("page-*/index.html")]
    return {
        "pages": pages,
        "build_s": round(seconds, 1),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_MB": round(usage.ru_maxrss / 1024),
        "index_KB": round(len(index) / 1024),
        "index_gzip_KB": round(len(gzip.compress(index)) / 1024),
        "page_gzip_KB": round(statistics.mean(html) / 1024, 1),
        **search(site),
    }


def search(site: Path) -> dict:
    """Return how long the first search takes and how long the later ones, in milliseconds."""
    with serve(site, compressed=True) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chrome(), args=FLAGS)
        page = browser.new_page()
        page.add_init_script(KEEP)
        page.goto(f"{address}/", wait_until="networkidle")
        (first,) = page.evaluate(ASK, ["adam"])
        later = page.evaluate(ASK, QUERIES * 3)
        browser.close()
    return {"first_search_ms": round(first), "search_ms": round(statistics.median(later), 1)}


def reload(folder: Path) -> float:
    """Return how many seconds `mkdocs serve` takes after one page was edited."""
    command = [sys.executable, "-W", "ignore", "-c", RELOAD, str(folder / "served")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return round(float(done.stdout.split()[-1]), 1)


def main(target: Path) -> None:
    rows = []
    for pages in SIZES:
        with tempfile.TemporaryDirectory() as name:
            generate(Path(name), pages)
            rows.append(measure(Path(name), pages))
            if pages == 50:
                rows[-1]["reload_s"] = reload(Path(name))
        print(rows[-1], flush=True)
    results = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}",
        "load": round(os.getloadavg()[0], 1),
        "rows": rows,
    }
    target.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
