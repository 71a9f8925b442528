"""How pages become a site: MkDocs calls `hooks`, and Python-Markdown what is in `markdown`."""
