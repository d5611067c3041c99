"""The sentence of a known-truth clip says what its figures say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sec2sec.explanations.results import Explanation
from sec2sec.viewer.payload import view_payload
from sec2sec.viewer.planted import planted_words
from tests.helpers import synthetic


def explained(attention: list[float] | None, effect: list[float], name: str = "arousal") -> Explanation:
    """An explanation of one target with these figures."""
    made = synthetic.explanation(seconds=len(effect), targets=(name,))
    target = made.targets[name]
    effects = (replace(target.effects[0], whole=np.array(effect)), *target.effects[1:])
    own = None if attention is None else np.array(attention)
    return replace(made, targets={name: replace(target, attention=own, effects=effects)})


def test_attention_that_looks_away_is_told_beside_what_counted() -> None:
    words = planted_words(explained([0.7, 0.2, 0.1], [0.0, 0.1, -0.3]), {"arousal": (2,)})
    assert words == "Planted: 2–3\u00a0s. The model looked most at 0–1\u00a0s. What really counted most: 2–3\u00a0s."


def test_several_planted_seconds_are_named_and_a_model_without_attention_looks_nowhere() -> None:
    words = planted_words(explained(None, [0.0, 0.1, 0.3]), {"arousal": (0, 1, 2)})
    assert words == "Planted: 0–1\u00a0s, 1–2\u00a0s and 2–3\u00a0s. What really counted most: 2–3\u00a0s."


def test_targets_that_say_the_same_share_a_sentence() -> None:
    both = synthetic.explanation(seconds=3, targets=("arousal", "valence"))
    target = explained([1, 0, 0], [0.2, 0, 0]).targets["arousal"]
    same = replace(both, targets={"arousal": target, "valence": target})
    assert planted_words(same, {"arousal": (0,), "valence": (0,)}).count("Planted") == 1
    other = explained([0, 0, 1], [0.2, 0, 0]).targets["arousal"]
    differ = replace(both, targets={"arousal": target, "valence": other})
    words = planted_words(differ, {"arousal": (0,), "valence": (0,)})
    assert words.startswith("Arousal: Planted: 0–1")
    assert "Valence: Planted: 0–1" in words


def test_nothing_is_said_of_a_clip_whose_truth_is_not_known() -> None:
    made = explained([1, 0, 0], [0.2, 0, 0])
    assert planted_words(made, {}) == ""
    assert planted_words(made, {"arousal": ()}) == ""


def test_payload_has_planted_seconds_of_shown_targets_alone() -> None:
    made = synthetic.explanation(seconds=3, targets=("arousal", "valence"))
    seen = synthetic.preview(made)
    payload = view_payload(made, seen, planted={"arousal": (1,), "hidden": (2,)})
    assert payload["planted"] == {"arousal": [1]}
    assert view_payload(made, seen)["planted"] == {}
