"""What the package is called where it is installed from, and its version: here and nowhere else.

The package index has a stranger's `optimizers`, so what is installed has a name of its own.
"""

NAME = "optimizers-that-run"
VERSION = "0.1.0"
