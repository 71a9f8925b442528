"""What CHANGELOG.md says of a release: `python -m tools.release_notes v0.1.0` prints it."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
VERSION = re.compile(r'^VERSION = "(.+)"$', re.MULTILINE)


def notes(tag: str, changelog: str, version: str) -> str:
    """Return the section of a release.

    Args:
        tag: `v` and a version.
        changelog: the text of CHANGELOG.md.
        version: that of the package.

    Raises:
        SystemExit: the tag is of another version, or the changelog has no dated section for it.

    Example:
        >>> notes("v0.2.0", "## [0.2.0] - 2027-01-31\\n\\nAll.\\n\\n## [0.1.0]", "0.2.0")
        'All.'
    """
    if tag != f"v{version}":
        sys.exit(f"optimizers/_distribution.py: VERSION is {version}, the tag is {tag}: change one")
    heading = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$"
    found = re.search(rf"{heading}\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if not found:
        sys.exit(f"CHANGELOG.md: rename [Unreleased] to `## [{version}] - YEAR-MONTH-DAY`")
    return found[1].strip()


if __name__ == "__main__":
    # The package is not imported: it would need torch.
    (of_package,) = VERSION.findall((ROOT / "optimizers/_distribution.py").read_text("utf-8"))
    print(notes(sys.argv[1], (ROOT / "CHANGELOG.md").read_text("utf-8"), of_package))
