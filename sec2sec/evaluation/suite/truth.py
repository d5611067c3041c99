"""What is planted in a folder of known-truth clips, as rows of truth.csv: one for each clip, target and second.

What a modality alone would say of a target follows from the planted states. In decisive seconds both modalities say the
same by construction, and in decoys of opposite states they contradict each other; synchrony is in neither alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from sec2sec.datasets.known_truth import Planted, read_planted
from sec2sec.datasets.known_truth.states import CUES
from sec2sec.evaluation.suite.files.score import SPEAKS

TRUTH_COLUMNS = (
    *("level", "clip", "split", "target", "second"),
    *("decisive", "decoy", "opposed", "evidence", "video", "audio", "carrier"),
)


def truth_rows(folder: Path, level: str, splits: Mapping[str, str]) -> Iterator[dict[str, object]]:
    """The rows of one level. splits: by clip. Raises DataError for another folder."""
    for clip, planted in read_planted(folder).items():
        for target, evidence in planted.evidence.items():
            decisive = planted.decisive & (evidence != 0)
            opposed = decisive & (np.sign(evidence) == -np.sign(evidence.sum()))
            video, audio = _parts(planted, target)
            carrier = _carriers(target, decisive, planted.decoy, video, audio)
            for second in range(len(evidence)):
                yield {
                    "level": level,
                    "clip": clip,
                    "split": splits[clip],
                    "target": target,
                    "second": second,
                    "decisive": int(decisive[second]),
                    "decoy": int(planted.decoy[second]),
                    "opposed": int(opposed[second]),
                    "evidence": f"{evidence[second]:.4f}",
                    "video": _cell(video[second]),
                    "audio": _cell(audio[second]),
                    "carrier": carrier[second],
                }


def _parts(planted: Planted, target: str) -> tuple[np.ndarray, np.ndarray]:
    """What picture and sound alone say of a target, (T,) each, from -1 to 1; NaN where the states do not tell.

    They do not tell of synchrony, nor where a decisive second has evidence that its states would not have.
    """
    unknown = np.full(len(planted.decisive), np.nan)
    if target not in CUES:
        return unknown, unknown
    video, audio = (
        np.sum([weight * (2 * planted.states[name] - 1) for name, weight in cues.items()], axis=0).round(4)
        for cues in CUES[target]
    )
    other = planted.decisive & (np.sign(video + audio) != np.sign(planted.evidence[target]))
    return np.where(other, np.nan, video), np.where(other, np.nan, audio)


def _carriers(target: str, decisive: np.ndarray, decoy: np.ndarray, video: np.ndarray, audio: np.ndarray) -> list[str]:
    """Which modality carries each decisive second or decoy; empty for any other, and where nothing is known."""
    if target not in CUES:
        return ["pair" if one else "" for one in decisive]  # the pattern of flashes beside that of beats
    seen, heard = np.abs(video) >= SPEAKS, np.abs(audio) >= SPEAKS  # NaN says nothing
    both = np.where(video * audio > 0, "both", "opposite")
    words = np.where(seen & heard, both, np.where(seen, "video", np.where(heard, "audio", "")))
    return [str(word) if one else "" for word, one in zip(words, decisive | decoy, strict=True)]


def _cell(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.4f}"
