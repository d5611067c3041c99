"""Real seconds of training clips: a small sample that travels with a checkpoint, to stand in for a second of a clip.

The training mean is a second that no film has. A second of another film is one that a film has, and the model knows
its like. What is kept is its tokens, in half precision: which model makes what of them is found out when asked for.

N sampled seconds, T seconds, V visual and A audio tokens in a second, C channels of a token, D width.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from sec2sec.device import pass_size
from sec2sec.encoders.tokens import Modality, Tokens
from sec2sec.explanations.embeddings import SECONDS_PER_PASS, SECONDS_PER_PIECE
from sec2sec.model import Sec2Sec
from sec2sec.threads import map_on_threads, piece_size

SAMPLED_SECONDS = 64
MAX_SAMPLE_BYTES = 4 << 20  # of wide tokens fewer seconds are kept


class SecondSampler:
    """Chooses seconds from as many clips as possible while the clips pass by once.

    Each clip brings its seconds in a random order. First come the clips that have sound and picture, of those the first
    second of every clip, then the second one, and so on; among equals a number is drawn.
    """

    def __init__(self, count: int = SAMPLED_SECONDS, seed: int = 0) -> None:
        self.count = count
        self._random = np.random.default_rng(seed)
        self._chosen: list[tuple[tuple[int, int, float], Tokens]] = []  # sorted by the key, which no two share

    def add(self, tokens: Tokens) -> None:
        """A clip."""
        order, draws = self._random.permutation(tokens.seconds), self._random.random(tokens.seconds)
        missing = 2 - len(tokens.present)
        for rank, (second, draw) in enumerate(zip(order.tolist(), draws.tolist(), strict=True)):
            own = halved(tokens.part(second, second + 1))
            if not own.finite:
                continue
            count = min(self.count, MAX_SAMPLE_BYTES // sum(part.nbytes for part in own.present.values()))
            key = (missing, rank, draw)
            if count == 0 or (len(self._chosen) >= count and key > self._chosen[-1][0]):
                return  # the clip's other seconds come later still
            insort(self._chosen, (key, own), key=lambda entry: entry[0])
            del self._chosen[count:]

    @property
    def sample(self) -> Tokens | None:
        """(N, V, C) and (N, A, C) in half precision, of the modalities that its first second has; None without any."""
        if not self._chosen:
            return None
        seconds = [own for _, own in self._chosen]
        names = seconds[0].present.keys()
        alike = [own.present for own in seconds if own.present.keys() == names]
        parts: dict[Modality, Tensor] = {name: torch.cat([own[name] for own in alike]) for name in names}
        return Tokens(parts.get("video"), parts.get("audio"))


def halved(tokens: Tokens) -> Tokens:
    """A copy in half precision on the CPU."""
    return Tokens(
        *(
            None if part is None else part.detach().cpu().to(torch.float16, copy=True)
            for part in (tokens.video, tokens.audio)
        )
    )


class SampledSeconds:
    """N real seconds as tokens, and what models make of them, made once."""

    def __init__(self, tokens: Tokens) -> None:
        """tokens: N seconds, each of another clip as far as there are so many."""
        self.tokens = tokens
        self._embedded: WeakKeyDictionary[Sec2Sec, dict[frozenset[Modality], Tensor]] = WeakKeyDictionary()

    def __len__(self) -> int:
        """N."""
        return self.tokens.seconds

    def embedded(self, model: Sec2Sec, modalities: Iterable[Modality]) -> Tensor:
        """(N, D) the joint vectors, with only these modalities and the others at the training mean."""
        by_modalities = self._embedded.setdefault(model, {})
        here = frozenset(modalities).intersection(self.tokens.present)
        if here not in by_modalities:
            present = {name: own.float() for name, own in self.tokens.present.items() if name in here}
            of_these = Tokens(present.get("video"), present.get("audio")).to(model.reference_video.device)
            by_modalities[here] = joint_vectors(model, of_these, len(self))
        return by_modalities[here]


@torch.inference_mode()
def joint_vectors(model: Sec2Sec, tokens: Tokens, seconds: int) -> Tensor:
    """Seconds on the model's device through co-attention: (N, D), as `both` of their second embeddings is."""
    video, audio = tokens.filled(model.references(seconds))
    size = piece_size(seconds, pass_size(SECONDS_PER_PASS, video.device), SECONDS_PER_PIECE)
    passes = zip(video.split(size), audio.split(size), strict=True)
    return torch.cat(map_on_threads(lambda pair: model.encode_second(*pair, evidence=False)[0], passes))
