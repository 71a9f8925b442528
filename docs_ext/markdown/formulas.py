"""Formulas become MathML while the site is built, by Temml, so that reading them needs no script.

`pymdownx.arithmatex` finds the formulas; this extension renders what it found.
"""

import atexit
import functools
import html
import inspect
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as etree
from pathlib import Path

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor

from optimizers import OPTIMIZERS
from optimizers.formula.symbols import SYMBOLS

from ..locate import ROOT, PageError, locate, page_path
from .symbol_marks import mark_symbols, without_marks

# A formula as it stands in a page's HTML; the second group is its MathML.
RENDERED = re.compile(r'<(bdi|div) class="math"[^>]*>(<math.*?</math>)</\1>', re.DOTALL)


class MathError(ValueError):
    """Temml does not know what it was given."""


@functools.cache
def temml() -> subprocess.Popen:
    """Start the one Temml process of a build."""
    node = shutil.which("node")
    if node is None or not (ROOT / "node_modules" / "temml").is_dir():
        raise PageError("node and node_modules/temml render the formulas: run `make setup` first")
    script = str(Path(__file__).with_name("temml.mjs"))
    pipe = subprocess.PIPE
    process = subprocess.Popen([node, script], stdin=pipe, stdout=pipe, text=True, encoding="utf-8")
    atexit.register(process.communicate)  # the end of its input ends it
    return process


@functools.cache
def render(tex: str, display: bool = False, marked: str | None = None) -> str:
    r"""Render one formula.

    Args:
        tex: LaTeX, as between dollars, with marks or without.
        display: as large as on a line of its own.
        marked: the same LaTeX with more marks, if there are any.

    Returns:
        MathML. Copying gives the LaTeX inside, which is `tex` without marks.

    Raises:
        MathError: Temml does not know a command, or the braces do not match.

    Example:
        >>> "<msqrt><msub><mi>S</mi>" in render(r"\sqrt{S_{dw}}")
        True
        >>> render(r"\sqroot{S}")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        docs_ext.markdown.formulas.MathError: Unsupported function name: \sqroot ...
    """
    plain = without_marks(tex)
    process = temml()
    request = {"tex": plain, "marked": marked or tex, "display": display}
    process.stdin.write(json.dumps(request) + "\n")
    process.stdin.flush()
    reply = json.loads(process.stdout.readline())
    if "error" in reply:
        raise MathError(" ".join(reply["error"].split()))
    annotation = r'(?<=<annotation encoding="application/x-tex">).*?(?=</annotation>)'
    return re.sub(annotation, lambda _: html.escape(plain), reply["html"], flags=re.DOTALL)


class FormulasTreeprocessor(Treeprocessor):
    """Renders each formula, and adds what the marked symbols mean."""

    def run(self, root: etree.Element) -> None:
        self.marked: set[int] = set()
        self.own = tuple(names_of([name for name in self.md.names if name in OPTIMIZERS]))
        for parent in root.iter():
            line = is_formula_line(parent)
            if line:
                parent.set("class", "formula")
                set_note_apart(parent)
            for element in list(parent):
                if is_math(element):
                    self.replace(element, large=line and assigns(element))
        if self.marked:
            etree.SubElement(root, "p").text = self.md.htmlStash.store(
                meanings(self.marked, self.own)
            )

    def replace(self, element: etree.Element, large: bool) -> None:
        """Replace a formula by its rendering."""
        display = element.tag == "div"
        tex = (html.unescape(element.text) if display else element.text)[2:-2].strip()
        # The page of an optimizer explains its symbols.
        shown = mark_symbols(tex, self.own) if self.own else tex
        try:
            rendered = render(tex, display or large, shown)
        except MathError as error:
            raise PageError(f"{locate(page_path(self.md), tex)}: {error}") from None
        element.text = self.md.htmlStash.store(rendered)
        element.set("class", "math")
        element.set("dir", "ltr")
        self.marked |= {int(number) for number in re.findall(r"symbol-(\d+)", shown)}


def is_math(element: etree.Element) -> bool:
    """Say whether an element is a formula that `pymdownx.arithmatex` found."""
    return element.get("class") == "arithmatex"


def is_formula_line(element: etree.Element) -> bool:
    """Say whether a paragraph begins with an assignment: a line of an update rule."""
    if element.tag != "p" or (element.text or "").strip() or not len(element):
        return False
    return is_math(element[0]) and assigns(element[0])


def assigns(element: etree.Element) -> bool:
    """Say whether a formula assigns."""
    return "=" in element.text or r"\leftarrow" in element.text


def set_note_apart(line: etree.Element) -> None:
    """Wrap what follows `<--` in a formula line, so that it can wrap as one piece."""
    for index, element in enumerate(line):
        formula, arrow, note = (element.tail or "").partition("<--")
        if arrow:
            element.tail = formula
            span = etree.Element("span", {"class": "note"})
            span.text = arrow + note
            span.extend(line[index + 1 :])
            line[index + 1 :] = [span]
            return


def names_of(optimizers: list[str]) -> list[str]:
    """Return what the code of some optimizers calls its states and all that its steps name.

    Example:
        >>> {"exp_avg", "lr", "exp_avg_corrected"} <= set(names_of(["Adam"]))
        True
    """
    entries = [OPTIMIZERS[name] for name in optimizers]
    named = [
        [*entry.optimizer.state_names, *inspect.unwrap(entry.step).__code__.co_varnames]
        for entry in entries
    ]
    return list(dict.fromkeys(name for names in named for name in names))


def meanings(numbers: set[int], names: list[str]) -> str:
    """Return what the marked symbols of a page mean, for `symbols.js` to read.

    The optimizers of a page may mean several things by a symbol: all of them are given.
    """
    rows = {}
    for number in sorted(numbers):
        latex = SYMBOLS[number].latex
        own = [symbol for symbol in SYMBOLS if symbol.latex == latex and symbol.code in names]
        columns = zip(
            *[(symbol.meaning, symbol.code, symbol.fa) for symbol in own or [SYMBOLS[number]]],
            strict=True,
        )
        rows[number] = [" / ".join(dict.fromkeys(column)) for column in columns]
    data = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
    return f'<script type="application/json" id="meanings">{data}</script>'


class FormulasExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        md.treeprocessors.register(FormulasTreeprocessor(md), "formulas", 6)


def makeExtension(**kwargs) -> FormulasExtension:
    return FormulasExtension(**kwargs)
