"""The precision of a training is chosen, recorded, and stays the same when it is resumed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from sec2sec.checkpoints import load_checkpoint
from sec2sec.cli import main
from sec2sec.progress import drain
from sec2sec.training.hardware import Hardware
from sec2sec.training.loop import TrainingError
from sec2sec.training.settings import SettingsError, train_config
from sec2sec.training.train import train_steps
from tests.helpers.trainings import arguments, settings, weights


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_a_training_in_each_precision_is_recorded_and_near_float32(made, machine, tmp_path, precision):
    run = tmp_path / "run"
    end = drain(train_steps(run, settings(made, precision=precision), machine))
    exact = drain(train_steps(tmp_path / "exact", settings(made), machine))
    assert json.loads((run / "environment.json").read_text())["precision"] == precision
    bundle = load_checkpoint(end.checkpoint, "cpu")
    assert bundle.config["provenance"]["precision"] == precision
    assert bundle.config["provenance"]["config"]["precision"] == precision
    assert all(bool(weight.isfinite().all()) for weight in bundle.model.parameters())
    assert end.metrics["validation_loss"] == pytest.approx(exact.metrics["validation_loss"], abs=0.02)
    assert (weights(run) == weights(tmp_path / "exact")) == (precision == "32-true")


def test_a_training_in_float16_that_was_stopped_ends_as_one_that_was_not(made, machine, tmp_path):
    config, epochs = settings(made, precision="16-mixed"), []
    drain(train_steps(tmp_path / "whole", config, machine))
    steps = train_steps(tmp_path / "run", config, machine, stop=lambda: len(epochs) >= 2)
    assert drain(steps, lambda step: epochs.append(step) if step.epoch else None).stopped
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    assert state["scaler"]["scale"] > 1
    drain(train_steps(tmp_path / "run", None, machine, resume=True))
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")


@pytest.fixture
def begun(made, machine, tmp_path):
    """The folder of a training that was stopped after its first epoch, in what "auto" is here."""
    epochs = []
    steps = train_steps(tmp_path / "run", settings(made), machine, stop=lambda: len(epochs) >= 1)
    assert drain(steps, lambda step: epochs.append(step) if step.epoch else None).stopped
    return tmp_path / "run"


def test_another_precision_is_refused_in_one_line(begun, made, machine, capsys):
    with pytest.raises(TrainingError, match="was begun with precision 'auto', not '16-mixed'"):
        drain(train_steps(begun, settings(made, precision="16-mixed"), machine, resume=True))
    assert main([*arguments(made, begun), "--resume", "--precision", "bf16-mixed"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_what_auto_was_is_kept_on_a_machine_where_it_would_be_another(begun, made, machine, monkeypatch):
    monkeypatch.setattr(Hardware, "precision", "bf16-mixed")
    expected = "was begun in 32-true and would go on in bf16-mixed; add --precision 32-true to go on as before"
    with pytest.raises(TrainingError, match=expected):
        drain(train_steps(begun, None, machine, resume=True))
    assert not drain(train_steps(begun, replace(settings(made), precision="32-true"), machine, resume=True)).stopped
    assert json.loads((begun / "environment.json").read_text())["precision"] == "32-true"


def test_a_precision_that_there_is_not_is_refused():
    with pytest.raises(SettingsError, match="precision must be one of auto, 32-true, bf16-mixed, 16-mixed"):
        train_config({"precision": "8-bit"})
