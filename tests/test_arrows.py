"""Imports point one way, so that each folder can be understood without those above it."""

import ast
import subprocess
import sys

import pytest

from .conftest import ROOT

# What each folder may import of the others.
ALLOWED = {
    "optimizers": set(),
    "docs_ext": {"optimizers"},
    "snippets": {"optimizers"},
    # Mutants are judged by the tests' own judge.
    "tools": {"docs_ext", "optimizers", "tests.agreement"},
    "benchmarks": {"optimizers", "tools"},
}


def imported(path) -> set[str]:
    """Return the modules that a file imports by their full names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("folder", ALLOWED)
def test_a_folder_imports_only_what_it_may(folder):
    own, others = {folder, *ALLOWED[folder]}, {*ALLOWED, "tests"}
    for path in (ROOT / folder).rglob("*.py"):
        for module in imported(path):
            parts = module.split(".")
            known = {".".join(parts[: end + 1]) for end in range(len(parts))}
            assert parts[0] not in others or known & own, f"{path}: imports {module}"


def test_a_new_optimizer_is_written_without_what_draws():
    program = "import sys, tools.scaffold; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
