"""What a person takes away from the Inspect tab: report, figures, tables, citation, each written when asked for."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Literal

import gradio as gr
from gradio.components import Component

from sec2sec.citation import citation
from sec2sec.export.as_json import to_json
from sec2sec.export.as_table import to_csv
from sec2sec.files import write_atomically
from sec2sec.plots.files import figure_bytes
from sec2sec.plots.timeline import timeline
from sec2sec.ui.clip_cache import ClipCache, ExplainedClip
from sec2sec.ui.events import AT_ONCE, WHEN_ENTERED_JS, Updates
from sec2sec.ui.gradio_private import served_path
from sec2sec.ui.lab.annotated import AnnotatedFilm
from sec2sec.ui.messages import alert, errors_as_messages, status
from sec2sec.ui.models import Models
from sec2sec.ui.settings import Settings
from sec2sec.viewer import files
from sec2sec.viewer.templates import render

Form = Literal["html", "json", "csv", "svg", "png"]
SCRIPT = Path(__file__).with_name("downloads.js")
LABELS: dict[Form, tuple[str, str]] = {  # what a button says, and its id
    "html": ("Report", "report"),
    "svg": ("Figure SVG", "figure-svg"),
    "png": ("Figure PNG", "figure-png"),
    "csv": ("CSV", "csv"),
    "json": ("JSON", "json"),
}


class Downloads:
    """One group of buttons, hidden before a clip was explained; the films are its second part."""

    def __init__(self, settings: Settings, cache: ClipCache, clip_id: gr.State) -> None:
        """Lays out the group; called within gr.Blocks."""
        self.cache, self.clip_id = cache, clip_id
        # holds the file's address for the browser; within the group it would appear with it
        self.saved = gr.DownloadButton(visible="hidden", elem_id="saved")
        with gr.Column(visible=False, elem_id="downloads", elem_classes="downloads") as self.box:
            gr.HTML(render("legend.html", text="Save and share"))
            with gr.Row(elem_classes="actions"):
                self.by_form = {
                    form: gr.Button(words, elem_id=elem_id, size="sm", min_width=80)
                    for form, (words, elem_id) in LABELS.items()
                }
                self.cite = gr.Button("Copy citation", elem_id="cite", size="sm", min_width=80)
            self.line = gr.HTML("", elem_id="downloads-status")
            self.film = AnnotatedFilm(settings, cache, clip_id)

    @property
    def buttons(self) -> list[gr.Column]:
        """What appears with an explanation: the group as a whole."""
        return [self.box]

    def connect(self, models: Models) -> None:
        """Wire the buttons."""

        @errors_as_messages(lambda message: {self.saved: None, self.line: alert(message)})
        def write(form: Form, key: str | None) -> Updates:
            path = write_file(models, self.cache.get(key), form, self.saved)
            return {self.saved: str(path), self.line: status(f"{path.name} is in your downloads.")}

        for form, button in self.by_form.items():
            button.click(
                functools.partial(write, form), self.clip_id, [self.saved, self.line], js=WHEN_ENTERED_JS, **AT_ONCE
            ).then(None, self.saved, None, js=save_js(), **AT_ONCE)
        self.cite.click(None, None, self.line, js=copy_citation_js(), **AT_ONCE)
        self.clip_id.change(lambda: "", None, self.line, **AT_ONCE)  # it spoke of the clip before


def save_js() -> str:
    """A script that fetches a file that was just written. It takes the value of a DownloadButton."""
    return f"file => {{ {files.script(SCRIPT, 'save(file);')} }}"


def copy_citation_js() -> str:
    """A script that copies the citation, or saves it where the browser lets no page copy, and then says which."""
    said = {
        "copied": status("The citation is copied: the program and the paper, as sentences and as BibTeX."),
        "saved": status("citation.bib is in your downloads, because this browser does not let the page copy."),
    }
    given = ", ".join(json.dumps(value) for value in (citation(), "citation.bib", said))
    modules, _, call = files.script(SCRIPT, f"copyOrSave({given});").rpartition("\n")
    return f"() => {{ {modules}\nreturn {call} }}"


def write_file(models: Models, clip: ExplainedClip, form: Form, component: Component) -> Path:
    """The explanation as a file that is served. component: one whose cache it lies in."""
    path = served_path(component, f"{Path(clip.explanation.clip.name).stem}.sec2sec.{form}")
    write_atomically(path, content_of(models, clip, form))
    clip.keep_newest(form, path)
    return path


def content_of(models: Models, clip: ExplainedClip, form: Form) -> bytes:
    """The explanation in one of its forms."""
    if form == "html":
        return clip.report(models.get(clip.model).card).encode()
    if form == "json":
        return json.dumps(to_json(clip.explanation), indent=1).encode()
    if form == "csv":
        return to_csv(clip.explanation, clip.shown_targets).encode()
    planted = clip.payload.get("planted") or {}
    figure = timeline(clip.explanation, clip.shown_targets, waveform=clip.preview.waveform, planted=planted)
    return figure_bytes(figure, f".{form}")
