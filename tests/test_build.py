"""A fault on a page stops the build, and the message names the file and the line."""

import shutil

import pytest

from .conftest import ROOT, build


@pytest.fixture(scope="module")
def project(site, tmp_path_factory):
    """A copy of what a build reads, the notebooks that `site` has run among it."""
    root = tmp_path_factory.mktemp("project")
    for name in ("docs", "docs_ext", "optimizers", "snippets", "benchmarks", ".cache"):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("mkdocs.yml", "constraints.txt"):
        shutil.copy(ROOT / name, root)
    (root / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "mutants.md", root / "tests")
    (root / "node_modules").symlink_to(ROOT / "node_modules")
    return root


FAULTS = {
    "missing snippet": (
        "docs/adam.md",
        '--8<-- "snippets/adamw.py"',
        '--8<-- "snippets/adamv.py"',
        ["snippets/adamv.py: there is no such file"],
    ),
    "missing section": (
        "docs/adam.md",
        '--8<-- "optimizers/adam.py:step"',
        '--8<-- "optimizers/adam.py:stop"',
        ["optimizers/adam.py has no section `stop`", "formula, step"],
    ),
    "broken link": ("docs/index.md", "(symbols.md)", "(symbol.md)", ["'symbol.md'"]),
    "broken anchor": (
        "docs/notebooks/decay_is_not_l2.py",
        "#formula-adamw",
        "#formula-adamv",
        ["formula-adamv"],
    ),
    "missing image": ("docs/index.md", "# Opt", "![x](no.png)\n\n# Opt", ["'no.png'"]),
    "missing raw image": ("docs/index.md", "# Opt", '<img src="no.png">\n\n# Opt', ["`no.png`"]),
    "image from elsewhere": (
        "docs/index.md",
        "# Opt",
        '<img src="https://example.com/a.png">\n\n# Opt',
        ["another host"],
    ),
    "unknown LaTeX": ("docs/index.md", "What you", "$\\alfa$ What you", ["\\alfa"]),
    "unknown LaTeX in a module": (
        "optimizers/adopt.py",
        r"$W := W - \alpha V_{dw}$",
        r"$W := W - \alfa V_{dw}$",
        ["\\alfa"],
    ),
    "title and tabs differ": (
        "docs/adam.md",
        "# Adam {AdamW} {ADOPT}",
        "# Adam {ADOPT} {AdamW}",
        ["title: Adam, ADOPT, AdamW", "tabs:  Adam, AdamW, ADOPT"],
    ),
    "unknown optimizer": (
        "docs/adam.md",
        "# Adam {AdamW} {ADOPT}",
        "# Adam {AdamW} {ADOPTED}",
        ["`ADOPTED`", "Adam, AdamW, ADOPT"],
    ),
    "unknown figure": (
        "docs/adam.md",
        "(figure:paths?",
        "(figure:path?",
        ["`path`", "there are: paths"],
    ),
    "figure without text": ("docs/index.md", "# Opt", "![](figure:paths)\n\n# Opt", ["text"]),
    "unknown directive": (
        "docs/symbols.md",
        "::: symbols",
        "::: symbol",
        ["symbols, worked-numbers"],
    ),
    "failing cell": (
        "docs/notebooks/decay_is_not_l2.py",
        "decay = 0.3",
        "decay = 0.3 / 0",
        ["ZeroDivisionError"],
    ),
    "plot without text": (
        "docs/notebooks/decay_is_not_l2.py",
        '# %% alt="',
        '# %% not="',
        ["no text for those who do not see"],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_stops_the_build_and_is_located(fault, project, tmp_path):
    file, right, wrong, words = FAULTS[fault]
    path = project / file
    before = path.read_text(encoding="utf-8")
    assert right in before
    after = before.replace(right, wrong, 1)
    line = before.partition(right)[0].count("\n") + 1
    path.write_text(after, encoding="utf-8")
    try:
        done = build(project, tmp_path / "site")
    finally:
        path.write_text(before, encoding="utf-8")
    assert done.returncode != 0
    assert f"{file}:{line}" in done.stderr
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_a_changed_package_runs_the_notebook_again(project, tmp_path):
    path = project / "optimizers" / "adamw.py"
    before = path.read_text(encoding="utf-8")
    path.write_text(before.replace("lr * weight_decay * param", "weight_decay * param"), "utf-8")
    try:
        done = build(project, tmp_path / "site")
    finally:
        path.write_text(before, encoding="utf-8")
    assert done.returncode != 0
    assert "AssertionError: AdamW" in done.stderr
