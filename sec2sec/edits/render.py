"""The edited clip as a film: what a plan says, seen and heard."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import numpy as np

from sec2sec.config import MediaLimits
from sec2sec.edits.plan import ROOM_TONE, ClipTracks, EditError, Plan, Sound, duration
from sec2sec.edits.sources import Pictures, room_tone
from sec2sec.media import Clip, open_clip
from sec2sec.render.frames import SOUND_RATE, soundtrack
from sec2sec.render.movie import Progress, Quality, write_film

MAX_FRAME_RATE = 60  # frames per second


def film_rate(clip: Clip) -> int:
    """Frames a second of a film made from a clip, as the clip has them, in whole numbers."""
    return max(1, min(round(clip.fps or 25), MAX_FRAME_RATE))


def render_plan(
    clip: Clip,
    plan: Plan,
    tracks: ClipTracks,
    out: Path,
    *,
    soundtracks: Mapping[str, Path] | None = None,
    limits: MediaLimits | None = None,
    quality: Quality | None = None,
    progress: Progress | None = None,
) -> None:
    """Writes the edited clip. clip: as it was opened for the analysis; soundtracks: files of the other clips by name.

    Raises EditError for a plan that cannot be watched, MediaError for a file that cannot be read, OSError for one that
    cannot be written.
    """
    if not all(second.renderable for second in plan):
        raise EditError("Removed seconds (training average) are tokens alone and cannot be played; undo them first")
    seconds = duration(plan, tracks)
    heard = None if plan[0].sound is None else _sound(clip, plan, tracks, soundtracks or {}, limits or MediaLimits())
    with closing(Pictures(clip)) as pictures:

        def at(time: float) -> np.ndarray:
            index = min(math.floor(time + 1e-6), len(plan) - 1)
            planned = plan[index].picture
            assert planned is not None
            return pictures.at(planned, max(0.0, time - index))

        picture = at if plan[0].picture is not None else None
        cut = None if heard is None else heard[: round(seconds * SOUND_RATE)]
        write_film(out, seconds, film_rate(clip), picture, cut, quality=quality, progress=progress)


def _sound(
    clip: Clip, plan: Plan, tracks: ClipTracks, soundtracks: Mapping[str, Path], limits: MediaLimits
) -> np.ndarray:
    """(T · SOUND_RATE, 2) int16. Hard cuts: each second is analysed by itself, so none leaks into the next."""
    names = {
        second.sound.track for second in plan if second.sound is not None and second.sound.kind in ("play", "tone")
    }
    read: dict[str, np.ndarray] = {}
    for name in names:
        length = tracks.soundtracks[name] if name else tracks.seconds
        own = clip if not name else open_clip(soundtracks[name], end=float(length), limits=limits)
        read[name] = soundtrack(own, length)
        if not name:
            read[name][round((tracks.seconds - 1 + tracks.last) * SOUND_RATE) :] = 0  # as the model hears it

    silence = np.zeros((SOUND_RATE, 2), np.int16)
    is_toned = any(second.sound == ROOM_TONE for second in plan)
    tone = room_tone(read[""], SOUND_RATE) if is_toned else silence

    def second(sound: Sound | None) -> np.ndarray:
        if sound is None or sound.kind != "play":
            return tone if sound == ROOM_TONE else silence
        return read[sound.track][sound.second * SOUND_RATE : (sound.second + 1) * SOUND_RATE]

    return np.concatenate([second(planned.sound) for planned in plan])
