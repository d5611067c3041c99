"""Metrics against scikit-learn, and the stages on data whose answer is planted."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics
import torch

from recipes.stages import NEITHER, TokenData, check, embed, equal_loss, gather, lesson, teach_clips, teach_seconds
from sec2sec.config import ModelConfig
from sec2sec.metrics import TrainingLabels, measure, pointing
from sec2sec.model import Sec2Sec

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("seed", range(3))
def test_metrics_equal_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    scores, label = rng.random(200), (rng.random(200) < 0.3).astype(float)
    found = measure(TrainingLabels("binary", 0, 0.4, 0.0), scores, label)
    said = scores > 0.5
    assert found["accuracy"] == pytest.approx(sklearn.metrics.accuracy_score(label, said), abs=1e-6)
    assert found["f1"] == pytest.approx(sklearn.metrics.f1_score(label, said), abs=1e-6)
    assert found["balanced_accuracy"] == pytest.approx(sklearn.metrics.balanced_accuracy_score(label, said), abs=1e-6)
    assert found["macro_f1"] == pytest.approx(sklearn.metrics.f1_score(label, said, average="macro"), abs=1e-6)
    assert found["auroc"] == pytest.approx(sklearn.metrics.roc_auc_score(label, scores), abs=1e-6)
    assert found["trivial"]["majority"]["accuracy"] == pytest.approx(1 - label.mean(), abs=1e-6)
    always = found["trivial"]["always_positive"]
    assert always["f1"] == pytest.approx(sklearn.metrics.f1_score(label, np.ones(200)), abs=1e-6)
    assert always["balanced_accuracy"] == pytest.approx(0.5, abs=1e-6)


def test_one_class_has_no_auroc_and_the_majority_comes_from_the_training_labels():
    found = measure(TrainingLabels("binary", 0, 0.2, 0.0), np.array([0.2, 0.8]), np.array([1.0, 1.0]))
    assert found["auroc"] is None
    assert found["trivial"]["majority"]["accuracy"] == 0


def test_pointing_asks_for_the_highest_second():
    assert pointing(np.array([0.1, 0.9, 0.3]), np.array([False, True, False]))
    assert not pointing(np.array([0.1, 0.9, 0.3]), np.array([True, False, True]))


def test_pointing_of_a_constant_is_chance_and_of_a_tie_its_share():
    decisive = np.array([True, False, False, True, False])
    for same in (0.0, 0.2):
        assert pointing(np.full(5, same), decisive) == pytest.approx(decisive.mean())
        assert pointing(np.full(5, same)[::-1], decisive[::-1]) == pytest.approx(decisive.mean())
    assert pointing(np.array([0.1, 0.4, 0.1, 0.4, 0.0]), decisive) == 0.5
    assert pointing(np.array([0.2, 0.2, 0.2, 0.2, 0.2001]), decisive) == 0


def planted(clips: int = 48, seconds: int = 3) -> TokenData:
    """The first channel of one random second carries the target: +3 or −3 in all of its visual tokens."""
    torch.manual_seed(0)
    count = clips * seconds
    video, audio = 0.3 * torch.randn(count, 4, 6), 0.3 * torch.randn(count, 4, 6)
    label = torch.arange(clips) % 2
    where = torch.arange(clips) * seconds + torch.randint(seconds, (clips,))
    video[where, :, 0] += (6.0 * label - 3.0)[:, None]
    evidence = torch.zeros(count, 2)
    evidence[where, 0] = 2.0 * label - 1
    synchrony = torch.full((count,), torch.nan)
    synchrony[where] = label.float()
    soft = torch.stack([label.float(), torch.full((clips,), 0.5)], 1)
    soft[::5, 1] = torch.nan
    first = torch.arange(clips) * seconds
    return TokenData(video.half(), audio.half(), first, torch.full((clips,), seconds), soft, evidence, synchrony)


def small() -> Sec2Sec:
    torch.manual_seed(0)
    return Sec2Sec(ModelConfig(("a", "b"), input_width=6, width=16, heads=2, hidden=16), (2, 1, 2), (2, 2))


def test_seconds_and_then_clips_are_learned_and_the_best_weights_are_kept():
    model, data = small(), planted()
    reports = list(teach_seconds(model, data, epochs=10, batch=24, rate=3e-3, seed=0))
    assert reports[-1]["synchrony"] > 0.9
    reports = list(teach_clips(model, data, data, epochs=12, batch=16, rate=3e-3, seed=0))
    assert max(report["a"] for report in reports) > 0.95
    best = min(report["validation_loss"] for report in reports)
    assert check(model.temporal, embed(model, data))[0] == pytest.approx(best, abs=1e-3)


def test_the_same_seed_gives_the_same_weights():
    first, second = small(), small()
    for model in (first, second):
        list(teach_clips(model, planted(), planted(), epochs=2, batch=16, rate=1e-3, seed=5))
    for one, other in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_clips_of_different_lengths_are_padded_and_masked():
    data = planted(clips=2, seconds=3)
    shorter = TokenData(**{**vars(data), "length": torch.tensor([3, 2])})
    video, _audio, mask = gather(shorter, torch.tensor([1, 0]))
    assert mask.tolist() == [[True, True, False], [True, True, True]]
    assert torch.equal(video[0, :2], data.video[3:5].float())
    assert torch.equal(video[1], data.video[:3].float())


def test_embeddings_are_what_co_attention_makes_of_each_second_with_and_without_its_modalities():
    model, data = small().eval(), planted(clips=2)
    joint = embed(model, data, batch=4).joint
    with torch.no_grad():
        for s in range(len(data.video)):
            video, audio = data.video[s : s + 1].float(), data.audio[s : s + 1].float()
            means = model.reference_video[None], model.reference_audio[None]
            pairs = [(video, audio), (means[0], audio), (video, means[1]), means]
            for kind, (seen, heard) in enumerate(pairs):
                torch.testing.assert_close(joint[kind, s], model.encode_second(seen, heard)[0][0])


def test_where_seconds_are_taken_away_the_target_is_what_remains():
    model, data = small().eval(), planted(clips=40, seconds=5)
    embedded, seen = embed(model, data), 0
    joint, soft, mask = lesson(embedded, torch.arange(40), torch.Generator().manual_seed(1))
    for b in range(40):
        here = slice(b * 5, b * 5 + 5)
        taken = [bool((joint[b, t] == embedded.joint[NEITHER, 0]).all()) for t in range(5)]
        left = sum(float(data.evidence[here][t, 0]) for t in range(5) if not taken[t])
        expected = 1 / (1 + np.exp(-1.5 * left)) if any(taken) else float(data.soft[b, 0])
        assert float(soft[b, 0]) == pytest.approx(expected, abs=1e-6)
        assert bool(soft[b, 1].isnan()) == bool(data.soft[b, 1].isnan())
        seen += any(taken)
    assert 8 < seen < 25  # of half of the clips
    assert mask.all()


def test_equal_weights_are_pushed_to_the_middle_in_clips_with_decisive_seconds_alone():
    temporal = small().temporal.eval()
    joint, mask = torch.randn(3, 4, 16), torch.tensor([[True] * 4, [True] * 4, [True, True, False, False]])
    decisive = torch.tensor([True, False, True])
    with torch.no_grad():
        states = temporal.lstm(joint)[0]
        found = equal_loss(temporal, states, mask, decisive)
        logits = [
            temporal.decide(states[b : b + 1, :n], torch.full((1, 2, n), 1 / n), mask[b : b + 1, :n])
            for b, n in ((0, 4), (2, 2))
        ]
    torch.testing.assert_close(found, torch.cat(logits).square().mean())


def test_a_clip_is_decisive_where_a_second_says_more_than_neutral_ones_may():
    data = planted(clips=3)
    data.evidence[:3] = 0.06
    assert embed(small().eval(), data).decisive(torch.arange(3)).tolist() == [False, True, True]
