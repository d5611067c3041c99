"""The annotated film: what is burnt in, that it moves with time, and that the sound is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import ImageFont

from sec2sec.cli import main
from sec2sec.clip import explain
from sec2sec.config import MediaLimits
from sec2sec.explanations import Explanation, TargetExplanation
from sec2sec.export.headlines import headlines
from sec2sec.media import MediaError, open_clip
from sec2sec.media.playback import browser_can_play
from sec2sec.render.annotate import CARD_SECONDS, annotate
from sec2sec.render.annotated_frames import (
    HEIGHT,
    PLAYHEAD,
    STRIP,
    WIDTH,
    AnnotatedFrames,
    chosen_targets,
    layout,
)
from sec2sec.render.card import closing_card
from sec2sec.render.chart import Chart, plain, shortened, width_of, wrapped
from tests.edits.test_edits import sweep
from tests.helpers import clips
from tests.helpers.models import tiny_bundle

SECONDS = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("annotate")


@pytest.fixture(scope="module")
def bundle(folder):
    return tiny_bundle(folder / "tiny")


@pytest.fixture(scope="module")
def path(folder):
    return clips.make_clip(folder / "clip.mp4", SECONDS, sound=sweep(SECONDS), size=(160, 90))


@pytest.fixture(scope="module")
def explanation(path, bundle):
    return explain(path, bundle)


@pytest.fixture(scope="module")
def film(path, explanation, folder):
    annotate(path, explanation, folder / "film.mp4", overlay=True)
    return folder / "film.mp4"


def frames(film: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(film)) as container:
        return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def playhead(frame: np.ndarray, chart: Chart) -> float:
    """The column of the playhead's colour in the chart."""
    near = np.abs(frame[chart.box.top : chart.bottom].astype(int) - PLAYHEAD).max(-1) < 60
    columns = near.mean(0)
    assert columns.max() > 0.9
    return float(np.average(np.arange(WIDTH), weights=columns > 0.5))


def test_film_plays_in_browsers_with_its_length_and_size(film):
    clip = open_clip(film)
    assert browser_can_play(clip)
    assert (clip.width, clip.height) == (WIDTH, HEIGHT)
    assert clip.duration == pytest.approx(SECONDS + CARD_SECONDS, abs=0.06)


def test_sound_is_kept_in_step(film, path):
    """The delay at which both soundtracks correlate best, and how well."""
    ours, theirs = (np.concatenate([s.samples for s in open_clip(p).seconds()]) for p in (film, path))
    ours, after = ours[: len(theirs)], ours[len(theirs) + 1600 :]
    assert np.abs(after).max(initial=0) < 0.01  # the card has no sound
    lags = np.arange(-400, 401)
    found = [np.corrcoef(ours[400 + lag : len(ours) - 400 + lag], theirs[400:-400])[0, 1] for lag in lags]
    assert max(found) > 0.98
    assert abs(lags[int(np.argmax(found))]) <= 16  # 1 ms


def test_playhead_moves_with_time(film):
    _, _, box, _ = layout(160 / 90, 2, 1)
    chart = Chart(box, SECONDS)
    for time, frame in frames(film)[: 24 * SECONDS : 10]:
        assert playhead(frame, chart) == pytest.approx(chart.x(time + 0.5 / 24), abs=2)


def test_picture_beside_the_chart_is_the_clips_own(path, explanation, tmp_path):
    annotate(path, explanation, tmp_path / "film.mp4")
    box, *_ = layout(160 / 90, 2, 1)
    assert box is not None
    shown = [
        clips.number(f[box.top : box.top + box.height, box.left : box.left + box.width])
        for _, f in frames(tmp_path / "film.mp4")[: 24 * SECONDS]
    ]
    assert shown == list(range(24 * SECONDS))


def card_of(explanation: Explanation) -> np.ndarray:
    return AnnotatedFrames(None, explanation, chosen_targets(explanation, None), None, False).card()


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Mean difference of two pictures, of 255."""
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


def test_the_film_ends_with_the_verdicts_and_begins_without_them(film, explanation):
    shown, card = [frame for _, frame in frames(film)], card_of(explanation)
    assert len(shown) == 24 * (SECONDS + CARD_SECONDS)
    assert max(difference(frame, card) for frame in shown[24 * SECONDS :]) < 1
    assert min(difference(frame, card) for frame in shown[: 24 * SECONDS]) > 5


def test_the_card_says_the_word_and_the_sentence_of_each_target(explanation):
    card = card_of(explanation)
    for name, target in explanation.targets.items():
        if name in explanation.checkpoint.diagnostics:
            continue
        for change in ({"word": "trust"}, {"sentence": "Another sentence about this attention."}):
            other = replace(target, verdict=replace(target.verdict, **change))
            changed = card_of(replace(explanation, targets={**explanation.targets, name: other}))
            assert difference(card, changed) > 0.02, (name, change)


@pytest.mark.parametrize("targets", [1, 2, 5])
def test_the_card_holds_long_sentences_whole(explanation, targets):
    """The words of a sentence of 300 letters are all there: with other last words the card is another one."""
    long = "The attention names the wrong seconds, since other weights change next to nothing of this. " * 3
    one = explanation.targets["arousal"]
    strip, _, _, foot = STRIP, *layout(None, targets, 2)[1:]

    def made(sentence: str) -> np.ndarray:
        said = replace(one, verdict=replace(one.verdict, sentence=sentence, word="careful"))
        many = replace(explanation, targets={f"t{i}": said for i in range(targets)})
        return closing_card((WIDTH, HEIGHT), strip, "clip.mp4", headlines(many, list(many.targets)), foot, ["Model"])

    assert difference(made(long + "It ends so."), made(long + "It ends as ever.")) > 0
    assert (made(long)[foot.top - 10 : foot.top] == made("")[foot.top - 10 : foot.top]).all()  # nothing runs over


def test_names_stand_above_every_frame_large_enough_for_a_telephone(film):
    """Ink at both ends of the strip, as high at 360 px of width as letters that people read there."""
    for _, frame in frames(film)[::24]:
        strip = frame[STRIP.top : STRIP.top + STRIP.height].max(-1) > 150
        for part in (strip[:, STRIP.left : STRIP.left + 120], strip[:, WIDTH - STRIP.left - 110 : WIDTH - STRIP.left]):
            rows = np.flatnonzero(part.any(1))
            assert (rows[-1] - rows[0]) * 360 / WIDTH >= 6


def test_the_name_of_the_clip_is_in_the_strip(explanation):
    other = replace(explanation, clip=replace(explanation.clip, name="another name.mp4"))
    strip = slice(STRIP.top, STRIP.top + STRIP.height)
    assert difference(card_of(explanation)[strip], card_of(other)[strip]) > 1


def with_effect(target: TargetExplanation, effect: list[float]) -> TargetExplanation:
    """The target with another effect of each second."""
    return replace(target, effects=(replace(target.effects[0], whole=np.array(effect)), *target.effects[1:]))


def test_bars_are_as_high_as_the_figures(path, explanation, tmp_path):
    """A second with all of the effect, planted: its bar is there, in the colour and on the side of its sign."""
    planted = with_effect(explanation.targets["arousal"], [0.0, -0.3, 0.0])
    planted = replace(planted, attention=np.array([0.0, 0.0, 1.0]))
    made = replace(explanation, targets={"arousal": planted})
    annotate(path, made, tmp_path / "film.mp4")
    _, frame = frames(tmp_path / "film.mp4")[2]
    _, _, box, _ = layout(160 / 90, 1, 1)
    chart = Chart(box, SECONDS)
    lane = (chart.bottom - box.top - 8) / 2

    def colour(second: float, y: float) -> np.ndarray:
        return frame[round(y), round(chart.x(second))].astype(int)

    assert colour(2.5, box.top + lane / 2).min() > 120  # all of the attention
    assert colour(1.5, box.top + lane / 2).max() < 60  # none
    below, above = (colour(1.5, box.top + lane + 8 + lane * share) for share in (0.75, 0.25))
    assert below[2] > 180 > below[0]  # blue, under the zero line
    assert above.max() < 60


def test_effects_that_are_nothing_do_not_look_tall(path, explanation, tmp_path):
    planted = with_effect(explanation.targets["arousal"], [0.0, 0.0004, -0.0004])
    annotate(path, replace(explanation, targets={"arousal": planted}), tmp_path / "film.mp4")
    _, frame = frames(tmp_path / "film.mp4")[2]
    _, _, box, _ = layout(160 / 90, 1, 1)
    chart = Chart(box, SECONDS)
    lane = (chart.bottom - box.top - 8) / 2
    columns = [round(chart.x(second + 0.5)) for second in (1, 2)]
    inside = frame[round(box.top + lane + 12) : chart.bottom - 4, columns].astype(int)
    assert (np.ptp(inside, axis=-1).max(-1) > 100).sum() <= 3  # at most a line of colour


@pytest.mark.parametrize("shape", ["portrait", "sound", "silent", "partial"])
def test_any_clip_can_be_annotated(shape, folder, bundle, tmp_path):
    kinds = {
        "portrait": {"size": (54, 96)},
        "sound": {"picture": None},
        "silent": {"sound": None},
        "partial": {"seconds": 1.7},
    }
    clip = clips.make_clip(
        folder / f"{shape}.{'m4a' if shape == 'sound' else 'mp4'}", **({"seconds": 1.0} | kinds[shape])
    )
    annotate(clip, explain(clip, bundle), tmp_path / "film.mp4", overlay=True)
    found = open_clip(tmp_path / "film.mp4")
    assert found.has_video
    assert found.has_audio == (shape != "silent")
    assert found.duration == pytest.approx((1.7 if shape == "partial" else 1.0) + CARD_SECONDS, abs=0.06)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["film.mp4"]


@pytest.mark.parametrize("aspect", [None, 0.3, 0.5625, 1.0, 1.33, 1.78, 4.0])
@pytest.mark.parametrize("targets", [1, 2, 3, 5])
def test_nothing_overlaps_or_leaves_the_frame(aspect, targets):
    boxes = [box for box in layout(aspect, targets, 2) if box is not None]
    for box in boxes:
        assert box.left >= 0
        assert box.top >= 0
        assert box.width >= 200 * (box is not boxes[0] or aspect is None)
        assert box.height >= 40
        assert box.left + box.width <= WIDTH
        assert box.top + box.height <= HEIGHT
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            beside = a.left + a.width <= b.left or b.left + b.width <= a.left
            assert beside or a.top + a.height <= b.top or b.top + b.height <= a.top


def test_text_fits_and_has_no_missing_glyphs():
    said = "Überlänge − naïve é 日本 targets with a very long name that goes on and on"
    assert width_of(shortened(said, 200, 16), 16) <= 200
    assert len(wrapped(said * 3, 300, 16, 2)) == 2
    assert plain("p ≤ 0.0167, ρ = −0.4") == "p <= 0.0167, rho = -0.4"
    lines = wrapped("agrees with r\u00a0=\u00a00.97", width_of("agrees with r = 0", 16), 16, 9)
    assert lines == ["agrees with", "r = 0.97"]
    font = ImageFont.load_default(size=16)
    missing = bytes(font.getmask("\U0001f999"))
    assert all(bytes(font.getmask(c)) != missing for c in plain(said) if not c.isspace())


def test_targets_are_chosen_and_checked(explanation):
    assert chosen_targets(explanation, None) == ["arousal", "valence"]  # synchrony is a diagnostic
    assert chosen_targets(explanation, ["synchrony"]) == ["synchrony"]
    for wrong in (["joy"], []):
        with pytest.raises(ValueError, match="choose"):
            chosen_targets(explanation, wrong)


def test_another_file_is_refused(explanation, folder, tmp_path):
    other = clips.make_clip(folder / "other.mp4", SECONDS)
    with pytest.raises(MediaError, match="not the file"):
        annotate(other, explanation, tmp_path / "film.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_film_decodes_no_more_than_its_part_may(path, bundle, tmp_path):
    part = explain(path, bundle, start=1.0, end=2.0)
    frame = 160 * 90
    limits = MediaLimits(max_decoded=70 * frame)  # of 75: the second before the part is decoded on the way to it
    annotate(path, part, tmp_path / "part.mp4", limits=limits)
    with pytest.raises(MediaError, match="choose a shorter part"):
        annotate(path, part, tmp_path / "less.mp4", limits=replace(limits, max_decoded=frame))
    assert [file.name for file in tmp_path.iterdir()] == ["part.mp4"]


def test_command_writes_the_film_of_a_part(path, folder, tmp_path, capsys):
    out = tmp_path / "film.mp4"
    arguments = ["explain", str(path), "--checkpoint", str(folder / "tiny"), "--start", "1", "--annotate", str(out)]
    assert main(arguments) == 0
    assert open_clip(out).duration == pytest.approx(SECONDS - 1 + CARD_SECONDS, abs=0.06)
    assert main([*arguments[:-1], str(tmp_path / "no" / "film.mp4")]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_unwritable_place_says_so(path, explanation, tmp_path):
    with pytest.raises(OSError, match="does not exist"):
        annotate(path, explanation, tmp_path / "gone" / "film.mp4")
