"""TrainConfig's fields as the form offers them: all but the data, each with its sentence, its default and its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from sec2sec.datasets.splits import SPLIT_RULES as SPLITS
from sec2sec.training.settings import SettingsError, TrainConfig

SYSTEM = "system"  # the field that names the system; its choices are the field's own
MAIN = (SYSTEM, "preset", "epochs", "rate", "batch", "seed", "targets")  # the few that matter; the rest is folded away
CLASS_EPOCHS = 20  # the set of a class is learned by then
DEFAULTS: dict[str, Any] = {"epochs": CLASS_EPOCHS}  # where the form's differ
CHOICES: dict[str, tuple[str, ...] | tuple[tuple[str, str], ...]] = {
    # a path of the server is nothing that a visitor may name
    "init": (("the bundled demo", ""), ("random: add “tuned” encoders", "random")),
    "split": SPLITS,
}
MOST = {"batch": 1024, "width": 1024, "hidden": 1024, "heads": 64, "examples": 12}  # beyond this is a mistake
LABELS = {SYSTEM: "System", "rate": "Learning rate", "batch": "Clips a step", "liris_rule": "LIRIS rule"}


@dataclass(frozen=True)
class Field:
    """One setting in the form."""

    name: str
    kind: Any  # its type
    sentence: str
    default: Any
    choices: tuple[Any, ...]

    @property
    def label(self) -> str:
        """Its name as people write it."""
        return LABELS.get(self.name, self.name.replace("_", " ").capitalize())

    @property
    def shown(self) -> Any:
        """The default as its widget holds it: lists and numbers that may be left out are text."""
        return ",".join(map(str, self.default)) if self.many else "" if self.default is None else self.default

    @property
    def many(self) -> bool:
        """Whether it takes a list, which the form takes as text with commas."""
        return bool(parts := get_args(self.kind)) and parts[-1] is Ellipsis

    @property
    def optional(self) -> bool:
        """Whether it may be left empty."""
        return self.many or self.kind == float | None


def offered() -> dict[str, Field]:
    """Every setting that the form offers, by name, the main ones first."""
    found = {}
    for name, hint in get_type_hints(TrainConfig, include_extras=True).items():
        kind, sentence = get_args(hint)
        literal = get_args(kind) if isinstance(next(iter(get_args(kind)), None), str) else ()
        default = DEFAULTS.get(name, getattr(TrainConfig, name))
        found[name] = Field(name, kind, sentence, default, CHOICES.get(name, literal))
    del found["data"]
    return {name: found[name] for name in (*MAIN, *(name for name in found if name not in MAIN))}


def settings_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the widgets hold → values for TrainConfig. Raises SettingsError: a browser can send anything."""
    fields, values = offered(), {}
    for name, value in given.items():
        field = fields[name]
        if value is None or (value == "" and field.kind is not str and not field.choices):
            if not field.optional:
                raise SettingsError(f"{field.label}: a number is missing")
            continue
        if field.choices and value not in [c[1] if isinstance(c, tuple) else c for c in field.choices]:
            raise SettingsError(f"{field.label}: {value!r} is none of its choices")
        values[name] = _typed(field, value)
    return values


def _typed(field: Field, value: Any) -> Any:
    """One value as TrainConfig wants it."""
    try:
        if field.many:
            kind = get_args(field.kind)[0]
            return tuple(kind(part.strip()) for part in str(value).split(",") if part.strip())
        if field.kind == float | None:
            value = float(value)
        if field.kind is int:
            value = int(value) if float(value) == int(value) else value  # a number widget sends 20.0
    except (TypeError, ValueError, OverflowError):
        kind = "names" if field.kind == tuple[str, ...] else "whole numbers" if field.many else "a number"
        raise SettingsError(f"{field.label}: expected {kind}, not {value!r}") from None
    if field.name in MOST and value > MOST[field.name]:
        raise SettingsError(f"{field.label}: at most {MOST[field.name]}, not {value:g}")
    return value
