"""The seconds of which the calibration of the verdict puts its clips together, encoded once and cached.

Two sources, each with seconds to learn from and others to judge on, all of known-truth clips, so that the evidence of
each second is known: cluttered generated scenes; and real film in which decisive seconds were edited. Of the film, the
first half is learned from and the second half judged on, as the bundled checkpoint did.

The second embeddings are the bundled checkpoint's. N seconds, D width, K targets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sec2sec.checkpoints import Bundle
from sec2sec.datasets.extract import as_decoded, decode_all
from sec2sec.datasets.known_truth import Level, make_clips
from sec2sec.datasets.known_truth.read import Planted, read_planted
from sec2sec.datasets.open import open_data
from sec2sec.encoding import encode_clip
from sec2sec.explanations.embeddings import embed_seconds
from sec2sec.media import Second
from sec2sec.model import Sec2Sec
from sec2sec.progress import drain

TARGETS = ("arousal", "valence", "brightness", "warmth", "loudness")
SEEDS = {"learn": 4141, "judge": 4242}  # of the generated clips
LEVELS: dict[str, Level] = {"generated": "cluttered", "film": "film"}
FOOTAGE = {"learn": (0.0, 0.5), "judge": (0.5, 1.0)}  # of each bundled film


@dataclass(frozen=True)
class Pool:
    """Seconds of one source, clip by clip, each clip in its order."""

    both: np.ndarray  # (N, D) second embeddings
    neither: np.ndarray  # (D,) that of the training mean
    evidence: np.ndarray  # (N, K) what each second says of each target, about [−1.5, 1.5]; 0 of a neutral one
    decisive: np.ndarray  # (N,) bool


def load_pool(work: Path, bundle: Bundle, source: str, part: str, clips: int) -> Pool:
    """From the cache in `work`, or made: two minutes for 120 clips.

    source: one of LEVELS; part: "learn" or "judge"; clips: how many are generated.
    """
    path = work / f"{source}-{part}-{clips}-{bundle.summary.sha256[:12]}.npz"
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        np.savez(path, **vars(_pool(work / f"{source}-clips-{part}", bundle, source, part, clips)))
    with np.load(path) as arrays:
        return Pool(**arrays)


def _pool(folder: Path, bundle: Bundle, source: str, part: str, clips: int) -> Pool:
    """Makes the clips in their folder, and embeds their seconds."""
    drain(make_clips(folder, clips, SEEDS[part], LEVELS[source], workers=1, footage=FOOTAGE[part]))
    planted, rows = read_planted(folder), open_data(folder).split("all")
    seconds = []
    for row, decoded in decode_all(rows, bundle.encoders.config, as_decoded, workers=0):
        assert not isinstance(decoded, str), decoded
        truth = planted[row.id]
        both, neither = _embed(decoded, bundle)
        seconds.append((both, neither, _planted_evidence(truth), truth.decisive))
    both, neither, evidence, decisive = zip(*seconds, strict=True)
    return Pool(np.concatenate(both), neither[0], np.concatenate(evidence), np.concatenate(decisive))


def _planted_evidence(truth: Planted) -> np.ndarray:
    """(T, K): what was planted for arousal and valence; of the others, the state itself in decisive seconds."""
    states = (truth.decisive * (2 * truth.states[name] - 1) for name in TARGETS[2:])
    return np.stack([truth.evidence["arousal"], truth.evidence["valence"], *states], axis=1)


@torch.inference_mode()
def _embed(decoded: list[Second], bundle: Bundle) -> tuple[np.ndarray, np.ndarray]:
    """Second embeddings (T, D), and that of the training mean (D,)."""
    assert isinstance(bundle.model, Sec2Sec)
    embeddings = embed_seconds(bundle.model, encode_clip(decoded, bundle.encoders, bundle.device))
    return embeddings.both.cpu().numpy(), embeddings.neither[0].cpu().numpy()


def compose(pool: Pool, seconds: int, opposed: bool, chance: np.random.Generator) -> np.ndarray:
    """(T,) numbers of the pool's seconds that make a clip: one to three decisive ones in ten, and neutral ones.

    The decisive seconds agree in the sign of as many targets as they can, or, opposed, at least two of them do not. The
    neutral ones follow each other in the pool, so that neighbours are of one clip.
    """
    least = 2 if opposed else 1
    count = int(chance.integers(least, max(3, 3 * seconds // 10) + 1))
    neutral, candidates = np.flatnonzero(~pool.decisive), np.flatnonzero(pool.decisive)
    chosen = neutral[(int(chance.integers(len(neutral))) + np.arange(seconds)) % len(neutral)]
    first: np.ndarray | None = None
    for rank, place in enumerate(np.sort(chance.permutation(seconds)[:count])):
        fitting = candidates
        if first is not None:
            agree = (np.sign(pool.evidence[candidates]) * first).sum(1)
            wanted = -agree if opposed and rank % 2 else agree
            fitting = candidates[wanted >= np.sort(wanted)[-min(8, -(-len(wanted) // 8))]]
        chosen[place] = chance.choice(fitting)
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
