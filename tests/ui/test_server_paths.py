"""What goes wrong on a server is said to its visitors without a word on where the server keeps its files."""

from __future__ import annotations

import os
import shutil
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from sec2sec.jobs.job import Jobs, JobSpec
from sec2sec.serving.server_paths import without_server_paths
from sec2sec.training.settings import TrainConfig, as_json
from sec2sec.ui import app
from sec2sec.ui.chosen_clip import probe_upload
from sec2sec.ui.downloads import write_file
from sec2sec.ui.evaluate import UPLOADED
from sec2sec.ui.messages import DISK_FULL, alert, errors_as_messages
from sec2sec.ui.settings import Settings
from sec2sec.ui.training.status import job_status
from tests.helpers.clips import make_clip
from tests.helpers.commands import full_disk
from tests.helpers.explaining import encoded
from tests.helpers.handlers import by_name, find_handler, last_answer
from tests.helpers.models import save_tiny, tiny_bundle


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the server of these tests keeps everything."""
    folder = tmp_path / "secret place" / "srv"
    folder.mkdir(parents=True)
    return folder


def hides(message: str, tmp_path: Path) -> bool:
    return str(tmp_path) not in message and not any(word.startswith(os.sep) for word in message.split())


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("/srv/data/clips.csv, line 3: id is empty", "clips.csv, line 3: id is empty"),
        ("[Errno 28] No space left on device: '/srv/runs/x.json'", "[Errno 28] No space left on device: 'x.json'"),
        ("file:/srv/a.mp4 (/srv/a.mp4); /srv: gone", "file:a.mp4 (a.mp4); srv: gone"),
        (f"{Path.home()}/my data/a.mp4: broken", "my data/a.mp4: broken"),
        (f"{Path.cwd()}/my runs/a: broken", "my runs/a: broken"),
        ("and/or 4/5, see https://example.org/a/b or ~/x / y", "and/or 4/5, see https://example.org/a/b or ~/x / y"),
    ],
)
def test_of_a_path_its_name_alone_is_shown(text: str, public: str) -> None:
    assert without_server_paths(text) == public
    assert public.split()[0] in alert(text)


def test_a_training_that_failed_names_no_folder_of_the_server(place: Path, tmp_path: Path) -> None:
    jobs = Jobs(place / "runs")
    job = jobs.new()
    config = as_json(TrainConfig(data=str(place / "gone")))
    job.write_spec(JobSpec("films", config, None, str(place / "tokens"), device="cpu"))
    job.start()
    end = time.monotonic() + 120
    while job.state().stage != "failed" and time.monotonic() < end:
        time.sleep(0.1)
    message = job_status(jobs, None, {})["run"]["message"]
    assert "there is no such folder" in message
    assert hides(message, tmp_path)
    job.write_progress("failed", f"Internal error: FileNotFoundError: [Errno 2] No such file: '{place}/x'")
    assert hides(job_status(jobs, None, {})["run"]["message"], tmp_path)


@pytest.fixture
def evaluating(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[gr.Blocks]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(place))
    save_tiny(place / "checkpoints" / "tiny")
    (place / "sets" / "films").mkdir(parents=True)
    app.uploads.cache_clear()
    settings = Settings(runs=place / "runs", checkpoints=place / "checkpoints", data_sets=place / "sets", device="cpu")
    yield app.build(settings)
    app.uploads.cache_clear()


def test_a_data_set_that_cannot_be_evaluated_is_named_and_not_located(
    evaluating: gr.Blocks, place: Path, tmp_path: Path
) -> None:
    evaluate = find_handler(evaluating, "evaluate", "evaluate")
    (place / "sets/films/clips.csv").write_text("id,path,arousal,split,group\na,a.mp4,7,train,g\n")
    packed = place / "upload.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(place / "sets/films/clips.csv", "clips.csv")
    for name, zipped, title in (("films", None, "films"), (UPLOADED, str(packed), "upload")):
        last = last_answer(evaluate(None, "tiny", name, zipped, "all", False, False))
        line = by_name(evaluate, last)["status"]
        assert f"{title}/clips.csv, line 2: arousal is" in line
        assert hides(line, tmp_path)
    shutil.rmtree(place / "sets/films")


def test_a_clip_that_is_gone_is_named_and_not_located(place: Path, tmp_path: Path) -> None:
    choose = errors_as_messages(alert)(lambda path: probe_upload(path, Settings(isolated_decoding=False)))
    line = choose(str(place / "gone.mp4"))
    assert "gone.mp4: there is no such file" in line
    assert hides(line, tmp_path)


@pytest.mark.parametrize("form", ["json", "html"])
def test_a_report_that_the_disk_has_no_room_for_says_so_and_leaves_nothing(place: Path, tmp_path: Path, form) -> None:
    bundle = tiny_bundle(tmp_path / "tiny")
    explanation = encoded(make_clip(tmp_path / "clip.mp4", 2), bundle).explain()
    clip = SimpleNamespace(explanation=explanation, model="tiny", report=lambda card: "x" * 10_000)
    with gr.Blocks():
        button = gr.DownloadButton()
    button.GRADIO_CACHE = str(place)
    save = errors_as_messages(lambda message: message)(
        lambda: write_file(SimpleNamespace(get=lambda name: bundle), clip, form, button)
    )
    with full_disk(1_000):
        assert save() == DISK_FULL
    assert [path for path in place.rglob("*") if path.is_file()] == []
