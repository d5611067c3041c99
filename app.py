"""The app; also the entry of the Hugging Face Space. `python app.py --help` lists the settings."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from sec2sec.errors import DeviceError
from sec2sec.threads import let_waiting_threads_sleep
from sec2sec.ui.settings import Settings

if TYPE_CHECKING:
    from gradio import Blocks


def build_app(settings: Settings) -> Blocks:
    """The app, ready to be served; ends the process where the device is not there."""
    from sec2sec.ui.app import build  # torch
    from sec2sec.ui.devices import device_names

    try:
        device_names(settings.device)
    except DeviceError as error:
        sys.exit(f"app.py: error: {error}")
    return build(settings)


let_waiting_threads_sleep()
settings = Settings.read(sys.argv[1:] if __name__ == "__main__" else [], os.environ)
demo = build_app(settings)

if __name__ == "__main__":
    from sec2sec.ui.app import launch

    launch(demo, settings)
