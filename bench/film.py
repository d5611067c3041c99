"""A film of ten minutes as a curve, beside the cost of encoding it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import av

from bench.clip import FLIGHT
from bench.row import Row, in_turns
from sec2sec import DEMO
from sec2sec.checkpoints import load_checkpoint
from sec2sec.clip import encode
from sec2sec.curve import prediction_curve, window_of
from sec2sec.lengths import learned_lengths

TURNS = 60  # of ten seconds
RUNS = 3  # each is compared with itself: what else the machine does slows both of its parts


def repeated(clip: Path, turns: int, to: Path) -> Path:
    """A clip written again and again, without encoding it anew."""
    if to.is_file():
        return to
    to.parent.mkdir(parents=True, exist_ok=True)
    partial = to.with_suffix(".part.mp4")
    with av.open(str(clip)) as source, av.open(str(partial), "w") as out:
        streams = {
            stream: out.add_stream_from_template(stream) for stream in (*source.streams.video, *source.streams.audio)
        }
        stored = [p for p in source.demux(*streams) if p.dts is not None and p.pts is not None]
        length = max(float((p.pts + (p.duration or 0)) * p.time_base) for p in stored)
        packets = [(p.stream, bytes(p), p.pts, p.dts, p.duration, p.time_base, p.is_keyframe) for p in stored]
        for turn in range(turns):
            for stream, data, pts, dts, duration, base, is_key in packets:
                if turn and pts < 0:
                    continue  # the encoder's delay stands once, before the first sound
                shift = round(turn * length / base)
                packet = av.Packet(data)
                packet.stream, packet.time_base, packet.duration = streams[stream], base, duration
                packet.pts, packet.dts, packet.is_keyframe = pts + shift, dts + shift, is_key
                out.mux(packet)
    partial.replace(to)
    return to


def rows() -> Iterator[Row]:
    """The demo on ten minutes of film; about two minutes."""
    demo = load_checkpoint(DEMO, "cpu")
    film = repeated(FLIGHT, TURNS, Path("build/bench/ten-minutes.mp4"))
    learned = learned_lengths(demo.metrics)
    assert learned is not None
    window = learned.window

    prediction_curve(encode(FLIGHT, demo), window=window)  # what the first of all costs more
    ratios = []
    for _ in range(RUNS):
        began = time.perf_counter()
        clip = encode(film, demo)
        encoded = time.perf_counter()
        curve = prediction_curve(clip, window=window)
        ratios.append((time.perf_counter() - began) / (encoded - began))
    name = "compact: curve of a ten-minute film, a window a second ÷ decoding and encoding"
    yield Row(name, median(ratios), "×", 1.1)
    points = iter(range(0, len(curve.starts), 7))
    (opening,) = in_turns(lambda: window_of(clip, curve, next(points)).explain(), turns=9)
    yield Row("compact: a point of that curve → the whole explanation of its window", opening, "s", 0.5)
