"""What is built installs and works without its source: the package alone, and with each extra.

A fresh environment sees the distributions that the wheel asks for, and no others.
"""

import os
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
import venv
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from docs_ext.directives import values
from optimizers._distribution import NAME, VERSION

from .conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PAGE = (ROOT / "docs" / "install.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
SNIPPETS = [
    path
    for path in sorted((ROOT / "snippets").glob("*.py"))
    if re.search(r"^(from|import) optimizers\b", path.read_text("utf-8"), re.MULTILINE)
]


def build(source: Path, target: Path, *options: str) -> list[Path]:
    """Build what is released, as `make dist` does, at a set time."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", target, *options]
    done = subprocess.run(
        [*command, source],
        env=os.environ | {"SOURCE_DATE_EPOCH": "1700000000"},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return sorted(target.iterdir())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel that is built from the sdist."""
    found, sdist = build(ROOT, tmp_path_factory.mktemp("dist"))
    assert sdist.name == f"{NAME.replace('-', '_')}-{VERSION}.tar.gz"
    return found


def needed(requirements: list[str], extras: tuple[str, ...]) -> dict[str, Distribution]:
    """Return the distributions that some requirements ask for, with what these ask for in turn."""
    found: dict[str, Distribution] = {}
    waiting = [(requirements, extras)]
    while waiting:
        asked, of = waiting.pop()
        for requirement in map(Requirement, asked):
            met = [
                not requirement.marker or requirement.marker.evaluate({"extra": extra})
                for extra in of
            ]
            if any(met) and requirement.name != NAME and requirement.name not in found:
                one = found[requirement.name] = distribution(requirement.name)
                waiting.append((one.requires or [], ("", *requirement.extras)))
            elif any(met) and requirement.name == NAME:
                waiting.append((requirements, tuple(requirement.extras)))
    return found


def asked(extra: str) -> dict[str, Distribution]:
    """Return what the package asks for with an extra."""
    optional = PROJECT["optional-dependencies"]
    of_extras = [
        f"{requirement}; extra == '{name}'"
        for name in ("formula", "fused")
        for requirement in optional[name]
    ]
    return needed([*PROJECT["dependencies"], *of_extras], ("", extra))


@pytest.fixture(scope="module")
def python_with(wheel, tmp_path_factory):
    """Return a Python that has the wheel and what it asks for with an extra, or without one."""
    made = {}

    def python_with(extra: str) -> Path:
        if extra not in made:
            folder = tmp_path_factory.mktemp(f"with_{extra}")
            venv.create(folder, with_pip=False)
            python = (
                next(folder.glob("bin/python"))
                if os.name == "posix"
                else folder / "Scripts/python.exe"
            )
            (packages,) = folder.rglob("site-packages")
            with zipfile.ZipFile(wheel) as archive:
                (metadata,) = [name for name in archive.namelist() if name.endswith("METADATA")]
                lines = archive.read(metadata).decode().splitlines()
            asks = [line.partition(": ")[2] for line in lines if line.startswith("Requires-Dist: ")]
            for distribution in needed(asks, ("", extra)).values():
                for name in {file.parts[0] for file in distribution.files or ()} - {
                    "..",
                    "__pycache__",
                }:
                    if not (packages / name).exists():
                        (packages / name).symlink_to(distribution.locate_file(name))
            install = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps"]
            subprocess.run([*install, "--no-index", "--quiet", wheel], check=True)
            made[extra] = python
        return made[extra]

    return python_with


@pytest.fixture
def run_with(python_with, tmp_path):
    """Run a program, or a module of that name, with an extra; return what it prints."""

    def run_with(extra: str, program: str, *flags: str, folder: Path = tmp_path) -> str:
        command = ["-m", program] if program.isidentifier() else ["-c", program]
        done = subprocess.run(
            [python_with(extra), "-I", "-W", "error", *flags, *command],
            cwd=folder,
            env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
            text=True,
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run_with


EVERY = """
import numpy as np
import torch
import optimizers

for name, entry in optimizers.OPTIMIZERS.items():
    weight = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    array, state = np.ones((2, 3)), {}
    optimizer = entry.optimizer([weight])
    for _ in range(2):
        weight.grad = 2 * weight.detach()
        optimizer.step()
        array, state = entry.step(array, 2 * array, state)
    assert np.allclose(weight.detach().numpy(), array, rtol=0, atol=1e-12), name
print(optimizers.__file__, len(optimizers.OPTIMIZERS), __debug__, optimizers.adam.__doc__ is None)
"""
FORMULA = """
from optimizers import rule_of

print(rule_of("AdamW").statements[4].latex)
"""
FUSED = """
import torch
from optimizers import Adam

weight = torch.ones(3, requires_grad=True)
optimizer = Adam([weight], lr=0.5, fused=True)
for _ in range(2):
    weight.grad = weight.detach().clone()
    optimizer.step()
print(optimizer.why_not_fused(), [round(one, 3) for one in weight.tolist()])
"""


def refused(text: str, error: str) -> str:
    """Return a program that prints an error of another."""
    return f"try:\n{textwrap.indent(text, '    ')}\nexcept {error} as error:\n    print(error)\n"


def test_the_wheel_holds_the_package_alone(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {
        "optimizers",
        f"{NAME.replace('-', '_')}-{VERSION}.dist-info",
    }
    assert {"optimizers/py.typed", "optimizers/formula/grammar.lark"} <= set(names)


def test_the_same_source_gives_the_same_bytes(wheel, tmp_path):
    source = tmp_path / "source"
    source.mkdir(mode=0o700)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (source / name).write_bytes((ROOT / name).read_bytes())
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "optimizers", source / "optimizers", ignore=skipped)
    for path in source.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o700 if path.is_dir() else 0o600)
    (again,) = build(source, tmp_path / "dist", "--wheel")
    assert again.read_bytes() == wheel.read_bytes()


def test_alone_every_optimizer_steps_and_a_formula_names_its_extra(run_with):
    every, message = run_with("", EVERY + refused(FORMULA, "ImportError")).splitlines()
    where, number, *_ = every.split()
    assert "site-packages" in where
    assert int(number) > 10
    assert message == "formulas need lark and SymPy, which the extra `formula` installs"


def test_with_one_extra_a_formula_is_read_and_a_kernel_names_the_other(run_with):
    formula, message = run_with("formula", FORMULA + refused(FUSED, "RuntimeError")).splitlines()
    assert formula == "W := W - \\alpha \\lambda W"
    assert message == (
        "Adam cannot be fused: numba is not installed, which the extra `fused` installs"
    )


def test_with_both_a_kernel_runs_and_is_made_anew_when_the_cache_is_deleted(run_with, tmp_path):
    for _ in range(2):
        assert run_with("fused", FUSED) == "[] [0.034, 0.034, 0.034]\n"
        assert list((tmp_path / "cache" / "optimizers").glob("adam_*"))
        shutil.rmtree(tmp_path / "cache")


def test_without_docstrings_steps_go_on_and_formulas_are_read(run_with):
    every, formula, fused = run_with("fused", EVERY + FORMULA + FUSED, "-OO").splitlines()
    assert every.split()[2:] == ["False", "True"]
    assert formula == "W := W - \\alpha \\lambda W"
    assert fused == "[] [0.034, 0.034, 0.034]"


def shape(line: str) -> str:
    """Return a line with nothing of this machine in it."""
    line = re.sub(r"\S*/optimizers(?=/|,|$)", "FOLDER/optimizers", line)
    return re.sub(r"\d+(\.\d+)*(\+\w+)?", "NUMBER", line)


def test_the_command_line_prints_what_its_page_shows(run_with):
    shown = re.search(r"^\$ python -m optimizers\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[1]
    printed = run_with("fused", "optimizers")
    assert [*map(shape, printed.splitlines())] == [*map(shape, shown.splitlines())]


def test_the_command_line_says_what_is_missing(run_with):
    printed = run_with("", "optimizers")
    assert f"optimizers {VERSION}, " in printed
    assert "formulas: not read: formulas need lark and SymPy, which the extra `formula`" in printed
    assert "kernels, cpu: not used: numba is not installed, which the extra `fused`" in printed


def test_an_extra_weighs_what_its_page_says():
    def megabytes(found):
        files = {
            file.locate() for distribution in found.values() for file in distribution.files or ()
        }
        return (
            sum(file.stat().st_size for file in files if file.suffix != ".pyc" and file.exists())
            / 1e6
        )

    rows = re.findall(r"^\| \{value: command (\w+)\} \|.*\| ([\d.]+) MB<", PAGE, re.MULTILINE)
    assert [extra for extra, _ in rows] == ["formula", "fused"]
    alone = asked("")
    for extra, said in rows:
        more = {
            name: distribution for name, distribution in asked(extra).items() if name not in alone
        }
        assert megabytes(more) == pytest.approx(float(said), rel=0.1, abs=0.1), (
            f"docs/install.md: the extra `{extra}` weighs {megabytes(more):.1f} MB"
        )


def test_the_page_says_what_pyproject_asks_for():
    numpy, torch = (requirement.replace(">=", " ") for requirement in PROJECT["dependencies"])
    python = PROJECT["requires-python"].removeprefix(">=")
    said = f"Python {python} or newer, {numpy.replace('numpy', 'NumPy')} or newer, {torch} or newer"
    assert said in PAGE


def test_one_name_stands_everywhere():
    assert PROJECT["name"] == NAME
    optional = PROJECT["optional-dependencies"].values()
    own = {
        re.split(r"[\[<>=; ]", requirement)[0]
        for extra in optional
        for requirement in extra
        if "[" in requirement
    }
    others = {"mkdocstrings", "mlx"}  # they have extras, too
    assert own - others == {NAME}


def test_how_to_install_without_a_copy_is_said_where_there_is_an_address(monkeypatch):
    monkeypatch.delenv("REPOSITORY_URL", raising=False)
    assert values.repository() == ""
    monkeypatch.setenv("REPOSITORY_URL", "git@example.org:me/optimizers")
    assert values.repository() == ""
    monkeypatch.setenv("REPOSITORY_URL", "https://example.org/optimizers")
    command = f"pip install '{NAME} @ git+https://example.org/optimizers'"
    assert values.repository() == f"Without a copy: `{command}`."


@pytest.mark.parametrize("path", SNIPPETS, ids=lambda path: path.stem)
def test_a_snippet_says_first_what_to_install(path):
    said = f"# First, {values.PLACE}: {values.command().strip('`')}"
    first = path.read_text("utf-8").splitlines()[0]
    assert first == said, f"snippets/{path.name}:1: begin with\n{said}\nand not with\n{first}"


SEVERAL = """
import os, pathlib, runpy, sys
import torch, torch._dynamo

for path in map(pathlib.Path, {paths}):
    if not (child := os.fork()):
        os.dup2(os.open(path.stem, os.O_WRONLY | os.O_CREAT), 1)
        sys.argv[:] = [str(path)]
        runpy.run_path(str(path), run_name="__main__")
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0, path
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork a process")
def test_snippets_print_the_same_from_the_wheel(run_with, tmp_path):
    folder = tmp_path / "programs"
    folder.mkdir()
    run_with("", SEVERAL.format(paths=[*map(str, SNIPPETS)]), folder=folder)
    for path in SNIPPETS:
        assert (folder / path.stem).read_text("utf-8") == path.with_suffix(".out").read_text(
            "utf-8"
        )


def test_the_program_of_the_readme_runs(run_with):
    (program,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    run_with("", program)


def test_the_readme_is_short_and_its_commands_are_there():
    assert len(README.splitlines()) <= 60
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert set(re.findall(r"^make (\w+)", README, re.MULTILINE)) == {"serve", "test"} <= {*targets}
    said = re.findall(r"`(pip install [^`]+)`", README)
    assert said == [values.command(extra).strip("`") for extra in ("", "fused")]


TYPED = """
import torch
from optimizers import Adam
params = [torch.ones(2, requires_grad=True)]
optimizer = Adam(params, lr=1e-3)
optimizer.step()
"""


def test_types_travel_with_the_wheel_and_a_misspelt_argument_is_an_error(python_with, tmp_path):
    (tmp_path / "right.py").write_text(TYPED)
    (tmp_path / "wrong.py").write_text(TYPED.replace("lr=1e-3", "fuse=True"))
    # `make test` holds the package against torch's own types; reading these takes long.
    (tmp_path / "mypy.ini").write_text("[mypy]\n[mypy-torch.*,numpy.*]\nfollow_imports = skip\n")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--python-executable",
            python_with(""),
            "right.py",
            "wrong.py",
        ],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        text=True,
        capture_output=True,
    )
    said, _, summary = done.stdout.splitlines()
    assert said.startswith('wrong.py:5: error: Unexpected keyword argument "fuse" for "Adam"'), said
    assert summary == "Found 1 error in 1 file (checked 2 source files)"


def test_a_file_of_the_same_name_stands_in_the_way_as_its_page_shows(python_with, tmp_path):
    (tmp_path / "optimizers.py").write_text("")
    (tmp_path / "train.py").write_text("from optimizers import ADOPT\n")
    done = subprocess.run(
        [python_with(""), "train.py"], cwd=tmp_path, text=True, capture_output=True
    )
    shown = re.search(r"^ImportError: .*$", PAGE, re.MULTILINE)[0].replace(
        "/home/you", str(tmp_path)
    )
    # Newer Pythons add that the file may have to be renamed.
    assert done.stderr.splitlines()[-1].startswith(shown)
