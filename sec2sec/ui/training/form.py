"""The form of the Training tab; its defaults are a class with no data: 200 short known-truth clips, compact preset."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from sec2sec.datasets.known_truth import LEVELS
from sec2sec.fields import Field
from sec2sec.jobs.job import KnownTruth
from sec2sec.ui.settings import Settings
from sec2sec.ui.training.fields import MAIN, SYSTEM, choices, form_fields, label, widget_value
from sec2sec.ui.training.names import MAX_NAME
from sec2sec.ui.training.submit import JobForm, data_sets
from sec2sec.viewer.templates import render

MADE, UPLOAD, SET, FOLDER = "made", "upload", "set", "folder"
CLIPS = KnownTruth()
UPLOADED_FILE = "made_upload"  # the name of the field that holds one
PLACEHOLDERS = {"targets": "all of the table", "rate": "by preset", "encoder_rate": "by preset"}
WIDTHS = {SYSTEM: 190, "preset": 130}  # px; names are long, and a phone is narrow


@dataclass(frozen=True)
class Form:
    """The widgets, by name, in the order in which a handler gets their values."""

    named: Mapping[str, Any]
    groups: Mapping[str, Any]  # what is shown for one of the values of `source`
    reset: gr.Button

    @property
    def widgets(self) -> list[Any]:
        """As inputs of an event."""
        return list(self.named.values())

    def read(self, inputs: Sequence[Any]) -> JobForm:
        """What the widgets hold."""
        values = dict(zip(self.named, inputs, strict=True))
        make = {"clips": values.pop("made_clips"), "seed": values.pop("made_seed"), "level": values.pop("made_level")}
        make["lengths"] = values.pop("made_shortest"), values.pop("made_longest")
        source, upload = values.pop("source"), values.pop(UPLOADED_FILE)
        data_set, folder = values.pop("made_set"), values.pop("made_folder") or ""
        name = values.pop("name") or ""
        return JobForm(source, make, upload, data_set, folder, values, name)


def form(settings: Settings) -> Form:
    """Lay out the form; called within gr.Blocks."""
    named: dict[str, Any] = {}
    sets = data_sets(settings)
    named["name"] = gr.Textbox(
        label="Name of this training",
        placeholder="two words are drawn if you leave it empty",
        max_length=MAX_NAME,
        max_lines=1,
        elem_id="train-name",
    )
    choices = [("Known-truth clips, made here", MADE), ("A zip with my own data set", UPLOAD)]
    choices += [("A data set of this server", SET)] if sets else []
    choices += [("A folder on this server", FOLDER)] if settings.server_folders else []
    # a class needs one button: these defaults are for people with no data
    with gr.Accordion("Settings", open=False, elem_classes="options", elem_id="train-settings"):
        named["source"] = gr.Radio(choices, value=MADE, label="Learn from", elem_id="train-source")
        with gr.Group() as made:
            with gr.Row():
                named["made_clips"] = gr.Number(
                    min(CLIPS.clips, settings.train_clips),
                    label="Clips",
                    precision=0,
                    min_width=70,
                    elem_id="train-clips",
                )
                named["made_shortest"] = gr.Number(CLIPS.lengths[0], label="Shortest, s", precision=0, min_width=70)
                named["made_longest"] = gr.Number(CLIPS.lengths[1], label="Longest, s", precision=0, min_width=70)
            with gr.Row():
                named["made_level"] = gr.Dropdown(list(LEVELS), value=CLIPS.level, label="Level", min_width=120)
                named["made_seed"] = gr.Number(CLIPS.seed, label="Seed of the clips", precision=0, min_width=120)
        with gr.Column(visible=False) as upload:
            named[UPLOADED_FILE] = gr.File(
                label="Zip with a data set", file_types=[".zip"], height=90, elem_id="train-upload"
            )
            gr.HTML(
                render(
                    "paragraph.html",
                    text="A folder with clips.csv (id, path, one column per target, split) and its clips. At most "
                    f"{settings.train_megabytes:,} MB and {settings.train_clips:,} clips; it is deleted with the "
                    f"training{deletion_words(settings.keep_trainings)}.",
                ),
                elem_classes="limits",
            )
        with gr.Column(visible=False) as one_of:
            named["made_set"] = gr.Dropdown(
                sets, value=sets[0] if sets else None, label="Data set", elem_id="train-set"
            )
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
        fields = form_fields()
        for together in (MAIN[:2], MAIN[2:5], MAIN[5:]):
            with gr.Row():
                for name in together:
                    named[name] = _widget(fields[name], settings, has_info=False)
        with gr.Accordion("All other settings", open=False, elem_classes="options"):
            for name in fields:
                if name not in MAIN:
                    named[name] = _widget(fields[name], settings)
        reset = gr.Button("Back to the defaults", size="sm", elem_id="train-defaults")
    return Form(named, groups, reset)


def deletion_words(hours: float) -> str:
    """After how long a training is deleted, as it ends a sentence; empty where all are kept."""
    if math.isinf(hours):
        return ""
    days = hours / 24
    return f", which is {f'{days:g} days' if days >= 2 else f'{hours:g} hours'} after the end of the training"


def _widget(field: Field, settings: Settings, has_info: bool = True) -> Any:
    """The widget of one setting. has_info False: without the help sentence, so that the main ones fit on a screen."""
    value, kind = widget_value(field), field.type
    common: dict[str, Any] = {
        "label": label(field.name),
        "info": field.help if has_info else None,
        "min_width": WIDTHS.get(field.name, 70),
        "elem_id": f"train-{field.name}",
    }
    if offered := choices(field):
        return gr.Dropdown(offered, value=value, **common)
    if kind is bool:
        return gr.Checkbox(value, **common)
    if kind in (int, float) and not field.may_be_none:
        value = min(value, settings.train_epochs) if field.name == "epochs" else value
        return gr.Number(value, precision=0 if kind is int else None, **common)
    return gr.Textbox(value, max_lines=1, placeholder=PLACEHOLDERS.get(field.name), **common)
