"""Cascading randomisation against slow loops over copies of the model."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy

import numpy as np
import pytest
import torch
from scipy import stats

from sec2sec.explanations.gradients import gradient_evidence
from sec2sec.explanations.masker import SecondMasker
from sec2sec.explanations.randomisation import (
    CASCADE,
    KINDS,
    MAX_SECONDS,
    cascade,
    random_model,
    randomisation_test,
    warning,
)
from sec2sec.export.as_json import plain
from tests.helpers.explaining import random_masker, random_tokens
from tests.helpers.models import tiny_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("checkpoint") / "tiny")


def test_the_cascade_replaces_its_parts_from_the_predictor_backwards_and_no_others(bundle):
    model = deepcopy(bundle.model)
    for parameter in model.parameters():  # a bias that starts at 0 and stays there could not be told apart
        torch.nn.init.normal_(parameter)
    fresh = random_model(model, 0).state_dict()
    trained = {name: value.clone() for name, value in model.state_dict().items()}
    random: set[str] = set()
    for step, changed in cascade(model, 0):
        state = changed.state_dict()
        now = {name for name in state if torch.equal(state[name], fresh[name])}
        assert random < now, step
        for name in set(state) - now:
            assert torch.equal(state[name], trained[name]), f"{step}: {name}"
        random = now
        if step == "predictor":
            assert now == {"temporal.predict_weight", "temporal.predict_bias"}
        if step == "seconds":
            assert now == {name for name in state if name.startswith("temporal.")}
    assert set(fresh) - random == {"reference_video", "reference_audio"}, "everything learned is random at the end"
    assert all(torch.equal(value, trained[name]) for name, value in model.state_dict().items())


def test_similarities_equal_a_slow_loop_over_copies_and_leaves_the_shared_model_alone(bundle):
    masker = random_masker(bundle)
    tokens, found = masker.tokens, masker.occlusion
    before = {name: value.clone() for name, value in bundle.model.state_dict().items()}
    generator = torch.random.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: randomisation_test(masker), range(6)))
    assert torch.equal(torch.random.get_rng_state(), generator)
    for name, value in bundle.model.state_dict().items():
        assert torch.equal(value, before[name]), name
    for result in results[1:]:
        np.testing.assert_array_equal(plain(result), plain(results[0]))
    parts = {
        "predictor": ["temporal.predict_weight", "temporal.predict_bias"],
        "seconds": ["temporal."],
        "co-attention": ["combine.", "second_video.", "second_audio."],
        "self-attention": ["self_video.", "self_audio.", "enter_video.", "enter_audio.", "positions."],
    }
    similar = np.zeros((3, 4, 2, 3))
    for seed in range(3):
        slow, fresh = deepcopy(bundle.model), random_model(bundle.model, seed).state_dict()
        for i, step in enumerate(CASCADE):
            changes = {n: v for n, v in fresh.items() if any(n.startswith(p) for p in parts[step])}
            slow.load_state_dict(slow.state_dict() | changes)
            other = SecondMasker(slow, tokens).occlusion
            for k in range(3):
                pairs = ((other.attention[k], found.attention[k]), (other.effect[k], found.effect[k]))
                for kind, (a, b) in enumerate(pairs):
                    similar[seed, i, kind, k] = stats.spearmanr(np.abs(a), np.abs(b)).statistic
    for k, one in enumerate(results[0]):
        np.testing.assert_allclose(one.attention, similar.mean(0)[:, 0, k], atol=1e-6)
        np.testing.assert_allclose(one.effect, similar.mean(0)[:, 1, k], atol=1e-6)


def test_random_weights_are_those_that_a_training_starts_from_and_no_gpu_is_seeded_for_them(bundle, monkeypatch):
    """fork_rng brings the CPU's generator back; torch.manual_seed would seed those of all GPUs, and leave them so."""
    seeded: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    model = bundle.model
    found = random_model(model, 20_261_126).state_dict()  # a seed of no other test: nothing is remembered
    assert seeded == []
    torch.default_generator.manual_seed(20_261_126)
    fresh = type(model)(model.config, model.video_grid, model.audio_grid).state_dict()
    assert all(torch.equal(value, fresh[name]) for name, value in found.items())


def test_maps_are_compared_by_rank_and_do_not_move_before_co_attention_is_random(bundle):
    masker = random_masker(bundle, 4)
    one = randomisation_test(masker)[0]
    assert one.maps[0] == one.maps[1] == 1
    changed = [dict(cascade(bundle.model, seed))["self-attention"] for seed in range(3)]
    similar = []
    for other in (SecondMasker(model, masker.tokens).embeddings for model in changed):
        for name in ("video_from_audio", "audio_from_video"):
            mine, theirs = (getattr(of, name).mean(1).flatten(1) for of in (masker.embeddings, other))
            similar += [stats.spearmanr(a.numpy(), b.numpy()).statistic for a, b in zip(mine, theirs, strict=True)]
    assert one.maps[-1] == pytest.approx(np.mean(similar), abs=1e-3)


def test_gradients_are_compared_once_with_a_model_of_random_weights(bundle):
    masker = random_masker(bundle)
    trained = gradient_evidence(masker)
    checked = randomisation_test(masker, trained)
    slow, fresh = deepcopy(bundle.model), random_model(bundle.model, 0).state_dict()
    slow.load_state_dict({n: v if n.startswith("reference") else fresh[n] for n, v in slow.state_dict().items()})
    other = gradient_evidence(SecondMasker(slow, masker.tokens))
    for one, mine, theirs in zip(checked, trained, other, strict=True):
        assert np.isnan(one.integrated[:-1]).all()
        assert np.isnan(one.relevance[:-1]).all()
        expected = stats.spearmanr(np.abs(mine.integrated), np.abs(theirs.integrated)).statistic
        assert one.integrated[-1] == pytest.approx(expected, abs=1e-6)
        pairs = [
            (getattr(mine, part)[t], getattr(theirs, part)[t])
            for part in ("relevance_video", "relevance_audio")
            for t in (0, 2, 4)
        ]
        assert one.relevance[-1] == pytest.approx(np.mean([stats.spearmanr(a, b).statistic for a, b in pairs]))


def test_an_explanation_that_random_weights_leave_alone_is_warned_of(bundle, monkeypatch):
    masker = random_masker(bundle)
    gradients = gradient_evidence(masker)
    monkeypatch.setattr("sec2sec.explanations.randomisation.random_model", lambda model, seed: model)
    one = randomisation_test(masker, gradients)[0]
    for name in KINDS.values():
        assert f"the {name} (rank correlation 1.00)" in one.warning
    assert warning({"attention": 0.1, "effect": -0.3, "maps": float("nan")}) == ""
    assert "the co-attention maps (rank correlation 0.70) barely change, so they do not show" in warning(
        {"effect": 0.2, "maps": 0.7}
    )


def test_of_a_long_clip_the_middle_is_checked(bundle):
    tokens = random_tokens(bundle.model, MAX_SECONDS + 7)
    long = randomisation_test(SecondMasker(bundle.model, tokens))
    short = randomisation_test(SecondMasker(bundle.model, tokens.part(3, 3 + MAX_SECONDS)))
    np.testing.assert_allclose(long[0].effect, short[0].effect, atol=1e-6)
