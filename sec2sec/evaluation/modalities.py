"""Does a model need sound and picture together? Every sound beside every picture, and what no interaction can say.

EMAP (Hessel & Lee 2020, "Does my multimodal model learn cross-modal interactions?"): of all predictions that are a part
from the sound plus a part from the picture, the one nearest to the model's over all N² pairs of a set of clips,

    f̂(sᵢ, pᵢ) = mean_j f(sᵢ, pⱼ) + mean_j f(sⱼ, pᵢ) − mean_jk f(sⱼ, p_k)            f: logits

What its score falls short of the model's is what the model owes to the two together. The clip's own pair is one of the
N that each of its means is of, so that a little of what the two say together stays in, and of few clips an AUROC sees
it; without the own pair it sees the opposite. So the same is made with partners from the other half of the clips, whose
means have nothing to do with the clip, and that one decides (docs/decisions/0142).

A pair lasts as long as its longer clip; what the shorter lacks is at the training mean, as everything that is missing
(docs/decisions/0008).

N clips, T seconds, V visual and A audio tokens in a second, C channels of a token, K targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from sec2sec.datasets.table import Row
from sec2sec.device import pass_size
from sec2sec.encoders.tokens import Tokens
from sec2sec.evaluation.report import Gain, ModalitiesReport, ModalitiesTarget
from sec2sec.metrics import DEFAULT_THRESHOLD, MAIN, WEIGHTED, TrainingLabels, draws, interval_of, measure
from sec2sec.model import Model
from sec2sec.progress import Progress, Steps

PARTNERS = 16  # other clips that each clip is paired with in the shuffled rows
SECONDS_PER_PASS = 64  # of pairs on a CPU
SEED = 0

MIN_CLIPS = 4  # two in each half
BOTH, ADDITIVE, FROM_OTHERS = "sound and picture", "best additive (EMAP)", "best additive, from other clips"
SOUND, PICTURE = "sound alone", "picture alone"
OTHER_PICTURE, OTHER_SOUND = "another clip's picture", "another clip's sound"


@dataclass(frozen=True)
class PairedLogits:
    """What a model says of every sound beside every picture, and of each alone."""

    pairs: np.ndarray  # (N, N, K): row, whose sound; column, whose picture
    sound: np.ndarray  # (N, K) with the picture at the training mean
    picture: np.ndarray  # (N, K) with the sound at the training mean


def draw_clips(rows: Sequence[Row], count: int) -> list[Row]:
    """At most `count` clips, in their order: all, or drawn with a fixed seed."""
    if len(rows) <= count:
        return list(rows)
    chosen = np.sort(np.random.default_rng(SEED).choice(len(rows), count, replace=False))
    return [rows[place] for place in chosen]


def pair_steps(model: Model, clips: Sequence[Tokens]) -> Steps[PairedLogits]:
    """The logits of all N² pairs. A clip lacks no modality; its tokens are on the model's device."""
    count, device = len(clips), model.reference_video.device
    wanted = [(clip.audio, other.video) for clip in clips for other in clips]
    longest = max(clip.seconds for clip in clips)
    size = max(1, pass_size(SECONDS_PER_PASS, device) // longest)
    found = []
    for first in range(0, len(wanted), size):
        found.append(_logits(model, wanted[first : first + size]))
        done = min(first + size, len(wanted))
        yield Progress(done, len(wanted), f"Paired sound and picture {done:,} of {len(wanted):,} times")
    sound = torch.cat([_logits(model, [(clip.audio, None)]) for clip in clips])
    picture = torch.cat([_logits(model, [(None, clip.video)]) for clip in clips])
    pairs = torch.cat(found).reshape(count, count, -1)
    return PairedLogits(*(logits.double().cpu().numpy() for logits in (pairs, sound, picture)))


def best_additive(pairs: np.ndarray) -> np.ndarray:
    """EMAP: (N, N, K) logits of all pairs → (N, K): of each clip's own pair, what its parts say apart."""
    additive: np.ndarray = pairs.mean(1) + pairs.mean(0) - pairs.mean((0, 1))
    return additive


def additive_from_others(pairs: np.ndarray) -> np.ndarray:
    """The same with partners from the other half of the clips: (N, N, K) → (N, K), for two clips or more."""
    additive = np.empty(pairs.shape[1:])
    order = np.random.default_rng(SEED).permutation(len(pairs))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    for own, others in (halves, halves[::-1]):
        of_sound, of_picture = pairs[np.ix_(own, others)].mean(1), pairs[np.ix_(others, own)].mean(0)
        additive[own] = of_sound + of_picture - pairs[np.ix_(others, others)].mean((0, 1))
    return additive


def modalities_report(
    logits: PairedLogits,
    rows: Sequence[Row],
    training: dict[str, TrainingLabels],
    targets: Sequence[str],
    thresholds: dict[str, float],
    usable: int,
) -> ModalitiesReport:
    """The metrics of each target with and without what sound and picture say together.

    rows: the N clips. training: of the targets that are measured. targets: of the model, K. usable: out of how many
    clips the N were drawn.
    """
    reports = {}
    for k, name in enumerate(targets):
        here = np.array([name in row.targets for row in rows])
        if name in training and here.sum() >= MIN_CLIPS:
            kept = PairedLogits(logits.pairs[np.ix_(here, here)], logits.sound[here], logits.picture[here])
            labelled = [(row.group, row.targets[name]) for row in rows if name in row.targets]
            threshold = thresholds.get(name, DEFAULT_THRESHOLD)
            reports[name] = _target(kept, k, labelled, training[name], threshold)
    return {"clips": len(rows), "of": usable, "seed": SEED, "targets": reports}


def _target(
    logits: PairedLogits, k: int, rows: Sequence[tuple[str, float]], training: TrainingLabels, threshold: float
) -> ModalitiesTarget:
    """rows: group and label of each clip."""
    groups, label = [group for group, _ in rows], np.array([truth for _, truth in rows])
    pairs, each = logits.pairs[:, :, k], np.arange(len(rows))
    own, other = shuffled_partners(len(rows))
    additive, from_others = best_additive(logits.pairs)[:, k], additive_from_others(logits.pairs)[:, k]
    predicted = {
        BOTH: (pairs.diagonal(), each),
        ADDITIVE: (additive, each),
        FROM_OTHERS: (from_others, each),
        SOUND: (logits.sound[:, k], each),
        PICTURE: (logits.picture[:, k], each),
        OTHER_PICTURE: (pairs[own, other], own),
        OTHER_SOUND: (pairs[other, own], own),
    }
    measured = {
        name: measure(training, _sigmoid(values), label[of], [groups[clip] for clip in of], threshold=threshold)
        for name, (values, of) in predicted.items()
    }
    together = _together(pairs.diagonal(), from_others, label, groups, training.kind, threshold)
    return cast(ModalitiesTarget, {"kind": training.kind, "rows": measured, "together": together})


def shuffled_partners(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Each clip with up to PARTNERS others, by their places: all clips moved on by some places."""
    shifts = np.linspace(1, count - 1, min(PARTNERS, count - 1)).round().astype(int)
    own = np.repeat(np.arange(count), len(shifts))
    return own, (own + np.tile(shifts, count)) % count


def _together(
    own: np.ndarray, additive: np.ndarray, label: np.ndarray, groups: Sequence[str], kind: str, threshold: float
) -> Gain:
    """What the score owes to sound and picture together: the model's less the additive one's, in the same draws."""
    metric = "auroc" if kind == "binary" and len(set(label > 0.5)) == 2 else MAIN[kind]

    def scores(logits: np.ndarray, weight: np.ndarray) -> np.ndarray:
        of_metric: np.ndarray = WEIGHTED[kind](_sigmoid(logits), label, weight, threshold)[metric]
        return of_metric

    drawn, once = draws(groups, SEED), np.ones((1, len(label)))
    value = float((scores(own, once) - scores(additive, once))[0])
    interval = interval_of(scores(own, drawn) - scores(additive, drawn)) if len(set(groups)) > 1 else None
    return {"metric": metric, "over": FROM_OTHERS, "value": value, "interval": interval}


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    probability: np.ndarray = 1 / (1 + np.exp(-logits))
    return probability


@torch.inference_mode()
def _logits(model: Model, pairs: Sequence[tuple[Tensor | None, Tensor | None]]) -> Tensor:
    """Sounds (T, A, C) beside pictures (T, V, C), each of its own length; None is missing. → (N, K)."""
    lengths = [max(len(tokens) for tokens in pair if tokens is not None) for pair in pairs]
    longest, device = max(lengths), model.reference_video.device
    mean_video, mean_audio = model.references(longest)
    audio = torch.stack([_filled(sound, mean_audio) for sound, _ in pairs])
    video = torch.stack([_filled(picture, mean_video) for _, picture in pairs])
    real = torch.arange(longest, device=device) < torch.tensor(lengths, device=device)[:, None]
    logits: Tensor = model(video, audio, real, evidence=False).logits
    return logits


def _filled(tokens: Tensor | None, mean: Tensor) -> Tensor:
    """Tokens (T, V, C), then the training mean up to the length of `mean`."""
    return mean if tokens is None else torch.cat([tokens, mean[len(tokens) :]])
