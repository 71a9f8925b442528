"""Sentences hold what they say: a number is a run's or cited, a statement about code has its test.

What prose is: the pages' paragraphs, list items, tables, captions and sentences of *What differs*,
the notebooks' text and the README; no code, formulas, addresses or headings.
"""

import ast
import itertools
import re
from pathlib import Path
from typing import NamedTuple

import jupytext
import numpy as np
import pytest

from docs_ext.directives import values
from docs_ext.figures.address import with_table
from docs_ext.laboratory.losses import LOSSES
from docs_ext.locate import PageError, locate
from docs_ext.markdown import values as value_syntax
from docs_ext.names import names_on
from optimizers import OPTIMIZERS

from .conftest import ROOT

pytestmark = pytest.mark.every

PAGES = sorted((ROOT / "docs").glob("*.md"))
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.py"))
PROSE = [*PAGES, *NOTEBOOKS, ROOT / "README.md"]

# What is no prose, or is a name and no measure.
SET_ASIDE = [
    r"<!--.*?-->",
    r"`+[^`]*`+",
    r"\$[^$]*\$",
    r"\]\([^)]*\)",
    r"<[^>]*>",
    r"\{value:[^}]*\}",
    r"\bGPT-2\b",
    r"\b(?:arXiv|Algorithm|Theorem|section|line|lecture|Figure|pull request|بخش)\s[\d۰-۹.]+e?",
    # A version, and what needs one.
    r"\b(?:torch|torch-adopt|Keras|optax|MLX|Python|NumPy|update of \d+ \w+)\s\d+(?:\.\d+)*",
    r"\b\d+\.\d+\.\d+\b",
    r"\b(?:1[89]|20)\d\d\b",
]
DIGITS = r"(?<![\w.^_⁻])[\d۰-۹]+(?:[.,٫٬][\d۰-۹]+)*(?:\s?[%٪])?"
# Nothing and all are no measures, unless they are a share or a multiple.
EXACT = re.compile(r"[01۰۱]")
COUNTS = "two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|hundred|thousand|million"
WORDS = (
    rf"\b(?:{COUNTS}) times\b|\btwice\b|\bhalf (?:of|the|as)\b"
    r"|\b(?:a|one|two|three) (?:half|third|quarter|fifth|tenth|hundredth|thousandth)s?\b"
    r"|(?<!\w)(?:دو|سه|چهار|پنج|ده|صد|هزار) برابر(?!\w)"
    r"|(?<!\w)(?:نیم|نصف|یک‌سوم|یک‌چهارم|دوسوم)(?!\w)"
)
NUMBER = re.compile(f"{DIGITS}|{WORDS}")
CITED = re.compile(r"\]\(https?://|<!-- test: ")
VALUE = re.compile(r"\{value: \w+([^}]*)\}")
CAPTION = re.compile(r"!\[(?P<words>.+)\]\((?P<figure>figure:(?P<url>.+))\)")
REMEDIES = (
    "let a run put it in as `{value: NAME}`, from docs_ext/directives/values.py; or cite in the "
    "same paragraph where it stands: a link with section, table or file, or "
    "`<!-- test: FILE::TEST -->`"
)


class Paragraph(NamedTuple):
    """A paragraph, where it begins, and the numbers that what it is about is made of."""

    line: int
    text: str
    known: tuple[float, ...] = ()


def paragraphs(path: Path) -> list[Paragraph]:
    """Return the prose of a page, a notebook or the README."""
    if path.suffix == ".py":
        return list(of_notebook(path))
    return list(of_lines(path.read_text(encoding="utf-8").splitlines(), 1, path))


def of_lines(lines: list[str], first: int, path: Path, known: tuple = ()):
    """Yield the paragraphs of Markdown: lines that follow one another, no code, no headings."""
    fence, gathered = "", []
    for number, line in enumerate([*lines, ""], first):
        bare = line.strip()
        if mark := re.match(r"(```+|~~~+|\$\$)", bare):
            opened = mark[1] if not bare.removeprefix(mark[1]).endswith("$$") else ""
            fence = "" if fence else opened
            bare = ""
        elif fence:
            continue
        apart = re.match(r"#|=== |!!! |\?\?\? |::: |-+8<-|[-*|] |\d+\. |\$[^$]+\$ |!\[|>", bare)
        if gathered and (not bare or apart):
            yield paragraph(gathered, path, known)
            gathered = []
        if bare and not re.match(r"#|=== |--8<-|::: |\w+:", bare):
            gathered.append((number, bare))


def paragraph(gathered: list[tuple[int, str]], path: Path, known: tuple) -> Paragraph:
    text = " ".join(line for _, line in gathered)
    if caption := CAPTION.search(text):
        _, _, table = with_table(caption["url"], tuple(names_on(path)), caption["words"])
        cells = " ".join(cell for row in table for cell in row)
        known = (*known, LOSSES["ravine"].lr, *numbers(caption["url"]), *numbers(cells))
    return Paragraph(gathered[0][0], text, known)


def of_notebook(path: Path):
    """Yield a notebook's text; what its own program sets and computes from is a run's."""
    source = path.read_text(encoding="utf-8")
    cells = jupytext.read(path).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    known = tuple(
        float(node.value)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float)
    )
    lines = source.splitlines()
    for cell in cells:
        if cell.cell_type == "markdown":
            head = next(line for line in cell.source.splitlines() if line.strip())
            first = 1 + next(i for i, line in enumerate(lines) if line == f"# {head}")
            yield from of_lines(cell.source.splitlines(), first, path, known)
        for key in ("alt", "table"):
            if words := cell.metadata.get(key):
                first = 1 + next(i for i, line in enumerate(lines) if words in line)
                yield Paragraph(first, words, known)


def numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in re.findall(r"\d+(?:[.,]\d+)*", text)]


def measures(paragraph: Paragraph) -> list[str]:
    """Return the numbers of a paragraph that neither a run nor a source stands for."""
    found = []
    text = CAPTION.sub(lambda match: match["words"], paragraph.text)
    for sentence in sentences(re.sub(r"^\d+\. ", "", text)):
        if not CITED.search(sentence):
            # What a value is given is what the run was set to.
            known = (*paragraph.known, *numbers(" ".join(VALUE.findall(sentence))))
            for pattern in SET_ASIDE:
                sentence = re.sub(pattern, " ", sentence)
            words = [match[0].strip() for match in NUMBER.finditer(sentence)]
            found += [
                word for word in words if not EXACT.fullmatch(word) and not is_known(word, known)
            ]
    return found


def sentences(text: str) -> list[str]:
    """Part a paragraph or a row of a table; a mark right behind a sentence is the sentence's."""
    end = r"[.!?؟](?:<!-- test: .*? -->)*(?=\s|$)|\s\|(?=\s|$)"
    ends = [match.end() for match in re.finditer(end, text)]
    return [text[start:end] for start, end in itertools.pairwise([0, *ends, len(text)])]


def is_known(word: str, known: tuple[float, ...]) -> bool:
    """Say whether a number is one that is known, rounded as it is."""
    plain = word.translate(str.maketrans("۰۱۲۳۴۵۶۷۸۹٫٬٪", "0123456789.,%")).replace(",", "")
    if not re.match(r"\d", plain):
        return False
    digits = len(plain.rstrip("%").partition(".")[2])
    value = float(plain.rstrip("%")) / (100 if "%" in plain else 1)
    return value in [round(value, digits + 2 * ("%" in plain)) for value in known]


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.stem)
def test_every_number_of_prose_is_a_runs_or_cited(path):
    name = str(path.relative_to(ROOT))
    loose = [
        f"{name}:{paragraph.line}: {number}: {REMEDIES}\n  {paragraph.text[:160]}"
        for paragraph in paragraphs(path)
        for number in measures(paragraph)
    ]
    assert not loose, "\n".join(loose)


@pytest.mark.parametrize(
    "planted",
    [
        "A step of 4.27 times α is the longest.",
        "گامی به اندازهٔ ۴٫۲۷ برابر α.",
        "It takes 37% less.",
        "It takes ten times as long.",
        "این کار ده برابر زمان می‌برد.",
        "After 12,000 steps it is over.",
        "- It keeps a third of it.",
    ],
)
def test_a_number_that_nobody_stands_for_is_seen(planted):
    others = f"It is 12 ([x](https://example.com)). {planted.lstrip('- ')} It is {{value: x 9}}."
    for around in ([planted], [others], ["!!! info", "", f"    {planted}"], [f"$x = 1$ {planted}"]):
        (paragraph,) = [
            paragraph
            for paragraph in of_lines(around, 1, ROOT / "docs" / "adam.md")
            if "!!!" not in paragraph.text
        ]
        assert len(measures(paragraph)) == 1, around


@pytest.mark.parametrize(
    "text",
    [
        "A step of {value: adam_longest_step} times α.",
        "In iteration 1,000 it is {value: nadam_share 1000}, 99% after {value: nadam_grown 0.99}.",
        "A step of 4.27 times α ([section 2](https://example.com)).",
        "A step of 4.27 times α.<!-- test: tests/test_prose.py::test_x -->",
        "Since torch 2.9, Kingma & Ba, 2014, Algorithm 2, $x = 4.27$ and `lr=4.27` have it.",
        "1. It goes from 0 to 1.",
    ],
)
def test_a_name_a_value_and_a_cited_number_pass(text):
    (paragraph,) = of_lines([text], 1, ROOT / "docs" / "adam.md")
    assert measures(paragraph) == []


def test_a_value_is_put_in_in_the_digits_of_its_block(convert):
    html = convert("It is {value: adam_longest_step}.\n\nبرابر {value: adam_longest_step} است.")
    assert "It is 7.27." in html
    assert "۷٫۲۷" in html


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("{value: nobody}", "there is no value `nobody`; there are: .*adam_longest_step"),
        (
            "{value: default Adam}",
            "`default` cannot be had of Adam: .*; see docs_ext/directives/values.py",
        ),
        ("{value: default Adam nothing}", "`default` cannot be had of Adam nothing: "),
    ],
)
def test_a_value_that_is_not_there_is_reported_with_its_line(written, words, convert, monkeypatch):
    monkeypatch.setattr(value_syntax, "page_path", lambda md: Path(__file__))
    line = locate(Path(__file__), written)
    with pytest.raises(PageError, match=rf"^{line}: .*{words}"):
        convert(written)


@pytest.mark.parametrize("name", values.VALUES)
def test_a_value_stands_in_a_sentence(name):
    pages = "\n".join(path.read_text(encoding="utf-8") for path in PROSE)
    assert re.search(rf"\{{value: {name}\b", pages), (
        f"docs_ext/directives/values.py: no page has {{value: {name}}}: delete it"
    )


def marks():
    """Yield where a mark stands that names a test, and the test."""
    for path in PROSE:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for test in re.findall(r"<!-- test: (.*?) -->", line):
                yield f"{path.relative_to(ROOT)}:{number}", test


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_a_statement_about_code_names_a_test_that_is_there():
    seen = 0
    for where, test in marks():
        file, _, name = test.partition("::")
        there = names_in(ROOT / file) if (ROOT / file).is_file() else set()
        assert name.startswith("test_"), f"{where}: write `<!-- test: FILE::test_name -->`"
        assert name in there, f"{where}: there is no test {test}"
        seen += 1
    assert seen > 5


# Statements about code that a reader could check, and that must name their test.
ABOUT_CODE = re.compile(
    r"output stays the same|(?:is|are) refused|refuses (?:it|them)|continues the same state"
    r"|the same steps|the same bits"
)


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=lambda path: path.stem)
def test_a_statement_about_code_names_its_test(path):
    bare = [
        f"{path.relative_to(ROOT)}:{paragraph.line}: name the test that would fail, as "
        f"`<!-- test: FILE::TEST -->` behind the sentence: {sentence.strip()[:120]}"
        for paragraph in paragraphs(path)
        for sentence in sentences(paragraph.text)
        if ABOUT_CODE.search(sentence) and "<!-- test: " not in sentence
    ]
    assert not bare, "\n".join(bare)


def test_without_decay_adam_and_adamw_take_the_same_steps():
    paths = []
    for name in ("Adam", "AdamW"):
        weight, state = np.ones(3), {}
        for grad in np.random.default_rng(0).normal(size=(100, 3)):
            weight, state = OPTIMIZERS[name].step(weight, grad, state, weight_decay=0.0)
        paths.append(weight)
    assert (paths[0] == paths[1]).all()


def test_a_step_of_lamb_is_a_share_of_the_weights():
    weight = np.random.default_rng(0).normal(size=(3, 4))
    for size in (1e-3, 1, 1e3):
        moved, _ = OPTIMIZERS["LAMB"].step(weight, np.full_like(weight, size), {}, lr=0.01)
        share = np.linalg.norm(moved - weight) / np.linalg.norm(weight)
        assert share == pytest.approx(0.01, rel=1e-12)


CLAIM = re.compile(
    r"\b(?:authors|paper|[A-Z]\w+ et al\.)(?:'s?)?\s(?:\w+ly )?"
    r"(?:report|prove|advise|claim|name|show|explain|suspect|found|say|put)s?\b"
)


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.stem)
def test_what_authors_say_names_the_place(path):
    loose = [
        f"{path.relative_to(ROOT)}:{paragraph.line}: say where they say it, with a link and a "
        f"section, theorem, table, abstract or file: {paragraph.text[:120]}"
        for paragraph in paragraphs(path)
        if CLAIM.search(paragraph.text) and not re.search(r"\]\(https?://", paragraph.text)
    ]
    assert not loose, "\n".join(loose)


# What may be installed from the index: what pages warn of or need, by its own name.
OTHERS = {"adopt"}


def test_what_a_page_installs_is_a_copy_of_the_source():
    extras = set(re.findall(r"^(\w+) = \[", section_of("optional-dependencies"), re.MULTILINE))
    for path, (number, line) in itertools.chain.from_iterable(
        itertools.product([path], enumerate(path.read_text(encoding="utf-8").splitlines(), 1))
        for path in [*PROSE, ROOT / "CONTRIBUTING.md"]
    ):
        for wanted in re.findall(r"pip install ('[^']+'|[\w.\[\]-]+)", line):
            name, _, extra = wanted.strip("'").rstrip("]").partition("[")
            fine = name in OTHERS or (name == "." and (not extra or extra in extras))
            assert fine, (
                f"{path.relative_to(ROOT)}:{number}: pip install {wanted}: that is a stranger's "
                "until ours is published; write {value: install EXTRA}"
            )


def section_of(name: str) -> str:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return re.search(rf"^\[project\.{name}\]\n(.*?)^\[", text, re.DOTALL | re.MULTILINE)[1]
