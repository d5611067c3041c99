"""Everything the browser needs to show one explanation, as one JSON string: playback then asks the server nothing.

Maps travel as bytes with one scale a row, so a weight is off by at most 1/510 of the largest weight of its row.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from sec2sec import plots
from sec2sec.explanations.randomisation import KINDS, unjudged_warning
from sec2sec.explanations.results import NEARLY_UNIFORM, CoAttention, Explanation, Preview
from sec2sec.explanations.sentences import decisive_second
from sec2sec.export.as_table import Column, columns, to_csv
from sec2sec.viewer.curve import curve_payload, scale_ends
from sec2sec.viewer.definitions import glossary
from sec2sec.viewer.evidence import unfamiliar_words
from sec2sec.viewer.lanes import TITLES, lanes
from sec2sec.viewer.ratings import ratings_payload

PARTS = ("whole", "audio", "video", "interaction")
MAX_SECONDS_WITH_HEADS = 60  # in a longer clip the heads travel averaged: all of them would be tens of megabytes
# Where weights are summed into a few places, entropy hardly tells: one of nine with twice its share leaves .98 of it.
# Such a sum points nowhere where no place has this many times an equal share.
NEARLY_EVEN = 1.25
NOTHING_PLANTED: Mapping[str, Sequence[int]] = MappingProxyType({})
MAPS = ("maps", "mfcc", "relevance")  # of the payload, for the panel of a second
MFCC_REACH = 2.5  # standard deviations from black to white in the MFCC image


def encode(
    explanation: Explanation, preview: Preview, *, diagnostics: bool = False, offset: float | None = None
) -> str:
    """The JSON of view_payload()."""
    return as_json(view_payload(explanation, preview, diagnostics=diagnostics, offset=offset))


def view_payload(
    explanation: Explanation,
    preview: Preview,
    *,
    diagnostics: bool = False,
    offset: float | None = None,
    planted: Mapping[str, Sequence[int]] = NOTHING_PLANTED,
) -> dict[str, Any]:
    """What the view shows.

    diagnostics: also show the targets that have a truth on known-truth clips alone.

    offset: where in what is played the analysed part begins, s; as in the file, unless the part was cut out of it.

    planted: target → the seconds of the analysed part that are known to have made it what it is.
    """
    clip = explanation.clip
    shown = shown_targets(explanation, diagnostics)
    return {
        "clip": {
            "name": clip.name,
            "start": clip.start,
            "offset": clip.start if offset is None else offset,
            "duration": clip.duration,
            "seconds": clip.seconds,
            "has_audio": clip.has_audio,
            "has_video": clip.has_video,
            "partial": clip.partial,
        },
        "model": explanation.checkpoint.name,
        "reads": list(explanation.checkpoint.reads),
        "groups": [[key, title] for key, title in TITLES.items()],
        **changing_payload(explanation, preview, shown),
        "planted": {name: list(planted[name]) for name in shown if name in planted},
        "targets": [_target(explanation, name) for name in shown],
        "curve": curve_payload(explanation, shown),
        "sanity": [test for name in shown if (test := _sanity(explanation, name))],
        "unfamiliar": _unfamiliar(explanation),
        "stills": [base64.b64encode(still).decode() if still else None for still in preview.stills],
        "mfcc": mfcc_image(preview.mfcc),
        "maps": maps(explanation.co_attention, 0 if preview.mfcc is None else preview.mfcc.shape[1]),
        "relevance": _relevance(explanation, shown),
        "glossary": glossary(explanation, shown),
    }


def changing_payload(explanation: Explanation, preview: Preview, shown: list[str]) -> dict[str, Any]:
    """The part of the payload that changes once more is known of the explanation: all but maps, stills and MFCC."""
    return {
        "lanes": lanes(explanation, preview, shown),
        "ratings": ratings_payload(explanation),
        "columns": [_column(column) for column in columns(explanation, shown)],
        "csv": to_csv(explanation, shown),
    }


def without_maps(payload: dict[str, Any]) -> dict[str, Any]:
    """The same without what only the panel of a second shows, most of its bytes: the browser asks for that in sight."""
    maps = payload["maps"]
    if maps["absent"]:
        return payload
    grids = {name: maps[name] for name in ("video_grid", "audio_grid", "video_region", "n_mfcc", "bands")}
    return payload | {"maps": grids | {"absent": "", "later": True}, "mfcc": None, "relevance": []}


def maps_alone(payload: dict[str, Any]) -> dict[str, Any]:
    """What without_maps() leaves out."""
    return {name: payload[name] for name in MAPS}


def as_json(payload: dict[str, Any]) -> str:
    """JSON for a browser, which knows no NaN."""
    return json.dumps(payload, allow_nan=False, separators=(",", ":"))


def shown_targets(explanation: Explanation, diagnostics: bool) -> list[str]:
    """Names of the targets a person may read on this clip."""
    hidden = () if diagnostics else explanation.checkpoint.diagnostics
    return [name for name in explanation.targets if name not in hidden]


def maps(co: CoAttention, n_mfcc: int) -> dict[str, Any]:
    """Both directions, quantised, with the entropy of the very map that is shown: each head's and their average's."""
    grids = {
        "video_grid": list(co.video_grid),
        "audio_grid": list(co.audio_grid),
        "video_region": [float(side) for side in co.video_region],
        "n_mfcc": n_mfcc,
        "bands": co.bands,
    }
    if co.absent or co.video_from_audio is None or co.audio_from_video is None:
        return {"absent": co.absent or "This model has no co-attention, so there are no maps."} | grids
    seconds = len(co.video_from_audio)
    averaged = seconds > MAX_SECONDS_WITH_HEADS
    return grids | {
        "absent": "",
        "nearly_uniform": NEARLY_UNIFORM,
        "nearly_even": NEARLY_EVEN,
        "note": f"The clip is longer than {MAX_SECONDS_WITH_HEADS} s: heads are shown averaged." if averaged else "",
        "video": _direction(co.video_from_audio, averaged)
        | {"figure": plots.co_attention(co.video_grid, co.audio_grid, "video", max(n_mfcc, 1), co.bands)},
        "audio": _direction(co.audio_from_video, averaged)
        | {"figure": plots.co_attention(co.video_grid, co.audio_grid, "audio", max(n_mfcc, 1), co.bands)},
    }


def _target(explanation: Explanation, name: str) -> dict[str, Any]:
    """What the screen needs beside the lanes: attention for its slider, the effects under each reference."""
    target = explanation.targets[name]
    references = [
        {"reference": effects.reference} | {part: _list(getattr(effects, part)) for part in PARTS}
        for effects in target.effects
    ]
    decisive = decisive_second(target)
    return {
        "name": name,
        "scale": scale_ends(explanation, name),
        "attention": _list(target.attention),
        "references": references,
        "decisive": decisive,
    }


def _column(column: Column) -> dict[str, Any]:
    values = list(column.values) if column.unit == "words" else _list(np.asarray(column.values, float))
    described = {"target": column.target, "name": column.name, "unit": column.unit, "main": column.main}
    return described | {"values": values}


def _sanity(explanation: Explanation, name: str) -> dict[str, Any] | None:
    target = explanation.targets[name]
    test, warning = target.randomisation, unjudged_warning(target.randomisation, target.verdict)
    if test is None:
        return None
    similar = {part: _list(getattr(test, part)) for part in KINDS}
    return {"target": name, "warning": warning, "steps": list(test.steps)} | similar


def _unfamiliar(explanation: Explanation) -> dict[str, Any]:
    """The seconds that are hatched (a partial one has a hatching of its own), and all of them in words."""
    unlike = explanation.out_of_distribution
    hatched = sorted({one.second for one in unlike if one.kind != "partial"})
    return {"seconds": hatched, "words": unfamiliar_words(unlike, explanation.clip)}


def _relevance(explanation: Explanation, names: list[str]) -> list[dict[str, Any]]:
    """Gradient × attention of each visual and audio token, for the targets that have it."""
    relevance = []
    for name in names:
        g = explanation.targets[name].gradients
        if g is not None and g.relevance_video is not None and g.relevance_audio is not None:
            relevance.append({"target": name, "video": _rows(g.relevance_video), "audio": _rows(g.relevance_audio)})
    return relevance


def _rows(values: np.ndarray) -> dict[str, Any]:
    """values (T, tokens) ≥ 0, quantised with a scale a second. What is not finite counts as nothing."""
    steps, scale = quantise(np.nan_to_num(values, nan=0.0, posinf=0.0).clip(0))
    return {
        "shape": list(values.shape),
        "data": base64.b64encode(steps.tobytes()).decode(),
        "scale": base64.b64encode(scale.astype("<f4").tobytes()).decode(),
    }


def quantise(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """weights (…, rows, columns) ≥ 0 → uint8 of the same shape, and the largest weight of each row (…, rows)."""
    scale = weights.max(-1)
    steps = np.where(scale[..., None] > 0, weights / np.maximum(scale[..., None], 1e-30), 0) * 255
    return np.rint(steps).astype(np.uint8), scale.astype(np.float32)


def dequantise(steps: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """What the browser does with quantise()'s answer; here for the tests."""
    weights: np.ndarray = steps.astype(np.float32) / 255 * scale[..., None]
    return weights


def entropy(weights: np.ndarray) -> np.ndarray:
    """weights (…, rows, columns) → (…) mean over rows of the entropy, as a share of log(columns); 1 for one column."""
    columns = weights.shape[-1]
    if columns == 1:
        return np.ones(weights.shape[:-2])
    terms = np.where(weights > 0, weights * np.log(np.maximum(weights, 1e-30)), 0)
    mean: np.ndarray = (-terms.sum(-1) / math.log(columns)).mean(-1)
    return mean


def mfcc_image(mfcc: np.ndarray | None) -> dict[str, Any] | None:
    """(T, n_mfcc, steps) → bytes, each coefficient standardised over the clip, lest the first one drown the rest."""
    if mfcc is None:
        return None
    mfcc = mfcc.astype(np.float32)  # a preview may come in half precision, too coarse to sum in
    mean = np.nanmean(mfcc, axis=(0, 2), keepdims=True)
    deviation = np.nanstd(mfcc, axis=(0, 2), keepdims=True)
    standard = np.nan_to_num((mfcc - mean) / np.maximum(deviation, 1e-6))
    levels = np.rint((np.clip(standard / MFCC_REACH, -1, 1) + 1) * 127.5).astype(np.uint8)
    return {"shape": list(levels.shape), "data": base64.b64encode(levels.tobytes()).decode()}


def _direction(weights: np.ndarray, averaged: bool) -> dict[str, Any]:
    """weights (T, H, rows, columns). The browser averages the heads itself, where it has them."""
    weights = weights.astype(np.float32)  # maps may come in half precision, too coarse to sum in
    average = weights.mean(1, keepdims=True)
    sent = average if averaged else weights
    steps, scale = quantise(sent)
    of_shown = entropy(average if averaged else np.concatenate([average, weights], axis=1))  # (T, 1 or 1 + H)
    return {
        "shape": list(sent.shape),
        "data": base64.b64encode(steps.tobytes()).decode(),
        "scale": base64.b64encode(scale.astype("<f4").tobytes()).decode(),
        "entropy": [_list(row) for row in of_shown],  # the average first
    }


def _list(values: np.ndarray | None) -> list[float | None] | None:
    if values is None:
        return None
    return [float(f"{value:.7g}") if np.isfinite(value) else None for value in np.asarray(values)]
