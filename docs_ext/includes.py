"""Says where a page includes a file or a section that is not there."""

import re

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

from .source import INCLUDE, ROOT, PageError, locate, page_path


class IncludesPreprocessor(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        for line in lines:
            if match := INCLUDE.match(line):
                self.check(line, *match.groups())
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
