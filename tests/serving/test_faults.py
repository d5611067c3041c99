"""Whatever breaks in the middle: nothing half-written stays, nothing of a visitor outlasts its time, others are served.

A disk without room is a limit on the size of files, which is set on the running server and taken away again.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sec2sec.jobs.job import Jobs
from sec2sec.serving.deletion import LOCK, PREFIX
from sec2sec.ui.evaluate import UPLOADED
from sec2sec.ui.messages import DISK_FULL
from tests.browser.driver import App
from tests.helpers.clips import make_clip
from tests.helpers.datasets import clip_folder
from tests.helpers.visitor import API, Visitor, file_data, form

DELETE_AFTER = 20.0  # s; a clip is explained in less on any machine
VISITOR = "v" * 20
Stage = Callable[[Visitor], object]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip, one that no browser plays, and a data set as a zip."""
    folder = tmp_path_factory.mktemp("own")
    make_clip(folder / "clip.mp4", 3, size=(160, 120))
    make_clip(folder / "old.avi", 3, size=(160, 120), video_codec="mpeg4", audio_codec="libmp3lame")
    data = clip_folder(folder / "data")
    with zipfile.ZipFile(folder / "data.zip", "w") as archive:
        for path in sorted(data.rglob("*")):
            archive.write(path, path.relative_to(data))
    return folder


@pytest.fixture(scope="module")
def app(folder: Path) -> Iterator[App]:
    with App("--runs", str(folder / "runs"), "--private-runs", "yes") as app:
        serve_next(app, folder)  # so that everything is loaded
        yield app


def serve_next(app: App, folder: Path, name: str = "clip.mp4") -> Visitor:
    """The next visitor explains a clip."""
    visitor = Visitor(app.port)
    visitor.choose(visitor.upload((folder / name).read_bytes(), name), name)
    visitor.explain()
    assert visitor.explanation()["clip"]["name"] == name
    return visitor


def stored(temp: str | Path) -> dict[Path, int]:
    """Files of visitors, and how long they are; gradio leaves an empty one of each upload beside it."""
    paths = Path(temp).glob(f"{PREFIX}*/**/*")
    return {path: size for path in paths if path.name != LOCK and path.is_file() and (size := path.stat().st_size)}


@contextmanager
def full_disk(process: int, size: int = 4096) -> Iterator[None]:
    """No file of a running process, or of one that it starts, grows beyond a size."""
    before = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, before)


def words_of(answer: object) -> str:
    """All that a page is told."""
    return json.dumps(answer, ensure_ascii=False)


# ---- a full disk


@pytest.mark.parametrize("function", ["json.click", "report.click"])
def test_a_file_that_a_full_disk_has_no_room_for_is_said_and_not_half_there(
    app: App, folder: Path, function: str
) -> None:
    visitor = serve_next(app, folder)
    before = stored(app.temp)
    with full_disk(app.process.pid):
        assert DISK_FULL in visitor.run(function).body.decode()
    assert stored(app.temp) == before
    assert visitor.run(function).json()["data"][0] is not None, "with room it is written"


@pytest.mark.parametrize("function", ["annotate.click", "lab-render.click"])
def test_a_film_that_a_full_disk_has_no_room_for_is_said_and_not_half_there(
    app: App, folder: Path, function: str
) -> None:
    visitor = serve_next(app, folder)
    visitor.run("open")
    before = stored(app.temp)
    with full_disk(app.process.pid):
        words = words_of(visitor.wait(function))
    assert "the film could not be written" in words
    assert "Internal error" not in words
    assert stored(app.temp) == before
    assert "mp4" in words_of(visitor.wait(function)), "with room it is written"


def test_an_upload_that_a_full_disk_has_no_room_for_fails_and_the_next_one_does_not(app: App, folder: Path) -> None:
    visitor, content = Visitor(app.port), (folder / "clip.mp4").read_bytes()
    before = stored(app.temp)
    with full_disk(app.process.pid):
        answer = visitor.send_upload(content * 5, "large.mp4")
    assert (answer.status, answer.body.decode()) == (400, DISK_FULL)
    assert stored(app.temp) == before
    serve_next(app, folder)


def test_a_conversion_that_a_full_disk_has_no_room_for_leaves_the_explanation(app: App, folder: Path) -> None:
    visitor = Visitor(app.port)
    visitor.choose(visitor.upload((folder / "old.avi").read_bytes(), "old.avi"), "old.avi")
    decoders = [int(pid) for pid in children(app.process.pid)]
    before = stored(app.temp)
    with ExitStack() as full:
        for process in (app.process.pid, *decoders):
            full.enter_context(full_disk(process))
        words = words_of(visitor.explain())
    assert "Internal error" not in words
    assert "Traceback" not in words
    assert stored(app.temp) == before
    assert visitor.run("open").status == 200
    serve_next(app, folder, "old.avi")


def test_a_data_set_that_a_full_disk_has_no_room_for_is_not_half_unpacked(app: App, folder: Path) -> None:
    visitor = Visitor(app.port)
    path = visitor.upload((folder / "data.zip").read_bytes(), "data.zip")
    before = stored(app.temp)
    with full_disk(app.process.pid):
        words = words_of(visitor.wait("evaluate", evaluate_fields(visitor, path)))
    assert "unpacking failed" in words or DISK_FULL in words
    assert "Internal error" not in words
    assert stored(app.temp) == before
    serve_next(app, folder)


def test_a_training_that_a_full_disk_has_no_room_for_ends_in_words_and_can_be_removed(app: App, folder: Path) -> None:
    visitor = Visitor(app.port)
    with full_disk(app.process.pid):
        started = visitor.run("begin", begin_fields(visitor)).body.decode()
    assert "Internal error" not in started
    (job,) = Jobs(folder / "runs").all()
    until = time.monotonic() + 60
    while job.state().is_running and time.monotonic() < until:
        time.sleep(0.2)
    assert job.state().stage in ("failed", "dead")
    assert "error" not in visitor.ask("train-view", "act", {"visitor": VISITOR, "run": job.id, "what": "remove"}).json()
    assert not job.path.exists()
    assert list((folder / "runs").glob("*.part")) == []
    serve_next(app, folder)


def evaluate_fields(visitor: Visitor, path: str) -> list[object]:
    """The form of an evaluation, with an uploaded data set that stands in the list."""
    visitor.run("evaluate-upload.upload", [file_data(path, "data.zip")])
    return visitor.filled_in("evaluate", evaluate_upload=file_data(path, "data.zip"), evaluate_data=UPLOADED)


def begin_fields(visitor: Visitor) -> list[object]:
    """The form of a training, with as few clips as there may be."""
    fields = visitor.filled_in("begin", train_clips=20)
    return [VISITOR, *fields[1:]]


def children(process: int) -> list[str]:
    """Processes that a process has started."""
    lists = [path.read_text().split() for path in Path(f"/proc/{process}/task").glob("*/children")]
    return [child for children in lists for child in children]


# ---- a visitor who leaves, a process that is killed


def leave_explaining(visitor: Visitor) -> None:
    """Leave while a clip is explained."""
    visitor.join("explain")
    leave(visitor)


def leave_filming(visitor: Visitor) -> None:
    """Leave while a film is made."""
    visitor.explain()
    visitor.join("annotate.click", visitor.filled_in("annotate.click", annotate_overlay=True))
    leave(visitor)


def leave(visitor: Visitor) -> None:
    """Close the stream at the first that comes of an event."""
    messages = visitor.messages()
    for message in messages:
        if message["msg"] == "process_generating":
            break
    messages.close()


@pytest.mark.parametrize("stage", [leave_explaining, leave_filming], ids=["explaining", "filming"])
def test_a_visitor_who_leaves_takes_nobodys_place_and_leaves_no_half_film(app: App, folder: Path, stage: Stage) -> None:
    for _ in range(3):  # more than there are places
        visitor = Visitor(app.port)
        visitor.choose(visitor.upload((folder / "clip.mp4").read_bytes(), "clip.mp4"), "clip.mp4")
        before = stored(app.temp)
        stage(visitor)
    began = time.monotonic()
    serve_next(app, folder)
    assert time.monotonic() - began < 20
    whole, until = {"clip.mp4", "clip.sec2sec.json", "clip-annotated.mp4"}, time.monotonic() + 20
    while (
        names := {path.name for path in stored(app.temp).keys() - before.keys()}
    ) - whole and time.monotonic() < until:
        time.sleep(0.2)
    assert names <= whole


def test_a_decoder_that_is_killed_costs_its_clip_alone(app: App, folder: Path) -> None:
    visitor = Visitor(app.port)
    visitor.choose(visitor.upload((folder / "clip.mp4").read_bytes(), "clip.mp4"), "clip.mp4")
    for child in children(app.process.pid):
        os.kill(int(child), signal.SIGKILL)
    for _ in range(2):  # the first may find the one that is dead
        words = words_of(visitor.explain())
        assert "Internal error" not in words
    serve_next(app, folder)


# ---- a server that is killed, and started again


def uploading(visitor: Visitor, folder: Path) -> socket.socket:
    body, headers = form((folder / "clip.mp4").read_bytes() * 20, "clip.mp4")
    connection = socket.create_connection(("127.0.0.1", visitor.port))
    head = "".join(f"{name}: {value}\r\n" for name, value in {**headers, "Content-Length": str(len(body))}.items())
    connection.sendall(f"POST {API}/upload HTTP/1.1\r\nHost: 127.0.0.1:{visitor.port}\r\n{head}\r\n".encode())
    connection.sendall(body[: len(body) // 2])
    time.sleep(0.5)
    return connection


def explaining(visitor: Visitor, folder: Path) -> None:
    choose(visitor, folder)
    visitor.join("explain")
    next(visitor.messages())


def filming(visitor: Visitor, folder: Path) -> None:
    choose(visitor, folder)
    visitor.explain()
    visitor.join("annotate.click", visitor.filled_in("annotate.click", annotate_overlay=True))
    time.sleep(0.7)


def reporting(visitor: Visitor, folder: Path) -> None:
    choose(visitor, folder)
    visitor.explain()
    visitor.run("report.click")


def evaluating(visitor: Visitor, folder: Path) -> None:
    path = visitor.upload((folder / "data.zip").read_bytes(), "data.zip")
    visitor.join("evaluate", evaluate_fields(visitor, path))
    time.sleep(0.7)


def training(visitor: Visitor, folder: Path) -> None:
    visitor.run("begin", begin_fields(visitor))
    (job,) = Jobs(folder / "killed").all()
    until = time.monotonic() + 60
    while job.state().stage != "clips" and time.monotonic() < until:
        time.sleep(0.05)
    pids = subprocess.run(["pgrep", "-f", job.id], capture_output=True, text=True).stdout.split()
    for pid in pids:
        os.kill(int(pid), signal.SIGKILL)


def deleting(visitor: Visitor, folder: Path) -> None:
    choose(visitor, folder)
    time.sleep(DELETE_AFTER * 0.8)  # until its time has nearly come


def choose(visitor: Visitor, folder: Path) -> None:
    visitor.choose(visitor.upload((folder / "clip.mp4").read_bytes(), "clip.mp4"), "clip.mp4")


@pytest.mark.slow
@pytest.mark.parametrize("stage", [uploading, explaining, filming, reporting, evaluating, training, deleting])
def test_after_a_kill_the_next_server_has_nothing_of_the_last_ones_visitors(
    folder: Path, tmp_path: Path, stage: Callable[[Visitor, Path], socket.socket | None]
) -> None:
    options = ("--delete-after", str(DELETE_AFTER), "--runs", str(folder / "killed"), "--private-runs", "yes")
    environment = {"GRADIO_TEMP_DIR": str(tmp_path)}
    with App(*options, env=environment) as app:
        connection = stage(Visitor(app.port), folder)
        decoders = children(app.process.pid)
        app.process.kill()
        app.process.wait()
    if connection is not None:
        connection.close()
    assert list(tmp_path.glob(f"{PREFIX}*")), "a kill leaves no time to clear up"
    with App(*options, env=environment) as app:
        assert stored(tmp_path) == {}
        assert len(list(tmp_path.glob(f"{PREFIX}*"))) == 1
        until = time.monotonic() + 20
        while any(Path("/proc", pid).exists() for pid in decoders) and time.monotonic() < until:
            time.sleep(0.1)
        assert not any(Path("/proc", pid).exists() for pid in decoders), "processes that decode end with their server"
        visitor = serve_next(app, folder)
        for job in Jobs(folder / "killed").all():
            assert job.state().stage == "dead"
            question = {"visitor": VISITOR, "run": job.id, "what": "remove"}
            assert "error" not in visitor.ask("train-view", "act", question).json()
            assert not job.path.exists()
        until = time.monotonic() + 2 * DELETE_AFTER
        while stored(tmp_path) and time.monotonic() < until:
            time.sleep(0.1)
        assert stored(tmp_path) == {}


CLOCK = """
import os, time
from pathlib import Path
real = time.time
time.time = lambda: real() + float(Path(os.environ["CLOCK"]).read_text())
"""


@pytest.mark.slow
@pytest.mark.parametrize("leap", [86_400.0, -86_400.0], ids=["a day forward", "a day back"])
def test_a_clock_that_leaps_deletes_nothing_early_and_nothing_late(folder: Path, tmp_path: Path, leap: float) -> None:
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(CLOCK)
    (tmp_path / "clock").write_text("0")
    path = os.pathsep.join([str(tmp_path / "path"), *sys.path])
    with App("--delete-after", str(DELETE_AFTER), env={"PYTHONPATH": path, "CLOCK": str(tmp_path / "clock")}) as app:
        visitor = serve_next(app, folder)
        (tmp_path / "clock").write_text(str(leap))
        time.sleep(DELETE_AFTER / 4)
        assert stored(app.temp), "it is young by the clock that counts"
        assert visitor.explanation()["clip"]["name"] == "clip.mp4"
        until = time.monotonic() + 2 * DELETE_AFTER
        while stored(app.temp) and time.monotonic() < until:
            time.sleep(0.1)
        assert stored(app.temp) == {}
        assert visitor.get("/health").json()["status"] == "ok"
        serve_next(app, folder)
