"""What a model owes to sound and picture together: EMAP against a least-squares fit, and planted answers found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression
from torch import Tensor

from sec2sec.cli.evaluate import MIN_PAIRED
from sec2sec.config import ModelConfig
from sec2sec.datasets.table import Row
from sec2sec.encoders.tokens import Tokens
from sec2sec.evaluation.document import as_fragment, as_latex, as_text
from sec2sec.evaluation.modalities import (
    ADDITIVE,
    BOTH,
    FROM_OTHERS,
    MIN_CLIPS,
    OTHER_PICTURE,
    OTHER_SOUND,
    PICTURE,
    SOUND,
    PairedLogits,
    additive_from_others,
    best_additive,
    draw_clips,
    modalities_report,
    pair_steps,
    shuffled_partners,
)
from sec2sec.metrics import TrainingLabels
from sec2sec.model import Model, Output
from sec2sec.paths import program_paths
from sec2sec.progress import drain
from tests.helpers.commands import run
from tests.helpers.models import ENCODER, save_tiny, tiny_bundle


def dummies(count: int) -> np.ndarray:
    """(N², 2 N): which sound and which picture each pair has, sounds in rows."""
    sound, picture = np.divmod(np.arange(count * count), count)
    return np.concatenate([np.eye(count)[sound], np.eye(count)[picture]], 1)


def fitted(pairs: np.ndarray) -> np.ndarray:
    """The additive prediction of each clip's own pair, by a linear regression on all pairs."""
    count = len(pairs)
    columns = dummies(count)
    model = LinearRegression().fit(columns, pairs.reshape(count * count, -1))
    return model.predict(columns)[np.arange(count) * (count + 1)]


@pytest.mark.parametrize("count", [3, 4, 17])
def test_emap_is_the_additive_fit_of_a_linear_regression(count):
    pairs = np.random.default_rng(count).normal(size=(count, count, 2))
    np.testing.assert_allclose(best_additive(pairs), fitted(pairs), atol=1e-9)


@pytest.mark.parametrize("count", [4, 9])
def test_partners_from_the_other_half_know_nothing_of_the_own_pair_or_half(count):
    pairs = np.random.default_rng(count).normal(size=(count, count, 1))
    before, moved = additive_from_others(pairs), pairs.copy()
    moved[np.arange(count), np.arange(count)] += 100.0  # the own pairs: of the other half they are in the mean of all
    change = additive_from_others(moved) - before
    assert len(np.unique(change.round(9))) <= 2, "a half moves as one, so that no order within it changes"


def test_an_additive_model_loses_nothing():
    rng = np.random.default_rng(0)
    pairs = rng.normal(size=(9, 1, 2)) + rng.normal(size=(1, 9, 2))
    own = pairs[np.arange(9), np.arange(9)]
    np.testing.assert_allclose(best_additive(pairs), own, atol=1e-12)
    np.testing.assert_allclose(additive_from_others(pairs), own, atol=1e-12)


def rows_of(labels: np.ndarray) -> list[Row]:
    return [Row(f"c{i}", Path(f"c{i}.mp4"), {"match": float(y)}, "test", f"g{i}") for i, y in enumerate(labels)]


def report_of(logits: PairedLogits, labels: np.ndarray) -> dict:
    training = {"match": TrainingLabels.of("binary", labels)}
    return modalities_report(logits, rows_of(labels), training, ["match"], {}, len(labels))["targets"]["match"]


def test_a_model_that_only_compares_sound_with_picture_falls_to_chance():
    sound, picture = np.repeat([0, 0, 1, 1], 25), np.tile([0, 1, 0, 1], 25)
    pairs = np.where(sound[:, None] == picture[None], 3.0, -3.0)[..., None]
    alone = np.zeros((100, 1))
    report = report_of(PairedLogits(pairs, alone, alone), (sound == picture).astype(float))
    assert report["rows"][BOTH]["auroc"] == 1
    for name in (FROM_OTHERS, SOUND, PICTURE, OTHER_PICTURE, OTHER_SOUND):
        assert report["rows"][name]["auroc"] == pytest.approx(0.5, abs=0.1), name
    assert report["rows"][ADDITIVE]["auroc"] == pytest.approx(0.5, abs=0.02)
    assert report["together"]["value"] == pytest.approx(0.5, abs=0.1)
    assert report["together"]["interval"][0] > 0.3


def test_what_emap_keeps_of_a_clips_own_pair_is_not_there_with_partners_from_the_other_half():
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat([0.0, 1.0], 20))
    pairs = 0.1 * rng.normal(size=(40, 40, 1))  # with another clip's partner the model says nothing
    pairs[np.arange(40), np.arange(40), 0] = 6 * labels - 3
    rows = report_of(PairedLogits(pairs, np.zeros((40, 1)), np.zeros((40, 1))), labels)["rows"]
    assert rows[ADDITIVE]["auroc"] > 0.95
    assert rows[FROM_OTHERS]["auroc"] == pytest.approx(0.5, abs=0.15)


def test_a_model_of_sound_alone_owes_nothing_to_the_picture():
    rng = np.random.default_rng(1)
    heard = rng.normal(size=(40, 1))
    labels = (heard[:, 0] + rng.normal(size=40) > 0).astype(float)
    pairs = np.repeat(heard[:, None], 40, axis=1)
    report = report_of(PairedLogits(pairs, heard, np.zeros((40, 1))), labels)
    rows = report["rows"]
    assert rows[BOTH]["auroc"] == rows[FROM_OTHERS]["auroc"] == rows[SOUND]["auroc"] == rows[OTHER_PICTURE]["auroc"]
    assert rows[OTHER_SOUND]["auroc"] < rows[BOTH]["auroc"] - 0.1
    assert rows[PICTURE]["auroc"] == 0.5
    assert report["together"] == {"metric": "auroc", "over": FROM_OTHERS, "value": 0.0, "interval": [0.0, 0.0]}


@pytest.mark.parametrize("count", [3, 10, 17, 64])
def test_no_clip_is_its_own_partner_and_none_has_the_same_twice(count):
    own, other = shuffled_partners(count)
    assert (own != other).all()
    assert len(set(zip(own, other, strict=True))) == len(own) == count * min(16, count - 1)


def test_clips_are_drawn_alike_each_time_and_keep_their_order():
    rows = rows_of(np.arange(50))
    drawn = draw_clips(rows, 10)
    assert drawn == draw_clips(rows, 10)
    assert len(drawn) == 10
    assert [rows.index(row) for row in drawn] == sorted(rows.index(row) for row in drawn)
    assert draw_clips(rows, 50) == rows


@pytest.mark.parametrize("attention", ["SA-CA", "SA-SA"])
def test_pairs_are_what_the_model_says_of_each_pair_by_itself(tmp_path, attention):
    bundle = tiny_bundle(tmp_path / attention, attention=attention)
    torch.manual_seed(2)
    clips = [Tokens(torch.randn(t, 72, 16), torch.randn(t, 32, 16)) for t in (2, 5, 3)]
    assert clips[0].video.shape[1:] == (np.prod(ENCODER.video_grid), 16)
    logits = drain(pair_steps(bundle.model, clips))
    for i, sound in enumerate(clips):
        for j, picture in enumerate(clips):
            seconds = max(sound.seconds, picture.seconds)
            video, audio = bundle.model.references(seconds)
            video, audio = video.clone(), audio.clone()
            video[: picture.seconds], audio[: sound.seconds] = picture.video, sound.audio
            with torch.inference_mode():
                alone = bundle.model(video[None], audio[None], torch.ones(1, seconds, dtype=torch.bool)).logits[0]
            np.testing.assert_allclose(logits.pairs[i, j], alone.numpy(), atol=1e-5)
    video, _ = bundle.model.references(5)
    with torch.inference_mode():
        deaf = bundle.model(video[None], clips[1].audio[None], torch.ones(1, 5, dtype=torch.bool)).logits[0]
    np.testing.assert_allclose(logits.sound[1], deaf.numpy(), atol=1e-5)


class Additive(Model):
    """The mean of the sound plus the sum over seconds of the picture, both less what stands for nothing."""

    def forward(self, video: Tensor, audio: Tensor, mask: Tensor, evidence: bool = True) -> Output:
        of_video = ((video - self.reference_video).mean((2, 3)) * mask).sum(1)
        of_audio = ((audio - self.reference_audio).mean((2, 3)) * mask).sum(1)
        return Output((of_video + 2 * of_audio)[:, None], None, None, None, None)


def test_clips_of_several_lengths_cost_an_additive_model_nothing():
    model = Additive(ModelConfig(("a",), width=4), (2, 1, 1), (1, 2), channels=(4, 4))
    torch.manual_seed(0)
    model.reference_video.normal_()
    clips = [Tokens(torch.randn(t, 2, 4), torch.randn(t, 2, 4)) for t in (1, 4, 9, 30)]
    pairs = drain(pair_steps(model, clips)).pairs
    own = pairs[np.arange(4), np.arange(4)]
    np.testing.assert_allclose(additive_from_others(pairs), own, atol=1e-5)


def test_the_bundled_demo_needs_both_for_synchrony_and_for_nothing_else(tmp_path):
    done = run("evaluate", "--data", program_paths().known_truth, "--modalities", "--json", tmp_path / "e.json")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "e.json").read_text())
    targets = report["modalities"]["targets"]
    assert report["modalities"]["clips"] == 24
    assert targets["synchrony"]["together"]["interval"][0] > 0.05
    assert targets["synchrony"]["rows"][FROM_OTHERS]["accuracy"] <= 0.6
    for name in ("arousal", "valence"):
        assert targets[name]["together"]["value"] <= 0.05
        assert targets[name]["rows"][FROM_OTHERS]["auroc"] >= 0.95
    for written in (done.stdout, as_text(report), as_fragment(report, []), as_latex(report)):
        assert "best additive, from other clips" in written
    assert "synchrony: the model needs sound and picture together (AUROC +" in done.stdout
    assert "arousal: nothing shows that it needs sound and picture together" in done.stdout


def test_a_model_of_one_modality_has_nothing_to_pair_and_says_so(tmp_path):
    save_tiny(tmp_path / "deaf", attention="vision")
    done = run("evaluate", "--checkpoint", tmp_path / "deaf", "--data", program_paths().known_truth, "--modalities")
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "reads the picture alone, so that there are no pairs to measure; take a model of sound and picture" in line


@pytest.mark.parametrize("count", ["3", "-1", "many"])
def test_a_number_of_clips_that_cannot_be_paired_is_refused_in_one_line(count):
    done = run("evaluate", "--data", program_paths().known_truth, "--modalities", count)
    assert done.returncode == 2
    assert "--modalities" in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert MIN_PAIRED == MIN_CLIPS
