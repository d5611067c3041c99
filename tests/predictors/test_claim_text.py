"""What a model says in words becomes claims: times, and the modality where the words speak of one alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sec2sec.predictors.answers import read_answer
from sec2sec.predictors.claim_text import claims_from_text, times_of

ANSWERS = json.loads((Path(__file__).parent / "answers_in_words.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("answer", ANSWERS, ids=[answer["says"][:40] for answer in ANSWERS])
def test_an_answer_in_words_becomes_its_claims(answer):
    keys = claims_from_text({"arousal": answer["says"]})
    assert keys.get("claims", {}).get("arousal", []) == answer["claims"]
    assert keys.get("modality", {}).get("arousal") == answer["modality"]
    claims = read_answer({"arousal": 0.5} | keys, "a model").claims
    assert ("arousal" in claims) == bool(keys)


def test_each_target_has_its_own_words():
    keys = claims_from_text(
        {"arousal": "00:12–00:14, her voice breaks", "valence": "no reason", "dominance": "the face"}
    )
    assert keys == {
        "claims": {"arousal": [[12.0, 14.0]]},
        "modality": {"arousal": "audio", "dominance": "video"},
    }


@pytest.mark.parametrize(
    "text", ["20 to 30 years", "a ratio of 16:9", "5 stars", "v1.2.3", "in 2024", "the 3 people", "100 %"]
)
def test_other_numbers_are_no_times(text):
    assert times_of(text) == []


def test_a_time_that_stands_twice_is_one_claim():
    assert times_of("At 0:07 a door slams. The slam (0:07) is loud.") == [(7.0, 8.0)]
