"""The baseline, "every second at the training mean", at every length."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sec2sec import DEMO, load
from sec2sec.evaluation.baseline import baseline_drift, baselines
from tests.helpers.models import tiny_bundle

MAX_DRIFT = 0.03  # from 1 to 60 s


def test_the_baseline_is_what_the_model_predicts_of_average_seconds_and_drift_its_largest_difference(tmp_path):
    bundle = tiny_bundle(tmp_path / "tiny")
    lengths = (1, 2, 5, 9)
    expected = []
    for length in lengths:
        video, audio = (torch.stack([mean] * length) for mean in (one[0] for one in bundle.model.references(1)))
        with torch.no_grad():
            logits = bundle.model(video[None], audio[None], torch.ones(1, length, dtype=torch.bool)).logits
        expected.append(logits.sigmoid()[0].numpy())
    found = baselines(bundle, lengths)
    for k, name in enumerate(bundle.model.config.targets):
        np.testing.assert_allclose(found[name], [row[k] for row in expected], atol=1e-5)
    drift = baseline_drift(bundle, lengths)
    assert set(drift) == {"arousal", "valence"}, "a diagnostic has no truth outside of generated clips"
    for k, name in enumerate(("arousal", "valence")):
        furthest = max(abs(row[k] - expected[0][k]) for row in expected)
        assert drift[name] == pytest.approx(furthest, abs=1e-5)


def test_the_bundled_baseline_is_the_same_from_one_second_to_sixty():
    drift = baseline_drift(load(DEMO, "cpu"), (1, 2, 3, 5, 8, 12, 20, 30, 45, 60))
    assert {name: value for name, value in drift.items() if value > MAX_DRIFT} == {}
