"""Predictions of an edited clip from tokens: only what an edit changed goes through co-attention again.

Co-attention works within a second, so a second's joint vector depends on its picture and its sound alone. Every pair
that was met once stays: an undone edit finds the very same vectors, and so the very same prediction.

T seconds, V visual and A audio tokens in a second, C channels of a token, K targets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from sec2sec.config import RESIZE, SAMPLE_RATE
from sec2sec.edits.plan import (
    BLACK,
    MEAN_PICTURE,
    MEAN_SOUND,
    SILENCE,
    ClipTracks,
    EditError,
    Picture,
    Plan,
    PlannedSecond,
    Sound,
    first_plan,
)
from sec2sec.encoders.tokens import Tokens
from sec2sec.explanations.difference import MIN_PAIRS, Difference, cells_of_pair, changed_seconds, differences
from sec2sec.explanations.embeddings import SecondEmbeddings, embed_seconds, to_numpy
from sec2sec.explanations.masker import SecondMasker
from sec2sec.media import Second
from sec2sec.model import Sec2Sec

MAX_SECONDS_FOR_EFFECTS = 60  # measuring each second of a longer clip takes longer than a click may
MAX_CELLS_HERE = 1 << 18  # of LSTM for a difference: under a second, as a click may take

Encode = Callable[[Sequence[Second]], Tokens]  # decoded seconds → tokens on the CPU


@dataclass(frozen=True)
class Step:
    """What the model says of a plan. Units of the prediction, 0..1."""

    prediction: np.ndarray  # (K,)
    attention: np.ndarray | None  # (K, T); None where the model has none
    effect: np.ndarray | None  # (K, T) of each second of the edited clip; None in a clip over MAX_SECONDS_FOR_EFFECTS


def cpu_model(model: Sec2Sec) -> Sec2Sec:
    """The same model on the CPU, where a click's few vectors are faster than the way to a GPU."""
    on_cpu = all(tensor.device.type == "cpu" for tensor in model.parameters())
    return model if on_cpu else deepcopy(model).cpu()


class Lab:
    """One clip's tokens, and what was made from them for its edits."""

    def __init__(
        self,
        model: Sec2Sec,
        tokens: Tokens,
        tracks: ClipTracks,
        encode: Encode,
        frames_per_second: int,
        frame_size: tuple[int, int] = RESIZE,
    ) -> None:
        """model and tokens on the CPU; `encode` makes silence and black once, when an edit first needs them.

        frame_size: height and width of a frame as the encoders read it.
        """
        self.model, self.tracks = model, tracks
        self.start = first_plan(tracks)
        self._encode, self._rate, self._frame_size = encode, frames_per_second, frame_size
        self._pictures: dict[Picture | None, Tensor] = {
            None: model.reference_video,  # a missing modality and a removed one are the same thing to the model
            MEAN_PICTURE: model.reference_video,
        }
        self._sounds: dict[Sound | None, Tensor] = {None: model.reference_audio, MEAN_SOUND: model.reference_audio}
        for i in range(tracks.seconds):
            if tokens.video is not None:
                self._pictures[Picture("play", i)] = tokens.video[i]
            if tokens.audio is not None:
                self._sounds[Sound("play", i)] = tokens.audio[i]
        self._joints: dict[PlannedSecond, tuple[Tensor, Tensor, Tensor]] = {}  # both, sound only, picture only: (D,)
        self._neither: Tensor | None = None

    @property
    def added_bytes(self) -> int:
        """Bytes of what was added to the clip's own tokens: frozen and blurred pictures, other clips' sound."""
        pictures = [self._pictures[picture] for picture in self.made()]
        sounds = [tokens for sound, tokens in list(self._sounds.items()) if sound is not None and sound.track]
        return sum(tokens.nbytes for tokens in (*pictures, *sounds))

    def add_soundtrack(self, name: str, audio: Tensor) -> None:
        """audio (T₂, A, C): the tokens of another clip's sound, to be taken by that name."""
        for i, second in enumerate(audio):
            self._sounds[Sound("play", i, name)] = second
        self.tracks = replace(self.tracks, soundtracks=self.tracks.soundtracks | {name: len(audio)})

    def missing(self, plan: Plan) -> list[Picture]:
        """Pictures that tokens cannot express, frozen or blurred ones, and that were not encoded yet."""
        pictures = dict.fromkeys(second.picture for second in plan)
        return [p for p in pictures if p is not None and p != BLACK and p not in self._pictures]

    def supply(self, picture: Picture, video: Tensor) -> None:
        """video (V, C): the tokens of a picture that was missing."""
        self._pictures[picture] = video

    def made(self) -> list[Picture]:
        """The pictures that were supplied."""
        return [p for p in self._pictures if p is not None and (p.kind == "freeze" or p.blur)]

    def forget(self, plans: Sequence[Plan]) -> None:
        """Drops what was made for plans that are no longer reachable."""
        pairs = {second for plan in (self.start, *plans) for second in plan}
        unused = set(self.made()) - {second.picture for second in pairs}
        self._pictures = {picture: tokens for picture, tokens in self._pictures.items() if picture not in unused}
        self._joints = {pair: vectors for pair, vectors in self._joints.items() if pair in pairs}

    @torch.inference_mode()
    def step(self, plan: Plan) -> Step:
        """Prediction, attention and (in clips that are not long) the effect of each second of the edited clip."""
        self._embed(plan)
        both, sound, picture = (torch.stack([self._joints[pair][index] for pair in plan]) for index in range(3))
        if len(plan) > MAX_SECONDS_FOR_EFFECTS:
            logits, weights = self.model.temporal(both[None], torch.ones(1, len(both), dtype=torch.bool))
            prediction, effect = to_numpy(logits.sigmoid()[0]), None
            attention = None if weights is None else to_numpy(weights[0])
        else:
            assert self._neither is not None
            embeddings = SecondEmbeddings(both, sound, picture, self._neither.expand(len(both), -1))
            occlusion = SecondMasker(self.model, Tokens(None, None), embeddings).occlusion
            prediction, attention, effect = occlusion.prediction, occlusion.attention, occlusion.effect
        return Step(prediction, attention, effect)

    def difference(self, before: Plan, after: Plan) -> dict[str, Difference]:
        """Why the prediction differs between two plans, by target. Raises EditError where that cannot be told here."""
        if len(before) != len(after):
            raise EditError(
                f"One version has {len(before)} s and the other {len(after)} s: their seconds cannot be paired; choose "
                "two versions between which no second was dropped"
            )
        sound, picture = changed_seconds(self.model, self._tokens(before), self._tokens(after))
        players = int(sound.sum() + picture.sum())
        if MIN_PAIRS * cells_of_pair(players, len(after)) > MAX_CELLS_HERE:
            raise EditError(
                f"The two versions differ in {players} sounds and pictures of {len(after)} s: too many for an answer "
                "at once; choose two versions that differ less"
            )
        new_sound = [PlannedSecond(old.picture, new.sound) for old, new in zip(before, after, strict=True)]
        new_picture = [PlannedSecond(new.picture, old.sound) for old, new in zip(before, after, strict=True)]
        versions = (after, new_sound, new_picture, before)
        self._embed([pair for version in versions for pair in version])
        embeddings = [torch.stack([self._joints[pair][0] for pair in version]) for version in versions]
        masker = SecondMasker(self.model, Tokens(None, None), SecondEmbeddings(*embeddings))
        with masker.threads():
            return differences(masker, sound, picture, MAX_CELLS_HERE)

    @torch.inference_mode()
    def _embed(self, plan: Sequence[PlannedSecond]) -> None:
        """Joint vectors of the pairs that were not met before."""
        new = [pair for pair in dict.fromkeys(plan) if pair not in self._joints]
        if new:
            embedded = embed_seconds(self.model, self._tokens(new))
            self._neither = embedded.neither[:1]
            for i, pair in enumerate(new):
                self._joints[pair] = (embedded.both[i], embedded.audio_only[i], embedded.video_only[i])

    def _tokens(self, seconds: Sequence[PlannedSecond]) -> Tokens:
        """Both modalities of some planned seconds, stacked."""
        if BLACK not in self._pictures and any(second.picture == BLACK for second in seconds):
            self._make_empty()
        if SILENCE not in self._sounds and any(second.sound == SILENCE for second in seconds):
            self._make_empty()
        return Tokens(
            torch.stack([self._pictures[second.picture] for second in seconds]),
            torch.stack([self._sounds[second.sound] for second in seconds]),
        )

    def _make_empty(self) -> None:
        """A second of black picture and digital silence, as a player shows them."""
        black = np.zeros((self._rate, *self._frame_size, 3), np.uint8)
        empty = self._encode([Second(0, black, np.zeros(SAMPLE_RATE, np.float32), None, False)])
        assert empty.video is not None
        assert empty.audio is not None
        self._pictures[BLACK], self._sounds[SILENCE] = empty.video[0], empty.audio[0]
