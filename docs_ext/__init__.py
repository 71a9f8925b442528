"""The Markdown that the pages are written in: what Python-Markdown lacks for formulas,
Persian, and pages with varieties."""
