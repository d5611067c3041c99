"""Real training seconds as a reference: their choice, their effects against slow whole passes, and what is said."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import EmpiricalCovariance, LedoitWolf

from sec2sec import load
from sec2sec.checkpoints import Bundle, CheckpointError, load_checkpoint
from sec2sec.clip import EncodedClip
from sec2sec.encoders.tokens import Tokens
from sec2sec.explanations.collect import second_effects
from sec2sec.explanations.effects import (
    MAX_CELLS,
    MAX_RANDOM,
    MAX_SIMILAR,
    MIN_IN_PLACE,
    RANDOM_SECONDS,
    SIMILAR_SECONDS,
    training_second_effects,
)
from sec2sec.explanations.masker import SecondMasker, masker_of
from sec2sec.explanations.out_of_distribution import (
    FILE,
    FOLDS,
    TrainingSeconds,
    joint_vectors_of,
    load_training_seconds,
    measure_training_seconds,
    reference_distances,
    save_training_seconds,
)
from sec2sec.explanations.training_sample import MAX_SAMPLE_BYTES, SampledSeconds, SecondSampler
from sec2sec.export.as_json import to_json
from sec2sec.export.as_table import columns
from sec2sec.export.as_text import as_text
from sec2sec.viewer.cards import predictions
from sec2sec.viewer.payload import view_payload
from tests.helpers import synthetic
from tests.helpers.explaining import SECONDS, explained, full_pass, random_tokens, summary_of
from tests.helpers.models import ENCODER, tiny_bundle
from tests.helpers.systems import saved

SHAPES = (ENCODER.visual_tokens, ENCODER.width), (ENCODER.audio_tokens, ENCODER.width)


def training_clips(count: int = 24, seconds: int = 4, seed: int = 5) -> list[Tokens]:
    """Clips whose seconds scatter around a place of their own, in half precision as a cache holds them."""
    torch.manual_seed(seed)
    return [
        Tokens(*((torch.randn(1, *shape) + torch.randn(seconds, *shape)).half() for shape in SHAPES))
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Bundle:
    """A tiny checkpoint that knows its training seconds."""
    made = tiny_bundle(tmp_path_factory.mktemp("checkpoint") / "tiny")
    assert made.folder is not None
    training = measure_training_seconds(training_clips(), made.model)
    save_training_seconds(made.folder, training, made.summary.sha256)
    return made


@pytest.fixture(scope="module")
def training(bundle) -> TrainingSeconds:
    found = load_training_seconds(bundle)
    assert found is not None
    return found


# ---- which seconds are kept ------------------------------------------------------------------------------------------


def numbered(clips: dict[int, int], present: str = "va") -> list[Tokens]:
    """clips: number → seconds. The second t of clip n holds 20 n + t alone, which half precision can."""
    found = []
    for clip, seconds in clips.items():
        own = (20 * clip + torch.arange(seconds)).float()[:, None, None].expand(-1, 2, 3)
        found.append(Tokens(own if "v" in present else None, own if "a" in present else None))
    return found


def chosen(count: int, clips: list[Tokens], seed: int = 0) -> list[int]:
    sampler = SecondSampler(count, seed)
    for clip in clips:
        sampler.add(clip)
    assert sampler.sample is not None
    return [int(second[0, 0]) for second in next(iter(sampler.sample.present.values()))]


def test_the_sample_is_from_as_many_clips_as_possible():
    clips = numbered(dict.fromkeys(range(20), 6))
    assert sorted(Counter(number // 20 for number in chosen(20, clips)).values()) == [1] * 20
    assert sorted(Counter(number // 20 for number in chosen(50, clips)).values()) == [2] * 10 + [3] * 10
    few = chosen(64, numbered({1: 3, 2: 5}))
    assert sorted(few) == [20, 21, 22, 40, 41, 42, 43, 44]


def test_the_sample_is_drawn_anew_by_each_seed_and_the_same_by_one():
    clips = numbered(dict.fromkeys(range(30), 8))
    assert chosen(12, clips) == chosen(12, clips)
    assert chosen(12, clips) != chosen(12, clips, seed=1)
    places = Counter(number % 20 for seed in range(200) for number in chosen(12, clips, seed))
    assert min(places.values()) > 0.7 * max(places.values()), "every place within a clip is as likely"
    of_clips = Counter(number // 20 for seed in range(200) for number in chosen(12, clips, seed))
    assert len(of_clips) == 30
    assert min(of_clips.values()) > 0.5 * max(of_clips.values()), "every clip is as likely"


def test_clips_that_lack_a_modality_are_taken_only_where_all_do():
    whole, silent = numbered({1: 3, 2: 3}), numbered({7: 9, 8: 9}, "v")
    assert {number // 20 for number in chosen(4, [*silent, *whole])} == {1, 2}
    assert {number // 20 for number in chosen(16, [*silent, *whole])} == {1, 2}
    assert {number // 20 for number in chosen(4, silent)} == {7, 8}


def test_wide_tokens_are_fewer_and_what_half_precision_cannot_hold_is_left_out():
    wide = [Tokens(torch.zeros(2, MAX_SAMPLE_BYTES // 2 // 10, 1), None) for _ in range(30)]
    assert len(chosen(64, wide)) == 10
    broken = Tokens(torch.full((3, 2, 3), 1e6), torch.zeros(3, 2, 3))
    assert {number // 20 for number in chosen(8, [broken, *numbered({1: 2, 2: 2})])} == {1, 2}


# ---- what is measured ------------------------------------------------------------------------------------------------


def test_the_reference_is_measured_as_sklearn_measures_it(bundle, training):
    clips = training_clips()
    distances = {
        place.space: place
        for place in reference_distances(masker_of(bundle.model, whole_precision(clips[0])), training)
    }
    assert list(distances) == ["picture", "sound", "joint vector"]
    mean_video, mean_audio = bundle.model.references(1)
    mask = torch.ones(1, 4, dtype=torch.bool)
    with torch.no_grad():
        joint = [bundle.model(c.video[None].float(), c.audio[None].float(), mask).joint[0].numpy() for c in clips]
        of_mean = bundle.model(mean_video[None], mean_audio[None], mask[:, :1]).joint[0].numpy()
    spaces = {
        "picture": ([c.video.float().mean(1).numpy() for c in clips], mean_video.mean(1).numpy()),
        "sound": ([c.audio.float().mean(1).numpy() for c in clips], mean_audio.mean(1).numpy()),
        "joint vector": (joint, of_mean),
    }
    fold_of = np.random.default_rng(0).permutation(len(clips)) % FOLDS
    for space, (vectors, reference) in spaces.items():
        fitted = LedoitWolf().fit(np.concatenate(vectors).astype(np.float64))
        # a channel that never varies would be singular in sklearn: a trace of the mean variance keeps it finite
        oracle = with_trace(fitted)
        assert distances[space].distance == pytest.approx(oracle.mahalanobis(reference)[0] ** 0.5, rel=2e-3)
        others = []
        for fold in range(FOLDS):
            folds = list(zip(vectors, fold_of, strict=True))
            outside = with_trace(LedoitWolf().fit(np.concatenate([v for v, f in folds if f != fold])))
            others += [outside.mahalanobis(v) ** 0.5 for v, f in folds if f == fold]
        lying = np.concatenate(others)
        assert distances[space].nearest == pytest.approx(lying.min(), rel=5e-3)
        assert distances[space].median == pytest.approx(np.median(lying), rel=5e-3)
        share = 100 * (lying < distances[space].distance).mean()
        assert distances[space].percentile == pytest.approx(share, abs=1.5)


def with_trace(fitted: LedoitWolf) -> EmpiricalCovariance:
    """The same centre and covariance with 1e-9 of the mean variance on its diagonal."""
    covariance = fitted.covariance_ + 1e-9 * np.trace(fitted.covariance_) / len(fitted.covariance_) * np.eye(
        len(fitted.covariance_)
    )
    oracle = EmpiricalCovariance()
    oracle.location_ = fitted.location_
    oracle._set_covariance(covariance)
    return oracle


def test_a_planted_average_second_is_at_the_centre_and_its_joint_vector_need_not_be(bundle):
    """The model's reference is put where the training mean is, as a training does it."""
    clips = training_clips()
    video, audio = bundle.model.reference_video.clone(), bundle.model.reference_audio.clone()
    try:
        bundle.model.reference_video.copy_(torch.cat([c.video for c in clips]).float().mean(0))
        bundle.model.reference_audio.copy_(torch.cat([c.audio for c in clips]).float().mean(0))
        masker = masker_of(bundle.model, whole_precision(clips[0]))
        found = {p.space: p for p in reference_distances(masker, measure_training_seconds(clips, bundle.model))}
    finally:
        bundle.model.reference_video.copy_(video)
        bundle.model.reference_audio.copy_(audio)
    for space in ("picture", "sound"):
        assert found[space].distance == pytest.approx(0, abs=1e-3)
        assert found[space].percentile == 0
        assert found[space].nearest > 1
    assert found["joint vector"].distance > 0.1


def whole_precision(tokens: Tokens) -> Tokens:
    return Tokens(*(None if part is None else part.float() for part in (tokens.video, tokens.audio)))


def test_joint_vectors_are_measured_without_dropout_and_the_model_goes_on_learning(bundle):
    bundle.model.train()
    try:
        first = joint_vectors_of(bundle.model, training_clips()[0])
        np.testing.assert_array_equal(first, joint_vectors_of(bundle.model, training_clips()[0]))
        assert bundle.model.training
    finally:
        bundle.model.eval()


# ---- effects against them --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lacking", ["nothing", "sound", "picture"])
def test_effects_against_training_seconds_equal_whole_passes_with_tokens_really_replaced(bundle, training, lacking):
    tokens = random_tokens(bundle.model)
    tokens = Tokens(None if lacking == "picture" else tokens.video, None if lacking == "sound" else tokens.audio)
    references = training_second_effects(SecondMasker(bundle.model, tokens), training)
    assert [reference[0].reference for reference in references] == [RANDOM_SECONDS, SIMILAR_SECONDS]
    nearest = nearest_by_a_slow_loop(tokens, training)
    sample = training.sample.tokens
    own_video, own_audio = tokens.filled(bundle.model.references(SECONDS))
    whole = full_pass(bundle.model, own_video, own_audio)
    for t in range(SECONDS):
        for reference, seconds in zip(references, (range(MAX_RANDOM), nearest[t]), strict=True):
            changes = []
            for n in seconds:
                video, audio = own_video.clone(), own_audio.clone()
                if lacking != "picture":
                    video[t] = sample.video[n].float()
                if lacking != "sound":
                    audio[t] = sample.audio[n].float()
                changes.append(whole - full_pass(bundle.model, video, audio))
            np.testing.assert_allclose([one.whole[t] for one in reference], np.mean(changes, 0), atol=2e-6)
            assert all(np.isnan(part[t]) for one in reference for part in (one.audio, one.video, one.interaction))


def nearest_by_a_slow_loop(tokens: Tokens, training: TrainingSeconds) -> list[list[int]]:
    """Of each second, the sampled ones with the smallest mean squared distance from the clip's other seconds."""
    sample, found = training.sample.tokens, []
    for t in range(tokens.seconds):
        means = []
        for n in range(len(training.sample)):
            total = []
            for other in set(range(tokens.seconds)) - {t}:
                squares = 0.0
                for name, own in tokens.present.items():
                    statistics = training.statistics[name]
                    inverse = statistics.whiten @ statistics.whiten.T
                    kept = sample.present[name][n].float().mean(0).double().numpy()
                    squares += mahalanobis(own[other].mean(0).double().numpy(), kept, inverse) ** 2
                total.append(squares)
            means.append(np.mean(total))
        found.append(np.argsort(means)[:MAX_SIMILAR].tolist())
    return found


def test_planted_twins_of_a_clip_are_the_similar_ones(bundle):
    clips = training_clips(40)
    tokens = whole_precision(training_clips(1, seed=99)[0])
    twins = [Tokens(*((part[i : i + 1] + 0.01).half() for part in (tokens.video, tokens.audio))) for i in range(4)]
    measured = measure_training_seconds(clips)
    others = [clip.part(0, 1) for clip in clips]
    sample = [*others[:10], *twins, *others[10:]]
    joined = Tokens(*(torch.cat([getattr(one, name) for one in sample]) for name in ("video", "audio")))
    training = TrainingSeconds(measured.statistics, None, SampledSeconds(joined))
    nearest = training.nearest(tokens, 3)
    for t in range(4):
        assert set(nearest[t].tolist()) == {10 + i for i in range(4) if i != t}, "not its own twin: that is no context"


def test_a_clip_of_one_second_has_random_seconds_and_no_similar_ones(bundle, training):
    tokens = random_tokens(bundle.model, seconds=1)
    (reference,) = training_second_effects(SecondMasker(bundle.model, tokens), training)
    assert reference[0].reference == RANDOM_SECONDS
    assert training.nearest(tokens, 3) is None
    strangers = TrainingSeconds({"audio": training.statistics["audio"]}, None, training.sample)
    assert strangers.nearest(Tokens(random_tokens(bundle.model).video, None), 3) is None


@pytest.mark.parametrize(("seconds", "expected"), [(10, 24), (60, 24), (120, 16), (240, 8), (900, 4)])
def test_the_longer_the_clip_the_fewer_seconds_stand_in_each_place(bundle, training, monkeypatch, seconds, expected):
    places = []

    def counted(model, own, *replacements):
        places.append(len(replacements))
        return [np.zeros((3, len(own)))] * len(replacements)

    monkeypatch.setattr("sec2sec.explanations.effects.effects_of", counted)
    training_second_effects(SecondMasker(bundle.model, random_tokens(bundle.model, seconds=seconds)), training)
    assert (MAX_CELLS, MIN_IN_PLACE) == (960, 2)
    assert places == [expected]


def test_what_a_model_makes_of_the_sample_is_computed_once(bundle, training):
    both = training.sample.embedded(bundle.model, ["audio", "video"])
    assert training.sample.embedded(bundle.model, ["video", "audio"]) is both
    assert load_training_seconds(bundle) is training
    alone = training.sample.embedded(bundle.model, ["video"])
    assert (alone - both).abs().max() > 1e-3
    assert training.sample.embedded(bundle.model, []).std(0).max() < 1e-6, "all at the training mean"


# ---- what is kept and said -------------------------------------------------------------------------------------------


def test_the_explanation_has_the_reference_its_witness_and_the_distances_everywhere(bundle):
    tokens = random_tokens(bundle.model)
    explanation = EncodedClip(bundle, tokens, summary_of(tokens)).explain()
    names = ["training mean", "neighbouring second", RANDOM_SECONDS, SIMILAR_SECONDS]
    target = explanation.targets["arousal"]
    assert [effects.reference for effects in target.effects] == names
    assert (target.effect_range[0] <= target.effects[2].whole).all()
    assert (target.effects[2].whole <= target.effect_range[1]).all()
    assert "reference" in [witness.name for witness in target.verdict.witnesses]
    written = to_json(explanation)
    assert [place["space"] for place in written["reference_distances"]] == ["picture", "sound", "joint vector"]
    effects = written["targets"]["arousal"]["evidence"]["effects"]
    assert [effect["reference"] for effect in effects] == names
    assert effects[2]["audio"] == [None] * SECONDS
    sent = view_payload(explanation, synthetic.preview(explanation))
    (arousal, *_) = sent["targets"]
    assert [one["reference"] for one in arousal["references"]] == names
    assert arousal["references"][3]["interaction"] == [None] * SECONDS
    listed = [column.name for column in columns(explanation, ["arousal"])]
    assert f"effect, {RANDOM_SECONDS}" in listed
    assert f"effect of the sound, {RANDOM_SECONDS}" not in listed, "nothing was measured"
    assert f"interaction, {SIMILAR_SECONDS}" not in listed
    assert "about the training average" in predictions(explanation, ["arousal"]).lower()
    assert "joint vector" in predictions(explanation, ["arousal"])


def test_a_checkpoint_without_a_sample_says_nothing_of_it(tmp_path):
    bare = tiny_bundle(tmp_path / "bare")
    tokens = random_tokens(bare.model)
    without = [explained(bare, SecondMasker(bare.model, tokens))]
    old = measure_training_seconds(training_clips(), sampled=0)
    assert (old.sample, old.joint) == (None, None)
    save_training_seconds(tmp_path / "bare", old, bare.summary.sha256)
    without.append(explained(bare, SecondMasker(bare.model, tokens)))
    for explanation in without:
        for target in explanation.targets.values():
            assert [effects.reference for effects in target.effects] == ["training mean", "neighbouring second"]
            assert "reference" not in [witness.name for witness in target.verdict.witnesses]
        everything = [as_text(explanation), str(to_json(explanation)), str(columns(explanation, ["arousal"]))]
        everything.append(predictions(explanation, ["arousal"]))
        assert not any(name in text for text in everything for name in (RANDOM_SECONDS, SIMILAR_SECONDS))
    assert without[0].reference_distances == ()
    assert "average second, which" not in predictions(without[0], ["arousal"])
    assert [place.space for place in without[1].reference_distances] == ["picture", "sound"]


def test_the_sample_comes_back_from_the_folder_and_one_that_does_not_fit_is_refused(tmp_path):
    bundle = tiny_bundle(tmp_path / "tiny")
    measured = measure_training_seconds(training_clips(), bundle.model)
    save_training_seconds(tmp_path / "tiny", measured, bundle.summary.sha256)
    back = load_training_seconds(bundle)
    for name, own in measured.sample.tokens.present.items():
        torch.testing.assert_close(back.sample.tokens.present[name], own, rtol=0, atol=0)
    vectors = np.random.default_rng(0).normal(size=(5, 16))
    np.testing.assert_allclose(back.joint.distance(vectors), measured.joint.distance(vectors), rtol=1e-3)
    video, audio = measured.sample.tokens.video, measured.sample.tokens.audio
    for wrong in (Tokens(video[:, :5], audio), Tokens(video[:3], audio), Tokens(video[:0], audio[:0])):
        training = TrainingSeconds(sample=SampledSeconds(wrong))
        save_training_seconds(tmp_path / "tiny", training, bundle.summary.sha256)
        with pytest.raises(CheckpointError, match=f"{FILE}: its sampled seconds do not fit the checkpoint's tokens"):
            load_training_seconds(bundle)


def test_a_system_of_the_whole_clip_has_one_reference_and_keeps_no_seconds(tmp_path):
    model = saved(tmp_path / "whole", "cma")
    whole = load_checkpoint(tmp_path / "whole", "cpu")
    measured = measure_training_seconds(training_clips(), whole.model)
    assert measured.sample is None
    assert measured.joint is None
    tokens = random_tokens(model)
    references = second_effects(masker_of(whole.model, tokens), measure_training_seconds(training_clips()))
    assert [reference[0].reference for reference in references] == ["training mean"]


def test_the_bundled_checkpoint_finds_planted_seconds_against_real_seconds(tmp_path: Path):
    """Seconds of generated clips are the sample; of other clips the planted second has the largest effect."""
    from sec2sec import encode
    from sec2sec.datasets.known_truth import make_clips, read_planted
    from sec2sec.progress import drain

    bundle = load()
    drain(make_clips(tmp_path, 14, 4, "plain", 0.0, 1, lengths=(5, 6)))
    clips = {file.stem: encode(file, bundle) for file in sorted((tmp_path / "clips").iterdir())}
    planted = read_planted(tmp_path)
    names = list(clips)
    training = measure_training_seconds((clips[name].tokens for name in names[:10]), bundle.model)
    for name in names[10:]:
        for reference in training_second_effects(clips[name].masker, training):
            for effects in reference[:2]:
                centred = np.abs(effects.whole - np.median(effects.whole))
                assert planted[name].decisive[int(centred.argmax())], (name, effects.reference)
