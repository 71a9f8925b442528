"""Renames our docstrings' `Example:` to `Examples:`, the heading that mkdocstrings knows."""

import re

from griffe import Extension


class OneExample(Extension):
    def on_object(self, *, obj, **kwargs) -> None:
        if obj.docstring:
            value = obj.docstring.value
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", value, flags=re.MULTILINE)
