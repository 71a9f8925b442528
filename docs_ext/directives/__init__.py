"""Directives: the Markdown in the place of `:::`; `markdown/directives.py` lists their names."""
