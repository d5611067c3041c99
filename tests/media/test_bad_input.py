"""Files that lack something, are damaged or are no clips: a result that says so, or one clear line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from sec2sec.config import MediaLimits
from sec2sec.media import MediaError, open_clip
from tests.helpers.clips import damage, make_clip, make_huge, tone, truncate
from tests.helpers.reading import FASTSTART, REORDER, even, heard, numbers, on_screen, read, refusal

ROOT = Path(__file__).resolve().parents[2]


def test_no_sound_is_analysed_and_said(tmp_path):
    clip, seconds = read(make_clip(tmp_path / "a.mp4", 2, sound=None))
    assert not clip.has_audio
    assert seconds[0].samples is None
    assert clip.warnings == ["The file has no sound track: only the picture was analysed."]


def test_sound_only_is_analysed_and_said(tmp_path):
    clip, seconds = read(make_clip(tmp_path / "a.mp4", 2, picture=None))
    assert not clip.has_video
    assert seconds[0].frames is None
    assert seconds[0].still is None
    assert clip.warnings == ["The file has no picture: only the sound was analysed."]


def test_cover_art_is_no_picture(tmp_path):
    path = tmp_path / "a.mp3"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libmp3lame", rate=48_000, layout="mono")
        art = out.add_stream("mjpeg", rate=1)
        art.width, art.height, art.pix_fmt = 64, 64, "yuvj420p"
        art.disposition = av.stream.Disposition.attached_pic
        out.mux(art.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), 99, np.uint8)).reformat(format="yuvj420p")))
        frame = av.AudioFrame.from_ndarray((tone(2) * 32767).astype(np.int16)[None], "s16p", "mono")
        frame.sample_rate = 48_000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    clip, seconds = read(path)
    assert not clip.has_video
    assert len(seconds) == 2


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {"video_codec": "png", "pix_fmt": "rgb24", "format": "image2"}),
        ("a.jpg", {"video_codec": "mjpeg", "pix_fmt": "yuvj420p", "format": "image2"}),
        ("png.mp4", {"video_codec": "png", "pix_fmt": "rgb24", "format": "image2"}),
        ("a.bmp", {"video_codec": "bmp", "pix_fmt": "bgr24", "format": "image2"}),
        ("a.webp", {"video_codec": "libwebp"}),
        ("a.gif", {"video_codec": "gif", "pix_fmt": "rgb8"}),
        ("a.avif", {"video_codec": "libsvtav1"}),
    ],
)
def test_a_still_image_is_refused_in_words(tmp_path, name, options):
    path = make_clip(tmp_path / name, 1, fps=1, sound=None, **options)
    assert "still image" in refusal(path)


def test_an_animated_webp_is_refused_for_what_it_is(tmp_path):
    frames = [Image.new("RGB", (32, 32), (level, 0, 0)) for level in (0, 120, 240)]
    path = tmp_path / "a.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=400)
    assert "an animated WebP" in refusal(path)


def test_an_animated_png_is_no_still_image(tmp_path):
    frames = [Image.new("RGB", (32, 32), (level, 0, 0)) for level in (0, 120, 240)]
    path = tmp_path / "a.png"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=400)
    assert len(read(path)[1]) == 1


PEAK = """
import resource, sys
from sec2sec.media import MediaError, open_clip
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    open_clip(sys.argv[1])
except MediaError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(
    ("name", "stated", "words"),
    [
        ("a.png", None, "a still image has no seconds"),
        ("a.mov", None, "its pictures have 12000×12000 pixels, more than the 35.4 million allowed here"),
        ("a.avi", None, "its pictures have 12000×12000 pixels, more than the 35.4 million allowed here"),
        ("lies.mov", 64, "nothing of it decodes"),
        ("lies.avi", 64, "nothing of it decodes"),
    ],
)
def test_a_picture_of_864_mb_is_refused_before_it_is_decoded(tmp_path, name, stated, words):
    path = make_huge(tmp_path / name, 12_000, stated)
    done = subprocess.run([sys.executable, "-c", PEAK, path], capture_output=True, text=True, cwd=ROOT)
    message, kilobytes = done.stdout.strip().splitlines()
    assert message.startswith(f"{name}: {words}")
    assert int(kilobytes) < 50_000


def test_more_pixels_than_are_decoded_of_one_clip_are_refused_before_and_while_they_are_read(tmp_path):
    clip = make_clip(tmp_path / "a.mp4", 4, fps=24)  # 96×64: 589,824 pixels
    assert len(read(clip, limits=MediaLimits(max_decoded=600_000))[1]) == 4
    message = refusal(clip, limits=MediaLimits(max_decoded=500_000))
    assert (
        "have more than the 0.0005 billion pixels that are decoded of one clip here; choose a shorter part" in message
    )
    assert len(read(clip, end=3, limits=MediaLimits(max_decoded=500_000))[1]) == 3
    # one second, to which three others lead that have to be decoded as well
    far = make_clip(tmp_path / "b.mp4", 4, fps=24, gop=96)
    assert refusal(far, start=3, limits=MediaLimits(max_decoded=300_000)).startswith("b.mp4: all its frames together")


def test_a_path_that_does_not_exist_a_folder_and_an_empty_file_are_refused(tmp_path):
    assert "no such file" in refusal(tmp_path / "nowhere.mp4")
    assert "no such file" in refusal(tmp_path / "nowhere" / "a.mp4")
    folder = tmp_path / "folder.mp4"
    folder.mkdir()
    assert "folder" in refusal(folder)
    empty = tmp_path / "empty.mp4"
    empty.touch()
    assert "empty" in refusal(empty)


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    path = tmp_path / "pipe.mp4"
    os.mkfifo(path)
    assert "not a regular file" in refusal(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path):
    path = make_clip(tmp_path / "a.mp4", 1)
    path.chmod(0)
    assert "permission" in refusal(path)


@pytest.mark.parametrize("name", ["bad\0name.mp4", "x" * 300 + ".mp4"])
def test_an_impossible_name_is_refused(tmp_path, name):
    with pytest.raises(MediaError, match="check the path"):
        open_clip(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["a:b.mp4", "image%03d.mp4", "späße – ¿qué? 映画.mp4", "[x]*?{y}.mp4", " .mp4", "-i.mp4"]
)
def test_odd_names_are_just_names(tmp_path, name):
    assert len(read(make_clip(tmp_path / "a.mp4", 1).rename(tmp_path / name))[1]) == 1


def test_a_relative_name_with_a_colon_is_no_protocol(tmp_path, monkeypatch):
    make_clip(tmp_path / "a.mp4", 1).rename(tmp_path / "http:b.mp4")
    monkeypatch.chdir(tmp_path)
    assert len(read(Path("http:b.mp4"))[1]) == 1


def test_a_name_that_is_not_utf8_is_just_a_name(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    assert len(read(make_clip(tmp_path / "a.mp4", 1).rename(path))[1]) == 1


TEXTS = {
    "prose": b"This is not a film. " * 200,
    "html": b"<!DOCTYPE html><html><body>404 not found</body></html>",
    "subtitles": b"1\n00:00:00,000 --> 00:00:10,000\nHello\n\n",
    "zeros": bytes(5000),
    "zip": b"PK\x03\x04" + bytes(range(256)) * 20,
}


@pytest.mark.parametrize("text", TEXTS)
def test_text_renamed_mp4_is_refused(tmp_path, text):
    path = tmp_path / "a.mp4"
    path.write_bytes(TEXTS[text])
    refusal(path)


@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".ffconcat", ".txt"])
def test_a_list_of_other_files_is_never_followed(tmp_path, suffix):
    secret = make_clip(tmp_path / "secret.mp4", 2)
    path = tmp_path / f"list{suffix}"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{secret}\n#EXT-X-ENDLIST\n")
    refusal(path)
    path.write_text(f"ffconcat version 1.0\nfile {secret.name}\n")
    refusal(path)


def test_an_mp4_cut_in_half_says_what_is_missing_or_how_far_it_got(tmp_path):
    path = truncate(make_clip(tmp_path / "end.mp4", 4), 0.5)
    assert "cut off" in refusal(path)
    clip, seconds = read(truncate(make_clip(tmp_path / "front.mp4", 8, container_options=FASTSTART), 0.5))
    assert 2 <= len(seconds) <= 5
    assert numbers(seconds[:-1]) == on_screen(even(24, 8), len(seconds) - 1)
    assert len(clip.warnings) == 1
    assert f"{clip.duration:.1f} s" in clip.warnings[0]


DAMAGED = {
    "h264.mp4": {},
    "one-key-frame.mp4": {"gop": 1000},
    "b-frames.mp4": {"b_frames": 3, "options": REORDER},
    "fragmented.mp4": {"gop": 24, "container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "hevc.mp4": {"video_codec": "libx265"},
    "av1.mp4": {"video_codec": "libsvtav1"},
    "vp9.webm": {"video_codec": "libvpx-vp9", "audio_codec": "libopus"},
    "a.mkv": {},
    "a.ts": {},
    "a.avi": {"video_codec": "mpeg4", "audio_codec": "libmp3lame"},
    "a.m4a": {"picture": None, "format": "mp4"},
    "a.mp3": {"picture": None, "audio_codec": "libmp3lame"},
    "a.flac": {"picture": None, "audio_codec": "flac"},
    "a.ogg": {"picture": None, "audio_codec": "libopus"},
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_end_is_left_out_and_said(tmp_path, name):
    options = DAMAGED[name]
    path = tmp_path / name
    make_clip(path, 10, **({"container_options": FASTSTART} if path.suffix in (".mp4", ".m4a") else {}) | options)
    whole = read(path)[1]
    clip, seconds = read(damage(path, 0.8))
    assert 6 <= len(seconds) <= 9
    if clip.has_video:
        for found, expected in zip(seconds[:-1], whole, strict=False):
            assert np.array_equal(found.frames, expected.frames)
    assert [warning for warning in clip.warnings if f" after {clip.duration:.1f} s" in warning]
    assert np.abs(heard(seconds)).max() < 0.7, "noise was taken for sound"


def test_where_only_the_picture_is_damaged_the_sound_does_not_go_on_alone(tmp_path):
    path = make_clip(tmp_path / "a.mp4", 6, fps=10)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            if packet.pts is not None and packet.pts * packet.time_base >= 3:
                data[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    path.write_bytes(data)
    clip, seconds = read(path)
    assert len(seconds) == 3
    assert clip.warnings == ["The picture is damaged after 3.0 s: the first 3 s were analysed."]


def test_damage_in_the_middle_is_bridged_and_said(tmp_path):
    path = damage(make_clip(tmp_path / "a.mp4", 10, gop=24, container_options=FASTSTART), 0.4, 0.5)
    clip, seconds = read(path)
    expected = on_screen(even(24, 10), 10)
    assert len(seconds) == 10
    assert numbers(seconds[:3] + seconds[6:]) == expected[:24] + expected[48:]
    assert sum("damaged from" in warning for warning in clip.warnings) == 2
    assert np.abs(heard(seconds)).max() < 0.6


def test_a_part_before_the_damage_is_whole_and_one_after_it_is_refused(tmp_path):
    path = damage(make_clip(tmp_path / "a.mp4", 10, container_options=FASTSTART), 0.6)
    clip, seconds = read(path, start=1, end=4)
    assert len(seconds) == 3
    assert clip.warnings == []
    assert "damaged" in refusal(path, start=8)


def test_a_stream_that_shows_up_late_disturbs_nobody(tmp_path):
    """A script tag far into an FLV makes libav add a stream while it reads, which PyAV does not expect."""
    path = make_clip(tmp_path / "a.flv", 3, rate=44_100)
    expected = read(path)[1]
    data, at, seen = bytearray(path.read_bytes()), 13, 0
    while seen < 110:  # tags of sound
        seen += data[at] == 8
        late, at = at, at + 15 + int.from_bytes(data[at + 1 : at + 4], "big")
    data[late] = 18
    path.write_bytes(data)
    with av.open(str(path)) as container, pytest.raises(IndexError):
        list(container.demux())
    assert numbers(read(path)[1]) == numbers(expected)


def test_an_unknown_codec_is_named_missing_and_the_sound_still_analysed(tmp_path):
    def strange(path: Path) -> Path:
        entry = b"avc1" + bytes(7) + b"\1"
        data = path.read_bytes()
        assert entry in data
        path.write_bytes(data.replace(entry, b"zzzz" + entry[4:]))
        return path

    assert "no decoder" in refusal(strange(make_clip(tmp_path / "a.mp4", 2, sound=None)))
    clip, seconds = read(strange(make_clip(tmp_path / "b.mp4", 2)))
    assert len(seconds) == 2
    assert clip.warnings == ["The picture cannot be decoded: only the sound was analysed."]


def test_an_encrypted_clip_is_refused(tmp_path):
    keys = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "7" * 32, "encryption_kid": "a" * 32}
    assert "encrypted" in refusal(make_clip(tmp_path / "a.mp4", 2, container_options=keys))


def test_a_file_that_disappears_before_it_is_read_is_a_media_error(tmp_path):
    path = make_clip(tmp_path / "a.mp4", 2)
    clip = open_clip(path)
    path.unlink()
    with pytest.raises(MediaError):
        next(clip.seconds())


def test_nothing_is_printed_about_damage(tmp_path, capfd):
    path = make_clip(tmp_path / "a.mp4", 4, container_options=FASTSTART)
    capfd.readouterr()
    read(damage(path, 0.5))
    assert capfd.readouterr() == ("", "")


def test_files_are_closed_also_when_reading_stops_early(tmp_path):
    path = make_clip(tmp_path / "a.mp4", 4)

    def opened() -> int:
        links = [Path(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
        return sum(link.is_symlink() and os.readlink(link) == str(path) for link in links)

    clip = open_clip(path)
    assert opened() == 0
    reading = clip.seconds()
    next(reading)
    assert opened() == 2
    reading.close()
    assert opened() == 0
    list(clip.seconds())
    assert opened() == 0
