"""Predictions on the scale on which people judged."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from sec2sec.explanations.results import Curve
from sec2sec.explanations.sentences import prediction_words
from sec2sec.export.curve import curve_csv, target_words
from sec2sec.scales import Scale
from sec2sec.ui.compare.payload import side_by_side_lanes
from sec2sec.viewer.curve import scale_ends
from tests.helpers.synthetic import explanation


def test_the_ends_and_the_middle_of_a_scale_are_those_of_a_prediction():
    scale = Scale("valence", 1, 7)
    assert [scale.value(p) for p in (0, 0.5, 1)] == [1, 4, 7]
    assert (scale.figure(0.531), scale.ends) == ("4.2", "1–7")


def test_a_sentence_has_peoples_scale_first_and_the_share_after():
    assert prediction_words("valence", 0.53, Scale("valence", 1, 7)) == (
        "Valence 4.2 on people's scale of 1 to 7, medium (0.53 of 0 to 1)."
    )
    assert prediction_words("valence", 0.53) == "Valence 0.53, medium."


@pytest.mark.parametrize("ends", [(7, 1), (1, 1), (float("nan"), 7), (1, float("inf"))])
def test_a_scale_that_runs_nowhere_is_refused(ends):
    with pytest.raises(ValueError, match="runs from"):
        Scale.read({"target": "valence", "lowest": ends[0], "highest": ends[1]})


def a_curve(values: list[float], name: str = "valence") -> Curve:
    figures = np.array(values)
    starts = np.arange(len(values), dtype=float)
    return Curve(4, 1, starts, starts + 4, {name: figures}, {name: np.stack([figures - 0.1, figures])})


def test_a_curve_is_told_on_peoples_scale():
    words = target_words(a_curve([0.0, 0.5, 1.0]), "valence", Scale("valence", 1, 7))
    assert words.startswith("1.0 to 7.0 on people's scale of 1 to 7, median 4.0: highest in 2–6 s")
    assert words.endswith("differ by 0.6 (median).")
    assert target_words(a_curve([0.0, 1.0]), "valence").startswith("0.00 to 1.00, median 0.50")


def test_the_table_of_a_curve_says_on_which_scale_its_figures_are():
    table = curve_csv(a_curve([0.0, 0.5]), ["valence"], [Scale("valence", 1, 7), Scale("other", 0, 3)])
    assert [(row["prediction"], row["scale"], row["on_scale"]) for row in csv.DictReader(table.splitlines())] == [
        ("0", "1–7", "1"),
        ("0.5", "1–7", "4"),
    ]
    (row,) = csv.DictReader(curve_csv(a_curve([0.5]), ["valence"]).splitlines())
    assert (row["scale"], row["on_scale"]) == ("0–1", "0.5")


def test_models_of_two_scales_each_keep_theirs_on_one_timeline():
    of_people = explanation(3, targets=("arousal",))
    of_people = replace(of_people, checkpoint=replace(of_people.checkpoint, scales=(Scale("arousal", 1, 7),)))
    joined = side_by_side_lanes([of_people, explanation(3, targets=("arousal",))], ["arousal"])
    assert [scale_ends(joined, name) for name in joined.targets] == [[1.0, 7.0], [0.0, 1.0]]
