"""The lengths that a model learned from: counted at training, kept in the checkpoint, told where a clip has another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recipes import learned_lengths as recipe
from sec2sec.checkpoints import CheckpointError, load_checkpoint
from sec2sec.clip import EncodedClip
from sec2sec.explanations.out_of_distribution import clip_length
from sec2sec.explanations.sentences import answer
from sec2sec.lengths import KEY, LearnedLengths, learned_lengths, measure_lengths
from sec2sec.paths import program_paths
from tests.helpers.explaining import random_tokens, summary_of
from tests.helpers.models import save_tiny, tiny_bundle

LEARNED = measure_lengths([4] * 30 + [5] * 40 + [6] * 30)


def test_lengths_are_counted_and_come_back_from_the_metrics():
    assert LearnedLengths((4, 5, 6), (30, 40, 30)) == LEARNED
    assert (LEARNED.shortest, LEARNED.longest, LEARNED.count, LEARNED.window) == (4, 6, 100, 5)
    assert learned_lengths({KEY: LEARNED.as_json()}) == LEARNED
    assert learned_lengths({}) is None


@pytest.mark.parametrize(
    ("lengths", "window"), [([3], 3), ([3, 9], 3), ([3, 9, 9], 9), ([2, 2, 2, 30], 2), (range(2, 31), 16)]
)
def test_the_window_is_the_median_of_the_training_clips(lengths, window):
    assert measure_lengths(lengths).window == window


def test_a_length_is_covered_unless_nearly_all_training_clips_are_shorter_or_longer():
    assert [LEARNED.covers(s) for s in (3, 4, 5, 6, 7)] == [False, True, True, True, False]
    skewed = measure_lengths([5] * 995 + [60] * 5)
    assert [skewed.covers(s) for s in (5, 6, 60, 61)] == [True, False, False, False]
    assert (skewed.shorter(6), skewed.longer(6)) == (99.5, 0.5)


@pytest.mark.parametrize(
    "stored",
    [5, {}, {"seconds": [4]}, {"seconds": [4], "clips": []}, {"seconds": [], "clips": []},
     {"seconds": [5, 4], "clips": [1, 1]}, {"seconds": [0], "clips": [1]}, {"seconds": ["4"], "clips": [1]},
     {"seconds": [4.5], "clips": [1]}, {"seconds": 4, "clips": [1]}],
)  # fmt: skip
def test_what_cannot_be_lengths_is_refused_in_one_line(stored):
    with pytest.raises(CheckpointError, match=r"mine: learned_lengths in metrics.json .*delete the entry"):
        learned_lengths({KEY: stored}, "mine")


def test_older_checkpoints_have_the_lengths_that_their_mean_attention_counted():
    counted = {"arousal": {"from_start_clips": [100, 100, 100, 100, 70, 30]}}
    assert learned_lengths({"mean_attention": counted}) == LEARNED
    assert learned_lengths({"mean_attention": counted, "mean_attention_of": {"data": "other"}}) is None
    assert learned_lengths({"mean_attention": {"arousal": {}}}) is None


@pytest.mark.parametrize("name", ["demo", "paper-structure", "wrong-attention"])
def test_bundled_checkpoints_say_what_they_learned_from(name):
    bundle = load_checkpoint(program_paths().checkpoints / name, "cpu")
    lengths = learned_lengths(bundle.metrics)
    sets = [clips for clips in bundle.config["provenance"]["data"] if clips["name"].startswith("train")]
    assert KEY in bundle.metrics
    assert [lengths.shortest, lengths.longest] == sets[0]["lengths"]
    assert lengths.count == sum(clips["clips"] for clips in sets)


def test_the_recipe_adds_them_and_leaves_the_checkpoint_what_it_was(tmp_path, capsys):
    folder = save_tiny(tmp_path / "tiny")
    before = load_checkpoint(folder, "cpu")
    with pytest.raises(SystemExit):
        recipe.main([str(folder)])
    assert "--data" in capsys.readouterr().err
    (folder / "metrics.json").write_text(
        '{"mean_attention": {"a": {"from_start_clips": [100, 100, 100, 100, 70, 30]}}}'
    )
    recipe.main([str(folder)])
    after = load_checkpoint(folder, "cpu")
    assert after.metrics[KEY] == LEARNED.as_json()
    assert after.summary.sha256 == before.summary.sha256


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3, "3 s is shorter than all 100 clips that the model learned from (4–6 s)."), (5, ""), (6, ""),
     (7, "7 s is longer than all 100 clips that the model learned from (4–6 s).")],
)  # fmt: skip
def test_a_clip_outside_the_learned_lengths_is_flagged_with_the_figures(tmp_path, seconds, words):
    bundle = replace(tiny_bundle(tmp_path / "tiny"), metrics={KEY: LEARNED.as_json()})
    tokens = random_tokens(bundle.model, seconds)
    explanation = EncodedClip(bundle, tokens, summary_of(tokens)).explain()
    assert explanation.length.words == words
    assert answer(explanation, "arousal").text.endswith(words)
    grades = [w.grade for w in explanation.targets["arousal"].verdict.witnesses if w.name == "length"]
    assert grades == ["weak" if words else "holds"] * (seconds > 3)  # of three seconds nothing is judged
    if seconds <= LEARNED.longest:
        assert explanation.curve is None
    else:  # it is predicted in windows of what the model learned from as well
        assert (explanation.curve.window, explanation.curve.hop) == (5.0, 1.0)
        assert explanation.curve.starts.tolist() == [0.0, 1.0, 2.0]


def test_a_share_is_told_where_some_clips_were_as_long():
    words = clip_length(60, measure_lengths([5] * 995 + [60] * 5)).words
    assert words == "60 s is longer than 99.5 % of the 1000 clips that the model learned from (5–60 s)."


def test_a_checkpoint_that_does_not_say_flags_nothing(tmp_path):
    bundle = tiny_bundle(tmp_path / "tiny")
    tokens = random_tokens(bundle.model, 20)
    explanation = EncodedClip(bundle, tokens, summary_of(tokens)).explain()
    assert explanation.length is None
    assert explanation.curve is None
