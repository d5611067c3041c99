"""Does the explanation depend on what the model learned? Cascading randomisation (Adebayo et al. 2018, §3.1).

The parts of the model are given random weights one after the other, from the predictor backwards, and each explanation
is compared with the trained model's by rank correlation. An explanation that survives random weights would have come
out like this without any training, so it says nothing about what was learned.

Random weights are those that a new model starts with: each module's own initialisation, seeded, of which several are
drawn and their similarities averaged. The statistics of the training set (the mean tokens) are no weights and stay.

What gradients say (integrated gradients of each second, relevance of each token) costs a run backwards per target:
they are computed once, for one model whose weights are all random.

T seconds, D width, K targets.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, TypeVar

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn

from sec2sec.config import ModelConfig
from sec2sec.encoders.tokens import Tokens
from sec2sec.explanations.embeddings import SecondEmbeddings, all_seconds, to_numpy, with_one_replaced
from sec2sec.explanations.gradients import integrated_gradients
from sec2sec.explanations.masker import SecondMasker
from sec2sec.explanations.ranks import rank_correlation
from sec2sec.explanations.relevance import relevance
from sec2sec.explanations.results import Gradients, RandomisationTest, Verdict
from sec2sec.model import Sec2Sec
from sec2sec.threads import map_on_threads
from sec2sec.words import listed

SEEDS = 3
HARDLY_CHANGES = 0.5  # rank correlation with the trained model's, once everything that it depends on is random
MAX_SECONDS = 20  # that are tested of a longer clip; no more than fit one pass of co-attention
MAX_MAPS = 5  # that are compared, a second each
MAX_RELEVANCES = 3  # that are compared, a second each
PATH_STEPS = 8  # steps of integrated gradients: enough for ranks
MIN_SECONDS = 4  # a rank correlation of fewer is decided by chance
CASCADE = ("predictor", "seconds", "co-attention", "self-attention")
Kind = Literal["attention", "effect", "maps", "integrated", "relevance"]
KINDS: dict[Kind, str] = {
    "attention": "attention over seconds",
    "effect": "effect of each second",
    "maps": "co-attention maps",
    "integrated": "integrated gradients",
    "relevance": "relevance within a second",
}
# What each step makes random, by names of the model's parts. Names that a variant of the model lacks are passed over.
MODULES = {
    "predictor": ("temporal.predict", "temporal.predict_weight", "temporal.predict_bias"),
    "seconds": ("temporal",),  # eq. 3 and the attention over seconds
    "co-attention": ("combine", "second_video", "second_audio"),  # eq. 2 and F
    "self-attention": ("self_video", "self_audio", "enter_video", "enter_audio", "positions"),  # eq. 1 and its input
}

M = TypeVar("M", bound=nn.Module)

_building = threading.Lock()


def random_model(model: Sec2Sec, seed: int) -> Sec2Sec:
    """A model of the same shape with the weights that training would start from."""
    device = next(model.parameters()).device
    return _random_model(model.config, model.video_grid, model.audio_grid, model.channels, seed, device)


@lru_cache(maxsize=4 * SEEDS)
def _random_model(
    config: ModelConfig,
    video_grid: tuple[int, int, int],
    audio_grid: tuple[int, int],
    channels: tuple[int, int],
    seed: int,
    device: torch.device,
) -> Sec2Sec:
    # Initialisations draw from the CPU's one generator: one thread at a time, and it is left as it was.
    # torch.manual_seed would seed the generators of all GPUs as well, and nothing would bring those back.
    with _building, torch.random.fork_rng(devices=[]), torch.inference_mode(False):
        torch.default_generator.manual_seed(seed)
        return Sec2Sec(config, video_grid, audio_grid, channels).eval().requires_grad_(False).to(device)


def cascade(model: Sec2Sec, seed: int) -> Iterator[tuple[str, Sec2Sec]]:
    """The model after each step, each more random than the last. The model itself is never touched."""
    changed = _shell(model)
    changed.temporal = _shell(model.temporal)
    source = random_model(model, seed)
    for step in CASCADE:
        for path in MODULES[step]:
            owner, name = path.rsplit(".", 1) if "." in path else ("", path)
            module = getattr(source.get_submodule(owner), name, None)
            if module is not None:
                setattr(changed.get_submodule(owner), name, module)
        yield step, changed


def _shell(module: M) -> M:
    """The same module in a shell of its own, whose parts can be replaced while those of the original stay."""
    shell = copy(module)
    shell._modules, shell._parameters = dict(module._modules), dict(module._parameters)
    return shell


@torch.inference_mode()
def randomisation_test(masker: SecondMasker, gradients: Sequence[Gradients] = ()) -> list[RandomisationTest]:
    """One per target. masker and gradients (one per target, or none) are the trained model's.

    Of a long clip the MAX_SECONDS seconds in its middle are tested, so that the cost is bounded.
    """
    targets = len(masker.targets)
    if masker.seconds > MAX_SECONDS:
        first = (masker.seconds - MAX_SECONDS) // 2
        masker = masker.part(first, first + MAX_SECONDS)
        gradients = [_cut(own, first, first + MAX_SECONDS) for own in gradients]
    model, tokens, embeddings, occlusion = masker.model, masker.tokens, masker.embeddings, masker.occlusion
    maps = _map_ranks(embeddings.video_from_audio, embeddings.audio_from_video)
    if tokens.video is None or tokens.audio is None:
        maps = []
    mean_video, mean_audio = model.references(1)
    attended = (
        _append(embeddings.attended_video, model.self_attend_video(mean_video)),
        _append(embeddings.attended_audio, model.self_attend_audio(mean_audio)),
    )
    runs = map_on_threads(lambda seed: _run_cascade(masker, seed, attended, maps), range(SEEDS))
    similar = np.full((SEEDS, len(CASCADE), len(KINDS), targets), np.nan)
    similar[:, :, 2] = np.array([run.maps for run in runs])[..., None]
    if masker.seconds >= MIN_SECONDS:
        attention, effect = np.array([run.attention for run in runs]), np.array([run.effect for run in runs])
        similar[:, :, 1] = rank_correlation(np.abs(effect), np.abs(occlusion.effect))
        if occlusion.attention is not None:
            similar[:, :, 0] = rank_correlation(attention, occlusion.attention)
    if gradients:
        similar[0, -1, 3:] = _gradient_similarity(runs[0], tokens, gradients)
    measured = np.isfinite(similar).any(0)
    mean = np.full(similar.shape[1:], np.nan)
    mean[measured] = np.nanmean(similar[:, measured], axis=0)
    return [_test_of(mean[..., k]) for k in range(targets)]


def _test_of(similar: np.ndarray) -> RandomisationTest:
    """similar (steps, kinds)."""
    attention, effect, maps, integrated, relevant = similar.T
    words = warning(dict(zip(KINDS, similar[-1], strict=True)))
    return RandomisationTest(CASCADE, attention, effect, maps, integrated, relevant, words)


def warning(similar: Mapping[Kind, float]) -> str:
    """A sentence that names what hardly changes when every weight is random; empty where all of it does."""
    stays = [kind for kind, value in similar.items() if value >= HARDLY_CHANGES]
    if not stays:
        return ""
    kinds = listed([f"the {KINDS[kind]} (rank correlation {similar[kind]:.2f})" for kind in stays])
    is_plural = len(stays) > 1 or stays[0] in ("maps", "integrated")
    changes, so = ("barely change", "they do") if is_plural else ("barely changes", "it does")
    return f"With random weights, {kinds} {changes}, so {so} not show what the model learned."


def judged(verdict: Verdict) -> tuple[Kind, ...]:
    """Of which kinds the verdict has heard what random weights would have given."""
    return ("attention", "effect") if any(witness.name == "learning" for witness in verdict.witnesses) else ()


def unjudged_warning(test: RandomisationTest | None, verdict: Verdict) -> str:
    """The warning of what the verdict has not heard; empty where nothing is left to say."""
    if test is None:
        return ""
    return warning({kind: float(getattr(test, kind)[-1]) for kind in KINDS if kind not in judged(verdict)})


def hardly_changes(test: RandomisationTest | None, kind: Kind) -> bool:
    """Whether that part is much the same once every weight is random; False where that is undefined."""
    return test is not None and bool(getattr(test, kind)[-1] >= HARDLY_CHANGES)


@dataclass(frozen=True)
class _Cascaded:
    """What one cascade came to."""

    attention: np.ndarray  # (steps, K, T) NaN for a model without it
    effect: np.ndarray  # (steps, K, T)
    maps: list[float]  # a step: similarity to the trained ones, NaN without maps
    model: Sec2Sec  # after the last step
    both: Tensor  # (T, D) its joint vectors with both modalities
    neither: Tensor  # (T, D)


def _run_cascade(
    masker: SecondMasker, seed: int, attended: tuple[Tensor | None, Tensor | None], maps: list[Tensor]
) -> _Cascaded:
    """attended: eq. 1 of the trained model. The steps after the predictor's share one random LSTM: they are one run."""
    seconds, tokens = masker.seconds, masker.tokens
    both, neither = masker.embeddings.both, masker.embeddings.neither
    by_predictor, randomised, similarities = [], [], []
    for step, changed in cascade(masker.model, seed):
        if step in ("predictor", "seconds"):
            similarities.append(1.0 if maps else float("nan"))
        else:
            both, neither, new_maps = _join(
                changed, *(attended if step == "co-attention" else _attend(changed, tokens))
            )
            pairs = zip(maps, new_maps, strict=False)
            similarities.append(float(np.mean([(a * b).sum(-1).mean().item() for a, b in pairs] or np.nan)))
        variants = with_one_replaced(both, neither, range(seconds + 1))
        if step == "predictor":
            by_predictor.append(_run_temporal(changed, variants))
        else:
            randomised.append(variants)
    outputs = zip(*by_predictor, _run_temporal(changed, torch.cat(randomised)), strict=True)
    logits, attention = (torch.cat(pieces) for pieces in outputs)
    predictions = rearrange(logits.sigmoid(), "(s n) k -> s k n", s=len(CASCADE))  # the last of n is the clip as it is
    effect = to_numpy(predictions[..., -1:] - predictions[..., :-1])
    return _Cascaded(to_numpy(attention[seconds :: seconds + 1]), effect, similarities, changed, both, neither)


def _gradient_similarity(random: _Cascaded, tokens: Tokens, trained: Sequence[Gradients]) -> np.ndarray:
    """Similarity of integrated gradients and of relevance to the random model's → (2, K); NaN where there is none.

    Relevance is compared within a second, of a few seconds, evenly spaced.
    """
    embeddings = SecondEmbeddings(random.both, random.both, random.both, random.neither)
    masker = SecondMasker(random.model, tokens, embeddings)
    alike = np.full((2, len(trained)), np.nan)
    if len(random.both) >= MIN_SECONDS:
        values, _ = integrated_gradients(masker, PATH_STEPS)
        alike[0] = rank_correlation(np.abs(to_numpy(values)), np.abs([own.integrated for own in trained]))
    some = slice(None, None, -(-len(random.both) // MAX_RELEVANCES))
    relevances = relevance(masker, some)
    if relevances is not None:
        by_modality = []
        for values, field in zip(relevances, ("relevance_video", "relevance_audio"), strict=True):
            trained_values = np.array([getattr(own, field)[some] for own in trained])
            by_modality.append(rank_correlation(to_numpy(values), trained_values))
        ranked = np.concatenate(by_modality, 1)  # (K, seconds of both modalities)
        compared = np.isfinite(ranked).any(1)
        alike[1, compared] = np.nanmean(ranked[compared], 1)
    return alike


def _cut(one: Gradients, first: int, end: int) -> Gradients:
    """Of some seconds of a long clip."""
    relevances = (one.relevance_video, one.relevance_audio)
    video, audio = (None if values is None else values[first:end] for values in relevances)
    return replace(one, integrated=one.integrated[first:end], relevance_video=video, relevance_audio=audio)


def _run_temporal(model: Sec2Sec, joint: Tensor) -> tuple[Tensor, Tensor]:
    """(N, T, D) → logits (N, K) and attention (N, K, T), NaN for a model without it."""
    logits, attention = model.temporal(joint, all_seconds(joint))
    return logits, logits.new_full((*logits.shape, joint.shape[1]), torch.nan) if attention is None else attention


def _append(seconds: Tensor | None, mean: Tensor | None) -> Tensor | None:
    """The training mean as one second more; None for a modality that the model does not use."""
    return None if seconds is None or mean is None else torch.cat([seconds, mean])


def _attend(model: Sec2Sec, tokens: Tokens) -> tuple[Tensor | None, Tensor | None]:
    """Eq. 1 of every second, and of the training mean as one second more: (T + 1, V, D), (T + 1, A, D)."""
    (video, audio), (mean_video, mean_audio) = tokens.filled(model.references(tokens.seconds)), model.references(1)
    return model.self_attend_video(torch.cat([video, mean_video])), model.self_attend_audio(
        torch.cat([audio, mean_audio])
    )


def _join(model: Sec2Sec, seen: Tensor | None, heard: Tensor | None) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Joint vectors (T, D) with both modalities and with neither, and the ranks of the maps."""
    joint, video_from_audio, audio_from_video = model.co_attend(seen, heard)
    both = joint[:-1]
    maps = _map_ranks(*(None if values is None else values[:-1] for values in (video_from_audio, audio_from_video)))
    return both, joint[-1:].expand_as(both), maps


def _map_ranks(video_from_audio: Tensor | None, audio_from_video: Tensor | None) -> list[Tensor]:
    """Maps averaged over heads → (T', V · A) centred ranks of length 1, so that a product is a rank correlation.

    Heads are averaged because which head does what changes with a random start. Of at most MAX_MAPS seconds, evenly
    spaced. Empty without maps.
    """
    ranks = []
    for maps in (video_from_audio, audio_from_video):
        if maps is not None and maps.shape[-1] > 1:
            chosen = maps[:: -(-len(maps) // MAX_MAPS)].mean(1).flatten(1)
            places = torch.arange(chosen.shape[1], dtype=chosen.dtype, device=chosen.device) - (chosen.shape[1] - 1) / 2
            rank = torch.empty_like(chosen).scatter_(1, chosen.argsort(1), places.expand_as(chosen))
            ranks.append(rank / rank.norm(dim=1, keepdim=True))
    return ranks
