"""Small data sets for tests of training: real clips, and tokens without clips."""

from __future__ import annotations

import csv
from pathlib import Path

import torch

from sec2sec.config import EncoderConfig
from sec2sec.datasets.cache import TokenCache
from sec2sec.datasets.table import Row
from sec2sec.encoders import build_encoders
from sec2sec.encoders.tokens import Tokens
from sec2sec.training.batches import Clips, cached_clips
from tests.helpers import clips

TOKENS = EncoderConfig(width=6, video_grid=(2, 1, 2), audio_grid=(2, 2))


def clip_folder(folder: Path, train: int = 6, validation: int = 2, test: int = 2) -> Path:
    """A data set of bright and dark clips of 1–3 s: arousal is 1 where they are bright, calm a score that falls then.

    The second clip has no sound, the third no picture, and the fourth no label for arousal.
    """
    (folder / "clips").mkdir(parents=True)
    rows = []
    splits = ["train"] * train + ["validation"] * validation + ["test"] * test
    for number, split in enumerate(splits):
        bright = number % 2
        path = folder / "clips" / f"{number}.mp4"
        clips.make_clip(
            path,
            seconds=1 + number % 3,
            fps=8,
            picture=None if number == 2 else clips.grey(200 + number if bright else 20 + number),
            sound=None if number == 1 else clips.tone(1 + number % 3, 220.0 * (1 + number)),
        )
        arousal = "" if number == 3 else bright
        rows.append((f"c{number}", f"clips/{number}.mp4", arousal, 0.8 - 0.5 * bright, split, f"film{number // 2}"))
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "path", "arousal", "calm", "split", "group"))
        writer.writerows(rows)
    return folder


def planted_tokens(
    folder: Path, count: int = 24, split: str = "train", first: int = 0, strength: float = 3.0
) -> tuple[Clips, EncoderConfig]:
    """Tokens of clips that were never made: one second's picture says what `a` is; `b` is the same as a score."""
    cache = TokenCache(folder, build_encoders(TOKENS, seed=0))
    generator = torch.Generator().manual_seed(first)
    rows, files, lengths = [], {}, {}
    for number in range(first, first + count):
        seconds, label = 2 + number % 3, number % 2
        video = 0.3 * torch.randn(seconds, 4, 6, generator=generator)
        audio = 0.3 * torch.randn(seconds, 4, 6, generator=generator)
        video[number % seconds, :, 0] += strength * (2 * label - 1)
        name, sha256 = f"t{number}", f"{number:064x}"
        cache.write(sha256, Tokens(video, None if number % 7 == 3 else audio))
        rows.append(Row(name, Path("nowhere"), {"a": float(label), "b": 0.2 + 0.6 * label}, split, name))
        files[name], lengths[name] = cache.path(sha256), seconds
    return cached_clips(rows, ("a", "b"), files, lengths), TOKENS
