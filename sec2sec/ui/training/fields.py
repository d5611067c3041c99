"""The settings of a training as the form offers them: all but the data, each with its label, default and choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sec2sec.datasets.splits import SPLIT_RULES
from sec2sec.encoders.here import encoders_here
from sec2sec.fields import Field, fields_of
from sec2sec.jobs.job import MAX_SEED
from sec2sec.training.settings import SettingsError, TrainConfig

SYSTEM = "system"  # the field that names the system; its choices are the field's own
MAIN = (SYSTEM, "preset", "epochs", "rate", "batch", "seed", "targets")  # the few that matter; the rest is folded away
CLASS_EPOCHS = 20  # the set of a class is learned by then
# A path of the server is nothing that a visitor may name
INITS = {"the bundled demo": "", "random: add “tuned” encoders": "random"}
# beyond this is a mistake, or fills the memory of the machine
LARGEST = {
    "batch": 1024,
    "width": 1024,
    "hidden": 1024,
    "heads": 64,
    "layers": 16,
    "examples": 12,
    "seed": MAX_SEED,
    "split_seed": MAX_SEED,
    "rate": 10,
    "encoder_rate": 10,
    "weight_decay": 10,
    "warmup": 1_000_000,
    "clip_norm": 1_000_000,
    "patience": 1_000_000,
}
MAX_TEXT = 500  # characters of one field
LABELS = {"rate": "Learning rate", "batch": "Clips per step", "liris_rule": "LIRIS rule"}


def form_fields() -> dict[str, Field]:
    """Every setting that the form offers, by name, the main ones first."""
    fields = dict(fields_of(TrainConfig))
    fields["epochs"] = replace(fields["epochs"], default=CLASS_EPOCHS)
    del fields["data"]
    return {name: fields[name] for name in (*MAIN, *(name for name in fields if name not in MAIN))}


def label(name: str) -> str:
    """A setting's name as people write it."""
    return LABELS.get(name, name.replace("_", " ").capitalize())


def choices(field: Field) -> list[tuple[str, str]]:
    """What may be chosen, as labels with values; empty where any value may be written."""
    if field.name == "init":
        return list(INITS.items())
    if field.name in ("video_encoder", "audio_encoder"):  # a visitor makes this server download nothing
        return [("of the preset", ""), *((name, name) for name in encoders_here(field.name.partition("_")[0]))]
    return [(value, value) for value in (SPLIT_RULES if field.name == "split" else field.choices)]


def widget_value(field: Field) -> Any:
    """The default as its widget holds it: lists and numbers that may be left out are text."""
    return ",".join(map(str, field.default)) if field.is_list else "" if field.default is None else field.default


def settings_of_form(values: Mapping[str, Any]) -> dict[str, Any]:
    """What the widgets hold → values for TrainConfig. Raises SettingsError: a browser can send anything."""
    fields, settings = form_fields(), {}
    for name, value in values.items():
        field = fields[name]
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise SettingsError(f"{label(name)}: at most {MAX_TEXT} characters, not {len(value)}")
        if value in (None, "") and (field.is_list or field.may_be_none):
            continue
        offered = [choice for _, choice in choices(field)]
        if offered and value not in offered:
            raise SettingsError(f"{label(name)}: {value!r} is none of its choices; choose one of the list")
        settings[name] = field.validate(field.split(value) if isinstance(value, str) else value, label(name))
        if settings[name] is not None and name in LARGEST and settings[name] > LARGEST[name]:
            raise SettingsError(f"{label(name)}: at most {LARGEST[name]}, not {float(settings[name]):g}")
    return settings
