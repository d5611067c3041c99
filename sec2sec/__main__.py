"""The command `sec2sec`, and `python -m sec2sec`: the command line as a process of its own."""

from __future__ import annotations

import sys

from sec2sec.cli import main
from sec2sec.threads import let_waiting_threads_sleep


def run() -> int:
    """Run the command line in a process that owns its environment."""
    let_waiting_threads_sleep()
    return main()


if __name__ == "__main__":
    sys.exit(run())
