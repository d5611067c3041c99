"""The player. In a file of its own because gradio writes a .pyi beside every subclass, with a copy of its module."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from gradio.data_classes import FileData


class Player(gr.Video):
    """A gr.Video that plays its file as it is.

    What browsers cannot play has been converted before, in step with the analysis; where ffmpeg is installed, gradio
    would convert once more.
    """

    is_template = True  # in the browser it is gradio's own video component

    def postprocess(self, value: str | Path | None) -> FileData | None:
        """The file as the browser fetches it."""
        return None if value is None else FileData(path=str(value), orig_name=Path(value).name)
