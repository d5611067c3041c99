"""Trainings in bfloat16, as on a GPU, forced on the CPU: what must stay in float32 does, and the figures agree."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from sec2sec.baselines import SYSTEMS
from sec2sec.checkpoints import load_checkpoint
from sec2sec.config import ModelConfig
from sec2sec.datasets.cache import TokenCache
from sec2sec.datasets.table import read_table
from sec2sec.features import MfccImage
from sec2sec.media import open_clip
from sec2sec.metrics import TrainingLabels, main_scores
from sec2sec.model import LSTM, AttentionLSTM, Model
from sec2sec.progress import drain
from sec2sec.training.batches import Clips, TokenSource
from sec2sec.training.hardware import Hardware
from sec2sec.training.losses import clip_loss
from sec2sec.training.module import TrainModule, predict
from sec2sec.training.run_folder import RunFolder
from sec2sec.training.setup import load_encoders, split_clips
from sec2sec.training.train import TrainingResult, train_steps
from tests.helpers.systems import built, tokens
from tests.helpers.trainings import CPU, settings

TARGETS = ("arousal", "calm")


@pytest.fixture
def mixed(monkeypatch):
    """Every training asks for bfloat16."""
    monkeypatch.setattr(Hardware, "precision", "bf16-mixed")


def trained(run: Path, made: Path, machine: Hardware, **other) -> TrainingResult:
    end = drain(train_steps(run, settings(made, **other), machine))
    assert not end.stopped
    return end


def validation_clips(run: Path, checkpoint: Path, machine: Hardware, made: Path) -> tuple[Clips, TokenSource]:
    """The validation split as the token cache holds it for the encoders of the checkpoint."""
    encoders, noted = load_encoders(checkpoint), RunFolder(run).read("data.json")
    cache = TokenCache(machine.cache, encoders)
    clips = split_clips(read_table(made / "data"), TARGETS, cache, noted["clips"])["validation"]
    return clips, TokenSource(clips, encoders.config)


def test_tuned_encoders_train_in_bfloat16(tmp_path, made, machine, mixed):
    end = trained(tmp_path / "run", made, machine, encoders="tuned", encoder_rate=1e-3, epochs=2)
    assert json.loads((tmp_path / "run" / "environment.json").read_text())["precision"] == "bf16-mixed"
    before, after = (load_checkpoint(folder, "cpu").encoders for folder in (made / "tiny", end.checkpoint))
    for part in ("video", "audio"):
        pairs = zip(getattr(before, part).parameters(), getattr(after, part).parameters(), strict=True)
        assert any(not torch.equal(one, other) for one, other in pairs), part
    assert all(bool(parameter.isfinite().all()) for parameter in after.parameters())


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("encoders", ["frozen", "tuned"])
def test_a_training_on_a_gpu_ends_with_a_checkpoint_whose_score_is_that_of_its_best_epoch(tmp_path, made, encoders):
    gpu = Hardware(tmp_path / "tokens", device="cuda", workers=0)
    end = trained(tmp_path / "run", made, gpu, encoders=encoders, encoder_rate=1e-3)
    figures = end.metrics["validation"]["targets"].values()
    mean = np.mean([target[target["gain"]["metric"]] for target in figures])
    assert end.metrics["validation_score"] == pytest.approx(mean, abs=2e-3)


def test_the_samples_that_reach_the_mfcc_are_float32_and_those_of_the_file(tmp_path, made, machine, mixed, monkeypatch):
    rows = read_table(made / "data").rows
    heard = {
        second.samples.tobytes()
        for row in rows
        for second in open_clip(row.path).seconds()
        if second.samples is not None
    }
    seen: list[Tensor] = []
    image = MfccImage.forward

    def watched(self: MfccImage, samples: Tensor) -> Tensor:
        seen.append(samples.detach().clone())
        return image(self, samples)

    monkeypatch.setattr(MfccImage, "forward", watched)
    trained(tmp_path / "run", made, machine, encoders="tuned", epochs=1)
    assert {samples.dtype for samples in seen} == {torch.float32}
    assert {second.numpy().tobytes() for samples in seen for second in samples} <= heard


def test_cached_tokens_reach_the_model_with_all_their_bits(tmp_path, made, machine, mixed, monkeypatch):
    encoders = load_encoders(made / "tiny")
    entered: list[Tensor] = []
    forward = TrainModule.forward

    def watched(self: TrainModule, batch, hide: float = 0.0):
        def note(_module, arguments) -> None:
            entered.append(arguments[0][batch.mask & batch.seen[:, None]])

        handle = self.model.register_forward_pre_hook(note)
        try:
            return forward(self, batch, hide)
        finally:
            handle.remove()

    monkeypatch.setattr(TrainModule, "forward", watched)
    trained(tmp_path / "run", made, machine, epochs=1)
    noted, cache = RunFolder(tmp_path / "run").read("data.json"), TokenCache(machine.cache, encoders)
    cached = [cache.read(sha256).video for sha256 in noted["clips"].values()]
    rows = {row.float().numpy().tobytes() for part in cached if part is not None for row in part}
    assert {part.dtype for part in entered} == {torch.float32}
    assert {row.numpy().tobytes() for part in entered for row in part} == rows


KINDS = [(name, "attention-lstm") for name in SYSTEMS]
KINDS += [(name, "lstm") for name, system in SYSTEMS.items() if system.recurrent]


@pytest.mark.parametrize(("name", "temporal"), KINDS)
def test_logits_and_attention_of_every_system_are_float32_in_a_bfloat16_training(name, temporal):
    model, (video, audio, mask) = built(name, temporal=temporal), tokens(name)
    for training in (True, False):
        model.train(training)
        with torch.autocast("cpu", torch.bfloat16):
            output = model(video, audio, mask, evidence=False)
        assert output.logits.dtype is torch.float32
        if output.second_weights is not None and SYSTEMS[name].recurrent:
            assert output.second_weights.dtype is torch.float32
    low = logits_of(model, (video, audio, mask), torch.bfloat16)
    assert not torch.equal(low, logits_of(model, (video, audio, mask), torch.float32)), "nothing ran in bfloat16"


def logits_of(model: Model, inputs: tuple[Tensor, Tensor, Tensor], dtype: torch.dtype) -> Tensor:
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=dtype != torch.float32):
        return model(*inputs, evidence=False).logits


@pytest.mark.parametrize("name", [name for name, system in SYSTEMS.items() if not system.recurrent])
def test_the_last_layer_of_a_system_without_an_lstm_multiplies_in_float32(name):
    model, inputs = built(name), tokens(name)
    entered: list[Tensor] = []
    model.predict.register_forward_pre_hook(lambda _, arguments: entered.append(arguments[0].detach()))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        logits = model(*inputs, evidence=False).logits
    expected = torch.nn.functional.linear(entered[0].float(), model.predict.weight, model.predict.bias)
    assert torch.equal(logits, expected)


@pytest.mark.parametrize("temporal", [LSTM, AttentionLSTM])
@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-6])
def test_gradients_of_the_lstm_are_those_of_float32_however_small_the_residuals(temporal, scale):
    torch.manual_seed(0)
    module = temporal(ModelConfig(("a", "b"), width=16, heads=2, hidden=16, dropout=0.0))
    joint, mask = torch.randn(4, 6, 16), torch.arange(6) < torch.tensor([6, 5, 3, 1])[:, None]
    gradients = []
    for enabled in (False, True):
        module.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            logits, _ = module(joint, mask)
        (scale * logits.sum()).backward()
        gradients.append([parameter.grad.clone() for parameter in module.parameters() if parameter.grad is not None])
    names = dict(module.named_parameters())
    assert len(gradients[0]) == len(names)
    assert names["lstm.weight_hh_l0"].grad.abs().max() > 0
    for whole, low in zip(*gradients, strict=True):
        assert torch.equal(whole, low)  # tolerance 0: the same kernels on the same numbers


@pytest.mark.parametrize(("encoders", "tolerance"), [("frozen", 1e-5), ("tuned", 1e-3)])
def test_the_score_that_chose_an_epoch_is_what_its_checkpoint_predicts_in_float32(
    tmp_path, made, machine, mixed, encoders, tolerance
):
    """tuned: but for the token cache, which rounds to float16, and the folded batch norms."""
    end = trained(tmp_path / "run", made, machine, encoders=encoders, encoder_rate=1e-3)
    best = max(
        map(json.loads, (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()),
        key=lambda report: (report["score"], -report["validation_loss"]),
    )
    source_of = end.checkpoint if encoders == "tuned" else made / "tiny"
    clips, source = validation_clips(tmp_path / "run", source_of, machine, made)
    bundle = load_checkpoint(end.checkpoint, "cpu")
    predictions = predict(TrainModule(bundle.model), source, 4, CPU)
    labels = {name: TrainingLabels(**target) for name, target in bundle.metrics["training"].items()}
    scores = main_scores(labels, predictions.probability, clips.labels.numpy())
    assert scores["calm"] == pytest.approx(best["scores"]["calm"], abs=tolerance)
    assert end.metrics["validation_score"] == pytest.approx(np.mean(list(scores.values())), abs=tolerance)
    total, count = clip_loss(torch.from_numpy(predictions.logits), clips.labels.double(), ("binary", "score"))
    assert float(total / count) == pytest.approx(best["validation_loss"], abs=tolerance)


def test_a_loss_first_computed_in_inference_mode_can_be_taken_backwards_later():
    kinds = ("binary", "score", "binary", "score", "score")  # of no other test: what is made once is made here
    labels = torch.rand(3, 5)
    with torch.inference_mode():
        clip_loss(torch.zeros(3, 5), labels, kinds)
    logits = torch.zeros(3, 5, requires_grad=True)
    clip_loss(logits, labels, kinds)[0].backward()
    assert logits.grad.abs().max() > 0
