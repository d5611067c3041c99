"""Does a model lean on what people lean on? CREMA-D asked people about the voice, the face, and both together.

Where they judged both as they judged one alone, they followed that one; where they judged both as neither, they needed
both. A model's prediction splits in the same three:

    picture      f(picture alone) − f(nothing)
    sound        f(sound alone) − f(nothing)
    interaction  f(both) − f(picture alone) − f(sound alone) + f(nothing)

f: predictions, what is absent at the training mean. They sum to f(both) − f(nothing), and the largest says what the
model leans on. N clips, K targets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from sec2sec.checkpoints import Bundle
from sec2sec.config import MediaLimits
from sec2sec.datasets.crema_d import NAME
from sec2sec.datasets.extract import as_decoded, decode_all
from sec2sec.datasets.table import DataError, Row, Table
from sec2sec.encoding import encode_seconds
from sec2sec.explanations.masker import Masker, masker_of
from sec2sec.metrics import draws, interval_of
from sec2sec.progress import Progress, Steps
from sec2sec.tables import TextTable, counted

PEOPLE = ("followed the face", "followed the voice", "needed both")
MODEL = ("picture", "sound", "interaction")
MIN_ACTORS = 5  # with fewer, an interval over actors says little
VOTES = ("face_vote", "voice_vote", "both_vote")  # columns of the reader


@dataclass(frozen=True)
class Leaning:
    """One clip: what people leaned on, and the parts of the model's prediction of each target."""

    clip: str
    group: str  # its actor
    people: int  # place in PEOPLE
    parts: np.ndarray  # (K, 3) picture, sound, interaction


class Plate(TypedDict):
    """Three by three clips of one target: rows as PEOPLE, columns as MODEL."""

    counts: list[list[int]]
    agreement: float  # the share of clips on the diagonal
    interval: list[float] | None  # 95 %, over actors; None with one alone
    by_chance: float  # the agreement of the same margins without any connection
    kappa: float | None  # agreement beyond chance (Cohen 1960); None where chance agrees always


class LeaningReport(TypedDict):
    """A model beside people, on the clips where people's judgement of both did not simply agree with each."""

    checkpoint: dict[str, str]
    data: str
    clips: int  # that were compared
    tied: int  # a vote without a winner
    agreed: int  # voice, face and both alike: nothing tells them apart
    actors: int
    targets: dict[str, Plate]
    each: list[dict[str, object]]  # of every clip: what people did, the parts of each target


def people_leaned(columns: Mapping[str, str]) -> int | None:
    """Place in PEOPLE of a clip's votes; None where one is a tie (`anger:disgust`), or all are the same."""
    face, voice, both = (columns.get(name, "") for name in VOTES)
    if not (face and voice and both) or ":" in face + voice + both or face == voice == both:
        return None
    return 0 if both == face else 1 if both == voice else 2


def parts_of(masker: Masker) -> np.ndarray:
    """(K, 3) of picture, sound and interaction; they sum to the prediction less the baseline."""
    picture, sound = (
        np.repeat(np.array(present)[:, None], masker.seconds, axis=1)
        for present in ([False, True, False, True], [False, False, True, True])
    )
    with masker.threads():
        nothing, seen, heard, both = masker.predictor(picture, sound)
    return np.stack([seen - nothing, heard - nothing, both - seen - heard + nothing], 1)


def lean_steps(bundle: Bundle, table: Table, *, workers: int) -> Steps[LeaningReport]:
    """Compare the model with people on every clip that is there. Raises DataError where none can be compared."""
    if table.name != NAME:
        raise DataError(f"{table.directory}: votes for voice, face and both are asked for; give a folder of {NAME}")
    if not (bundle.system.sees and bundle.system.hears):
        raise DataError(
            f"{bundle.summary.name}: this model reads one modality alone; take a model of sound and picture"
        )
    there = [row for row in table.rows if row.path.is_file()]
    told = {row.id: people_leaned(row.columns) for row in there}
    wanted = [row for row in there if told[row.id] is not None]
    if not wanted:
        raise DataError(
            f"{table.directory}: none of its {counted(len(there), 'clip')} that are there has votes that tell voice "
            "from face; add clips of which people judged the two differently"
        )
    limits = MediaLimits(max_seconds=min(MediaLimits().max_seconds, bundle.system.max_seconds))
    found: list[Leaning] = []
    for done, (row, seconds) in enumerate(
        decode_all(wanted, bundle.encoders.config, as_decoded, workers=workers, limits=limits), start=1
    ):
        if isinstance(seconds, str):
            raise DataError(seconds)
        people = told[row.id]
        assert people is not None, "it is wanted"
        tokens = encode_seconds(seconds, bundle.encoders, bundle.device)
        found.append(Leaning(row.id, row.group, people, parts_of(masker_of(bundle.model, tokens))))
        yield Progress(done, len(wanted), f"Compared {done} of {len(wanted)} clips")
    return _report(bundle, table, there, found)


def _report(bundle: Bundle, table: Table, there: Sequence[Row], found: Sequence[Leaning]) -> LeaningReport:
    names, summary = bundle.model.config.targets, bundle.summary
    tied = sum(":" in "".join(row.columns.get(name, "") for name in VOTES) for row in there)
    return {
        "checkpoint": {"name": summary.name, "sha256": summary.sha256, "trained_on": summary.trained_on},
        "data": str(table.directory),
        "clips": len(found),
        "tied": tied,
        "agreed": len(there) - tied - len(found),
        "actors": len({clip.group for clip in found}),
        "targets": {name: plate_of(found, k) for k, name in enumerate(names) if name not in summary.diagnostics},
        "each": [
            {
                "clip": clip.clip,
                "people": PEOPLE[clip.people],
                "parts": {name: dict(zip(MODEL, clip.parts[k].tolist(), strict=True)) for k, name in enumerate(names)},
            }
            for clip in found
        ],
    }


def plate_of(clips: Sequence[Leaning], k: int) -> Plate:
    """The counts of one target, their agreement, and what the margins alone would agree on."""
    people = np.array([clip.people for clip in clips])
    model = np.array([int(np.abs(clip.parts[k]).argmax()) for clip in clips])
    counts = np.zeros((3, 3), dtype=int)
    np.add.at(counts, (people, model), 1)
    same = (people == model).astype(float)
    actors = [clip.group for clip in clips]
    weights = draws(actors, 0)
    by_chance = float((counts.sum(1) * counts.sum(0)).sum() / counts.sum() ** 2)
    agreement = float(same.mean())
    return {
        "counts": counts.tolist(),
        "agreement": agreement,
        "interval": interval_of(weights @ same / weights.sum(1)) if len(set(actors)) > 1 else None,
        "by_chance": by_chance,
        "kappa": (agreement - by_chance) / (1 - by_chance) if by_chance < 1 else None,
    }


def plate_table(target: str, plate: Plate) -> TextTable:
    """The counts for a terminal or a page."""
    rows = [[people, *map(str, row)] for people, row in zip(PEOPLE, plate["counts"], strict=True)]
    return TextTable(
        f"{target}: clips by what people did and by the largest part of the model's prediction",
        ["people", *(f"model: {part}" for part in MODEL)],
        rows,
    )


def as_text(report: LeaningReport) -> str:
    """The plates, each with its agreement beside chance."""
    lines = [
        f"{counted(report['clips'], 'clip')} of {counted(report['actors'], 'actor')}, checkpoint "
        f"{report['checkpoint']['name']}. {report['checkpoint']['trained_on'].strip()}",
        f"Left out: {report['agreed']} where voice, face and both were judged alike, {report['tied']} with a tie.",
    ]
    for name, plate in report["targets"].items():
        table = plate_table(name, plate)
        lines += ["", table.caption, table.as_text(), _agreement(plate)]
    if report["actors"] < MIN_ACTORS:
        lines += ["", f"So few actors ({report['actors']}) say nothing about others."]
    return "\n".join(lines)


def _agreement(plate: Plate) -> str:
    interval = plate["interval"]
    ends = "" if interval is None else f" [{interval[0]:.2f}, {interval[1]:.2f}] over actors"
    kappa = "undefined" if plate["kappa"] is None else f"{plate['kappa']:.2f}"
    return f"agreement {plate['agreement']:.2f}{ends}; by chance {plate['by_chance']:.2f}; Cohen's kappa {kappa}"
