"""`app`: the app in a browser, with the settings of app.py."""

from __future__ import annotations

import argparse
import os

from sec2sec.extras import require_extra
from sec2sec.ui.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One option a setting; the environment (SEC2SEC_…) gives the defaults."""
    Settings.add_arguments(parser, os.environ)


def run(options: argparse.Namespace) -> int:
    """Serve until the process is ended."""
    settings = Settings.of(options)
    require_extra("app", "the app")
    from sec2sec.ui.app import build, launch

    launch(build(settings), settings)
    return 0
