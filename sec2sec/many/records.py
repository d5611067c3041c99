"""One line of JSON for each clip: what is known of it, and so that it need not be explained again.

The first line says what the run is: the model and the options. A line is written when the rows of its clip are on the
disk, so that a clip without a line is one that was not finished.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sec2sec.errors import FileError
from sec2sec.explanations.results import Explanation, TargetExplanation
from sec2sec.explanations.sentences import decisive_second, span
from sec2sec.files import append, write_atomically
from sec2sec.words import level, signed

SCHEMA = "sec2sec.clips/1"
SHA256 = "SHA-256 "  # which a version begins with where the weights are at hand


@dataclass(frozen=True)
class RunIdentity:
    """What the rows of one table have in common; of another they cannot be told apart in it."""

    model: str  # name, for people
    version: str  # "SHA-256 …" of a model's weights, "version …" of another predictor
    program: str  # code_version()
    options: Mapping[str, Any] = field(default_factory=dict)  # that change the figures: start, end, tracks
    trained_on: str = ""  # what the model learned from, a sentence

    def difference(self, other: RunIdentity) -> str:
        """What another run would have differently, in words; empty where it is the same."""
        renamed = self.model != other.model and not self.version.startswith(SHA256)  # weights are known by their hash
        if renamed or self.version != other.version:
            same = self.model == other.model
            return f"another version of {self.model}" if same else f"the model {self.model}, and not {other.model}"
        if self.options != other.options:
            names = [name for name in self.options if self.options[name] != other.options.get(name)]
            return "other options: " + ", ".join(f"{name} {self.options[name]}" for name in names)
        return f"sec2sec {self.program}, and not {other.program}" if self.program != other.program else ""


@dataclass(frozen=True)
class TargetRecord:
    """What a line of an index says of one target."""

    prediction: float
    baseline: float
    words: str  # the prediction, for people
    verdict: str  # its word
    reason: str  # the verdict's sentence
    strongest: str  # the second that moved it most, with its effect; empty where none stands out


@dataclass(frozen=True)
class ClipRecord:
    """One clip. Without an explanation it has a reason, and neither rows nor targets."""

    clip: str
    path: str
    sha256: str
    rows: int = 0  # in the table
    duration: float = 0.0  # s
    targets: Mapping[str, TargetRecord] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    report: str = ""  # its page, relative to the folder of the index; empty where none was made
    reason: str = ""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> ClipRecord:
        """Of a line. Raises TypeError for one that was not written here."""
        targets = {name: TargetRecord(**target) for name, target in values["targets"].items()}
        return cls(**{**values, "targets": targets, "warnings": tuple(values["warnings"])})


def record_of_target(explanation: Explanation, name: str) -> TargetRecord:
    """What a line says of the target `name`."""
    target = explanation.targets[name]
    scale = explanation.checkpoint.scale_of(name)
    figure = scale.figure(target.prediction) if scale else f"{target.prediction:.2f}"
    return TargetRecord(
        float(target.prediction),
        float(target.baseline),
        f"{figure}, {level(target.prediction)}",
        target.verdict.word,
        target.verdict.sentence,
        _strongest(explanation, target),
    )


def _strongest(explanation: Explanation, target: TargetExplanation) -> str:
    second = decisive_second(target)
    if second is None:
        return ""
    return f"{span(second, explanation.clip)} ({signed(float(target.effect[second]))})"


class RecordsFile:
    """The file of a run's lines; the last line of a clip is the one that counts."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[RunIdentity, dict[str, ClipRecord]]:
        """The run and its clips. A last line that was not finished is none. Raises FileError."""
        try:
            first, *lines = self.path.read_text(encoding="utf-8").split("\n")[:-1]
            head = json.loads(first)
            if head.pop("schema") != SCHEMA:
                raise ValueError(f"its schema is not {SCHEMA}")
            records = [ClipRecord.read(json.loads(line)) for line in lines]
            return RunIdentity(**head), {record.clip: record for record in records}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise FileError(
                f"{self.path}: cannot be read as the record of a run ({error}); delete it to begin anew"
            ) from error

    def write(self, identity: RunIdentity, records: Sequence[ClipRecord]) -> None:
        """The whole file."""
        lines = [{"schema": SCHEMA, **asdict(identity)}, *(asdict(record) for record in records)]
        write_atomically(self.path, b"".join(map(_line, lines)))

    def add(self, record: ClipRecord) -> None:
        """One more line, on the disk when this returns."""
        append(self.path, _line(asdict(record)))


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"
