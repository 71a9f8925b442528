"""Finishing of rendered pages and of the whole site: checks first, then what makes it lighter."""
