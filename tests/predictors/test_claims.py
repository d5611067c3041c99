"""A claim is trusted where the predictor goes by what it names, and only there."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from sec2sec.errors import UserError
from sec2sec.explanations.masker import MaskedPredictor
from sec2sec.explanations.results import SecondEffects, Verdict
from sec2sec.predictors.claims import NO_CLAIM, Claim, ClaimError, count_calls, judge_claims
from sec2sec.predictors.placements import at_the_end, heaviest_seconds, named_seconds, placements, strongest

T = 10
Logit = Callable[[np.ndarray, np.ndarray], np.ndarray]


def of_logit(logit: Logit, noise: float = 0.0) -> MaskedPredictor:
    """One target."""
    chance = np.random.default_rng(0)

    def predict(picture: np.ndarray, sound: np.ndarray) -> np.ndarray:
        values = 1 / (1 + np.exp(-logit(picture.astype(float), sound.astype(float))))
        return (values + noise * chance.standard_normal(values.shape))[:, None]

    return predict


def counts_only(*seconds: int, weight: float = 2.0, modality: str = "both") -> Logit:
    """Seconds that move the logit by `weight`, their neighbours by nothing."""

    def logit(picture: np.ndarray, sound: np.ndarray) -> np.ndarray:
        there = {"audio": sound, "video": picture}.get(modality, picture * sound)
        return weight * there[:, list(seconds)].sum(1)

    return logit


def measured(predict: MaskedPredictor, seconds: int = T) -> tuple[np.ndarray, np.ndarray, list[SecondEffects]]:
    """Prediction, baseline, and the effects of each target, by loops."""
    whole = np.ones((1, seconds), bool)
    prediction, baseline = predict(whole, whole)[0], predict(~whole, ~whole)[0]
    effects: dict[str, list[np.ndarray]] = {"whole": [], "audio": [], "video": []}
    for second in range(seconds):
        without = whole.copy()
        without[0, second] = False
        for kind, masks in (("whole", (without, without)), ("audio", (whole, without)), ("video", (without, whole))):
            effects[kind].append(prediction - predict(*masks)[0])
    arrays = {kind: np.array(values).T for kind, values in effects.items()}
    return (
        prediction,
        baseline,
        [
            SecondEffects(
                "training mean", *(arrays[kind][k] for kind in ("whole", "audio", "video")), np.zeros(seconds)
            )
            for k in range(len(prediction))
        ],
    )


def judged(predict: MaskedPredictor, claim: Claim | None, seconds: int = T, **settings: object) -> Verdict:
    """The verdict on a claim about a predictor of one target."""
    prediction, baseline, effects = measured(predict, seconds)
    claims = {} if claim is None else {"arousal": claim}
    return judge_claims(predict, prediction, baseline, {"arousal": effects[0]}, claims, **settings)["arousal"]


def grades(verdict: Verdict) -> dict[str, str]:
    return {witness.name: witness.grade for witness in verdict.witnesses}


def second(*places: int) -> Claim:
    return Claim(tuple((float(place), place + 1.0) for place in places))


@pytest.mark.parametrize("seconds", [5, 8, 10, 15, 60])
def test_a_liar_who_names_the_wrong_second_is_not_trusted_and_the_truth_is(seconds):
    predict = of_logit(counts_only(3))
    assert judged(predict, second(3), seconds).word == "trust"
    for place in {0, 1, 2, 4, seconds // 2 + 2, seconds - 1} - {3}:
        verdict = judged(predict, second(place), seconds)
        assert verdict.word == "do not trust"
        assert f"It claims {place}–{place + 1} s" in verdict.sentence


def test_a_claim_of_nothing_is_a_state_of_its_own():
    verdict = judged(of_logit(counts_only(3)), None)
    assert (verdict.word, verdict.about, verdict.sentence) == ("nothing to judge", "no claim", NO_CLAIM)


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (Claim(((0, T),)), "names the whole clip"),
        (Claim(((1, 4), (6, 9))), "names 6 of 10 s"),
        (Claim(((12, 14),)), "names 12–14 s, and the clip ends at 10 s"),
        (Claim(((8, 12),)), "names 8–12 s, and the clip ends at 10 s"),
        (Claim(weights=(1.0,) * T), "nearly even"),
        (Claim(weights=(1.0, 2.0)), "2 weights, and the clip 10 s"),
    ],
)
def test_a_claim_that_cannot_be_tested_says_why(claim, words):
    verdict = judged(of_logit(counts_only(3)), claim)
    assert (verdict.word, verdict.about) == ("nothing to judge", "claim")
    assert words in verdict.sentence


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "the claim is empty"),
        ({"intervals": ((3.0, 2.0),)}, "3 to 2 s; expected numbers with 0 ≤ begin < end"),
        ({"intervals": ((-1.0, 2.0),)}, "-1 to 2 s"),
        ({"intervals": ((math.nan, 2.0),)}, "nan to 2 s"),
        ({"weights": (0.1, math.nan)}, "negative or no number"),
        ({"weights": (0.1, -0.1)}, "negative or no number"),
        ({"weights": (0.0, 0.0)}, "all weights of the claim are 0"),
        ({"weights": (1.0,), "intervals": ((0.0, 1.0),)}, "times and weights"),
        ({"modality": "smell"}, '\'smell\'; expected "audio" or "video"'),
    ],
)
def test_a_claim_that_says_nothing_is_refused_in_one_sentence(fields, words):
    with pytest.raises(ClaimError) as refused:
        Claim(**fields)
    assert isinstance(refused.value, UserError)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_nothing_is_judged_where_nothing_moved_or_the_clip_is_short():
    assert "Nothing moved" in judged(of_logit(counts_only(3, weight=0.0)), second(3)).sentence
    assert "too short" in judged(of_logit(counts_only(1)), second(1), seconds=4).sentence
    heard = of_logit(counts_only(1, modality="audio"))
    assert judged(heard, Claim(modality="audio"), seconds=2).word == "trust"  # a modality needs no other seconds


@pytest.mark.parametrize("gate", [np.min, np.max], ids=["both needed", "either enough"])
def test_seconds_that_need_or_replace_each_other_are_found_together(gate):
    predict = of_logit(lambda picture, sound: 3 * gate((picture * sound)[:, [2, 7]], axis=1))
    assert judged(predict, second(2, 7)).word == "trust"
    assert judged(predict, second(4, 8)).word == "do not trust"


def test_seconds_that_oppose_each_other_are_both_named():
    def logit(picture: np.ndarray, sound: np.ndarray) -> np.ndarray:
        return 2.2 * picture[:, 6] - 2 * picture[:, 3]

    verdict = judged(of_logit(logit), second(6, 3))
    assert verdict.word == "trust"
    assert "whole clip moves it by 0.05" in " ".join(verdict.reasons)


def test_the_strongest_must_stand_first():
    predict = of_logit(lambda picture, sound: 2.5 * picture[:, 6] + 1.0 * picture[:, 3])
    assert judged(predict, second(6, 3)).word == "trust"
    swapped = judged(predict, second(3, 6))
    assert (swapped.word, grades(swapped)["order"]) == ("careful", "weak")
    assert "3–4 s, which stands before others" in swapped.sentence


def test_a_claim_is_no_better_for_naming_much():
    verdict = judged(of_logit(counts_only(3)), second(3, 5, 8))
    assert (verdict.word, grades(verdict)["parts"]) == ("careful", "weak")


def test_the_modality_of_a_claim_is_tested():
    heard = of_logit(counts_only(3, modality="audio"))
    assert judged(heard, Claim(modality="audio")).word == "trust"
    assert judged(heard, Claim(modality="video")).word == "do not trust"
    assert judged(heard, Claim(((3, 4),), modality="audio")).word == "trust"
    assert judged(heard, Claim(((3, 4),), modality="video")).word == "do not trust"
    assert "the sound of 3–4 s" in judged(heard, Claim(((3, 4),), modality="audio")).claim
    together = of_logit(lambda picture, sound: 2 * picture[:, 3] + 2 * sound[:, 3])
    assert judged(together, Claim(modality="audio")).word == "careful"


def test_times_with_ends_between_seconds_name_those_they_cover_by_half():
    masks = named_seconds([(3.4, 4.6), (7.9, 8.0), (2.0, 4.5)], T)
    assert [np.flatnonzero(mask).tolist() for mask in masks] == [[3, 4], [7], [2, 3, 4]]
    assert judged(of_logit(counts_only(3)), Claim(((2.8, 4.1),))).word == "trust"


def test_weights_are_tested_by_amount_and_by_place():
    evidence = np.array([0, 0.1, 0, 2.0, 0.2, 0, 1.5, 0.1, 0, 0.3])
    predict = of_logit(lambda picture, sound: (picture * sound) @ evidence - 2)
    right = judged(predict, Claim(weights=tuple(evidence)))
    assert right.word == "trust"
    assert right.mass_correlation > 0.9
    for wrong in (np.roll(evidence, 1), np.arange(1.0, T + 1), np.roll(evidence, -2), 1 / (1 + np.arange(T))):
        assert judged(predict, Claim(weights=tuple(wrong))).word != "trust"


def test_one_second_with_all_weight_is_the_same_claim_as_its_time():
    predict = of_logit(counts_only(3))
    assert judged(predict, Claim(weights=tuple(np.eye(8)[3])), seconds=8).word == "trust"
    assert judged(predict, Claim(weights=tuple(np.eye(8)[6])), seconds=8).word == "do not trust"


def test_noise_raises_what_a_claim_must_do():
    weak = counts_only(3, weight=0.25)
    assert judged(of_logit(weak), second(3)).word == "trust"
    loud = judged(of_logit(weak, noise=0.05), second(3), noise=np.array([0.05]))
    assert loud.word in ("careful", "nothing to judge")
    assert judged(of_logit(counts_only(3), noise=0.01), second(3), noise=np.array([0.01])).word == "trust"


def test_a_predictor_of_noise_alone_is_rarely_said_to_rest_on_anything():
    trusted = 0
    for seed in range(100):
        chance = np.random.default_rng(seed)

        def predict(picture: np.ndarray, sound: np.ndarray, chance: np.random.Generator = chance) -> np.ndarray:
            return 0.5 + 0.02 * chance.standard_normal((len(picture), 1))

        trusted += judged(predict, second(int(chance.integers(T))), noise=np.array([0.02])).word == "trust"
    assert trusted <= 5


def test_targets_are_judged_together_and_share_what_they_ask():
    asked = []

    def predict(picture: np.ndarray, sound: np.ndarray) -> np.ndarray:
        asked.append(len(picture))
        there = (picture & sound).astype(float)
        return 1 / (1 + np.exp(-2 * there[:, [3, 6]]))

    prediction, baseline, effects = measured(predict)
    named = dict(zip(("arousal", "valence"), effects, strict=True))
    asked.clear()
    verdicts = judge_claims(predict, prediction, baseline, named, {"arousal": second(3), "valence": second(3)})
    assert {name: verdict.word for name, verdict in verdicts.items()} == {"arousal": "trust", "valence": "do not trust"}
    assert asked == [T]  # one call, each second left alone once
    assert count_calls({"arousal": second(3), "valence": second(3)}, T) == T


@pytest.mark.parametrize(
    ("claim", "calls"),
    [(second(3), T), (Claim(modality="audio"), 2), (Claim(((2, 4),)), 24), (second(2, 7), 36)],
    ids=["one second", "modality", "two seconds", "two times"],
)
def test_a_claim_asks_for_about_as_much_as_was_said(claim, calls):
    asked = []
    logit = counts_only(3)

    def predict(picture: np.ndarray, sound: np.ndarray) -> np.ndarray:
        asked.append(len(picture))
        return of_logit(logit)(picture, sound)

    prediction, baseline, effects = measured(predict)
    asked.clear()
    judge_claims(predict, prediction, baseline, {"arousal": effects[0]}, {"arousal": claim})
    assert abs(sum(asked) - calls) <= 4
    assert abs(count_calls({"arousal": claim}, T) - calls) <= 4


def test_a_budget_leaves_out_insertion_first_and_then_the_verdict():
    predict = of_logit(counts_only(3))
    few = judged(predict, second(3), max_calls=3)
    assert (few.word, grades(few)["insertion"]) == ("careful", "not measured")
    none = judged(predict, Claim(((2, 4),)), max_calls=3)
    assert (none.word, none.about) == ("nothing to judge", "claim")
    assert "3 more predictions do not suffice" in none.sentence


def test_a_predictor_that_fails_on_an_edit_costs_that_edit():
    right = of_logit(counts_only(3))

    def fails(*alone: int) -> MaskedPredictor:
        def predict(picture: np.ndarray, sound: np.ndarray) -> np.ndarray:
            values = right(picture, sound)
            values[(picture.sum(1) == 1) & picture[:, list(alone)].any(1)] = np.nan
            return values

        return predict

    assert judged(fails(5, 8), second(3)).word == "trust"
    named = judged(fails(3), second(3))
    assert named.word == "nothing to judge"
    assert "gave no prediction" in named.sentence


def test_what_several_seconds_did_together_is_not_taken_for_the_effect_of_one():
    predict = of_logit(counts_only(3))
    prediction, baseline, effects = measured(predict)
    halves = np.repeat(effects[0].whole.reshape(-1, 2).sum(1) / 2, 2)  # of two seconds at a time, in equal parts
    coarse = {"arousal": SecondEffects("silence and black", halves, halves, halves, halves)}
    claims = {"arousal": second(2)}
    assert judge_claims(predict, prediction, baseline, coarse, claims, of_one_second=False)["arousal"].word != "trust"
    claims = {"arousal": second(3)}
    assert judge_claims(predict, prediction, baseline, coarse, claims, of_one_second=False)["arousal"].word == "trust"


def test_times_are_those_of_the_file():
    assert "It claims 103–104 s" in judged(of_logit(counts_only(3)), second(3), start=100.0).sentence


def test_the_verdict_on_a_claim_travels_from_the_predictor_to_page_and_json():
    import sec2sec
    from sec2sec.export.as_json import to_json
    from sec2sec.export.as_text import as_text
    from sec2sec.viewer.evidence import VerdictView

    def liar(clips: list[object]) -> list[dict[str, object]]:
        """The loudness of second 4, and it says second 7."""
        heard = [float(np.sqrt((clip.samples[4 * 16_000 : 5 * 16_000] ** 2).mean())) for clip in clips]
        return [{"loudness": value, "silence": 0.5, "claims": {"loudness": [[7, 8]]}} for value in heard]

    clip = "assets/clips/sintel-dialogue.mp4"
    settings = {"inputs": "arrays", "references": ["silence-black"], "ask_again": True}
    explanation = sec2sec.audit(clip, liar, **settings)
    targets = to_json(explanation)["targets"]
    judged = targets["loudness"]["evidence"]["verdict"]
    assert (judged["word"], judged["about"], judged["claim"]) == ("do not trust", "claim", "7–8 s")
    assert targets["silence"]["evidence"]["verdict"]["about"] == "no claim"
    assert "Do not trust. It claims 7–8 s, and this prediction does not rest on that" in as_text(explanation)
    shown = VerdictView.of("loudness", explanation.targets["loudness"].verdict)
    assert not any("attention" in term for term, _ in shown.figures)


def test_other_places_have_the_same_lengths():
    mask = np.isin(np.arange(T), [0, 1, 2, 6])
    others = placements(mask, 1_000)
    assert len(np.unique(others, axis=0)) == len(others)
    assert (others.sum(1) == 4).all()
    assert not (others == mask).all(1).any()
    single = np.arange(T) == 4
    assert len(placements(single, 100)) == T - 1
    assert len(placements(single, 5)) == 5
    size = np.zeros(T)
    size[[8, 9]] = 1.0
    assert np.flatnonzero(strongest(np.arange(T) < 2, size)).tolist() == [8, 9]
    assert [np.flatnonzero(end).tolist() for end in at_the_end(np.arange(T) < 2)] == [[8, 9], [0, 1]]
    assert len(placements(np.isin(np.arange(60), [1, 5, 9, 20, 33, 41]), 10)) == 10


def test_the_heaviest_seconds_have_half_of_the_weight():
    assert np.flatnonzero(heaviest_seconds(np.array([0.1, 0.4, 0.2, 0.3]))).tolist() == [1, 3]
    assert heaviest_seconds(np.array([1.0, 1.0, 1.0, 1.0])).all()
