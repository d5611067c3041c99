"""The app. Only this folder imports gradio."""

from sec2sec.ui import gpu as gpu  # first of all: on a ZeroGPU Space, `spaces` is imported before torch
