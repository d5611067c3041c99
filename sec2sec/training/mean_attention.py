"""The mean attention over seconds of a data set (paper §4.4, Fig. 2), aligned from the start and from the end.

The paper draws 15 segments although LIRIS clips last 8–12 s, so its final rise may be padding. Here only real seconds
count, and clips of different lengths are aligned twice: by their first and by their last second.

K targets, T seconds of a clip, S of the longest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sec2sec.checkpoints import load_checkpoint, load_encoders
from sec2sec.datasets.cache import TokenCache
from sec2sec.datasets.extract import extract_steps
from sec2sec.datasets.table import DataError
from sec2sec.files import write_json
from sec2sec.progress import Steps
from sec2sec.training.batches import TokenSource, cached_clips
from sec2sec.training.module import TrainModule, predict
from sec2sec.training.opening import open_as_learned

QUARTILES = (25, 75)  # per cent
BATCH = 32  # clips
# Read off the pixels of Fig. 2: segments 0–14, flat but for these four
PAPER = {
    "valence": (*[0.061] * 9, 0.063, *[0.061] * 3, 0.077, 0.126),
    "arousal": (*[0.061] * 9, 0.063, *[0.061] * 3, 0.071, 0.137),
}


def profile(attention: Sequence[np.ndarray], targets: Sequence[str]) -> dict[str, dict[str, list[float]]]:
    """Each target's mean attention and its quartiles at each second. attention: of each clip (K, T), rows sum to 1.

    from_start[i] is second i, from_end[-1] the last second of every clip; *_low and *_high are the quartiles, *_clips
    how many clips are that long.
    """
    longest = max(weights.shape[1] for weights in attention)
    curves: dict[str, dict[str, list[float]]] = {}
    table = np.full((2, len(attention), len(targets), longest), np.nan)
    for row, weights in enumerate(attention):
        table[0, row, :, : weights.shape[1]] = weights
        table[1, row, :, longest - weights.shape[1] :] = weights
    for k, name in enumerate(targets):
        curves[name] = {}
        for side, values in zip(("from_start", "from_end"), table[:, :, k], strict=True):
            low, high = np.nanpercentile(values, QUARTILES, axis=0)
            curves[name] |= {
                side: _round(np.nanmean(values, 0)),
                f"{side}_low": _round(low),
                f"{side}_high": _round(high),
                f"{side}_clips": [int(n) for n in (~np.isnan(values)).sum(0)],
            }
    return curves


def _round(values: np.ndarray) -> list[float]:
    return [round(float(value), 5) for value in values]


def as_text(curves: Mapping[str, Mapping[str, Sequence[float]]], clips: int) -> str:
    """Both alignments as tables, each with the paper's figure for that segment beside it where there is one."""
    lines = [f"mean attention (quartiles) over {clips} clips, real seconds alone"]
    for name, sides in curves.items():
        paper = PAPER.get(name, ())
        beside = f"{'paper':>8}" if paper else ""
        longest = len(sides["from_start"])
        lines += ["", f"{name:<14}{'from the start':>22}{beside:10}{'from the end':>28}{beside}".rstrip()]
        for t in range(longest):
            start = f"{t:>3}{_cell(sides, 'from_start', t)}{_beside(paper, t)}"
            end = f"{t - longest:>6}{_cell(sides, 'from_end', t)}{_beside(paper, len(paper) + t - longest)}"
            lines.append(f"{start}{end}".rstrip())
    if any(name in PAPER for name in curves):
        lines += [
            "",
            "paper: Fig. 2, read off its pixels: LIRIS-ACCEDE, 15 segments whatever the clip's length, each curve sums "
            "to 1; on the right its last segment stands beside the last second.",
        ]
    return "\n".join(lines)


def _beside(paper: Sequence[float], segment: int) -> str:
    """The paper's figure for a segment; blank where it has none."""
    return f"{paper[segment]:>8.3f}" if 0 <= segment < len(paper) else " " * 8 * bool(paper)


def _cell(sides: Mapping[str, Sequence[Any]], side: str, t: int) -> str:
    low, high, clips = sides[f"{side}_low"][t], sides[f"{side}_high"][t], sides[f"{side}_clips"][t]
    return f"{sides[side][t]:>8.3f} ({low:.3f}–{high:.3f}) {clips:>6} clips"


@dataclass(frozen=True)
class AttentionProfile:
    """The profile of a data set, and what is wrong with the clips that could not be used."""

    curves: dict[str, dict[str, list[float]]]
    clips: int
    unusable: dict[str, str]
    remarks: tuple[str, ...]  # how the data is read otherwise than the checkpoint learned, a sentence each


def profile_steps(
    checkpoint: Path,
    data: Path,
    cache: Path,
    *,
    split: str = "all",
    options: Mapping[str, Any] | None = None,
    save: bool = False,
    device: str = "auto",
    workers: int | None = None,
) -> Steps[AttentionProfile]:
    """The profile of a checkpoint on a data set.

    options: of reading the data, which overrule the checkpoint's. save: keep it in the checkpoint's metrics.json.
    Raises CheckpointError, DataError or OSError.
    """
    bundle = load_checkpoint(checkpoint, device)
    targets = bundle.model.config.targets
    if not bundle.system.recurrent:
        raise DataError(f"{checkpoint}: {bundle.system.title} has no LSTM over seconds to profile (paper §4.4)")
    if bundle.model.config.temporal == "lstm":
        raise DataError(f"{checkpoint}: its LSTM has no attention over seconds; train one with attention-lstm (§4.4)")
    opened = open_as_learned(bundle, data, options=options)
    table = opened.table
    rows = table.split(split)
    if not rows:
        raise DataError(f"{table.directory}: no clip in the split {split!r}")
    encoders = load_encoders(checkpoint)
    tokens = TokenCache(cache, encoders)
    extraction = yield from extract_steps(rows, encoders, tokens, device=bundle.device, workers=workers)
    sha256 = extraction.sha256
    lengths = {name: seconds for name, sha in sha256.items() if (seconds := tokens.seconds(sha)) is not None}
    clips = cached_clips(rows, targets, {name: tokens.path(sha256[name]) for name in lengths}, lengths)
    if not len(clips):
        raise DataError(f"{table.directory}: none of its {len(rows)} clips could be used")
    outputs = predict(TrainModule(bundle.model), TokenSource(clips, encoders.config), BATCH, bundle.device)
    assert outputs.attention is not None
    curves = profile(outputs.attention, targets)
    if save:
        file = checkpoint / "metrics.json"
        metrics = json.loads(file.read_text())
        where = {"data": table.name, "split": split, "clips": len(clips)}
        write_json(file, metrics | {"mean_attention": curves, "mean_attention_of": where})
    return AttentionProfile(curves, len(clips), extraction.unusable, opened.remarks)
