"""Reads LaTeX update rules and turns them into programs.

What needs lark and SymPy is imported when it is first asked for; the table of symbols needs neither.
"""
