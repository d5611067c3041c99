"""Effects, ranks, Shapley values and position against slow loops of their definitions."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats

from sec2sec.baselines import SYSTEMS, build_system
from sec2sec.config import ModelConfig
from sec2sec.encode import Tokens
from sec2sec.explanations import to_json
from sec2sec.explanations.as_json import plain
from sec2sec.explanations.as_text import as_text
from sec2sec.explanations.effects import from_neighbour, from_training_mean, of_predictor, spread
from sec2sec.explanations.examine import examine
from sec2sec.explanations.occlusion import occlude
from sec2sec.explanations.pipeline import explain_tokens
from sec2sec.explanations.position import position
from sec2sec.explanations.ranks import permutation_test, rank_correlation
from sec2sec.explanations.sanity import STEPS
from sec2sec.explanations.shapley import CONFLICT, in_conflict, shapley
from sec2sec.explanations.types import ClipSummary
from sec2sec.explanations.variants import over_inputs
from tests.explaining import SECONDS, asked, random_tokens
from tests.models import ENCODER, tiny_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("checkpoint") / "tiny")


@torch.no_grad()
def forward(bundle, video, audio) -> np.ndarray:
    """One whole clip through the whole model → (K,)."""
    mask = torch.ones(1, len(video), dtype=torch.bool)
    return bundle.model(video[None], audio[None], mask).logits[0].sigmoid().numpy()


def test_variants_over_joint_vectors_equal_whole_passes_with_tokens_replaced(bundle):
    tokens = random_tokens(bundle)
    _, _, predict = asked(bundle, tokens)

    @torch.no_grad()
    def whole(video, audio):
        return bundle.model(video, audio, torch.ones(video.shape[:2], dtype=torch.bool)).logits.sigmoid()

    slow = over_inputs(whole, tokens.video, tokens.audio, *bundle.model.references(SECONDS))
    picture, sound = np.random.default_rng(0).random((2, 40, SECONDS)) < 0.5
    np.testing.assert_allclose(predict(picture, sound), slow(picture, sound), atol=1e-5)


def test_each_distinct_variant_is_asked_once_and_answers_return_to_their_places():
    from sec2sec.explanations.variants import _each_once

    seen = []

    def counts(picture, sound):
        seen.append(len(picture))
        return np.stack([picture.sum(1), 10 * sound.sum(1)], 1).astype(float)

    picture = np.array([[1, 0, 1], [0, 0, 0], [1, 0, 1], [1, 1, 1]], bool)
    np.testing.assert_array_equal(_each_once(counts)(picture, picture), [[2, 20], [0, 0], [2, 20], [3, 30]])
    assert seen == [3]


@pytest.mark.parametrize("part", ["whole", "audio", "video"])
def test_neighbour_effect_equals_a_whole_pass_with_the_second_before_in_its_place(bundle, part):
    tokens = random_tokens(bundle)
    joints, found, _ = asked(bundle, tokens)
    effects = from_neighbour(bundle.model, joints, found)
    whole = forward(bundle, tokens.video, tokens.audio)
    for t in range(SECONDS):
        other = t - 1 if t else 1
        video, audio = tokens.video.clone(), tokens.audio.clone()
        if part != "audio":
            video[t] = tokens.video[other]
        if part != "video":
            audio[t] = tokens.audio[other]
        expected = whole - forward(bundle, video, audio)
        np.testing.assert_allclose([getattr(effect, part)[t] for effect in effects], expected, atol=1e-5)


def test_effects_of_any_predictor_equal_those_of_occlusion(bundle):
    _, found, predict = asked(bundle, random_tokens(bundle))
    for one, other in zip(of_predictor(predict, SECONDS), from_training_mean(found), strict=True):
        for part in ("whole", "audio", "video", "interaction"):
            np.testing.assert_allclose(getattr(one, part), getattr(other, part), atol=1e-5)


def test_whole_is_sound_and_picture_and_their_interaction_and_the_spread_holds_every_reference(bundle):
    tokens = random_tokens(bundle)
    evidence = examine(bundle, tokens, *asked(bundle, tokens)[:2])
    for target in evidence.targets.values():
        for effect in target.effects:
            np.testing.assert_allclose(effect.audio + effect.video + effect.interaction, effect.whole, atol=1e-9)
            assert (target.spread[0] <= effect.whole).all()
            assert (effect.whole <= target.spread[1]).all()
        assert [effect.reference for effect in target.effects] == ["training mean", "neighbouring second"]


def test_a_reference_that_cannot_be_asked_leaves_the_spread_to_the_others():
    effect = from_training_mean_like(np.array([[0.2], [-0.1]]))
    lost = from_training_mean_like(np.full((2, 1), np.nan))
    np.testing.assert_allclose(spread((effect, lost)), [[0.2, -0.1], [0.2, -0.1]])


def from_training_mean_like(values):
    from sec2sec.explanations.effects import split

    return split("any", *[torch.from_numpy(values)] * 3)[0]


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
    tokens = random_tokens(bundle)
    _, found, predict = asked(bundle, tokens)
    result = shapley(predict, from_training_mean(found))
    mean_video, mean_audio = bundle.model.references(SECONDS)
    whole, nothing = forward(bundle, tokens.video, tokens.audio), forward(bundle, mean_video, mean_audio)
    for k, one in enumerate(result):

        def clip(players, k=k):
            video = tokens.video if 1 in players else mean_video
            return forward(bundle, video, tokens.audio if 0 in players else mean_audio)[k]

        np.testing.assert_allclose((one.sound, one.picture), enumerated(clip), atol=1e-5)
        assert one.sound + one.picture == pytest.approx(whole[k] - nothing[k], abs=1e-5)
        for t in range(SECONDS):

            def second(players, k=k, t=t):
                video, audio = tokens.video.clone(), tokens.audio.clone()
                if 1 not in players:
                    video[t] = mean_video[t]
                if 0 not in players:
                    audio[t] = mean_audio[t]
                return forward(bundle, video, audio)[k]

            expected = enumerated(second)
            np.testing.assert_allclose((one.sound_seconds[t], one.picture_seconds[t]), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("sound", "picture", "conflict"),
    [(0.2, -0.1, True), (-0.2, 0.1, True), (0.2, 0.1, False), (0.2, -CONFLICT / 2, False), (0.0, 0.0, False)],
)
def test_conflict_is_two_strong_pulls_in_opposite_directions(sound, picture, conflict):
    assert in_conflict(np.array(sound), np.array(picture), CONFLICT) == conflict


def test_position_is_the_attention_minus_the_profile_from_both_ends_and_unknown_beyond_it():
    metrics = {"mean_attention": {"arousal": {"from_start": [0.3, 0.2, 0.1], "from_end": [0.1, 0.2, 0.4]}}}
    found = position(np.full(4, 0.25), metrics, "arousal")
    np.testing.assert_allclose(found.from_start, [-0.05, 0.05, 0.15, np.nan])
    np.testing.assert_allclose(found.from_end, [np.nan, 0.15, 0.05, -0.15])
    short = position(np.array([0.5, 0.5]), metrics, "arousal")
    np.testing.assert_allclose(short.from_end, [0.3, 0.1])
    assert np.isnan(position(np.full(4, 0.25), {}, "arousal").from_start).all()


@pytest.mark.parametrize("kind", [{"temporal": "lstm"}, {"attention": "audio"}, {"attention": "SA-SA"}, {}])
@pytest.mark.parametrize("seconds", [1, 2, 7, 23])
def test_every_model_and_length_has_evidence_that_can_be_written_down(tmp_path, kind, seconds):
    bundle = tiny_bundle(tmp_path / "c", **kind)
    tokens = random_tokens(bundle, seconds)
    clip = ClipSummary("c.mp4", "0" * 64, 0.0, float(seconds), seconds, True, True)
    explanation = explain_tokens(bundle, tokens, clip, {})
    written = json.loads(json.dumps(to_json(explanation), allow_nan=False))
    assert written["unfamiliar"] == written["cues"] == []
    for name, target in written["targets"].items():
        evidence = target["evidence"]
        expected = "no attention" if "temporal" in kind else "too short" if seconds < 5 else evidence["verdict"]["word"]
        assert evidence["verdict"]["word"] == expected
        assert evidence["verdict"]["sentence"] in as_text(explanation) or name == "synchrony"
        assert len(evidence["effects"]) == 2
        np.testing.assert_allclose(evidence["effects"][0]["whole"], target["effect"], atol=2e-6)
        assert evidence["sanity"]["steps"] == list(STEPS)
        if seconds == 1:
            assert evidence["effects"][1]["whole"] == [None]
        if kind.get("attention") == "audio":
            assert evidence["shapley"]["picture"] == pytest.approx(0, abs=1e-6)
        if "attention" in kind:
            assert evidence["sanity"]["maps"] == [None] * 4


def test_a_clip_without_sound_has_no_pull_of_sound(bundle):
    tokens = Tokens(random_tokens(bundle).video, None)
    evidence = examine(bundle, tokens, *asked(bundle, tokens)[:2])
    for target in evidence.targets.values():
        assert target.shapley.sound == pytest.approx(0, abs=1e-6)
        assert np.abs(target.shapley.sound_seconds).max() < 1e-6
        assert not target.shapley.conflict
        assert np.isnan(target.sanity.maps).all()
        for effect in target.effects:
            np.testing.assert_allclose(effect.audio, 0, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "backbone"), [("co-attention", "own"), ("vit", "own"), ("vit", "published"), ("avm", "own")]
)
def test_a_system_of_the_whole_clip_has_effects_shapley_values_and_a_verdict_by_few_runs(name, backbone):
    model, seconds = whole_clip_model(name), 6
    model.config = replace(model.config, backbone=backbone)
    torch.manual_seed(0)
    shapes = model.reference_video.shape, model.reference_audio.shape
    tokens = Tokens(*(torch.randn(seconds, *shape) for shape in shapes))
    found, joints = occlude(model, tokens)
    assert joints is None
    runs = []
    model.register_forward_hook(lambda _module, inputs, _output: runs.append(len(inputs[0])))
    evidence = examine(SimpleNamespace(model=model, metrics={}), tokens, joints, found)
    for k, target in enumerate(evidence.targets.values()):
        assert [effect.reference for effect in target.effects] == ["training mean"]
        np.testing.assert_allclose(target.effects[0].whole, found.effect[:, k], atol=1e-6)
        total = target.shapley.sound + target.shapley.picture
        assert total == pytest.approx((found.prediction - found.baseline)[k].item(), abs=1e-5)
        assert target.sanity is target.gradients is None
        assert (target.verdict.word == "no attention") == (name == "avm")
        if backbone == "published":
            assert target.verdict.deletion is None
            assert target.verdict.word in ("mixed", "not supported")
        elif name != "avm":
            order = np.argsort(-found.attention[k].numpy(), kind="stable")
            video, audio = (part.clone() for part in (tokens.video, tokens.audio))
            gone = list(order[: target.verdict.deletion.steps[1]])
            video[gone], audio[gone] = (mean[gone] for mean in model.references(seconds))
            with torch.no_grad():
                without = model(video[None], audio[None], torch.ones(1, seconds, dtype=torch.bool)).logits.sigmoid()
            assert target.verdict.deletion.values[1] == pytest.approx(without[0, k].item(), abs=1e-5)
    assert sum(runs) < 100
    json.dumps(plain(evidence), allow_nan=False)


def whole_clip_model(name: str):
    """A small system that takes in the whole clip at once, with random weights and references."""
    torch.manual_seed(0)
    inputs = ENCODER if SYSTEMS[name].reads_tokens else SYSTEMS[name].encoder_config("compact")
    config = ModelConfig(("arousal", "valence"), system=name, input_width=16, width=16, heads=2, hidden=16)
    model = build_system(config, inputs)
    model.reference_video.normal_()
    model.reference_audio.normal_()
    return model.eval()


def test_plain_values_keep_arrays_and_turn_what_is_no_number_into_null():
    from sec2sec.explanations.evidence import Position

    found = plain({"a": Position(np.array([0.5, np.nan]), np.array([True, False])), "b": (1, float("inf"), "x")})
    assert found == {"a": {"from_start": [0.5, None], "from_end": [True, False]}, "b": [1, None, "x"]}
