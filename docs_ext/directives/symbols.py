"""`::: symbols`: the table of symbols."""

from markdown import Markdown

from optimizers.formula.symbols import SYMBOLS


def symbols(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return the table: each symbol's name in the code and its meaning in both languages."""
    rows = ["| Formula | Name in the code | Meaning | معنی |", "| --- | --- | --- | --- |"]
    for symbol in SYMBOLS:
        code = f"`{symbol.code}`" if symbol.code else "–"
        rows.append(f"| ${symbol.latex}$ | {code} | {symbol.meaning} | {symbol.fa} |")
    return rows
