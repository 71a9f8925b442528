"""`python -m optimizers.formula` prints a formula as code, or compares it with somebody's class."""

import sys

# The formula's own modules know no framework: this file only hands on.
from ..frameworks.command import main

if __name__ == "__main__":
    sys.exit(main())
