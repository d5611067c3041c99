"""Further witnesses say what they measured, and speak against the attention from their thresholds on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import pearsonr

from sec2sec.explanations.effects import RANDOM_SECONDS, SIMILAR_SECONDS
from sec2sec.explanations.out_of_distribution import clip_length
from sec2sec.explanations.randomisation import HARDLY_CHANGES
from sec2sec.explanations.results import OutOfDistribution, SecondEffects, Stability
from sec2sec.explanations.stability import with_stability
from sec2sec.explanations.verdict import with_witnesses
from sec2sec.explanations.witnesses import (
    MAX_UNKNOWN_SHARE,
    familiarity_witness,
    further_witnesses,
    learning_witness,
    length_witness,
    reference_witnesses,
    stability_witnesses,
)
from sec2sec.lengths import measure_lengths
from tests.helpers import synthetic


def test_attention_that_random_weights_give_as_well_was_not_learned():
    below = HARDLY_CHANGES - 0.01
    assert learning_witness(HARDLY_CHANGES, 0.0).grade == "weak"
    assert learning_witness(below, below).grade == "holds"
    assert learning_witness(-0.43, 0.72).words == (
        "with random weights the attention has a rank correlation of −0.43 with this one, and the effects have one of "
        "0.72 with these"
    )


def test_effects_that_random_weights_give_as_well_make_no_attention_trusted():
    assert learning_witness(0.0, HARDLY_CHANGES).grade == "weak"
    unmeasured = learning_witness(0.0, float("nan"))
    assert unmeasured.grade == "holds"
    assert "effects" not in unmeasured.words


@pytest.mark.parametrize(("unknown", "grade"), [([], "holds"), ([0], "holds"), ([1], "weak"), ([0, 1], "weak")])
def test_unknown_seconds_speak_against_the_attention_where_most_of_the_effect_is_theirs(unknown, grade):
    """A second that is unknown in two ways counts once."""
    unlike = [OutOfDistribution(second, kind, "", 0.0) for second in unknown for kind in ("silent", "unlike")]
    effect = np.array([0.2, -0.7, 0.1])
    witness = familiarity_witness(effect, unlike)
    assert MAX_UNKNOWN_SHARE == 0.5
    assert witness.grade == grade
    assert witness.words.startswith(f"{len(unknown)} of 3 seconds")


def against(reference: str, whole: np.ndarray) -> SecondEffects:
    unknown = np.full_like(whole, np.nan)
    return SecondEffects(reference, whole, unknown, unknown, unknown)


def test_effects_must_hold_when_real_training_seconds_stand_in_each_place():
    rng = np.random.default_rng(0)
    own, noise = rng.normal(size=(2, 12))
    own -= own.mean()
    noise -= noise.mean()
    noise -= own * (noise @ own) / (own @ own)  # no correlation with it
    noise *= np.linalg.norm(own) / np.linalg.norm(noise)
    effects = [against("training mean", own), against("neighbouring second", -own)]
    assert list(reference_witnesses(effects)) == [], "the neighbour is another question"
    shifted = against(RANDOM_SECONDS, 3 * own - 7)  # another reference adds nearly the same to every effect
    (witness,) = reference_witnesses([*effects, shifted])
    assert (witness.grade, witness.name) == ("holds", "reference")
    assert "r = 1.00 (random)" in witness.words
    for r, grade in ((0.51, "holds"), (0.49, "weak"), (-0.8, "weak")):
        planted = against(SIMILAR_SECONDS, r * own + np.sqrt(1 - r**2) * noise)
        assert pearsonr(own, planted.whole).statistic == pytest.approx(r)
        (witness,) = reference_witnesses([*effects, shifted, planted])
        assert witness.grade == grade
        assert f"1.00 (random) and {r:.2f}".replace("-", "−") in witness.words
    constant = against(RANDOM_SECONDS, np.full(12, 0.1))
    assert list(reference_witnesses([*effects, constant])) == [], "nothing to correlate with"


def test_effects_that_do_not_hold_turn_trust_into_careful_and_say_so():
    made = synthetic.explanation(targets=("arousal",)).targets["arousal"]
    assert made.verdict.word == "trust"
    (witness,) = reference_witnesses([*made.effects, against(RANDOM_SECONDS, -made.effect)])
    changed = with_witnesses(made.verdict, [witness])
    assert changed.word == "careful"
    assert (
        "against real training seconds the effects agree with r = −1.00 (random); at least 0.5 is asked."
        in changed.sentence
    )
    assert changed.reasons[0].startswith("Reference is weak: against real training seconds")


def test_a_clip_longer_than_any_of_the_training_is_told():
    learned = measure_lengths([8] * 50 + [12] * 50)
    for seconds, grade in ((8, "holds"), (10, "holds"), (12, "holds"), (13, "weak"), (7, "weak")):
        witness = length_witness(clip_length(seconds, learned))
        assert witness.grade == grade
        assert witness.words == f"the clip has {seconds} s, and the clips that the model learned from have 8–12 s"


def band(lowest: float) -> Stability:
    attention = np.array([0.1, lowest, 0.1, 0.1])
    return Stability("cuts shifted by ±0.25 and ±0.5 s", attention, attention, attention, attention, 0.5, 0.5)


def test_the_most_attended_second_must_stay_above_an_equal_share():
    attention = np.array([0.1, 0.7, 0.1, 0.1])
    assert [w.grade for w in stability_witnesses(attention, [band(0.3), band(0.25)])] == ["holds", "weak"]
    assert "(1–2 s)" in next(stability_witnesses(attention, [band(0.3)])).words
    assert "(5–6 s)" in next(stability_witnesses(attention, [band(0.3)], 4.0)).words  # of a part of a file
    assert list(stability_witnesses(None, [band(0.3)])) == []


def test_only_what_was_measured_is_a_witness():
    target = synthetic.explanation().targets["arousal"]
    length = clip_length(5, measure_lengths([4, 5]))
    names = [witness.name for witness in further_witnesses(target, [], length)]
    assert names == ["learning", "familiarity", "length"]
    assert list(further_witnesses(replace(target, randomisation=None), None, None)) == []


def test_stability_that_was_measured_later_enters_the_verdict():
    made = synthetic.explanation(targets=("arousal",))
    target = made.targets["arousal"]
    nothing = np.zeros(made.clip.seconds)
    shaky = Stability("3 seeds", nothing, nothing, nothing, nothing, 0.1, 0.9)
    after = with_stability(made, {"arousal": (shaky,)}).targets["arousal"]
    assert target.verdict.word == "trust"
    assert after.verdict.word == "careful"
    assert "over 3 seeds" in after.verdict.sentence
    assert after.stability == (shaky,)
