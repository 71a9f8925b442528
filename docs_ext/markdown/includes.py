"""Includes: a missing file or section is refused, and a program's line that matters is marked."""

import re

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

from optimizers import OPTIMIZERS

from ..locate import INCLUDE, ROOT, PageError, locate, page_path
from ..names import module_name

# Each optimizer's own program.
PROGRAMS = {f"snippets/{module_name(name)}.py" for name in OPTIMIZERS}


def highlighted(fence: str, file: str) -> str:
    """Return the line above an include, with a highlight if it opens an optimizer's own program.

    Example:
        >>> highlighted("    ```python", "snippets/adopt.py")
        '    ```{ .python hl_lines="16" }'
        >>> highlighted("    ```python", "snippets/decay_groups.py")
        '    ```python'
    """
    if fence.strip() == "```python" and file in PROGRAMS:
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            if line.startswith("optimizer = "):
                return fence.replace("python", f'{{ .python hl_lines="{number}" }}')
    return fence


class IncludesPreprocessor(Preprocessor):
    """Checks each include, before `pymdownx.snippets` reads it."""

    def run(self, lines: list[str]) -> list[str]:
        for number, line in enumerate(lines):
            if match := INCLUDE.match(line):
                self.check(line, *match.groups())
                lines[number - 1] = highlighted(lines[number - 1], match[1])
        return lines

    def check(self, line: str, file: str, section: str | None) -> None:
        """Refuse an include of what is not there."""
        if not (ROOT / file).is_file():
            raise PageError(f"{locate(page_path(self.md), line)}: {file}: there is no such file")
        text = (ROOT / file).read_text(encoding="utf-8")
        sections = re.findall(r"-8<-+ \[start:([\w-]+)\]", text)
        if section and section not in sections:
            raise PageError(
                f"{locate(page_path(self.md), line)}: {file} has no section `{section}`; "
                f"there are: {', '.join(sections) or 'none'}"
            )


class IncludesExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        md.preprocessors.register(IncludesPreprocessor(md), "includes", 33)  # snippets: 32


def makeExtension(**kwargs) -> IncludesExtension:
    return IncludesExtension(**kwargs)
