"""Read this folder of clips and what was planted in them. Needs Python 3.11 and numpy alone.

    from load import load
    for clip in load(split="test"):
        clip.path                    # an MP4 with sound; decode it with what you like
        clip.decisive["arousal"]     # (T,) which seconds decide

Seconds count from 0: second t is the part of the clip from t to t + 1 s. T seconds.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Clip:
    """A clip and its truth; what has a target as its key is of this target alone."""

    id: str
    level: str
    split: str  # train, validation or test
    path: Path
    labels: dict[str, int | None]  # target → 1 or 0, or None for a clip without a class
    evidence: dict[str, Floats]  # target → (T,) what each second says of it, signed
    decisive: dict[str, Bools]  # target → (T,) seconds that the label follows from
    opposed: dict[str, Bools]  # target → (T,) decisive seconds that speak against the label
    decoy: Bools  # (T,) seconds as odd as decisive ones that say nothing
    video: dict[str, Floats]  # target → (T,) what the picture alone would say, signed; NaN where nothing is known
    audio: dict[str, Floats]  # target → (T,) the same of the sound
    carrier: dict[str, list[str]]  # target → T times both, video, audio, pair, opposite or nothing; see README.md

    @property
    def seconds(self) -> int:
        """T."""
        return len(self.decoy)


def load(folder: Path | str = Path(__file__).parent, split: str = "all") -> list[Clip]:
    """The clips of a split, or all of them, in the order of clips.csv. Raises ValueError for another folder."""
    folder = Path(folder)
    truth: dict[str, dict[str, list[dict[str, str]]]] = {}
    try:
        for row in _rows(folder / "truth.csv"):
            truth.setdefault(row["clip"], {}).setdefault(row["target"], []).append(row)
        return [
            _clip(folder, row, truth[row["id"]])
            for row in _rows(folder / "clips.csv")
            if split in ("all", row["split"])
        ]
    except FileNotFoundError as error:
        raise ValueError(f"{error.filename}: not found; give the folder of the suite") from None
    except (KeyError, csv.Error) as error:
        raise ValueError(f"{folder}: clips.csv and truth.csv do not fit each other ({error!r})") from None


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _clip(folder: Path, row: dict[str, str], truth: dict[str, list[dict[str, str]]]) -> Clip:
    def numbers(column: str) -> dict[str, Floats]:
        return {name: np.array([float(line[column] or "nan") for line in lines]) for name, lines in truth.items()}

    def marks(column: str) -> dict[str, Bools]:
        return {name: values == 1 for name, values in numbers(column).items()}

    return Clip(
        id=row["id"],
        level=row["level"],
        split=row["split"],
        path=folder / row["path"],
        labels={name: int(row[name]) if row[name] else None for name in truth},
        evidence=numbers("evidence"),
        decisive=marks("decisive"),
        opposed=marks("opposed"),
        decoy=next(iter(marks("decoy").values())),
        video=numbers("video"),
        audio=numbers("audio"),
        carrier={name: [line["carrier"] for line in lines] for name, lines in truth.items()},
    )


if __name__ == "__main__":
    for one in load():
        print(one.level, one.id, one.split, f"{one.seconds} s", one.labels)
