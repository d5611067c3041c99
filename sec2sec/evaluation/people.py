"""Checkpoints against people who rated a whole film second by second: Emo-FilM (Morgenroth et al. 2025, ds004872).

The film is encoded once for each pair of encoders and kept, so that an interrupted run goes on and a further checkpoint
costs seconds. A checkpoint predicts the film in windows of the length that it learned from. Effect and attention of a
second are the means over the windows that hold it: over the whole film at once a model is asked about a length that it
has never seen.

T seconds of the film, N windows, K targets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sec2sec.checkpoints import Bundle, encoder_hash, load_checkpoint
from sec2sec.clip import EncodedClip, encode_steps
from sec2sec.config import MediaLimits
from sec2sec.curve import prediction_curve
from sec2sec.datasets.cache import TOKENS_VERSION
from sec2sec.datasets.emo_film import read_emo_film
from sec2sec.datasets.table import DataError, Row
from sec2sec.datasets.tracks import RatingTrack
from sec2sec.encoders.tokens import Tokens
from sec2sec.explanations.features import Measured
from sec2sec.explanations.ratings import HEADS, Rating, procedure
from sec2sec.explanations.results import ClipSummary
from sec2sec.export.as_json import plain
from sec2sec.export.stored import StoredError, read_record, write_record
from sec2sec.files import file_sha256
from sec2sec.lengths import learned_lengths
from sec2sec.progress import Progress, Steps, relay
from sec2sec.ratings import WINDOW, Curves, fits_of, sampled
from sec2sec.tables import TextTable

SCHEMA = "sec2sec.people/1"
# Emo-FilM has 50 items and no arousal or valence; these sums are ours. z: over the seconds of the film
COMPOSITION: dict[str, dict[str, int]] = {
    "arousal": {"IntenseEmotion": 1, "Alert": 1, "Calm": -1, "AtEase": -1},
    "valence": {"Good": 1, "Bad": -1, "PleasantOther": 1, "Happiness": 1, "Sad": -1, "Anger": -1},
}
WINDOWS_PER_STEP = 32  # of which the effects are measured between two reports of progress


@dataclass(frozen=True)
class EncodedFilm:
    """What is kept of a film that was encoded once."""

    tokens: Tokens
    info: ClipSummary
    measured: Measured


@dataclass(frozen=True)
class CheckedModel:
    """One checkpoint beside the ratings of one film."""

    film: str
    model: str  # name of the checkpoint
    window: int  # s
    ratings: tuple[Rating, ...]
    absent: str = ""  # why nothing was compared, as a sentence


@dataclass(frozen=True)
class PeopleReport:
    """All checkpoints beside all films of a folder."""

    checked: tuple[CheckedModel, ...]
    seconds: dict[str, int]  # film → rated seconds

    def as_json(self) -> dict[str, Any]:
        """For other programs."""
        return {
            "schema": SCHEMA,
            "composition": COMPOSITION,
            "films": self.seconds,
            "checked": [
                {"film": one.film, "model": one.model, "window": one.window, "absent": one.absent}
                | {"ratings": [{"name": r.name, "compared": r.compared, "fits": plain(r.fits)} for r in one.ratings]}
                for one in self.checked
            ],
        }

    def tables(self) -> list[TextTable]:
        """One table for each film and rating, the yardsticks of no model first."""
        films = list(dict.fromkeys(one.film for one in self.checked))
        return [table for film in films for target in COMPOSITION if (table := self._table(film, target)) is not None]

    def notes(self) -> list[str]:
        """What the tables are of, as sentences: composition, procedure, and what was left out."""
        sums = [f"{target} = {composed(target)}" for target in COMPOSITION]
        notes = [
            f"{'; '.join(sums)}, each z over the rated seconds of the film: the items are Emo-FilM's, the sums ours."
        ]
        for film in self.seconds:
            ratings = [r for one in self.checked for r in one.ratings if one.film == film]
            if any(fit.correlation for r in ratings for fit in r.fits):
                notes.append(f"{film}: {procedure(ratings)}")
        return notes + [f"{one.model}: {one.absent}" for one in self.checked if one.absent]

    def _table(self, film: str, target: str) -> TextTable | None:
        found = [(one, r) for one in self.checked for r in one.ratings if one.film == film and r.name == target]
        if not found:
            return None
        rows: dict[tuple[str, ...], None] = {}
        for one, rating in found:  # the yardsticks of models with the same windows are the same rows
            rows |= {(f"{fit.name}, {one.window} s", *fit.cells[1:]): None for fit in rating.fits if not fit.target}
        for one, rating in found:
            rows |= {(f"{one.model}: {fit.name}", *fit.cells[1:]): None for fit in rating.fits if fit.target}
        return TextTable(f"{film}, {self.seconds[film]} rated seconds: {target}", HEADS, list(rows))


def composed(target: str) -> str:
    """The sum that stands for a target, in words."""
    terms = [f"{'−' if sign < 0 else '+'} z({item})" for item, sign in COMPOSITION[target].items()]
    return " ".join(terms).removeprefix("+ ")


def compose(track: RatingTrack, target: str) -> np.ndarray:
    """A target out of the items of Emo-FilM, (N,). Raises DataError where an item is missing or does not change."""
    total = np.zeros(len(track.times))
    for item, sign in COMPOSITION[target].items():
        values = track.values.get(item)
        if values is None or not float(np.nanstd(values)) > 0:
            raise DataError(f"{track.name}: {item} is missing or constant; {target} is {composed(target)}")
        total += sign * (values - np.nanmean(values)) / np.nanstd(values)
    return total


def check_people_steps(
    folder: Path, checkpoints: Sequence[Path], cache: Path, device: str = "auto"
) -> Steps[PeopleReport]:
    """Every checkpoint beside every film of the folder whose video is there. Raises DataError, MediaError."""
    table = read_emo_film(folder)
    rows = [row for row in table.rows if row.path.is_file()]
    if not rows:
        names = ", ".join(row.path.name for row in table.rows)
        raise DataError(f"{folder}: has ratings and none of the films ({names}); copy a film there")
    checked: list[CheckedModel] = []
    seconds: dict[str, int] = {}
    steps = len(rows) * len(checkpoints)
    for row in rows:
        track = table.tracks[row.id]()
        seconds[row.id] = len(track.times)
        for path in checkpoints:
            work = _check_steps(row, track, load_checkpoint(path, device), cache)
            checked.append((yield from relay(work, partial(_within, len(checked), steps))))
    return PeopleReport(tuple(checked), seconds)


def _within(done: int, steps: int, own: Progress) -> Progress:
    return Progress(done + own.fraction, steps, own.message, own.stage)


def _check_steps(row: Row, track: RatingTrack, model: Bundle, cache: Path) -> Steps[CheckedModel]:
    name = model.summary.name
    targets = {
        rating: [t for t in model.model.config.targets if rating in t.casefold() and t not in model.summary.diagnostics]
        for rating in COMPOSITION
    }
    if not any(targets.values()):
        return CheckedModel(row.id, name, 0, (), f"predicts neither {' nor '.join(COMPOSITION)}")
    if model.system.max_seconds < track.end:
        return CheckedModel(row.id, name, 0, (), f"takes at most {model.system.max_seconds:g} s at once")
    film = yield from _encoded_steps(row.path, track.end, model, cache)
    clip = EncodedClip(model, film.tokens.to(model.device), film.info)
    learned = learned_lengths(model.metrics, name)
    window = WINDOW if learned is None else learned.window
    yield Progress(5, 10, f"{name}: predicting {film.info.seconds} s in windows of {window} s", "explaining")
    curve = prediction_curve(clip, window=window).values
    effects, attention = yield from relay(
        in_windows(clip, window, name), lambda own: Progress(5 + 5 * own.fraction, 10, own.message, own.stage)
    )
    ratings = []
    for rating, predicted in targets.items():
        whole = RatingTrack(track.times, {rating: compose(track, rating)}, track.name)
        seconds = sampled(whole, rating, film.info.start, film.info.seconds)
        index = {target: clip.targets.index(target) for target in predicted}
        curves = {
            target: Curves(curve[target], effects[k], None if attention is None else attention[k])
            for target, k in index.items()
        }
        fits = fits_of(curves, film.measured.tracks, seconds, window)
        ratings.append(Rating(rating, track.name, whole.times, whole.values[rating], seconds, fits, window))
    return CheckedModel(row.id, name, window, tuple(ratings))


def in_windows(clip: EncodedClip, window: int, name: str) -> Steps[tuple[np.ndarray, np.ndarray | None]]:
    """Effect and attention of each second (K, T): the means over the windows that hold it. name: of the model."""
    seconds, firsts = clip.info.seconds, range(clip.info.seconds - window + 1)
    effect = np.zeros((len(clip.targets), seconds))
    attention: np.ndarray | None = np.zeros_like(effect)
    held = np.zeros(seconds)
    for first in firsts:
        if first % WINDOWS_PER_STEP == 0:
            yield Progress(first, len(firsts), f"{name}: effects in window {first} of {len(firsts)}", "explaining")
        part = slice(first, first + window)
        masker = clip.masker.part(first, first + window)
        with masker.threads():
            occlusion = masker.occlusion
        effect[:, part] += occlusion.effect
        held[part] += 1
        if attention is None or occlusion.attention is None:
            attention = None
        else:
            attention[:, part] += occlusion.attention
    return effect / held, None if attention is None else attention / held


def _encoded_steps(path: Path, end: float, model: Bundle, cache: Path) -> Steps[EncodedFilm]:
    """The film up to its last rated second, from the cache where it was encoded before."""
    yield Progress(0, 0, f"Opening {path.name}", "decoding")
    key = f"{TOKENS_VERSION} {file_sha256(path)} {end} {encoder_hash(model)}"
    file = cache / "films" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.safetensors"
    if file.is_file():
        try:
            return read_record(file, EncodedFilm)
        except StoredError:
            file.unlink()
    words = f"{model.summary.name}: encoding {path.name}"
    clip = yield from relay(
        encode_steps(path, model, end=end, limits=MediaLimits()),
        lambda own: Progress(own.fraction / 2, 1, f"{words}, {own.message}", own.stage),
    )
    assert clip.measured is not None, "it was made of a file"
    film = EncodedFilm(clip.tokens.cpu(), clip.info, clip.measured())
    file.parent.mkdir(parents=True, exist_ok=True)
    write_record(file, film)
    return film
