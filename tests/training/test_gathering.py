"""Processes that work together: they predict every clip once, and train also where one has nothing to see."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from sec2sec.config import ModelConfig
from sec2sec.model import Sec2Sec
from sec2sec.training.batches import TokenSource, batches_of
from sec2sec.training.module import TrainModule, predict
from tests.helpers.datasets import planted_tokens
from tests.helpers.trainings import ROOT, flags

CPU = torch.device("cpu")
CLIPS, BATCH = 5, 2  # of two processes, one is a clip short: it repeats one


def source_and_model(folder: Path) -> tuple[TokenSource, TrainModule]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = Sec2Sec(ModelConfig(("a", "b"), input_width=6, width=16, heads=2, hidden=16), (2, 1, 2), (2, 2))
    return TokenSource(*planted_tokens(folder, CLIPS)), TrainModule(model)


def predict_together(fabric: Fabric, folder: Path) -> None:
    """One process of two; each keeps what it was given."""
    source, trainee = source_and_model(folder / f"tokens{fabric.global_rank}")
    found = predict(trainee, source, BATCH, CPU, fabric)
    attention = {f"w{i}": weights for i, weights in enumerate(found.attention)}
    np.savez(folder / f"{fabric.global_rank}.npz", logits=found.logits, **attention)
    torch.distributed.destroy_process_group()


def test_two_processes_gather_what_one_predicts_and_repetitions_are_dropped(tmp_path):
    source, trainee = source_and_model(tmp_path / "alone")
    shares = [batches_of(source.clips.seconds, BATCH, seed=None, rank=rank, processes=2) for rank in (0, 1)]
    assert sum(index < 0 for share in shares for batch in share for index in batch) == 1  # else nothing is dropped
    Fabric(accelerator="cpu", devices=2, strategy="ddp_spawn").launch(predict_together, tmp_path)
    alone = predict(trainee, source, BATCH, CPU)
    for rank in (0, 1):
        with np.load(tmp_path / f"{rank}.npz") as found:
            assert found["logits"] == pytest.approx(alone.logits, abs=1e-6)
            assert [len(found[f"w{i}"][0]) for i in range(CLIPS)] == source.clips.seconds.tolist()
            for i, weights in enumerate(alone.attention):
                assert found[f"w{i}"] == pytest.approx(weights, abs=1e-6)


def test_two_processes_tune_encoders_where_a_batch_of_one_of_them_has_no_picture_or_no_sound(tmp_path, made):
    """One clip a batch: the one without picture leaves its process's visual encoder without a gradient, for which the
    other process would wait for ever."""
    call = [*flags(made, tmp_path / "run", encoders="tuned", batch=1, epochs=2), "--devices", "2"]
    with subprocess.Popen(
        call, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            _, said = process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            pytest.fail("the two processes wait for each other")
    assert process.returncode == 0, said[-2000:]
    reports = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [report["epoch"] for report in reports] == [1, 2]
