"""From a file to its explanation: speed of both presets, memory on long files, start of the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch

from bench.row import Row, in_turns
from sec2sec import DEMO
from sec2sec.checkpoints import Bundle, CheckpointSummary, load_checkpoint
from sec2sec.clip import explain
from sec2sec.config import EncoderConfig, ModelConfig
from sec2sec.encoders import build_encoders
from sec2sec.encoding import encode_clip, stack
from sec2sec.media import open_clip
from sec2sec.model import Sec2Sec

FLIGHT = Path("assets/clips/sintel-flight.mp4")  # 10 s, 480×270, 24 frames per second
PEAK = """
import json, resource, sys
import sec2sec
found = sec2sec.explain(sys.argv[1], sec2sec.load(sys.argv[2], "cpu"))
print(json.dumps([found.clip.seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


def paper_bundle(config: EncoderConfig) -> Bundle:
    """The paper preset at D = 256 with random weights, which cost what trained ones cost."""
    model = Sec2Sec(
        ModelConfig(input_width=config.width, width=256, heads=8, hidden=256), config.video_grid, config.audio_grid
    )
    encoders = build_encoders(config, pretrained=False, seed=0).folded()
    summary = CheckpointSummary("random", "", "Random weights, for timing.")
    return Bundle(summary, encoders, model.eval(), {}, {}, "", torch.device("cpu"))


def rows() -> Iterator[Row]:
    """Speed rows; about two minutes."""
    demo = load_checkpoint(DEMO, "cpu")
    (compact,) = in_turns(lambda: explain(FLIGHT, demo))
    yield Row("compact: 10-s 480×270 clip, file → full Explanation", compact, "s", 2.0)
    yield from paper_rows()
    (start,) = in_turns(lambda: subprocess.run([sys.executable, "-m", "sec2sec", "--help"], capture_output=True))
    yield Row("python -m sec2sec --help", start, "s", 0.5)


@torch.inference_mode()
def paper_rows() -> Iterator[Row]:
    """The paper preset: what decoding and features add to the bare encoders."""
    bundle = paper_bundle(EncoderConfig.paper())
    encoders, model = bundle.encoders, bundle.model
    rate = encoders.config.frames_per_second
    seconds = list(open_clip(FLIGHT, frames_per_second=rate).seconds())
    frames, samples = stack([s.frames for s in seconds]), stack([s.samples for s in seconds])
    image = encoders.mfcc(samples)

    def to_output() -> None:
        seconds = open_clip(FLIGHT, frames_per_second=rate).seconds()
        tokens = encode_clip(seconds, encoders, bundle.device)
        video, audio = tokens.filled(model.references(tokens.seconds))
        model(video[None], audio[None], torch.ones(1, len(video), dtype=torch.bool))

    def bare() -> None:
        encoders.encode_video(frames)
        encoders.encode_mfcc(image)

    whole, alone = in_turns(to_output, bare)
    yield Row("paper: file → Output ÷ the bare folded encoders", whole / alone, "×", 1.2)


def long_file(path: Path, seconds: int) -> Path:
    """A 1080p file of noise-like moving picture and sound: ten seconds encoded once, then written again and again."""
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    block, rate, fps = 10, 48_000, 24
    partial = path.with_suffix(".part.mp4")
    with av.open(str(partial), "w") as out:
        video = out.add_stream("libx264", rate=fps)
        video.width, video.height, video.pix_fmt = 1920, 1080, "yuv420p"
        video.options = {"preset": "ultrafast", "crf": "30"}
        video.codec_context.max_b_frames = 0
        audio = out.add_stream("aac", rate=rate, layout="mono")
        rng = np.random.default_rng(0)
        picture = rng.integers(0, 255, (1080 // 40, 1920 // 40, 3), np.uint8).repeat(40, 0).repeat(40, 1)
        packets = []
        for index in range(block * fps):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.roll(picture, 8 * index, 1)), "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            packets += video.encode(frame)
        packets += video.encode(None)
        sound = (0.2 * rng.standard_normal((1, block * rate))).astype(np.float32)
        for first in range(0, block * rate, 1024):
            samples = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[:, first : first + 1024]), "fltp", "mono")
            samples.sample_rate, samples.time_base, samples.pts = rate, Fraction(1, rate), first
            packets += audio.encode(samples)
        stored = [(p.stream, bytes(p), p.pts, p.dts, p.duration, p.time_base, p.is_keyframe) for p in packets]
        for turn in range(seconds // block):
            for stream, data, pts, dts, duration, base, key in sorted(stored, key=lambda p: p[3] * p[5]):
                packet = av.Packet(data)
                shift = round(turn * block / base)
                packet.stream, packet.time_base, packet.duration = stream, base, duration
                packet.pts, packet.dts, packet.is_keyframe = pts + shift, dts + shift, key
                out.mux(packet)
    partial.replace(path)
    return path


def memory_rows() -> Iterator[Row]:
    """Peak memory of a whole process that explains a one-minute and a ten-minute 1080p file; about three minutes."""
    peaks = []
    for minutes in (1, 10):
        file = long_file(Path(f"build/bench/{minutes}-minutes-1080p.mp4"), 60 * minutes)
        done = subprocess.run(
            [sys.executable, "-c", PEAK, str(file), str(DEMO)], capture_output=True, text=True, check=True
        )
        seconds, kilobytes = json.loads(done.stdout)
        assert abs(seconds - 60 * minutes) <= 1, seconds
        peaks.append(kilobytes)
    yield Row("peak memory, one-minute 1080p file", peaks[0] / 1024, "MB")
    yield Row("peak memory, ten-minute ÷ one-minute 1080p file", peaks[1] / peaks[0], "×", 1.5)
