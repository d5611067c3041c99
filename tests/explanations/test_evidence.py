"""Effects, ranks, Shapley values and the attention profile against slow loops of their definitions."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from sec2sec.checkpoints import load_checkpoint
from sec2sec.encoders.tokens import Tokens
from sec2sec.explanations.attention_profile import deviation_from_profile
from sec2sec.explanations.effects import as_second_effects, mean_reference_effects, neighbour_effects
from sec2sec.explanations.masker import InputMasker, SecondMasker, masker_of
from sec2sec.explanations.randomisation import CASCADE
from sec2sec.explanations.ranks import mean_ranks, permutation_test, rank_correlation
from sec2sec.explanations.results import ProfileDeviation, TargetExplanation, Verdict
from sec2sec.explanations.shapley import MIN_CONFLICT, in_conflict, shapley
from sec2sec.explanations.verdict import MIN_SECONDS_FOR_VERDICT, NO_ATTENTION
from sec2sec.export.as_json import plain, to_json
from sec2sec.export.as_text import as_text
from tests.helpers.explaining import SECONDS, explained, full_pass, random_masker, random_tokens
from tests.helpers.models import tiny_bundle
from tests.helpers.systems import saved


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("checkpoint") / "tiny")


def test_variants_over_second_embeddings_equal_whole_passes_with_tokens_replaced(bundle):
    masker = random_masker(bundle)
    slow = InputMasker(bundle.model, masker.tokens)
    picture, sound = np.random.default_rng(0).random((2, 40, SECONDS)) < 0.5
    np.testing.assert_allclose(masker.predictor(picture, sound), slow.predictor(picture, sound), atol=1e-5)


def test_each_distinct_variant_is_asked_once_and_answers_return_to_their_places():
    from sec2sec.explanations.masker import _distinct_only

    seen = []

    def counts(picture, sound):
        seen.append(len(picture))
        return np.stack([picture.sum(1), 10 * sound.sum(1)], 1).astype(float)

    picture = np.array([[1, 0, 1], [0, 0, 0], [1, 0, 1], [1, 1, 1]], bool)
    np.testing.assert_array_equal(_distinct_only(counts)(picture, picture), [[2, 20], [0, 0], [2, 20], [3, 30]])
    assert seen == [3]


@pytest.mark.parametrize("part", ["whole", "audio", "video"])
def test_neighbour_effect_equals_a_whole_pass_with_the_second_before_in_its_place(bundle, part):
    masker = random_masker(bundle)
    tokens, effects = masker.tokens, neighbour_effects(masker)
    whole = full_pass(bundle.model, tokens.video, tokens.audio)
    for t in range(SECONDS):
        other = t - 1 if t else 1
        video, audio = tokens.video.clone(), tokens.audio.clone()
        if part != "audio":
            video[t] = tokens.video[other]
        if part != "video":
            audio[t] = tokens.audio[other]
        expected = whole - full_pass(bundle.model, video, audio)
        np.testing.assert_allclose([getattr(effect, part)[t] for effect in effects], expected, atol=1e-5)


def test_the_predictor_without_single_seconds_equals_occlusion(bundle):
    masker = random_masker(bundle)
    whole, without = np.ones((1, SECONDS), dtype=bool), ~np.eye(SECONDS, dtype=bool)
    here = np.ones_like(without)
    prediction = masker.predictor(whole, whole)
    np.testing.assert_allclose(prediction[0], masker.occlusion.prediction, atol=1e-6)
    parts = [
        (prediction - masker.predictor(*kept)).T for kept in ((without, without), (here, without), (without, here))
    ]
    expected = as_second_effects("training mean", *parts)
    for one, other in zip(mean_reference_effects(masker.occlusion), expected, strict=True):
        for part in ("whole", "audio", "video", "interaction"):
            np.testing.assert_allclose(getattr(one, part), getattr(other, part), atol=1e-5)


def test_whole_is_sound_and_picture_and_their_interaction_and_the_range_holds_every_reference(bundle):
    explanation = explained(bundle, random_masker(bundle))
    for target in explanation.targets.values():
        for effect in target.effects:
            np.testing.assert_allclose(effect.audio + effect.video + effect.interaction, effect.whole, atol=1e-9)
            assert (target.effect_range[0] <= effect.whole).all()
            assert (effect.whole <= target.effect_range[1]).all()
        assert [effect.reference for effect in target.effects] == ["training mean", "neighbouring second"]


def test_a_reference_that_cannot_be_asked_leaves_the_range_to_the_others():
    verdict = Verdict("nothing to judge", "", (), math.nan, math.nan)
    (effect,) = as_second_effects("any", *[np.array([[0.2, -0.1]])] * 3)
    (lost,) = as_second_effects("any", *[np.full((1, 2), np.nan)] * 3)
    target = TargetExplanation(0.5, 0.5, None, (effect, lost), verdict)
    np.testing.assert_allclose(target.effect_range, [[0.2, -0.1], [0.2, -0.1]])


@pytest.mark.parametrize("shape", [(9,), (3, 12), (2, 3, 5), (1, 1), (4, 0)])
def test_mean_ranks_are_scipys_with_ties_and_where_a_value_is_missing(shape):
    rng = np.random.default_rng(0)
    for values in (rng.integers(0, 4, shape).astype(float), rng.normal(size=shape)):
        np.testing.assert_array_equal(mean_ranks(values), stats.rankdata(values, axis=-1))
        values.flat[:1] = np.nan
        np.testing.assert_array_equal(mean_ranks(values), stats.rankdata(values, axis=-1))


@pytest.mark.parametrize("count", [4, 6, 11])
def test_rank_correlation_and_its_p_equal_scipys(count):
    rng = np.random.default_rng(count)
    one, other = rng.integers(0, 5, count).astype(float), rng.random(count)  # with ties
    rho, p = permutation_test(one, other)
    assert rho == pytest.approx(stats.spearmanr(one, other).statistic)
    assert rank_correlation(one, other) == pytest.approx(rho)

    def statistic(x):
        return stats.spearmanr(x, other).statistic

    if count <= 6:
        oracle = stats.permutation_test(
            (one,), statistic, permutation_type="pairings", alternative="greater", n_resamples=np.inf
        )
        assert p == pytest.approx(oracle.pvalue)
    else:
        oracle = stats.permutation_test(
            (one,), statistic, permutation_type="pairings", alternative="greater", n_resamples=2000, rng=rng
        )
        assert p == pytest.approx(oracle.pvalue, abs=0.04)


def test_a_constant_has_no_rank_correlation():
    assert all(math.isnan(value) for value in permutation_test(np.ones(6), np.arange(6.0)))


def enumerated(value) -> tuple[float, float]:
    """Shapley values of players 0 and 1 by both orders of joining; value: set of players → worth."""
    found = np.zeros(2)
    for order in permutations((0, 1)):
        here: frozenset[int] = frozenset()
        for player in order:
            found[player] += (value(here | {player}) - value(here)) / 2
            here |= {player}
    return float(found[0]), float(found[1])


def test_shapley_values_equal_enumeration_for_the_clip_and_for_each_second(bundle):
    masker, model = random_masker(bundle), bundle.model
    tokens = masker.tokens
    result = shapley(masker.predictor, mean_reference_effects(masker.occlusion))
    mean_video, mean_audio = model.references(SECONDS)
    whole, nothing = full_pass(model, tokens.video, tokens.audio), full_pass(model, mean_video, mean_audio)
    for k, one in enumerate(result):

        def clip(players, k=k):
            video = tokens.video if 1 in players else mean_video
            return full_pass(model, video, tokens.audio if 0 in players else mean_audio)[k]

        np.testing.assert_allclose((one.sound, one.picture), enumerated(clip), atol=1e-5)
        assert one.sound + one.picture == pytest.approx(whole[k] - nothing[k], abs=1e-5)
        for t in range(SECONDS):

            def second(players, k=k, t=t):
                video, audio = tokens.video.clone(), tokens.audio.clone()
                if 1 not in players:
                    video[t] = mean_video[t]
                if 0 not in players:
                    audio[t] = mean_audio[t]
                return full_pass(model, video, audio)[k]

            expected = enumerated(second)
            np.testing.assert_allclose((one.sound_seconds[t], one.picture_seconds[t]), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("sound", "picture", "conflict"),
    [(0.2, -0.1, True), (-0.2, 0.1, True), (0.2, 0.1, False), (0.2, -MIN_CONFLICT / 2, False), (0.0, 0.0, False)],
)
def test_conflict_is_two_strong_pulls_in_opposite_directions(sound, picture, conflict):
    assert in_conflict(np.array(sound), np.array(picture), MIN_CONFLICT) == conflict


def test_the_deviation_is_the_attention_minus_the_profile_from_both_ends_and_unknown_beyond_it():
    metrics = {"mean_attention": {"arousal": {"from_start": [0.3, 0.2, 0.1], "from_end": [0.1, 0.2, 0.4]}}}
    deviation = deviation_from_profile(np.full(4, 0.25), metrics, "arousal")
    np.testing.assert_allclose(deviation.from_start, [-0.05, 0.05, 0.15, np.nan])
    np.testing.assert_allclose(deviation.from_end, [np.nan, 0.15, 0.05, -0.15])
    short = deviation_from_profile(np.array([0.5, 0.5]), metrics, "arousal")
    np.testing.assert_allclose(short.from_end, [0.3, 0.1])
    assert np.isnan(deviation_from_profile(np.full(4, 0.25), {}, "arousal").from_start).all()


@pytest.mark.parametrize("kind", [{"temporal": "lstm"}, {"attention": "audio"}, {"attention": "SA-SA"}, {}])
@pytest.mark.parametrize("seconds", [1, 2, 7, 23])
def test_every_model_and_length_has_evidence_that_can_be_written_down(tmp_path, kind, seconds):
    bundle = tiny_bundle(tmp_path / "c", **kind)
    explanation = explained(bundle, random_masker(bundle, seconds))
    written = json.loads(json.dumps(to_json(explanation), allow_nan=False))
    assert written["unfamiliar"] == written["cues"] == []
    for name, target in written["targets"].items():
        evidence = target["evidence"]
        is_judged = "temporal" not in kind and seconds >= MIN_SECONDS_FOR_VERDICT
        assert is_judged or evidence["verdict"]["word"] == "nothing to judge"
        assert evidence["verdict"]["sentence"] in as_text(explanation) or name == "synchrony"
        assert len(evidence["effects"]) == 2
        np.testing.assert_allclose(evidence["effects"][0]["whole"], target["effect"], atol=2e-6)
        assert evidence["sanity"]["steps"] == list(CASCADE)
        if seconds == 1:
            assert evidence["effects"][1]["whole"] == [None]
        if kind.get("attention") == "audio":
            assert evidence["shapley"]["picture"] == pytest.approx(0, abs=1e-6)
        if "attention" in kind:
            assert evidence["sanity"]["maps"] == [None] * 4


def test_a_clip_without_sound_has_no_pull_of_sound(bundle):
    explanation = explained(bundle, SecondMasker(bundle.model, Tokens(random_tokens(bundle.model).video, None)))
    for target in explanation.targets.values():
        assert target.shapley.sound == pytest.approx(0, abs=1e-6)
        assert np.abs(target.shapley.sound_seconds).max() < 1e-6
        assert not target.shapley.conflict
        assert np.isnan(target.randomisation.maps).all()
        for effect in target.effects:
            np.testing.assert_allclose(effect.audio, 0, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "backbone"), [("co-attention", "own"), ("vit", "own"), ("vit", "published"), ("avm", "own")]
)
def test_a_system_of_the_whole_clip_has_effects_shapley_values_and_a_verdict_by_few_runs(tmp_path, name, backbone):
    saved(tmp_path, name)
    bundle, seconds = load_checkpoint(tmp_path, "cpu"), 6
    model = bundle.model
    model.config = replace(model.config, backbone=backbone)
    tokens = random_tokens(model, seconds, seed=0)
    masker = masker_of(model, tokens)
    occlusion = masker.occlusion
    assert masker.by_second is None
    runs = []
    model.register_forward_hook(lambda _module, inputs, _output: runs.append(len(inputs[0])))
    explanation = explained(bundle, masker)
    for k, target in enumerate(explanation.targets.values()):
        assert [effect.reference for effect in target.effects] == ["training mean"]
        np.testing.assert_allclose(target.effect, occlusion.effect[k], atol=1e-6)
        total = target.shapley.sound + target.shapley.picture
        assert total == pytest.approx((occlusion.prediction - occlusion.baseline)[k], abs=1e-5)
        assert target.randomisation is target.gradients is None
        assert (target.verdict.sentence == NO_ATTENTION) == (name == "avm")
        if backbone == "published":
            assert target.verdict.deletion is None
            assert target.verdict.word != "trust"
        elif name != "avm":
            order = np.argsort(-occlusion.attention[k], kind="stable")
            video, audio = (part.clone() for part in (tokens.video, tokens.audio))
            gone = list(order[: target.verdict.deletion.steps[1]])
            video[gone], audio[gone] = (mean[gone] for mean in model.references(seconds))
            assert target.verdict.deletion.values[1] == pytest.approx(full_pass(model, video, audio)[k], abs=1e-5)
    assert sum(runs) < 100
    json.dumps(plain(explanation), allow_nan=False)


def test_plain_values_keep_arrays_and_turn_what_is_no_number_into_null():
    values = plain(
        {"a": ProfileDeviation(np.array([0.5, np.nan]), np.array([True, False])), "b": (1, float("inf"), "x")}
    )
    assert values == {"a": {"from_start": [0.5, None], "from_end": [True, False]}, "b": [1, None, "x"]}
