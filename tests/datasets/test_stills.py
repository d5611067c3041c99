"""Clips of pictures: a slow motion of the camera that is the same for the same picture."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from sec2sec.cli import main
from sec2sec.datasets.open import open_data
from sec2sec.datasets.stills import LONGEST_SIDE, draw_motion, read_picture, still_frames, write_still_clip
from sec2sec.datasets.table import DataError
from sec2sec.media import open_clip
from tests.helpers.public_sets import THEMES, make_emodb, make_oasis, picture


def test_the_same_picture_gives_the_same_bytes_and_another_seed_another_motion(tmp_path):
    still = picture(tmp_path / "a.png", seed=3)
    clips = [tmp_path / f"{name}.mp4" for name in "abc"]
    for clip, seed in zip(clips, (0, 0, 1), strict=True):
        write_still_clip(still, clip, 1, seed)
    first, again, other = (clip.read_bytes() for clip in clips)
    assert first == again != other
    assert draw_motion(still) == draw_motion(picture(tmp_path / "renamed.png", seed=3))
    assert draw_motion(still) != draw_motion(picture(tmp_path / "b.png", seed=4))


def test_a_clip_shows_its_picture_for_whole_seconds_without_sound_and_moves_a_little(tmp_path):
    still = picture(tmp_path / "a.png", seed=3)
    write_still_clip(still, tmp_path / "a.mp4", 3)
    clip = open_clip(tmp_path / "a.mp4")
    assert (clip.has_video, clip.has_audio) == (True, False)
    assert len(list(clip.seconds())) == 3
    whole = np.asarray(read_picture(still)).astype(float)
    frames = [frame.astype(float) for frame in still_frames(read_picture(still), draw_motion(still), 36)]
    steps = [np.abs(b - a).mean() for a, b in pairwise(frames)]
    assert 0 < max(steps) < 0.1 * np.abs(frames[-1] - frames[0]).mean() + 5  # slow, and never a jump
    assert abs(frames[0].mean() - whole.mean()) < 15


@pytest.mark.parametrize("size", [(1200, 801), (7, 5), (90, 1000)])
def test_pictures_of_any_size_become_clips_with_even_sides(tmp_path, size):
    frame = next(still_frames(read_picture(picture(tmp_path / "a.png", size=size)), draw_motion(tmp_path / "a.png"), 1))
    assert frame.shape[0] % 2 == frame.shape[1] % 2 == 0
    assert max(frame.shape) <= LONGEST_SIDE
    assert frame.shape[1] / frame.shape[0] == pytest.approx(size[0] / size[1], rel=0.35)


def test_a_file_that_is_no_picture_or_huge_is_refused(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"a\.jpg: cannot be read as a picture"):
        write_still_clip(tmp_path / "a.jpg", tmp_path / "a.mp4")
    Image.new("1", (8000, 8000)).save(tmp_path / "b.png")
    with pytest.raises(DataError, match="8000 × 8000 pixels"):
        write_still_clip(tmp_path / "b.png", tmp_path / "b.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "b.png"]


def test_the_command_writes_a_folder_that_can_be_trained_on(tmp_path, capsys):
    folder = make_oasis(tmp_path / "oasis")
    (folder / "images/Dog 1.jpg").unlink()
    out = tmp_path / "stills"
    assert main(["data", str(folder), "--stills", str(out), "--still-seconds", "1"]) == 0
    assert "4 clips of 1 s and clips.csv" in capsys.readouterr().out
    source = {row.id: row for row in open_data(folder).rows}
    table = open_data(out)
    assert table.targets == ("valence", "arousal")
    assert [row.id for row in table.rows] == [theme for theme in THEMES if theme != "Dog 1"]
    for row in table.rows:
        assert row.path.is_file()
        assert (row.split, row.group) == (source[row.id].split, source[row.id].group)
        assert row.targets == pytest.approx(source[row.id].targets)
    assert main(["data", str(folder), "--stills", str(out)]) == 2
    assert "is there already and not an empty folder" in capsys.readouterr().err


def test_clips_that_are_no_pictures_become_no_stills(tmp_path, capsys):
    assert main(["data", str(make_emodb(tmp_path / "emodb")), "--stills", str(tmp_path / "out")]) == 2
    assert "its clips are no pictures" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
