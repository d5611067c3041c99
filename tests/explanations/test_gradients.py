"""Integrated gradients, relevance and the effect of places, against slow loops of their definitions."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from sec2sec.config import ModelConfig
from sec2sec.encoders.tokens import Tokens
from sec2sec.explanations import gradients
from sec2sec.explanations.embeddings import embed_seconds
from sec2sec.explanations.gradients import gradient_evidence, integrated_gradients, token_gradients
from sec2sec.explanations.masker import SecondMasker
from sec2sec.explanations.places import place_effects
from sec2sec.explanations.relevance import attend, gradients_of_maps, relevance
from sec2sec.model import Sec2Sec

TARGETS = ("arousal", "valence")
PLACES, BANDS, CHANNELS = (2, 1, 2), (3, 2), 6


def small(attention: str = "SA-CA", temporal: str = "attention-lstm", seed: int = 0) -> Sec2Sec:
    """A model whose weights are large enough that everything matters."""
    torch.manual_seed(seed)
    model = Sec2Sec(ModelConfig(TARGETS, attention, temporal, CHANNELS, 8, 2, 8), PLACES, BANDS).eval()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.6)
    model.reference_video.normal_()
    model.reference_audio.normal_()
    return model


def some_tokens(seconds: int = 5, seed: int = 1) -> Tokens:
    generator = torch.Generator().manual_seed(seed)
    return Tokens(
        torch.randn(seconds, 4, CHANNELS, generator=generator), torch.randn(seconds, 6, CHANNELS, generator=generator)
    )


def logit_change(model: Sec2Sec, tokens: Tokens) -> torch.Tensor:
    mask = torch.ones(1, len(tokens.video), dtype=torch.bool)
    mean = model.references(len(tokens.video))
    with torch.no_grad():
        own = model(tokens.video[None], tokens.audio[None], mask).logits[0]
        return own - model(mean[0][None], mean[1][None], mask).logits[0]


@pytest.mark.parametrize("temporal", ["attention-lstm", "lstm"])
def test_integrated_gradients_are_the_mean_slope_along_the_path(temporal):
    model = small(temporal=temporal)
    masker = SecondMasker(model, some_tokens())
    found, _ = integrated_gradients(masker, steps=64)
    both, neither = masker.embeddings.both.clone(), masker.embeddings.neither.clone()
    mask = torch.ones(1, 5, dtype=torch.bool)
    for k in range(len(TARGETS)):
        slopes = torch.zeros_like(both)
        for step in range(400):
            point = (neither + (step + 0.5) / 400 * (both - neither)).requires_grad_()
            slopes += torch.autograd.grad(model.temporal(point[None], mask)[0][0, k], point)[0] / 400
        torch.testing.assert_close(found[k], ((both - neither) * slopes).sum(1), atol=2e-4, rtol=2e-3)


def test_integrated_gradients_sum_to_the_change_of_the_logit():
    model, tokens = small(), some_tokens()
    found, gaps = integrated_gradients(SecondMasker(model, tokens))
    change = logit_change(model, tokens)
    torch.testing.assert_close(found.sum(1), change, atol=1e-3, rtol=1e-2)
    torch.testing.assert_close(gaps, (found.sum(1) - change).abs() / change.abs(), atol=1e-4, rtol=0.1)
    assert float(gaps.max()) < 0.01


def test_the_gap_that_is_told_is_the_gap_of_too_few_steps():
    model, tokens = small(), some_tokens()
    found, gaps = integrated_gradients(SecondMasker(model, tokens), steps=1)
    change = logit_change(model, tokens)
    torch.testing.assert_close(gaps, (found.sum(1) - change).abs() / change.abs(), atol=1e-4, rtol=1e-3)
    assert float(gaps.max()) > 0.01


def test_a_second_at_the_training_mean_gets_nothing_and_a_mean_clip_has_no_gap():
    model, tokens = small(), some_tokens()
    tokens.video[2], tokens.audio[2] = model.reference_video, model.reference_audio
    found, _ = integrated_gradients(SecondMasker(model, tokens))
    assert float(found[:, 2].abs().max()) < 1e-6
    assert float(found[:, 3].abs().min()) > 1e-5
    mean = Tokens(*model.references(4))
    found, gaps = integrated_gradients(SecondMasker(model, mean))
    assert float(found.abs().max()) < 1e-5
    assert gaps.isnan().all()


def test_gradients_leave_nothing_on_the_shared_model_and_threads_agree():
    model, tokens = small(), some_tokens()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    results: list = []

    def ask() -> None:
        with torch.inference_mode():  # as the app calls it
            masker = SecondMasker(model, tokens)
            results.append((*integrated_gradients(masker), *relevance(masker)))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for result in results[1:]:
        for one, other in zip(results[0], result, strict=True):
            torch.testing.assert_close(one, other)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert not any(module.training for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_token_gradients_sum_to_the_change_of_the_logit_and_find_the_token_that_made_it():
    model = small()
    tokens = Tokens(*(part.clone() for part in model.references(4)))
    tokens.video[1, 3] += 2 * torch.randn(CHANNELS, generator=torch.Generator().manual_seed(3))
    found = token_gradients(SecondMasker(model, tokens), target=1, steps=64)
    change = logit_change(model, tokens)[1]
    assert found.video.shape == (4, 4)
    assert found.audio.shape == (4, 6)
    assert np.abs(found.video).argmax() == 1 * 4 + 3
    assert found.video[1, 3] == pytest.approx(float(change), rel=0.02)
    assert np.abs(found.audio).max() < 1e-6
    assert found.gap < 0.02


def test_token_gradients_of_a_long_clip_are_the_same_in_several_passes(monkeypatch):
    model, tokens = small(), some_tokens(5)
    whole = token_gradients(SecondMasker(model, tokens), target=0, steps=6)
    monkeypatch.setattr(gradients, "SECONDS_PER_PASS", 2)
    passes = token_gradients(SecondMasker(model, tokens), target=0, steps=6)
    np.testing.assert_allclose(passes.video, whole.video, atol=1e-5)
    np.testing.assert_allclose(passes.audio, whole.audio, atol=1e-5)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_system_says_nothing_of_what_it_has_not():
    tokens = some_tokens()
    audio = SecondMasker(small("audio"), tokens)
    found = token_gradients(audio, target=0)
    assert found.video is None
    assert found.audio.shape == (5, 6)
    assert relevance(audio) is None
    assert relevance(SecondMasker(small("SA-SA"), tokens)) is None
    evidence = gradient_evidence(audio)[TARGETS.index("valence")]
    assert evidence.relevance_video is None
    assert evidence.integrated.shape == (5,)


def test_the_block_written_out_is_the_block():
    model, tokens = small(), some_tokens()
    seen, heard = model.self_attend_video(tokens.video), model.self_attend_audio(tokens.audio)
    expected, expected_weights = model.second_video(seen, heard, True)
    found, weights = attend(model.second_video, seen, heard)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(weights, expected_weights)


MAPS = ("self_video", "self_audio", "second_video", "second_audio")


def slow_block(block, query, source, changed):
    """The block of one second in loops over heads; `changed` is added to the weights. → output and weights."""
    weight, bias, width = block.attend.in_proj_weight, block.attend.in_proj_bias, query.shape[1]
    asked, offered, carried = (
        x @ weight[i * width : (i + 1) * width].T + bias[i * width : (i + 1) * width]
        for i, x in enumerate((query, source, source))
    )
    size, heads, maps = block.attend.head_dim, [], []
    for h in range(block.attend.num_heads):
        part = slice(h * size, (h + 1) * size)
        scores = asked[:, part] @ offered[:, part].T / size**0.5
        maps.append(scores.softmax(1) + changed[h])
        heads.append(maps[-1] @ carried[:, part])
    heard = torch.cat(heads, 1) @ block.attend.out_proj.weight.T + block.attend.out_proj.bias
    return block.feed_forward(block.norm(heard) + query), torch.stack(maps)


def slow_logits(model, tokens, second, changes):
    """The whole model with additions to the four attention maps of one second → logits (K,) and the maps."""
    joints = embed_seconds(model, tokens).both.clone()
    seen = model.enter_video(tokens.video[second]) + model.positions.video()
    heard = model.enter_audio(tokens.audio[second]) + model.positions.audio()
    maps = {}
    first_seen, maps["self_video"] = slow_block(model.self_video, seen, seen, changes["self_video"])
    first_heard, maps["self_audio"] = slow_block(model.self_audio, heard, heard, changes["self_audio"])
    joined = [slow_block(model.second_video, first_seen, first_heard, changes["second_video"])]
    joined.append(slow_block(model.second_audio, first_heard, first_seen, changes["second_audio"]))
    maps["second_video"], maps["second_audio"] = joined[0][1], joined[1][1]
    joints[second] = model.combine(torch.cat([joined[0][0].mean(0), joined[1][0].mean(0)]))
    return model.temporal(joints[None], torch.ones(1, len(joints), dtype=torch.bool))[0][0], maps


def paper_rules(maps, slopes):
    """Chefer et al. 2021, eqs. 5–11, for one second, in their order; the mean over tokens, no identity."""
    positive = {}
    for name in MAPS:
        positive[name] = torch.zeros(maps[name].shape[1:], dtype=torch.float64)
        for h in range(len(maps[name])):
            positive[name] += (slopes[name][h] * maps[name][h]).clamp(min=0) / len(maps[name])  # eq. 5
    videos, audios = len(positive["self_video"]), len(positive["self_audio"])
    r_vv, r_aa = torch.eye(videos, dtype=torch.float64), torch.eye(audios, dtype=torch.float64)
    r_va, r_av = torch.zeros(videos, audios, dtype=torch.float64), torch.zeros(audios, videos, dtype=torch.float64)
    r_vv, r_va = r_vv + positive["self_video"] @ r_vv, r_va + positive["self_video"] @ r_va  # eqs. 6, 7
    r_aa, r_av = r_aa + positive["self_audio"] @ r_aa, r_av + positive["self_audio"] @ r_av

    def bar(r):  # eqs. 8, 9
        rest = r - torch.eye(len(r), dtype=torch.float64)
        for row in rest:
            if row.sum() > 0:
                row /= row.sum().clone()
        return rest + torch.eye(len(r), dtype=torch.float64)

    add_va = bar(r_vv).T @ positive["second_video"] @ bar(r_aa)  # eq. 10
    add_av = bar(r_aa).T @ positive["second_audio"] @ bar(r_vv)
    add_vv, add_aa = positive["second_video"] @ r_av, positive["second_audio"] @ r_va  # eq. 11
    r_va, r_av, r_vv, r_aa = r_va + add_va, r_av + add_av, r_vv + add_vv, r_aa + add_aa
    seen = (r_vv - torch.eye(videos, dtype=torch.float64)).mean(0) + r_av.mean(0)
    return seen, (r_aa - torch.eye(audios, dtype=torch.float64)).mean(0) + r_va.mean(0)


def test_relevance_is_the_papers_rules_on_measured_slopes():
    model = small().double()
    tokens = Tokens(*(part.double() for part in (some_tokens(3).video, some_tokens(3).audio)))
    seen, heard = relevance(SecondMasker(model, tokens))
    assert seen.shape == (2, 3, 4)
    assert heard.shape == (2, 3, 6)
    assert float(seen.min()) >= 0
    assert float(heard.min()) >= 0
    second, step = 1, 1e-6
    sizes = {"self_video": (4, 4), "self_audio": (6, 6), "second_video": (4, 6), "second_audio": (6, 4)}
    changes = {name: torch.zeros(2, *size, dtype=torch.float64) for name, size in sizes.items()}
    with torch.no_grad():
        _, maps = slow_logits(model, tokens, second, changes)
        slopes = {name: torch.zeros(2, *change.shape, dtype=torch.float64) for name, change in changes.items()}
        for name, change in changes.items():
            for place in np.ndindex(*change.shape):
                sides = []
                for sign in (1, -1):
                    change[place] = sign * step
                    sides.append(slow_logits(model, tokens, second, changes)[0])
                change[place] = 0.0
                slopes[name][(slice(None), *place)] = (sides[0] - sides[1]) / (2 * step)
        for k in range(2):
            expected = paper_rules(maps, {name: slope[k] for name, slope in slopes.items()})
            torch.testing.assert_close(seen[k, second], expected[0], atol=1e-7, rtol=1e-4)
            torch.testing.assert_close(heard[k, second], expected[1], atol=1e-7, rtol=1e-4)


def test_one_run_backwards_for_all_targets_gives_what_one_for_each_gives(monkeypatch):
    masker = SecondMasker(small().double(), Tokens(some_tokens(3).video.double(), some_tokens(3).audio.double()))
    one_by_one = relevance(masker)
    asked = []

    def as_on_a_gpu(*arguments, at_once):
        asked.append(at_once)
        return gradients_of_maps(*arguments, at_once=True)

    monkeypatch.setattr("sec2sec.explanations.relevance.gradients_of_maps", as_on_a_gpu)
    for at_once, alone in zip(relevance(masker), one_by_one, strict=True):
        torch.testing.assert_close(at_once, alone, atol=1e-12, rtol=1e-9)
    assert asked == [False]  # on a CPU


def test_relevance_of_a_target_that_ignores_the_clip_is_zero():
    model, tokens = small(), some_tokens()
    with torch.no_grad():
        model.temporal.predict_weight[0] = 0.0
    seen, heard = relevance(SecondMasker(model, tokens))
    assert float(seen[0].max()) == float(heard[0].max()) == 0.0
    assert float(seen[1].max()) > 0.0


@pytest.mark.parametrize("attention", ["SA-CA", "SA-SA", "vision"])
def test_the_effect_of_a_place_is_the_prediction_minus_that_without_it(attention):
    model, tokens = small(attention), some_tokens(3)
    mask = torch.ones(1, 3, dtype=torch.bool)
    with torch.no_grad():
        own = model(tokens.video[None], tokens.audio[None], mask).logits.sigmoid()[0]
        for effects in place_effects(SecondMasker(model, tokens), [0, 2]):
            for name, found in (("video", effects.video), ("audio", effects.audio)):
                for place in range(len(found)):
                    changed = Tokens(tokens.video.clone(), tokens.audio.clone())
                    getattr(changed, name)[effects.second, place] = getattr(model, f"reference_{name}")[place]
                    without = model(changed.video[None], changed.audio[None], mask).logits.sigmoid()[0]
                    torch.testing.assert_close(found[place], own - without, atol=1e-6, rtol=1e-4)


def test_all_places_of_all_seconds_are_measured_in_small_passes(monkeypatch):
    model, tokens = small(), some_tokens(4)
    masker = SecondMasker(model, tokens)
    whole = list(place_effects(masker))
    monkeypatch.setattr("sec2sec.explanations.places.SECONDS_PER_PASS", 3)
    passes = list(place_effects(masker))
    assert [effects.second for effects in passes] == [0, 1, 2, 3]
    for one, other in zip(whole, passes, strict=True):
        torch.testing.assert_close(one.video, other.video, atol=1e-6, rtol=1e-4)
        torch.testing.assert_close(one.audio, other.audio, atol=1e-6, rtol=1e-4)


def test_a_clip_without_sound_is_explained_by_its_picture():
    model = small()
    tokens = Tokens(some_tokens().video, None)
    assert float(gradient_evidence(SecondMasker(model, tokens))[TARGETS.index("arousal")].gap) < 0.01
    found = token_gradients(SecondMasker(model, tokens), target=0, steps=32)
    assert np.abs(found.audio).max() == 0.0
    assert np.abs(found.video).max() > 0
