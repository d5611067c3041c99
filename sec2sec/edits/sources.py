"""The pixels and samples of a plan, decoded from the clip's own file at the instants that are needed, no others.

T seconds, M frames in a second, V visual and A audio tokens in a second, C channels of a token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path

import av
import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from sec2sec.config import MediaLimits
from sec2sec.edits.lab import Encode
from sec2sec.edits.plan import EditError, Picture
from sec2sec.encoding import batched
from sec2sec.media import Clip, Second, open_clip
from sec2sec.media.video import Scaler
from sec2sec.render.frames import Screen

MAX_SIDE = 1280  # pixels, the longest side of an edited clip
AVERAGED = 4  # frames of each second that the clip's mean look is made of
TONE_SECONDS = 0.25  # of the moment that room tone is made of
LEAST_TONE = 1 / 8192  # of full scale: what is quieter is a gap in the recording and no room
BEFORE = 0.002  # s before a second: the last frame of the one before it is on screen


def film_size(clip: Clip) -> tuple[int, int]:
    """Width and height of the edited clip: as displayed, at most MAX_SIDE, even, as H.264 in yuv420p must be."""
    shrink = min(1.0, MAX_SIDE / max(clip.width, clip.height))
    width, height = (max(2, round(side * shrink / 2) * 2) for side in (clip.width, clip.height))
    return width, height


class Pictures:
    """Pictures of planned seconds, at any instant of them."""

    def __init__(self, clip: Clip) -> None:
        self.size = film_size(clip) if clip.has_video else (0, 0)
        self._clip, self._start = clip, clip.start
        self._screen = Screen(clip, self.size) if clip.has_video else None
        self._blurred: tuple[np.ndarray, float, np.ndarray] | None = None  # the last one: many instants share a frame

    def at(self, picture: Picture, within: float) -> np.ndarray:
        """The frame on screen `within` s of the second, (height, width, 3) uint8 RGB."""
        assert self._screen is not None
        assert picture.kind != "mean"
        if picture.kind == "black":
            return np.zeros((self.size[1], self.size[0], 3), np.uint8)
        if picture.kind == "average":
            return self._average
        within = {"play": within, "freeze": 0.0, "hold": -BEFORE}[picture.kind]
        frame = self._screen.at(self._start + picture.second + within)
        return self._blur(frame, picture.blur) if picture.blur else frame

    def decoded_at(self, picture: Picture, within: float) -> av.VideoFrame | None:
        """The frame of a second that plays, as it was decoded; None where more than its size has to be changed."""
        is_plain = picture.kind == "play" and not picture.blur and self._clip.turned == (0, False)
        if self._screen is None or not is_plain:
            return None
        frame: av.VideoFrame = self._screen.frame_at(self._start + picture.second + within)
        return None if any(component.is_alpha for component in frame.format.components) else frame

    def _blur(self, frame: np.ndarray, strength: float) -> np.ndarray:
        blurred = self._blurred
        if blurred is None or blurred[0] is not frame or blurred[1] != strength:
            radius = strength * self.size[1]
            blurred = frame, strength, np.asarray(Image.fromarray(frame).filter(ImageFilter.GaussianBlur(radius)))
            self._blurred = blurred
        return blurred[2]

    @cached_property
    def _average(self) -> np.ndarray:
        """The mean of the frames of the clip, some of each second."""
        total, count = np.zeros((self.size[1], self.size[0], 3)), 0
        with closing(Screen(self._clip, self.size)) as screen:
            for instant in np.arange(0.5 / AVERAGED, self._clip.duration, 1 / AVERAGED):
                total += screen.at(self._start + instant)
                count += 1
        mean: np.ndarray = np.rint(total / max(count, 1)).astype(np.uint8)
        return mean

    def close(self) -> None:
        """Closes the file."""
        if self._screen is not None:
            self._screen.close()


def room_tone(sound: np.ndarray, rate: int) -> np.ndarray:
    """A second of the clip's background: its quietest moment, to and fro. sound (samples, …) → (rate, …) of its type.

    Silence where the clip has nothing but silence.
    """
    length = round(TONE_SECONDS * rate)
    full = 32768 if sound.dtype == np.int16 else 1
    tone = np.zeros((rate, *sound.shape[1:]), sound.dtype)
    energy = np.concatenate([[0.0], np.cumsum((sound.reshape(len(sound), -1) / np.float32(full)) ** 2, 0).mean(1)])
    begins = np.arange(0, len(sound) - length + 1, max(1, length // 5))
    level = np.sqrt(np.maximum(energy[begins + length] - energy[begins], 0) / length)
    if not (audible := np.flatnonzero(level > LEAST_TONE)).size:
        return tone
    begin = begins[audible[np.argmin(level[audible])]]
    moment = sound[begin : begin + length]
    there_and_back = np.concatenate([moment, moment[::-1]])  # no click where it begins again
    tone[:] = np.resize(there_and_back, tone.shape)
    return tone


def encode_plan_pictures(
    clip: Clip, pictures: Sequence[Picture], encode: Encode, progress: Callable[[float], None] | None = None
) -> Iterator[tuple[Picture, Tensor]]:
    """Tokens (V, C) of frozen and blurred pictures: decodes the seconds that they name, edits and encodes them.

    progress is called with the share that is done; what it raises stops the work. Raises MediaError.
    """
    instants = [(j + 0.5) / clip.frames_per_second for j in range(clip.frames_per_second)]  # as media/video.py
    with closing(Pictures(clip)) as source:
        small = Scaler(clip.frame_size[1], clip.frame_size[0])

        def decode(picture: Picture) -> Second:
            frames: list[np.ndarray] = []
            last: np.ndarray | None = None
            for instant in instants:
                frame = source.at(picture, instant)
                frames.append(frames[-1] if frame is last else small(av.VideoFrame.from_ndarray(frame, "rgb24")))
                last = frame
            return Second(picture.second, np.stack(frames), None, None, False)

        ordered = sorted(pictures, key=lambda picture: picture.second)  # so that the file is read once, forwards
        done = 0
        for batch in batched(map(decode, ordered)):
            video = encode(batch).video
            assert video is not None
            yield from zip(ordered[done : done + len(batch)], video, strict=True)
            done += len(batch)
            if progress is not None:
                progress(done / len(pictures))


def encode_soundtrack(
    path: Path | str,
    encode: Encode,
    limits: MediaLimits,
    seconds: int,
    progress: Callable[[float], None] = lambda share: None,
) -> Tensor:
    """The first `seconds` s of a clip's sound → (T₂, A, C). EditError for a clip without sound; raises MediaError.

    progress is called with the share that is done; what it raises stops the work.
    """
    clip = open_clip(path, end=float(seconds), limits=limits)
    if not clip.has_audio:
        raise EditError(f"{clip.name}: has no sound to take; choose another clip")
    clip.has_video = False  # its picture need not be decoded
    sounds: list[Tensor | None] = []
    done = 0
    for batch in batched(clip.seconds()):
        sounds.append(encode(batch).audio)
        done += len(batch)
        progress(min(done / seconds, 1.0))
    return torch.cat([audio for audio in sounds if audio is not None])
