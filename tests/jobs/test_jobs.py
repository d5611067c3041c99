"""Trainings of the app as processes: their turns, how they end, what survives, and what a limit leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sec2sec.checkpoints import load_checkpoint
from sec2sec.datasets.known_truth import make_clips, read_planted
from sec2sec.datasets.known_truth.plan import plan_clip
from sec2sec.jobs.job import Job, JobError, Jobs, JobSpec, KnownTruth
from sec2sec.jobs.turns import turn
from sec2sec.jobs.worker import in_words
from sec2sec.progress import drain
from sec2sec.training.settings import SettingsError, TrainConfig, as_json
from sec2sec.training.train import train_steps

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"width": 16, "heads": 2, "batch": 4, "rate": 3e-3, "dropout": 0.1, "patience": 250}

WAITER = """
import sys, time
from pathlib import Path
from sec2sec.jobs.turns import LeftQueueError, turn
queue, name = Path(sys.argv[1]), sys.argv[2]
def say(*words):
    with open(queue.parent / "said.txt", "a") as file:
        print(name, *words, file=file, flush=True)
try:
    with turn(queue, lambda ahead: say("waits", ahead), lambda: (queue.parent / f"stop-{name}").exists()):
        say("enters")
        while not (queue.parent / f"go-{name}").exists():
            time.sleep(0.02)
        say("leaves")
except LeftQueueError:
    say("gives up")
"""


class Waiters:
    """Processes in one queue, by name."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.processes = folder, {}

    def start(self, name: str) -> None:
        command = [sys.executable, "-c", WAITER, str(self.folder / "queue"), name]
        self.processes[name] = subprocess.Popen(command, cwd=ROOT)

    def said(self) -> list[str]:
        file = self.folder / "said.txt"
        return file.read_text().splitlines() if file.exists() else []

    def wait_for(self, line: str) -> None:
        wait(lambda: line in self.said(), line)


@pytest.fixture
def waiters(tmp_path: Path) -> Iterator[Waiters]:
    found = Waiters(tmp_path)
    yield found
    for process in found.processes.values():
        process.kill()
        process.wait()


def wait(until: Callable[[], object], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.05)


# ---- turns


def test_one_at_a_time_in_the_order_of_arrival(waiters: Waiters) -> None:
    waiters.start("a")
    waiters.wait_for("a enters")
    for ahead, name in enumerate("bc", start=1):
        waiters.start(name)
        waiters.wait_for(f"{name} waits {ahead}")
    for name in "abc":
        waiters.wait_for(f"{name} enters")
        (waiters.folder / f"go-{name}").touch()
    waiters.wait_for("c leaves")
    inside = [line for line in waiters.said() if line.endswith(("enters", "leaves"))]
    assert inside == [f"{name} {what}" for name in "abc" for what in ("enters", "leaves")]
    for process in waiters.processes.values():
        assert process.wait(20) == 0
    assert not list((waiters.folder / "queue").glob("*.ticket"))


def test_a_killed_process_frees_its_place_wherever_it_stood(waiters: Waiters) -> None:
    waiters.start("a")
    waiters.wait_for("a enters")
    for ahead, name in enumerate("bc", start=1):
        waiters.start(name)
        waiters.wait_for(f"{name} waits {ahead}")
    waiters.processes["b"].kill()
    waiters.wait_for("c waits 1")
    waiters.processes["a"].kill()
    waiters.wait_for("c enters")


def test_who_is_asked_to_stop_leaves_the_queue(waiters: Waiters) -> None:
    waiters.start("a")
    waiters.wait_for("a enters")
    waiters.start("b")
    waiters.wait_for("b waits 1")
    (waiters.folder / "stop-b").touch()
    waiters.wait_for("b gives up")
    assert len(list((waiters.folder / "queue").glob("*.ticket"))) == 1
    assert "b enters" not in waiters.said()


# ---- jobs whose process waits: no torch yet


def order(data: Path, **other) -> JobSpec:
    config = as_json(TrainConfig(**{"data": str(data), "epochs": 3, **SMALL, **other.pop("config", {})}))
    return JobSpec("a test", config, cache=str(data.parent / "tokens"), device="cpu", workers=0, **other)


def begun(jobs: Jobs, wanted: JobSpec) -> Job:
    job = jobs.new()
    job.write_spec(wanted)
    job.start()
    return job


def pid(job: Job) -> int:
    return int(json.loads((job.path / "progress.json").read_text())["process"])


def test_a_second_training_shows_its_place_and_stops_while_it_waits(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "runs")
    with turn(jobs.folder / "queue"):
        first, second = (begun(jobs, order(tmp_path / "data")) for _ in range(2))
        wait(lambda: {job.state().stage for job in (first, second)} == {"waiting"}, "both wait")
        places = sorted(job.state().done for job in (first, second))
        assert places == [1, 2]
        ahead, behind = sorted((first, second), key=lambda job: job.state().done)
        assert "2 other trainings are first" in behind.state().message
        ahead.request("stop")
        wait(lambda: ahead.state().stage == "stopped", "it stops")
        wait(lambda: behind.state().done == 1, "the other moves up")
        behind.request("stop")
        wait(lambda: not behind.is_running(), "the other ends")
    assert ahead.spent == 0  # waiting is no work


def test_a_killed_training_is_shown_as_ended_and_can_be_started_again(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "runs")
    with turn(jobs.folder / "queue"):
        job = begun(jobs, order(tmp_path / "data"))
        wait(lambda: job.state().stage == "waiting", "it waits")
        with pytest.raises(JobError, match="running already"):
            job.start()
        with pytest.raises(JobError, match="stop it first"):
            job.remove()
        os.kill(pid(job), signal.SIGKILL)
        wait(lambda: not job.is_running(), "it is dead")
        assert job.state().stage == "dead"
        assert job.state().message.startswith("Stopped unexpectedly")
        (job.run).mkdir()
        (job.run / "metrics.jsonl").write_text('{"epoch": 1}\n{"epoch": 2}\n{"epo')
        assert "Resume continues after epoch 2." in job.state().message
        job.start()
        assert job.state().is_running
        wait(lambda: job.state().stage == "waiting", "it waits again")
        job.request("stop")
        wait(lambda: job.state().stage == "stopped", "it stops")


def test_a_training_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "runs")
    code = "import sys; from pathlib import Path; from sec2sec.jobs.job import Job; Job(Path(sys.argv[1])).start()"
    job = jobs.new()
    job.write_spec(order(tmp_path / "data"))
    with turn(jobs.folder / "queue"):
        subprocess.run([sys.executable, "-c", code, str(job.path)], cwd=ROOT, check=True)  # it has ended by now
        wait(lambda: job.state().stage == "waiting", "it waits")
        assert os.getsid(pid(job)) == pid(job)  # a session of its own: no signal of the server's terminal reaches it
        job.request("stop")
        wait(lambda: not job.is_running(), "it ends")


def test_a_failed_training_says_why_in_one_line(tmp_path: Path) -> None:
    job = begun(Jobs(tmp_path / "runs"), order(tmp_path / "nowhere"))
    wait(lambda: not job.is_running(), "it ends", 120)
    assert job.state().stage == "failed"
    assert "nowhere: there is no such folder" in job.state().message
    assert "Traceback" not in (job.path / "log.txt").read_text()


# ---- a whole training


def test_a_training_ends_with_a_checkpoint_and_a_zip_of_it(made: Path, tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "runs")
    job = begun(jobs, order(made / "data", config={"init": str(made / "tiny")}))
    stages = []

    def ended() -> bool:
        stages.append(job.state().stage)
        return not job.is_running()

    wait(ended, "it ends", 180)
    state = job.state()
    assert (state.stage, state.done, job.epochs()) == ("done", 3, 3), (job.path / "log.txt").read_text()
    assert "chosen by the validation clips" in state.message
    assert "dead" not in stages
    assert [report["epoch"] for report in job.reports(since=1)] == [2, 3]
    job.pack(tmp_path / "model.zip")
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "unpacked")
    assert load_checkpoint(tmp_path / "unpacked" / "model", "cpu").model.config.width == 16
    assert not list(tmp_path.glob("*.part"))
    job.remove()
    assert jobs.all() == []
    assert not job.path.exists()


def test_enough_keeps_the_best_weights_so_far_and_stop_keeps_what_goes_on(made: Path, machine, tmp_path: Path) -> None:
    config = TrainConfig(data=str(made / "data"), init=str(made / "tiny"), epochs=50, **SMALL)
    metrics = tmp_path / "early" / "metrics.jsonl"

    def two_epochs() -> bool:
        return metrics.exists() and metrics.read_text().count("\n") >= 2

    last = drain(train_steps(tmp_path / "early", config, machine, enough=two_epochs))
    assert not last.stopped
    assert last.metrics["epochs"] == 2
    assert load_checkpoint(last.checkpoint, "cpu").metrics["best_epoch"] <= 2
    never = drain(train_steps(tmp_path / "never", config, machine, enough=lambda: True))
    assert (never.stopped, never.epochs) == (True, 0)  # nothing was learned: there are no best weights


def test_minutes_that_are_over_end_it_and_it_says_so(made: Path, tmp_path: Path) -> None:
    job = begun(Jobs(tmp_path / "runs"), order(made / "data", config={"init": str(made / "tiny")}, minutes=1e-4))
    wait(lambda: not job.is_running(), "it ends", 120)
    assert job.state().stage == "stopped"
    assert "the limit of 0.0001 minutes on this server is over" in job.state().message


# ---- the folder of runs


def test_only_ids_open_folders_and_only_their_owners(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "runs")
    mine, other = jobs.new(), jobs.new()
    mine.write_spec(order(tmp_path / "data", owner="me"))
    other.write_spec(order(tmp_path / "data", owner="another"))
    assert [job.id for job in jobs.all("me")] == [mine.id]
    assert len(jobs.all()) == 2
    assert jobs.get(mine.id, "me").spec().owner == "me"
    for name in (other.id, "../runs/" + mine.id, "", None, 3, mine.id + "/run"):
        with pytest.raises(JobError, match="not there"):
            jobs.get(name, "me")
    assert len(mine.id.rsplit("-", 1)[1]) == 32  # 128 random bits


def test_known_truth_clips_go_with_the_last_training_that_uses_them(tmp_path: Path) -> None:
    jobs, make = Jobs(tmp_path / "runs"), KnownTruth(20, (4, 4))
    pair = [jobs.new(), jobs.new()]
    for job in pair:
        job.write_spec(order(tmp_path / "data", make=make))
    folder = pair[0].clip_set_dir(make)
    folder.mkdir(parents=True)
    pair[0].remove()
    assert folder.exists()
    pair[1].remove()
    assert not folder.exists()


def test_what_a_lost_server_left_is_swept_and_the_rest_is_not(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "runs")
    left, kept, fresh = jobs.new(), jobs.new(), jobs.new()
    kept.write_spec(order(tmp_path / "data"))
    for job in (left, kept):
        os.utime(job.path, (0, 0))
    jobs.remove_stale()
    assert [job.path.exists() for job in (left, kept, fresh)] == [False, True, True]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"clips": 19}, "at least 20"),
        ({"lengths": (1, 6)}, "2 whole numbers from 2 to 60"),
        ({"lengths": (6, 4)}, "as long as the shortest one"),
        ({"level": "easy"}, "one of plain, cluttered, film, opposed, unseen-timbre"),
    ],
)
def test_impossible_clips_are_refused(wrong: dict, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        KnownTruth(**wrong)


def test_clips_last_as_long_as_asked_and_are_planted_within(tmp_path: Path) -> None:
    for _ in make_clips(tmp_path / "short", 2, 3, workers=1, lengths=(4, 4)):
        pass
    for planted in read_planted(tmp_path / "short").values():
        assert len(planted.decisive) == 4
        assert 1 <= planted.decisive.sum() <= 3
    assert {len(plan_clip(0, i, "plain", 0.0, (4, 6)).seconds) for i in range(60)} == {4, 5, 6}
    with pytest.raises(ValueError, match="made with"):  # a folder of other lengths is another set
        list(make_clips(tmp_path / "short", 2, 3, workers=1))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3, "about 10 seconds"), (100, "about 2 minutes"), (7200, "about 2.0 hours"), (float("nan"), "an unknown time")],
)
def test_time_left_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
