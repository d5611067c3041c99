"""The app; also the entry of the Hugging Face Space. `python app.py --help` lists the settings."""

import os
import sys

from sec2sec.errors import DeviceError
from sec2sec.ui.app import build, launch
from sec2sec.ui.devices import device_names
from sec2sec.ui.settings import Settings

settings = Settings.read(sys.argv[1:] if __name__ == "__main__" else [], os.environ)
try:
    device_names(settings.device)
except DeviceError as error:
    sys.exit(f"app.py: error: {error}")
demo = build(settings)

if __name__ == "__main__":
    launch(demo, settings)
