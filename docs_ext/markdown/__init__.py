"""What authors may write beyond Markdown: one extension a module, each listed in mkdocs.yml."""
