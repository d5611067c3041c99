"""The pointing game of a trial: what needs no model stands beside the explanations of every system."""

from __future__ import annotations

import numpy as np

from sec2sec.benchmark.tables import pointing_table
from sec2sec.benchmark.work import pointing_of
from sec2sec.datasets.known_truth import make_clips, read_planted
from sec2sec.datasets.open import open_data
from sec2sec.evaluation.yardsticks import measure_cues, yardstick_scores
from sec2sec.explanations.results import Occlusion
from sec2sec.media import open_clip
from sec2sec.metrics import pointing
from sec2sec.progress import drain
from tests.helpers.models import tiny_bundle


def test_a_trial_has_the_yardsticks_of_its_test_clips_and_the_table_shows_them(tmp_path):
    drain(make_clips(tmp_path / "data", 2, 79, workers=1))
    table, planted = open_data(tmp_path / "data"), read_planted(tmp_path / "data")
    predicted, hits = [], []
    for row in table.rows:
        decisive = planted[row.id].decisive
        effect = np.tile(decisive.astype(float), (3, 1))  # an explanation that is always right
        predicted.append((row, Occlusion(effect[:, 0], effect[:, 0], None, effect, effect, effect)))
        seconds = list(open_clip(row.path).seconds())
        hits.append(pointing(yardstick_scores(len(seconds), measure_cues(seconds))["odd one out"], decisive))
    measured = pointing_of(tiny_bundle(tmp_path / "tiny"), table, predicted)
    assert measured["pointing"]["occlusion"] == 1
    assert measured["pointing"]["odd one out"] == np.mean(hits)
    system = {"title": "Tiny", **measured}
    shown = pointing_table({"systems": [system], "targets": {"arousal": "binary"}})
    cells = dict(zip(shown.head, shown.rows[0], strict=True))
    assert cells["odd one out, all targets"] == f"{np.mean(hits):.3f}"
    assert cells["occlusion, arousal"] == "1.000"
    assert "odd one out, arousal" not in cells, "no target makes a difference to it"
