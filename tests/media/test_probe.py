"""A file is probed once for each of its states, in all that is done with it."""

from __future__ import annotations

import shutil
from pathlib import Path

import av
import pytest

from sec2sec.config import MediaLimits
from sec2sec.media import MediaError, open_clip
from sec2sec.media.playback import browser_can_play, convert_for_browser
from sec2sec.ui.analysis import explain_on_device, measure_on_device
from sec2sec.ui.chosen_clip import probe_upload
from sec2sec.ui.models import Models
from sec2sec.ui.settings import Settings
from tests.helpers.clips import make_clip
from tests.helpers.models import save_tiny

PROBING, DECODING = 3, 2  # opens: what the file holds, its first frame and first sound; and picture and sound


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """Names of the files that were opened for reading since it was last cleared."""
    names: list[str] = []
    real = av.open

    def noted(file, mode="r", **options):
        if mode == "r":
            names.append(Path(file).name)
        return real(file, mode, **options)

    monkeypatch.setattr(av, "open", noted)
    return names


def test_an_uploaded_clip_is_probed_once_and_decoded_once_per_answer(tmp_path, opened):
    path = make_clip(tmp_path / "upload.mp4", seconds=3)
    save_tiny(tmp_path / "models" / "tiny")
    settings, models = Settings(isolated_decoding=False), Models(tmp_path / "models", "cpu")
    opened.clear()
    source, _ = probe_upload(str(path), settings)
    assert source.playable
    assert opened == ["upload.mp4"] * PROBING
    for part in ((0.0, None), (1.0, 3.0)):
        opened.clear()
        list(explain_on_device(models, "tiny", "cpu", source.analysed(part, settings.limits)))
        assert opened == ["upload.mp4"] * DECODING
    opened.clear()
    list(measure_on_device(models, ["tiny"], "cpu", source.analysed((0.0, None), settings.limits)))
    assert opened == ["upload.mp4"] * DECODING
    opened.clear()
    convert_for_browser(path, tmp_path / "converted.mp4")
    assert opened == ["upload.mp4"] * DECODING


def test_whether_browsers_play_an_open_clip_is_told_without_opening_it_again(tmp_path, opened):
    clip = open_clip(make_clip(tmp_path / "clip.mp4", seconds=1))
    opened.clear()
    assert browser_can_play(clip)
    assert opened == []


def test_a_file_that_was_replaced_is_probed_again(tmp_path):
    path = make_clip(tmp_path / "clip.mp4", seconds=1)
    before = open_clip(path)
    shutil.copy(make_clip(tmp_path / "other.mp4", seconds=2, sound=None), path)
    after = open_clip(path)
    assert (before.duration, before.has_audio) == (pytest.approx(1, abs=0.1), True)
    assert (after.duration, after.has_audio) == (pytest.approx(2, abs=0.1), False)
    assert before.sha256 != after.sha256


def test_what_one_reading_warned_of_is_no_warning_of_the_next(tmp_path):
    path = make_clip(tmp_path / "clip.mp4", seconds=2, sound=None)
    first = open_clip(path)
    first.warn("Something.")
    assert open_clip(path).warnings == ["The file has no sound track: only the picture was analysed."]


def test_a_picture_that_was_allowed_once_is_measured_against_other_limits(tmp_path):
    path = make_clip(tmp_path / "clip.mp4", seconds=1)
    open_clip(path)
    with pytest.raises(MediaError, match="pixels"):
        open_clip(path, limits=MediaLimits(max_pixels=100))


def test_a_clip_of_too_many_pixels_may_be_chosen_and_a_short_part_of_it_explained(tmp_path):
    settings = Settings(clip_pixels=400_000.0)  # 96×64 at 24 frames per second: 147,456 per second
    chosen, _ = probe_upload(str(make_clip(tmp_path / "a.mp4", 4)), settings)
    whole, short = (chosen.analysed((0.0, end), settings.limits) for end in (None, 2.0))
    with pytest.raises(MediaError, match=r"more than the 0\.0004 billion pixels that are decoded of one clip here"):
        open_clip(whole.path, end=whole.part[1], limits=whole.limits)
    assert len(list(open_clip(short.path, end=short.part[1], limits=short.limits).seconds())) == 2
