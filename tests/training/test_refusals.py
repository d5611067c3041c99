"""Training: what it refuses in one line, with nothing lost."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sec2sec.datasets.table import DataError
from sec2sec.progress import drain
from sec2sec.training.hardware import Hardware
from sec2sec.training.loop import TrainingError
from sec2sec.training.run_folder import RunFolder
from sec2sec.training.settings import RUN_SCHEMA, SettingsError, TrainConfig, read_mapping, train_config
from sec2sec.training.train import train_steps
from tests.helpers import commands
from tests.helpers.commands import full_disk
from tests.helpers.trainings import ROOT, arguments, flags, settings


def refused(made: Path, machine: Hardware, out: Path, config: TrainConfig | None, **how) -> str:
    with pytest.raises(ValueError) as caught:
        list(train_steps(out, config, machine, **how))
    assert isinstance(caught.value, TrainingError | DataError | SettingsError), caught.type
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"colour": 1}, "there is no setting colour"),
        ({"rate": -1e-4}, "rate must be a number above 0, not -0.0001"),
        ({"encoder_rate": 0}, "encoder_rate must be a number above 0"),
        ({"rate": "fast"}, "rate must be a number above 0, not 'fast'"),
        ({"rate": float("nan")}, "rate must be a number"),
        ({"batch": 2.5}, "batch must be a whole number"),
        ({"epochs": 0}, "epochs must be a whole number of at least 1"),
        ({"dropout": 1.0}, "dropout must be a number of at least 0 and below 1"),
        ({"heads": 5}, "multiple of heads"),
        ({"system": "SA"}, "system must be one of vit, vivit"),
        ({"system": "vit", "init": "somewhere"}, "the small vit has no encoders"),
        ({"system": "vivit", "preset": "paper", "video_grid": (2, 3, 3)}, "vivit reads no encoder tokens"),
        ({"preset": "paper", "init": "x"}, "init is for the compact preset"),
        ({"init": "random"}, "random encoders must be trained"),
        ({"video_grid": [8, 3]}, "three numbers"),
        ({"preset": "paper", "video_grid": [4, 7, 7]}, "finer than the encoders' maps"),
        ({"modality_dropout": 0.6}, "modality_dropout must be a number from 0 to 0.5, not 0.6"),
        ({"targets": "arousal"}, "targets must be a list of names"),
    ],
)
def test_settings_that_cannot_be_used_are_named(values, said):
    with pytest.raises(SettingsError, match=said) as caught:
        train_config(values, "x.yaml")
    assert str(caught.value).startswith("x.yaml: ")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "rate: [", "neither"),
        ("a.json", "{", "neither"),
        ("a.yaml", "- 1", "found list"),
        ("no.json", None, "read"),
    ],
)
def test_a_settings_file_that_cannot_be_read_is_named(tmp_path, name, text, said):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(SettingsError, match=said) as caught:
        read_mapping(tmp_path / name)
    assert name in str(caught.value)


def test_yaml_numbers_in_short_form_are_numbers(tmp_path):
    (tmp_path / "a.yaml").write_text("rate: 1e-4\nvideo_grid: [2, 3, 3]\n")
    config = train_config(read_mapping(tmp_path / "a.yaml"))
    assert (config.rate, config.video_grid) == (1e-4, (2, 3, 3))


def edited(made: Path, folder: Path, change) -> Path:
    """The data set with another table."""
    folder.mkdir()
    (folder / "clips").symlink_to(made / "data" / "clips")
    header, *rows = (made / "data" / "clips.csv").read_text().splitlines()
    (folder / "clips.csv").write_text("\n".join([header, *change(rows)]) + "\n")
    return folder


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: [r for r in rows if "validation" not in r], "split 'validation' cannot be used: it is empty"),
        (lambda rows: [r for r in rows if "train" not in r], "split 'train' cannot be used: it is empty"),
        (lambda rows: [r for r in rows if ",0," not in r], "arousal is 1 for every training clip"),
        (lambda rows: [r.replace("clips/", "nowhere/") for r in rows], "none of its clips can be used"),
        (
            lambda rows: [r if "train" in r else ",".join([*r.split(",")[:2], "", *r.split(",")[3:]]) for r in rows],
            "no clip of the split 'validation' has a label for arousal",
        ),
    ],
)
def test_data_that_cannot_be_learned_from_is_refused(tmp_path, made, machine, change, said):
    folder = edited(made, tmp_path / "data", change)
    assert said in refused(made, machine, tmp_path / "run", settings(made, data=str(folder)))


def test_an_unknown_target_and_no_data_are_refused_before_a_folder_is_made(tmp_path, made, machine):
    assert "no target is called fear" in refused(made, machine, tmp_path / "r", settings(made, targets=("fear",)))
    assert "data is missing" in refused(made, machine, tmp_path / "r", settings(made, data=""))
    assert not (tmp_path / "r").exists()


def test_a_damaged_clip_is_left_out_and_listed(tmp_path, made, machine):
    def change(rows):
        return [*rows, "bad,clips/none.mp4,1,0.5,train,f"]

    folder = edited(made, tmp_path / "data", change)
    end = drain(train_steps(tmp_path / "run", settings(made, data=str(folder), epochs=1), machine))
    assert list(end.unusable) == ["bad"]
    assert end.metrics["unusable"] == 1


def test_a_run_folder_of_another_schema_or_of_something_else_is_refused_and_untouched(tmp_path, made, machine):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text(json.dumps({"schema": "sec2sec.run/9", "config": {}}))
    for how in ({}, {"resume": True}):
        message = refused(made, machine, run, settings(made), **how)
        assert "sec2sec.run/9" in message
        assert RUN_SCHEMA in message
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("kept")
    assert "is not empty" in refused(made, machine, other, settings(made))
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]
    assert "holds no training" in refused(made, machine, tmp_path / "none", None, resume=True)


def test_a_training_of_other_settings_or_other_data_is_not_gone_on_with(tmp_path, made, machine):
    folder = edited(made, tmp_path / "data", lambda rows: rows)
    config = settings(made, data=str(folder), epochs=1)
    list(train_steps(tmp_path / "run", config, machine))
    assert "--resume" in refused(made, machine, tmp_path / "run", config)
    message = refused(made, machine, tmp_path / "run", replace(config, rate=1.0, heads=4), resume=True)
    assert "heads 2, not 4" in message
    assert "rate 0.003, not 1.0" in message
    table = folder / "clips.csv"
    table.write_text(table.read_text().replace("c0,clips/0.mp4,0", "c0,clips/0.mp4,1"))
    assert "no longer those" in refused(made, machine, tmp_path / "run", None, resume=True)


def test_two_processes_never_train_in_one_folder(tmp_path, made, machine):
    for step in (steps := train_steps(tmp_path / "run", settings(made), machine)):
        if step.epoch:
            break
    assert "another process" in refused(made, machine, tmp_path / "run", None, resume=True)
    steps.close()
    assert not drain(train_steps(tmp_path / "run", None, machine, resume=True)).stopped


def test_a_full_disk_ends_with_2_and_one_line_and_the_training_goes_on_afterwards(tmp_path, made, machine):
    run, config = tmp_path / "run", settings(made)
    for step in (steps := train_steps(run, config, machine)):
        if step.epoch:
            break
    steps.close()
    before = (run / "state.pt").read_bytes()
    with full_disk(20_000):
        done = commands.run(*arguments(made, run), "--resume")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert f"{run}: cannot be written (File too large: ulimit -f)" in done.stderr
    assert (run / "state.pt").read_bytes() == before
    assert not list(run.glob(".*.part"))
    assert not drain(train_steps(run, None, machine, resume=True)).stopped


@contextmanager
def as_nobody():
    """Root may write anywhere; a read-only folder says something only to somebody else."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_read_only_run_folder_is_said_to_be_one(made, machine, tmp_path_factory):
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "run").mkdir()
        folder.chmod(0o755)
        (folder / "run").chmod(0o555)
        with as_nobody(), pytest.raises(TrainingError, match=r"cannot be written \(Permission denied"):
            RunFolder(folder / "run").begin(settings(made))
        assert not list((folder / "run").iterdir())


def test_a_signal_ends_a_training_at_the_next_batch_with_its_state_saved(tmp_path, made, machine):
    process = subprocess.Popen(flags(made, tmp_path / "run", epochs=250), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    while process.poll() is None and not (tmp_path / "run" / "state.pt").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=120)[0]
    assert process.returncode == 0
    assert "stopped after epoch" in said
    assert RunFolder(tmp_path / "run").load()["epoch"] >= 1


def test_unusable_input_of_the_command_line_is_one_line_on_stderr(tmp_path, made):
    data, tiny, run = made / "data", made / "tiny", tmp_path / "run"
    (tmp_path / "bad.yaml").write_text("speed: 1\n")
    for options, said in (
        (["train", "--out", run, "--data", tmp_path], "no data set known"),
        (["train", "--out", run, "--config", tmp_path / "bad.yaml", "--data", data], "speed"),
        (["train", "--out", run, "--data", data, "--rate", "-1"], "rate"),
        (["train", "--out", run, "--resume"], "data is missing"),
        (["train", "--out", run, "--data", data, "--init", tmp_path / "none"], "none"),
        (["extract", "--data", data, "--init", tiny, "--part", "3/2"], "--part"),
        (["search", tmp_path / "bad.yaml", "--out", run], "speed"),
        (["profile", "--checkpoint", tiny, "--data", tmp_path / "none"], "none"),
        (["data", tmp_path / "none"], "none"),
    ):
        done = commands.run(*options)
        assert done.returncode == 2, options
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert said in done.stderr, done.stderr


def test_the_settings_of_a_run_can_be_trained_again_under_another_name(tmp_path, made):
    first = ["train", *arguments(made, tmp_path / "first", epochs=1, seed=3)[1:]]
    assert commands.run(*first).returncode == 0
    hardware = ("--cache", made / "tokens", "--workers", 0, "--device", "cpu")
    again = commands.run(
        "train", "--config", tmp_path / "first" / "config.json", "--out", tmp_path / "again", *hardware
    )
    assert again.returncode == 0, again.stderr
    assert RunFolder(tmp_path / "again").config() == RunFolder(tmp_path / "first").config()


def test_the_end_of_a_training_says_why_f1_and_the_name_that_it_was_given(tmp_path, made):
    done = commands.run(*arguments(made, tmp_path / "calm-faces", epochs=1))
    assert done.returncode == 0, done.stderr
    assert "ended because all epochs are done, 1" in done.stdout
    assert re.search(r"arousal +accuracy .*\(trivial\), F1 [0-9.]+, balanced accuracy [0-9.]+", done.stdout)
    explained = commands.run(
        "explain", made / "data" / "clips" / "4.mp4", "--checkpoint", tmp_path / "calm-faces" / "checkpoint"
    )
    assert "model: calm-faces." in explained.stdout


def test_a_start_that_failed_leaves_no_folder_behind(tmp_path, made):
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        done = commands.run(*arguments(made, tmp_path / name, init=tmp_path / "nowhere"))
        assert done.returncode == 2
    assert not (tmp_path / "new").exists()
    assert list((tmp_path / "empty").iterdir()) == []
