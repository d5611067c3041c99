"""Two buttons of the Inspect tab: the explanation as JSON and as a report, written when they are asked for."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Literal

import gradio as gr
from gradio.components import Component

from sec2sec.export.as_json import to_json
from sec2sec.files import write_atomically
from sec2sec.ui.clip_cache import ClipCache, ExplainedClip
from sec2sec.ui.events import AT_ONCE, Updates
from sec2sec.ui.gradio_private import served_path
from sec2sec.ui.messages import alert, errors_as_messages
from sec2sec.ui.models import Models
from sec2sec.viewer import files

Form = Literal["json", "html"]
SCRIPT = Path(__file__).with_name("downloads.js")


class Downloads:
    """Buttons that are hidden before a clip was explained."""

    def __init__(self) -> None:
        """Lays out the buttons; called within a row."""
        self.as_json = gr.Button("JSON", visible=False, elem_id="json", min_width=80)
        self.as_page = gr.Button("Report", visible=False, elem_id="report", min_width=80)
        self.saved = gr.DownloadButton(visible="hidden", elem_id="saved")  # holds the file's address for the browser

    @property
    def buttons(self) -> list[gr.Button]:
        """Those that a person sees."""
        return [self.as_json, self.as_page]

    def connect(self, models: Models, cache: ClipCache, clip_id: gr.State, line: gr.HTML) -> None:
        """Wire the buttons. line: says why nothing could be written."""

        @errors_as_messages(lambda message: {self.saved: None, line: alert(message)})
        def write(form: Form, key: str | None) -> Updates:
            return {self.saved: str(write_file(models, cache.get(key), form, self.saved))}

        save_js = f"file => {{ {files.script(SCRIPT, 'save(file);')} }}"
        forms: dict[Form, gr.Button] = {"json": self.as_json, "html": self.as_page}
        for form, button in forms.items():
            button.click(functools.partial(write, form), clip_id, [self.saved, line], **AT_ONCE).then(
                None, self.saved, None, js=save_js, **AT_ONCE
            )


def write_file(models: Models, clip: ExplainedClip, form: Form, component: Component) -> Path:
    """The explanation as a file that is served. component: one whose cache it lies in."""
    path = served_path(component, f"{Path(clip.explanation.clip.name).stem}.sec2sec.{form}")
    if form == "json":
        text = json.dumps(to_json(clip.explanation), indent=1)
    else:
        text = clip.report(models.get(clip.model).card)
    write_atomically(path, text.encode())
    return path
