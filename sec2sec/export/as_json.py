"""Explanation → the JSON object that other programs rely on (schema sec2sec.explanation/1)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import Any, Literal

import numpy as np

from sec2sec.explanations.results import SCHEMA, CoAttention, Curve, Explanation, Feature, TargetExplanation

DIGITS = 6  # of what is written: single precision holds no more

Maps = Literal["none", "mean", "heads"]


def to_json(explanation: Explanation, maps: Maps = "none") -> dict[str, Any]:
    """Everything an explanation says, as plain lists and numbers.

    maps: co-attention maps left out ("none"), averaged over heads (T, V, A) and (T, A, V) ("mean"), or of every head.
    """
    checkpoint = asdict(explanation.checkpoint)
    return {
        "schema": SCHEMA,
        "clip": {**asdict(explanation.clip), "warnings": list(explanation.clip.warnings)},
        "checkpoint": {**checkpoint, **{name: list(checkpoint[name]) for name in ("diagnostics", "scales", "reads")}},
        "targets": {name: _target(target) for name, target in explanation.targets.items()},
        "co_attention": _co_attention(explanation.co_attention, maps),
        "unfamiliar": plain(explanation.out_of_distribution),
        "length": plain(explanation.length),
        "curve": None if explanation.curve is None else curve_json(explanation.curve),
        "reference_distances": plain(explanation.reference_distances),
        "cues": [_cue(feature) for feature in explanation.features],
        "ratings": plain(explanation.ratings),
        "audit": plain(explanation.audit),
        "seconds_taken": {stage: round(s, 4) for stage, s in explanation.seconds_taken.items()},
    }


def curve_json(curve: Curve) -> dict[str, Any]:
    """The predictions of windows; times in s of the file."""
    return {**plain(curve), "times": plain(curve.times)}


def plain(value: Any) -> Any:
    """Dataclasses, mappings, sequences and arrays → dicts and lists; NaN → null, as JSON has none."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    return value


def _target(target: TargetExplanation) -> dict[str, Any]:
    return {
        "prediction": round(target.prediction, DIGITS),
        "attention": _list(target.attention),
        "effect": _list(target.effect),
        "effect_audio": _list(target.effect_audio),
        "effect_video": _list(target.effect_video),
        "baseline": plain(target.baseline),
        "evidence": {
            "effects": plain(target.effects),
            "spread": plain(target.effect_range),
            "verdict": plain(target.verdict),
            "sanity": plain(target.randomisation),
            "shapley": plain(target.shapley),
            "position": plain(target.profile),
            "gradients": plain(target.gradients),
            "stability": plain(target.stability),
        },
    }


def _cue(feature: Feature) -> dict[str, Any]:
    values = plain(feature)
    values["goes_along"] = values.pop("correlation")
    return dict(values)


def _co_attention(co_attention: CoAttention, maps: Maps) -> dict[str, Any]:
    out: dict[str, Any] = {
        "video_grid": list(co_attention.video_grid),
        "audio_grid": list(co_attention.audio_grid),
        "video_region": _list(np.array(co_attention.video_region)),
        "bands": co_attention.bands,
        "entropy": _list(co_attention.entropy),
        "entropy_video_from_audio": _list(co_attention.entropy_video_from_audio),
        "entropy_audio_from_video": _list(co_attention.entropy_audio_from_video),
        "absent": co_attention.absent,
    }
    for name in ("video_from_audio", "audio_from_video"):
        weights = getattr(co_attention, name)
        if maps != "none" and weights is not None:
            weights = weights.astype(np.float64)
            out[name] = _list(weights.mean(1) if maps == "mean" else weights)
    return out


def _list(values: np.ndarray | None) -> Any:
    return None if values is None else plain(values.astype(np.float64))
