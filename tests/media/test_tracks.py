"""Files with several tracks: the one that the file means, or the one that was chosen."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from av.stream import Disposition

import sec2sec
from sec2sec.config import DEFAULT_TRACKS, MediaLimits, TrackChoice
from sec2sec.media import MediaError, open_clip
from sec2sec.media.isolated import Decoders, probe_clip
from sec2sec.media.playback import browser_can_play
from sec2sec.ui.chosen_clip import probe_upload
from sec2sec.ui.inspect_screen import track_choices
from sec2sec.ui.settings import Settings
from tests.helpers.clips import make_clip, make_tracks
from tests.helpers.commands import run
from tests.helpers.models import save_tiny
from tests.helpers.reading import read, refusal

COMMENTARY = (300.0, {"language": "eng", "title": "Director's commentary"}, Disposition.comment)
FILM = (1200.0, {"language": "deu"}, Disposition.default)


@pytest.fixture(scope="module")
def several(tmp_path_factory) -> Path:
    """Two pictures; commentary first, the film's own sound second and default."""
    return make_tracks(tmp_path_factory.mktemp("tracks") / "two.mkv", [60, 200], [COMMENTARY, FILM])


def pitch(seconds: list) -> int:
    return int(np.abs(np.fft.rfft(seconds[1].samples)).argmax())


def test_of_two_tracks_the_one_marked_default_is_heard(several):
    assert pitch(read(several)[1]) == 1200


@pytest.mark.parametrize(("number", "frequency"), [(1, 300), (2, 1200)])
def test_a_chosen_sound_is_heard(several, number, frequency):
    clip, seconds = read(several, tracks=TrackChoice(audio=number))
    assert pitch(seconds) == frequency
    assert clip.tracks == TrackChoice(None, number)
    assert any(sentence.startswith(f"Of 2 sound tracks number {number} was analysed (") for sentence in clip.warnings)


@pytest.mark.parametrize(("number", "level"), [(1, 60), (2, 200)])
def test_a_chosen_picture_is_seen(several, number, level):
    _, seconds = read(several, tracks=TrackChoice(video=number))
    assert seconds[1].frames.mean() == pytest.approx(level, abs=3)


def test_a_track_that_does_not_exist_is_refused_with_the_list_of_those_that_do(several, tmp_path):
    assert refusal(several, tracks=TrackChoice(audio=3)) == (
        "two.mkv: there is no audio track 3; choose one of these: 1: eng, Director's commentary, mono, commentary; "
        "2: deu, mono (default)"
    )
    assert "there is no video track 0; choose one of these: 1: 64×64" in refusal(several, tracks=TrackChoice(video=0))
    silent = make_clip(tmp_path / "a.mp4", 1, sound=None)
    assert refusal(silent, tracks=TrackChoice(audio=1)) == "a.mp4: there is no audio track 1; the file has none"


def test_another_process_reads_the_chosen_tracks_and_lists_them(several, tmp_path):
    limits = MediaLimits(max_seconds=float("inf"))
    with closing(Decoders()) as decoders:
        clip = decoders.open_clip(several, tracks=TrackChoice(2, 1))
        seconds = list(clip.seconds())
        assert (pitch(seconds), clip.tracks) == (300, TrackChoice(2, 1))
        assert seconds[1].frames.mean() == pytest.approx(200, abs=3)
        assert decoders.probe(several, limits) == probe_clip(several, limits)
        list(
            decoders.convert(several, tmp_path / "out.mp4", start=0, end=None, limits=limits, tracks=TrackChoice(2, 1))
        )
        with pytest.raises(MediaError, match="there is no audio track 9"):
            decoders.open_clip(several, tracks=TrackChoice(audio=9))
    _, converted = read(tmp_path / "out.mp4")
    assert pitch(converted) == 300
    assert converted[1].frames.mean() == pytest.approx(200, abs=4)


def test_what_was_opened_with_one_track_is_not_answered_with_another(several):
    """The probe of a file is kept; another track is another clip."""
    assert [pitch(read(several, tracks=TrackChoice(audio=number))[1]) for number in (1, 2, 1)] == [300, 1200, 300]


def test_a_choice_is_offered_only_where_there_is_one(several, tmp_path):
    settings = Settings()
    chosen, _ = probe_upload(str(several), settings)
    assert [number for _, number in chosen.choices.audio] == [2, 1], "the default stands first"
    shown = track_choices(chosen.choices.audio)
    assert (shown["visible"], shown["value"]) == (True, 2)
    assert shown["choices"][0] == ("2: deu, mono (default)", 2)
    single, _ = probe_upload(str(make_clip(tmp_path / "a.mp4", 1)), settings)
    assert track_choices(single.choices.audio)["visible"] is False
    assert track_choices(single.choices.video)["visible"] is False


def test_the_files_own_choice_is_no_choice_and_another_track_is_converted_for_playback(tmp_path):
    path = make_tracks(
        tmp_path / "a.mp4",
        [90],
        [(300.0, {}, Disposition.default), (1200.0, {}, Disposition(0))],
        rate=48_000,
        audio_codec="aac",
    )
    chosen, _ = probe_upload(str(path), Settings())
    assert chosen.playable
    assert chosen.with_tracks(None, 1).tracks == DEFAULT_TRACKS
    assert chosen.with_tracks(None, 1).playable
    other = chosen.with_tracks(None, 2)
    assert other.tracks == TrackChoice(audio=2)
    assert not other.playable
    assert other.analysed((0.0, None), MediaLimits()).tracks == TrackChoice(audio=2)
    assert not browser_can_play(open_clip(path, tracks=TrackChoice(audio=2)))


def test_the_command_line_explains_the_chosen_track_and_burns_it_into_the_film(several, tmp_path):
    checkpoint = save_tiny(tmp_path / "tiny")
    out, film = tmp_path / "out.json", tmp_path / "film.mp4"
    choice = ["--audio-track", 1, "--video-track", 2, "--annotate", film, "--report", tmp_path / "r.html"]
    done = run("explain", several, "--json", out, "--checkpoint", checkpoint, "--device", "cpu", *choice)
    assert done.returncode == 0, done.stderr
    clip = json.loads(out.read_text())["clip"]
    assert (clip["video_track"], clip["audio_track"]) == (2, 1)
    assert pitch(read(film)[1]) == 300
    refused = run("explain", several, "--checkpoint", checkpoint, "--device", "cpu", "--audio-track", 7)
    assert refused.returncode == 2
    assert "there is no audio track 7; choose one of these: 1: eng" in refused.stderr
    refused = run("explain", several, "--checkpoint", checkpoint, "--device", "cpu", "--max-pixels", 5000)
    assert refused.returncode == 2
    assert "pixels that are decoded of one clip here" in refused.stderr


def test_python_encodes_the_chosen_track(several, tmp_path):
    model = sec2sec.load(save_tiny(tmp_path / "tiny"), "cpu")
    first, default, second = (sec2sec.encode(several, model, audio_track=number) for number in (1, None, 2))
    assert second.predict() == default.predict() != first.predict()
    assert first.info.audio_track == 1
