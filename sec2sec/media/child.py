"""The program that decodes for another process: sec2sec/media/isolated.py starts it, asks it and kills it.

It reads one call per line from its standard input, as JSON, and writes messages to its standard output until the input
ends: the length of a JSON object and of the arrays that it describes, the object, and the bytes of the arrays.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from sec2sec.config import MediaLimits, TrackChoice
from sec2sec.isolation import MEMORY_EXIT, limit_memory, limit_processor
from sec2sec.media.clip import open_clip
from sec2sec.media.container import MediaError
from sec2sec.media.playback import browser_can_play, convert_for_browser

HEAD = struct.Struct("!II")  # bytes of a message's JSON, bytes of its arrays


def _limits(plain: dict[str, str]) -> MediaLimits:
    return MediaLimits(
        max_bytes=int(plain["max_bytes"]),
        max_seconds=float(plain["max_seconds"]),
        min_seconds=float(plain["min_seconds"]),
        max_pixels=int(plain["max_pixels"]),
        max_decoded=float(plain["max_decoded"]),
    )


def _write(kind: str, fields: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    described = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
    text = json.dumps({"kind": kind, "arrays": described, **fields}).encode()
    blobs = [np.ascontiguousarray(array).tobytes() for array in arrays.values()]
    out = sys.stdout.buffer
    out.write(HEAD.pack(len(text), sum(map(len, blobs))) + text)
    for blob in blobs:
        out.write(blob)
    out.flush()


def _opened(clip: Any) -> dict[str, Any]:
    names = ("name", "start", "duration", "has_video", "has_audio", "width", "height", "warnings")
    return {name: getattr(clip, name) for name in names}


def _seconds(
    path: str, limits: dict[str, str], frame_size: list[int], tracks: dict[str, int | None], **arguments: Any
) -> None:
    size, choice = (frame_size[0], frame_size[1]), TrackChoice(**tracks)
    clip = open_clip(path, limits=_limits(limits), frame_size=size, tracks=choice, **arguments)
    _write("clip", _opened(clip), {})
    for second in clip.seconds():
        still = None if second.still is None else np.frombuffer(second.still, np.uint8)
        held = {"frames": second.frames, "samples": second.samples, "still": still}
        arrays = {name: array for name, array in held.items() if array is not None}
        _write("second", {"index": second.index, "partial": second.partial}, arrays)
    _write("end", {"duration": clip.duration, "warnings": clip.warnings}, {})


def _probe(path: str, limits: dict[str, str]) -> None:
    clip = open_clip(path, limits=_limits(limits))
    fields = {name: getattr(clip, name) for name in ("name", "duration", "width", "height", "fps", "warnings")}
    choices = clip.layout.choices
    own = {"playable": browser_can_play(clip), "video_tracks": choices.video, "audio_tracks": choices.audio}
    _write("probe", {**fields, **own}, {})


def _convert(path: str, out: str, limits: dict[str, str], tracks: dict[str, int | None], **arguments: Any) -> None:
    def reached(second: float) -> None:
        _write("progress", {"reached": second}, {})

    choice = TrackChoice(**tracks)
    convert_for_browser(path, out, limits=_limits(limits), tracks=choice, progress=reached, **arguments)


def main(memory: int) -> None:
    """Answer calls until there are none."""
    limit_memory(memory)
    calls: dict[str, Callable[..., None]] = {"seconds": _seconds, "probe": _probe, "convert": _convert}
    for line in sys.stdin.buffer:
        request = json.loads(line)
        limit_processor(request.pop("processor"))
        try:
            calls[request.pop("call")](**request)
        except MediaError as error:
            _write("error", {"text": str(error)}, {})
        except MemoryError:
            os._exit(MEMORY_EXIT)
        else:
            _write("done", {}, {})


if __name__ == "__main__":
    main(int(sys.argv[1]))
