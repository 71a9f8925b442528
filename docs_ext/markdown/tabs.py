"""`# Adam {AdamW} {ADOPT}`: an optimizer and its variants, in the title and as tabs.

The first line of a page names them. Each variant becomes a pill in the heading, which selects its
tab everywhere on the page, and each tab set of the page has these tabs, in this order.
"""

import re
import xml.etree.ElementTree as etree
from pathlib import Path

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor

from ..locate import PageError, locate, page_path
from ..names import REQUIRED_SECTIONS, colour_class, read_title, write_title

TAB = re.compile(r'^ *===[!+]* ["“]')
WHOLE_TAB = re.compile(r'^ *===[!+]* "[^"]+"\s*$')
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}


class TitlePreprocessor(Preprocessor):
    """Reads the names and hides their braces from `attr_list`, to which they are attributes."""

    def run(self, lines: list[str]) -> list[str]:
        first = next((i for i, line in enumerate(lines) if line.strip()), None)
        title = lines[first] if first is not None else ""
        self.md.names = read_title(title)
        if title.startswith("# ") and title.count("{") != title.count("}"):
            where = locate(page_path(self.md), title)
            raise PageError(f"{where}: a brace without its other: `{title}`")
        for line in lines:
            if TAB.match(line) and not WHOLE_TAB.match(line):
                where = locate(page_path(self.md), line)
                raise PageError(f'{where}: a tab is opened by === "NAME", with both quotes, alone')
        if len(self.md.names) > 1:
            lines[first] = write_title(self.md.names[:1])
        return lines


class PillsTreeprocessor(Treeprocessor):
    """Puts the pills into the heading, before the table of contents reads it."""

    def run(self, root: etree.Element) -> None:
        heading = root.find("h1")
        if heading is None or len(self.md.names) < 2:
            return
        primary, *variants = self.md.names
        heading.text = f"{primary} "
        for name in variants:
            pill = etree.SubElement(heading, "a", {"class": f"pill {colour_class(name)}"})
            pill.text, pill.tail = f"{{{name}}}", " "
        pill.tail = None


class TabsTreeprocessor(Treeprocessor):
    """Compares the tabs with the title and lets pills point to tabs."""

    def run(self, root: etree.Element) -> None:
        sets = list(top_level_sets(root))
        for _, tabs in sets:
            for label in tabs.findall("div[@class='tabbed-labels']/label"):
                label.set("class", colour_class("".join(label.itertext())))
        names, path = self.md.names, page_path(self.md)
        if names:
            check_descriptions(sets, path)
            check_labels(names, sets, path)
        for _, tabs in sets:
            open_lone_tab(tabs)
        for pill in root.iterfind("h1/a[@class]"):
            if pill.get("class").startswith("pill "):
                pill.set("href", "#" + tab_ids(sets[0][1])[pill.text.strip("{}")])


def check_descriptions(sets: list[tuple[str, etree.Element]], path: Path | None) -> None:
    """Refuse a tab of the descriptions that is empty."""
    for section, tabs in sets:
        blocks = tabs.findall("div/div[@class='tabbed-block']")
        for label, block in zip(tab_ids(tabs), blocks, strict=True):
            if section == "Description" and not len(block):
                tab = locate(path, f'=== "{label}"')
                raise PageError(
                    f'{tab}: no description in tab "{label}": '
                    "say in a few sentences what it does and costs"
                )


def check_labels(
    names: list[str], sets: list[tuple[str, etree.Element]], path: Path | None
) -> None:
    """Refuse tabs that are not those of the title, and sections without tabs."""
    shown = write_title(names)
    title = f"{locate(path, shown)}: the title is `{shown.removeprefix('# ')}`"
    for section, tabs in sets:
        labels = list(tab_ids(tabs))
        if labels != names and (len(names) > 1 or names[0] in labels):
            odd = next((label for label in labels if label not in names), labels[0])
            tab = locate(path, f'=== "{odd}"')
            raise PageError(
                f'{title}, but the tabs under "{section}" differ ({tab})\n'
                f"  title: {', '.join(names)}\n"
                f"  tabs:  {', '.join(labels)}\n"
                "  Give both the same names in the same order."
            )
    if len(names) > 1:
        found = {section for section, _ in sets}
        missing = [section for section in REQUIRED_SECTIONS if section not in found]
        if missing:
            raise PageError(
                f"{title}, but there are no tabs under: {', '.join(missing)}\n"
                f"  Give each a section `## NAME` with the tabs {', '.join(names)}."
            )


def open_lone_tab(tabs: etree.Element) -> None:
    """Let the content of a set's only tab stand for the set, with the tab's address."""
    if len(ids := list(tab_ids(tabs).values())) == 1:
        [block] = tabs.findall("div/div[@class='tabbed-block']")
        # An element of its own: programs inside one with an id would all take it for theirs.
        tabs[:] = [etree.Element("div", {"id": ids[0]}), *block]
        tabs.attrib.clear()


def top_level_sets(element: etree.Element, section: str = ""):
    """Yield each tab set that stands in no other, with the section that it stands in."""
    for child in element:
        if child.tag in HEADINGS:
            section = (child.text or "").strip()  # what follows is the permalink
        if "tabbed-set" in child.get("class", "").split():
            yield section, child
        else:
            yield from top_level_sets(child, section)


def ends_of_sections(root: etree.Element, section: str, names: list[str]):
    """Yield each name of a page with the element to whose end its part of a section may be added.

    That is the name's tab, or, where the section has no tabs, an element of its own.
    """
    found = [tabs for title, tabs in top_level_sets(root) if title == section]
    for tabs in found:
        yield from zip(tab_ids(tabs), tabs.findall("div/div[@class='tabbed-block']"), strict=True)
    if found or not names:
        return
    inside = False
    for place, child in enumerate(root):
        if inside and child.tag in HEADINGS:
            root.insert(place, etree.Element("div"))
            yield names[0], root[place]
            return
        inside = inside or (child.tag == "h2" and (child.text or "").strip() == section)


def tab_ids(tabs: etree.Element) -> dict[str, str]:
    """Return a tab set's labels, each with the id of its tab."""
    labels = tabs.findall("div[@class='tabbed-labels']/label")
    return {"".join(label.itertext()): label.get("for") for label in labels}


class TabsExtension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        # After snippets (32), before generated content (31), which asks for the names.
        md.preprocessors.register(TitlePreprocessor(md), "title", 31.5)
        md.treeprocessors.register(PillsTreeprocessor(md), "pills", 7)
        # MkDocs collects anchors at 5, right after the table of contents has made its own; tabs
        # get their ids only at 4, too late for a link to a tab to be found. So they move up.
        slugs = md.treeprocessors["tab_slugs"]
        md.treeprocessors.deregister("tab_slugs")
        md.treeprocessors.register(slugs, "tab_slugs", 5)
        md.treeprocessors.register(TabsTreeprocessor(md), "tabs", 5)


def makeExtension(**kwargs) -> TabsExtension:
    return TabsExtension(**kwargs)
