"""The app. Only this folder imports gradio; settings, and what a report shows as well, do without."""

from contextlib import suppress

with suppress(ImportError):
    import spaces as spaces  # first of all: on a ZeroGPU Space, before torch
