"""Agreement and disagreement of a comparison, drawn in the browser; it also holds players and views together."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import gradio as gr

from sec2sec.ui.clip_view import PLOTLY_JS
from sec2sec.viewer import files

HERE = Path(str(resources.files(__package__)))


def compare_view(*, elem_id: str) -> gr.HTML:
    """Its value is the JSON of payload.compare_models() or compare_clips(), or None."""
    return gr.HTML(
        html_template=(HERE / "view.html").read_text(encoding="utf-8"),
        css_template=files.style(*files.VIEW_STYLES, HERE / "compare.css"),
        js_on_load=files.script(HERE / "compare.js"),
        apply_default_css=False,
        elem_id=elem_id,
        video_id="",
        plotly_js=str(PLOTLY_JS),
    )
