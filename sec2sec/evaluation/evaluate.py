"""A checkpoint on a data set: metrics beside trivial baselines, curves, the worst clips, and the pointing game."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np

from sec2sec.checkpoints import Bundle, load_encoders
from sec2sec.config import MediaLimits
from sec2sec.datasets.cache import TokenCache
from sec2sec.datasets.extract import FileHashes, as_decoded, decode_all, extract_steps, hash_files
from sec2sec.datasets.feature_table import read_all
from sec2sec.datasets.known_truth import Planted, read_planted
from sec2sec.datasets.learned_from import count_seen, read_learned_from
from sec2sec.datasets.splits import leaks
from sec2sec.datasets.table import SPLITS, DataError, Row, Table
from sec2sec.encoders.tokens import Tokens
from sec2sec.encoding import encode_seconds
from sec2sec.evaluation.curves import curves_of, worst
from sec2sec.evaluation.modalities import MIN_CLIPS, draw_clips, modalities_report, pair_steps
from sec2sec.evaluation.pointing import Predicted, point, with_planted_seconds
from sec2sec.evaluation.report import EvaluationReport, ModalitiesReport, SeenClips, TargetReport
from sec2sec.evaluation.yardsticks import measure_cues, measure_steps
from sec2sec.explanations.masker import masker_of
from sec2sec.explanations.results import Occlusion
from sec2sec.metrics import DEFAULT_THRESHOLD, TrainingLabels, few_groups, measure, thresholds_of
from sec2sec.predictions import LabelledPredictions, predictions_csv
from sec2sec.progress import Progress, Steps
from sec2sec.training.opening import OpenedData

PLANTED = "planted.csv"
WORST_CLIPS_LISTED = 20  # of each target, those with the largest errors
NO_CUES = (
    "These clips are features of another program, without sound and picture to decode: two yardsticks of the top "
    "second, loudness + motion and the odd one out, are left out."
)

Results = tuple[list[tuple[Row, Occlusion]], list[str]]  # of each clip, and what is wrong with the others
Cues = Mapping[str, np.ndarray]  # (C, T) by clip id


class SeenClipsError(DataError):
    """Clips to measure on are clips that the checkpoint learned from. what: without what to do about it."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"{what}. Measure on other clips (--split test), or on these on purpose (--include-seen).")


@dataclass(frozen=True)
class Evaluated:
    """The report, a line for each clip that could not be used, and the predictions of the others."""

    report: EvaluationReport
    unusable: list[str] = field(default_factory=list)
    predicted: Predicted = ()

    def predictions_csv(self, bundle: Bundle) -> str:
        """Truth and prediction of every clip and target of the checkpoint, for other programs."""
        rows = [row for row, _ in self.predicted]
        values = [occlusion.prediction.tolist() for _, occlusion in self.predicted]
        seed = bundle.config.get("provenance", {}).get("config", {}).get("seed")
        thresholds = thresholds_of(self.report["targets"])
        return predictions_csv(bundle.model.config.targets, rows, values, seed, thresholds)

    def labelled(self, bundle: Bundle) -> dict[str, LabelledPredictions]:
        """Truth and prediction of the clips that have a label, by target."""
        by_target = {}
        for k, name in enumerate(bundle.model.config.targets):
            clips = [(row, float(o.prediction[k])) for row, o in self.predicted if name in row.targets]
            if clips:
                label, prediction = np.array([row.targets[name] for row, _ in clips]), np.array([p for _, p in clips])
                ids, groups = tuple(row.id for row, _ in clips), tuple(row.group for row, _ in clips)
                threshold = bundle.thresholds.get(name, DEFAULT_THRESHOLD)
                by_target[name] = LabelledPredictions(ids, groups, label, prediction, threshold)
        return by_target


def evaluate_steps(
    bundle: Bundle,
    data: OpenedData,
    *,
    split: str = "test",
    workers: int | None = None,
    listed: int = WORST_CLIPS_LISTED,
    cache: Path | None = None,
    include_seen: bool = False,
    isolated: bool = False,
    modalities: int = 0,
) -> Steps[Evaluated]:
    """Predict every clip of a split and compare.

    listed: worst clips of each target. cache: folder of token caches, which keeps what is encoded; None keeps nothing.
    include_seen: measure also on clips that the checkpoint learned from, which the report then says first.
    isolated: each clip is decoded by a process with limits, as strangers' must be; not with a cache. modalities: how
    many clips are paired with each other, to tell what the score owes to sound and picture together; 0 leaves that out.

    Raises DataError where no clip can be used, or where there is nothing to pair, SeenClipsError where the checkpoint
    learned from some and they were not asked for.
    """
    table = data.table
    if not (rows := table.split(split)):
        there = ", ".join(name for name in SPLITS if table.split(name))
        raise DataError(f"{table.directory}: no clip in the split {split!r}; there are clips in {there}")
    pairing = Pairing(bundle, rows, modalities)
    hashed = yield from hash_files(rows)
    seen = _seen(bundle, table, rows, hashed, split)
    if seen["clips"] and not include_seen:
        raise SeenClipsError(_refusal(table, seen, len(rows)))
    workers = os.cpu_count() or 1 if workers is None else workers
    planted = read_planted(table.directory) if (table.directory / PLANTED).is_file() else None
    cues: Cues | None = None
    # tokens are far smaller than what systems without encoders read
    if table.features is not None:
        predicted, unusable = yield from _from_features(bundle, rows, pairing)
    elif cache is not None and bundle.folder is not None and bundle.system.uses_encoder_tokens:
        predicted, unusable = yield from _cached(bundle, rows, cache, hashed, workers, pairing)
        if planted is not None:
            cues = yield from measure_cues_of(bundle, planted, predicted, workers)
    else:
        decoding = _Decoding(workers, with_cues=planted is not None, isolated=isolated)
        (predicted, unusable), cues = yield from _decoded(bundle, rows, decoding, pairing)
    if not predicted:
        raise DataError(f"{table.directory}: none of its {len(rows)} clips could be used; the first: {unusable[0]}")
    summary = bundle.summary
    report: EvaluationReport = {
        "checkpoint": {"name": summary.name, "sha256": summary.sha256, "trained_on": summary.trained_on},
        "data": str(table.directory),
        "reading": dict(data.reading),
        "remarks": list(data.remarks),
        "split": split,
        "clips": len(predicted),
        "unusable": len(unusable),
        "learned_from": seen,
        "targets": _targets(bundle, table, predicted, listed),
    }
    learned_here = any(data.get("name") == table.name for data in bundle.config.get("provenance", {}).get("data", []))
    report["remarks"] += [*(leaks(table, split) if learned_here else []), *few_groups(report["targets"])]
    if planted is not None:
        add_pointing(report, bundle, planted, predicted, cues)
    if pairing.count:
        report["modalities"] = yield from pairing.measure_steps(table)
    return Evaluated(report, unusable, predicted)


def _max_seconds(bundle: Bundle) -> float:
    return min(MediaLimits().max_seconds, bundle.system.max_seconds)


def add_pointing(
    report: EvaluationReport, bundle: Bundle, planted: Mapping[str, Planted], predicted: Predicted, cues: Cues | None
) -> None:
    """The pointing game, where a clip with a decisive second was predicted."""
    pointed = point(bundle.model.config.targets, planted, predicted, cues)
    if pointed is None:
        return
    report["pointing"], report["pointing_by_target"] = pointed.shares, pointed.by_target
    report["pointing_gains"] = pointed.gains
    if not pointed.gains:
        report["remarks"].append(NO_CUES)


def measure_cues_of(bundle: Bundle, planted: Mapping[str, Planted], predicted: Predicted, workers: int) -> Steps[Cues]:
    """The cues of the clips that have decisive seconds, decoded again: their tokens came from a cache."""
    rows = [row for row, _ in with_planted_seconds(planted, predicted)]
    limits = MediaLimits(max_seconds=_max_seconds(bundle))
    return (yield from measure_steps(rows, bundle.encoders.config, workers=workers, limits=limits))


class Pairing:
    """Clips whose tokens are kept, to pair each one's sound with each one's picture."""

    def __init__(self, bundle: Bundle, rows: Sequence[Row], count: int) -> None:
        """count: of clips, at most. Raises DataError where a model has one modality alone."""
        self.bundle, self.rows, self.count = bundle, rows, count
        if count and not (bundle.system.sees and bundle.system.hears):
            alone = "picture" if bundle.system.sees else "sound"
            raise DataError(
                f"{bundle.summary.name}: this model reads the {alone} alone, so that there are no pairs to measure; "
                "take a model of sound and picture"
            )
        self._wanted = {row.id for row in draw_clips(rows, count)} if count else set()
        self._kept: list[tuple[Row, Tokens]] = []

    def keep(self, row: Row, tokens: Tokens) -> None:
        """A clip's tokens on the model's device, which are kept where they are wanted."""
        if row.id in self._wanted and tokens.video is not None and tokens.audio is not None:
            self._kept.append((row, Tokens(tokens.video, tokens.audio)))

    def measure_steps(self, table: Table) -> Steps[ModalitiesReport]:
        """All pairs of what was kept. Raises DataError where those are fewer than MIN_CLIPS."""
        if len(self._kept) < MIN_CLIPS:
            raise DataError(
                f"{table.directory}: {len(self._kept)} of the clips that are measured have sound and picture; to pair "
                f"sounds with pictures takes {MIN_CLIPS} or more"
            )
        bundle, rows = self.bundle, [row for row, _ in self._kept]
        logits = yield from pair_steps(bundle.model, [tokens for _, tokens in self._kept])
        training = {
            name: training_labels(bundle, table, name, np.array(labels))
            for name in bundle.model.config.targets
            if (labels := [row.targets[name] for row in rows if name in row.targets])
        }
        targets = bundle.model.config.targets
        return modalities_report(logits, rows, training, targets, bundle.thresholds, len(self.rows))


@dataclass(frozen=True)
class _Decoding:
    """How clips are decoded that have no tokens yet."""

    workers: int
    with_cues: bool
    isolated: bool


def _decoded(bundle: Bundle, rows: Sequence[Row], how: _Decoding, pairing: Pairing) -> Steps[tuple[Results, Cues]]:
    """Effects of each clip from its file, and its cues, if they are wanted, while it is decoded."""
    predicted: list[tuple[Row, Occlusion]] = []
    unusable: list[str] = []
    cues: dict[str, np.ndarray] = {}
    limits = MediaLimits(max_seconds=_max_seconds(bundle), isolated=how.isolated)
    decoded = decode_all(rows, bundle.encoders.config, as_decoded, workers=how.workers, limits=limits)
    for done, (row, seconds) in enumerate(decoded, start=1):
        if isinstance(seconds, str):
            unusable.append(seconds)
        else:
            tokens = encode_seconds(seconds, bundle.encoders, bundle.device)
            predicted.append((row, masker_of(bundle.model, tokens).occlusion))
            pairing.keep(row, tokens)
            if how.with_cues:
                cues[row.id] = measure_cues(seconds)
        yield Progress(done, len(rows), f"Evaluated {done} of {len(rows)} clips")
    return (predicted, unusable), cues


def _from_features(bundle: Bundle, rows: Sequence[Row], pairing: Pairing) -> Steps[Results]:
    """The same of features that another program computed."""
    predicted: list[tuple[Row, Occlusion]] = []
    unusable: list[str] = []
    for done, (row, tokens) in enumerate(read_all(rows, _max_seconds(bundle)), start=1):
        if isinstance(tokens, str):
            unusable.append(tokens)
        else:
            here = on_device(tokens, bundle)
            predicted.append((row, masker_of(bundle.model, here).occlusion))
            pairing.keep(row, here)
        yield Progress(done, len(rows), f"Evaluated {done} of {len(rows)} clips")
    return predicted, unusable


def on_device(tokens: Tokens, bundle: Bundle) -> Tokens:
    """Tokens as a file has them, in float32 on the device of the model."""
    return Tokens(*(None if x is None else x.float().to(bundle.device) for x in (tokens.video, tokens.audio)))


def _cached(
    bundle: Bundle, rows: Sequence[Row], directory: Path, hashed: FileHashes, workers: int, pairing: Pairing
) -> Steps[Results]:
    """The same through the token cache, as the training has filled it: each clip is decoded and encoded once."""
    assert bundle.folder is not None, "the unfolded weights, by which tokens are found, are in its folder"
    encoders = load_encoders(bundle.folder)
    cache = TokenCache(directory, encoders)
    extraction = yield from extract_steps(
        rows,
        encoders,
        cache,
        device=bundle.device,
        workers=workers,
        max_seconds=_max_seconds(bundle),
        hashed=hashed,
    )
    predicted: list[tuple[Row, Occlusion]] = []
    usable = [row for row in rows if row.id in extraction.sha256]
    for done, row in enumerate(usable, start=1):
        if (tokens := cache.read(extraction.sha256[row.id])) is None:
            raise DataError(f"{cache.directory}: the tokens of {row.id!r} are gone; leave a cache that is used alone")
        here = on_device(tokens, bundle)
        predicted.append((row, masker_of(bundle.model, here).occlusion))
        pairing.keep(row, here)
        yield Progress(done, len(usable), f"Evaluated {done} of {len(usable)} clips")
    return predicted, list(extraction.unusable.values())


def _seen(bundle: Bundle, table: Table, rows: Sequence[Row], hashed: FileHashes, split: str) -> SeenClips:
    """How many of the clips the checkpoint learned from."""
    learned = read_learned_from(bundle.folder) if bundle.folder is not None else None
    if learned is not None:
        splits = count_seen(learned, hashed.sha256.values())
        return {"clips": sum(splits.values()), "splits": splits, "known": True}
    generated = (table.directory / PLANTED).is_file()
    seen = seen_in_training(bundle, table.directory, split) if generated else None
    return {"clips": len(rows) if seen else 0, "splits": {}, "known": seen is not None}


def _refusal(table: Table, seen: SeenClips, clips: int) -> str:
    splits = " and ".join(f"{count} for {name}" for name, count in seen["splits"].items())
    return (
        f"{table.directory}: the checkpoint learned from {seen['clips']} of these {clips} clips"
        f"{f' ({splits})' if splits else ''}; figures on them say nothing about others"
    )


def _targets(bundle: Bundle, table: Table, predicted: Predicted, listed: int) -> dict[str, TargetReport]:
    """Every target of the checkpoint that some clip has a label of."""
    reports = {}
    for k, name in enumerate(bundle.model.config.targets):
        rows = [row for row, _ in predicted if name in row.targets]
        if rows:
            prediction = np.array([float(o.prediction[k]) for row, o in predicted if name in row.targets])
            label = np.array([row.targets[name] for row in rows])
            training = training_labels(bundle, table, name, label)
            threshold = bundle.thresholds.get(name, DEFAULT_THRESHOLD)
            report = {
                **measure(training, prediction, label, [row.group for row in rows], threshold=threshold),
                "curves": curves_of(training, prediction, rows, label),
                "worst": worst(prediction, rows, label, listed),
            }
            reports[name] = cast(TargetReport, report)  # of the metrics' names a TypedDict knows nothing
    return reports


def training_labels(bundle: Bundle, table: Table, name: str, label: np.ndarray) -> TrainingLabels:
    """What the trivial baselines know of a target: the checkpoint's training labels, as far as it tells them.

    An older checkpoint tells the share of class 1 alone; where none is told, the table's own training labels stand in,
    and the labels that are measured where it has none: that flatters the baseline, not the model.
    """
    recorded = bundle.metrics.get("training", {}).get(name)
    if recorded:
        return TrainingLabels(**recorded)
    own = TrainingLabels.of(table.kinds[name], np.array(table.values(name, "train") or label))
    if own.kind == "binary":
        return replace(own, positive=float(bundle.metrics.get("training_positive", {}).get(name, 0.5)))
    return own


def seen_in_training(bundle: Bundle, directory: Path, split: str) -> bool | None:
    """Whether these generated clips share seed and level with training clips of the checkpoint; None where unknown.

    A checkpoint that says which splits it learned from has not seen the others.
    """
    try:
        made = json.loads((directory / "generator.json").read_text())
        trained = bundle.config["provenance"]["data"]
        return any(
            all(made[k] == data.get(k) for k in ("seed", "level"))
            # split anew since then, a test clip may have been a training clip
            and (made.get("splits") != data.get("splits") or split in ("all", *data.get("learned_from", [split])))
            for data in trained
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
