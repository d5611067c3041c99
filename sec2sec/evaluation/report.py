"""What an evaluation finds, as JSON takes it. `sec2sec.tables` turns its figures into rows, `document` into pages."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

Interval = list[float] | None  # the ends of a 95 % interval over groups; None with one group alone


class Roc(TypedDict):
    """The ROC curve from (0, 0) to (1, 1)."""

    false_positive_rate: list[float]
    true_positive_rate: list[float]
    threshold: list[float]  # of each point, class 1 from it on; more than 1 at (0, 0), where no clip is class 1


# One bin of a reliability diagram: its edges, its clips, their mean prediction and share of class 1, None where empty
Bin = TypedDict("Bin", {"from": float, "to": float, "clips": int, "prediction": float | None, "positive": float | None})


class CalibrationScores(TypedDict):
    """How far predictions are from what comes true."""

    ece: float
    brier: float


class Calibration(CalibrationScores):
    """The error, the reliability diagram, and the error of the training share alone."""

    bins: list[Bin]
    trivial: CalibrationScores
    interval: NotRequired[dict[str, Interval]]


class Points(TypedDict):
    """Predicted beside true scores, a clip a place."""

    id: list[str]
    truth: list[float]
    prediction: list[float]


class Curves(TypedDict, total=False):
    """roc and calibration of a class, points of a score."""

    roc: Roc | None  # None with one class alone
    calibration: Calibration
    points: Points


class WorstClip(TypedDict):
    """A clip whose prediction is far off."""

    id: str
    path: str
    group: str
    truth: float
    prediction: float
    error: float


class Gain(TypedDict):
    """What a metric is better by than the best trivial baseline, or than another yardstick."""

    metric: str
    over: str
    value: float
    interval: Interval


class TargetReport(TypedDict):
    """One target: what `metrics.measure` returns, each metric under its own name beside these keys, and the curves."""

    kind: str
    clips: int
    groups: int
    interval: dict[str, Interval]
    gain: Gain
    trivial: dict[str, dict[str, float | None]]
    threshold: NotRequired[float]  # of a class, which is predicted above it
    curves: Curves
    worst: list[WorstClip]


class SeenClips(TypedDict):
    """How many of the measured clips the checkpoint learned from, by what is in their files."""

    clips: int
    splits: dict[str, int]  # of them, by what they were for: train, validation
    known: bool  # whether the checkpoint says what it learned from


class ModalitiesTarget(TypedDict):
    """What is left of a target's metrics where sound and picture are apart."""

    kind: str
    rows: dict[str, dict[str, Any]]  # what `metrics.measure` returns, by what was predicted from
    together: Gain  # of the model over the best additive prediction


class ModalitiesReport(TypedDict):
    """Every sound beside every picture of some clips."""

    clips: int
    of: int  # how many they were drawn from
    seed: int  # of the draw
    targets: dict[str, ModalitiesTarget]


class EvaluationReport(TypedDict):
    """A checkpoint on a data set. `pointing…` only where clips with planted seconds were measured."""

    checkpoint: dict[str, str]  # name, sha256, trained_on
    data: str
    reading: dict[str, str | int | bool]  # options that it was read with
    remarks: list[
        str
    ]  # what to know before the figures: how data and split differ, intervals of few groups; a sentence each
    split: str
    clips: int
    unusable: int
    learned_from: SeenClips
    targets: dict[str, TargetReport]
    # Share of clips whose top second is a planted one: by occlusion, attention, chance and yardsticks without a model
    pointing: NotRequired[dict[str, float]]
    pointing_by_target: NotRequired[dict[str, dict[str, float]]]  # of the methods that a target has scores of
    pointing_gains: NotRequired[list[Gain]]  # of occlusion over the yardsticks that need sound and picture
    modalities: NotRequired[ModalitiesReport]
    manifest: NotRequired[str]  # the file in which the training noted all that it depended on
