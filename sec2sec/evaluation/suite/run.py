"""Our own methods of explanation on a suite, as a file of scores in the form that anybody's explainer writes."""

from __future__ import annotations

import csv
import io
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sec2sec.checkpoints import Bundle
from sec2sec.datasets.extract import as_decoded, decode_all
from sec2sec.datasets.open import open_data
from sec2sec.datasets.table import DataError
from sec2sec.encoding import encode_seconds
from sec2sec.errors import SettingsError
from sec2sec.evaluation.suite.files.score import Key, Truth, read_truth
from sec2sec.explanations.effects import neighbour_effects
from sec2sec.explanations.embeddings import to_numpy
from sec2sec.explanations.masker import Masker, masker_of
from sec2sec.explanations.methods import METHODS, Scores
from sec2sec.explanations.relevance import relevance
from sec2sec.progress import Progress, Steps, clock

SCORES_COLUMNS = ("clip", "target", "second", "score", "video", "audio", "method", "checkpoint")
SHORT_NAMES = {"occlusion": "occlusion (training mean)"}  # what the documentation calls the effect

# Scores of picture and of sound, each (K, T), by the method that they belong to; None where the system has none
Parts = tuple[np.ndarray, np.ndarray]


def _occlusion_parts(masker: Masker) -> Parts:
    return masker.occlusion.effect_video, masker.occlusion.effect_audio


def _neighbour_parts(masker: Masker) -> Parts | None:
    if masker.by_second is None:
        return None
    effects = neighbour_effects(masker.by_second)
    return np.stack([effect.video for effect in effects]), np.stack([effect.audio for effect in effects])


def _relevance_parts(masker: Masker) -> Parts | None:
    tokens = None if masker.by_second is None else relevance(masker.by_second)
    return None if tokens is None else (to_numpy(tokens[0].sum(-1)), to_numpy(tokens[1].sum(-1)))


BY_MODALITY: Mapping[str, Callable[[Masker], Parts | None]] = {
    "occlusion (training mean)": _occlusion_parts,
    "occlusion (neighbour)": _neighbour_parts,
    "gradient × attention": _relevance_parts,
}


@dataclass(frozen=True)
class SuiteScores:
    """The file's text, and a line for each clip that could not be used."""

    text: str
    clips: int
    unusable: tuple[str, ...]


def short_name(method: str) -> str:
    """A method as an option takes it: "occlusion (neighbour)" is occlusion-neighbour."""
    return re.sub(r"[^a-z]+", "-", method.lower()).strip("-")


def method_of(name: str) -> str:
    """The method of METHODS that an option names. Raises SettingsError."""
    by_short_name = {short_name(method): method for method in METHODS} | SHORT_NAMES
    if name not in by_short_name:
        raise SettingsError(f"there is no method {name!r}; the methods are {', '.join(sorted(by_short_name))}")
    return by_short_name[name]


def score_steps(
    bundle: Bundle, folder: Path, method: str, *, split: str = "test", workers: int | None = None
) -> Steps[SuiteScores]:
    """Explain every clip of a split. method: a name of METHODS.

    Raises DataError for a folder that is no suite, a checkpoint without a target of it, and where no clip can be used;
    SettingsError for a method that the checkpoint has no answer to.
    """
    truth, rows = read_suite(folder), open_data(folder).split(split)
    if not rows:
        raise DataError(f"{folder}: no clip in the split {split!r}; make more clips, or choose another split")
    known, targets = {target for _, target in truth}, bundle.model.config.targets
    if not (shown := [k for k, target in enumerate(targets) if target in known]):
        raise DataError(f"{bundle.summary.name}: predicts {', '.join(targets)}, of which the suite has no truth")
    workers = os.cpu_count() or 1 if workers is None else workers
    lines: list[tuple[object, ...]] = []
    unusable: list[str] = []
    names, began = (short_name(method), bundle.summary.name), time.monotonic()
    decoded = decode_all(rows, bundle.encoders.config, as_decoded, workers=workers)
    for done, (row, seconds) in enumerate(decoded, start=1):
        if isinstance(seconds, str):
            unusable.append(seconds)
        else:
            masker = masker_of(bundle.model, encode_seconds(seconds, bundle.encoders, bundle.device))
            scores, parts = _ask(masker, method, bundle.summary.name)
            for k in shown:
                length = len(truth[row.id, targets[k]].decisive)
                lines += [(row.id, targets[k], *one, *names) for one in _of_target(k, length, scores, parts)]
        left = (time.monotonic() - began) / done * (len(rows) - done)
        yield Progress(done, len(rows), f"Explained {done} of {len(rows)} clips, {clock(left)} left", seconds_left=left)
    if not lines:
        raise DataError(f"{folder}: none of its {len(rows)} clips could be used; the first: {unusable[0]}")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SCORES_COLUMNS)
    writer.writerows(lines)
    return SuiteScores(text.getvalue(), len(rows) - len(unusable), tuple(unusable))


def read_suite(folder: Path) -> dict[Key, Truth]:
    """The truth of a suite. Raises DataError."""
    if not (folder / "truth.csv").is_file():
        raise DataError(f"{folder}: is no suite, it has no truth.csv; make one with `sec2sec suite make {folder}`")
    return read_truth(folder)


def _ask(masker: Masker, method: str, checkpoint: str) -> tuple[Scores, Parts | None]:
    scores = METHODS[method](masker)
    if scores is None:
        raise SettingsError(f"{checkpoint}: its system has no {method}; choose another --method")
    return scores, BY_MODALITY[method](masker) if method in BY_MODALITY else None


def _of_target(k: int, length: int, scores: Scores, parts: Parts | None) -> list[tuple[object, ...]]:
    """second, score, video and audio of one target; a clip of the suite is decoded to exactly `length` seconds."""
    columns: Sequence[Sequence[str]] = [[f"{value:.6g}" for value in scores[k]]]
    for part in parts or ():
        columns = [*columns, [f"{value:.6g}" for value in part[k]]]
    if parts is None:
        columns = [*columns, [""] * length, [""] * length]
    return list(zip(range(length), *columns, strict=True))
