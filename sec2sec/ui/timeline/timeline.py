"""The synchronised view of one explanation: a gr.HTML drawn in the browser, asking nothing during playback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import plotly

HERE = Path(__file__).parent
PLOTLY_JS = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
SCRIPTS = ("shared.js", "timeline.js", "coattention.js", "main.js")  # one scope, in this order


class ClipView(gr.HTML):
    """Timeline, co-attention and table of one clip. Its value is payload.encode()'s JSON, or None.

    video_id is the elem_id of the gr.Video that it follows and seeks.
    """

    def __init__(self, value: str | None = None, *, video_id: str, **layout: Any) -> None:
        gr.set_static_paths([PLOTLY_JS])  # served from the installed package: no network, long cache headers
        super().__init__(
            value=value,
            html_template=(HERE / "view.html").read_text(encoding="utf-8"),
            css_template=(HERE / "timeline.css").read_text(encoding="utf-8"),
            js_on_load="\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS),
            apply_default_css=False,
            video_id=video_id,
            plotly_js=str(PLOTLY_JS),
            **layout,
        )

    def postprocess(self, value: str | None) -> str | None:
        return value  # a string survives cached examples and deep links, where a dict is lost

    def api_info(self) -> dict[str, Any]:
        return {"type": "string", "description": "JSON of one explanation, made by sec2sec.ui.timeline.payload"}
