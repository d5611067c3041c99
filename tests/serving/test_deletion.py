"""What visitors leave on the disk goes by age, whatever was killed, broken off or could not be deleted in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sec2sec.errors import SettingsError
from sec2sec.serving import deletion
from sec2sec.serving.deletion import LOCK, PREFIX, Deletion, UploadFolder, remove_abandoned

HOLDER = """
import signal, sys, time
from pathlib import Path
from sec2sec.serving.deletion import UploadFolder, end_on_signals
import atexit
folder = UploadFolder(Path(sys.argv[1]))
atexit.register(folder.remove)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
end_on_signals()
(folder.path / "clip.mp4").write_bytes(b"a visitor's")
print(folder.path, flush=True)
time.sleep(600)
"""


class Clock:
    """A monotonic clock that a test turns on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def held(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.name != LOCK)


def test_files_and_folders_go_when_they_are_old_and_younger_ones_stay(tmp_path):
    clock = Clock()
    job = Deletion(tmp_path, age=100, clock=clock)
    (tmp_path / "unpacked" / "clips").mkdir(parents=True)
    (tmp_path / "unpacked" / "clips" / "a.mp4").write_bytes(b"a")
    job.sweep()
    clock.now = 60
    (tmp_path / "young.mp4").write_bytes(b"y")
    job.sweep()
    clock.now = 99
    assert job.sweep().deleted == 1
    assert held(tmp_path) == ["young.mp4"]
    clock.now = 160
    assert job.sweep().deleted == 2
    assert held(tmp_path) == []


def test_nothing_is_older_than_the_limit_between_two_sweeps(tmp_path):
    clock = Clock()
    job = Deletion(tmp_path, age=100, clock=clock)
    for now in range(1000):
        clock.now = float(now)
        if now % 7 == 0:
            (tmp_path / f"{now}.mp4").write_bytes(b"x")
        if now % job.period == 0:
            job.sweep()
        assert all(now - int(Path(name).stem) <= 100 for name in held(tmp_path))


def test_a_clock_that_is_set_back_or_on_changes_nothing(tmp_path):
    clock = Clock()
    job = Deletion(tmp_path, age=100, clock=clock)
    for name, moved in (("ahead", 1e6), ("behind", -1e6)):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (time.time() + moved,) * 2)
    job.sweep()
    assert held(tmp_path) == ["ahead", "behind"]
    clock.now = 80
    job.sweep()
    assert held(tmp_path) == []


def test_the_same_clip_uploaded_again_is_as_young_as_its_last_upload(tmp_path):
    clock = Clock()
    job = Deletion(tmp_path, age=100, clock=clock)
    (tmp_path / "clip.mp4").write_bytes(b"x")
    job.sweep()
    clock.now = 70
    (tmp_path / "new").write_bytes(b"x")
    os.replace(tmp_path / "new", tmp_path / "clip.mp4")  # as an upload is put in place
    job.sweep()
    clock.now = 110
    job.sweep()
    assert held(tmp_path) == ["clip.mp4"]


def test_what_cannot_be_deleted_is_counted_and_the_rest_still_goes(tmp_path, monkeypatch):
    clock = Clock()
    job = Deletion(tmp_path, age=100, clock=clock)
    for name in ("a.mp4", "stuck.mp4", "z.mp4"):
        (tmp_path / name).write_bytes(b"x")
    job.sweep()
    clock.now = 200
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.name == "stuck.mp4":
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    assert job.sweep().errors == 1
    assert held(tmp_path) == ["stuck.mp4"]
    monkeypatch.undo()
    assert job.sweep().errors == 0
    assert held(tmp_path) == []


def test_files_that_come_and_go_while_it_sweeps_do_not_end_the_job(tmp_path):
    """gradio's own deletion ended for ever when an upload arrived meanwhile."""
    job, ended = Deletion(tmp_path, age=0.4), threading.Event()
    thread = threading.Thread(target=job.run, args=(ended,))
    thread.start()
    until = time.monotonic() + 1.5
    number = 0
    while time.monotonic() < until:
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "clip.mp4").write_bytes(b"x")
        if number % 3 == 0:
            (folder / "clip.mp4").unlink()
        time.sleep(0.001)
    until = time.monotonic() + 20
    while os.listdir(tmp_path) and time.monotonic() < until:
        time.sleep(0.05)
    assert thread.is_alive()
    assert os.listdir(tmp_path) == []
    assert job.health().deleted > 0
    ended.set()
    thread.join()


def test_an_error_in_a_sweep_is_logged_and_the_next_one_runs(tmp_path, monkeypatch, caplog):
    job, ended, sweeps = Deletion(tmp_path, age=0.2), threading.Event(), []

    def sweep() -> None:
        sweeps.append(1)
        if len(sweeps) == 1:
            raise RuntimeError("disk gone")
        ended.set()

    monkeypatch.setattr(job, "sweep", sweep)
    job.run(ended)
    assert len(sweeps) == 2
    assert "disk gone" in caplog.text


def test_links_are_deleted_and_what_they_point_to_is_not(tmp_path):
    outside, folder, clock = tmp_path / "own", tmp_path / "uploads", Clock()
    outside.mkdir()
    folder.mkdir()
    (outside / "own.mp4").write_bytes(b"mine")
    (folder / "link").symlink_to(outside)
    job = Deletion(folder, age=100, clock=clock)
    job.sweep()
    clock.now = 200
    job.sweep()
    assert held(folder) == []
    assert (outside / "own.mp4").read_bytes() == b"mine"


def test_the_health_says_when_the_last_sweep_was_and_when_it_is_late(tmp_path):
    clock = Clock()
    job = Deletion(tmp_path, age=100, clock=clock)
    assert job.health().last_sweep is None
    (tmp_path / "clip.mp4").write_bytes(b"x" * 10_000)
    job.sweep()
    clock.now = 20
    assert job.health().last_sweep == 20
    assert job.health().files == 1
    assert job.health().bytes >= 10_000
    assert not job.health().late(job.period)
    clock.now = 60
    assert job.health().late(job.period)


@contextmanager
def process_with_uploads(parent: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(parent)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


@pytest.mark.parametrize("sent", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_uploads_go_when_the_process_is_ended_by_a_signal(tmp_path, sent):
    with process_with_uploads(tmp_path) as (process, folder):
        assert (folder / "clip.mp4").exists()
        process.send_signal(getattr(signal, sent))
        process.wait(30)
    assert list(tmp_path.iterdir()) == []


def test_uploads_of_a_killed_process_go_when_the_next_one_starts_and_a_living_ones_stay(tmp_path):
    with (
        process_with_uploads(tmp_path) as (dead, of_the_dead),
        process_with_uploads(tmp_path) as (living, of_the_living),
    ):
        dead.kill()
        dead.wait()
        assert (of_the_dead / "clip.mp4").exists()
        mine = UploadFolder(tmp_path)
        assert not of_the_dead.exists()
        assert (of_the_living / "clip.mp4").exists()
        living.terminate()
        living.wait(30)
    mine.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_whose_process_has_not_locked_it_yet_is_left_alone_for_a_minute(tmp_path):
    (tmp_path / f"{PREFIX}new").mkdir()
    assert remove_abandoned(tmp_path) == 0
    old = time.time() - deletion.STARTING - 1
    os.utime(tmp_path / f"{PREFIX}new", (old, old))
    assert remove_abandoned(tmp_path) == 1


def test_a_link_of_the_same_name_and_what_it_points_to_stay(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "film.mp4").write_bytes(b"mine")
    os.utime(tmp_path / "own", (0, 0))
    (tmp_path / f"{PREFIX}x").symlink_to(tmp_path / "own")
    assert remove_abandoned(tmp_path) == 0
    assert (tmp_path / "own" / "film.mp4").read_bytes() == b"mine"


def test_other_folders_are_never_touched(tmp_path):
    (tmp_path / "sec2sec-notes").mkdir()
    os.utime(tmp_path / "sec2sec-notes", (0, 0))
    assert remove_abandoned(tmp_path) == 0
    assert (tmp_path / "sec2sec-notes").is_dir()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"no folder for uploads can be made .*GRADIO_TEMP_DIR"):
        UploadFolder(tmp_path / "file" / "below")


def test_uploads_are_readable_for_their_process_alone(tmp_path):
    folder = UploadFolder(tmp_path)
    assert folder.path.stat().st_mode & 0o077 == 0
    folder.remove()
