"""A fault on a page stops the build, and the message names the file and the line.

A build takes seconds, so a fault is planted in a page that alone is rendered, by the same hooks and
extensions; those that only a whole build can see share one or two builds.
"""

import filecmp
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mkdocs.config import load_config
from mkdocs.exceptions import BuildError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs_ext import hooks
from docs_ext.finish import html_check, replace_site, style_sheet

from .conftest import ROOT, build, copy_project


@pytest.fixture(scope="module")
def project(site, tmp_path_factory):
    """A copy of what a build reads, to plant faults in; `site` has run the notebooks."""
    return copy_project(tmp_path_factory.mktemp("project"))


# Each: the page, what stands there, what is put in its place, and what the message has to say.
IN_A_PAGE = {
    "missing snippet": (
        "adam.md",
        '--8<-- "snippets/adamw.py"',
        '--8<-- "snippets/adamv.py"',
        ["snippets/adamv.py: there is no such file"],
    ),
    "missing section": (
        "adam.md",
        '--8<-- "optimizers/adam.py:step"',
        '--8<-- "optimizers/adam.py:stop"',
        ["optimizers/adam.py has no section `stop`", "formula, step"],
    ),
    "misspelt include": (
        "adam.md",
        '--8<-- "optimizers/adam.py:formula"',
        '--8<-- "optimizers/adam.py:formula',
        ["`--8<--", "was not understood", "missing quote"],
    ),
    "unknown LaTeX": ("index.md", "What you", "$\\alfa$ What you", ["\\alfa"]),
    "open brace in LaTeX": ("index.md", "What you", "$\\frac{1}{2$ What you", ["expected '}'"]),
    "open formula": ("index.md", "What you", "Take $\\alpha. What you", ["`$\\alpha", "or end"]),
    "title and tabs differ": (
        "adam.md",
        "# Adam {AdamW} {ADOPT}",
        "# Adam {ADOPT} {AdamW}",
        ["title: Adam, ADOPT, AdamW", "tabs:  Adam, AdamW, ADOPT"],
    ),
    "open brace in the title": (
        "adam.md",
        "# Adam {AdamW} {ADOPT}",
        "# Adam {AdamW} {ADOPT",
        ["a brace without its other"],
    ),
    "unknown optimizer": (
        "adam.md",
        "# Adam {AdamW} {ADOPT}",
        "# Adam {AdamW} {ADOPTED}",
        ["`ADOPTED`", "Adam, AdamW, ADOPT"],
    ),
    "no tabs under a section": (
        "adam.md",
        "\n\n## Description\n",
        "\n\n## Descriptions\n",
        ["no tabs under: Description", "Give each a section"],
    ),
    "open tab": ("adam.md", '=== "AdamW"', '=== "AdamW', ['=== "NAME"', "quotes"]),
    "open code": ("index.md", "What you", "```python\nx = 1\n\nWhat you", ["```python", "end"]),
    "open title of a box": (
        "index.md",
        "What you",
        '!!! note "A\n\n    What you',
        ['`!!! note "A`'],
    ),
    "open element": ("index.md", "What you", "<kbd>What you", ["`<kbd>` is not closed", "</kbd>"]),
    "end without a beginning": ("index.md", "What you", "</kbd>What you", ["closes nothing"]),
    "fence of two backticks": (
        "index.md",
        "What you",
        "``python\nx = 1\n``\n\nWhat you",
        ["begins and ends with three backticks"],
    ),
    "formula in the title": (
        "choose.md",
        "# Choose",
        "# $\\alpha$ Choose",
        ["write it in letters"],
    ),
    "heading without letters": ("index.md", "What you", "## 🙂\n\nWhat you", ["{ #name }"]),
    "duplicate id": (
        "index.md",
        "What you",
        '<a id="here"></a><a id="here"></a>What you',
        ["the id `here` is there twice"],
    ),
    "unknown figure": (
        "adam.md",
        "(figure:paths?",
        "(figure:path?",
        ["`path`", "there are: cost, loss, paths"],
    ),
    "figure without text": ("index.md", "# Opt", "![](figure:paths)\n\n# Opt", ["text"]),
    "laboratory with an unknown loss": (
        "lab.md",
        "::: laboratory en, ravine,",
        "::: laboratory en, ravin,",
        ["no loss with a map `ravin`", "bowl, ravine, turned, rosenbrock"],
    ),
    "laboratory with an unknown optimizer": (
        "lab-fa.md",
        "Adam, Lion",
        "Adam, Lyon",
        ["no optimizer `Lyon`; there are: Gradient Descent, "],
    ),
    "unknown optimizer in a figure's address": (
        "adam.md",
        "?AdamW.weight_decay",
        "?AdamV.weight_decay",
        ["`AdamV.weight_decay` sets nothing", "drawn are: Adam, AdamW, ADOPT"],
    ),
    "unknown option in a figure's address": (
        "adam.md",
        "?AdamW.weight_decay",
        "?AdamW.weight_decoy",
        ["AdamW has: lr, betas.0, betas.1, eps, weight_decay"],
    ),
    "figure whose words leave one out": (
        "adam.md",
        "![Paths of Adam, AdamW and ADOPT down a narrow valley: same start, same learning rate, "
        "60 steps. Adam arrives at the minimum. ADOPT keeps",
        "![Paths of Adam and AdamW down a narrow valley: same start, same learning rate, "
        "60 steps. Adam arrives at the minimum. It keeps",
        ["do not name ADOPT, which it draws; say of each optimizer what can be seen"],
    ),
    "cost of what nobody measured": (
        "cost.md",
        "::: cost-table huge cuda",
        "::: cost-table tiny cuda",
        ["nothing was measured by that name", "huge cuda", "`python -m benchmarks.cost --device"],
    ),
    "measured on what is not there": (
        "cost.md",
        "::: measured-on cuda",
        "::: measured-on gpu",
        ["nothing is measured on `gpu`, but on: cpu, cuda"],
    ),
    "unknown directive": ("symbols.md", "::: symbols", "::: symbol", ["symbols, worked-numbers"]),
    "nothing to describe it": ("choose.md", None, "# Choose one\n\nOne.\n", ["begin it with one"]),
    "failing cell": (
        "notebooks/decay_is_not_l2.py",
        "decay = 0.3",
        "decay = 0.3 / 0",
        ["ZeroDivisionError"],
    ),
    "plot without text": (
        "notebooks/decay_is_not_l2.py",
        '# %% alt="',
        '# %% not="',
        ["no text for those who do not see"],
    ),
}

# These are warnings, which a strict build counts: one build tells them all. Of those in one file,
# what changes the count of its lines comes first.
IN_ALL = {
    "page that nothing leads to": (
        "mkdocs.yml",
        "    - lion.md\n",
        "",
        ["lion.md", "not included"],
    ),
    "missing image": ("docs/index.md", "# Opt", "![x](no.png)\n\n# Opt", ["'no.png'"]),
    "broken link": ("docs/index.md", "(symbols.md)", "(symbol.md)", ["'symbol.md'"]),
    "broken anchor": (
        "docs/notebooks/decay_is_not_l2.py",
        "#formula-adamw",
        "#formula-adamww",
        ["formula-adamww", "The nearest is '#formula-adamw'."],
    ),
    "broken anchor on its own page": (
        "docs/install.md",
        "Run {value",
        "See [below](#where-it-run). Run {value",
        ["where-it-run", "The nearest is '#where-it-runs'."],
    ),
    "missing raw image": (
        "docs/choose.md",
        "## In",
        '<img src="none.png">\n\n## In',
        ["`none.png`"],
    ),
    "image from elsewhere": (
        "docs/symbols.md",
        "::: symbols",
        '<img src="https://example.com/a.png">\n\n::: symbols',
        ["another host", "keep it in docs/"],
    ),
    "missing page": ("mkdocs.yml", "  - choose.md", "  - chose.md", ["'chose.md'", "not found"]),
}


def plant(path: Path, right: str | None, wrong: str) -> int:
    """Put a fault into a file, and return the line of it."""
    before, found, after = path.read_text(encoding="utf-8").partition(right or "\0")
    assert found or right is None
    path.write_text(before + wrong + after if found else wrong, encoding="utf-8")
    return before.count("\n") + 1 if found else 1


@pytest.fixture(scope="module")
def config():
    return load_config(str(ROOT / "mkdocs.yml"))


def render(folder: Path, name: str, config) -> Page:
    """Render one page, as MkDocs does."""
    file = File(name, str(folder), str(folder / "site"), use_directory_urls=True)
    files = Files([file])
    html_check.check_files(files)
    page = Page(None, file, config)
    page.read_source(config)
    page.markdown = hooks.on_page_markdown(page.markdown, page, config, files) or page.markdown
    page.render(config, files)
    hooks.on_page_content(page.content, page, config, files)
    return page


@pytest.mark.parametrize("fault", IN_A_PAGE)
def test_a_fault_of_a_page_is_reported_and_located(fault, config, tmp_path, caplog):
    name, right, wrong, words = IN_A_PAGE[fault]
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    shutil.copy(ROOT / "docs" / name, path)
    line = plant(path, right, wrong)
    try:
        render(tmp_path, name, config)
        reported = caplog.text  # warnings, which stop a strict build at its end
    except BuildError as error:  # what MkDocs tells without a traceback
        reported = str(error)
    for word in [f"{path}:{line}: ", *words]:
        assert word in reported


@pytest.mark.parametrize(
    ("name", "content", "line", "remedy"),
    [
        ("my page.md", b"# Page", 1, "rename it"),
        ("بهینه‌ساز.md", b"# Page", 1, "rename it"),
        ("Adam.md", b"# Page", 1, "small Latin letters"),
        ("page.md", b"# Page\n\nCaf\xe9", 3, "not UTF-8: save it"),
    ],
)
def test_a_page_that_cannot_be_one_is_refused(name, content, line, remedy, config, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BuildError) as error:
        render(tmp_path, name, config)
    assert f"{tmp_path / name}:{line}: " in str(error.value)
    assert remedy in str(error.value)


@pytest.fixture(scope="module")
def failed(project, tmp_path_factory):
    """A build with all faults of IN_ALL, over a site that was good; and the faults' lines."""
    site = tmp_path_factory.mktemp("failed") / "site"
    site.mkdir()
    (site / "index.html").write_text("the last good site", encoding="utf-8")
    before = {file: (project / file).read_bytes() for file, *_ in IN_ALL.values()}
    lines = {
        fault: plant(project / file, right, wrong)
        for fault, (file, right, wrong, _) in IN_ALL.items()
    }
    done = build(project, site)
    for file, content in before.items():
        (project / file).write_bytes(content)
    return done, lines, site


@pytest.mark.parametrize("fault", IN_ALL)
def test_a_fault_that_a_whole_build_sees_is_reported(fault, failed):
    done, lines, _ = failed
    file, _, wrong, words = IN_ALL[fault]
    for word in [f"{file}:{lines[fault]}: " if wrong else "", *words]:
        assert word in done.stderr


def test_a_build_that_fails_leaves_the_last_good_site(failed):
    done, _, site = failed
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert [file.name for file in site.iterdir()] == ["index.html"]
    assert (site / "index.html").read_text(encoding="utf-8") == "the last good site"


@pytest.mark.parametrize("moment", [1, 2])
def test_a_site_survives_an_interrupted_exchange(moment, tmp_path, monkeypatch):
    site = tmp_path / "site"
    for folder in (site, replace_site.building_folder(site)):
        folder.mkdir()
        (folder / "index.html").write_text(folder.name, encoding="utf-8")
    moves, rename = [], Path.rename

    def interrupted(one, other):
        moves.append(one)
        if len(moves) == moment:
            raise KeyboardInterrupt
        rename(one, other)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace_site.replace(replace_site.building_folder(site))
    monkeypatch.undo()
    new = replace_site.building_folder(site)
    assert (site / "index.html").read_text(encoding="utf-8") == "site"
    assert replace_site.replace(new) == site
    assert (site / "index.html").read_text(encoding="utf-8") == ".site.new"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


# Each: the file, what stands there, what is put in its place, and what the message has to say.
IN_THE_PROJECT = {
    "formula": (
        "optimizers/adopt.py",
        r"$W := W - \alpha V_{dw}$",
        r"$W := W - \alfa V_{dw}$",
        [r"\alfa"],
    ),
    "renamed marker": (
        "optimizers/adopt.py",
        "[start:formula]",
        "[start:formulas]",
        ["optimizers/adopt.py:1:", "no line `--8<-- [start:formula]`"],
    ),
    "icon": (
        "mkdocs.yml",
        "favicon: images/favicon.svg",
        "favicon: images/favicom.svg",
        ["there is no docs/images/favicom.svg; put the file there"],
    ),
    "style sheet": (
        "mkdocs.yml",
        "stylesheets/site.css",
        "stylesheets/sites.css",
        ["there is no docs/stylesheets/sites.css; put the file there"],
    ),
}


@pytest.mark.every
@pytest.mark.parametrize("fault", IN_THE_PROJECT)
def test_a_fault_of_the_project_is_reported_and_located(fault, project, tmp_path):
    file, right, wrong, words = IN_THE_PROJECT[fault]
    path = project / file
    before = path.read_text(encoding="utf-8")
    line = plant(path, right, wrong)
    done = build(project, tmp_path / "site")
    path.write_text(before, encoding="utf-8")
    assert done.returncode != 0
    for word in words if fault == "renamed marker" else [f"{file}:{line}", *words]:
        assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_a_page_may_begin_with_a_formula(config, tmp_path):
    text = "# Page\n\n$$\\alpha$$\n\n$\\alpha$ is the learning rate, as on every other page.\n"
    (tmp_path / "page.md").write_text(text, encoding="utf-8")
    page = render(tmp_path, "page.md", config)
    assert page.meta["description"] == "α is the learning rate, as on every other page."


def test_headings_have_addresses_and_labels_in_their_own_letters(config, tmp_path):
    headings = "## گام بعدی\n\n## Rate and $\\beta_2$\n"
    text = f"# Page\n\nA sentence that is long enough to describe a page.\n\n{headings}"
    (tmp_path / "page.md").write_text(text, encoding="utf-8")
    page = render(tmp_path, "page.md", config)
    found = [(entry.id, entry.title) for entry in page.toc.items[0].children]
    assert found == [("گام-بعدی", "گام بعدی"), ("rate-and-β₂", "Rate and β₂")]


def test_addresses_in_a_style_sheet_hold_where_it_is_merged(tmp_path):
    sheet = tmp_path / "vendor" / "sheet.css"
    sheet.parent.mkdir()
    kept = "url(#a) url('data:,x') url(\"data:,x\") url(/a.svg) url('https://example.com/a.svg')"
    sheet.write_text(f"url(a.svg) url('a.svg') url( \"b/a.svg\" ) {kept}", encoding="utf-8")
    moved = "url(../vendor/a.svg) url('../vendor/a.svg') url( \"../vendor/b/a.svg\" )"
    assert style_sheet.moved(sheet, tmp_path) == f"{moved} {kept}\n"


@pytest.mark.full
def test_the_same_input_gives_the_same_bytes(project, site, tmp_path):
    """Built elsewhere, by another process, with nothing kept from earlier builds."""
    shutil.rmtree(project / ".cache", ignore_errors=True)
    done = build(project, tmp_path / "site")
    assert done.returncode == 0, done.stderr
    one, other = (
        {file.relative_to(root): file for file in root.rglob("*") if file.is_file()}
        for root in (site, tmp_path / "site")
    )
    assert one.keys() == other.keys()
    assert [name for name in one if not filecmp.cmp(one[name], other[name], shallow=False)] == []


def test_a_changed_package_runs_the_notebook_again(project):
    path = project / "optimizers" / "adamw.py"
    before = path.read_text(encoding="utf-8")
    program = """
from types import SimpleNamespace as Some
from docs_ext import notebook
page = Some(file=Some(abs_src_path=notebook.ROOT / "docs/notebooks/decay_is_not_l2.py"))
notebook.as_markdown(page)
"""
    command = [sys.executable, "-c", program]
    subprocess.run(command, cwd=project, check=True)
    path.write_text(before.replace("lr * weight_decay * param", "weight_decay * param"), "utf-8")
    done = subprocess.run(command, cwd=project, text=True, capture_output=True, check=False)
    path.write_text(before, encoding="utf-8")
    assert done.returncode != 0
    assert "AssertionError: AdamW" in done.stderr
