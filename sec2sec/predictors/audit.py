"""One clip and a predictor that is not ours → the explanation that a model of ours would get, but for its insides.

The clip is edited, the predictor is asked about each edit, and all that needs nothing but predictions is measured.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from sec2sec.checkpoints import CheckpointSummary
from sec2sec.clip import PresentedExplanation
from sec2sec.config import DEFAULT_TRACKS, MediaLimits, TrackChoice
from sec2sec.explanations.features import features_of
from sec2sec.explanations.results import Audit, CoAttention, TargetExplanation
from sec2sec.predictors import MAX_SECONDS
from sec2sec.predictors.answers import PredictorError
from sec2sec.predictors.cache import AnswerCache
from sec2sec.predictors.effort import Budget
from sec2sec.predictors.interview import Interview
from sec2sec.predictors.masker import gaps
from sec2sec.predictors.measure import Measurement, measure_steps
from sec2sec.predictors.notes import notes_of
from sec2sec.predictors.predictor import Identity, Predictor
from sec2sec.predictors.reading import ReadClip, read_clip_for
from sec2sec.predictors.references import REFERENCES, USUAL
from sec2sec.progress import Progress, Steps
from sec2sec.scales import Scale

NO_MAPS = "A predictor that is asked from outside shows no co-attention, so there are no maps."
SYSTEM = "predictor of others"


@dataclass(frozen=True)
class AuditSettings:
    """How a predictor is asked."""

    references: tuple[str, ...] = USUAL  # keys of REFERENCES, the one of answers and verdicts first
    budget: Budget | None = None
    scales: Mapping[str, Scale] = field(default_factory=dict)  # of targets that are not counted from 0 to 1
    answers: Path | None = None  # folder of earlier answers; the program's own if None
    ask_again: bool = False  # whatever was answered before

    def __post_init__(self) -> None:
        if unknown := [key for key in self.references if key not in REFERENCES]:
            raise PredictorError(f"{unknown[0]}: no such reference; choose from {', '.join(REFERENCES)}")
        if not self.references or len(set(self.references)) < len(self.references):
            raise PredictorError("name at least one reference, and each once")


def audit_steps(
    path: Path | str,
    predictor: Predictor,
    settings: AuditSettings | None = None,
    *,
    start: float = 0.0,
    end: float | None = None,
    limits: MediaLimits | None = None,
    tracks: TrackChoice = DEFAULT_TRACKS,
) -> Steps[PresentedExplanation]:
    """Ask a predictor about a clip, or its part from start to end in s, and about edited copies of it.

    Raises MediaError for a clip that cannot be used, PredictorError for a predictor that gives no answer.
    """
    settings = settings or AuditSettings()
    began = time.perf_counter()
    yield Progress(0, 0, "Reading the clip", "decoding")
    limits = limits or MediaLimits(max_seconds=MAX_SECONDS)
    read = read_clip_for(predictor.inputs, path, start, end, limits, tracks)
    decoded = time.perf_counter()
    part = (read.info.sha256, start, end, tracks.video, tracks.audio, predictor.inputs)
    cache = AnswerCache(" ".join(map(str, part)), predictor.identity, settings.answers, settings.ask_again)
    is_whole = start == 0 and end is None and tracks == DEFAULT_TRACKS
    references = [REFERENCES[key] for key in settings.references]
    with tempfile.TemporaryDirectory(prefix="sec2sec-audit-") as folder, read.maker(Path(folder)) as maker:
        original = read.clip.path if is_whole and predictor.inputs == "files" else None
        interview = Interview(predictor, maker, cache, original)
        measured = yield from measure_steps(interview, references, settings.budget, settings.scales, start)
    asked = time.perf_counter()
    explanation = _explanation(read, predictor.identity, interview, measured, settings.scales)
    taken = {"decoding": decoded - began, "asking": asked - decoded, "explaining": time.perf_counter() - asked}
    return replace(explanation, seconds_taken=taken)


def _explanation(
    read: ReadClip, identity: Identity, interview: Interview, measured: Measurement, scales: Mapping[str, Scale]
) -> PresentedExplanation:
    names, chance = measured.targets, dict(zip(measured.targets, measured.chance.tolist(), strict=True))
    targets = {
        name: TargetExplanation(
            prediction=float(measured.prediction[k]),
            baseline=float(measured.baseline[k]),
            attention=None,
            effects=tuple(effects[k] for effects in measured.effects),
            verdict=measured.verdicts[name],
            shapley=None if measured.shapley is None else measured.shapley[k],
            noise=chance[name],
        )
        for k, name in enumerate(names)
    }
    audit = Audit(
        version=identity.version,
        references=tuple(reference.name for reference in measured.effort.references),
        step=measured.effort.step,
        questions=interview.asked,
        remembered=interview.remembered,
        seconds_per_question=interview.mean_took,
        reencoding=_by_target(names, measured.reencoding),
        noise=_by_target(names, measured.noise),
        repeats=measured.repeats,
        left_out=measured.left_out,
        gaps=gaps(interview, read.info.start),
    )
    return PresentedExplanation(
        clip=replace(read.info, warnings=(*read.info.warnings, *notes_of(audit, chance))),
        checkpoint=_summary(identity, scales),
        targets=targets,
        co_attention=CoAttention((0, 0, 0), (0, 0), (0.0, 0.0, 1.0, 1.0), absent=NO_MAPS),
        features=features_of(read.measured(), {name: target.effect for name, target in targets.items()}),
        audit=audit,
        preview=read.preview,
    )


def _summary(identity: Identity, scales: Mapping[str, Scale]) -> CheckpointSummary:
    """The predictor where an explanation names a model of ours. It has no weights that were seen, so no hash."""
    system = f"{SYSTEM}, version {identity.version}" if identity.version else SYSTEM
    return CheckpointSummary(identity.name, "", identity.learned_from, system=system, scales=tuple(scales.values()))


def _by_target(names: tuple[str, ...], values: np.ndarray) -> dict[str, float]:
    return dict(zip(names, values.tolist(), strict=True))
