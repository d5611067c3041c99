"""What a visitor asks for → a training that has been started, or one sentence why not. All limits are enforced here."""

from __future__ import annotations

import hashlib
import math
import re
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from sec2sec.datasets.archive import unpack_data
from sec2sec.datasets.isolated import limits_of_upload, open_uploaded
from sec2sec.datasets.open import open_data
from sec2sec.datasets.table import DataError, TableLimits
from sec2sec.jobs.expiry import bytes_of
from sec2sec.jobs.job import Job, JobError, Jobs, JobSpec, KnownTruth
from sec2sec.training.settings import SettingsError, TrainConfig, as_json
from sec2sec.training.setup import load_data, training_labels
from sec2sec.ui.models import BUNDLED_TITLES
from sec2sec.ui.settings import Settings
from sec2sec.ui.training.fields import settings_of_form
from sec2sec.ui.training.names import name_of

Source = Literal["made", "upload", "set", "folder"]
MAX_RUNNING = 20  # trainings that run or wait, of all visitors
MAX_RUNNING_PER_VISITOR = 2  # where each sees only their own
MAX_KEPT_PER_VISITOR = 20  # trainings of any state, where each sees only their own
STARTING = threading.Lock()  # held from the count of trainings to the start: the limits hold for all who ask at once
FILES_PER_CLIP = 4  # an uploaded data set may hold this number of files for each clip that is allowed


@dataclass(frozen=True)
class JobForm:
    """The form, as it was sent."""

    source: Source = "made"
    make: Mapping[str, Any] = field(default_factory=dict)  # values for KnownTruth
    upload: str | None = None  # path of the zip
    data_set: str | None = None  # name of one of the host's
    folder: str = ""  # on the server
    values: Mapping[str, Any] = field(default_factory=dict)  # for TrainConfig, as the widgets hold them
    name: str = ""  # of the training; empty: it is given one


def owner_of(visitor: object) -> str:
    """What the folder of a training holds of a visitor's secret. Raises JobError where there is none."""
    if not isinstance(visitor, str) or len(visitor) < 16:
        raise JobError("this page has no visitor yet; load it again")
    return hashlib.sha256(visitor.encode()).hexdigest()


def whose(settings: Settings, visitor: object, everybody: object = False) -> str | None:
    """Whose trainings a visitor sees: their own. everybody: True for those of all (None), where that is allowed."""
    return None if everybody is True and not settings.private_runs else owner_of(visitor)


def data_sets(settings: Settings) -> list[str]:
    """The data sets that the host configured."""
    if not settings.data_sets.is_dir():
        return []
    return sorted(path.name for path in settings.data_sets.iterdir() if path.is_dir() and not path.name.startswith("."))


def submit(form: JobForm, settings: Settings, visitor: object) -> Job:
    """Check everything, then start. Raises JobError, SettingsError or DataError, and leaves nothing behind then."""
    if not settings.training:
        raise JobError("training is switched off on this server")
    name_of(form.name, ())  # one that is no name is refused before an upload is unpacked
    jobs, owner = Jobs(settings.runs), owner_of(visitor)
    _check_queue(jobs, settings, owner)  # before an upload is unpacked
    upload = Path(form.upload).stat().st_size if form.source == "upload" and form.upload else 0
    check_room(jobs, settings, owner, upload)
    values = settings_of_form(form.values)
    if values.get("epochs", 0) > settings.train_epochs:
        raise SettingsError(f"epochs: at most {settings.train_epochs} on this server, not {values['epochs']}")
    job = jobs.new()
    try:
        limit = None if math.isinf(settings.train_minutes) else settings.train_minutes
        spec = _job_spec(form, settings, job, values)
        with STARTING:
            _check_queue(jobs, settings, owner)
            title = name_of(form.name, taken_names(jobs, form.name, owner))
            job.write_spec(replace(spec, title=title, device=settings.device, minutes=limit, owner=owner))
            job.start()
    except BaseException:
        shutil.rmtree(job.path, ignore_errors=True)
        raise
    return job


def taken_names(jobs: Jobs, wanted: str, owner: str) -> set[str]:
    """Names that a new training does not get. A name that is drawn is new to all who train here.

    One that a person chose is new to them alone: what others call theirs is nobody's business.
    """
    others = jobs.all(owner if wanted.strip() else None)
    return {job.spec().title for job in others} | set(BUNDLED_TITLES.values())


def resume(job: Job, settings: Settings) -> None:
    """Start a training again where it ended. Raises JobError."""
    if not settings.training:
        raise JobError("training is switched off on this server")
    spec = job.spec()
    if spec.minutes is not None and job.spent > 60 * spec.minutes:
        raise JobError(f"the {spec.minutes:g} minutes on this server are over for this training")
    check_room(Jobs(settings.runs), settings, spec.owner)
    with STARTING:
        _check_queue(Jobs(settings.runs), settings, spec.owner, resumed=True)
        job.start()


def _check_queue(jobs: Jobs, settings: Settings, owner: str, resumed: bool = False) -> None:
    """Raises JobError where too many run or wait already, or are kept. resumed: the training is one of those kept."""
    running = [job for job in jobs.all() if job.is_running()]
    if len(running) >= MAX_RUNNING:
        raise JobError(f"{len(running)} trainings run or wait already; try again later")
    if settings.private_runs and sum(job.spec().owner == owner for job in running) >= MAX_RUNNING_PER_VISITOR:
        raise JobError(f"{MAX_RUNNING_PER_VISITOR} of your trainings run or wait already; stop one, or wait for it")
    if settings.private_runs and not resumed and len(jobs.all(owner)) >= MAX_KEPT_PER_VISITOR:
        raise JobError(f"{MAX_KEPT_PER_VISITOR} of your trainings are kept already; remove one that you no longer need")


def check_room(jobs: Jobs, settings: Settings, owner: str, added: int = 0) -> None:
    """Raises JobError where the trainings of a visitor, or of all, take as much of the disk as they may.

    added: bytes of the data set that comes.
    """
    if math.isfinite(settings.train_visitor_megabytes):
        taken = (bytes_of(job.path for job in jobs.all(owner)) + added) / 1024**2
        if taken > settings.train_visitor_megabytes:
            raise JobError(
                f"your trainings take {taken:,.0f} MB with this one, and {settings.train_visitor_megabytes:,.0f} MB "
                "are allowed; remove one that you no longer need"
            )
    if math.isfinite(settings.train_stored_megabytes):
        taken = (bytes_of([jobs.folder]) + added) / 1024**2
        if taken > settings.train_stored_megabytes:
            raise JobError(
                "the trainings of all visitors take as much room as this server gives them; remove one of yours, or "
                "try again later: old ones are deleted"
            )


def _job_spec(form: JobForm, settings: Settings, job: Job, values: Mapping[str, Any]) -> JobSpec:
    """The specification of a training on one source of data, without what the server adds."""
    if form.source == "made":
        make = KnownTruth.from_mapping(form.make, "known-truth clips")
        if make.clips > settings.train_clips:
            raise JobError(f"at most {settings.train_clips} clips on this server, not {make.clips}")
        folder = job.clip_set_dir(make)
        config = TrainConfig(**values, data=str(folder / "clips"))
        about = _about(f"{make.clips} known-truth clips", config)
        return JobSpec("", as_json(config), make, str(folder / "tokens"), about=about)
    name, folder = _data_folder(form, settings, job)
    config = TrainConfig(**values, data=str(folder.absolute()))
    try:
        _check_data(config, settings, uploaded=form.source == "upload")
    except DataError as error:  # what lies where on a server is nobody's business
        raise DataError(str(error).replace(str(folder.absolute()), name).replace(str(folder), name)) from error
    job_or_runs = job.path if form.source == "upload" else job.path.parent  # those of an upload go with the training
    tokens = str((job_or_runs / "tokens").absolute())
    return JobSpec("", as_json(config), None, tokens, about=_about(name, config))


def _data_folder(form: JobForm, settings: Settings, job: Job) -> tuple[str, Path]:
    """The name and the folder of the data set that the form names."""
    if form.source == "upload":
        return _unpacked(form.upload, settings, job)
    if form.source == "set":
        if form.data_set not in data_sets(settings):
            raise JobError(f"no data set here is called {form.data_set!r}; choose one of the list")
        return str(form.data_set), settings.data_sets / str(form.data_set)
    if form.source == "folder":
        if not settings.server_folders:
            raise JobError("folders of this server cannot be chosen here; upload a zip")
        if not form.folder.strip():
            raise JobError("give the folder of a data set")
        folder = Path(form.folder.strip()).expanduser()
        return folder.name, folder
    raise JobError(f"no clips come from {form.source!r}; choose one of the list")


def _unpacked(upload: str | None, settings: Settings, job: Job) -> tuple[str, Path]:
    """The name and the folder of an uploaded data set."""
    if not upload:
        raise JobError("choose a zip with your data set first")
    path, most = Path(upload), settings.train_megabytes * 1024**2
    if path.stat().st_size > most:
        raise JobError(f"{path.name}: is larger than the {settings.train_megabytes} MB that are allowed here")
    name = re.sub(r"[^\w.-]+", "-", path.stem).strip("-.")[:60] or "upload"
    files = FILES_PER_CLIP * settings.train_clips
    return name, unpack_data(path, job.path / "data" / name, max_bytes=most, max_files=files)


def _check_data(config: TrainConfig, settings: Settings, uploaded: bool) -> None:
    """Raises DataError for a data set that nothing can be learned from, or that is larger than allowed."""
    if uploaded:
        open_table = partial(open_uploaded, limits=limits_of_upload(settings.train_clips))
    else:
        open_table = partial(open_data, limits=TableLimits(clips=settings.train_clips))
    table, targets = load_data(config, open_table)
    training_labels(table, targets, table.rows)


def _about(data: str, config: TrainConfig) -> str:
    """What a training is of, below its name."""
    encoders = [name for name in (config.video_encoder, config.audio_encoder) if name]
    return " · ".join([data, config.system, *(encoders or [config.preset])])
