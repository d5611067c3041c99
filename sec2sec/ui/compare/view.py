"""Agreement and disagreement of a comparison, drawn in the browser; it also holds players and views together."""

from __future__ import annotations

from importlib import resources

import gradio as gr

from sec2sec.ui.timeline import files
from sec2sec.ui.timeline.timeline import PLOTLY_JS

HERE = resources.files(__package__)


def compare_view(*, elem_id: str) -> gr.HTML:
    """Its value is the JSON of payload.compare_models() or compare_clips(), or None."""
    scripts = (files.HERE / "shared.js", HERE / "compare.js")
    styles = (files.HERE / "timeline.css", HERE / "compare.css")
    return gr.HTML(
        html_template=(HERE / "view.html").read_text(encoding="utf-8"),
        css_template="\n".join(path.read_text(encoding="utf-8") for path in styles),
        js_on_load="\n".join(path.read_text(encoding="utf-8") for path in scripts),
        apply_default_css=False,
        elem_id=elem_id,
        video_id="",
        plotly_js=str(PLOTLY_JS),
    )
