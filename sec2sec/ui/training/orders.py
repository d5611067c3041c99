"""What a visitor asks for → a training that has been started, or one sentence why not. All limits are enforced here."""

from __future__ import annotations

import hashlib
import math
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sec2sec.datasets.archive import unpack_data
from sec2sec.datasets.open import open_data
from sec2sec.datasets.table import DataError
from sec2sec.jobs.job import Job, JobError, Jobs, KnownTruth, Order
from sec2sec.training.settings import SettingsError, TrainConfig, as_json
from sec2sec.training.setup import load_data, training_labels
from sec2sec.ui.settings import Settings
from sec2sec.ui.training.fields import SYSTEM, settings_of

Source = Literal["made", "upload", "set", "folder"]
IN_QUEUE = 20  # trainings that run or wait, of all visitors
OF_ONE = 2  # of one visitor, where each sees their own alone
FILES_A_CLIP = 4  # an uploaded data set may hold this many files for each clip that is allowed


@dataclass(frozen=True)
class Asked:
    """The form, as it was sent."""

    source: Source = "made"
    make: Mapping[str, Any] = field(default_factory=dict)  # of KnownTruth
    upload: str | None = None  # path of the zip
    data_set: str | None = None  # name of one of the host's
    folder: str = ""  # on the server
    values: Mapping[str, Any] = field(default_factory=dict)  # of TrainConfig, as the widgets hold them


def owner_of(visitor: object) -> str:
    """What the folder of a training keeps of a visitor's secret. Raises JobError where there is none."""
    if not isinstance(visitor, str) or len(visitor) < 16:
        raise JobError("this page has no visitor yet; load it again")
    return hashlib.sha256(visitor.encode()).hexdigest()


def whose(settings: Settings, visitor: object) -> str | None:
    """Whose trainings a visitor may see: their own on a public server, all (None) elsewhere."""
    return owner_of(visitor) if settings.private_runs else None


def data_sets(settings: Settings) -> list[str]:
    """The data sets that the host configured."""
    if not settings.data_sets.is_dir():
        return []
    return sorted(path.name for path in settings.data_sets.iterdir() if path.is_dir() and not path.name.startswith("."))


def place(asked: Asked, settings: Settings, visitor: object) -> Job:
    """Check everything, then start. Raises JobError, SettingsError or DataError, and leaves nothing behind then."""
    if not settings.training:
        raise JobError("training is switched off on this server")
    jobs, owner = Jobs(settings.runs), owner_of(visitor)
    _check_queue(jobs, settings, owner)
    values = settings_of(asked.values)
    if values.get("epochs", 0) > settings.train_epochs:
        raise SettingsError(f"epochs: at most {settings.train_epochs} on this server, not {values['epochs']}")
    job = jobs.new()
    try:
        order = _order(asked, settings, job, values)
        limit = None if math.isinf(settings.train_minutes) else settings.train_minutes
        job.begin(Order(**{**vars(order), "device": settings.device, "minutes": limit, "owner": owner}))
        job.start()
    except BaseException:
        shutil.rmtree(job.path, ignore_errors=True)
        raise
    return job


def go_on(job: Job, settings: Settings) -> None:
    """Start a training again where it ended. Raises JobError."""
    if not settings.training:
        raise JobError("training is switched off on this server")
    order = job.order()
    if order.minutes is not None and job.spent > 60 * order.minutes:
        raise JobError(f"its {order.minutes:g} minutes on this server are over")
    _check_queue(Jobs(settings.runs), settings, order.owner)
    job.start()


def _check_queue(jobs: Jobs, settings: Settings, owner: str) -> None:
    """Raises JobError where too many run or wait already."""
    living = [job for job in jobs.all() if job.alive()]
    if len(living) >= IN_QUEUE:
        raise JobError(f"{len(living)} trainings run or wait already; try again later")
    if settings.private_runs and sum(job.order().owner == owner for job in living) >= OF_ONE:
        raise JobError(f"{OF_ONE} of your trainings run or wait already; stop one, or wait for it")


def _order(asked: Asked, settings: Settings, job: Job, values: Mapping[str, Any]) -> Order:
    """The order without what is the same for all sources."""
    if asked.source == "made":
        make = _known_truth(asked.make, settings)
        folder = job.set_of(make)
        config = TrainConfig(**values, data=str(folder / "clips"))
        return Order(_title(f"{make.clips} known-truth clips", config), as_json(config), make, str(folder / "tokens"))
    cache = job.path.parent / "tokens"
    if asked.source == "upload":
        name, folder = _unpacked(asked.upload, settings, job)
        cache = job.path / "tokens"  # goes with the training
    elif asked.source == "set":
        if asked.data_set not in data_sets(settings):
            raise JobError(f"no data set here is called {asked.data_set!r}; choose one of the list")
        name, folder = str(asked.data_set), settings.data_sets / str(asked.data_set)
    elif asked.source == "folder":
        if not settings.server_folders:
            raise JobError("folders of this server cannot be chosen here; upload a zip")
        if not asked.folder.strip():
            raise JobError("give the folder of a data set")
        folder = Path(asked.folder.strip()).expanduser()
        name = folder.name
    else:
        raise JobError(f"no clips come from {asked.source!r}")
    config = TrainConfig(**values, data=str(folder.absolute()))
    try:
        _check_data(config, settings, uploaded=asked.source == "upload")
    except DataError as error:  # what lies where on a server is nobody's business
        raise DataError(str(error).replace(str(folder.absolute()), name).replace(str(folder), name)) from error
    return Order(_title(name, config), as_json(config), None, str(cache.absolute()))


def _known_truth(given: Mapping[str, Any], settings: Settings) -> KnownTruth:
    """The clips that are to be made."""
    try:
        shortest, longest = (int(length) for length in given.get("lengths", KnownTruth.lengths))
        numbers = {name: int(given[name]) for name in ("clips", "seed") if name in given}
    except (TypeError, ValueError):
        raise JobError("known-truth clips: a number is missing") from None
    make = KnownTruth(lengths=(shortest, longest), level=given.get("level", KnownTruth.level), **numbers)
    if make.clips > settings.train_clips:
        raise JobError(f"at most {settings.train_clips} clips on this server, not {make.clips}")
    return make


def _unpacked(upload: str | None, settings: Settings, job: Job) -> tuple[str, Path]:
    """The name and the folder of an uploaded data set."""
    if not upload:
        raise JobError("choose a zip with your data set first")
    path, most = Path(upload), settings.train_megabytes * 1024**2
    if path.stat().st_size > most:
        raise JobError(f"{path.name}: is larger than the {settings.train_megabytes} MB that are allowed here")
    name = re.sub(r"[^\w.-]+", "-", path.stem).strip("-.")[:60] or "upload"
    files = FILES_A_CLIP * settings.train_clips
    return name, unpack_data(path, job.path / "data" / name, max_bytes=most, max_files=files)


def _check_data(config: TrainConfig, settings: Settings, uploaded: bool) -> None:
    """Raises DataError for a data set that nothing can be learned from, or that is larger than allowed."""
    if uploaded:
        open_data(config.data, inside=True)
    table, targets = load_data(config)
    if len(table.rows) > settings.train_clips:
        raise DataError(f"{config.data}: {len(table.rows)} clips, at most {settings.train_clips} on this server")
    training_labels(table, targets, table.rows)


def _title(data: str, config: TrainConfig) -> str:
    """What it is called in the list."""
    return f"{data} · {getattr(config, SYSTEM)} · {config.preset}"
