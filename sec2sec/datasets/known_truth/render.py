"""Write one known-truth clip as MP4: H.264 picture and AAC sound."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from sec2sec.datasets.known_truth.picture import draw_look, draw_seconds
from sec2sec.datasets.known_truth.sound import draw_sound
from sec2sec.datasets.known_truth.states import Plan

PICTURE, SOUND, LOOK = 1, 2, 3  # streams of a clip's random numbers; 0 decided its plan


def render_clip(plan: Plan, path: Path) -> None:
    """Draw the clip and write it to path, all of it or nothing. Raises OSError, e.g. on a full disk."""
    partial = path.with_suffix(path.suffix + ".part")
    try:
        _write(plan, partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _write(plan: Plan, path: Path) -> None:
    look = draw_look(plan.rng(LOOK))
    samples, rate = draw_sound(plan, plan.rng(SOUND))
    with av.open(str(path), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=look.fps)
        video.width, video.height, video.pix_fmt = look.width, look.height, "yuv420p"
        video.codec_context.thread_count = 1  # workers share the cores; one thread also makes the bytes repeatable
        video.options = {"preset": "ultrafast", "crf": str(look.crf), "g": str(look.fps * 4)}
        audio = container.add_stream("aac", rate=rate)
        audio.codec_context.layout = "mono" if len(samples) == 1 else "stereo"
        audio.codec_context.format = "fltp"
        audio.bit_rate = 80_000 * len(samples)
        audio.codec_context.options = {"aac_coder": "fast"}
        step = Fraction(1, look.fps)
        count = 0
        for second, planes in enumerate(draw_seconds(plan, look, plan.rng(PICTURE))):
            for luma, cb, cr in zip(*planes, strict=True):
                # yuv420p as an array is the three planes one below the other
                packed = np.concatenate([luma.ravel(), cb.ravel(), cr.ravel()]).reshape(-1, look.width)
                frame = av.VideoFrame.from_ndarray(packed, format="yuv420p")
                frame.pts, frame.time_base = count, step
                count += 1
                container.mux(video.encode(frame))
            sound = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(samples[:, second * rate : (second + 1) * rate]),
                format="fltp",
                layout=audio.codec_context.layout.name,
            )
            sound.sample_rate, sound.pts, sound.time_base = rate, second * rate, Fraction(1, rate)
            container.mux(audio.encode(sound))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
