"""The seconds of which the calibration of the verdict puts its clips together, encoded once and cached.

Two sources, each with seconds to learn from and others to judge on:

- generated: cluttered known-truth clips; the evidence of each second was planted;
- film: the seconds of the bundled trailer, as they are and edited (exposure, colour, level of the sound). An edited
  second carries the evidence of its edit, a second as it is none. Every other second of the film is learned from.

The second embeddings are the bundled checkpoint's. N seconds, D width, K targets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import torch

from sec2sec.checkpoints import Bundle
from sec2sec.datasets.extract import as_decoded, decode_all
from sec2sec.datasets.known_truth.generate import make_clips
from sec2sec.datasets.known_truth.read import Planted, read_planted
from sec2sec.datasets.open import open_data
from sec2sec.encoding import encode_clip
from sec2sec.explanations.embeddings import embed_seconds
from sec2sec.media import Second, open_clip
from sec2sec.model import Sec2Sec
from sec2sec.paths import program_paths
from sec2sec.progress import drain

TARGETS = ("arousal", "valence", "brightness", "warmth", "loudness")
SEEDS = {"learn": 4141, "judge": 4242}  # of the generated clips
FILM = "sintel-trailer.mp4"
EXPOSURE, SATURATION, WARMTH, LEVEL = (0.5, 1.5), (0.2, 1.8), (0.85, 1.15), (0.1, 3.0)  # factors of an edit down, up
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True)
class Pool:
    """Seconds of one source. Those of a film stand in its order: `place` is the second that each one was."""

    both: np.ndarray  # (N, D) second embeddings
    neither: np.ndarray  # (D,) that of the training mean
    evidence: np.ndarray  # (N, K) what each second says of each target, about [−1.5, 1.5]; 0 of a neutral one
    decisive: np.ndarray  # (N,) bool
    place: np.ndarray  # (N,)


def load_pool(work: Path, bundle: Bundle, source: str, part: str, clips: int) -> Pool:
    """From the cache in `work`, or made: a minute and a half for 120 generated clips.

    source: "generated" or "film"; part: "learn" or "judge"; clips: how many are generated.
    """
    name = f"{source}-{part}" + (f"-{clips}" if source == "generated" else "")
    path = work / f"{name}-{bundle.summary.sha256[:12]}.npz"
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        pool = (
            _generated(work / f"clips-{part}", bundle, SEEDS[part], clips)
            if source == "generated"
            else _film(bundle, part)
        )
        np.savez(path, **vars(pool))
    with np.load(path) as arrays:
        return Pool(**arrays)


def _generated(folder: Path, bundle: Bundle, seed: int, clips: int) -> Pool:
    drain(make_clips(folder, clips, seed, "cluttered", workers=1))
    planted, rows = read_planted(folder), open_data(folder).split("all")
    seconds = []
    for row, decoded in decode_all(rows, bundle.encoders.config, as_decoded, workers=0):
        assert not isinstance(decoded, str), decoded
        truth = planted[row.id]
        both, neither = _embed(decoded, bundle)
        seconds.append((both, neither, _planted_evidence(truth), truth.decisive, np.arange(len(both))))
    both, neither, evidence, decisive, place = zip(*seconds, strict=True)
    return Pool(
        np.concatenate(both), neither[0], np.concatenate(evidence), np.concatenate(decisive), np.concatenate(place)
    )


def _planted_evidence(truth: Planted) -> np.ndarray:
    """(T, K): what was planted for arousal and valence; of the others, the state itself in decisive seconds."""
    states = (truth.decisive * (2 * truth.states[name] - 1) for name in TARGETS[2:])
    return np.stack([truth.evidence["arousal"], truth.evidence["valence"], *states], axis=1)


def _film(bundle: Bundle, part: str) -> Pool:
    decoded = list(
        open_clip(program_paths().examples / FILM, frames_per_second=bundle.encoders.config.frames_per_second).seconds()
    )
    own = decoded[0 if part == "learn" else 1 :: 2]
    versions = [(own, np.zeros(len(TARGETS)))] + [
        ([edit_second(second, *signs) for second in own], edit_evidence(*signs)) for signs in product((-1, 1), repeat=3)
    ]
    embedded = [_embed(version, bundle) for version, _ in versions]
    return Pool(
        both=np.concatenate([both for both, _ in embedded]),
        neither=embedded[0][1],
        evidence=np.concatenate([np.tile(evidence, (len(own), 1)) for _, evidence in versions]),
        decisive=np.arange(len(versions) * len(own)) >= len(own),
        place=np.tile(np.arange(len(own)), len(versions)),
    )


def edit_second(second: Second, exposure: int, colour: int, level: int) -> Second:
    """A second made brighter, warmer and more colourful, and louder (+1 each), or the contrary (−1 each)."""
    up = [(sign + 1) // 2 for sign in (exposure, colour, level)]
    assert second.frames is not None
    assert second.samples is not None
    frames = second.frames.astype(np.float32) * EXPOSURE[up[0]]
    grey = (frames @ LUMA)[..., None]
    frames = (grey + SATURATION[up[1]] * (frames - grey)) * np.array([WARMTH[up[1]], 1, WARMTH[1 - up[1]]], np.float32)
    samples = np.clip(second.samples * LEVEL[up[2]], -1, 1)
    return replace(second, frames=frames.clip(0, 255).astype(np.uint8), samples=samples.astype(np.float32))


def edit_evidence(exposure: int, colour: int, level: int) -> np.ndarray:
    """(K,) what such an edit says of each target."""
    return np.array([(level + colour) / 2, (exposure + colour) / 2, exposure, colour, level], dtype=np.float64)


@torch.inference_mode()
def _embed(decoded: list[Second], bundle: Bundle) -> tuple[np.ndarray, np.ndarray]:
    """Second embeddings (T, D), and that of the training mean (D,)."""
    assert isinstance(bundle.model, Sec2Sec)
    embeddings = embed_seconds(bundle.model, encode_clip(decoded, bundle.encoders, bundle.device))
    return embeddings.both.cpu().numpy(), embeddings.neither[0].cpu().numpy()


def compose(pool: Pool, seconds: int, opposed: bool, film: bool, chance: np.random.Generator) -> np.ndarray:
    """(T,) numbers of the pool's seconds that make a clip: one to three decisive ones in ten, and neutral ones.

    The decisive seconds agree in the sign of as many targets as they can, or, opposed, at least two of them do not. A
    clip of a film is a stretch of its seconds in their order, run through again where there are too few.
    """
    least = 2 if opposed else 1
    count = int(chance.integers(least, max(3, 3 * seconds // 10) + 1))
    places = np.sort(chance.permutation(seconds)[:count])
    if film:
        length = int(pool.place.max()) + 1
        stretch = (int(chance.integers(length)) + np.arange(seconds)) % length
        chosen = np.array([np.flatnonzero(~pool.decisive & (pool.place == place))[0] for place in stretch])
    else:
        stretch = np.full(seconds, -1)
        chosen = chance.choice(np.flatnonzero(~pool.decisive), seconds, replace=seconds > (~pool.decisive).sum())
    first: np.ndarray | None = None
    for rank, place in enumerate(places):
        candidates = np.flatnonzero(pool.decisive & (pool.place == stretch[place] if film else True))
        if first is not None:
            agree = (np.sign(pool.evidence[candidates]) * first).sum(1)
            wanted = -agree if opposed and rank % 2 else agree
            candidates = candidates[wanted >= np.sort(wanted)[-min(8, -(-len(wanted) // 8))]]
        chosen[place] = chance.choice(candidates)
        if first is None:
            first = np.sign(pool.evidence[chosen[place]])
    return chosen


def batches(pools: dict[str, Pool], steps: int, size: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Clips to learn from: embeddings (B, T, D) and the sum of their evidence (B, K), a length per batch.

    A sixth of the seconds is at the training mean, and one clip in sixteen wholly, so that what occlusion asks is no
    news to the model and its baseline is neutral at every length.
    """
    chance = np.random.default_rng(seed)
    names = list(pools)
    for _ in range(steps):
        pool = pools[names[int(chance.integers(len(names)))]]
        seconds = int(np.exp(chance.uniform(np.log(2), np.log(60))))
        decisive, neutral = np.flatnonzero(pool.decisive), np.flatnonzero(~pool.decisive)
        is_decisive = chance.random((size, seconds)) < chance.uniform(0, 0.35, (size, 1))
        chosen = np.where(
            is_decisive, chance.choice(decisive, (size, seconds)), chance.choice(neutral, (size, seconds))
        )
        away = chance.random((size, seconds)) < 1 / 6
        away[: size // 16] = True
        embeddings = np.where(away[..., None], pool.neither, pool.both[chosen])
        yield embeddings, np.where(away[..., None], 0, pool.evidence[chosen]).sum(1)
