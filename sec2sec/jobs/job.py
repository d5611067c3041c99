"""Trainings that the app starts: a folder for each, a process of its own that outlives the server, and how it stands.

RUNS/ID/job.json       what was asked, by whom; a folder without it is none
RUNS/ID/progress.json  the stage of the process: waiting, clips, run (then run/progress.json tells), and how it ended
RUNS/ID/lock           locked for as long as the process lives
RUNS/ID/stop, finish   made by whoever wants it to stop, or to end with the best weights so far
RUNS/ID/log.txt        what the process wrote to its standard output and error
RUNS/ID/run/           the run folder of `train`
RUNS/ID/data/, tokens/ an uploaded data set and its tokens
RUNS/sets/NAME/        known-truth clips and their tokens, shared by the trainings that asked for the same
RUNS/queue/            the tickets of those that wait for their turn

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
from typing import IO, Any

from sec2sec.datasets.known_truth.states import LEVELS, MIN_CLIP_SECONDS, Level
from sec2sec.errors import UserError
from sec2sec.files import lock_file, write_json
from sec2sec.paths import program_paths

SCHEMA = "sec2sec.job/1"
ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{32}")  # when it was made, and what nobody can guess
ENDED = ("stopped", "failed", "done")
FORGOTTEN = 3600.0  # s after which a folder without job.json is what a lost server left


class JobError(UserError):
    """A training that cannot be started, stopped or removed: one sentence for the page."""


@dataclass(frozen=True)
class KnownTruth:
    """Clips that the process makes before it learns from them."""

    clips: int = 200
    lengths: tuple[int, int] = (4, 6)  # s, of the shortest and of the longest clip
    level: Level = "plain"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise JobError(f"the level of known-truth clips is {' or '.join(LEVELS)}, not {self.level!r}")
        if self.clips < 20:
            raise JobError(f"known-truth clips: at least 20, not {self.clips}: a tenth of them is for validation")
        if not MIN_CLIP_SECONDS <= self.lengths[0] <= self.lengths[1] <= 60:
            raise JobError(
                f"a known-truth clip lasts from {MIN_CLIP_SECONDS} to 60 s, not {self.lengths[0]} to {self.lengths[1]}"
            )
        if self.seed < 0:
            raise JobError(f"the seed of known-truth clips is at least 0, not {self.seed}")

    @property
    def name(self) -> str:
        """The same for the same clips."""
        return f"{self.level}-{self.clips}-{self.lengths[0]}-{self.lengths[1]}-{self.seed}"


@dataclass(frozen=True)
class Order:
    """What a training was asked for."""

    title: str
    config: Mapping[str, Any]  # TrainConfig as JSON
    make: KnownTruth | None = None  # clips to make first
    cache: str = ""  # of tokens
    device: str = "auto"
    workers: int | None = None  # decoding processes; the cores if None
    minutes: float | None = None  # of work, waiting apart; then it ends with the best weights so far
    owner: str = ""  # whose it is, where visitors see their own alone
    created: float = field(default_factory=time.time)  # s since 1970


@dataclass(frozen=True)
class State:
    """How a training stands, in words and figures."""

    stage: str  # starting, waiting, clips, data, tokens, training, measuring, ending; stopped, failed, done, dead
    message: str
    done: int = 0  # of the stage: clips, epochs; trainings ahead while waiting
    total: int = 0

    @property
    def alive(self) -> bool:
        """Whether a process is at it."""
        return self.stage not in (*ENDED, "dead")


class Job:
    """One training of the app."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def id(self) -> str:
        """Its name in addresses and lists."""
        return self.path.name

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.path / "run"

    @property
    def checkpoint(self) -> Path:
        """Where the model is, once there is one."""
        return self.run / "checkpoint"

    @property
    def finished(self) -> bool:
        """Whether there is a model."""
        return (self.checkpoint / "config.json").is_file()

    @property
    def queue(self) -> Path:
        """Where all trainings of this folder of runs wait for their turn."""
        return self.path.parent / "queue"

    def set_of(self, make: KnownTruth) -> Path:
        """Where known-truth clips and their tokens lie."""
        return self.path.parent / "sets" / make.name

    def order(self) -> Order:
        """What was asked. Raises JobError."""
        file = self.path / "job.json"
        try:
            return _order(file, file.stat().st_mtime_ns)
        except (OSError, KeyError, TypeError) as error:
            raise JobError("this training was begun by another version, or its folder is damaged; remove it") from error

    def begin(self, order: Order) -> None:
        """Write what is asked; from now on it is in the list."""
        write_json(self.path / "job.json", {"schema": SCHEMA, **asdict(order)})

    def start(self) -> None:
        """Start its process, or start it again to go on. Raises JobError where one is at it."""
        with (self.path / "lock").open("ab") as lock, (self.path / "log.txt").open("ab") as log:
            if not _locked(lock):
                raise JobError("this training is running already")
            for name in ("stop", "finish"):
                (self.path / name).unlink(missing_ok=True)
            self.say("starting", "", spent=self.spent)
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

    def ask(self, what: str) -> None:
        """Ask its process to `stop`, or to `finish` with the best weights so far."""
        (self.path / what).touch()

    def asked(self, what: str) -> bool:
        """Whether somebody did."""
        return (self.path / what).exists()

    def alive(self) -> bool:
        """Whether its process lives; wherever it was started, and however it ended."""
        try:
            with (self.path / "lock").open("rb") as lock:
                return not lock_file(lock, wait=False, shared=True)
        except OSError:
            return False

    def say(self, stage: str, message: str, done: int = 0, total: int = 0, spent: float = 0.0) -> None:
        """The stage of the process; spent: s of work so far, over all its starts."""
        write_json(
            self.path / "progress.json",
            {"stage": stage, "message": message, "done": done, "total": total, "spent": spent, "process": os.getpid()},
        )

    @property
    def spent(self) -> float:
        """Seconds of work so far."""
        return float(_read(self.path / "progress.json").get("spent", 0.0))

    def state(self) -> State:
        """How it stands."""
        said, alive = _read(self.path / "progress.json"), self.alive()
        if alive and said.get("stage") in ENDED:
            return State("ending", "one moment", self.epochs())  # only when it is gone can it be started again
        if not alive and said.get("stage") not in ENDED:
            said = _read(self.path / "progress.json")  # it may have ended between the two looks
            if said.get("stage") not in ENDED:
                return State("dead", self._last_words(), self.epochs())
        if said.get("stage") == "run":
            own, said = said, _read(self.run / "progress.json")
            if said.get("stage") in (*ENDED, None):  # of this start, which is about to say so itself, or of one before
                if said.get("process") == own.get("process"):
                    return State("ending", "one moment", self.epochs())
                return State("starting", "loading the libraries")
        return State(*(said.get(name, 0) for name in ("stage", "message", "done", "total")))

    def _last_words(self) -> str:
        """What to say of a process that ended without a word."""
        epochs = self.epochs()
        on = f"Resume goes on from epoch {epochs}." if epochs else "Resume begins with what is there already."
        try:
            lines = (self.path / "log.txt").read_text(errors="replace").split("\n")
        except OSError:
            lines = []
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        words = f" The last line of its log: {last[:200]}" if last else ""
        return f"Stopped unexpectedly: it was killed, or the machine restarted. {on}{words}"

    def epochs(self) -> int:
        """Epochs that are saved."""
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
        """Delete it, and the known-truth clips that no other training uses. Raises JobError where it is running."""
        if self.alive():
            raise JobError("this training is running; stop it first")
        make = self.order().make if (self.path / "job.json").exists() else None
        gone = self.path.with_name(f".{self.id}.removed")
        self.path.rename(gone)  # out of the list at once
        shutil.rmtree(gone, ignore_errors=True)
        if make is not None and all(other.order().make != make for other in Jobs(self.path.parent).all()):
            shutil.rmtree(self.set_of(make), ignore_errors=True)


class Jobs:
    """The trainings in a folder of runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new(self) -> Job:
        """An empty folder whose name nobody can guess, not yet in the list."""
        self.sweep()
        path = self.folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(16)}"
        path.mkdir(parents=True)
        return Job(path)

    def all(self, owner: str | None = None) -> list[Job]:
        """The newest first; those of one owner alone where it is given."""
        if not self.folder.is_dir():
            return []
        names = sorted((path.name for path in self.folder.iterdir() if ID.fullmatch(path.name)), reverse=True)
        found = []
        for name in names:
            job = Job(self.folder / name)
            try:
                order = job.order()
            except JobError:
                continue
            if owner is None or secrets.compare_digest(order.owner, owner):
                found.append(job)
        return found

    def get(self, name: object, owner: str | None = None) -> Job:
        """One by its id, which may come from a browser. Raises JobError where there is none, or it is another's."""
        if isinstance(name, str) and ID.fullmatch(name):
            job = Job(self.folder / name)
            if (job.path / "job.json").is_file() and owner in (None, job.order().owner):
                return job
        raise JobError("this training is not there any more")

    def sweep(self) -> None:
        """Delete what a server that was lost in the middle of an upload, or of a removal, left behind."""
        if not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            ours = ID.fullmatch(path.name) or (path.name.startswith(".") and path.name.endswith(".removed"))
            old = time.time() - path.stat().st_mtime > FORGOTTEN
            if ours and old and not (ID.fullmatch(path.name) and (path / "job.json").exists()):
                shutil.rmtree(path, ignore_errors=True)


@functools.lru_cache(maxsize=4096)
def _order(file: Path, changed: int) -> Order:
    """job.json, read once for each state of the file: pages that poll ask for all of them each second."""
    found = _read(file)
    if found.pop("schema", None) != SCHEMA:
        raise TypeError("another schema")
    made = found.pop("make")
    if made is not None:
        made = KnownTruth(**{**made, "lengths": tuple(made["lengths"])})
    return Order(**found, make=made)


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
