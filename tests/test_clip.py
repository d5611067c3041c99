"""A clip is encoded once and asked many times: every answer agrees with the explanation and with the definition."""

from __future__ import annotations

import base64
import dataclasses
import json

import numpy as np
import pytest

import sec2sec
import sec2sec.clip as module
from sec2sec.baselines import SYSTEMS
from sec2sec.checkpoints import load_checkpoint
from sec2sec.clip import AskError, EncodedClip, encode, explain
from sec2sec.explanations.methods import METHODS
from sec2sec.explanations.verdict import NO_ATTENTION
from sec2sec.export.as_json import to_json
from sec2sec.media import MediaError
from tests.edits.test_edits import moving, sweep
from tests.helpers import clips
from tests.helpers.explaining import full_pass
from tests.helpers.models import tiny_bundle
from tests.helpers.systems import saved

SECONDS = 6
TARGETS = ("arousal", "valence", "synchrony")
COLUMNS = [
    "target", "second", "start", "end", "attention", "verdict", "effect", "effect_audio", "effect_video", "interaction",
    "effect_low", "effect_high", "shapley_audio", "shapley_video", "conflict", "integrated_gradients",
    "attention_beyond_start", "attention_beyond_end",
]  # fmt: skip
NEIGHBOUR = ["effect_neighbour", "effect_audio_neighbour", "effect_video_neighbour", "interaction_neighbour"]
OF_THE_CLIP = ["entropy", "out_of_distribution"]
FEATURES = ["loudness", "motion", "cuts", "brightness", "saturation", "tempo", "onset_strength", "speech"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clip")


@pytest.fixture(scope="module")
def bundle(folder):
    return tiny_bundle(folder / "tiny")


@pytest.fixture(scope="module")
def path(folder):
    return clips.make_clip(folder / "clip.mp4", SECONDS, fps=8, picture=moving, sound=sweep(SECONDS))


@pytest.fixture(scope="module")
def clip(path, bundle) -> EncodedClip:
    return encode(path, bundle)


@pytest.fixture(scope="module")
def explanation(clip):
    return clip.explain()


def values(predictions: dict[str, float]) -> np.ndarray:
    assert tuple(predictions) == TARGETS
    return np.array(list(predictions.values()))


# ---- what is asked agrees with the explanation


def test_the_prediction_is_that_of_the_explanation_and_of_a_full_pass(clip, bundle, explanation):
    assert clip.targets == tuple(explanation.targets) == TARGETS
    predictions = values(clip.predict())
    np.testing.assert_allclose(predictions, [t.prediction for t in explanation.targets.values()], atol=1e-6)
    np.testing.assert_allclose(predictions, full_pass(bundle.model, clip.tokens.video, clip.tokens.audio), atol=1e-5)


@pytest.mark.parametrize("name", TARGETS)
def test_effects_under_each_reference_are_those_of_the_explanation(clip, explanation, name):
    target = explanation.targets[name]
    both = [clip.effects(name), clip.effects(name, "neighbouring second")]
    assert [effects.reference for effects in both] == ["training mean", "neighbouring second"]
    for effects, shown in zip(both, target.effects, strict=True):
        for part in ("whole", "audio", "video", "interaction"):
            np.testing.assert_array_equal(getattr(effects, part), getattr(shown, part))
    assert np.abs(both[0].whole - both[1].whole).max() > 1e-4, "or the two references were one"


@pytest.mark.parametrize("name", TARGETS)
def test_other_questions_of_a_target_are_answered_as_in_the_explanation(clip, explanation, name):
    target = explanation.targets[name]
    np.testing.assert_array_equal(clip.attention(name), target.attention)
    assert clip.attention(name).sum() == pytest.approx(1)
    assert clip.verdict(name) is target.verdict
    assert clip.shapley(name) is target.shapley
    assert clip.shapley(name).sound + clip.shapley(name).picture == pytest.approx(
        target.prediction - target.baseline, abs=1e-5
    )


@pytest.mark.parametrize("name", TARGETS)
def test_scores_of_each_method_are_the_figures_of_the_explanation(clip, explanation, name):
    target = explanation.targets[name]
    gradients = target.gradients
    expected = {
        "attention": target.attention,
        "occlusion (training mean)": target.effect,
        "occlusion (neighbour)": target.effects[1].whole,
        "integrated gradients": gradients.integrated,
        "gradient × attention": gradients.relevance_video.sum(1) + gradients.relevance_audio.sum(1),
        "last first": np.arange(1.0, SECONDS + 1),
    }
    assert list(expected) == list(METHODS)
    for method, figures in expected.items():
        np.testing.assert_allclose(clip.scores(method, name), figures, atol=1e-6)


def test_co_attention_is_that_of_the_explanation(clip, explanation):
    for field in dataclasses.fields(explanation.co_attention):
        ours, shown = (getattr(of, field.name) for of in (clip.co_attention, explanation.co_attention))
        np.testing.assert_array_equal(ours, shown)
    assert clip.co_attention.video_from_audio.shape == (SECONDS, 2, 72, 32)


def test_gradients_on_tokens_and_places_are_of_the_tokens_of_the_clip(clip, bundle):
    gradients = clip.token_gradients("valence")
    assert (gradients.video.shape, gradients.audio.shape) == ((SECONDS, 72), (SECONDS, 32))
    places = clip.places(3)
    assert places.second == 3
    video, audio = clip.tokens.video.clone(), clip.tokens.audio
    video[3, 40] = bundle.model.reference_video[40]
    expected = values(clip.predict()) - full_pass(bundle.model, video, audio)
    np.testing.assert_allclose(places.video[40], expected, atol=1e-6)


def test_the_explanation_is_made_once(clip, explanation):
    assert clip.explain() is explanation
    assert clip.verdict("arousal") is explanation.targets["arousal"].verdict


# ---- the same clip without something, or with something else


@pytest.mark.parametrize(("modality", "part"), [(None, "effect"), ("audio", "effect_audio"), ("video", "effect_video")])
def test_without_a_second_the_prediction_is_less_by_its_effect(clip, explanation, modality, part):
    for second in (0, 3, SECONDS - 1):
        expected = [target.prediction - getattr(target, part)[second] for target in explanation.targets.values()]
        np.testing.assert_allclose(values(clip.without([second], modality).predict()), expected, atol=1e-6)


def test_without_several_seconds_the_prediction_is_that_of_a_full_pass(clip, bundle):
    video, audio = clip.tokens.video.clone(), clip.tokens.audio.clone()
    for second in (1, 4):
        video[second], audio[second] = bundle.model.reference_video, bundle.model.reference_audio
    expected = full_pass(bundle.model, video, audio)
    np.testing.assert_allclose(values(clip.without([4, 1]).predict()), expected, atol=1e-5)
    np.testing.assert_allclose(values(clip.without([4]).without([1]).predict()), expected, atol=1e-5)


def test_without_everything_the_prediction_is_the_baseline(clip, explanation):
    baseline = [target.baseline for target in explanation.targets.values()]
    np.testing.assert_allclose(values(clip.without().predict()), baseline, atol=1e-6)
    np.testing.assert_allclose(
        values(clip.without(modality="audio").without(modality="video").predict()), baseline, atol=1e-6
    )


def test_without_all_of_the_sound_its_shapley_value_is_what_the_two_orders_say(clip):
    whole, nothing = values(clip.predict()), values(clip.without().predict())
    silent, blind = (values(clip.without(modality=gone).predict()) for gone in ("audio", "video"))
    for k, name in enumerate(TARGETS):
        sound = ((blind - nothing) + (whole - silent))[k] / 2
        assert clip.shapley(name).sound == pytest.approx(sound, abs=1e-6)


def test_without_no_second_nothing_changes(clip):
    assert clip.without([]).predict() == clip.predict()


@pytest.mark.parametrize("modality", [None, "audio", "video"])
def test_a_second_in_its_own_place_changes_nothing(clip, modality):
    for second in range(SECONDS):
        assert clip.replace(second, second, modality).predict() == clip.predict()


@pytest.mark.parametrize(("modality", "part"), [(None, "whole"), ("audio", "audio"), ("video", "video")])
def test_the_second_before_in_its_place_takes_away_the_neighbouring_effect(clip, modality, part):
    whole = values(clip.predict())
    for second in range(SECONDS):
        neighbour = second - 1 if second else 1
        effects = [getattr(clip.effects(name, "neighbouring second"), part)[second] for name in TARGETS]
        replaced = values(clip.replace(second, neighbour, modality).predict())
        np.testing.assert_allclose(replaced, whole - effects, atol=1e-6)


def test_a_second_of_another_clip_takes_its_place(clip, bundle, folder):
    other = encode(clips.make_clip(folder / "other.mp4", 2, fps=8, sound=clips.tone(2, 900.0)), bundle)
    video, audio = clip.tokens.video.clone(), clip.tokens.audio.clone()
    audio[2] = other.tokens.audio[1]
    replaced = clip.replace(2, 1, "audio", source=other)
    np.testing.assert_allclose(values(replaced.predict()), full_pass(bundle.model, video, audio), atol=1e-5)
    assert replaced.predict() != clip.predict()


def test_a_changed_clip_leaves_the_first_as_it_was_and_can_be_asked_everything(clip, explanation):
    before = clip.predict(), clip.tokens.video.clone(), clip.tokens.audio.clone()
    changed = clip.without([1]).replace(0, 3, "video")
    again = changed.explain()
    assert again.targets["arousal"].prediction == pytest.approx(changed.predict()["arousal"], abs=1e-6)
    assert again.targets["arousal"].effect[1] == pytest.approx(0, abs=1e-6), "it is at the training mean already"
    assert again.targets["arousal"].effect[3] != pytest.approx(explanation.targets["arousal"].effect[3], abs=1e-4)
    assert len(changed.places(0).video) == 72
    assert (clip.predict(), clip.explain()) == (before[0], explanation)
    assert clip.tokens.video.equal(before[1])
    assert clip.tokens.audio.equal(before[2])


def test_a_clip_that_lacks_a_modality_goes_on_to_lack_it_until_it_is_given_some(clip, bundle, folder):
    silent = encode(clips.make_clip(folder / "silent.mp4", 3, fps=8, sound=None), bundle)
    assert "no sound" in silent.co_attention.absent
    changed = silent.without([1])
    assert changed.tokens.audio is None
    assert changed.co_attention.absent == silent.co_attention.absent
    assert not changed.info.has_audio
    heard = silent.replace(0, 2, "audio", source=clip)
    assert heard.info.has_audio
    assert heard.predict() != silent.predict()
    assert heard.without([0], "audio").predict() == pytest.approx(silent.predict(), abs=1e-6)


# ---- encoded once


def test_no_question_runs_the_encoders_again(path, bundle, monkeypatch):
    batches: list[int] = []
    whole = module.encode_seconds
    monkeypatch.setattr(
        module, "encode_seconds", lambda batch, *more: batches.append(len(batch)) or whole(batch, *more)
    )
    runs: list[str] = []
    for name in ("encode_video", "encode_audio"):
        monkeypatch.setattr(bundle.encoders, name, counted(getattr(bundle.encoders, name), name, runs))
    clip = encode(path, bundle)
    assert (batches, runs) == ([SECONDS], ["encode_video", "encode_audio"])
    for name in clip.targets:
        clip.effects(name, "neighbouring second"), clip.attention(name), clip.verdict(name), clip.shapley(name)
        [clip.scores(method, name) for method in METHODS]
    clip.token_gradients("arousal"), clip.places(0), clip.co_attention
    changed = clip.without([1], "audio").replace(0, 2, source=clip)
    changed.predict(), changed.explain(), clip.explain().to_frame(), clip.explain().to_json(maps="heads")
    assert (batches, runs) == ([SECONDS], ["encode_video", "encode_audio"])


def counted(function, name: str, runs: list[str]):
    def run(*arguments):
        runs.append(name)
        return function(*arguments)

    return run


def test_a_part_of_a_file_is_that_part_of_the_clip(path, bundle, clip):
    part = encode(path, bundle, start=2.0, end=5.0)
    assert (part.info.seconds, part.info.start, part.info.duration) == (3, 2.0, pytest.approx(3, abs=0.05))
    np.testing.assert_allclose(part.tokens.video, clip.tokens.video[2:5], atol=1e-4, rtol=1e-4)
    assert set(part.predict()) == set(TARGETS)


def test_encoding_says_what_took_how_long_and_explaining_adds_to_it(clip, explanation):
    assert set(explanation.seconds_taken) == {"decoding", "encoding", "explaining"}
    assert explanation.seconds_taken["encoding"] == clip.seconds_taken["encoding"] > 0
    assert explanation.seconds_taken["explaining"] > clip.seconds_taken["explaining"] > 0


def test_the_functions_of_the_package_stay_functions_however_often_they_are_called(path, bundle, folder, explanation):
    """A module of the same name would take their place as soon as it is imported."""
    for checkpoint in (bundle, folder / "tiny"):
        predictions = sec2sec.encode(path, checkpoint).predict()
        again = sec2sec.explain(path, checkpoint)
        for name, target in explanation.targets.items():
            assert predictions[name] == pytest.approx(target.prediction, abs=1e-6)
            assert again.targets[name].prediction == pytest.approx(target.prediction, abs=1e-6)


def test_a_file_that_cannot_be_used_is_a_media_error(folder, bundle):
    (folder / "no.mp4").write_text("not a clip")
    for function in (encode, explain):
        with pytest.raises(MediaError, match=r"no\.mp4"):
            function(folder / "no.mp4", bundle)


# ---- wrong questions


def sentence(question, *words: str) -> None:
    """The question is refused in one sentence with these words."""
    with pytest.raises(AskError) as refused:
        question()
    text = str(refused.value)
    assert "\n" not in text
    for word in words:
        assert word in text


@pytest.mark.parametrize("ask", ["attention", "effects", "verdict", "shapley", "token_gradients"])
def test_an_unknown_target_is_refused_with_those_that_there_are(clip, ask):
    sentence(lambda: getattr(clip, ask)("joy"), "joy", *TARGETS)


def test_an_unknown_target_of_scores_is_refused_with_those_that_there_are(clip):
    sentence(lambda: clip.scores("attention", "joy"), "joy", *TARGETS)


def test_an_unknown_method_is_refused_with_those_that_there_are(clip):
    sentence(lambda: clip.scores("LIME", "arousal"), "LIME", *METHODS)


def test_an_unknown_reference_is_refused_with_those_that_there_are(clip):
    sentence(lambda: clip.effects("arousal", "black"), "black", "training mean", "neighbouring second")


def test_an_unknown_modality_is_refused_with_those_that_there_are(clip):
    sentence(lambda: clip.without([1], "sound"), "sound", "audio", "video")
    sentence(lambda: clip.replace(1, 0, "picture"), "picture", "audio", "video")


@pytest.mark.parametrize("second", [-1, SECONDS, 99])
def test_a_second_outside_the_clip_is_refused_with_those_that_there_are(clip, second):
    for question in (
        lambda: clip.places(second),
        lambda: clip.without([0, second]),
        lambda: clip.replace(second, 0),
        lambda: clip.replace(0, second),
    ):
        sentence(question, "clip.mp4", f"0 to {SECONDS - 1}", f"not {second}")


def test_a_source_of_other_encoders_is_refused_with_both_names(clip, folder):
    saved(folder / "vivit", "vivit")
    path = clips.make_clip(folder / "elsewhere.mp4", 2)
    other = encode(path, load_checkpoint(folder / "vivit", "cpu"))
    sentence(lambda: clip.replace(0, 1, source=other), "clip.mp4", "elsewhere.mp4", "other encoders")


# ---- what is written


def test_the_json_is_that_of_the_explanation(explanation, folder):
    for maps in ("none", "mean", "heads"):
        text = explanation.to_json(folder / f"{maps}.json", maps)
        assert json.loads(text) == to_json(explanation, maps)
        assert (folder / f"{maps}.json").read_text(encoding="utf-8") == text
    assert json.loads(explanation.to_json()) == to_json(explanation)
    assert json.loads(explanation.to_json(), parse_constant=pytest.fail)["clip"]["seconds"] == SECONDS


def test_the_table_has_a_row_per_target_and_second_with_the_very_numbers(explanation):
    table = explanation.to_frame()
    assert list(table.columns) == COLUMNS + NEIGHBOUR + OF_THE_CLIP + FEATURES
    assert len(table) == len(TARGETS) * SECONDS
    assert table["target"].tolist() == np.repeat(TARGETS, SECONDS).tolist()
    for name, target in explanation.targets.items():
        rows = table[table["target"] == name]
        assert rows["second"].tolist() == rows["start"].tolist() == list(range(SECONDS))
        np.testing.assert_allclose(rows["end"], np.arange(1, SECONDS + 1), atol=0.1)
        assert rows["end"].iloc[-1] == pytest.approx(explanation.clip.duration)
        expected = {
            "attention": target.attention,
            "effect": target.effect,
            "effect_audio": target.effect_audio,
            "effect_video": target.effect_video,
            "interaction": target.effect - target.effect_audio - target.effect_video,
            "effect_low": np.minimum(*(effects.whole for effects in target.effects)),
            "effect_high": np.maximum(*(effects.whole for effects in target.effects)),
            "shapley_audio": target.shapley.sound_seconds,
            "shapley_video": target.shapley.picture_seconds,
            "integrated_gradients": target.gradients.integrated,
            "entropy": explanation.co_attention.entropy,
        }
        assert set(rows["verdict"]) == {target.verdict.word}
        for column, figures in expected.items():
            np.testing.assert_array_equal(rows[column], figures, err_msg=column)
        for feature in explanation.features:
            np.testing.assert_array_equal(rows[feature.name.replace(" ", "_")], feature.values)
    assert [feature.name.replace(" ", "_") for feature in explanation.features] == FEATURES


def test_the_table_ends_a_partial_second_where_the_clip_ends_and_says_what_is_unlike(folder, bundle):
    sound = np.concatenate([clips.tone(1.6), np.zeros(clips.SOUND_RATE, np.float32)])
    path = clips.make_clip(folder / "partial.mov", 2.6, fps=10, sound=sound, audio_codec="pcm_s16le")
    table = explain(path, bundle).to_frame()
    rows = table[table["target"] == "arousal"]
    assert rows["end"].tolist() == [1, 2, pytest.approx(2.6, abs=0.05)]
    words = rows["out_of_distribution"].tolist()
    assert "silent" not in words[0]
    assert "silent: there is no sound above −60 dB" in words[2]
    assert "partial" in words[2]


# ---- systems of another kind


@pytest.fixture(scope="module", params=["vivit", "cma", "avm"])
def whole_clip(request, folder) -> EncodedClip:
    saved(folder / request.param, request.param)
    path = clips.make_clip(folder / f"{request.param}.mp4", 4, fps=8, picture=moving, sound=sweep(4))
    return encode(path, load_checkpoint(folder / request.param, "cpu"))


def test_a_whole_clip_system_answers_what_it_can(whole_clip):
    clip, explanation, system = whole_clip, whole_clip.explain(), whole_clip.model.system
    whole = clip.predict()
    for name, target in explanation.targets.items():
        assert whole[name] == pytest.approx(target.prediction, abs=1e-6)
        np.testing.assert_array_equal(clip.effects(name).whole, target.effect)
        assert clip.verdict(name) is target.verdict
        assert clip.shapley(name).sound + clip.shapley(name).picture == pytest.approx(
            target.prediction - target.baseline, abs=1e-5
        )
        for second, modality, part in ((0, None, "effect"), (2, "audio", "effect_audio"), (3, "video", "effect_video")):
            without = clip.without([second], modality).predict()[name]
            assert without == pytest.approx(target.prediction - getattr(target, part)[second], abs=1e-5)
        assert clip.without().predict()[name] == pytest.approx(target.baseline, abs=1e-5)
        assert clip.replace(1, 1).predict()[name] == whole[name]
        assert (clip.attention(name) is None) == (not system.has_temporal_attention)
        assert (clip.verdict(name).sentence == NO_ATTENTION) == (not system.has_temporal_attention)
        if system.has_temporal_attention:
            np.testing.assert_array_equal(clip.scores("attention", name), target.attention)
        np.testing.assert_array_equal(clip.scores("occlusion (training mean)", name), target.effect)
        for method in ("occlusion (neighbour)", "integrated gradients", "gradient × attention"):
            assert clip.scores(method, name) is None


def test_what_a_whole_clip_system_cannot_be_asked_is_refused_with_its_title(whole_clip):
    clip, title = whole_clip, whole_clip.model.system.title
    sentence(lambda: clip.places(0), title, "whole clip")
    sentence(lambda: clip.token_gradients("arousal"), title, "whole clip")
    sentence(lambda: clip.effects("arousal", "neighbouring second"), "neighbouring second", "training mean")
    sentence(lambda: clip.effects("joy"), "joy", "arousal")
    assert title in clip.co_attention.absent


def test_the_table_of_a_whole_clip_system_leaves_empty_what_it_cannot_say(whole_clip):
    explanation = whole_clip.explain()
    table = explanation.to_frame()
    assert list(table.columns) == COLUMNS + OF_THE_CLIP + FEATURES
    assert len(table) == 3 * 4
    for column in ("integrated_gradients", "entropy"):
        assert table[column].isna().all()
    assert table["attention"].isna().all() == (not whole_clip.model.system.has_temporal_attention)
    for name, target in explanation.targets.items():
        rows = table[table["target"] == name]
        for column in ("effect", "effect_low", "effect_high"):
            np.testing.assert_array_equal(rows[column], target.effect)
    assert json.loads(explanation.to_json())["checkpoint"]["system"] == SYSTEMS[whole_clip.model.system.name].title


def test_the_page_of_an_explanation_holds_its_figures_and_asks_no_network(explanation, path, tmp_path):
    explanation.to_html(tmp_path / "page.html", video=path)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert explanation.clip.name in page
    assert base64.b64encode(path.read_bytes()).decode() in page
    assert "default-src 'none'" in page
    explanation.to_html(tmp_path / "page.html")
    assert "The clip itself is not in this page." in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_an_explanation_of_an_edited_clip_has_no_page_and_says_why(clip, tmp_path):
    with pytest.raises(AskError, match="without a file"):
        clip.without([0]).explain().to_html(tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_a_plot_shows_the_effect_of_each_second_on_its_target(explanation):
    figure = explanation.plot("valence")
    shown = [y for trace in figure.data for y in (trace.y if trace.y is not None else ())]
    for value in explanation.targets["valence"].effect:
        assert min(abs(value - y) for y in shown if y is not None) < 1e-6
    with pytest.raises(AskError, match="boredom"):
        explanation.plot("boredom")


def test_the_page_of_a_part_plays_the_file_from_where_the_part_begins(bundle, path, tmp_path):
    explain(path, bundle, start=2.0).to_html(tmp_path / "page.html", video=path)
    assert '"offset":2.0' in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_page_never_replaces_the_recording_that_it_shows(explanation, path, tmp_path):
    own = tmp_path / "own.mp4"
    own.write_bytes(path.read_bytes())
    with pytest.raises(AskError, match="replace the video"):
        explanation.to_html(own, video=own)
    assert own.read_bytes() == path.read_bytes()
