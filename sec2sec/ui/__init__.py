"""The app. Only this folder imports gradio; settings, and what a report shows as well, do without."""

import os

if os.environ.get("SPACES_ZERO_GPU"):
    import spaces as spaces  # first of all: on a ZeroGPU Space, before torch
