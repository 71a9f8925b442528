"""Extensions of Markdown that authors may use: one a module, each listed in mkdocs.yml."""
