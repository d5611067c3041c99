"""The form of the Training tab; its defaults are a class with no data: 200 short known-truth clips, compact preset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from sec2sec.datasets.known_truth import LEVELS
from sec2sec.jobs.job import KnownTruth
from sec2sec.ui.settings import Settings
from sec2sec.ui.training.fields import MAIN, SYSTEM, Field, offered
from sec2sec.ui.training.orders import Asked, data_sets
from sec2sec.viewer.templates import render

MADE, UPLOAD, SET, FOLDER = "made", "upload", "set", "folder"
CLIPS = KnownTruth()
HINTS = {"targets": "all of the table", "rate": "by preset", "encoder_rate": "by preset"}  # of empty fields


@dataclass(frozen=True)
class Form:
    """The widgets, by name, in the order in which a handler gets their values."""

    named: Mapping[str, Any]

    @property
    def widgets(self) -> list[Any]:
        """As inputs of an event."""
        return list(self.named.values())

    def read(self, values: Sequence[Any]) -> Asked:
        """What they hold."""
        held = dict(zip(self.named, values, strict=True))
        made = {"clips": held.pop("made_clips"), "seed": held.pop("made_seed"), "level": held.pop("made_level")}
        made["lengths"] = held.pop("made_shortest"), held.pop("made_longest")
        source, upload = held.pop("source"), held.pop("made_upload")
        data_set, folder = held.pop("made_set"), held.pop("made_folder") or ""
        return Asked(source, made, upload, data_set, folder, held)


def form(settings: Settings) -> Form:
    """Lays it out; called within gr.Blocks."""
    named: dict[str, Any] = {}
    sets = data_sets(settings)
    choices = [("Known-truth clips, made here", MADE), ("A zip with my own data set", UPLOAD)]
    choices += [("A data set of this server", SET)] if sets else []
    choices += [("A folder on this server", FOLDER)] if settings.server_folders else []
    named["source"] = gr.Radio(choices, value=MADE, label="Learn from", elem_id="train-source")
    with gr.Group() as made:
        with gr.Row():
            named["made_clips"] = gr.Number(
                min(CLIPS.clips, settings.train_clips), label="Clips", precision=0, min_width=70, elem_id="train-clips"
            )
            named["made_shortest"] = gr.Number(CLIPS.lengths[0], label="Shortest, s", precision=0, min_width=70)
            named["made_longest"] = gr.Number(CLIPS.lengths[1], label="Longest, s", precision=0, min_width=70)
        with gr.Row():
            named["made_level"] = gr.Dropdown(list(LEVELS), value=CLIPS.level, label="Level", min_width=120)
            named["made_seed"] = gr.Number(CLIPS.seed, label="Seed of the clips", precision=0, min_width=120)
    with gr.Column(visible=False) as upload:
        named["made_upload"] = gr.File(
            label="Zip with a data set", file_types=[".zip"], height=90, elem_id="train-upload"
        )
        gr.HTML(
            render(
                "paragraph.html",
                text="A folder with clips.csv (id, path, one column per target, split) and its clips. At most "
                f"{settings.train_megabytes:,} MB and {settings.train_clips:,} clips; it is deleted with the training.",
            ),
            elem_classes="limits",
        )
    with gr.Column(visible=False) as one_of:
        named["made_set"] = gr.Dropdown(sets, value=sets[0] if sets else None, label="Data set", elem_id="train-set")
    with gr.Column(visible=False) as folder:
        named["made_folder"] = gr.Textbox(label="Folder on this server", placeholder="/path/to/a/data/set")
    groups = {MADE: made, UPLOAD: upload, SET: one_of, FOLDER: folder}
    named["source"].change(
        lambda source: [gr.update(visible=name == source) for name in groups],
        named["source"],
        list(groups.values()),
        queue=False,
        api_visibility="private",
        show_progress="hidden",
    )
    fields = offered()
    for together in (MAIN[:2], MAIN[2:5], MAIN[5:]):
        with gr.Row():
            for name in together:
                named[name] = _widget(fields[name], settings, told=False)
    with gr.Accordion("All other settings", open=False, elem_classes="options"):
        for name in fields:
            if name not in MAIN:
                named[name] = _widget(fields[name], settings)
    return Form(named)


def _widget(field: Field, settings: Settings, told: bool = True) -> Any:
    """One setting. told False: without its sentence, so that the few main ones fit on a screen."""
    info = field.sentence if told else None
    width = {SYSTEM: 190, "preset": 130}.get(field.name, 70)  # px; names are long, and a phone is narrow
    common: dict[str, Any] = {"label": field.label, "info": info, "min_width": width, "elem_id": f"train-{field.name}"}
    if field.choices:
        return gr.Dropdown(list(field.choices), value=field.shown, **common)
    if field.kind is bool:
        return gr.Checkbox(field.shown, **common)
    if field.kind in (int, float):
        default = min(field.shown, settings.train_epochs) if field.name == "epochs" else field.shown
        return gr.Number(default, precision=0 if field.kind is int else None, **common)
    return gr.Textbox(field.shown, max_lines=1, placeholder=HINTS.get(field.name), **common)
