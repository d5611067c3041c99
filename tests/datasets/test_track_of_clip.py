"""A file of ratings for one clip: every form, one column, and a clear line for a file that is not of this clip."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from sec2sec.datasets.isolated import read_uploaded_track
from sec2sec.datasets.table import DataError, TableLimits
from sec2sec.datasets.track_of_clip import RatingsFile, TimedClip, parse_track, read_for_clip, read_tracks, timed_clip
from tests.datasets.test_tracks import EAF
from tests.helpers.clips import make_clip

CLIP = TimedClip("film.mp4", 0.0, 3.0, 3.0, frames_per_second=4.0)


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def py_feat(frames: int, *, faces: int = 1, skip: int = 1) -> str:
    """As py-feat's Fex.to_csv writes it: a nameless-index-free table of one line per face and frame."""
    lines = ["input,frame,approx_time,FaceScore,anger,happiness"]
    for frame in range(0, frames, skip):
        for face in range(faces):
            clock = f"{frame // 4 // 60:02d}:{frame // 4 % 60:02d}"
            lines.append(f"film.mp4,{frame},{clock},0.99,{0.1 * face},{frame / 100}")
    return "\n".join(lines) + "\n"


def test_frames_of_py_feat_get_their_times_from_the_clip(tmp_path):
    file = write(tmp_path, "fex.csv", py_feat(12, skip=2))
    track = read_for_clip(RatingsFile(file, "happiness"), CLIP)
    assert track.times.tolist() == [0, 0.5, 1, 1.5, 2, 2.5]
    assert track.values["happiness"].tolist() == [0, 0.02, 0.04, 0.06, 0.08, 0.1]
    with pytest.raises(DataError, match="counts frames in the column 'frame' and has no times"):
        read_for_clip(RatingsFile(file, "happiness"), TimedClip("film.wav", 0, 3, 3))
    twice = write(tmp_path, "two.csv", py_feat(12, faces=2))
    with pytest.raises(DataError, match=r"line 3: frame 0 does not come after 0.*one face"):
        read_for_clip(RatingsFile(twice, "happiness"), CLIP)


def test_open_face_has_times_of_its_own(tmp_path):
    lines = ["frame, face_id, timestamp, confidence, AU12_r"]
    lines += [f"{frame + 1}, 0, {frame / 30:.3f}, 0.98, {frame / 10:.2f}" for frame in range(90)]
    track = read_for_clip(RatingsFile(write(tmp_path, "face.csv", "\n".join(lines)), "AU12_r"), CLIP)
    assert track.rate == pytest.approx(30, rel=0.01)
    assert track.values["AU12_r"][-1] == 8.9


def test_veatic_and_liris_are_read_as_they_come(tmp_path):
    clip = make_clip(tmp_path / "12.mp4", seconds=3, fps=10)
    ratings = "".join(f"{frame / 100},{-frame / 100}\n" for frame in range(30))
    file = write(tmp_path, "rating_averaged/12.csv", ratings)
    track = read_for_clip(RatingsFile(file), timed_clip(clip))
    assert sorted(track.values) == ["arousal", "valence"]
    assert track.times[[0, 10]].tolist() == pytest.approx([0, 1], abs=0.02)
    one = read_for_clip(RatingsFile(write(tmp_path, "rating_averaged/12_arousal.csv", "0.1\n" * 30)), timed_clip(clip))
    assert list(one.values) == ["arousal"]
    text = "Time Mean StdDev\n" + "".join(f"{second} {second / 10} 0.2\n" for second in range(3))
    liris = read_for_clip(RatingsFile(write(tmp_path, "Film_Valence.txt", text)), CLIP)
    assert liris.values["valence"].tolist() == [0, 0.1, 0.2]


def test_a_column_or_a_tier_is_named_after_a_colon(tmp_path):
    table = write(tmp_path, "a.csv", "time,x,y\n0,1,2\n1,3,4\n2,5,6\n")
    assert parse_track(f"{table}:y") == RatingsFile(table, "y")
    assert list(read_for_clip(parse_track(f"{table}:y"), CLIP).values) == ["y"]
    eaf = write(tmp_path, "a.eaf", EAF)
    assert sorted(read_for_clip(parse_track(f"{eaf}:face"), CLIP).values) == ["frown", "smile"]
    colon = write(tmp_path, "a:b.csv", "time,x\n0,1\n1,2\n2,3\n")
    assert parse_track(str(colon)) == RatingsFile(colon)


@pytest.mark.parametrize(
    ("name", "text", "column", "message"),
    [
        (
            "a.csv",
            "time,x\n0,1\n1,2\n",
            "",
            "ends at 2.0 s, and what is analysed of film.mp4 at 30.0 s; give the track",
        ),
        ("a.csv", "time,x\n0,1\n30,2\n60,3\n", "", "goes on until 90.0 s, and film.mp4 ends at 30.0 s"),
        ("a.csv", "time,x\n0,1\nsoon,2\n", "", "line 3: time is 'soon'; expected a number"),
        ("a.csv", "time,x\n0,1\n29,2\n", "y", "has no column 'y' of numbers; it has x"),
        ("a.csv", "time,x,x\n0,1,2\n", "", "the column 'x' stands twice"),
        ("a.csv", "time,a,b,c,d,e\n0,1,1,1,1,1\n29,2,2,2,2,2\n", "", "has 5 columns of numbers, a, b, c, d"),
        ("a.csv", "time,x,y\n0,,1\n29,,2\n", "x", "has no value in x; choose another column"),
        ("a.eaf", EAF, "mouth", "has no tier 'mouth'; its tiers are arousal, face"),
        ("a.eaf", EAF, "", "2 tiers have annotations with times, arousal, face; name the tier to read"),
        ("Annot_Film_stim.tsv", "1\t2\n", "", "names no columns; put Annot_Film_stim.json beside it"),
    ],
)
def test_a_file_that_cannot_be_used_has_one_clear_line(tmp_path, name, text, column, message):
    clip = TimedClip("film.mp4", 0.0, 30.0, 30.0)
    with pytest.raises(DataError, match=re.escape(message)) as refused:
        read_for_clip(RatingsFile(write(tmp_path, name, text), column), clip)
    assert "\n" not in str(refused.value)
    assert name in str(refused.value)


def test_a_part_needs_ratings_of_that_part_alone(tmp_path):
    file = write(tmp_path, "a.csv", "time,x\n" + "".join(f"{s},{s}\n" for s in range(490)))
    film = TimedClip("film.mp4", 100.0, 490.0, 596.0)
    assert len(read_for_clip(RatingsFile(file), film).times) == 490
    with pytest.raises(DataError, match=r"at 596.0 s; .*analyse as much as was rated \(end at 490 s\)"):
        read_for_clip(RatingsFile(file), TimedClip("film.mp4", 0.0, 596.0, 596.0))


def test_two_tracks_of_one_name_are_refused(tmp_path):
    one = write(tmp_path, "a.csv", "time,x\n0,1\n1,2\n2,3\n")
    other = write(tmp_path, "b.csv", "time,x\n0,3\n1,2\n2,1\n")
    with pytest.raises(DataError, match=r"a\.csv and b\.csv: two tracks are called 'x'"):
        read_tracks([RatingsFile(one), RatingsFile(other)], CLIP)
    with pytest.raises(DataError, match="no such file of ratings; give FILE, or FILE:COLUMN"):
        parse_track(str(tmp_path / "none.csv"))


def test_another_process_reads_an_upload_and_says_the_same(tmp_path):
    file = write(tmp_path, "a.csv", "time,x,y\n0,1,NA\n1,3,4\n2,5,6\n")
    limits = TableLimits(file_bytes=10_000)
    track, own = read_uploaded_track(RatingsFile(file), CLIP, limits), read_for_clip(RatingsFile(file), CLIP)
    np.testing.assert_array_equal(track.times, own.times)
    assert list(track.values) == ["x", "y"]
    np.testing.assert_array_equal(track.values["y"], own.values["y"])
    assert track.name == "a.csv"
    with pytest.raises(DataError, match="has no column 'z'"):
        read_uploaded_track(RatingsFile(file, "z"), CLIP, limits)
    with pytest.raises(DataError, match="MB"):
        read_uploaded_track(RatingsFile(write(tmp_path, "b.csv", "time,x\n" + "0" * 20_000)), CLIP, limits)
