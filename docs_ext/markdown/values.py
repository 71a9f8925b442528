"""`{value: NAME}` stands for a number of a run, in the digits of the page's language.

`{value: default Adam lr}` gives 0.001, and ۰٫۰۰۱ in a Persian block.
"""

import functools
import re

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

from ..directives.values import MARK, VALUE, VALUES
from ..locate import PageError, locate, page_path

NO_WORDS = re.compile(r"`[^`]*`|\$[^$]*\$|\]\([^)]*\)|<[^>]*>|\{[^}]*\}")
PERSIAN = str.maketrans("0123456789.,", "۰۱۲۳۴۵۶۷۸۹٫٬")


def persian(line: str) -> bool:
    """Say whether a block is Persian, as it is set: it begins so, or most letters are.

    Example:
        >>> persian("گام تا $x$ برابر"), persian("Adam گام‌های بلند"), persian("In Persian: گام")
        (True, True, False)
    """
    letters = re.findall(r"[A-Za-z]|[\u0620-\u06d3]", NO_WORDS.sub(" ", line))
    arabic = sum(letter > "z" for letter in letters)
    return bool(letters) and (letters[0] > "z" or arabic > len(letters) / 2)


class ValuesPreprocessor(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        lines = [MARK.sub("", line) for line in lines]
        return [VALUE.sub(functools.partial(self.put, line), line) for line in lines]

    def put(self, line: str, match: re.Match) -> str:
        """Return a value in the digits of its block."""
        name, given = match["name"], match["given"].split()
        if name not in VALUES:
            raise PageError(
                f"{locate(page_path(self.md), line)}: there is no value `{name}`; "
                f"there are: {', '.join(VALUES)}"
            )
        try:
            found = VALUES[name](*given)
        except (TypeError, LookupError, ValueError, StopIteration) as error:
            raise PageError(
                f"{locate(page_path(self.md), line)}: the value `{name}` cannot be had of "
                f"{match['given'].strip() or 'nothing'}: {error!r}; "
                "see docs_ext/directives/values.py"
            ) from error
        return found.translate(PERSIAN).replace("%", "٪") if persian(line) else found


class ValuesExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        # After what is included (32), before what takes lines away (31).
        md.preprocessors.register(ValuesPreprocessor(md), "values", 31.7)


def makeExtension(**kwargs) -> ValuesExtension:
    return ValuesExtension(**kwargs)
