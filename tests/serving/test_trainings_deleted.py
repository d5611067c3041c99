"""Trainings, their data and their models go when they are old, whatever was killed in between; running ones never."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sec2sec.jobs.expiry import TrainingExpiry, bytes_of
from sec2sec.jobs.job import Job, JobError, Jobs, JobSpec, KnownTruth
from sec2sec.ui.models import TRAINED, Models
from sec2sec.ui.settings import Settings
from sec2sec.ui.training.status import job_status
from sec2sec.ui.training.submit import check_room
from tests.browser.driver import App

HOUR = 3600.0
HOLDER = """
import sys, time
from sec2sec.files import lock_file
with open(sys.argv[1], "ab") as lock:
    assert lock_file(lock)
    print("locked", flush=True)
    time.sleep(600)
"""


def training(
    jobs: Jobs, ended: float, stage: str = "done", make: KnownTruth | None = None, owner: str = "a" * 64
) -> Job:
    """A training that ended at a time (s since 1970), with data, tokens and a model."""
    job = jobs.new()
    cache = str(job.clip_set_dir(make) / "tokens" if make else job.path / "tokens")
    job.write_spec(JobSpec("a test", {}, make, cache, owner=owner))
    for name in ("data/films/clip.mp4", "tokens/1.safetensors", "run/checkpoint/config.json"):
        (job.path / name).parent.mkdir(parents=True, exist_ok=True)
        (job.path / name).write_bytes(b"x" * 50_000)
    if make is not None:
        (job.clip_set_dir(make) / "clips").mkdir(parents=True, exist_ok=True)
        (job.clip_set_dir(make) / "clips" / "1.mp4").write_bytes(b"x")
    job.write_progress(stage, "")
    os.utime(job.path / "progress.json", (ended, ended))
    return job


@contextmanager
def process_of(job: Job) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock of a training."""
    command = [sys.executable, "-c", HOLDER, str(job.path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "locked\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("stage", ["done", "stopped", "failed", "run"])
def test_a_training_goes_with_data_and_model_when_it_is_old_however_it_ended(tmp_path: Path, stage: str) -> None:
    jobs, now = Jobs(tmp_path), time.time()
    old, young = training(jobs, now - 3 * HOUR, stage), training(jobs, now - HOUR, stage)
    assert TrainingExpiry(tmp_path, 2).sweep() == 1
    assert not old.path.exists()
    assert young.finished
    assert [path.name for path in tmp_path.iterdir()] == [young.id]


def test_a_running_training_stays_and_goes_once_its_process_was_killed(tmp_path: Path) -> None:
    job, expiry = training(Jobs(tmp_path), time.time() - 3 * HOUR, "run"), TrainingExpiry(tmp_path, 2)
    with process_of(job) as process:
        assert expiry.sweep() == 0
        assert expiry.deletion_time(job) is None
        with pytest.raises(JobError, match="running; stop it first"):
            job.remove()
        process.kill()
        process.wait()
        assert expiry.sweep() == 1
    assert list(tmp_path.iterdir()) == []


def test_without_a_limit_everything_stays(tmp_path: Path) -> None:
    job = training(Jobs(tmp_path), 0.0)
    assert TrainingExpiry(tmp_path, float("inf")).sweep() == 0
    assert job.finished


def test_shared_clips_go_with_the_last_training_that_uses_them_and_when_a_removal_was_killed(tmp_path: Path) -> None:
    jobs, now, make, lost = Jobs(tmp_path), time.time(), KnownTruth(20), KnownTruth(30)
    old, young = training(jobs, now - 3 * HOUR, make=make), training(jobs, now - HOUR, make=make)
    abandoned = old.clip_set_dir(lost)
    (abandoned / "clips").mkdir(parents=True)
    os.utime(abandoned, (now - 3 * HOUR,) * 2)
    assert TrainingExpiry(tmp_path, 2).sweep() == 1
    assert young.clip_set_dir(make).is_dir()
    assert not abandoned.exists()
    later = TrainingExpiry(tmp_path, 2, clock=lambda: now + 2 * HOUR)
    assert later.sweep() == 1
    assert not young.clip_set_dir(make).exists()


def test_tokens_of_the_hosts_data_sets_go_when_no_training_uses_them_any_more(tmp_path: Path) -> None:
    jobs, now = Jobs(tmp_path), time.time()
    job = training(jobs, now)
    job.write_spec(JobSpec("a test", {}, None, str(tmp_path / "tokens")))
    (tmp_path / "tokens").mkdir()
    os.utime(tmp_path / "tokens", (0, 0))
    TrainingExpiry(tmp_path, 2).sweep()
    assert (tmp_path / "tokens").is_dir()
    job.remove()
    TrainingExpiry(tmp_path, 2).sweep()
    assert not (tmp_path / "tokens").exists()


def test_a_training_whose_description_is_damaged_goes_too(tmp_path: Path) -> None:
    job = training(Jobs(tmp_path), 0.0)
    (job.path / "job.json").write_text("{")
    assert TrainingExpiry(tmp_path, 2).sweep() == 1
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_deleted_keeps_no_other_from_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = Jobs(tmp_path)
    stuck, other = sorted((training(jobs, 0.0) for _ in range(2)), key=lambda job: job.id)
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path == stuck.path:
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    assert TrainingExpiry(tmp_path, 2).sweep() == 1
    assert (stuck.path.exists(), other.path.exists()) == (True, False)


def test_the_page_is_told_when_a_training_will_be_deleted(tmp_path: Path) -> None:
    from sec2sec.training.settings import TrainConfig, as_json

    jobs, now = Jobs(tmp_path), float(int(time.time()))
    job = training(jobs, now)
    job.write_spec(JobSpec("a test", as_json(TrainConfig(data="x"))))
    assert job_status(jobs, None, {}, keep_hours=2)["run"]["deletion"] == now + 2 * HOUR
    assert job_status(jobs, None, {})["run"]["deletion"] is None


def test_the_model_of_a_deleted_training_is_forgotten(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    job, models = training(Jobs(runs), 0.0), Models(tmp_path, "cpu", runs)
    models._loaded = {f"{TRAINED}{job.id}/1": {}, "demo": {}}
    models.discard_removed()
    assert len(models._loaded) == 2
    job.remove()
    models.discard_removed()
    assert list(models._loaded) == ["demo"]


def test_a_visitor_and_all_of_them_have_so_many_bytes_for_trainings(tmp_path: Path) -> None:
    jobs, owner = Jobs(tmp_path), "a" * 64
    training(jobs, time.time(), owner=owner)
    assert 150_000 <= bytes_of([tmp_path]) <= 250_000
    check_room(jobs, Settings(runs=tmp_path), owner, 10**15)
    limited = Settings(runs=tmp_path, train_visitor_megabytes=0.3)
    check_room(jobs, limited, owner)
    with pytest.raises(JobError, match=r"your trainings take \d MB with this one, and 0 MB are allowed; remove one"):
        check_room(jobs, limited, owner, upload := 200_000)
    check_room(jobs, limited, "b" * 64, upload)
    with pytest.raises(JobError, match="trainings of all visitors take as much room as this server gives them"):
        check_room(jobs, Settings(runs=tmp_path, train_stored_megabytes=0.1), "b" * 64)


def test_after_a_kill_the_next_server_deletes_at_its_start_what_is_over_time_and_goes_on_doing_so(
    tmp_path: Path,
) -> None:
    runs, seconds = tmp_path / "runs", 6.0
    options = ("--runs", str(runs), "--keep-trainings", str(seconds / HOUR), "--delete-after", "2")
    with App(*options) as server:
        first = training(Jobs(runs), time.time())
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    assert first.path.exists()
    time.sleep(seconds)
    with App(*options):
        assert not first.path.exists()
        second = training(Jobs(runs), time.time())
        assert second.path.exists()
        end = time.monotonic() + 4 * seconds
        while second.path.exists() and time.monotonic() < end:
            time.sleep(0.1)
        assert not second.path.exists()
