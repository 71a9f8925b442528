"""`make audit` runs Lighthouse on every page of the built site, as a phone on a slow network.

It serves the site compressed, as a host would, prints a table, and fails where a page is below what
is promised. Other work of the machine moves a score by 0.05; a page that is below is looked at
four times more, and the medians count.

Lighthouse slows the processor down by 4, which makes a phone of middling speed of a fast desktop.
A slower machine is slowed down less, in proportion to its speed, as Lighthouse's own page on
throttling asks for. Each look measures that speed, which on a shared machine changes from one
minute to the next: the last three say how the next look is slowed down, and a look at a machine
that was then faster or slower by more than a tenth is thrown away, so long as there is a chance.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from .browser import FLAGS, find_chrome, serve

ROOT = Path(__file__).parent.parent

LEAST = {"performance": 0.95, "accessibility": 1, "best-practices": 1, "seo": 1}
# A fast desktop has 1500 to 2000 in Lighthouse's index of speed.
FAST, SLOWDOWN, CHANCES = 1750, 4, 6


def lighthouse(url: str, report: Path, speeds: list[float], *options: str) -> dict:
    """Return Lighthouse's report on a page, and note how fast the machine was."""
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
    subprocess.run(command, check=True, env=os.environ | {"CHROME_PATH": find_chrome() or ""})
    result = json.loads(report.read_text(encoding="utf-8"))
    speeds.append(result["environment"]["benchmarkIndex"])
    return result


def slowdown(speeds: list[float]) -> float:
    """Return by how much a machine that was so fast has to be slowed down."""
    return round(max(1, min(SLOWDOWN, SLOWDOWN * median(speeds[-3:]) / FAST)), 2)


def scores(url: str, report: Path, speeds: list[float]) -> tuple[dict[str, float], list[str]]:
    """Return Lighthouse's scores of a page, and the audits that cost it points."""
    for _ in range(CHANCES):
        times = slowdown(speeds)
        result = lighthouse(
            url,
            report,
            speeds,
            f"--only-categories={','.join(LEAST)}",
            f"--throttling.cpuSlowdownMultiplier={times}",
        )
        if abs(slowdown(speeds[-1:]) / times - 1) < 0.1:
            break
    lost = [
        audit["id"]
        for category in result["categories"].values()
        for audit in category["auditRefs"]
        if audit["weight"]
        and (result["audits"][audit["id"]]["score"] or 0) < 0.9
        and result["audits"][audit["id"]]["scoreDisplayMode"] not in ("notApplicable", "manual")
    ]
    return {name: result["categories"][name]["score"] for name in LEAST}, lost


def judged(url: str, report: Path, speeds: list[float]) -> tuple[dict[str, float], list[str]]:
    """Return scores and audits; the scores of a page that is below are medians of five looks."""
    got, lost = scores(url, report, speeds)
    if any(got[name] < least for name, least in LEAST.items()):
        looks = [got, *(scores(url, report, speeds)[0] for _ in range(4))]
        got = {name: median(look[name] for look in looks) for name in LEAST}
    return got, lost


def main(site: Path, folder: Path, *only: str) -> int:
    report, below, speeds = folder / "report.json", 0, []
    with serve(site, compressed=True) as address:
        for _ in range(3):
            lighthouse(f"{address}/", report, speeds, "--only-categories=performance")
        print(f"{'':42}" + "".join(f"{name:>16}" for name in (*LEAST, "slowed down by")))
        for page in sorted(site.rglob("index.html")):
            path = page.parent.relative_to(site).as_posix().strip(".")
            if only and path not in only:
                continue
            times = slowdown(speeds)
            got, lost = judged(f"{address}/{path}/" if path else f"{address}/", report, speeds)
            below += any(got[name] < least for name, least in LEAST.items())
            row = "".join(f"{got[name]:16.2f}" for name in LEAST)
            print(f"{path or 'home':42}{row}{times:16.2f}  {' '.join(lost)}", flush=True)
    if below:
        print(f"{below} pages are below {LEAST}", file=sys.stderr)
    return int(below > 0)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(main(Path(sys.argv[1]), Path(folder), *sys.argv[2:]))
