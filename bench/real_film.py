"""What the bundled checkpoint says of real film: windows of the example clips, as they are and encoded again.

Nobody rated these clips, so nothing here says whether a prediction is right. Measured is whether predictions spread
over their range, whether they order windows as loudness and motion do, and whether what nobody sees or hears changes
them.

A window is 10 s of a clip, or all of a shorter clip.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import numpy as np
from scipy.stats import rankdata, spearmanr

from bench.row import Row
from sec2sec import DEMO
from sec2sec.checkpoints import load_checkpoint
from sec2sec.clip import EncodedClip, encode_steps
from sec2sec.media import Second, open_clip
from sec2sec.progress import drain

FILMS = Path("assets/clips")
BUILD = Path("build/bench/real-film")
WINDOW = 10  # s
SHIFT = 0.3  # s, of the cuts between seconds
ENDS = (0.1, 0.9)  # beyond them a prediction is extreme
MAX_EXTREME, MIN_ORDER, MAX_CHANGE, MAX_FLIPS = 0.40, 0.8, 0.02, 0.10


@dataclass(frozen=True)
class Encoding:
    """How a film is written again; what is not named stays as it is, packet for packet."""

    crf: int | None = None  # of x264; higher is coarser
    height: int | None = None  # pixels
    gain: float = 0.0  # dB
    mono: bool = False


ENCODINGS = {
    "crf 35": Encoding(crf=35),
    "240p": Encoding(crf=23, height=240),
    "+3 dB": Encoding(gain=3.0),
    "−3 dB": Encoding(gain=-3.0),
    "mono": Encoding(mono=True),
}


def rows() -> Iterator[Row]:
    """About two minutes."""
    bundle = load_checkpoint(DEMO, "cpu")
    films = sorted(FILMS.glob("*.mp4"))
    clips = [drain(encode_steps(film, bundle)) for film in films]
    shown = [name for name in bundle.model.config.targets if name not in bundle.summary.diagnostics]
    own = predictions([window for clip in clips for window in windows(clip)])
    for name in shown:
        share, count = extreme(own[name]), len(own[name])
        yield Row(f"real film: {name} beyond {ENDS[0]} and {ENDS[1]}, of {count} windows", share, "", MAX_EXTREME)
    rho, count = real_order(films, clips)
    yield Row(
        f"real film: Spearman, arousal with loudness + motion, {count} windows that do not overlap",
        rho,
        "",
        MIN_ORDER,
        "at least",
    )
    for title, encoding in ENCODINGS.items():
        again = [drain(encode_steps(reencoded(film, title, encoding), bundle)) for film in films]
        yield change_row(title, shown, clips, again)
    shifted = [drain(encode_steps(film, bundle, start=SHIFT)) for film in films]
    yield change_row(f"cuts shifted by {SHIFT} s", shown, clips, shifted)
    pairs = [pair for one, other in zip(clips, shifted, strict=True) for pair in paired_windows(one, other)]
    for name, share in flips(shown, pairs).items():
        yield Row(f"real film: words of the verdict of {name} that flip under that shift", share, "", MAX_FLIPS)


def starts(seconds: int, step: int = 1) -> list[int]:
    """Where the windows of a clip of so many seconds begin."""
    return list(range(0, max(1, seconds - WINDOW + 1), step))


def windows(clip: EncodedClip, step: int = 1) -> list[EncodedClip]:
    """The windows of a clip as clips of their own: their seconds are those of the clip."""
    parts = [(first, min(first + WINDOW, clip.info.seconds)) for first in starts(clip.info.seconds, step)]
    return [
        EncodedClip(clip.model, clip.tokens.part(first, end), replace(clip.info, seconds=end - first))
        for first, end in parts
    ]


def paired_windows(one: EncodedClip, other: EncodedClip) -> list[tuple[EncodedClip, EncodedClip]]:
    """The windows that begin at the same second of both; a clip may lose its last second where it is cut elsewhere."""
    return list(zip(windows(one), windows(other), strict=False))


def predictions(clips: Sequence[EncodedClip]) -> dict[str, np.ndarray]:
    """By target, of each clip (N,)."""
    predicted = [clip.predict() for clip in clips]
    return {name: np.array([one[name] for one in predicted]) for name in predicted[0]}


def extreme(values: np.ndarray) -> float:
    """Share of predictions that are beyond ENDS."""
    return float(((values < ENDS[0]) | (values > ENDS[1])).mean())


def change_row(title: str, shown: Sequence[str], one: Sequence[EncodedClip], other: Sequence[EncodedClip]) -> Row:
    """Mean |change| of the target that changes most."""
    pairs = [pair for both in zip(one, other, strict=True) for pair in paired_windows(*both)]
    changes = mean_changes(*(predictions(clips) for clips in zip(*pairs, strict=True)))
    name = max(shown, key=lambda name: changes[name])
    return Row(f"real film, {title}: mean |change| of a prediction ({name})", changes[name], "", MAX_CHANGE)


def mean_changes(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> dict[str, float]:
    """By target."""
    return {name: float(np.abs(one[name] - other[name]).mean()) for name in one}


def flips(targets: Sequence[str], pairs: Sequence[tuple[EncodedClip, EncodedClip]]) -> dict[str, float]:
    """By target, the share of pairs of windows whose verdicts have different words."""
    words = [[{name: clip.verdict(name).word for name in targets} for clip in pair] for pair in pairs]
    return {name: float(np.mean([one[name] != other[name] for one, other in words])) for name in targets}


def real_order(films: Sequence[Path], clips: Sequence[EncodedClip]) -> tuple[float, int]:
    """Spearman correlation of predicted arousal with rank(loudness) + rank(motion), and the number of windows."""
    measured = []
    for film, clip in zip(films, clips, strict=True):
        seconds = list(open_clip(film).seconds())
        for first, window in zip(starts(clip.info.seconds, WINDOW), windows(clip, WINDOW), strict=True):
            own = seconds[first : first + WINDOW]
            measured.append((window.predict()["arousal"], loudness(own), motion(own)))
    predicted, loud, moving = np.array(measured).T
    return float(spearmanr(predicted, rankdata(loud) + rankdata(moving)).statistic), len(measured)


def loudness(seconds: Sequence[Second]) -> float:
    """RMS in dB over a window."""
    samples = np.concatenate([s.samples for s in seconds if s.samples is not None])
    return float(20 * np.log10(np.sqrt(np.mean(samples**2)) + 1e-6))


def motion(seconds: Sequence[Second]) -> float:
    """Mean absolute change of grey from frame to frame (eighths of a second), 0..255."""
    grey = np.concatenate([s.frames for s in seconds if s.frames is not None]).astype(np.float32).mean(-1)
    return float(np.abs(np.diff(grey, axis=0)).mean())


def reencoded(film: Path, title: str, encoding: Encoding, build: Path = BUILD) -> Path:
    """A film written again, once; it stays in the folder of the bench."""
    out = build / f"{film.stem} {title}.mp4"
    if not out.is_file():
        build.mkdir(parents=True, exist_ok=True)
        partial = out.with_suffix(".part.mp4")
        reencode(film, partial, encoding)
        partial.replace(out)
    return out


def reencode(film: Path, out: Path, encoding: Encoding) -> None:
    """Write a film again as MP4: H.264 and AAC where the encoding changes something, copied packets where not."""
    with av.open(str(film)) as reader, av.open(str(out), "w") as writer:
        sources = reader.streams.video[0], reader.streams.audio[0]
        changed = encoding.crf is not None, encoding.gain != 0 or encoding.mono
        video, audio = (
            None if anew else writer.add_stream_from_template(source)
            for source, anew in zip(sources, changed, strict=True)
        )
        video = video or _picture_stream(writer, sources[0], encoding)
        audio = audio or _sound_stream(writer, sources[1], encoding)
        for packet in reader.demux(*sources):
            picture = packet.stream is sources[0]
            stream = video if picture else audio
            if not changed[0 if picture else 1]:
                if packet.dts is not None:  # the last one of a stream is empty
                    packet.stream = stream
                    writer.mux(packet)
                continue
            for frame in packet.decode():
                shown = _scaled(frame, stream) if picture else _levelled(frame, encoding)
                writer.mux(stream.encode(shown))
        for stream, anew in zip((video, audio), changed, strict=True):
            if anew:
                writer.mux(stream.encode(None))


def _picture_stream(writer: Any, source: Any, encoding: Encoding) -> Any:
    stream = writer.add_stream("libx264", rate=source.average_rate)
    height = encoding.height or source.height
    stream.width, stream.height = 2 * round(source.width * height / source.height / 2), height
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = source.time_base
    stream.options = {"crf": str(encoding.crf)}
    return stream


def _sound_stream(writer: Any, source: Any, encoding: Encoding) -> Any:
    stream = writer.add_stream("aac", rate=source.rate, layout="mono" if encoding.mono else source.layout.name)
    stream.bit_rate = 160_000
    return stream


def _scaled(frame: Any, stream: Any) -> Any:
    shown = frame.reformat(width=stream.width, height=stream.height, format="yuv420p")
    shown.pict_type = 0  # the encoder chooses its own key frames
    return shown


def _levelled(frame: Any, encoding: Encoding) -> Any:
    """Louder or quieter, as a player's limits allow; both channels as one where it is to be mono."""
    samples = frame.to_ndarray()  # (channels, samples), of AAC
    samples = samples.mean(0, keepdims=True) if encoding.mono else samples
    samples = np.clip(samples * 10 ** (encoding.gain / 20), -1, 1).astype(np.float32)
    layout = "mono" if encoding.mono else frame.layout.name
    heard = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
    heard.sample_rate, heard.pts, heard.time_base = frame.sample_rate, frame.pts, frame.time_base
    return heard
