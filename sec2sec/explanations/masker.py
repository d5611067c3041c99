"""One clip and one model, with any second, its sound or its picture taken away: what every method of explanation asks.

What is taken away is at the training mean (occlusion, Zeiler & Fergus 2014). `masker_of` chooses who answers:

- SecondMasker, over second embeddings, for the Sec2Sec systems: a variant of the clip is one run of the LSTM;
- InputMasker, for a system that takes in the whole clip at once: exact as well, and dear, as every variant is a run
  over all of its input;
- LateFusionMasker, for such a system whose modalities meet in its last layer: each branch reads its own variants once.

N variants, T seconds, V visual and A audio tokens in a second, C channels of a token, D width, K targets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from sec2sec.baselines.late_fusion import LateFusion
from sec2sec.device import GPU_CLIPS, pass_size
from sec2sec.encoders.tokens import Tokens
from sec2sec.explanations.embeddings import (
    SecondEmbeddings,
    all_seconds,
    clips_per_pass,
    effects_of,
    embed_seconds,
    predict_embeddings,
    to_numpy,
)
from sec2sec.explanations.results import Occlusion
from sec2sec.explanations.training_sample import joint_vectors
from sec2sec.model import Model, Output, Sec2Sec
from sec2sec.threads import threads_for

# Picture and sound present, (N, T) bool each → predictions (N, K), 0..1
MaskedPredictor = Callable[[np.ndarray, np.ndarray], np.ndarray]
Effort = Literal["full", "few", "none"]  # how many variants may be run: all orders of seconds, few, or none

CLIPS_PER_PASS = 16  # whole clips on a CPU: bounds memory
INPUT_SECONDS_PER_PASS = 64  # of input, over all variants of a pass on a CPU


class Masker:
    """A model and the tokens of one clip. Results are computed at their first use."""

    effort: Effort = "full"
    parts_per_step = 16  # of predict_parts() in well under a second

    def __init__(self, model: Model, tokens: Tokens) -> None:
        self.model, self.tokens = model, tokens

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of what the model predicts, K of them."""
        return self.model.config.targets

    @property
    def seconds(self) -> int:
        """T."""
        return self.tokens.seconds

    @property
    def by_second(self) -> SecondMasker | None:
        """The second embeddings of the clip, which answer more questions; None where the system has none."""
        return None

    @property
    def second_vectors(self) -> tuple[np.ndarray, np.ndarray]:
        """A vector for each second (T, D), and that of an average second (D,)."""
        pairs = zip(self.tokens.filled(self.model.references(self.seconds)), self.model.references(1), strict=True)
        own, average = (torch.cat(both, 1) for both in zip(*((a.mean(1), b.mean(1)) for a, b in pairs), strict=True))
        return to_numpy(own), to_numpy(average[0])

    def threads(self) -> AbstractContextManager[None]:
        """A context in which all that is asked of the masker is computed with the same threads, to the last digit."""
        small = self.by_second is not None and self.model.reference_video.device.type == "cpu"
        return threads_for(self.model.config.width if small else None)

    @cached_property
    def predictor(self) -> MaskedPredictor:
        """The prediction of any variant of the clip. Each distinct variant is computed once per call."""
        return _distinct_only(self._predict)

    @cached_property
    def occlusion(self) -> Occlusion:
        """Prediction, attention over seconds, and the effect of each second, of its sound and of its picture."""
        raise NotImplementedError

    def part(self, first: int, end: int) -> Masker:
        """Some seconds as a clip of their own."""
        return type(self)(self.model, self.tokens.part(first, end))

    def predict_parts(self, firsts: np.ndarray, seconds: int) -> np.ndarray:
        """Parts as clips of their own: the first second of each (N,), all of one length → predictions (N, K)."""
        raise NotImplementedError

    def _predict(self, picture: np.ndarray, sound: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class SecondMasker(Masker):
    """Answers over second embeddings (T, D)."""

    model: Sec2Sec
    parts_per_step = 256

    def __init__(self, model: Sec2Sec, tokens: Tokens, embeddings: SecondEmbeddings | None = None) -> None:
        """embeddings: where they were made before, as for an edited clip."""
        super().__init__(model, tokens)
        if embeddings is not None:
            self.embeddings = embeddings

    @cached_property
    def embeddings(self) -> SecondEmbeddings:
        """Of every second, with both modalities, one, or none."""
        with self.threads():
            return embed_seconds(self.model, self.tokens)

    @property
    def seconds(self) -> int:
        """T."""
        return len(self.embeddings.both)

    @property
    def by_second(self) -> SecondMasker:
        """The masker itself."""
        return self

    @property
    def second_vectors(self) -> tuple[np.ndarray, np.ndarray]:
        """The second embeddings (T, D), and that of an average second (D,)."""
        return to_numpy(self.embeddings.both), to_numpy(self.embeddings.neither[0])

    def part(self, first: int, end: int) -> SecondMasker:
        """Some seconds as a clip of their own."""
        return SecondMasker(self.model, self.tokens.part(first, end), self.embeddings.part(first, end))

    @cached_property
    @torch.inference_mode()
    def occlusion(self) -> Occlusion:
        """In one pass over all variants of the clip."""
        model, embeddings = self.model, self.embeddings
        logits, attention = model.temporal(embeddings.both[None], all_seconds(embeddings.both[None]))
        baseline, of_baseline = model.temporal(embeddings.neither[None], all_seconds(embeddings.neither[None]))
        without = (
            embeddings.neither,
            embeddings.video_only,
            embeddings.audio_only,
        )  # the second, its sound, its picture
        whole, audio, video = effects_of(model, embeddings.both, *without)
        return Occlusion(
            to_numpy(logits.sigmoid()[0]),
            to_numpy(baseline.sigmoid()[0]),
            None if attention is None else to_numpy(attention[0]),
            effect=whole,
            effect_audio=audio,
            effect_video=video,
            baseline_attention=None if of_baseline is None else to_numpy(of_baseline[0]),
        )

    @cached_property
    def joint(self) -> Tensor:
        """(T, D) with both modalities: of the embeddings where they are there, else a third of their price."""
        if "embeddings" in vars(self):
            return self.embeddings.both
        with self.threads(), torch.inference_mode():
            return joint_vectors(self.model, self.tokens, self.tokens.seconds)

    def predict_parts(self, firsts: np.ndarray, seconds: int) -> np.ndarray:
        """By a run of the LSTM over the embeddings of each part, all in a batch."""
        rows = torch.from_numpy(_seconds_of(firsts, seconds)).to(self.joint.device)
        return to_numpy(predict_embeddings(self.model, self.joint[rows]))

    @cached_property
    def _table(self) -> Tensor:
        """(4, T, D): of each second the embedding with neither, picture, sound, both."""
        embeddings = self.embeddings
        return torch.stack([embeddings.neither, embeddings.video_only, embeddings.audio_only, embeddings.both])

    def _predict(self, picture: np.ndarray, sound: np.ndarray) -> np.ndarray:
        table = self._table
        chosen = torch.from_numpy(picture + 2 * sound).to(table.device)  # (N, T)
        seconds = torch.arange(chosen.shape[1], device=table.device)
        passes = chosen.split(clips_per_pass(chosen))  # of a long clip, all at once would not fit
        return to_numpy(torch.cat([predict_embeddings(self.model, table[rows, seconds]) for rows in passes]))


class InputMasker(Masker):
    """Answers by runs over the whole clip's input."""

    def __init__(self, model: Model, tokens: Tokens) -> None:
        super().__init__(model, tokens)
        # one run of a published backbone takes seconds
        self.effort = "none" if model.config.backbone == "published" else "few"
        self.video, self.audio = tokens.filled(model.references(tokens.seconds))
        self.mean_video, self.mean_audio = model.references(self.seconds)

    @torch.inference_mode()
    def _forward(self, video: Tensor, audio: Tensor) -> Tensor:
        """video (N, T, V, C), audio (N, T, A, C) → predictions (N, K)."""
        output: Output = self.model(video, audio, all_seconds(video), evidence=False)
        return output.logits.sigmoid()

    @torch.inference_mode()
    def _predict(self, picture: np.ndarray, sound: np.ndarray) -> np.ndarray:
        def mix(present: np.ndarray, own: Tensor, mean: Tensor) -> Tensor:
            chosen = torch.from_numpy(present).to(own.device)
            return torch.where(chosen.reshape(*chosen.shape, *[1] * (own.dim() - 1)), own, mean)

        size = pass_size(CLIPS_PER_PASS, self.video.device, GPU_CLIPS)
        passes = (slice(first, first + size) for first in range(0, len(picture), size))
        predictions = [
            self._forward(
                mix(picture[rows], self.video, self.mean_video), mix(sound[rows], self.audio, self.mean_audio)
            )
            for rows in passes
        ]
        return to_numpy(torch.cat(predictions))

    def predict_parts(self, firsts: np.ndarray, seconds: int) -> np.ndarray:
        """By a run of the whole model over each part, some at a time."""
        rows = torch.from_numpy(_seconds_of(firsts, seconds)).to(self.video.device)
        passes = rows.split(pass_size(CLIPS_PER_PASS, self.video.device, GPU_CLIPS))
        return to_numpy(torch.cat([self._forward(self.video[some], self.audio[some]) for some in passes]))

    @cached_property
    @torch.inference_mode()
    def occlusion(self) -> Occlusion:
        """By a run for each second, each sound and each picture that is taken away."""
        output = self.model(self.video[None], self.audio[None], all_seconds(self.video[None]))
        prediction = output.logits.sigmoid()[0]
        baseline, *without = self._without()
        attention = output.second_weights
        whole, audio, video = (to_numpy((prediction - other).T) for other in without)
        return Occlusion(
            to_numpy(prediction),
            to_numpy(baseline),
            None if attention is None else to_numpy(attention[0]),
            effect=whole,
            effect_audio=audio,
            effect_video=video,
            baseline_attention=None if attention is None else self._baseline_attention(),
        )

    def _baseline_attention(self) -> np.ndarray:
        """(K, T) attention over seconds that are all at the training mean."""
        output: Output = self.model(self.mean_video[None], self.mean_audio[None], all_seconds(self.mean_video[None]))
        assert output.second_weights is not None
        return to_numpy(output.second_weights[0])

    def _without(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Predictions (K,) without anything, and (T, K) without each second, its sound, its picture."""

        def without(video_for: Tensor, audio_for: Tensor) -> Tensor:
            """Each second replaced by the one at its place → (T, K)."""
            pairs = zip(_without_each(self.video, video_for), _without_each(self.audio, audio_for), strict=True)
            return torch.cat([self._forward(v, a) for v, a in pairs])

        baseline = self._forward(self.mean_video[None], self.mean_audio[None])[0]
        video, audio, mean_video, mean_audio = self.video, self.audio, self.mean_video, self.mean_audio
        return baseline, without(mean_video, mean_audio), without(video, mean_audio), without(mean_video, audio)


class LateFusionMasker(InputMasker):
    """The same with T + 2 runs of each branch instead of 3 T + 1 of the whole model."""

    model: LateFusion

    def _without(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        model = self.model
        tokens = {"video": self.video, "audio": self.audio}
        means = {"video": self.mean_video, "audio": self.mean_audio}
        whole: dict[str, Tensor] = {}
        nothing: dict[str, Tensor] = {}
        without: dict[str, Tensor] = {}
        for name, branch in model.branches.items():
            whole[name] = branch(tokens[name][None], all_seconds(tokens[name][None]), False)[0]
            nothing[name] = branch(means[name][None], all_seconds(means[name][None]), False)[0]
            variants = _without_each(tokens[name], means[name])
            without[name] = torch.cat([branch(some, all_seconds(some), False)[0] for some in variants])

        def join(*, sound: bool, picture: bool) -> Tensor:
            """Each second without its sound, its picture, or both → (T, K)."""
            gone = {"audio": sound, "video": picture}
            vectors = {name: without[name] if gone[name] else whole[name].expand(self.seconds, -1) for name in whole}
            return model.join(vectors).sigmoid()

        return (
            model.join(nothing).sigmoid()[0],
            join(sound=True, picture=True),
            join(sound=True, picture=False),
            join(sound=False, picture=True),
        )


def masker_of(model: Model, tokens: Tokens) -> Masker:
    """Who answers for this kind of model; the only place that asks which kind it is."""
    if isinstance(model, Sec2Sec):
        return SecondMasker(model, tokens)
    return LateFusionMasker(model, tokens) if isinstance(model, LateFusion) else InputMasker(model, tokens)


def _seconds_of(firsts: np.ndarray, seconds: int) -> np.ndarray:
    """(N,) → the seconds of each part, (N, seconds)."""
    rows: np.ndarray = np.asarray(firsts, dtype=np.int64)[:, None] + np.arange(seconds)
    return rows


def _without_each(tokens: Tensor, replacement: Tensor) -> Iterator[Tensor]:
    """(T, V, C) → variants (N, T, V, C) with second 0, 1, … replaced, a pass at a time."""
    size = max(1, pass_size(INPUT_SECONDS_PER_PASS, tokens.device, GPU_CLIPS) // len(tokens))
    for rows in torch.arange(len(tokens), device=tokens.device).split(size):
        variants = tokens.repeat(len(rows), 1, 1, 1)
        variants[torch.arange(len(rows), device=rows.device), rows] = replacement[rows]
        yield variants


def _distinct_only(predict: MaskedPredictor) -> MaskedPredictor:
    """Compute each distinct variant once: among 2^T masks of a short clip, many orders pass through the same."""

    def predict_distinct(picture: np.ndarray, sound: np.ndarray) -> np.ndarray:
        packed = np.packbits(np.concatenate([picture, sound], 1), axis=1)
        keys = packed.view(f"V{packed.shape[1]}")[:, 0]
        _, first, back = np.unique(keys, return_index=True, return_inverse=True)
        predictions: np.ndarray = predict(picture[first], sound[first])[back]
        return predictions

    return predict_distinct
