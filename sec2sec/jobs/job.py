"""Trainings that the app starts: each has a folder, and a process of its own that outlives the server.

RUNS/ID/job.json       the specification of the training, and its owner; a folder without this file is no training
RUNS/ID/progress.json  the stage of the process: waiting, clips, run (see run/progress.json then), and how it ended
RUNS/ID/lock           locked for as long as the process lives
RUNS/ID/stop, finish   requests that the process stops, or that it ends with the best weights so far
RUNS/ID/log.txt        what the process wrote to its standard output and error
RUNS/ID/run/           the run folder of `train`
RUNS/ID/data/, tokens/ an uploaded data set and its tokens
RUNS/sets/NAME/        known-truth clips and their tokens, shared by the trainings that use the same clips
RUNS/queue/            the tickets of the trainings that wait for their turn

Nothing here imports torch.
"""

from __future__ import annotations

import functools
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from sec2sec.datasets.known_truth.states import MIN_CLIP_SECONDS, Level
from sec2sec.errors import SettingsError, UserError
from sec2sec.fields import Validated, setting
from sec2sec.files import lock_file, write_json
from sec2sec.paths import program_paths

SCHEMA = "sec2sec.job/1"
ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{32}")  # the time at which it was made, and what nobody can guess
ENDED = ("stopped", "failed", "done")
STALE_AFTER = 3600.0  # s after which a folder without job.json is what a lost server left
MAX_SEED = 2**32 - 1
LOG_CHARACTERS = 200  # of the last line of a log that a message shows


Request = Literal["stop", "finish"]


class JobError(UserError):
    """A training that cannot be started, stopped or removed: one sentence for the page."""


@dataclass(frozen=True)
class KnownTruth(Validated):
    """Clips that the process makes before it learns from them."""

    clips: int = setting(200, ge=20)  # a tenth of them is for validation
    lengths: tuple[int, int] = setting((4, 6), ge=MIN_CLIP_SECONDS, le=60)  # s, of the shortest and the longest clip
    level: Level = "plain"
    seed: int = setting(0, ge=0, le=MAX_SEED)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lengths[0] > self.lengths[1]:
            raise SettingsError(
                f"the longest clip must last as long as the shortest one ({self.lengths[0]} s), not {self.lengths[1]} s"
            )

    @property
    def name(self) -> str:
        """Name of their folder: the same for the same clips."""
        return f"{self.level}-{self.clips}-{self.lengths[0]}-{self.lengths[1]}-{self.seed}"


@dataclass(frozen=True)
class JobSpec:
    """What a training was asked for, as job.json has it."""

    title: str  # its name, which no other training of its owner has
    config: Mapping[str, Any]  # TrainConfig as JSON
    make: KnownTruth | None = None  # clips to make first
    cache: str = ""  # folder of the tokens
    device: str = "auto"
    workers: int | None = None  # decoding processes; None: as many as there are cores
    minutes: float | None = None  # largest time of work, without waiting; then the best weights so far are kept
    owner: str = ""  # whose training it is, where visitors see only their own
    created: float = field(default_factory=time.time)  # s since 1970
    about: str = ""  # data, system and preset, in words


@dataclass(frozen=True)
class State:
    """How far a training is, in words and figures."""

    stage: str  # starting, waiting, clips, data, tokens, training, measuring, ending; stopped, failed, done, dead
    message: str
    done: int = 0  # clips or epochs of the stage; trainings ahead while waiting
    total: int = 0

    @property
    def is_running(self) -> bool:
        """Whether a process works on the training, or waits for its turn."""
        return self.stage not in (*ENDED, "dead")


class Job:
    """One training of the app."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def id(self) -> str:
        """Name of the training in addresses and lists."""
        return self.path.name

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.path / "run"

    @property
    def checkpoint(self) -> Path:
        """Folder of the model, once the training has ended."""
        return self.run / "checkpoint"

    @property
    def finished(self) -> bool:
        """Whether there is a model."""
        return (self.checkpoint / "config.json").is_file()

    @property
    def queue(self) -> Path:
        """Folder in which all trainings of the same runs wait for their turn."""
        return self.path.parent / "queue"

    def clip_set_dir(self, make: KnownTruth) -> Path:
        """Folder of known-truth clips and their tokens."""
        return self.path.parent / "sets" / make.name

    def spec(self) -> JobSpec:
        """What the training was asked for. Raises JobError."""
        file = self.path / "job.json"
        try:
            return _read_spec(file, file.stat().st_mtime_ns)
        except (OSError, KeyError, TypeError, SettingsError) as error:
            raise JobError(
                "this training was started by another version, or its folder is damaged; remove it"
            ) from error

    def write_spec(self, spec: JobSpec) -> None:
        """Write job.json; from now on the training is in the list."""
        write_json(self.path / "job.json", {"schema": SCHEMA, **asdict(spec)})

    def start(self) -> None:
        """Start the process, or start it again to resume. Raises JobError where one is running."""
        with (self.path / "lock").open("ab") as lock, (self.path / "log.txt").open("ab") as log:
            if not _locked(lock):
                raise JobError("this training is running already")
            for name in ("stop", "finish"):
                (self.path / name).unlink(missing_ok=True)
            self.write_progress("starting", "", spent=self.spent)
            # the process inherits the lock that is held here: there is no moment at which it seems dead
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "sec2sec.jobs.worker",
                    str(self.path.resolve()),
                    "--lock",
                    str(lock.fileno()),
                ],
                cwd=program_paths().checkout or self.path,  # Python finds a checkout by the folder it starts in
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C for the server is none for the training
                pass_fds=(lock.fileno(),),
            )

    def request(self, what: Request) -> None:
        """Request that the process stops, or that it finishes with the best weights so far."""
        (self.path / what).touch()

    def requested(self, what: Request) -> bool:
        """Whether this was requested since the process started."""
        return (self.path / what).exists()

    def is_running(self) -> bool:
        """Whether the process is running, whoever started it; a killed one is not."""
        try:
            with (self.path / "lock").open("rb") as lock:
                return not lock_file(lock, wait=False, shared=True)
        except OSError:
            return False

    def write_progress(self, stage: str, message: str, done: int = 0, total: int = 0, spent: float = 0.0) -> None:
        """Write the stage of the process. spent: s of work so far, over all its starts."""
        write_json(
            self.path / "progress.json",
            {"stage": stage, "message": message, "done": done, "total": total, "spent": spent, "process": os.getpid()},
        )

    @property
    def spent(self) -> float:
        """Seconds of work so far."""
        return float(_read(self.path / "progress.json").get("spent", 0.0))

    def state(self) -> State:
        """How far the training is."""
        progress, is_running = _read(self.path / "progress.json"), self.is_running()
        if is_running and progress.get("stage") in ENDED:
            return State("ending", "one moment", self.epochs())  # only without a process can it be started again
        if not is_running and progress.get("stage") not in ENDED:
            progress = _read(self.path / "progress.json")  # it may have ended between the two looks
            if progress.get("stage") not in ENDED:
                return State("dead", self._stopped_unexpectedly(), self.epochs())
        if progress.get("stage") == "run":
            job_progress, progress = progress, _read(self.run / "progress.json")
            if progress.get("stage") in (
                *ENDED,
                None,
            ):  # of this start, which will say so in a moment, or of an old one
                if progress.get("process") == job_progress.get("process"):
                    return State("ending", "one moment", self.epochs())
                return State("starting", "loading the libraries")
        return State(*(progress.get(name, 0) for name in ("stage", "message", "done", "total")))

    def _stopped_unexpectedly(self) -> str:
        """The message for a process that is gone and did not say how it ended."""
        epochs = self.epochs()
        remedy = f"Resume continues after epoch {epochs}." if epochs else "Resume starts with what is there already."
        try:
            lines = (self.path / "log.txt").read_text(errors="replace").split("\n")
        except OSError:
            lines = []
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        log = f" The last line of its log: {last[:LOG_CHARACTERS]}" if last else ""
        return f"Stopped unexpectedly: the process was killed, or the machine restarted. {remedy}{log}"

    def epochs(self) -> int:
        """Number of epochs that are saved."""
        return len(self.reports())

    def reports(self, since: int = 0) -> list[dict[str, Any]]:
        """The reports of the epochs after `since`; a torn last line is left out."""
        try:
            lines = (self.run / "metrics.jsonl").read_bytes().split(b"\n")[:-1]
        except OSError:
            return []
        try:
            return [json.loads(line) for line in lines[since:]]
        except ValueError:
            return []

    def pack(self, to: Path) -> None:
        """The checkpoint as a zip, all of it or nothing. Raises JobError where there is none."""
        if not self.finished:
            raise JobError("this training has no checkpoint yet")
        part = to.with_suffix(".part")
        try:
            with zipfile.ZipFile(part, "w") as archive:  # weights do not compress
                for path in sorted(self.checkpoint.iterdir()):
                    archive.write(path, f"{to.stem}/{path.name}")
            part.replace(to)
        finally:
            part.unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete the training, and its known-truth clips unless another one uses them.

        Raises JobError while the training is running.
        """
        try:
            make = self.spec().make
        except JobError:
            make = None  # damaged: it is removed all the same
        removed = self.path.with_name(f".{self.id}.removed")
        with (self.path / "lock").open("ab") as lock:
            if not _locked(lock):  # held to the end, so that nobody starts it meanwhile
                raise JobError("this training is running; stop it first")
            self.path.rename(removed)  # out of the list at once
        shutil.rmtree(removed, ignore_errors=True)
        if make is not None and all(other.spec().make != make for other in Jobs(self.path.parent).all()):
            shutil.rmtree(self.clip_set_dir(make), ignore_errors=True)


class Jobs:
    """The trainings in a folder of runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new(self) -> Job:
        """An empty folder whose name nobody can guess, not yet in the list."""
        self.remove_stale()
        path = self.folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(16)}"
        path.mkdir(parents=True)
        return Job(path)

    def all(self, owner: str | None = None) -> list[Job]:
        """All trainings, or those of one owner; the newest first."""
        if not self.folder.is_dir():
            return []
        names = sorted((path.name for path in self.folder.iterdir() if ID.fullmatch(path.name)), reverse=True)
        jobs = []
        for name in names:
            job = Job(self.folder / name)
            try:
                spec = job.spec()
            except JobError:
                continue
            if owner is None or secrets.compare_digest(spec.owner, owner):
                jobs.append(job)
        return jobs

    def get(self, name: object, owner: str | None = None) -> Job:
        """The training of an id, which may come from a browser. Raises JobError where the owner has none of this id."""
        if isinstance(name, str) and ID.fullmatch(name):
            job = Job(self.folder / name)
            if (job.path / "job.json").is_file() and owner in (None, job.spec().owner):
                return job
        raise JobError("this training is not there any more")

    def remove_stale(self) -> None:
        """Delete what a server that was lost in the middle of an upload, or of a removal, left behind."""
        if not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            is_ours = ID.fullmatch(path.name) or (path.name.startswith(".") and path.name.endswith(".removed"))
            is_old = time.time() - path.stat().st_mtime > STALE_AFTER
            if is_ours and is_old and not (ID.fullmatch(path.name) and (path / "job.json").exists()):
                shutil.rmtree(path, ignore_errors=True)


@functools.lru_cache(maxsize=4096)
def _read_spec(file: Path, changed: int) -> JobSpec:
    """job.json, read once for each state of the file: pages that poll ask for all of them each second."""
    values = _read(file)
    if values.pop("schema", None) != SCHEMA:
        raise TypeError("another schema")
    make = values.pop("make")
    return JobSpec(**values, make=None if make is None else KnownTruth.from_mapping(make))


def _locked(file: IO[bytes]) -> bool:
    """Lock a job's file; a page that only looks whether it is locked holds it for a moment."""
    for _ in range(6):
        if lock_file(file, wait=False):
            return True
        time.sleep(0.05)
    return False


def _read(path: Path) -> dict[str, Any]:
    """A JSON object; empty where it is not there or damaged."""
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return {}
