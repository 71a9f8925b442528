"""The package's docstrings as pages, by mkdocstrings: its extension and its template."""
