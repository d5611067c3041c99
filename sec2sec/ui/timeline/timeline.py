"""The synchronised view of one explanation: a gr.HTML drawn in the browser, asking nothing during playback."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
import plotly

HERE = Path(__file__).parent
PLOTLY_JS = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
SCRIPTS = ("shared.js", "timeline.js", "lanes.js", "table.js", "coattention.js", "main.js")  # one scope, in this order


def clip_view(*, video_id: str, elem_id: str) -> gr.HTML:
    """Timeline, co-attention and table of one clip. Its value is payload.encode()'s JSON, or None.

    video_id is the elem_id of the gr.Video that it follows and seeks. A function and no subclass of gr.HTML, beside
    which gradio would write a .pyi.
    """
    gr.set_static_paths([PLOTLY_JS])  # served from the installed package: no network, long cache headers
    return gr.HTML(
        html_template=(HERE / "view.html").read_text(encoding="utf-8"),
        css_template=(HERE / "timeline.css").read_text(encoding="utf-8"),
        js_on_load="\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS),
        apply_default_css=False,
        elem_id=elem_id,
        video_id=video_id,
        plotly_js=str(PLOTLY_JS),
    )
