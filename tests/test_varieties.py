"""`# Primary {Variety} …`: pills in the heading, tabs below it, and both the same."""

import pytest

from docs_ext.locate import PageError

pytestmark = pytest.mark.every


def page(title: str, *labels: str, sections=("Description", "Formula", "Example")) -> str:
    tabs = "\n\n".join(f'=== "{label}"\n\n    Text.' for label in labels)
    return "\n\n".join([f"# {title}", *(f"## {name}\n\n{tabs}" for name in sections)])


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("Adam {AdamW} {ADOPT}", ["Adam", "AdamW", "ADOPT"]),
        ("SGD {Momentum}", ["SGD", "Momentum"]),
        ("Gradient Descent {Momentum} {Nesterov}", ["Gradient Descent", "Momentum", "Nesterov"]),
        ("A {B} {C} {D} {E} {F}", list("ABCDEF")),
    ],
)
def test_a_title_is_shown_as_typed_and_its_pills_lead_to_tabs(convert, title, names):
    body = convert(page(title, *names), tree=True)
    heading = body.find("h1")
    assert "".join(heading.itertext()).removesuffix("#") == title
    assert heading.attrib.keys() == {"id"}
    pills = [a for a in heading.findall("a") if "pill" in a.get("class")]
    assert [pill.text for pill in pills] == [f"{{{name}}}" for name in names[1:]]
    ids = {element.get("id") for element in body.iter()}
    assert {pill.get("href")[1:] for pill in pills} <= ids


def test_the_table_of_contents_knows_the_title_as_typed(convert):
    assert convert(page("Adam {AdamW}", "Adam", "AdamW"), toc=True)[0]["name"] == "Adam {AdamW}"


def test_a_tab_has_the_id_that_its_section_and_name_give(convert):
    body = convert(page("Adam {AdamW}", "Adam", "AdamW"), tree=True)
    ids = [element.get("id") for element in body.iter("input")]
    assert ids == [
        f"{s}-{n}" for s in ("description", "formula", "example") for n in ("adam", "adamw")
    ]


@pytest.mark.parametrize(
    ("title", "labels"),
    [
        ("Adam {AdamW} {ADOPT}", ("Adam", "AdamW")),
        ("Adam {AdamW}", ("AdamW", "Adam")),
        ("Adam {AdamW}", ("Adam", "Adamw")),
        ("Adam", ("Adam", "AdamW")),
    ],
)
def test_tabs_that_differ_from_the_title_are_refused_with_both_lists(convert, title, labels):
    with pytest.raises(PageError) as error:
        convert(page(title, *labels))
    names = title.replace("{", "").replace("}", "").split()
    assert f"title: {', '.join(names)}" in str(error.value)
    assert f"tabs:  {', '.join(labels)}" in str(error.value)


def test_a_missing_section_is_refused(convert):
    with pytest.raises(PageError, match="no tabs under: Example"):
        convert(page("Adam {AdamW}", "Adam", "AdamW", sections=("Description", "Formula")))


def test_a_missing_description_is_refused(convert):
    text = page("Adam {AdamW}", "Adam", "AdamW").replace('"AdamW"\n\n    Text.', '"AdamW"', 1)
    with pytest.raises(PageError, match='no description in tab "AdamW"'):
        convert(text)


def test_attributes_of_a_heading_stay_attributes(convert):
    heading = convert("# Adam { #top .wide }\n\nText.", tree=True).find("h1")
    assert heading.get("id") == "top"
    assert heading.get("class") == "wide"


def test_an_only_tab_is_not_shown_as_one_and_keeps_its_address(convert):
    tree = convert(page("Muon", "Muon"), tree=True)
    assert tree.find(".//input") is None
    assert tree.find(".//label") is None
    assert tree.find(".//div[@id='formula-muon']/../p").text == "Text."


def test_a_page_without_varieties_may_have_tabs_of_its_own(convert):
    assert "tabbed-set" in convert(page("Install", "Linux", "macOS", sections=("How",)))
