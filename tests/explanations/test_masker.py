"""The three maskers against full passes of the model over replaced tokens, one variant and one second at a time."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from sec2sec.encoders.tokens import Tokens
from sec2sec.explanations.masker import InputMasker, LateFusionMasker, Masker, SecondMasker, masker_of
from sec2sec.model import Model
from tests.helpers.explaining import full_pass, random_tokens
from tests.helpers.systems import TARGETS, built

pytestmark = pytest.mark.usefixtures("one_thread")

SECONDS = 5
KINDS = {"sec2sec-sa-ca": SecondMasker, "cma": InputMasker, "vit-vivit": LateFusionMasker}
every_kind = pytest.mark.parametrize("name", KINDS)


def slow_prediction(model: Model, tokens: Tokens, picture: np.ndarray, sound: np.ndarray) -> np.ndarray:
    """One variant, picture and sound (T,) bool, by the definition: replace, and run the whole model → (K,)."""
    video, audio = (part.clone() for part in tokens.filled(model.references(tokens.seconds)))
    for second in range(len(video)):
        if not picture[second]:
            video[second] = model.reference_video
        if not sound[second]:
            audio[second] = model.reference_audio
    return full_pass(model, video, audio)


def model_and_masker(name: str, seconds: int = SECONDS) -> tuple[Model, Tokens, Masker]:
    model = built(name)
    tokens = random_tokens(model, seconds)
    return model, tokens, masker_of(model, tokens)


def equal_to_slow_passes(model: Model, tokens: Tokens, masker: Masker) -> None:
    """Predictions of random variants, and every figure of occlusion."""
    seconds = tokens.seconds
    picture, sound = np.random.default_rng(0).random((2, 12, seconds)) < 0.5
    expected = [slow_prediction(model, tokens, *variant) for variant in zip(picture, sound, strict=True)]
    np.testing.assert_allclose(masker.predictor(picture, sound), expected, atol=1e-5)

    occlusion, everything = masker.occlusion, np.ones(seconds, dtype=bool)
    whole = slow_prediction(model, tokens, everything, everything)
    np.testing.assert_allclose(occlusion.prediction, whole, atol=1e-5)
    np.testing.assert_allclose(occlusion.baseline, slow_prediction(model, tokens, ~everything, ~everything), atol=1e-5)
    for second in range(seconds):
        without = np.arange(seconds) != second
        kept = {
            "effect": (without, without),
            "effect_audio": (everything, without),
            "effect_video": (without, everything),
        }
        for effect, (seen, heard) in kept.items():
            expected = whole - slow_prediction(model, tokens, seen, heard)
            np.testing.assert_allclose(getattr(occlusion, effect)[:, second], expected, atol=1e-5)


@every_kind
def test_every_variant_and_effect_equals_a_slow_full_pass(name):
    model, tokens, masker = model_and_masker(name)
    assert type(masker) is KINDS[name]
    equal_to_slow_passes(model, tokens, masker)
    assert np.abs(masker.occlusion.effect).max() > 1e-3, "or nothing was compared"


@every_kind
@pytest.mark.parametrize("lacking", ["video", "audio"])
def test_a_modality_that_the_clip_lacks_is_at_the_training_mean_in_every_variant(name, lacking):
    model, tokens, _ = model_and_masker(name)
    tokens = replace(tokens, **{lacking: None})
    masker = masker_of(model, tokens)
    equal_to_slow_passes(model, tokens, masker)
    assert np.abs(getattr(masker.occlusion, f"effect_{lacking}")).max() < 1e-6


@every_kind
def test_small_passes_give_the_same_as_large_ones(name, monkeypatch):
    model, tokens, _ = model_and_masker(name)
    for limit in ("embeddings.SECONDS_PER_PASS", "embeddings.CELLS_PER_PASS", "masker.CLIPS_PER_PASS"):
        monkeypatch.setattr(f"sec2sec.explanations.{limit}", 2)
    monkeypatch.setattr("sec2sec.explanations.masker.INPUT_SECONDS_PER_PASS", 2 * SECONDS)
    equal_to_slow_passes(model, tokens, masker_of(model, tokens))


@every_kind
def test_arrays_are_float64_with_targets_first(name):
    _, _, masker = model_and_masker(name)
    assert masker.targets == TARGETS
    assert masker.seconds == SECONDS
    occlusion = masker.occlusion
    for field in fields(occlusion):
        values = getattr(occlusion, field.name)
        assert values.dtype == np.float64
        assert values.shape == ((3,) if field.name in ("prediction", "baseline") else (3, SECONDS))


@every_kind
@torch.no_grad()
def test_attention_is_the_models_own(name):
    model, tokens, masker = model_and_masker(name)
    output = model(tokens.video[None], tokens.audio[None], torch.ones(1, SECONDS, dtype=torch.bool))
    np.testing.assert_allclose(masker.occlusion.attention, output.second_weights[0], atol=1e-6)


def test_a_model_without_attention_over_seconds_has_none():
    for name, changes in (("avm", {}), ("sec2sec-sa-ca", {"temporal": "lstm"})):
        model = built(name, **changes)
        assert masker_of(model, random_tokens(model, SECONDS)).occlusion.attention is None


@every_kind
def test_results_are_computed_once_and_kept(name):
    model, _, masker = model_and_masker(name)
    first = masker.occlusion
    runs = []
    for module in model.modules():
        module.register_forward_hook(lambda *_: runs.append(1))
    assert masker.occlusion is first
    assert runs == []


@every_kind
def test_equal_variants_of_one_question_are_run_once(name):
    _, _, masker = model_and_masker(name)
    variant = np.array([[True, False, True, True, False]])
    once = masker.predictor(variant, variant)
    many = masker.predictor(variant.repeat(300, 0), variant.repeat(300, 0))
    np.testing.assert_array_equal(many, once.repeat(300, 0))
    sizes: list[int] = []
    masker_predict = masker._predict
    masker._predict = lambda picture, sound: sizes.append(len(picture)) or masker_predict(picture, sound)
    del masker.predictor
    masker.predictor(variant.repeat(300, 0), variant.repeat(300, 0))
    assert sizes == [1]


def test_only_second_embeddings_can_be_asked_second_by_second():
    for name in KINDS:
        _, _, masker = model_and_masker(name)
        assert masker.by_second is (masker if name == "sec2sec-sa-ca" else None)


def test_a_published_backbone_is_asked_for_no_orders_and_other_whole_clip_systems_for_few():
    model, tokens, masker = model_and_masker("vit-vivit")
    assert masker.effort == "few"
    model.config = replace(model.config, backbone="published")
    assert masker_of(model, tokens).effort == "none"
    assert model_and_masker("sec2sec-sa-ca")[2].effort == "full"


def test_a_part_of_a_clip_is_what_its_tokens_alone_would_be():
    model, tokens, masker = model_and_masker("sec2sec-sa-ca", 7)
    part = masker.part(2, 6)
    assert part.seconds == 4
    equal_to_slow_passes(model, tokens.part(2, 6), part)


def test_embeddings_that_are_given_are_not_made_again():
    model, _, masker = model_and_masker("sec2sec-sa-ca")
    again = SecondMasker(model, Tokens(None, None), masker.embeddings)
    assert again.embeddings is masker.embeddings
    assert again.seconds == SECONDS
    np.testing.assert_array_equal(again.occlusion.effect, masker.occlusion.effect)
