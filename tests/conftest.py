"""What several tests need: the built site, a server for it, a browser."""

import functools
import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from docs_ext.names import module_name, names_on
from optimizers import OPTIMIZERS
from optimizers._kernels import launch
from optimizers.formula import FormulaError
from tools.browser import FLAGS, find_chrome, serve

# Kernels serve small tensors, too, so that the tests of the classes meet them.
launch.WORTH = 0
ROOT = Path(__file__).parent.parent
if "PYTEST_XDIST_WORKER" in os.environ:
    # Several processes share the cores; threads of each would only wait for one another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)


def pytest_addoption(parser):
    parser.addoption(
        "--write-outputs", action="store_true", help="write what snippets print to snippets/*.out"
    )
    parser.addoption("--full", action="store_true", help="run all cases of each test")
    parser.addoption(
        "--only", metavar="MODULE", help="run what concerns one optimizer and needs no built site"
    )


def pytest_configure(config):
    """Say in a line what keeps the tests from being collected, and refuse an unknown module."""
    try:
        from tests import cases
    except (FormulaError, TypeError) as error:
        raise pytest.UsageError(str(error)) from None
    modules = list(map(module_name, cases.SETTINGS))
    if (only := config.getoption("--only")) and only not in modules:
        raise pytest.UsageError(f"no optimizer's module is {only}; there are: {', '.join(modules)}")


# Reads programs, and runs each in a process forked from one that has imported torch, which takes
# longer than most of them do. A program finds no name that it has not imported itself. What is
# frozen is not looked through for garbage at the end of each, which would take longer, too.
WAITING = """
import gc, json, os, sys, types
import torch, torch._dynamo
gc.freeze()
for request in sys.stdin:
    code, folder, output, errors = json.loads(request)
    child = os.fork()
    if not child:
        for number, path in ((1, output), (2, errors)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.chdir(folder)
        sys.modules["__main__"] = main = types.ModuleType("__main__")
        exec(compile(code, "<program>", "exec"), main.__dict__)
        sys.exit()
    print(os.waitpid(child, 0)[1], flush=True)
"""


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Run a program as a reader would who pastes it, warnings as errors; return what it prints."""
    output, errors = (tmp_path_factory.mktemp("run") / name for name in ("output", "errors"))
    command = [sys.executable, "-W", "error", "-c", WAITING]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=output.parent, text=True, **pipes) as waiting:

        def run(code: str, folder: Path) -> str:
            print(
                json.dumps([code, *map(str, (folder, output, errors))]),
                file=waiting.stdin,
                flush=True,
            )
            status = int(waiting.stdout.readline())
            written = errors.read_text(encoding="utf-8")
            assert status == 0, written
            # torch's C++ side gives warnings that -W cannot see.
            assert "warning" not in written.lower()
            return output.read_text(encoding="utf-8")

        yield run


def copy_project(root: Path) -> Path:
    """Copy what a build reads, to change it."""
    folders = ("docs", "docs_ext", "optimizers", "snippets", "benchmarks", "tools")
    for name in (*folders, ".cache/notebooks"):
        if (ROOT / name).exists():
            skipped = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, root / name, ignore=skipped)
    files = ("mkdocs.yml", "constraints.txt", "package.json", "package-lock.json")
    for name in (*files, "CONTRIBUTING.md", "LICENSE"):
        shutil.copy(ROOT / name, root / name)
    (root / "node_modules").symlink_to(ROOT / "node_modules")
    return root


def build(root: Path, target: Path) -> subprocess.CompletedProcess:
    """Build the site of a copy of the project, strictly."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(target)]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=root, env=quiet, text=True, capture_output=True, check=False)


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """The site, built anew, once for all the processes that run tests."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    target = shared / "site"
    with FileLock(shared / "site.lock"):
        if not target.exists():
            building = shared / "building"
            done = build(ROOT, building)
            assert done.returncode == 0, done.stderr
            building.rename(target)
    return target


@pytest.fixture(scope="session")
def address(site) -> str:
    """The address at which the site is served."""
    with serve(site) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = find_chrome() or playwright.chromium.executable_path
        if not Path(path).exists():
            message = "no browser: install chromium, or name one in $CHROME_PATH"
            if os.environ.get("CI") == "true":
                pytest.fail(message)
            pytest.skip(message)
        running = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def open_page(browser, address):
    """Open a page of the site in a browser profile of its own; it may not complain or call out."""
    contexts, faults = [], []

    def watch(page, host):
        page.on("pageerror", lambda error: faults.append(f"script: {error}"))
        page.on(  # what the content-security policy forbids is reported there
            "console", lambda message: message.type != "error" or faults.append(message.text)
        )
        page.on(
            "requestfailed",
            lambda request: (
                request.failure == "net::ERR_ABORTED"  # the page was left before it came
                or faults.append(f"not loaded: {request.url}")
            ),
        )
        page.on(
            "request",
            lambda request: (
                request.url.startswith((host, "data:"))
                or faults.append(f"another host: {request.url}")
            ),
        )

    def open_page(path="", width=1280, context=None, host=address, **options):
        if context is None:
            size = {"width": width, "height": 900}
            context = browser.new_context(viewport=size, **options)
            contexts.append(context)
        page = context.new_page()
        watch(page, host)
        page.goto(f"{host}/{path}")
        page.evaluate("async () => { await document.fonts.ready }")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture(scope="session")
def convert():
    """Convert Markdown as the site does: to HTML, to elements, or to a table of contents.

    With the path of its page it is converted as that page, to HTML, and errors name its lines.
    """
    import xml.etree.ElementTree as etree

    from markdown import Markdown
    from mkdocs.config import load_config
    from mkdocs.structure.files import get_files
    from mkdocs.structure.pages import Page

    config = load_config(str(ROOT / "mkdocs.yml"))
    files = get_files(config)

    def convert(text: str, tree: bool = False, toc: bool = False, path: Path | None = None):
        if path:
            file = files.get_file_from_path(path.relative_to(config.docs_dir).as_posix())
            page = Page(None, file, config)
            page.markdown = text
            page.render(config, files)
            return page.content
        md = Markdown(extensions=config.markdown_extensions, extension_configs=config.mdx_configs)
        html = md.convert(text)
        if not tree:
            return md.toc_tokens if toc else html
        closed = re.sub(r"<(br|img|input|hr|link)\b([^>]*?)\s*/?>", r"<\1\2/>", html)
        return etree.fromstring(f"<body>{closed}</body>")

    return convert


@pytest.fixture(scope="session")
def page_html(convert):
    """Return what a page of docs/ is converted to, by its path; each page once."""
    return functools.cache(lambda path: convert(path.read_text(encoding="utf-8"), path=path))


def drawn(page, frames: int = 2) -> None:
    """Wait until a page has drawn some frames: what it was asked before has happened by then."""
    page.evaluate(
        """async frames => {
            while (frames--) await new Promise(done => requestAnimationFrame(done));
            await new Promise(done => setTimeout(done));
        }""",
        frames,
    )


# How many cases of a test the quick run has, and how many things a test looks at.
CASES, SAMPLE = 4, 6


@pytest.fixture(scope="session")
def sample(request):
    """Take a fixed, seeded sample of some things; all of them in the full run."""

    def sample(things, most: int = SAMPLE) -> list:
        things = list(things)
        if request.config.getoption("--full") or len(things) <= most:
            return things
        return random.Random(most).sample(things, most)

    return sample


def optimizers_of(item) -> set[str]:
    """The optimizers among the parameters of a case."""
    params = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return {value for value in params if isinstance(value, str) and value in OPTIMIZERS}


def modules_of(item) -> set[str]:
    """The modules of the optimizers that a case is about: by name, class, snippet or page."""
    if isinstance(item, pytest.DoctestItem):
        return {item.path.stem}
    params = item.callspec.params.values() if hasattr(item, "callspec") else ()
    paths = [value for value in params if isinstance(value, Path)]
    pages = [name for path in paths if path.suffix == ".md" for name in names_on(path)]
    # torch's descriptions of optimizers, in test_conformance.py, have classes.
    classes = [value.optim_cls for value in params if hasattr(value, "optim_cls")]
    return {
        *(path.stem for path in paths),
        *(cls.__module__.rpartition(".")[2] for cls in classes),
        *map(module_name, [*pages, *optimizers_of(item)]),
    }


def sampled(items: list) -> list:
    """The cases of the quick run: a seeded sample of each test, of as many optimizers as can be."""
    cases: dict[str, list] = {}
    for item in items:
        if item.get_closest_marker("full"):
            continue
        every = item.get_closest_marker("every") or isinstance(item, pytest.DoctestItem)
        cases.setdefault(item.nodeid if every else item.nodeid.partition("[")[0], []).append(item)
    kept = set()
    for test, found in cases.items():
        random.Random(test).shuffle(found)
        seen: set[str] = set()
        chosen = []
        for item in found:
            # A case of an optimizer that has none yet comes first.
            names = optimizers_of(item)
            chosen.append((bool(names) and names <= seen, len(chosen), item))
            seen |= names
        few = found[0].get_closest_marker("few")
        most = few.args[0] if few else CASES
        kept |= {item.nodeid for *_, item in sorted(chosen, key=lambda case: case[:2])[:most]}
    return [item for item in items if item.nodeid in kept]


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config, items):
    """Let `-k gradient_descent` and `--only` find what concerns "Gradient Descent"; sites go first.

    Test processes start at different places in the list: one builds the site, none waits for it.
    The quick run then takes its sample of what `-k` has left.
    """
    items.sort(key=lambda item: not needs_site(item))
    for item in items:
        item.extra_keyword_matches |= modules_of(item)
    yield
    if only := config.getoption("--only"):
        # The site takes a minute to build, and what it has of one optimizer is on its page.
        keep(config, items, lambda item: only in modules_of(item) and not needs_site(item))
    if not config.getoption("--full"):
        kept = {item.nodeid for item in sampled(items)}
        keep(config, items, lambda item: item.nodeid in kept)


def needs_site(item) -> bool:
    """Say whether a test waits for the built site."""
    return "site" in getattr(item, "fixturenames", ())


def keep(config, items: list, wanted) -> None:
    """Deselect all tests but those that are wanted."""
    config.hook.pytest_deselected(items=[item for item in items if not wanted(item)])
    items[:] = filter(wanted, items)
