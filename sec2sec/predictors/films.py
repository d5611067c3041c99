"""Edited clips as files that anybody's program can open: MP4 with H.264 and AAC, all of one length and one rate.

Hundreds of them are made of one clip. So the picture is encoded a second at a time, each second on its own (a closed
group of pictures), once for every look that it takes; a film is made of such seconds without encoding anything again.
What an edit leaves alone is the same in every film, to the bit; the sound (sounds.py) but for some 0.1 s around the
edit, since AAC reaches over the borders of a second.

T seconds.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from sec2sec.edits.plan import ClipTracks, Picture, Plan
from sec2sec.edits.render import film_rate
from sec2sec.edits.sources import Pictures
from sec2sec.media import Clip, MediaError
from sec2sec.media.video import HD_LINES
from sec2sec.predictors.sounds import Coded, SoundMaker, sound_stream
from sec2sec.render.frames import SOUND_RATE, soundtrack

UNSPECIFIED = 2  # of H.273: the file does not say by which matrix its colours were made
QUALITY = {"preset": "superfast", "crf": "17"}  # finer than eyes see; a copy of a copy of a web video loses nothing


class FilmMaker:
    """Makes the edited versions of one clip, one after the other."""

    def __init__(self, clip: Clip, tracks: ClipTracks, folder: Path) -> None:
        """clip: as it was opened for the analysis, its part as well. folder: for the films, which others delete."""
        self.tracks, self.rate = tracks, film_rate(clip)
        self.length = tracks.seconds - 1 + tracks.last  # s, of every film
        self._clip, self._folder, self._made = clip, folder, 0
        self._pictures = Pictures(clip)
        self._looks: dict[Picture, list[Coded]] = {}
        self._template: Any = None  # a file in memory whose track says how all of the picture is encoded
        self._sounds: SoundMaker | None = None

    def close(self) -> None:
        """Closes the clip's file."""
        self._pictures.close()
        if self._template is not None:
            self._template.close()
        self._looks.clear()
        self._sounds = None

    def make(self, plan: Plan) -> Path:
        """The edited clip as a file. Raises MediaError where it cannot be written."""
        self._made += 1
        out = self._folder / f"clip-{self._made:05}.mp4"
        self.write(plan, out)
        return out

    def discard(self, edited: Path) -> None:
        """Delete a film."""
        edited.unlink(missing_ok=True)

    def write(self, plan: Plan, out: Path) -> None:
        """The edited clip as this file. Raises MediaError where it cannot be written."""
        try:
            with av.open(str(out), "w", format="mp4") as film:
                film.metadata["comment"] = "made with sec2sec"
                tracks = [*self._video_track(film, plan), *self._audio_track(film, plan)]
                film.start_encoding()
                for stream, ticks, pieces in tracks:
                    tick = Fraction(1, ticks)
                    for piece in pieces:
                        film.mux(_packet(piece, stream, tick))
        except (OSError, av.FFmpegError) as error:
            raise MediaError(
                f"{self._clip.name}: an edited copy could not be written ({error.strerror}); make room for temporary "
                f"files in {out.parent}"
            ) from error

    def _video_track(self, film: Any, plan: Plan) -> Iterator[tuple[Any, int, Iterable[Coded]]]:
        if not self.tracks.has_video:
            return
        self._encode_looks({second.picture: None for second in plan if second.picture is not None})
        stream = film.add_stream_from_template(self._template.streams.video[0])
        pieces = []
        for index, second in enumerate(plan):
            assert second.picture is not None
            for piece in self._looks[second.picture][: self._frames(index)]:
                pieces.append(Coded(piece.data, index * self.rate + piece.time, piece.length, piece.is_key))
        yield stream, self.rate, pieces

    def _audio_track(self, film: Any, plan: Plan) -> Iterator[tuple[Any, int, Iterable[Coded]]]:
        if not self.tracks.has_audio:
            return
        if self._sounds is None:
            self._sounds = SoundMaker(soundtrack(self._clip, self.length))
        yield sound_stream(film), SOUND_RATE, self._sounds.encoded([second.sound for second in plan])

    def _frames(self, second: int) -> int:
        """Frames of a second: fewer in the last one, where it breaks off."""
        is_last = second == self.tracks.seconds - 1
        return max(1, round(self.tracks.last * self.rate)) if is_last else self.rate

    def _encode_looks(self, looks: Iterable[Picture]) -> None:
        """Encodes what was not yet: all seconds as they are in one go, so that the file is read once, forwards."""
        missing = [look for look in looks if look not in self._looks]
        plain = {Picture("play", second) for second in range(self.tracks.seconds)}
        if not plain.isdisjoint(missing):
            missing = [look for look in missing if look not in plain]
            self._encode_seconds(sorted(plain, key=lambda look: look.second))
        if missing:
            self._encode_seconds(missing)

    def _encode_seconds(self, looks: Sequence[Picture]) -> None:
        """Each look for a whole second; all of them through one encoder, cut where each second begins."""
        instants = [(index + 0.5) / self.rate for index in range(self.rate)]
        frames = (self._frame(look, instant) for look in looks for instant in instants)
        file = encode_picture(frames, self._pictures.size, self.rate)
        with closing(_opened(file)) as container:
            pieces = [_coded(packet, self.rate) for packet in container.demux(video=0) if packet.size]
        for number, look in enumerate(looks):
            own = pieces[number * self.rate : (number + 1) * self.rate]
            assert own[0].is_key, "each second is to stand for itself"
            self._looks[look] = [
                Coded(piece.data, piece.time - number * self.rate, piece.length, piece.is_key) for piece in own
            ]
        if self._template is None:
            self._template = _opened(file)
        else:
            self._check_same(file)

    def _frame(self, look: Picture, instant: float) -> av.VideoFrame | np.ndarray:
        """As it was decoded, wherever that is possible: colours that are not converted are not changed."""
        decoded = self._pictures.decoded_at(look, instant)
        return self._pictures.at(look, instant) if decoded is None else decoded

    def _check_same(self, file: bytes) -> None:
        """Seconds of two encoders go together only where both say the same of their pictures."""
        with closing(_opened(file)) as other:
            ours, theirs = (one.streams.video[0].codec_context.extradata for one in (self._template, other))
        assert ours == theirs, "the same settings make the same parameter sets"


def encode_picture(frames: Iterable[av.VideoFrame | np.ndarray], size: tuple[int, int], rate: int) -> bytes:
    """Frames, or (height, width, 3) uint8 RGB, as an MP4 in memory, in which every second begins anew.

    size: width, height. The very same frame twice in a row is converted once.
    """
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as film:
        stream: Any = film.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        context = stream.codec_context
        context.max_b_frames, context.gop_size = 0, rate
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 1, 1, 1, 1  # BT.709
        # keyframes where seconds begin, and nowhere else: a cut within a second is no reason for another
        stream.options = QUALITY | {"x264-params": f"scenecut=0:keyint={rate}:min-keyint={rate}:open-gop=0"}
        shown, converted = None, None
        for number, frame in enumerate(frames):
            if frame is not shown or converted is None:
                shown = frame
                converted = as_coded(frame, size)
            converted.pts, converted.time_base = number, Fraction(1, rate)
            film.mux(stream.encode(converted))
        film.mux(stream.encode(None))
    return file.getvalue()


def as_coded(frame: av.VideoFrame | np.ndarray, size: tuple[int, int]) -> av.VideoFrame:
    """The frame as H.264 takes it: yuv420p of this size, BT.709, limited range; a frame of its own."""
    if isinstance(frame, np.ndarray):
        frame = av.VideoFrame.from_ndarray(frame, "rgb24")
    unsaid = frame.colorspace == UNSPECIFIED and frame.height >= HD_LINES and not frame.format.is_rgb
    converted = frame.reformat(
        *size,
        "yuv420p",
        src_colorspace=Colorspace.ITU709 if unsaid else None,
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        interpolation=Interpolation.BILINEAR,
    )
    if converted is frame:  # nothing was to be done; its time is about to be changed
        converted = av.VideoFrame.from_ndarray(frame.to_ndarray(), "yuv420p")
    converted.pict_type = PictureType.NONE  # else the encoder would do as the one before it did
    return converted


def _opened(file: bytes) -> Any:
    """A file in memory, to be read."""
    return av.open(io.BytesIO(file))


def _coded(packet: Any, rate: int) -> Coded:
    """A frame of a picture; its time is a number of frames."""
    return Coded(bytes(packet), round(packet.pts * packet.time_base * rate), 1, packet.is_keyframe)


def _packet(piece: Coded, stream: Any, tick: Fraction) -> Any:
    packet = av.Packet(piece.data)
    packet.pts = packet.dts = piece.time
    packet.duration, packet.time_base = piece.length, tick
    packet.is_keyframe = piece.is_key
    packet.stream = stream
    return packet
