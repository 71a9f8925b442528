"""`make new NAME=AdaBound PAGE=adam PARENT=Adam` writes the files of a new optimizer.

The module starts as a copy of the parent's without its formula, and the tests then say, file by
file and line by line, what is still missing.
"""

import keyword
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import optimizers
from docs_ext.locate import ROOT
from docs_ext.names import (
    LOWER_SECTIONS,
    REQUIRED_SECTIONS,
    module_name,
    names_on,
    read_title,
    write_title,
)
from optimizers import OPTIMIZERS

SNIPPET = """\
{install}
import torch

from optimizers import {name}

torch.manual_seed(0)
model = torch.nn.Linear(8, 1)
optimizer = {name}(model.parameters(), lr=1e-3)
"""
SECTIONS = (*REQUIRED_SECTIONS, *LOWER_SECTIONS)


class Refused(ValueError):
    """A wish that cannot be met; nothing was written."""


def plan(name: str, page: str, parent: str, root: Path = ROOT) -> dict[Path, str]:
    """Return the files to write, with their texts, without writing them.

    Args:
        name: the optimizer's name, as in the table; letters and digits, in words.
        page: the page's file name without `.md`; a new one is made.
        parent: the optimizer that it varies, a name in the table.
        root: the project.

    Raises:
        Refused: the name is not a name, or is taken; the parent or the page is unknown.
    """
    parents = {known.lower(): known for known in OPTIMIZERS}
    module, here = module_name(name), root / "docs" / f"{page}.md"
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]*( [A-Z][A-Za-z0-9]*)*", name):
        raise Refused(f"NAME={name}: not a name; a capital first, then letters, digits and spaces")
    if {class_name(name), module} & set(dir(optimizers)) or keyword.iskeyword(module):
        raise Refused(f"NAME={name}: the package has that name already; choose another")
    if (root / "optimizers" / f"{module}.py").exists():
        raise Refused(f"NAME={name}: optimizers/{module}.py is there already; edit that")
    if not re.fullmatch(r"[a-z0-9-]+", page):
        raise Refused(f"PAGE={page}: not a page; small letters, digits and hyphens, such as adam")
    if parent.lower() not in parents:
        raise Refused(f"PARENT={parent}: unknown; there are: {', '.join(OPTIMIZERS)}")
    if here.exists() and not set(names_on(here)[:1]) & set(OPTIMIZERS):
        raise Refused(f"PAGE={page}: docs/{page}.md is no page of an optimizer")
    parent = parents[parent.lower()]
    files = {
        root / "optimizers" / f"{module}.py": new_module(name, parent, root),
        root / "optimizers" / "__init__.py": with_entry(name, parent, root),
        root / "snippets" / f"{module}.py": SNIPPET.format(
            name=class_name(name), install=first_line(root / "snippets" / "adopt.py")
        ),
        root / "snippets" / f"{module}.out": "",
    }
    if here.exists():
        files[here] = with_tabs(here.read_text(encoding="utf-8"), name)
    else:
        files[here] = with_tabs("\n\n".join(["", *(f"## {head}\n" for head in SECTIONS)]), name)
        files[here] += "## References\n\n::: references\n"
        files[root / "mkdocs.yml"] = with_page(page, root)
    return files


def first_line(snippet: Path) -> str:
    """Return what a snippet that needs this package says first: how it is installed."""
    return snippet.read_text(encoding="utf-8").partition("\n")[0]


def class_name(name: str) -> str:
    """Return the name of an optimizer's class."""
    return name.replace(" ", "")


def new_module(name: str, parent: str, root: Path) -> str:
    """Return the parent's module under another name, without what is the parent's alone.

    These are its words, sources and formula, and the options that torch.optim's class of the
    parent's name has, which say what the parent is.
    """
    text = (root / "optimizers" / f"{module_name(parent)}.py").read_text(encoding="utf-8")
    marks = "% --8<-- [start:formula]\n% --8<-- [end:formula]"
    words = f'r"""{name}:\n\nSource:\n\n{marks}\n"""'
    text = re.sub(r'^r""".*?"""', lambda _: words, text, count=1, flags=re.DOTALL)
    text = re.sub(r"( +)Source:\n.*?\n\n", r"\1Source:\n\n", text, flags=re.DOTALL)
    head = rf'(\nclass {class_name(parent)}\(.*?\n    """).*?(?=\n    Args:)'
    text = re.sub(head, rf"\1{class_name(name)} for PyTorch.\n", text, flags=re.DOTALL)
    text = without_fixed(text, OPTIMIZERS[parent].optimizer.fixed)
    text = re.sub(rf"\b{module_name(parent)}_step\b", f"{module_name(name)}_step", text)
    return re.sub(rf"\b{class_name(parent)}\b", class_name(name), text)


def without_fixed(text: str, fixed: Iterable[str]) -> str:
    """Return a module without the options that have one value in its class."""
    text = re.sub(r"\n    fixed: ClassVar = \{.*?\n    \}", "", text, flags=re.DOTALL)
    for option in fixed:
        text = re.sub(rf"^ +{option}(: |=).*\n", "", text, flags=re.MULTILINE)
    # Only the import is left of what no line uses any more.
    for name in ("ClassVar", "Fixed"):
        if len(re.findall(rf"\b{name}\b", text)) == 1:
            text = re.sub(rf"\b{name}, |, {name}\b|from typing import {name}\n", "", text)
    return text


def with_entry(name: str, parent: str, root: Path) -> str:
    """Return the package's table and its imports with one more line."""
    text = (root / "optimizers" / "__init__.py").read_text(encoding="utf-8")
    step, cls = f"{module_name(name)}_step", class_name(name)
    imports = re.findall(r"^from \..+\n", text, re.MULTILINE)
    new = f"from .{module_name(name)} import {', '.join(sorted([cls, step], key=import_order))}\n"
    ordered = "".join(sorted([*imports, new], key=lambda line: line.split()[1]))
    text = text.replace("".join(imports), ordered)
    text = text.replace("\n}\n", f'\n    "{name}": Entry({step}, {cls}, "{parent}"),\n}}\n', 1)
    head, _, listed = text.partition("__all__ = ")
    names = sorted([*re.findall(r'"(\w+)"', listed), cls, step], key=import_order)
    return head + "__all__ = [\n" + "".join(f'    "{public}",\n' for public in names) + "]\n"


def import_order(name: str) -> tuple:
    """Return the key by which ruff sorts: constants, then classes, then functions."""
    return (not name.isupper(), not name[0].isupper(), name)


def with_tabs(page: str, name: str) -> str:
    """Return a page with one more name in its title and one more tab in each section of tabs."""
    title, _, rest = page.partition("\n")
    title = write_title([*read_title(title), name])
    parts = re.split(r"(?m)^(?=## )", rest)
    for index, part in enumerate(parts):
        section = part.partition("\n")[0].removeprefix("## ").strip()
        if section in SECTIONS:
            parts[index] = part.rstrip("\n") + "\n\n" + stanza(section, name) + "\n"
    return title + "\n" + "".join(parts)


def stanza(section: str, name: str) -> str:
    """Return the tab of an optimizer in a section, as small as can be."""
    module = module_name(name)
    inside = {
        "Description": "",
        "Formula": f"""
            --8<-- "optimizers/{module}.py:formula"

            ??? example "The same in NumPy"

                ```python
                import numpy as np

                --8<-- "optimizers/{module}.py:step"
                ```
            """,
        "Example": f"""
            ```python
            --8<-- "snippets/{module}.py"
            ```

            ```{{ .text .output title="Output" }}
            --8<-- "snippets/{module}.out"
            ```
            """,
        "What differs": f"\n            ::: differs {name}\n",
        "Worked numbers": f"\n            ::: worked-numbers {name}\n",
    }[section]
    lines = [line.removeprefix("        ").rstrip() for line in inside.rstrip().split("\n")]
    return "\n".join([f'=== "{name}"', *lines]).rstrip() + "\n"


def with_page(page: str, root: Path) -> str:
    """Return the navigation with one more page among the optimizers."""
    text = (root / "mkdocs.yml").read_text(encoding="utf-8")
    after = "  - Choose and train:\n"
    return text.replace(after, f"    - {page}.md\n{after}", 1)


def main(arguments: list[str]) -> int:
    if len(arguments) != 3 or not all(arguments):
        print("usage: make new NAME=AdaBound PAGE=adam PARENT=Adam", file=sys.stderr)
        return 2
    try:
        files = plan(*arguments)
    except Refused as error:
        print(f"{error}; nothing was written", file=sys.stderr)
        return 1
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    print(f"now run: make test ONLY={module_name(arguments[0])}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
