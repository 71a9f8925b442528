"""Figures of the pages: what is drawn, how it becomes SVG, and the tables of its numbers."""
