"""`::: scale`: what sites of several sizes cost, as `make bench-site` has measured it."""

from markdown import Markdown

from ..locate import ROOT
from ..results import read_results

COLUMNS = {
    "pages": "Optimizer pages",
    "build_s": "Build, s",
    "cpu_s": "of that on the processor, s",
    "peak_MB": "Peak memory, MB",
    "index_gzip_KB": "Search index, KB compressed",
    "page_gzip_KB": "A page, KB compressed",
    "first_search_ms": "First search, ms",
    "search_ms": "Each later one, ms",
}


def scale(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return the table of sizes, and a sentence on how soon an edit is seen."""
    results = read_results(ROOT / "benchmarks" / "site.json")
    rows = [f"| {' | '.join(COLUMNS.values())} |", "| ---: " * len(COLUMNS) + "|"]
    rows += [f"| {' | '.join(str(row[key]) for key in COLUMNS)} |" for row in results["rows"]]
    (reload,) = (row for row in results["rows"] if "reload_s" in row)
    return [
        *rows,
        "",
        f"After an edit of one of {reload['pages']} pages, `make serve` shows it "
        f"{reload['reload_s']} seconds later. Measured on {results['date']}: "
        f"{results['machine']}, whose load was {results['load']} at the end.",
    ]
