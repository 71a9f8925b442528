"""Punctuation behind a formula stays in its line: a browser may part what it does not know."""

import re
import xml.etree.ElementTree as etree

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor

BEHIND = re.compile(r"[,.;:!?)\]،؛؟»]+")


class PunctuationTreeprocessor(Treeprocessor):
    """Wraps each formula with the punctuation behind it in a piece that does not wrap."""

    def run(self, root: etree.Element) -> None:
        for parent in list(root.iter()):
            for place, child in enumerate(parent):
                behind = BEHIND.match(child.tail or "")
                if behind and child.tag == "bdi" and child.get("class") == "math":
                    piece = etree.Element("span", {"class": "unparted"})
                    piece.append(child)
                    piece.tail = child.tail[behind.end() :]
                    child.tail = behind[0]
                    parent[place] = piece


class PunctuationExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        # After formulas are rendered (6).
        md.treeprocessors.register(PunctuationTreeprocessor(md), "punctuation", 5.5)


def makeExtension(**kwargs) -> PunctuationExtension:
    return PunctuationExtension(**kwargs)
