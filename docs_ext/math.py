"""Formulas are rendered while the site is built, by KaTeX, so that reading them needs no script.

`pymdownx.arithmatex` finds the formulas; this extension renders what it found.
"""

import functools
import html
import json
import shutil
import subprocess
import xml.etree.ElementTree as etree

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor

from .source import ROOT, PageError, locate, page_path


class MathError(ValueError):
    """KaTeX does not know what it was given."""


@functools.cache
def katex() -> subprocess.Popen:
    """Start the one KaTeX process of a build."""
    if (node := shutil.which("node")) is None:
        raise PageError("node is missing, which renders the formulas: run `make setup`")
    if not (ROOT / "node_modules" / "katex").is_dir():
        raise PageError("node_modules/katex is missing, which renders the formulas: run `make setup`")
    script = str(ROOT / "docs_ext" / "katex.mjs")
    pipe = subprocess.PIPE
    return subprocess.Popen([node, script], stdin=pipe, stdout=pipe, text=True, encoding="utf-8")


@functools.cache
def render(tex: str, display: bool = False) -> str:
    r"""Render one formula.

    Args:
        tex: LaTeX, as between dollars.
        display: on a line of its own.

    Returns:
        HTML for the eye, and MathML, with the LaTeX inside, for screen readers.

    Raises:
        MathError: KaTeX does not know a command, or the braces do not match.

    Example:
        >>> "mord sqrt" in render(r"\sqrt{S_{dw}}")
        True
        >>> render(r"\sqroot{S}")
        Traceback (most recent call last):
        docs_ext.math.MathError: KaTeX parse error: Undefined control sequence: \sqroot at ...
    """
    process = katex()
    process.stdin.write(json.dumps({"tex": tex, "display": display}) + "\n")
    process.stdin.flush()
    reply = json.loads(process.stdout.readline())
    if "error" in reply:
        raise MathError(reply["error"])
    return reply["html"]


class MathTreeprocessor(Treeprocessor):
    def run(self, root: etree.Element) -> None:
        for element in root.iter():
            if element.get("class") != "arithmatex":
                continue
            display = element.tag == "div"
            text = html.unescape(element.text) if display else element.text
            tex = text[2:-2].strip()
            try:
                rendered = render(tex, display)
            except MathError as error:
                raise PageError(f"{locate(page_path(self.md), tex)}: {error}") from None
            element.text = self.md.htmlStash.store(rendered)
            element.set("class", "math")
            element.set("dir", "ltr")
            # A formula's glyphs are no words: without this they would fill the search index.
            element.set("data-search-exclude", "")


class MathExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        md.treeprocessors.register(MathTreeprocessor(md), "math", 6)


def makeExtension(**kwargs) -> MathExtension:
    return MathExtension(**kwargs)
