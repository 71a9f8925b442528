"""What each optimizer owes its reader; each message names the file, the line and the remedy."""

import ast
import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest
import torch

from docs_ext.directives.references import cited
from docs_ext.figures import address
from docs_ext.finish import html_check
from docs_ext.locate import PageError, locate
from docs_ext.names import module_name, names_on
from optimizers import OPTIMIZERS, rule_of
from optimizers._options import OPTIONS
from tools.scaffold import Refused, plan

from . import cases
from .conftest import ROOT, build, copy_project, modules_of

pytestmark = pytest.mark.every

TITLES = {page: names_on(page) for page in sorted((ROOT / "docs").glob("*.md"))}


def module(name: str):
    return importlib.import_module(OPTIMIZERS[name].step.__module__)


def page_of(name: str):
    found = [page for page, names in TITLES.items() if name in names]
    assert found, f"docs/: no title names {name}: add {{{name}}} to the title of its page"
    return found[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_module_says_in_one_line_what_it_is(name):
    where = f"optimizers/{module_name(name)}.py:1"
    first = module(name).__doc__.partition("\n")[0]
    assert re.match(rf"(?i:{name}): \w.{{10,}}\.$", first), (
        f"{where}: write `{name}: what it does.`"
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_module_names_its_source(name):
    where = locate(ROOT / "optimizers" / f"{module_name(name)}.py", "Source:")
    source = re.search(r"^Source:(.*?)\n\n", module(name).__doc__, re.DOTALL | re.MULTILINE)
    cited = source and re.search(r"\b(1[89]|20)\d\d\b", source[1]) and len(source[1]) > 30
    asked = "authors, title, year, arXiv number, DOI or link, algorithm number"
    assert cited, f"{where}: no source; write {asked}"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_source_is_cited_alike_wherever_it_is_cited(name):
    said = set(re.findall(r"\w[\w.]*\w|\w", cited(name)))
    for part in (OPTIMIZERS[name].step, OPTIMIZERS[name].optimizer):
        own = re.search(r"Source:\n(.*?)\n\n", inspect.getdoc(part), re.DOTALL)
        lines, first = inspect.getsourcelines(part)
        line = first + next((n for n, text in enumerate(lines) if "Source:" in text), 0)
        where = f"optimizers/{module_name(name)}.py:{line}: {part.__name__}"
        assert own, f"{where} names no source; write `Source:` and the module's, shortened"
        words = re.findall(r"\w[\w.]*\w|\w", re.sub(r"\bet al\b", "", own[1].partition(";")[0]))
        odd = [word for word in words if word not in said]
        assert not odd, (
            f"{where} cites {' '.join(own[1].split())!r}, but the module's `Source:` does not say "
            f"{', '.join(odd[:3])}; shorten that one here"
        )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_option_is_known_to_what_all_optimizers_share(name):
    known = {option.name for option in OPTIONS}
    where = locate(ROOT / "optimizers" / "_options.py", "OPTIONS = (")
    for option, default in cases.defaults_of(name).items():
        kind = "number" if isinstance(default, float) else "flag"
        kind = kind if isinstance(default, float | bool) else "other"
        row = f'Option("{option}", "{kind}", "Invalid {option} value: {{}}"),'
        assert option in known, (
            f"{where}: add the row `{row}`, by which bad values are refused, and saved states that "
            "belong to another optimizer"
        )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_class_documents_each_option_of_its_step(name):
    entry = OPTIMIZERS[name]
    documented = set(re.findall(r"^ {4}(\w+): ", inspect.getdoc(entry.optimizer), re.MULTILINE))
    where = f"optimizers/{module_name(name)}.py:{inspect.getsourcelines(entry.optimizer)[1]}"
    parameters = inspect.signature(entry.optimizer).parameters.keys()
    for missing in sorted((cases.defaults_of(name).keys() | parameters) - documented):
        pytest.fail(f"{where}: say in the class's `Args:` what `{missing}` is, and its range")
    assert f"The options are those of `{entry.optimizer.__name__}`." in inspect.getdoc(entry.step)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_class_names_its_states_in_the_order_of_the_kernel(name):
    rule, cls = rule_of(name), OPTIMIZERS[name].optimizer
    order = tuple(code for code in rule.states if code not in cls.numbers)
    where = locate(ROOT / "optimizers" / f"{module_name(name)}.py", "state_names")
    assert cls.state_names == order, (
        f"{where}: write state_names = {order}: the kernel is given the states in the order of "
        "their rows in optimizers/formula/symbols.py"
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_page_describes_its_optimizer(name):
    page = page_of(name)
    text = page.read_text(encoding="utf-8")
    section = re.search(r"^## Description\n(.*?)(?=^## )", text, re.DOTALL | re.MULTILINE)[1]
    tab = re.search(rf'^=== "{name}"\n(.*?)(?=^=== |\Z)', section, re.DOTALL | re.MULTILINE)
    where = locate(page, f'=== "{name}"')
    words = re.sub(r"!\[.*?\]\(.*?\)", "", tab[1]) if tab else ""
    assert len(words.split()) >= 15, (
        f'{where}: no description in tab "{name}": say in a few sentences what it does and costs'
    )
    persian = re.search("[\u0600-\u06ff]{2}", words)
    assert persian, f'{where}: no Persian note in tab "{name}" of the description'


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_figures_of_a_page_speak_of_its_optimizer(name):
    page = page_of(name)
    for words, url in re.findall(r"!\[(.+)\]\(figure:(.+)\)", page.read_text(encoding="utf-8")):
        _, shown, *_ = address.read(url, tuple(TITLES[page]))
        try:
            address.refuse_unnamed([optimizer for optimizer in shown if optimizer == name], words)
        except address.AddressError as error:
            pytest.fail(f"{locate(page, f'](figure:{url}')}: {error}")


@pytest.mark.parametrize("name", [name for name, entry in OPTIMIZERS.items() if entry.parent])
def test_each_line_that_differs_from_the_parent_has_its_reason(name, convert):
    page = page_of(name)
    text = page.read_text(encoding="utf-8")
    block = re.search(rf"^( *)::: differs {name}\n((?:\1 +.*\n|\n)*)", text, re.MULTILINE)
    where = locate(page, "## What differs")
    assert block, f"{where}: no `::: differs {name}` in the tab of {name}"
    try:
        convert(textwrap.dedent(block[0]), path=page)
    except PageError as error:
        pytest.fail(str(error))


@pytest.mark.parametrize("page", [page for page in TITLES if set(TITLES[page]) & set(OPTIMIZERS)])
def test_a_page_of_optimizers_is_whole(page, page_html, caplog):
    try:
        html = page_html(page)
    except PageError as error:
        pytest.fail(str(error))
    file = SimpleNamespace(abs_src_path=str(page))
    html_check.check_page(html, SimpleNamespace(file=file, url=f"{page.stem}/"), [])
    assert not caplog.messages, "\n".join(caplog.messages)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_class_is_compared_with_classes_that_there_are(name):
    cls = OPTIMIZERS[name].optimizer
    text = f"{module(name).__doc__} {inspect.getsource(cls)}"
    for theirs in re.findall(r"torch\.optim\.([A-Z]\w+)", text):
        where = locate(ROOT / "optimizers" / f"{module_name(name)}.py", f"torch.optim.{theirs}")
        assert hasattr(torch.optim, theirs), f"{where}: there is no torch.optim.{theirs}; say whose"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_snippet_makes_its_optimizer(name):
    path = ROOT / "snippets" / f"{module_name(name)}.py"
    assert path.exists(), (
        f"snippets/{module_name(name)}.py is missing: a program that a reader can paste"
    )
    assert re.search(r"^optimizer = \w+\(", path.read_text(encoding="utf-8"), re.MULTILINE), (
        f"snippets/{module_name(name)}.py:1: no line begins with `optimizer = `"
    )


@pytest.fixture
def copy(tmp_path):
    """A copy of the project, to add an optimizer to."""
    root = tmp_path / "project"
    root.mkdir()
    return copy_project(root)


def contents(root) -> dict:
    files = [path for path in root.rglob("*") if path.is_file() and "__pycache__" not in str(path)]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def make_new(root, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "tools.scaffold", *arguments]
    return subprocess.run(command, cwd=root, text=True, capture_output=True, check=False)


def test_a_tab_takes_four_files_and_all_else_follows(copy, tmp_path):
    # Their programs take a minute, and are not what this is about.
    for path in (copy / "docs" / "notebooks").glob("*.py"):
        cells = path.read_text(encoding="utf-8").split("\n# %%")
        words = [cell for cell in cells[1:] if cell.startswith(" [markdown]")]
        path.write_text("\n# %%".join([cells[0], *words]) + "\n", encoding="utf-8")
    before = contents(copy)
    done = make_new(copy, "Throwaway", "adam", "ADOPT")
    assert done.returncode == 0, done.stderr
    after = contents(copy)
    changed = {name for name in after if after[name] != before.get(name)}
    by_hand = {"optimizers/throwaway.py", "snippets/throwaway.py", "docs/adam.md"}
    assert changed == {*by_hand, "optimizers/__init__.py", "snippets/throwaway.out"}

    # What a contributor then writes, in its shortest form: the parent's formula and source, and a
    # description.
    theirs = (copy / "optimizers" / "adopt.py").read_text(encoding="utf-8")
    path = copy / "optimizers" / "throwaway.py"
    words = theirs[: theirs.index('"""', 4)].replace("ADOPT:", "Throwaway:", 1)
    mine = path.read_text(encoding="utf-8")
    path.write_text(words + mine[mine.index('"""', 4) :], encoding="utf-8")

    done = build(copy, tmp_path / "site")
    assert re.search(r"docs/adam.md:7: the figure .* do not name Throwaway", done.stderr)
    path = copy / "docs" / "adam.md"
    page = path.read_text(encoding="utf-8").replace(
        "](figure:", " Throwaway does, too.](figure:", 1
    )
    path.write_text(page, encoding="utf-8")

    done = build(copy, tmp_path / "site")
    assert 'no description in tab "Throwaway": say' in done.stderr
    page, tab = path.read_text(encoding="utf-8"), '=== "Throwaway"\n\n'
    path.write_text(page.replace(tab, f"{tab}    It is thrown away.\n\n", 1), encoding="utf-8")
    done = build(copy, tmp_path / "site")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "adam" / "index.html").read_text(encoding="utf-8")
    for section in ("description", "formula", "example", "what-differs", "worked-numbers"):
        assert f'id="{section}-throwaway"' in page
    assert "{Throwaway}</a>" in page
    # The picture has one more path, in a colour that no other there has.
    hues = re.findall(
        r"var\(--hue-(\d+)\)", page[page.index("<svg viewBox") :].partition("</svg>")[0]
    )
    assert len(set(hues)) == len(names_on(ROOT / "docs" / "adam.md")) + 1
    for page, place in (("api", "Throwaway"), ("api-numpy", "throwaway_step")):
        html = (tmp_path / "site" / page / "index.html").read_text(encoding="utf-8")
        assert f'id="optimizers.{place}"' in html


@pytest.mark.parametrize("parent", OPTIMIZERS)
def test_a_new_module_has_nothing_that_is_its_parents_alone(parent):
    text = plan("Tiger", "adam", parent)[ROOT / "optimizers" / "tiger.py"]
    source = ast.parse(text)
    for option in OPTIMIZERS[parent].optimizer.fixed:
        assert not re.search(rf"\b{option}\b", text), option
    for name in {"Fixed", "ClassVar"} & set(re.findall(r"\w+", text)):
        assert len(re.findall(rf"\b{name}\b", text)) > 1, f"{name} is imported for nothing"
    assert "arXiv" not in text
    assert "torch.optim" not in text.partition('"""Tiger for PyTorch.')[2].partition("Args:")[0]
    step, cls = (node for node in source.body if hasattr(node, "body"))
    for part in (step, cls):
        assert re.search(r"Source:\n\n", ast.get_docstring(part)), part.name


def test_a_formula_that_is_missing_is_reported_in_a_line_not_by_a_traceback(copy):
    shutil.copytree(ROOT / "tests", copy / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    assert make_new(copy, "Tiger", "adam", "Adam").returncode == 0
    command = [sys.executable, "-m", "pytest", "--only=tiger", "tests/test_contribution.py"]
    path = os.environ | {"PYTHONPATH": str(copy)}
    done = subprocess.run(command, cwd=copy, env=path, text=True, capture_output=True, check=False)
    assert done.returncode != 0
    assert "ERROR: optimizers/tiger.py:6:1: no assignment" in done.stderr
    assert "accepted: lines such as" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert "rule_of" not in done.stderr + done.stdout


def test_what_concerns_an_optimizer_is_found_by_name_snippet_and_page():
    def found(**params):
        return modules_of(SimpleNamespace(callspec=SimpleNamespace(params=params)))

    assert found(name="Gradient Descent") == {"gradient_descent"}
    assert found(path=ROOT / "snippets" / "lion.py") == {"lion"}
    assert found(path=ROOT / "docs" / "adam.md") == {"adam", "adamw", "adopt"}
    assert found(info=SimpleNamespace(optim_cls=OPTIMIZERS["AdamW"].optimizer)) == {"adamw"}
    assert found(number=3) == set()


def test_a_fault_of_what_differs_is_reported_with_its_line(convert):
    page = ROOT / "docs" / "adam.md"
    with pytest.raises(PageError, match=rf"^{locate(page, '::: differs AdamW')}: say why each"):
        convert("::: differs AdamW", path=page)


def test_a_page_is_made_where_there_is_none(copy):
    done = make_new(copy, "Tiger", "tiger", "Adam")
    assert done.returncode == 0, done.stderr
    assert (copy / "docs" / "tiger.md").read_text(encoding="utf-8").startswith("# Tiger\n\n## Desc")
    assert "  - tiger.md\n" in (copy / "mkdocs.yml").read_text(encoding="utf-8")
    assert make_new(copy, "Bear", "tiger", "Tiger").returncode == 0
    text = (copy / "docs" / "tiger.md").read_text(encoding="utf-8")
    assert text.startswith("# Tiger {Bear}\n")
    assert text.count('=== "Bear"') == text.count('=== "Tiger"') == 5


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("AdamW", "adam", "Adam"), "the package has that name already"),
        (("Formula", "adam", "Adam"), "the package has that name already"),
        (("tiger", "adam", "Adam"), "not a name"),
        (("Ti-ger", "adam", "Adam"), "not a name"),
        (("Tiger", "symbols", "Adam"), "no page of an optimizer"),
        (("Tiger", "Tiger Page", "Adam"), "not a page"),
        (("Tiger", "tiger", "Bear"), "unknown; there are: .*Adam"),
    ],
)
def test_a_bad_wish_is_refused_before_anything_is_written(arguments, why):
    with pytest.raises(Refused, match=why):
        plan(*arguments)


def test_running_it_twice_changes_nothing(copy):
    assert make_new(copy, "Tiger", "adam", "Adam").returncode == 0
    once = contents(copy)
    again = make_new(copy, "Tiger", "adam", "Adam")
    assert again.returncode == 1
    assert "has that name already; choose another; nothing was written" in again.stderr
    assert contents(copy) == once


def test_something_left_out_is_reported(copy):
    assert "usage: make new NAME=" in make_new(copy, "Tiger", "", "Adam").stderr
