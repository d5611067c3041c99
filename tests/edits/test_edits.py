"""Edits: predictions against full passes, and the rendered film against the plan."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sec2sec import DEMO
from sec2sec.checkpoints import load_checkpoint
from sec2sec.clip import explain
from sec2sec.config import MediaLimits
from sec2sec.edits import (
    Blank,
    Blur,
    ClipTracks,
    Drop,
    EditError,
    Freeze,
    Lab,
    Mute,
    Picture,
    Remove,
    Reorder,
    ShiftSound,
    Sound,
    Soundtrack,
    encode_plan_pictures,
    encode_soundtrack,
    in_words,
    render_plan,
)
from sec2sec.edits.history import History
from sec2sec.encoders.tokens import Tokens
from sec2sec.encoding import encode_seconds
from sec2sec.explanations.difference import explain_difference
from sec2sec.explanations.masker import masker_of
from sec2sec.media import open_clip
from sec2sec.render.movie import LOSSLESS, Quality
from tests.edits.test_plan import sounds
from tests.helpers import clips
from tests.helpers.explaining import encoded
from tests.helpers.models import tiny_bundle

SECONDS = 5
LIMITS = MediaLimits()


def moving(index: int, time: float, width: int, height: int) -> np.ndarray:
    """A coloured gradient that travels: no two frames are alike, and blurring changes all of them."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    wave = 127 + 120 * np.sin((x + 5 * index) / 6 + np.array([0, 1, 2])[:, None, None]) * np.cos(y / 9 + time)
    return np.ascontiguousarray(wave.transpose(1, 2, 0).astype(np.uint8))


def sweep(seconds: float) -> np.ndarray:
    """A tone whose pitch rises: every second sounds different."""
    t = np.arange(round(seconds * clips.SOUND_RATE)) / clips.SOUND_RATE
    return (0.4 * np.sin(2 * np.pi * (200 + 150 * t) * t)).astype(np.float32)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def path(folder):
    return clips.make_clip(folder / "clip.mp4", SECONDS, picture=moving, sound=sweep(SECONDS), size=(192, 128))


@pytest.fixture(scope="module")
def other(folder):
    return clips.make_clip(folder / "other.mp4", 3, sound=clips.tone(3, 900.0))


class Bench:
    """A clip in the lab, as the app has it."""

    def __init__(self, path: Path, bundle) -> None:
        self.bundle, self.found = bundle, encoded(path, bundle)
        self.clip = open_clip(path, frames_per_second=bundle.encoders.config.frames_per_second)
        tracks = ClipTracks.of(self.found.info)
        rate = bundle.encoders.config.frames_per_second
        self.lab = Lab(bundle.model, self.found.tokens, tracks, self.encode, rate)
        self.history = History(self.lab)

    def encode(self, seconds):
        return encode_seconds(seconds, self.bundle.encoders, self.bundle.device)

    def apply(self, *edits) -> None:
        for edit in edits:
            for picture, tokens in encode_plan_pictures(self.clip, self.history.needs(edit), self.encode):
                self.lab.supply(picture, tokens)
            self.history.apply(edit)


@pytest.fixture
def bench(path, bundle):
    return Bench(path, bundle)


# ---- predictions


def full_pass(bench: Bench) -> np.ndarray:
    """The definition: stack the tokens of the plan and run the whole model."""
    model, tokens = bench.bundle.model, bench.found.tokens
    empty = bench.encode(
        [
            replace(
                next(bench.clip.seconds()),
                frames=np.zeros((8, 128, 171, 3), np.uint8),
                samples=np.zeros(16000, np.float32),
            )
        ]
    )
    made = dict(encode_plan_pictures(bench.clip, bench.lab.made(), bench.encode))

    def seen(p: Picture | None) -> torch.Tensor:
        if p is None or p.kind == "mean":
            return model.reference_video
        return empty.video[0] if p.kind == "black" else made[p] if p in made else tokens.video[p.second]

    def heard(s: Sound | None) -> torch.Tensor:
        if s is None or s.kind == "mean":
            return model.reference_audio
        return empty.audio[0] if s.kind == "silence" else tokens.audio[s.second]

    video = torch.stack([seen(second.picture) for second in bench.history.plan])
    audio = torch.stack([heard(second.sound) for second in bench.history.plan])
    with torch.no_grad():
        out = model(video[None], audio[None], torch.ones(1, len(video), dtype=torch.bool))
    return out.logits[0].sigmoid().double().numpy()


EXAMPLES = [
    Mute((1, 2)), Blank((0,)), Freeze((2, 3)), Blur((4,), 0.05), Drop((1,)), ShiftSound(-1), Reorder((2, 1, 0, 4, 3)),
    Remove((3,), "picture"),
]  # fmt: skip


def test_before_any_edit_the_lab_says_what_the_explanation_says(bench):
    said = [target.prediction for target in bench.found.explain().targets.values()]
    assert bench.history.before.prediction == pytest.approx(said, abs=1e-6)
    effects = [target.effect for target in bench.found.explain().targets.values()]
    np.testing.assert_allclose(bench.history.before.effect, effects, atol=1e-6)


@pytest.mark.parametrize("edit", EXAMPLES, ids=in_words)
def test_prediction_of_an_edit_equals_a_full_pass_over_its_tokens(bench, edit):
    bench.apply(edit)
    assert bench.history.after.prediction == pytest.approx(full_pass(bench), abs=1e-5)
    assert not np.array_equal(bench.history.after.prediction, bench.history.before.prediction)


def test_only_changed_seconds_are_joined_again(bench, monkeypatch):
    joined = []
    co_attend = bench.lab.model.co_attend

    def counted(seen, heard, evidence=True):
        joined.append(len(seen))
        return co_attend(seen, heard, evidence)

    monkeypatch.setattr(bench.lab.model, "co_attend", counted)
    bench.apply(Mute((1,)))
    assert max(joined) == 1
    joined.clear()
    bench.apply(Drop((0,)), Reorder((3, 2, 1, 0)))
    assert joined == []


def test_undo_restores_every_bit_and_redo_brings_it_back(bench):
    steps = [bench.history.before]
    for edit in EXAMPLES[:4]:
        bench.apply(edit)
        steps.append(bench.history.after)
    for step in reversed(steps[:-1]):
        bench.history.undo()
        for name in ("prediction", "attention", "effect"):
            assert np.array_equal(getattr(bench.history.after, name), getattr(step, name))
        fresh = bench.lab.step(bench.history.plan)  # computed again, not remembered
        assert np.array_equal(fresh.prediction, step.prediction)
    assert bench.history.plan == bench.lab.start
    for step in steps[1:]:
        bench.history.redo()
        assert np.array_equal(bench.history.after.prediction, step.prediction)
    bench.history.undo()
    bench.apply(Blank((0,)))
    assert bench.history.undone == []  # a new edit ends what could be redone
    bench.history.clear()
    assert np.array_equal(bench.history.after.prediction, steps[0].prediction)
    assert bench.lab.made() == []


def test_changes_of_all_edits_add_up(bench):
    bench.apply(*EXAMPLES[:5])
    total = sum(change for _, change in bench.history.changes())
    assert bench.history.before.prediction + total == pytest.approx(bench.history.after.prediction)


def test_difference_of_two_versions_is_that_of_their_tokens_and_sums_to_the_change_shown(bench, monkeypatch):
    bench.apply(Mute((1, 2)), Blank((2,)), Freeze((3, 4)))
    steps = [bench.history.before, *(done.step for done in bench.history.done)]
    plans = [bench.lab.start, *(done.plan for done in bench.history.done)]
    for first, last in ((0, 3), (1, 2), (3, 1)):
        maskers = [masker_of(bench.lab.model, bench.lab._tokens(plans[end])) for end in (first, last)]
        expected = explain_difference(*maskers)
        found = bench.history.difference(first, last)
        for k, name in enumerate(found):
            np.testing.assert_allclose(found[name].sound, expected[name].sound, atol=1e-6)
            np.testing.assert_allclose(found[name].picture, expected[name].picture, atol=1e-6)
            shown = steps[last].prediction[k] - steps[first].prediction[k]
            assert found[name].whole.sum() == pytest.approx(shown, abs=1e-6)
    whole = bench.history.difference(0, 3)["arousal"]
    assert list(np.flatnonzero(whole.sound_changed)) == [1, 2]
    assert list(np.flatnonzero(whole.picture_changed)) == [2, 3, 4]
    joined = []
    co_attend = bench.lab.model.co_attend
    monkeypatch.setattr(
        bench.lab.model, "co_attend", lambda *given, **more: joined.append(len(given[0])) or co_attend(*given, **more)
    )
    bench.history.difference(0, 3)
    assert joined == [], "every pair of sound and picture was met before"


def test_difference_that_cannot_be_told_is_refused_in_a_sentence(bench, bundle):
    bench.apply(Mute((1,)), Drop((0,)))
    with pytest.raises(EditError, match=r"5 s and the other 4 s: .* no second was dropped"):
        bench.history.difference(0, 2)
    for first, last in ((0, 3), (-1, 1)):
        with pytest.raises(EditError, match="There are 2 edits"):
            bench.history.difference(first, last)
    seconds = 600
    generator = torch.Generator().manual_seed(0)
    means = bundle.model.reference_video, bundle.model.reference_audio
    tokens = Tokens(*(torch.randn(seconds, *mean.shape, generator=generator) for mean in means))
    history = History(Lab(bundle.model, tokens, ClipTracks(seconds), lambda some: tokens, 8))
    history.apply(Reorder(tuple(range(seconds))[::-1]))
    with pytest.raises(EditError, match="differ in 1200 sounds and pictures of 600 s: too many"):
        history.difference(0, 1)


def test_impossible_edit_leaves_everything_as_it_was(bench):
    bench.apply(Mute((0,)))
    before = bench.history.after
    with pytest.raises(EditError):
        bench.apply(Drop(tuple(range(SECONDS))))
    assert bench.history.after is before
    assert len(bench.history.done) == 1


def test_clip_without_sound_takes_a_soundtrack(folder, other, bundle):
    bench = Bench(clips.make_clip(folder / "silent.mp4", 4, sound=None), bundle)
    bench.lab.add_soundtrack("other", encode_soundtrack(other, bench.encode, LIMITS, 4))
    bench.apply(Soundtrack("other"))
    assert sounds(bench.history.plan) == [0, 1, 2, "silence"]
    assert not np.allclose(bench.history.after.prediction, bench.history.before.prediction)
    with pytest.raises(EditError, match="no sound to take"):
        encode_soundtrack(folder / "silent.mp4", bench.encode, LIMITS, 4)


def test_long_clip_has_predictions_without_effects(bundle):
    model = bundle.model
    tokens = Tokens(torch.randn(70, *model.reference_video.shape), torch.randn(70, *model.reference_audio.shape))
    history = History(Lab(model, tokens, ClipTracks(70), lambda seconds: tokens, 8))
    assert history.before.effect is None
    with torch.no_grad():
        whole = model(tokens.video[None], tokens.audio[None], torch.ones(1, 70, dtype=torch.bool)).logits[0].sigmoid()
    assert history.before.prediction == pytest.approx(whole.double().numpy(), abs=1e-5)


# ---- the film


def read(film: Path) -> tuple[np.ndarray, np.ndarray]:
    """(T, 8, 128, 171, 3) and (T, 16000) as the analysis sees and hears the film."""
    seconds = list(open_clip(film).seconds())
    return np.stack([s.frames for s in seconds]), np.stack([s.samples for s in seconds])


def render(bench: Bench, film: Path, **options) -> Path:
    render_plan(bench.clip, bench.history.plan, bench.lab.tracks, film, **options)
    return film


def compare(bench: Bench, film: Path) -> tuple[float, float, float]:
    """Tokens and predictions of the lab against those of the rendered film, analysed as any file.

    → mean |difference| of the visual and of the audio tokens ÷ their root mean square; largest of the predictions.
    """
    again = encoded(film, bench.bundle)
    assert again.info.seconds == len(bench.history.plan)
    plan = bench.lab._tokens(bench.history.plan)

    def apart(a: torch.Tensor, b: torch.Tensor) -> float:
        return float((a - b).abs().mean() / b.square().mean().sqrt())

    said = np.array([target.prediction for target in again.explain().targets.values()])
    return (
        apart(plan.video, again.tokens.video),
        apart(plan.audio, again.tokens.audio),
        float(np.abs(said - bench.history.after.prediction).max()),
    )


@pytest.fixture(scope="module")
def exact(folder, path, bundle):
    """The clip with every pixel as it is (RGB, lossless), so that nothing is lost by writing it once more."""
    source = Bench(path, bundle)
    return render(source, folder / "exact.mkv", quality=LOSSLESS)


@pytest.mark.parametrize(
    "edits",
    [[Freeze((1, 2))], [Blur((2, 3), 0.06)], [Blank((0,)), Drop((2,))], [Reorder((4, 3, 2, 1, 0)), Freeze((3, 4))]],
    ids=str,
)
def test_film_without_loss_has_the_tokens_of_the_lab(exact, bundle, tmp_path, edits):
    """The way over pixels and the way over tokens meet: pictures to rounding, sound but for what resampling smears over
    the cuts (0.5 ms of each second)."""
    bench = Bench(exact, bundle)
    bench.apply(*edits)
    video, audio, prediction = compare(bench, render(bench, tmp_path / "film.mkv", quality=LOSSLESS))
    assert video < 1e-6
    assert audio < 0.01
    assert prediction < 2e-3


def test_muted_and_shifted_film_without_loss_has_the_tokens_of_the_lab(exact, other, bundle, tmp_path):
    bench = Bench(exact, bundle)
    bench.lab.add_soundtrack("other", encode_soundtrack(other, bench.encode, LIMITS, SECONDS))
    bench.apply(Soundtrack("other"), ShiftSound(1), Mute((2,)))
    film = render(bench, tmp_path / "film.mkv", quality=LOSSLESS, soundtracks={"other": other})
    video, audio, prediction = compare(bench, film)
    assert video < 1e-6
    assert audio < 0.01
    assert prediction < 2e-3


@pytest.mark.parametrize(("quality", "tolerance"), [(LOSSLESS, 0.015), (None, 0.06)], ids=["lossless", "H.264 and AAC"])
def test_film_of_a_real_clip_has_the_predictions_of_the_lab(tmp_path, quality, tolerance):
    """A real clip loses a little by being scaled twice (to the film, then to the model), and more by H.264 and AAC.

    The tolerance is of arousal and valence, 0..1. Synchrony has no meaning on a real clip, and hangs by a thread there.
    """
    bench = Bench(DEMO.parents[1] / "assets" / "clips" / "sintel-flight.mp4", load_checkpoint(DEMO, "cpu"))
    bench.apply(Mute((0,)), Blur((3, 4)), Drop((7,)), Freeze((2,)))
    again = explain(render(bench, tmp_path / f"film{(quality or Quality()).suffix}", quality=quality), bench.bundle)
    for k, (name, target) in enumerate(again.targets.items()):
        if name != "synchrony":
            said = target.prediction
            assert said == pytest.approx(bench.history.after.prediction[k], abs=tolerance), name


def test_silence_of_one_second_does_not_leak_into_its_neighbours(bench):
    """MFCC are computed a second at a time: muting second 2 leaves the tokens of 1 and 3 alone, bit for bit."""
    seconds = list(bench.clip.seconds())
    muted = [replace(s, samples=np.zeros_like(s.samples)) if s.index == 2 else s for s in seconds]
    a, b = bench.encode(seconds).audio, bench.encode(muted).audio
    assert torch.equal(a[[0, 1, 3, 4]], b[[0, 1, 3, 4]])
    assert not torch.equal(a[2], b[2])


def test_film_in_h264_shows_and_sounds_as_planned(bench, tmp_path):
    bench.apply(Mute((1,)), Blank((3,)), Freeze((4,)))
    frames, samples = read(render(bench, tmp_path / "film.mp4"))
    whole, sound = read(bench.clip.path)
    assert len(frames) == SECONDS
    assert np.abs(samples[1][800:-800]).max() < 1e-3  # AAC smears 21 ms over a cut
    assert frames[3].max() < 8
    assert np.ptp(frames[4].astype(int), axis=0).max() <= 12
    assert np.abs(frames[0].astype(int) - whole[0]).mean() < 4
    for i in (0, 2, 3, 4):
        assert np.corrcoef(samples[i], sound[i])[0, 1] > 0.98


def test_film_of_a_partial_clip_without_sound_or_picture_and_turned(folder, bundle, tmp_path):
    partial = Bench(clips.make_clip(folder / "part.mp4", 2.6, picture=moving, size=(90, 66), rotation=90), bundle)
    partial.apply(Mute((0,)))
    film = open_clip(render(partial, tmp_path / "part.mp4"))
    assert film.duration == pytest.approx(2.6, abs=0.06)
    assert (film.width, film.height) == (66, 90)
    silent = Bench(clips.make_clip(folder / "mute.mp4", 2, sound=None), bundle)
    silent.apply(Blank((1,)))
    assert not open_clip(render(silent, tmp_path / "mute.mp4")).has_audio
    blind = Bench(clips.make_clip(folder / "blind.m4a", 2, picture=None), bundle)
    blind.apply(Mute((1,)))
    film = open_clip(render(blind, tmp_path / "blind.mp4"))
    assert not film.has_video
    assert film.duration == pytest.approx(2, abs=0.06)


def test_removed_seconds_cannot_be_watched(bench, tmp_path):
    bench.apply(Remove((0,)))
    with pytest.raises(EditError, match="cannot be played"):
        render(bench, tmp_path / "film.mp4")
    assert list(tmp_path.iterdir()) == []


def test_stopping_a_film_leaves_nothing(bench, tmp_path):
    class StopError(Exception):
        pass

    told = []

    def progress(share: float) -> None:
        told.append(share)
        if share > 0.3:
            raise StopError

    with pytest.raises(StopError):
        render(bench, tmp_path / "film.mp4", progress=progress)
    assert all(a < b for a, b in itertools.pairwise(told))
    assert list(tmp_path.iterdir()) == []
