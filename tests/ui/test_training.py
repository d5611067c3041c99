"""The Training tab without a browser: what may be asked, what is refused and why, and what the page is told."""

from __future__ import annotations

import csv
import inspect
import json
import os
import shutil
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from sec2sec.baselines import SYSTEMS
from sec2sec.fields import fields_of
from sec2sec.files import lock_file
from sec2sec.jobs.job import Job, JobError, Jobs, JobSpec, KnownTruth
from sec2sec.training.settings import SettingsError, TrainConfig, as_json, train_config
from sec2sec.training.train import train_steps
from sec2sec.ui import app
from sec2sec.ui.messages import is_user_error
from sec2sec.ui.models import TRAINED, Models
from sec2sec.ui.settings import PUBLIC, Settings
from sec2sec.ui.training import submit as submitting
from sec2sec.ui.training import tab
from sec2sec.ui.training.fields import LARGEST, MAIN, SYSTEM, choices, form_fields, settings_of_form, widget_value
from sec2sec.ui.training.names import PAIRS, name_of
from sec2sec.ui.training.status import examples, job_status
from sec2sec.ui.training.submit import (
    MAX_RUNNING,
    MAX_RUNNING_PER_VISITOR,
    JobForm,
    data_sets,
    owner_of,
    resume,
    submit,
)

VISITOR, STRANGER = "v" * 20, "s" * 20
DEFAULTS = {name: widget_value(field) for name, field in form_fields().items()}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(runs=tmp_path / "runs", data_sets=tmp_path / "sets", device="cpu", train_megabytes=1)


@pytest.fixture
def unstarted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings are submitted, no process is started."""
    monkeypatch.setattr(Job, "start", lambda job: job.write_progress("starting", ""))


@contextmanager
def running(job: Job) -> Iterator[None]:
    """As if its process lived."""
    with (job.path / "lock").open("ab") as lock:
        assert lock_file(lock, wait=False)
        yield


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder.parent))
    return path


def rewritten(folder: Path, to: Path, change) -> Path:
    """A copy of a data set with another table."""
    shutil.copytree(folder, to)
    with (to / "clips.csv").open(newline="") as file:
        rows = [change(row) for row in csv.DictReader(file)]
    with (to / "clips.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return to


# ---- the form


def test_every_setting_but_the_data_is_offered_with_the_sentence_of_the_command_line() -> None:
    fields, settings = form_fields(), fields_of(TrainConfig)
    assert set(fields) == set(settings) - {"data"}
    assert all(field.help == settings[name].help != "" for name, field in fields.items())
    assert list(fields)[: len(MAIN)] == list(MAIN)
    assert [value for _, value in choices(fields[SYSTEM])] == list(SYSTEMS)


def test_untouched_widgets_are_a_class_with_no_data(settings: Settings, unstarted: None) -> None:
    made = {"clips": 200, "seed": 0, "level": "plain", "lengths": (4, 6)}
    job = submit(JobForm(make=made, values=DEFAULTS), settings, VISITOR)
    spec = job.spec()
    assert spec.make == KnownTruth() == KnownTruth(200, (4, 6), "plain", 0)
    config = train_config(dict(spec.config))
    assert config == TrainConfig(data=str(settings.runs / "sets" / spec.make.name / "clips"), epochs=20)
    assert config.preset == "compact"


def test_a_training_has_the_name_it_was_given_and_no_two_of_one_person_are_alike(
    settings: Settings, unstarted: None
) -> None:
    asked = JobForm(make={"clips": 20}, values=DEFAULTS, name="  Ada's   first ")
    titles = [submit(asked, settings, VISITOR).spec().title for _ in range(2)]
    assert titles == ["Ada's first", "Ada's first 2"]
    assert submit(asked, settings, STRANGER).spec().title == "Ada's first", "others' names are nobody's business"
    assert Jobs(settings.runs).all()[0].spec().about == "20 known-truth clips · sec2sec-sa-ca · compact"
    with pytest.raises(SettingsError, match="at most 40 characters"):
        submit(JobForm(make={"clips": 20}, values=DEFAULTS, name="x" * 41), settings, VISITOR)


def test_thirty_pupils_who_name_nothing_get_thirty_names() -> None:
    taken: set[str] = set()
    for _ in range(30):
        taken.add(name_of("", taken))
    assert len(taken) == 30
    assert all(len(name.split()) == 2 for name in taken)
    assert name_of("", PAIRS) not in PAIRS


def test_what_widgets_hold_becomes_settings() -> None:
    given = {**DEFAULTS, "rate": "1e-4", "targets": "arousal, valence", "video_grid": "2,3,3", "batch": 16.0}
    config = TrainConfig(**settings_of_form(given))
    assert (config.rate, config.targets, config.video_grid, config.batch) == (
        1e-4,
        ("arousal", "valence"),
        (2, 3, 3),
        16,
    )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"init": "/etc"}, "none of its choices"),
        ({SYSTEM: "GPT"}, "none of its choices"),
        ({"batch": None}, "Clips per step must be a whole number of at least 1, not nothing"),
        ({"batch": 10**9}, "at most 1024"),
        ({"width": 10**6}, "at most 1024"),
        ({"rate": "fast"}, "Learning rate must be a number above 0, not 'fast'"),
        ({"video_grid": "2,x"}, "Video grid must be a list of whole numbers"),
        ({"rate": -1}, "rate must be a number above 0, not -1"),
        ({"batch": 2.5}, "Clips per step must be a whole number"),
        ({"epochs": float("nan")}, "Epochs must be a whole number"),
    ],
)
def test_wrong_settings_get_one_line_and_leave_nothing(settings: Settings, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as raised:
        submit(JobForm(values={**DEFAULTS, **wrong}), settings, VISITOR)
    assert "\n" not in str(raised.value)
    assert list(settings.runs.glob("*")) == []


# ---- data that cannot be used


def test_an_uploaded_data_set_is_unpacked_into_its_training(made: Path, settings: Settings, unstarted: None) -> None:
    upload = zipped(made / "data", settings.runs.parent / "my films.zip")
    job = submit(JobForm("upload", upload=str(upload), values=DEFAULTS), settings, VISITOR)
    spec = job.spec()
    assert Path(spec.config["data"]).is_relative_to(job.path)
    assert Path(spec.cache).is_relative_to(job.path)  # tokens of somebody's clips go with them
    assert spec.about.startswith("my-films · ")
    job.remove()
    assert not job.path.exists()


def bomb(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("clips.csv", b"0" * 3_000_000)
    return path


def without(column: str):
    return lambda row: {name: value for name, value in row.items() if name != column}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("no zip", "is no zip"),
        ("bomb", "MB are allowed here|zip bomb"),
        ("large", "larger than the 1 MB"),
        ("column", "split|column"),
        ("one class", "nothing to tell apart"),
        ("outside", "lies outside the folder"),
        ("no table", "no data set known here"),
        ("nothing", "choose a zip"),
    ],
)
def test_bad_uploads_get_one_line_and_leave_nothing(
    made: Path, settings: Settings, tmp_path: Path, kind: str, words: str
) -> None:
    data, upload = made / "data", tmp_path / "upload.zip"
    if kind == "no zip":
        upload.write_text("hello")
    elif kind == "bomb":
        bomb(upload)
    elif kind == "large":
        upload.write_bytes(os.urandom(1_100_000))
    elif kind == "column":
        zipped(rewritten(data, tmp_path / "x", without("group")), upload)
    elif kind == "one class":
        zipped(rewritten(data, tmp_path / "x", lambda row: {**row, "arousal": "1", "calm": "0.5"}), upload)
    elif kind == "outside":
        zipped(
            rewritten(
                data, tmp_path / "x", lambda row: {**row, "path": row["path"].replace("clips/0.mp4", "../../hostname")}
            ),
            upload,
        )
    elif kind == "no table":
        (tmp_path / "x").mkdir()
        (tmp_path / "x" / "readme.txt").write_text("hello")
        zipped(tmp_path / "x", upload)
    with pytest.raises(ValueError, match=words) as raised:
        submit(JobForm("upload", upload=None if kind == "nothing" else str(upload), values=DEFAULTS), settings, VISITOR)
    assert is_user_error(raised.value)
    assert "\n" not in str(raised.value)
    assert str(tmp_path) not in str(raised.value)  # where things lie on a server is nobody's business
    assert list(settings.runs.glob("*")) == []


def test_folders_of_the_server_are_for_hosts_that_allow_them(made: Path, settings: Settings, unstarted: None) -> None:
    asked = JobForm("folder", folder=str(made / "data"), values=DEFAULTS)
    with pytest.raises(JobError, match="cannot be chosen here"):
        submit(asked, settings, VISITOR)
    allowed = Settings(**{**vars(settings), "server_folders": True})
    assert submit(asked, allowed, VISITOR).spec().config["data"] == str(made / "data")
    with pytest.raises(ValueError, match="no such folder"):
        submit(JobForm("folder", folder="/nowhere/at/all", values=DEFAULTS), allowed, VISITOR)
    with pytest.raises(JobError, match="give the folder"):
        submit(JobForm("folder", values=DEFAULTS), allowed, VISITOR)


def test_data_sets_of_the_host_are_those_in_its_folder(made: Path, settings: Settings, unstarted: None) -> None:
    shutil.copytree(made / "data", settings.data_sets / "films")
    assert data_sets(settings) == ["films"]
    assert submit(JobForm("set", data_set="films", values=DEFAULTS), settings, VISITOR).spec().about.startswith("films")
    for name in ("../runs", "other", None):
        with pytest.raises(JobError, match="no data set here"):
            submit(JobForm("set", data_set=name, values=DEFAULTS), settings, VISITOR)


# ---- limits


@pytest.mark.parametrize(
    ("limit", "asked", "words"),
    [
        ({"train_clips": 50}, JobForm(make={"clips": 51}, values=DEFAULTS), "at most 50 clips"),
        ({"train_epochs": 5}, JobForm(values=DEFAULTS), "at most 5 on this server, not 20"),
        ({"training": False}, JobForm(values=DEFAULTS), "switched off"),
    ],
)
def test_limits_hold_whatever_a_browser_sends(settings: Settings, limit: dict, asked: JobForm, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        submit(asked, Settings(**{**vars(settings), **limit}), VISITOR)
    assert list(settings.runs.glob("*")) == []


def test_a_data_set_with_more_clips_than_allowed_is_refused(made: Path, settings: Settings) -> None:
    shutil.copytree(made / "data", settings.data_sets / "films")
    with pytest.raises(ValueError, match=r"films/clips\.csv: more than 9 clips, and at most so many are allowed here"):
        submit(
            JobForm("set", data_set="films", values=DEFAULTS), Settings(**{**vars(settings), "train_clips": 9}), VISITOR
        )


def test_the_minutes_of_the_host_go_with_the_training_and_are_counted_over_all_starts(
    settings: Settings, unstarted: None
) -> None:
    limited = Settings(**{**vars(settings), "train_minutes": 2.0})
    job = submit(JobForm(values=DEFAULTS), limited, VISITOR)
    assert job.spec().minutes == 2.0
    job.write_progress("stopped", "", spent=121.0)
    with pytest.raises(JobError, match="2 minutes on this server are over"):
        resume(job, limited)
    assert not job_status(Jobs(settings.runs), None, {})["run"]["can"]["resume"]
    assert submit(JobForm(values=DEFAULTS), settings, VISITOR).spec().minutes is None


def test_a_visitor_of_a_public_server_has_few_trainings_at_once(settings: Settings, unstarted: None) -> None:
    public = Settings(**{**vars(settings), "private_runs": True})
    locks = [running(submit(JobForm(values=DEFAULTS), public, VISITOR)) for _ in range(MAX_RUNNING_PER_VISITOR)]
    for lock in locks:
        lock.__enter__()
    with pytest.raises(JobError, match="of your trainings"):
        submit(JobForm(values=DEFAULTS), public, VISITOR)
    submit(JobForm(values=DEFAULTS), public, STRANGER)
    locks += [
        running(submit(JobForm(values=DEFAULTS), settings, STRANGER))
        for _ in range(MAX_RUNNING - MAX_RUNNING_PER_VISITOR)
    ]
    for lock in locks[MAX_RUNNING_PER_VISITOR:]:
        lock.__enter__()
    with pytest.raises(JobError, match="run or wait already; try again"):
        submit(JobForm(values=DEFAULTS), settings, VISITOR)
    for lock in locks:
        lock.__exit__(None, None, None)


def test_of_many_starts_at_once_no_more_than_the_limit_begin(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, begun = Settings(**{**vars(settings), "private_runs": True}), []

    def begin(job: Job) -> None:
        time.sleep(0.05)  # as long as it takes to start a process
        begun.append(running(job))
        begun[-1].__enter__()

    monkeypatch.setattr(Job, "start", begin)

    def start() -> None:
        with suppress(JobError):
            submit(JobForm(values=DEFAULTS), public, VISITOR)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(begun) == MAX_RUNNING_PER_VISITOR
    for lock in begun:
        lock.__exit__(None, None, None)


def test_a_visitor_of_a_public_server_keeps_so_many_trainings_and_is_told_to_remove_one(
    settings: Settings, unstarted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitting, "MAX_KEPT_PER_VISITOR", 3)
    public = Settings(**{**vars(settings), "private_runs": True})
    kept = [submit(JobForm(values=DEFAULTS), public, VISITOR) for _ in range(3)]
    with pytest.raises(JobError, match="3 of your trainings are kept already; remove one"):
        submit(JobForm(values=DEFAULTS), public, VISITOR)
    resume(kept[0], public)
    kept[1].remove()
    submit(JobForm(values=DEFAULTS), public, VISITOR)


@pytest.mark.parametrize("name", ["layers", "heads", "width", "hidden", "batch"])
def test_a_model_that_would_fill_the_memory_is_refused(settings: Settings, unstarted: None, name: str) -> None:
    with pytest.raises(SettingsError, match=r": at most \d+, not 1e\+06"):
        submit(JobForm(values={**DEFAULTS, name: "1000000"}), settings, VISITOR)
    assert Jobs(settings.runs).all() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("seed", "5e9"), ("rate", "11"), ("warmup", "1e9"), ("patience", "1e7"), ("targets", "a," * 400)],
)
def test_nothing_in_the_form_is_without_a_bound(settings: Settings, unstarted: None, name: str, value: str) -> None:
    with pytest.raises(SettingsError):
        submit(JobForm(values={**DEFAULTS, name: value}), settings, VISITOR)
    assert Jobs(settings.runs).all() == []


def test_every_number_of_the_form_has_a_largest_value() -> None:
    numbers = {name for name, field in form_fields().items() if field.type in (int, float)}
    bounded = {name for name, field in form_fields().items() if {"le", "lt"} & set(field.bounds)}
    assert numbers - bounded - set(LARGEST) == {"epochs"}, "epochs have the host's limit"
    with pytest.raises(SettingsError, match="seed"):
        KnownTruth(seed=10**30)


def test_a_server_that_others_can_reach_limits_trainings_unless_told_otherwise() -> None:
    alone = Settings.read([], {})
    for name in PUBLIC:
        assert getattr(alone, name) == fields_of(Settings)[name].default
    codes = (["--class-code", "film class"], {}), ([], {"SEC2SEC_CLASS_CODE": "film class"})
    for arguments, environment in ((["--host", "0.0.0.0"], {}), ([], {"SPACE_ID": "a/b"}), *codes):
        public = Settings.read(arguments, environment)
        assert {name: getattr(public, name) for name in PUBLIC} == PUBLIC
    chosen = Settings.read(["--host", "0.0.0.0", "--keep-trainings", "2"], {"SEC2SEC_TRAIN_MINUTES": "inf"})
    assert (chosen.keep_trainings, chosen.train_minutes) == (2, float("inf"))


def test_the_help_says_what_a_public_server_has() -> None:
    for name, value in PUBLIC.items():
        words = "yes on a public server" if value is True else f"; {value:g}"
        assert words in fields_of(Settings)[name].help
        assert "on a public server" in fields_of(Settings)[name].help


def test_the_table_of_the_security_page_has_the_defaults_of_a_public_server() -> None:
    lines = Path("SECURITY.md").read_text(encoding="utf-8").splitlines()
    for name, value in PUBLIC.items():
        [row] = [line for line in lines if line.startswith("| `--") and f"`--{name.replace('_', '-')}`" in line]
        of_a_class = row.split("|")[3]
        assert ("yes" if value is True else f"{value:,.0f}") in of_a_class, name


def test_a_class_code_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(SettingsError, match="at least 8 characters"):
        Settings(class_code="film")


def test_a_server_that_others_can_reach_keeps_trainings_private_unless_told_otherwise() -> None:
    assert Settings.read([], {}).private_runs is False
    assert Settings.read(["--host", "::1"], {}).private_runs is False
    for host in ("0.0.0.0", "192.168.1.2", "::", "classroom.local"):
        assert Settings.read(["--host", host], {}).private_runs is True
        assert Settings.read([], {"SEC2SEC_HOST": host}).private_runs is True
    assert Settings.read(["--host", "0.0.0.0", "--private-runs", "no"], {}).private_runs is False


def test_switches_are_read_and_a_space_begins_closed() -> None:
    assert (Settings.read([], {}).training, Settings.read([], {}).private_runs) == (True, False)
    space = Settings.read([], {"SPACE_ID": "a/b"})
    assert (space.training, space.private_runs, space.server_folders) == (False, True, False)
    opened = Settings.read([], {"SPACE_ID": "a/b", "SEC2SEC_TRAINING": "yes", "SEC2SEC_TRAIN_MINUTES": "5"})
    assert (opened.training, opened.train_minutes) == (True, 5.0)
    assert Settings.read(["--training", "no"], {}).training is False


# ---- what visitors see


@pytest.fixture(scope="module")
def trained(made: Path, machine, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A training that has ended, of VISITOR; its data set has planted seconds."""
    from sec2sec.datasets.known_truth import make_clips

    folder = tmp_path_factory.mktemp("trained")
    for _ in make_clips(folder / "clips", 20, 0, workers=1, lengths=(4, 4)):
        pass
    small = {"width": 16, "heads": 2, "batch": 8, "epochs": 3, "init": str(made / "tiny")}
    config = TrainConfig(data=str(folder / "clips"), **small)
    job = Jobs(folder / "runs").new()
    job.write_spec(JobSpec("20 clips", as_json(config), owner=owner_of(VISITOR)))
    for _ in train_steps(job.run, config, machine):
        pass
    job.write_progress("done", "After 3 of at most 3 epochs.", 3, 3)
    return job


def test_the_page_is_told_what_changed_and_nothing_else(trained: Job) -> None:
    jobs = Jobs(trained.path.parent)
    first = job_status(jobs, None, {})
    run = first["run"]
    assert [entry["words"] for entry in first["runs"]] == ["Done"]
    assert (run["stage"], run["epochs"], len(run["examples"])) == ("done", 3, 3)
    assert run["can"] == {
        "stop": False, "finish": False, "resume": False, "open": True, "download": True, "remove": True
    }  # fmt: skip
    asked = {"run": trained.id, "since": 3}
    second = job_status(jobs, None, asked)
    assert second["run"]["examples"] == []
    assert job_status(jobs, None, {**asked, "signature": second["signature"]}) == {"signature": second["signature"]}
    assert len(json.dumps(second)) < 20_000
    for since in (-1, 99, "x", None):  # comes from a browser
        assert len(job_status(jobs, None, {**asked, "since": since})["run"]["examples"]) == 3


def test_scores_stand_beside_trivial_ones_and_say_which_clips(trained: Job) -> None:
    run = job_status(Jobs(trained.path.parent), None, {})["run"]
    metrics = json.loads((trained.checkpoint / "metrics.json").read_text())["test"]["targets"]
    for name, measure, score, trivial, gain, interval in run["table"]["rows"]:
        assert score == metrics[name][measure]
        assert trivial == pytest.approx(max(metrics[name]["trivial"][b][measure] for b in metrics[name]["trivial"]))
        assert gain == pytest.approx(score - trivial)
        assert interval == metrics[name]["gain"]["interval"]
    assert "chose nothing" in run["table"]["note"]
    assert "generated clips with planted cues, not from people's ratings" in run["sentence"]


def test_before_the_end_the_table_says_that_validation_clips_chose(trained: Job, tmp_path: Path) -> None:
    copy = tmp_path / "runs" / trained.id
    shutil.copytree(trained.path, copy)
    shutil.rmtree(copy / "run" / "checkpoint")
    table = job_status(Jobs(copy.parent), None, {})["run"]["table"]
    assert "chose the weights, so these figures flatter" in table["note"]
    reports = Job(copy).reports()
    best = reports[reports[-1]["best_epoch"] - 1]
    assert {row[0]: row[2] for row in table["rows"]} == best["scores"]


def test_validation_clips_come_with_a_still_and_their_planted_seconds(trained: Job) -> None:
    found = examples(trained)
    shown = [example["id"] for example in trained.reports()[0]["examples"]]
    assert sorted(found) == sorted(shown)
    with (Path(trained.spec().config["data"]) / "planted.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["decisive"] == "1"]
    for name in shown:
        assert found[name]["planted"] == [int(row["second"]) for row in rows if row["id"] == name]
        assert found[name]["still"].startswith("data:image/jpeg;base64,")


def test_a_stranger_sees_no_training_and_no_model_of_another(trained: Job, tmp_path: Path) -> None:
    jobs, models = Jobs(trained.path.parent), Models(tmp_path, "cpu", trained.path.parent)
    mine, strange = owner_of(VISITOR), owner_of(STRANGER)
    assert job_status(jobs, strange, {"run": trained.id})["run"] is None
    assert job_status(jobs, mine, {})["run"]["id"] == trained.id
    assert models.choices(strange) == []
    assert models.choices(mine) == [("20 clips", TRAINED + trained.id)]
    bundle = models.get(TRAINED + trained.id)
    assert bundle.summary.name == "20 clips"
    assert models.get(TRAINED + trained.id) is bundle
    for name in (TRAINED, TRAINED + "../x", TRAINED + trained.id[:-1] + "g"):
        with pytest.raises(ValueError, match="not there"):
            models.get(name)


def test_what_a_page_may_call_answers_errors_in_words(trained: Job) -> None:
    public = Settings(runs=trained.path.parent, private_runs=True)
    view = tab.training_view(public, Jobs(public.runs))
    calls = {fn.__name__: fn for fn in view.server_fns}
    assert set(calls) == {"job_status", "stills", "act"}
    for what in ("stop", "finish", "resume", "remove", "download", "nonsense"):
        answer = calls["act"]({"visitor": STRANGER, "run": trained.id, "what": what})
        assert answer == {"error": "this training is not there any more"}
    assert calls["job_status"]({"visitor": None}) == {"error": "this page has no visitor yet; load it again"}
    assert (
        "nothing here is called" in calls["act"]({"visitor": VISITOR, "run": trained.id, "what": "nonsense"})["error"]
    )
    assert not (trained.path / "stop").exists()


def test_start_cannot_be_pressed_before_the_page_has_its_visitor(tmp_path: Path) -> None:
    demo = app.build(Settings(runs=tmp_path / "runs", checkpoints=tmp_path, examples=tmp_path))
    start = next(block for block in demo.blocks.values() if getattr(block, "elem_id", None) == "train-start")
    assert not start.interactive
    arrive = next(f for f in demo.fns.values() if getattr(f.fn, "__name__", "") == "arrive")
    assert arrive.fn(None)[start]["interactive"]


def test_with_training_off_the_tab_says_so_and_has_no_form(tmp_path: Path) -> None:
    demo = app.build(Settings(training=False, checkpoints=tmp_path, examples=tmp_path))
    texts = [str(block.value) for block in demo.blocks.values() if hasattr(block, "value")]
    assert sum("Training is switched off" in text for text in texts) == 1
    assert not any(getattr(block, "elem_id", None) == "train-start" for block in demo.blocks.values())


def test_nothing_of_the_tab_but_tab_and_form_imports_gradio() -> None:
    from sec2sec.jobs import job as jobs
    from sec2sec.jobs import turns as queue
    from sec2sec.jobs import worker as run_job
    from sec2sec.ui.training import fields, status, submit

    assert not any("gradio" in inspect.getsource(module) for module in (jobs, queue, run_job, fields, submit, status))
