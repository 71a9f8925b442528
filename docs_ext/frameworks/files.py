"""The files that readers take with them: one for each optimizer and framework."""

import functools
import json
from pathlib import Path

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

from optimizers import OPTIMIZERS
from optimizers.frameworks import FRAMEWORKS, all_printed

from ..names import module_name

# The files of this folder that pages load, by their addresses.
FILES = {"javascripts/take.js": Path(__file__).with_name("take.js")}
LANGUAGES = {"py": "python", "js": "javascript"}


def address(name: str, framework: str) -> str:
    """Return where in the site an optimizer stands as code of a framework.

    Example:
        >>> address("ADOPT", "optax"), address("AdamW", "javascript")
        ('code/adopt/optax.py', 'code/adamw/javascript.js')
    """
    return f"code/{module_name(name)}/{framework}.{FRAMEWORKS[framework].ending}"


@functools.cache  # a changed module starts the server anew
def printed_files() -> dict[str, str]:
    """Return the text of each file by its address; the script shows them from `highlighted.json`.

    Example:
        >>> printed_files()["code/adam/torch.py"].partition(",")[0]
        '# Adam'
    """
    files, modules = {}, all_printed()
    for name in OPTIMIZERS:
        texts = {framework: modules[name, framework] for framework in FRAMEWORKS}
        files |= {address(name, framework): text for framework, text in texts.items()}
        shown = {
            framework: coloured(text, LANGUAGES[FRAMEWORKS[framework].ending])
            for framework, text in texts.items()
        }
        files[f"code/{module_name(name)}/highlighted.json"] = json.dumps(shown)
    return files


def coloured(text: str, language: str) -> str:
    """Return a program as the HTML that stands inside `<code>`."""
    return highlight(text, get_lexer_by_name(language), HtmlFormatter(nowrap=True))
