"""The synchronised view of one explanation: a gr.HTML drawn in the browser, asking nothing during playback."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import plotly

from sec2sec.checkpoints import Bundle
from sec2sec.ui.clip_cache import ExplainedClip
from sec2sec.ui.places import offer_places
from sec2sec.viewer import files
from sec2sec.viewer.payload import as_json, without_maps

PLOTLY_JS = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def clip_view(
    *,
    video_id: str,
    elem_id: str,
    link: bool = False,
    opens_windows: bool = False,
    questions: Sequence[Callable[[Any], Any]] = (),
) -> gr.HTML:
    """Timeline, co-attention and table of one clip. Its value is view_payload()'s JSON, or None.

    video_id is the elem_id of the gr.Video that it follows and seeks. link: the page's address carries its time and its
    pinned second, which one view of a page can do. opens_windows: somebody listens to its `select`, which names a point
    of a film's curve, or None for the whole. questions: what the view may ask of its clip, of ui/places.py.
    A function and no subclass of gr.HTML, beside which gradio would write a .pyi.
    """
    gr.set_static_paths([PLOTLY_JS])  # served from the installed package: no network, long cache headers
    return gr.HTML(
        html_template=files.markup(),
        css_template=files.style(*files.VIEW_STYLES),
        js_on_load=files.script(files.VIEW),
        apply_default_css=False,
        elem_id=elem_id,
        video_id=video_id,
        link=link,
        opens_windows=opens_windows,
        server_functions=list(questions) or None,
        plotly_js=str(PLOTLY_JS),
    )


def view_value(clip: ExplainedClip, key: str, bundle: Bundle) -> str:
    """The value of a view that may ask more of its clip by its id in the cache. Never part of a report."""
    return as_json(without_maps(clip.payload) | {"places": offer_places(clip, key, bundle)})
