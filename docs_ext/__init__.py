"""The site's own part of the build: MkDocs calls `hooks`, and Python-Markdown calls `markdown`."""
