"""Predictions on the scale on which people judged."""

from __future__ import annotations

import pytest

from sec2sec.explanations.sentences import prediction_words
from sec2sec.scales import Scale


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
