"""Trackers get the figures of the history, are imported where they are asked for, and cannot end a training."""

from __future__ import annotations

import json
import sqlite3
import struct
import sys
import types
from pathlib import Path

import pytest
import wandb
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sec2sec.errors import MissingExtraError
from sec2sec.progress import Progress
from sec2sec.training.trackers import TRACKERS, Trackers, figures_of
from tests.helpers.commands import run
from tests.helpers.trainings import arguments

BLOCK, WHOLE, LAST = 32768, 1, 4  # of a LevelDB log: bytes of a block, kinds of a record


def history(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def trained(made: Path, out: Path, *more: object, **other):
    done = run(*arguments(made, out, **other), *more)
    assert done.returncode == 0, done.stderr
    return done


def test_the_event_files_hold_the_history_and_the_settings(made, tmp_path):
    out = tmp_path / "run"
    trained(made, out, "--log", "tensorboard", epochs=3)
    events = EventAccumulator(str(out / "tensorboard")).Reload()
    reports = history(out)
    assert len(reports) == 3
    for name, values in ((n, [figures_of(report)[n] for report in reports]) for n in figures_of(reports[0])):
        points = events.Scalars(name)
        assert [point.step for point in points] == [1, 2, 3], name
        assert [point.value for point in points] == pytest.approx(values, rel=1e-6), name
    assert set(events.Tags()["scalars"]) >= {"loss", "validation_loss", "rate", "scores/arousal", "trivial_scores/calm"}
    (text,) = events.Tensors("settings/text_summary")
    assert "| width | 16 |" in text.tensor_proto.string_val[0].decode()


def test_a_training_that_goes_on_after_a_kill_has_one_curve(tmp_path):
    report = {"loss": 1.0, "validation_loss": 1.0, "score": 0.5, "trivial_score": 0.5, "best_epoch": 1, "rate": 0.001}
    report |= {"seconds": 1.0, "scores": {"arousal": None}, "trivial_scores": {"arousal": 0.5}}
    for epochs, loss in (((1, 2, 3), 1.0), ((3, 4), 2.0)):  # killed after epoch 3, of which the state was not saved
        trackers = Trackers(["tensorboard"], tmp_path, lambda: {"width": 16})
        for epoch in epochs:
            trackers.report(Progress(epoch, 4, "", epoch={**report, "epoch": epoch, "loss": loss}))
        trackers.finish()
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    points = {point.step: point.value for point in events.Scalars("loss")}
    assert points == {1: 1.0, 2: 1.0, 3: 2.0, 4: 2.0}
    assert "scores/arousal" not in events.Tags()["scalars"]


def test_trackio_keeps_the_history_in_its_local_database(made, tmp_path, monkeypatch):

    monkeypatch.setattr("trackio.utils.TRACKIO_DIR", tmp_path / "trackio")
    monkeypatch.setattr("trackio.sqlite_storage.TRACKIO_DIR", tmp_path / "trackio")
    out = tmp_path / "my-run"
    trained(made, out, "--log", "trackio", epochs=2)
    (database,) = (tmp_path / "trackio").glob("*.db")
    with sqlite3.connect(database) as connection:
        rows = connection.execute("select run_name, step, metrics from metrics order by step").fetchall()
        (config,) = connection.execute("select config from configs").fetchone()
    connection.close()
    assert [(name, step) for name, step, _ in rows] == [("my-run", 1), ("my-run", 2)]
    for (_, _, metrics), report in zip(rows, history(out), strict=True):
        assert json.loads(metrics) == pytest.approx(figures_of(report))
    assert json.loads(config)["width"] == 16


def test_wandb_takes_the_run_offline(made, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    out = tmp_path / "my-run"
    trained(made, out, "--log", "wandb", epochs=2)
    wandb.teardown()  # as at the end of a process: its service writes the last block of the file when it ends
    (file,) = (out / "wandb").glob("offline-run-*/run-*.wandb")
    records = list(read_wandb(file))
    (begun,) = [record.run for record in records if record.HasField("run")]
    assert (begun.project, begun.display_name) == ("sec2sec", "my-run")
    assert {item.key: item.value_json for item in begun.config.update}["width"] == "16"
    logged = [
        {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in record.history.item}
        for record in records
        if record.HasField("history")
    ]
    for values, report in zip(logged, history(out), strict=True):
        assert {name: values[name] for name in figures_of(report)} == pytest.approx(figures_of(report))
        assert values["_step"] == report["epoch"]


def read_wandb(file: Path):
    """The records of an offline run: protocol buffers in a LevelDB log, behind seven bytes of wandb's own."""
    from wandb.proto import wandb_internal_pb2

    data, at, parts = file.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if BLOCK - at % BLOCK < 7:  # what is left of a block is too short for a header
            at += BLOCK - at % BLOCK
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)  # behind a checksum
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (WHOLE, LAST):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            parts = b""
            yield record


class Broken(types.ModuleType):
    """Has wandb's interface; every call of `fails` fails. Notes what was asked of it."""

    def __init__(self, fails: str) -> None:
        super().__init__("broken")
        self.fails, self.calls = fails, []

    def __getattr__(self, name: str):
        if name not in ("init", "log", "finish"):
            raise AttributeError(name)

        def call(*arguments, **options):
            self.calls.append((name, arguments, options))
            if name == self.fails:
                raise ConnectionError("no network\nat all")

        return call


@pytest.mark.parametrize("fails", ["init", "log", "finish"])
def test_a_tracker_that_fails_is_one_warning_and_the_training_goes_on(made, tmp_path, monkeypatch, fails):
    broken = Broken(fails)
    monkeypatch.setitem(sys.modules, "wandb", broken)
    broken.__spec__ = types.SimpleNamespace()
    done = trained(made, tmp_path / "run", "--log", "wandb", "tensorboard", epochs=3)
    warnings = [line for line in done.stderr.splitlines() if "WARNING" in line]
    assert warnings == ["WARNING: wandb failed and gets no more figures of this training (no network at all)"]
    assert [name for name, *_ in broken.calls] == {
        "init": ["init"],
        "log": ["init", "log"],
        "finish": ["init", "log", "log", "log", "finish"],
    }[fails]
    assert len(EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload().Scalars("loss")) == 3
    assert "checkpoint: " in done.stdout


@pytest.mark.parametrize("name", TRACKERS)
def test_a_tracker_that_is_not_installed_is_one_line_before_any_work(made, tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    refused = run(*arguments(made, tmp_path / "run"), "--log", name)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    assert f"--log {name} needs `pip install" in refused.stderr
    assert not (tmp_path / "run").exists()
    with pytest.raises(MissingExtraError):
        Trackers([name], tmp_path, dict)


def test_no_tracker_is_imported_unless_it_is_asked_for(made, tmp_path, monkeypatch):
    for name in [module for module in sys.modules if module.split(".")[0] in (*TRACKERS, "torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    for name in TRACKERS:
        monkeypatch.setitem(sys.modules, name, None)  # an import would fail
    trained(made, tmp_path / "run", epochs=1)
