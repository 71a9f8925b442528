"""Changes of formulas and code, one at a time, and whether the checks notice each."""
