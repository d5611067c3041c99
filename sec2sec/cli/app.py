"""`app`: the app in a browser, with the settings of app.py."""

from __future__ import annotations

import argparse
import os
import socket

from sec2sec.errors import SettingsError
from sec2sec.extras import require_extra
from sec2sec.ui.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One option a setting; the environment (SEC2SEC_…) gives the defaults."""
    Settings.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Serve until the process is ended."""
    settings = Settings.choose(options, os.environ)
    require_extra("app", "the app")
    check_port(settings.host, settings.port)
    from sec2sec.ui.app import build, launch
    from sec2sec.ui.devices import device_names

    device_names(settings.device)  # one that is not there is refused now, not by each visitor's clip
    launch(build(settings), settings)
    return 0


def check_port(host: str, port: int) -> None:
    """Raise SettingsError where nothing can be served: before the libraries are loaded, not after it."""
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise SettingsError(f"{host}:{port} cannot be served ({why}); choose others with --host and --port") from error
