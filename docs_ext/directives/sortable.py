"""Tables that readers can sort, for the directives that write some."""


def sortable(table: list[str]) -> list[str]:
    """Return the Markdown of a table that readers can sort by a click on a column's head."""
    return ["/// html | div.sortable", "", *table, "", "///"]
