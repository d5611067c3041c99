"""Two buttons of the Inspect tab: the explanation as JSON and as a report, written when they are asked for."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from sec2sec.export.as_json import to_json
from sec2sec.ui.clips import cached
from sec2sec.ui.messages import alert, errors_as_messages
from sec2sec.ui.models import Models
from sec2sec.ui.shelf import ClipCache, Kept
from sec2sec.viewer import files

Form = Literal["json", "html"]
SCRIPT = Path(__file__).with_name("downloads.js")


def download_buttons(models: Models, shelf: ClipCache, kept: gr.State, told: gr.HTML) -> list[gr.Button]:
    """Laid out within a row, hidden before a clip was explained. told: says why nothing could be written."""
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
    as_json = gr.Button("JSON", visible=False, elem_id="json", min_width=80)
    as_page = gr.Button("Report", visible=False, elem_id="report", min_width=80)
    saved = gr.DownloadButton(visible="hidden", elem_id="saved")  # holds the file's address for the browser

    @errors_as_messages(lambda message: (None, alert(message)))
    def write(form: Form, key: str | None) -> tuple[Any, ...]:
        return str(written(models, shelf.get(key), form, saved)), gr.skip()

    for button, form in ((as_json, "json"), (as_page, "html")):
        button.click(functools.partial(write, form), kept, [saved, told], **quiet).then(
            None, saved, None, js=f"file => {{ {files.script(SCRIPT, 'save(file);')} }}", **quiet
        )
    return [as_json, as_page]


def written(models: Models, clip: Kept, form: Form, component: Any) -> Path:
    """The explanation as a file that is served. component: one whose cache it lies in."""
    path = cached(component, f"{Path(clip.explanation.clip.name).stem}.sec2sec.{form}")
    said = (
        json.dumps(to_json(clip.explanation), indent=1) if form == "json" else clip.report(models.get(clip.model).card)
    )
    path.write_text(said, encoding="utf-8")
    return path
