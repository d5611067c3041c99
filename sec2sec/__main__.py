"""`python -m sec2sec`: the command line, as the command `sec2sec`."""

from __future__ import annotations

import sys

from sec2sec.cli import main

if __name__ == "__main__":
    sys.exit(main())
