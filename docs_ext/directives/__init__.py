"""What the build writes where a page has `:::`; `markdown/directives.py` lists the names."""
