"""The bench of real film: its windows, its encodings and its counts, on small inputs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from bench.real_film import (
    ENCODINGS,
    change_row,
    extreme,
    flips,
    loudness,
    mean_changes,
    motion,
    paired_windows,
    real_order,
    reencoded,
    starts,
    windows,
)
from sec2sec import DEMO, load
from sec2sec.clip import encode_steps, explain
from sec2sec.media import open_clip
from sec2sec.progress import drain
from tests.helpers.clips import make_clip, tone

TRAILER = Path("assets/clips/sintel-trailer.mp4")


def waves(index: int, time: float, width: int, height: int) -> np.ndarray:
    """A moving pattern fine enough that a coarse encoding loses some of it."""
    y, x = np.mgrid[:height, :width]
    planes = [128 + 90 * np.sin(x / (3 + c) + 5 * time) * np.cos(y / (4 + c) - index / 7) for c in range(3)]
    return np.stack(planes, -1).astype(np.uint8)


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """Four seconds with a moving pattern and a tone, in H.264 and AAC."""
    sound = 0.5 * tone(4, 440.0, rate=48_000)
    return make_clip(
        tmp_path_factory.mktemp("film") / "film.mp4",
        seconds=4,
        fps=24,
        size=(320, 270),
        picture=waves,
        sound=np.stack([sound, 0.5 * sound], 1),
        rate=48_000,
        layout="stereo",
    )


@pytest.fixture(scope="module")
def trailer():
    """The longest example clip, encoded by the bundled checkpoint up to its 13th second."""
    return drain(encode_steps(TRAILER, load(DEMO, "cpu"), end=13))


def test_windows_begin_at_every_second_that_leaves_ten_and_a_short_clip_is_one():
    assert [len(starts(seconds)) for seconds in (1, 9, 10, 11, 52)] == [1, 1, 1, 2, 43]
    assert starts(52, 10) == [0, 10, 20, 30, 40]


def test_a_window_of_a_clip_is_predicted_as_that_part_of_the_file(trailer):
    found = windows(trailer)
    assert [window.info.seconds for window in found] == [10] * 4
    part = explain(TRAILER, trailer.model, start=3, end=13)
    for name, value in found[3].predict().items():
        assert value == pytest.approx(part.targets[name].prediction, abs=5e-3)  # the sound is resampled from there


def test_extreme_is_the_share_beyond_both_ends_and_changes_are_means_by_target():
    assert extreme(np.array([0.05, 0.1, 0.5, 0.9, 0.95])) == pytest.approx(0.4)
    changes = mean_changes({"a": np.array([0.2, 0.4])}, {"a": np.array([0.3, 0.1])})
    assert changes["a"] == pytest.approx(0.2)


def test_a_change_is_that_of_the_target_that_changes_most(trailer):
    quiet = trailer.without([2, 5])
    row = change_row("x", ["arousal", "valence"], [trailer], [quiet])
    pairs = [(a.predict(), b.predict()) for a, b in paired_windows(trailer, quiet)]
    means = {name: np.mean([abs(a[name] - b[name]) for a, b in pairs]) for name in ("arousal", "valence")}
    assert row.value == pytest.approx(max(means.values()), abs=1e-6)
    assert max(means, key=means.get) in row.name
    assert change_row("x", ["arousal", "valence"], [trailer], [trailer]).holds


def test_words_that_flip_are_counted_by_target():
    def clip(**words: str) -> SimpleNamespace:
        return SimpleNamespace(verdict=lambda name: SimpleNamespace(word=words[name]))

    pairs = [
        (clip(a="trust", b="careful"), clip(a="trust", b="trust")),
        (clip(a="trust", b="trust"), clip(a="do not trust", b="careful")),
    ]
    assert flips(["a", "b"], pairs) == {"a": 0.5, "b": 1.0}


def frames_of(path: Path) -> np.ndarray:
    with av.open(str(path)) as file:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]).astype(float)


def packets_of(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as file:
        stream = (file.streams.video if kind == "video" else file.streams.audio)[0]
        return [bytes(packet) for packet in file.demux(stream) if packet.dts is not None]


def rms(path: Path) -> float:
    """In dB, of the whole seconds between the first and the last."""
    samples = np.concatenate([second.samples for second in open_clip(path).seconds()][1:-1])
    return float(20 * np.log10(np.sqrt(np.mean(samples**2))))


@pytest.mark.parametrize("title", ["crf 35", "240p"])
def test_a_picture_that_is_encoded_again_keeps_its_frames_and_its_sound(film, tmp_path, title):
    out = reencoded(film, title, ENCODINGS[title], tmp_path)
    assert packets_of(out, "audio") == packets_of(film, "audio")
    before, after = frames_of(film), frames_of(out)
    assert len(after) == len(before)
    assert after.shape[1] == (240 if title == "240p" else 270)
    assert after.shape[2] == (284 if title == "240p" else 320)
    if title == "crf 35":
        assert 0 < np.abs(after - before).mean() < 10


@pytest.mark.parametrize(("title", "change"), [("+3 dB", 3.0), ("−3 dB", -3.0), ("mono", 0.0)])
def test_a_sound_that_is_encoded_again_has_another_level_or_one_channel_and_keeps_the_picture(
    film, tmp_path, title, change
):
    out = reencoded(film, title, ENCODINGS[title], tmp_path)
    assert packets_of(out, "video") == packets_of(film, "video")
    assert rms(out) - rms(film) == pytest.approx(change, abs=0.15)
    with av.open(str(out)) as file:
        assert file.streams.audio[0].layout.name == ("mono" if title == "mono" else "stereo")
    assert len(list(open_clip(out).seconds())) == len(list(open_clip(film).seconds()))
    made = out.stat().st_mtime_ns
    assert reencoded(film, title, ENCODINGS[title], tmp_path).stat().st_mtime_ns == made, "it is made once"


def test_order_is_the_rank_correlation_over_windows_that_do_not_overlap(trailer):
    clip = Path("assets/clips/sintel-flight.mp4")
    flight = drain(encode_steps(clip, trailer.model))
    rho, count = real_order([TRAILER, clip], [trailer, flight])
    assert count == 2
    seconds = [list(open_clip(path).seconds())[:10] for path in (TRAILER, clip)]
    louder, faster = (np.diff([f(own) for own in seconds])[0] > 0 for f in (loudness, motion))
    assert louder == faster, "both cues order these two alike"
    first, other = (windows(one, 10)[0].predict()["arousal"] for one in (trailer, flight))
    assert rho == pytest.approx(1.0 if (other > first) == louder else -1.0)
