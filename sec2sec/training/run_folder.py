"""The folder of a training: its settings, how far it is, and all that resuming needs. Nothing is half-written.

config.json       the settings, and the schema of the folder
environment.json  versions, the command, hashes of the data and of the encoders
data.json         the usable clips with their hashes, and what is wrong with the others
metrics.jsonl     one line per epoch; a process that is killed may leave the last one torn: going on writes it again
state.pt          weights, best weights, optimiser, epoch and batch
progress.json     what is happening now, for a page that polls
predictions.json  at the end: every test clip's truth, prediction and attention over seconds
predictions.csv   at the end: truth and prediction of every validation and test clip, for other programs
manifest.json     at the end: all that the figures depend on, for a paper's appendix
references.bib    at the end: what a paper cites of it
stop              made by whoever wants the training to end at the next batch
checkpoint/       at the end: the model, ready for the app
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import torch

from sec2sec.checkpoints import TRAINED_FOLDER
from sec2sec.datasets.table import Table
from sec2sec.files import lock_file, write_atomically, write_json
from sec2sec.training.loop import Report, State, TrainingError
from sec2sec.training.settings import RUN_SCHEMA, TrainConfig, as_json, earlier_settings, train_config

PREDICTIONS = "predictions.json"
PREDICTIONS_TABLE = "predictions.csv"
BEGUN = ("config.json", "environment.json", "data.json", "progress.json", "lock")  # before anything is learned
PROGRESS_INTERVAL = 0.5  # s between two writings of progress.json


def data_sha256(table: Table, sha256: Mapping[str, str]) -> str:
    """The hash of clips, labels and splits. sha256: of each clip, by id."""
    labels = {row.id: (row.split, dict(row.targets), row.group) for row in table.rows}
    clips = json.dumps([[name, *labels[name], sha] for name, sha in sha256.items()], sort_keys=True)
    return hashlib.sha256(clips.encode()).hexdigest()


class RunFolder:
    """One training's files. Every method that writes raises TrainingError, in words, where the disk refuses."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.progress_written = 0.0
        self.lock: IO[bytes] | None = None

    @property
    def checkpoint(self) -> Path:
        """Where the model is, once there is one."""
        return self.path / TRAINED_FOLDER

    def exists(self) -> bool:
        """Whether a training was begun here."""
        return (self.path / "config.json").exists()

    def config(self) -> TrainConfig:
        """The settings of the training that was begun here. Raises TrainingError for a folder of something else."""
        file = self.path / "config.json"
        try:
            content = json.loads(file.read_text())
            schema = content.get("schema")
        except OSError as error:
            raise TrainingError(f"{self.path}: holds no training ({error.strerror}: config.json)") from error
        except (ValueError, AttributeError) as error:
            raise TrainingError(f"{file}: is damaged ({error}); choose another folder") from error
        if schema != RUN_SCHEMA:
            raise TrainingError(
                f"{self.path}: is a run folder of schema {schema!r}, this version writes {RUN_SCHEMA!r}; "
                "choose another folder"
            )
        return train_config(earlier_settings(content["config"]), str(file))

    def begin(self, config: TrainConfig) -> None:
        """Make the folder ours. Raises TrainingError where something is in it, or it cannot be written."""
        if self.exists():
            self.config()  # a folder of another schema says so
            raise TrainingError(
                f"{self.path}: holds a training already; add --resume to go on, or choose another folder"
            )
        if self.path.is_dir() and set(self.path.iterdir()) - self._unfinished():
            raise TrainingError(f"{self.path}: is not empty and holds no training; choose another folder")
        with self._writing():
            self.path.mkdir(parents=True, exist_ok=True)
            write_json(self.path / "config.json", {"schema": RUN_SCHEMA, "config": as_json(config)})

    def has_state(self) -> bool:
        """Whether there is anything to resume from."""
        return (self.path / "state.pt").exists()

    def undo_begin(self, existed: bool) -> None:
        """Leave the folder as it was before a training that could not start. existed: it was there, and empty."""
        self.release()
        with suppress(OSError):  # the error that is raised is the one to read
            for name in (*BEGUN, *(path.name for path in self._unfinished())):
                (self.path / name).unlink(missing_ok=True)
            if not existed:
                self.path.rmdir()

    def resume(self, config: TrainConfig | None) -> TrainConfig:
        """The settings to go on with. Raises TrainingError where `config` asks for others than it was begun with."""
        own = self.config()
        begun_in = (self.read("environment.json") or {}).get("precision")
        if config is not None and own.precision == "auto" and config.precision == begun_in:
            own = replace(own, precision=begun_in)  # what "auto" was where it began, asked for by its name
        if config is not None and config != own:
            ours, theirs = as_json(own), as_json(config)
            differ = [f"{name} {ours[name]!r}, not {theirs[name]!r}" for name in ours if ours[name] != theirs[name]]
            raise TrainingError(
                f"{self.path}: was begun with {'; '.join(differ)}; "
                "go on with its own settings, or choose another folder"
            )
        return own

    def claim(self) -> None:
        """Keep other processes out for as long as this one lives. Raises TrainingError where one is at work."""
        with self._writing():
            self.lock = (self.path / "lock").open("wb")
        if not lock_file(self.lock, wait=False):
            self.release()
            raise TrainingError(f"{self.path}: another process trains here; wait for it, or stop it")
        with self._writing():
            for path in self._unfinished():
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _unfinished(self) -> set[Path]:
        """What a killed process had not put in place yet."""
        return set(self.path.glob(".*.part"))

    def release(self) -> None:
        """Let others in again."""
        if self.lock is not None:
            self.lock.close()
            self.lock = None

    def write(self, name: str, value: Mapping[str, Any]) -> None:
        """One of the JSON files."""
        with self._writing():
            write_json(self.path / name, value)

    def write_text(self, name: str, text: str) -> None:
        """Another of the files."""
        with self._writing():
            write_atomically(self.path / name, text.encode())

    def read(self, name: str) -> dict[str, Any] | None:
        """One of the JSON files; None where it is not there."""
        try:
            return dict(json.loads((self.path / name).read_text()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise TrainingError(f"{self.path / name}: cannot be read ({error}); choose another folder") from error

    def note_data(self, table: Table, sha256: Mapping[str, str], unusable: Mapping[str, str], encoders: str) -> str:
        """Write data.json, and return the hash of clips, labels and splits; TrainingError where it was another before.

        sha256: of each usable clip, by id; unusable: what is wrong with the others; encoders: the token cache's key.
        """
        note = {
            "directory": str(table.directory),
            "name": table.name,
            "sha256": data_sha256(table, sha256),
            "encoders": encoders,
            "clips": sha256,
            "unusable": unusable,
        }
        before = self.read("data.json")
        if before is not None and any(before.get(key) != note[key] for key in ("sha256", "encoders")):
            what = "clips or labels" if before.get("sha256") != note["sha256"] else "encoders"
            raise TrainingError(
                f"{self.path}: the {what} of {table.directory} are no longer those that it began with; "
                "bring them back, or start again in another folder"
            )
        self.write("data.json", note)
        return str(note["sha256"])

    def save(self, state: State) -> None:
        """Replace the state, as a whole."""
        buffer = io.BytesIO()  # torch's own writer ends in a crash, not an error, on a full disk
        torch.save(state, buffer)
        with self._writing():
            write_atomically(self.path / "state.pt", buffer.getbuffer())  # type: ignore[arg-type]

    def load(self) -> State | None:
        """The last saved state; None before the first."""
        file = self.path / "state.pt"
        if not file.exists():
            return None
        try:
            return dict(torch.load(file, weights_only=True, map_location="cpu"))
        except Exception as error:  # torch's unpickler has many
            raise TrainingError(f"{file}: is damaged ({' '.join(str(error).split())[:120]}); start again") from error

    def append(self, report: Report) -> None:
        """One line to metrics.jsonl."""
        with self._writing(), (self.path / "metrics.jsonl").open("ab") as file:
            file.write(json.dumps(report).encode() + b"\n")

    def rewrite(self, history: Sequence[Report]) -> None:
        """metrics.jsonl as the state has it: no torn line, none twice, none lost."""
        with self._writing():
            lines = "".join(json.dumps(report) + "\n" for report in history)
            write_atomically(self.path / "metrics.jsonl", lines.encode())

    def write_progress(self, stage: str, message: str, done: int, total: int, *, now: bool = False) -> None:
        """What is happening, in progress.json; at most twice per second unless `now`."""
        if now or time.monotonic() - self.progress_written > PROGRESS_INTERVAL:
            self.progress_written = time.monotonic()
            value = {"stage": stage, "message": message, "done": done, "total": total, "process": os.getpid()}
            with self._writing():
                partial = self.path / f".progress.{os.getpid()}.part"
                partial.write_text(json.dumps(value))  # not synced: it is old a second later
                os.replace(partial, self.path / "progress.json")

    def stop_requested(self) -> bool:
        """Whether somebody made the file `stop`."""
        return (self.path / "stop").exists()

    def clear_stop(self) -> None:
        """Before going on."""
        with self._writing(), suppress(FileNotFoundError):
            (self.path / "stop").unlink()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise TrainingError(
                f"{self.path}: cannot be written ({error.strerror or error}); what was saved before is whole: "
                "make room or give permission and add --resume, or choose another folder"
            ) from error
