"""A page's description for search engines and shared links: its first English sentence, if any."""

import functools
import re
from html.parser import HTMLParser

ENOUGH, MOST = 40, 200  # letters: fewer say nothing, more are not shown


class Paragraphs(HTMLParser):
    """Collects the text of paragraphs and list items, formulas as they are read aloud."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {"en": [], "fa": []}
        self.language = "en"
        self.open, self.hidden = "", ""

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag in ("p", "li") and not self.hidden:
            self.open, self.language = tag, attrs.get("lang", "en")
            self.texts[self.language].append("")
        if tag in ("annotation", "pre", "svg") and not self.hidden:
            self.hidden = tag

    def handle_endtag(self, tag):
        if tag == self.hidden:
            self.hidden = ""
        elif tag == self.open:
            self.open = ""

    def handle_data(self, data):
        if self.open and not self.hidden:
            self.texts[self.language][-1] += data


@functools.lru_cache(maxsize=1000)  # a served page that did not change is not read again
def first_sentence(html: str) -> str | None:
    """Return the first sentence of a page's text, and those after it that fit.

    It is Persian where none is English.

    Example:
        >>> first_sentence("<p>See:</p><p>It divides each step by how large gradients are.</p>")
        'It divides each step by how large gradients are.'
    """
    parser = Paragraphs()
    for piece in re.split(r"(?<=</p>)", html):  # it stands in the first ones mostly
        parser.feed(piece)
        if not parser.open and (found := beginning(parser.texts["en"])):
            return found
    return beginning(parser.texts["fa"])


def beginning(texts: list[str]) -> str | None:
    """Return the first sentence that says enough, and those after it that fit."""
    for text in texts:
        description, *rest = re.split(r"(?<=[.!?؟])\s+", " ".join(text.split()))
        if len(text) < ENOUGH or description[-1:] not in ".!?؟":
            continue
        while rest and len(description) + len(rest[0]) < MOST:
            description += " " + rest.pop(0)
        return description
    return None
