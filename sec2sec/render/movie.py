"""Writes a film with moviepy: a picture for every instant and the samples of its sound → MP4 that browsers play."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from moviepy import AudioClip, VideoClip  # type: ignore[import-untyped]

from sec2sec.files import check_writable, current_umask
from sec2sec.media import MediaError
from sec2sec.render.frames import SOUND_RATE

MIN_FREE_BYTES = 1024**2
MAX_REASON = 200  # characters of what ffmpeg says
Picture = Callable[[float], np.ndarray]  # s from the beginning → (height, width, 3) uint8
Progress = Callable[[float], None]  # share that is done, 0..1; what it raises stops the work

TO_BT709 = "scale=in_range=full:out_range=limited:out_color_matrix=bt709:flags=bilinear,format=yuv420p"
COMMENT = ["-metadata", "comment=made with sec2sec"]  # by which outputs.is_ours knows the film
TAGS = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv", *COMMENT]


@dataclass(frozen=True)
class Closing:
    """A picture that stands after the film, without sound."""

    picture: np.ndarray  # (height, width, 3) uint8
    seconds: float


@dataclass(frozen=True)
class Quality:
    """How a film is written."""

    suffix: str = ".mp4"
    codec: str = "libx264"
    preset: str = "veryfast"
    # no B-frames: time 0 is time 0 in every player
    parameters: tuple[str, ...] = (
        "-crf",
        "20",
        "-bf",
        "0",
        *TAGS,
        "-movflags",
        "+faststart",
        *COMMENT,
    )
    filters: str = TO_BT709
    sound_codec: str = "aac"
    sound_suffix: str = ".m4a"  # while it is written: containers that round to milliseconds would put it out of step
    sound_bitrate: str | None = "192k"


# Every pixel and sample as they are: what the tests compare with. Browsers do not play it.
LOSSLESS = Quality(".mkv", "libx264rgb", "ultrafast", ("-qp", "0", "-bf", "0"), "", "pcm_s16le", ".wav", None)


def write_film(
    out: Path,
    seconds: float,
    fps: int,
    picture: Picture | None,
    sound: np.ndarray | None,
    *,
    quality: Quality | None = None,
    closing: Closing | None = None,
    progress: Progress | None = None,
) -> None:
    """Writes `seconds` s of picture at `fps` frames a second, sound (samples, 2) int16 at SOUND_RATE, or both.

    Each frame is what `picture` says of the middle of its time: files round time stamps, and here never to a frame off.
    closing makes a film that has a picture longer by its seconds. The file appears when it is whole; nothing
    half-written stays behind. Raises OSError for a folder that is not there or closed, MediaError where writing fails.
    """
    assert picture is not None or sound is not None
    check_writable(out)
    quality = quality or Quality()
    reported = -1

    def shown(time: float) -> np.ndarray:
        nonlocal reported
        assert picture is not None
        if closing is not None and time >= seconds - 1e-6:
            return closing.picture
        if progress is not None and int(time) > reported:
            reported = int(time)
            progress(min(1.0, time / seconds))
        return picture(time + 0.5 / fps)

    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".sec2sec-") as folder:
        unfinished = Path(folder) / f"film{quality.suffix}"
        try:
            if picture is None:
                assert sound is not None
                _audio_clip(sound).write_audiofile(
                    str(unfinished), SOUND_RATE, codec=quality.sound_codec, bitrate=quality.sound_bitrate, logger=None
                )
            else:
                film = VideoClip(frame_function=shown, duration=seconds if closing is None else seconds + 1 / fps)
                film.audio = None if sound is None else _audio_clip(sound)
                film.write_videofile(
                    str(unfinished),
                    fps,
                    quality.codec,
                    audio_fps=SOUND_RATE,
                    preset=quality.preset,
                    audio_codec=quality.sound_codec,
                    audio_bitrate=quality.sound_bitrate,
                    temp_audiofile=str(Path(folder) / f"sound{quality.sound_suffix}"),
                    ffmpeg_params=[*quality.parameters, *_filters(quality, closing, fps)],
                    logger=None,
                )
        except OSError as error:  # moviepy's own message runs over many lines; its last says what ffmpeg said
            raise _write_error(out, str(error)) from error
        if not _is_whole(unfinished):  # moviepy does not look at how ffmpeg ended
            raise _write_error(out)
        unfinished.chmod(0o666 & ~current_umask())
        unfinished.replace(out)


def _filters(quality: Quality, closing: Closing | None, fps: int) -> list[str]:
    """The picture's way into the file. The closing picture comes to ffmpeg once: a pipe full of copies takes longer."""
    held = "" if closing is None else f"tpad=stop_mode=clone:stop_duration={closing.seconds - 1 / fps:.4f}"
    chain = ",".join(part for part in (quality.filters, held) if part)
    return ["-vf", chain] if chain else []


def _is_whole(film: Path) -> bool:
    """Whether a file is there that opens: its index is written last."""
    try:
        with av.open(str(film)) as container:
            return len(container.streams) > 0
    except (OSError, av.FFmpegError):
        return False


def _write_error(out: Path, message: str = "") -> MediaError:
    if shutil.disk_usage(out.parent).free < MIN_FREE_BYTES:
        return MediaError(f"{out.name}: the film could not be written: the disk is full; make room and try again")
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    why = f" ({lines[-1][:MAX_REASON]})" if lines else ""
    return MediaError(f"{out.name}: the film could not be written{why}; choose another place or another clip")


def _audio_clip(sound: np.ndarray) -> AudioClip:
    """Samples as moviepy asks for them: by an array of times."""

    def at(times: np.ndarray | float) -> np.ndarray:
        index = np.rint(np.asarray(times) * SOUND_RATE).astype(int).clip(0, len(sound) - 1)
        samples: np.ndarray = sound[index] / np.float32(32768)
        return samples

    return AudioClip(at, duration=len(sound) / SOUND_RATE, fps=SOUND_RATE)
