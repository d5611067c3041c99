"""What a trial tells of sound and picture together, and the benchmark's table of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sec2sec.benchmark.collect import _together
from sec2sec.benchmark.tables import together_table
from sec2sec.benchmark.work import together_of
from sec2sec.datasets.known_truth import make_clips
from sec2sec.datasets.open import open_data
from sec2sec.encoders.tokens import Tokens
from sec2sec.evaluation.modalities import additive_from_others, pair_steps
from sec2sec.metrics import WEIGHTED
from sec2sec.progress import drain
from tests.helpers.models import tiny_bundle


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "data"
    drain(make_clips(folder, 8, 5, workers=1))
    return open_data(folder)


def tokens_of(table) -> list:
    torch.manual_seed(0)
    return [(row, Tokens(torch.randn(3, 72, 16), torch.randn(3, 32, 16))) for row in table.rows]


def test_a_trial_tells_the_score_of_the_pairs_and_of_their_parts(tmp_path, table):
    bundle, tested = tiny_bundle(tmp_path / "tiny"), tokens_of(table)
    told = together_of(bundle, table, tested)["together"]["arousal"]
    pairs = drain(pair_steps(bundle.model, [clip for _, clip in tested])).pairs[:, :, :1]
    label, once = np.array([row.targets["arousal"] for row, _ in tested]), np.ones((1, len(tested)))
    scores = [
        WEIGHTED["binary"](values, label, once)["auroc"][0]
        for values in (pairs[..., 0].diagonal(), additive_from_others(pairs)[:, 0])
    ]
    assert told["metric"] == "auroc"
    assert [told["own"], told["apart"]] == pytest.approx(scores, abs=1e-6)
    assert told["gain"] == pytest.approx(scores[0] - scores[1], abs=1e-6)


def test_a_system_of_one_modality_or_with_too_few_clips_tells_nothing(tmp_path, table):
    assert together_of(tiny_bundle(tmp_path / "deaf", attention="vision"), table, tokens_of(table)) == {}
    assert together_of(tiny_bundle(tmp_path / "both"), table, tokens_of(table)[:3]) == {}


def test_the_table_has_means_over_seeds_and_the_ends_of_the_difference():
    trials = [
        {"synchrony": {"metric": "auroc", "own": 0.9, "apart": 0.5, "gain": 0.4}},
        {"synchrony": {"metric": "auroc", "own": 1.0, "apart": 0.4, "gain": 0.6}},
    ]
    systems = [{"title": "Ours", "together": _together(trials)}, {"title": "Sound alone"}]
    shown = together_table({"systems": systems, "targets": {"synchrony": "binary"}})
    assert shown.head[1] == "synchrony, AUROC"
    assert shown.rows == [["Ours", "0.950", "0.450", "+0.500 (+0.400 to +0.600)"]]
    assert together_table({"systems": systems[1:], "targets": {"synchrony": "binary"}}) is None
