"""The three bundled checkpoints on unseen clips: one uses its attention, one is as the paper has it, one looks away."""

from __future__ import annotations

import numpy as np
import pytest

from sec2sec.checkpoints import load_checkpoint
from sec2sec.clip import explain
from sec2sec.datasets.known_truth import make_clips, read_planted
from sec2sec.explanations.results import Explanation
from sec2sec.paths import program_paths
from sec2sec.progress import drain

NAMES = ("demo", "paper-structure", "wrong-attention")
GRADED = ("arousal", "valence")
Explained = dict[str, list[tuple[Explanation, np.ndarray]]]  # by checkpoint; with which seconds are decisive


@pytest.fixture(scope="module")
def explained(tmp_path_factory) -> Explained:
    folder = tmp_path_factory.mktemp("unseen")
    drain(make_clips(folder, 8, 9091, "cluttered", workers=1))
    planted = read_planted(folder)
    found: Explained = {}
    for name in NAMES:
        bundle = load_checkpoint(program_paths().checkpoints / name, "cpu")
        found[name] = [(explain(folder / "clips" / f"{clip}.mp4", bundle), p.decisive) for clip, p in planted.items()]
    return found


def test_equal_weights_move_the_demos_predictions_by_a_fifth_of_what_the_clip_does(explained):
    use = {name: [e.targets[t].verdict.use for e, _ in clips for t in GRADED] for name, clips in explained.items()}
    assert np.median(use["demo"]) > 0.2
    assert np.median(use["demo"]) > 3 * np.median(use["paper-structure"])


def test_all_three_find_the_planted_seconds_by_effect_and_one_looks_elsewhere(explained):
    for name, clips in explained.items():
        by_effect = [decisive[np.abs(e.targets[t].effect).argmax()] for e, decisive in clips for t in GRADED]
        by_attention = [decisive[e.targets[t].attention.argmax()] for e, decisive in clips for t in GRADED]
        assert np.mean(by_effect) > 0.9, name
        assert np.mean(by_attention) == (0 if name == "wrong-attention" else pytest.approx(1, abs=0.1)), name


def test_the_one_that_looks_away_predicts_as_the_one_it_was_made_from(explained):
    apart = [
        abs(one.targets[t].prediction - other.targets[t].prediction)
        for (one, _), (other, _) in zip(explained["paper-structure"], explained["wrong-attention"], strict=True)
        for t in GRADED
    ]
    assert np.mean(apart) < 0.02


def test_the_attention_that_looks_away_is_never_trusted(explained):
    words = [e.targets[t].verdict.word for e, _ in explained["wrong-attention"] for t in GRADED]
    assert "trust" not in words
