"""Predictors whose behaviour is known, which share nothing with the program: as functions, a command and a service.

As a command: python -m tests.helpers.predictors NAME CLIP
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np

Answers = list[dict[str, object]]


def samples_of(clip: Any) -> tuple[np.ndarray, int]:
    """Mono sound and its rate, of a file or of arrays."""
    if not isinstance(clip, Path):
        return clip.samples, clip.sample_rate
    with av.open(str(clip)) as file:
        if not file.streams.audio:
            return np.zeros(1), 1
        rate = file.streams.audio[0].rate
        return np.concatenate([frame.to_ndarray().mean(0) for frame in file.decode(audio=0)]), rate


def frames_of(clip: Any) -> list[tuple[float, np.ndarray]]:
    """Time and luma, 0..1, of every frame, of a file or of arrays."""
    if not isinstance(clip, Path):
        return [(index / clip.frames_per_second, frame.mean(-1) / 255) for index, frame in enumerate(clip.frames)]
    with av.open(str(clip)) as file:
        return [(frame.time, frame.to_ndarray(format="gray") / 255) for frame in file.decode(video=0)]


def loudness(clips: list[Path]) -> Answers:
    """Mean square of the sound: each second adds its own."""
    return [{"loudness": float((samples_of(clip)[0] ** 2).mean())} for clip in clips]


def motion(clips: list[Path]) -> Answers:
    """Mean change of the picture from frame to frame, within seconds: cuts between seconds count for nothing."""
    answers: Answers = []
    for clip in clips:
        frames = frames_of(clip)
        pairs = [(a, b) for (t, a), (u, b) in pairwise(frames) if int(t + 1e-3) == int(u + 1e-3)]
        answers.append({"motion": float(np.mean([np.abs(a - b).mean() for a, b in pairs]))})
    return answers


def second_three(clips: list[Path]) -> Answers:
    """The brightness of 3–4 s, and nothing else."""
    return [
        {"brightness": float(np.mean([luma.mean() for time, luma in frames_of(clip) if 3 <= time < 4]))}
        for clip in clips
    ]


def liar(clips: list[Path]) -> Answers:
    """The same, and it says that it went by 1–2 s."""
    return [answer | {"claims": {"brightness": [[1.0, 2.0]]}} for answer in second_three(clips)]


class Noisy:
    """The same, with noise of a known size."""

    def __init__(self, deviation: float = 0.02) -> None:
        self.deviation, self.random = deviation, np.random.default_rng(0)

    def __call__(self, clips: list[Path]) -> Answers:
        return [
            {"brightness": min(1.0, max(0.0, answer["brightness"] + self.random.normal(0, self.deviation)))}  # type: ignore[operator]
            for answer in second_three(clips)
        ]


class Counted:
    """Another predictor, and how often it was asked about which clip."""

    def __init__(self, predict: Callable[[list[Path]], Answers]) -> None:
        self.predict, self.asked = predict, []

    def __call__(self, clips: list[Path]) -> Answers:
        self.asked += clips
        return self.predict(clips)


class Crashing(Counted):
    """Fails on every fifth call."""

    def __call__(self, clips: list[Path]) -> Answers:
        answers = super().__call__(clips)
        if len(self.asked) % 5 == 0:
            raise RuntimeError("out of luck")
        return answers


def sleeping(clips: list[Path]) -> Answers:
    """Never answers."""
    time.sleep(3600)
    return []


@contextmanager
def service(predict: Callable[[list[Path]], Answers]) -> Iterator[str]:
    """An address on this machine that answers for a predictor, whether it gets the file or where it lies."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Content-Type"] == "application/json":
                clip = Path(json.loads(body)["clip"])
                answer = predict([clip])[0]
            else:
                border = body.partition(b"\r\n")[0]
                head, _, content = body.partition(b"\r\n\r\n")
                assert b'name="clip"; filename="clip.mp4"' in head
                with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
                    file.write(content.partition(b"\r\n" + border)[0])
                    file.flush()
                    answer = predict([Path(file.name)])[0]
            data = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/predict"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]]([Path(sys.argv[2])])[0]))
