"""A data set read as a checkpoint learned to read it: its rule, its split, its targets, and what of that differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from sec2sec.checkpoints import Bundle
from sec2sec.datasets import first_impressions, liris
from sec2sec.datasets.open import Reading, has_interview, is_liris, open_data
from sec2sec.datasets.table import DataError, Table
from sec2sec.fields import fields_of
from sec2sec.training.settings import TrainConfig, earlier_settings


@dataclass(frozen=True)
class OpenedData:
    """The table, and a sentence for each way in which it is not what the checkpoint learned from."""

    table: Table
    # the options that it was read with; none where there is no choice
    reading: Mapping[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def open_as_learned(
    bundle: Bundle,
    directory: Path | str,
    *,
    options: Mapping[str, Any] | None = None,
    open_table: Callable[..., Table] = open_data,
) -> OpenedData:
    """Open a folder with the options that the checkpoint learned with.

    options: fields of Reading that overrule the checkpoint's; each that differs is a remark. open_table:
    open_data, or what reads as it does within other limits.
    Raises DataError where a target is a class for one and a score for the other, or none is shared.
    """
    chosen = dict(options or {})
    targets = bundle.model.config.targets
    recorded = _recorded(bundle)
    remarks: list[str] = []
    reading: dict[str, Any] = {}
    if is_liris(directory):
        known = recorded is not None and _learned_from(bundle, liris.NAME)
        own = _liris_options(recorded if recorded is not None and known else Reading())
        reading = {**own, **chosen}
        if not known:
            words = ", ".join(f"{name} {value}" for name, value in reading.items())
            remarks.append(f"The checkpoint does not say how LIRIS-ACCEDE is to be read; it was read with {words}.")
        else:
            remarks += _differences(own, reading)
        table = open_table(directory, **reading)
    else:
        if has_interview(directory):
            reading = {"interview": first_impressions.INTERVIEW in targets}
        table = open_table(directory, **reading, **chosen)
        if own := _splitting_options(bundle, recorded, table):
            reading = {**reading, **own, **chosen}
            remarks += _differences(own, reading) if recorded is not None else [_drawn_anew(reading)]
            table = open_table(directory, **reading)
    _check_targets(bundle, table)
    remarks += _check_tokens(bundle, table)
    if absent := [name for name in targets if name not in table.targets]:
        remarks.append(f"The data set has no labels of {', '.join(absent)}, which the checkpoint predicts as well.")
    return OpenedData(table, reading, tuple(remarks))


def _recorded(bundle: Bundle) -> Reading | None:
    """How its training read the data; None for a checkpoint that does not say."""
    config = bundle.config.get("provenance", {}).get("config")
    if not isinstance(config, Mapping):
        return None
    settings, known = earlier_settings(config), fields_of(TrainConfig)
    names = [field.name for field in fields(Reading) if field.name in settings]
    return Reading(**{name: known[name].validate(settings[name]) for name in names})


def _learned_from(bundle: Bundle, name: str) -> bool:
    data = bundle.config.get("provenance", {}).get("data", [])
    return any(str(one.get("name", "")).startswith(name) for one in data if isinstance(one, Mapping))


def _liris_options(reading: Reading) -> dict[str, Any]:
    options = {"liris_rule": reading.liris_rule, "split": reading.split, "split_seed": reading.split_seed}
    return options | ({"split_shares": reading.split_shares, "fold": reading.fold} if reading.fold else {})


def _splitting_options(bundle: Bundle, recorded: Reading | None, table: Table) -> dict[str, Any]:
    """By what a table is split that does not say so itself: the fold that was learned from its data, or a draw."""
    own = recorded or Reading()
    options = {"split_seed": own.split_seed, "split_shares": own.split_shares}
    if own.fold and _learned_from(bundle, table.name):
        return {**options, "fold": own.fold}
    return options if table.drawn else {}


def _differences(own: Mapping[str, Any], reading: Mapping[str, Any]) -> list[str]:
    """A sentence where some option is not the checkpoint's own."""
    changed = [name for name in own if reading[name] != own[name]]
    words = "; ".join(f"{name} {reading[name]!r}, not {own[name]!r}" for name in changed)
    return [f"Read otherwise than the checkpoint learned: {words}."] if changed else []


def _drawn_anew(reading: Mapping[str, Any]) -> str:
    words = ", ".join(f"{name} {value}" for name, value in reading.items())
    return f"The table names no split and the checkpoint does not say how to draw one; it was drawn with {words}."


def _check_tokens(bundle: Bundle, table: Table) -> list[str]:
    """DataError where a checkpoint of clips gets features, one of features clips, or one of them other shapes.

    A remark where another program computed the features.
    """
    learned, name = features_of(bundle), bundle.summary.name
    if table.features is None:
        if learned is None:
            return []
        raise DataError(f"{table.directory}: holds clips, and {name} reads features of {learned['name']}: give those")
    if learned is None:
        raise DataError(f"{table.directory}: holds features, and {name} reads clips: give the folder of the clips")
    own, other = bundle.encoders.config, table.features.encoder
    if any(getattr(own, what) != getattr(other, what) for what in ("shapes", "video_grid", "audio_grid")):
        raise DataError(
            f"{table.directory}: its tokens x channels per second are {_shapes_in_words(other.shapes)}, and those that "
            f"{name} learned from {_shapes_in_words(own.shapes)}; give features of {learned['name']}, with their grids"
        )
    if table.features.name != learned["name"]:
        return [f"The features are of {table.features.name}, and the checkpoint learned from {learned['name']}."]
    return []


def features_of(bundle: Bundle) -> Mapping[str, Any] | None:
    """What a checkpoint says of the features that it learned from; None for one that reads clips."""
    if bundle.encoders.config.preset != "features":
        return None
    recorded = bundle.config.get("provenance", {}).get("features")
    return recorded if isinstance(recorded, Mapping) and "name" in recorded else {"name": "an unknown source"}


def _shapes_in_words(shapes: Mapping[str, tuple[int, int]]) -> str:
    return ", ".join(f"{name} {tokens} x {channels}" for name, (tokens, channels) in shapes.items())


def _check_targets(bundle: Bundle, table: Table) -> None:
    targets = bundle.model.config.targets
    if not any(name in table.targets for name in targets):
        raise DataError(
            f"{table.directory}: its targets are {', '.join(table.targets) or 'none'}, "
            f"the checkpoint's {', '.join(targets)}; none is shared"
        )
    for name in targets:
        learned = bundle.metrics.get("training", {}).get(name, {}).get("kind")
        # a score whose few values happen to be 0 and 1 is a score all the same
        if learned == "binary" and table.kinds.get(name) == "score":
            raise DataError(
                f"{table.directory}: {name} is a score here, and the checkpoint learned two classes of it; "
                "read the data with the rule that it learned with"
            )
