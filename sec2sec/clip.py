"""One clip, encoded once and asked many times; and the way from a file to its explanation.

    clip = sec2sec.encode("clip.mp4", model)      # seconds of work, once
    clip.predict()                                # {"arousal": 0.94, …}
    clip.effects("arousal").whole                 # (T,) what each second did to the prediction
    clip.without([3], "audio").predict()          # the same clip without the sound of one second
    clip.verdict("arousal").sentence              # can the attention be believed?
    clip.explain().to_frame()                     # everything, as a table

T seconds, V visual and A audio tokens in a second, C channels of a token, K targets.
"""

from __future__ import annotations

import json
import math
import mimetypes
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sec2sec.checkpoints import Bundle, encoder_hash
from sec2sec.config import DEFAULT_TRACKS, MediaLimits, TrackChoice
from sec2sec.encoders import EncoderError
from sec2sec.encoders.imported import NO_CLIPS
from sec2sec.encoders.tokens import Modality, Tokens
from sec2sec.encoding import batched, encode_seconds, join_tokens
from sec2sec.errors import UserError
from sec2sec.explanations.attention import co_attention
from sec2sec.explanations.collect import collect_steps, second_effects
from sec2sec.explanations.difference import Difference, check_lengths, explain_difference
from sec2sec.explanations.features import FeatureThread, Measured
from sec2sec.explanations.gradients import TokenGradients, token_gradients
from sec2sec.explanations.masker import Masker, SecondMasker, masker_of
from sec2sec.explanations.methods import METHODS
from sec2sec.explanations.out_of_distribution import load_training_seconds
from sec2sec.explanations.places import PlaceEffects, place_effects
from sec2sec.explanations.results import (
    ClipSummary,
    CoAttention,
    Explanation,
    Preview,
    SecondEffects,
    Shapley,
    Verdict,
)
from sec2sec.export.as_json import Maps, to_json
from sec2sec.export.as_table import to_frame
from sec2sec.extras import require_extra
from sec2sec.files import write_atomically
from sec2sec.media import MediaError
from sec2sec.media.isolated import read_clip
from sec2sec.preview import PreviewCollector
from sec2sec.progress import Progress, Steps, drain, relay, timed

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


MIN_FILM, MIN_LEFT_TOLD = 60, 5.0  # s


class AskError(UserError):
    """A question that this clip or this system has no answer to: what was asked, and what there is."""


@dataclass(frozen=True)
class PresentedExplanation(Explanation):
    """An Explanation that can be shown and saved."""

    preview: Preview | None = None

    def to_json(self, path: Path | str | None = None, maps: Maps = "none") -> str:
        """The JSON object that other programs rely on (schema sec2sec.explanation/1), also written to `path`.

        maps: co-attention maps left out ("none"), averaged over heads ("mean"), or of every head ("heads").
        """
        text = json.dumps(to_json(self, maps))
        if path is not None:
            write_atomically(Path(path), text.encode())
        return text

    def to_frame(self) -> pd.DataFrame:
        """A tidy table: one row per target and second."""
        return to_frame(self)

    def to_html(self, path: Path | str, video: Path | str | None = None) -> None:
        """Write one page that shows everything and needs no network.

        video: the file that was explained, put into the page where browsers can play it; without it the stills stand
        for it. Raises MissingExtraError where plotly is not installed, AskError where the page would replace the video,
        OSError where it cannot be written.
        """
        require_extra("report", "to_html()")
        from sec2sec.viewer.payload import encode, shown_targets
        from sec2sec.viewer.report_page import report_page

        if self.preview is None:
            raise AskError("this explanation was made without a file, so there is nothing of the clip to show")
        shown = shown_targets(self, diagnostics=False)
        if video is not None and Path(path).exists() and Path(path).samefile(video):
            raise AskError(f"{path}: the page would replace the video itself; give it another name")
        film = None if video is None else Path(video).read_bytes()
        mime = (None if video is None else mimetypes.guess_type(Path(video).name)[0]) or "video/mp4"
        page = report_page(self, encode(self, self.preview), shown, clip=film, mime=mime)
        write_atomically(Path(path), page.encode())

    def to_figure(self, path: Path | str) -> None:
        """Write the timeline with the verdicts, light, for a slide or a paper: .svg, .png or .pdf by the name's ending.

        Raises SettingsError for another ending, MissingExtraError where reportlab is not installed, which PNG and PDF
        need, OSError where it cannot be written.
        """
        from sec2sec.plots.files import check_figure, figure_bytes
        from sec2sec.plots.timeline import timeline

        check_figure(Path(path), "to_figure()")
        shown = [name for name in self.targets if name not in self.checkpoint.diagnostics]
        figure = timeline(self, shown, waveform=None if self.preview is None else self.preview.waveform)
        write_atomically(Path(path), figure_bytes(figure, Path(path).suffix))

    def plot(self, target: str) -> go.Figure:
        """The effect of each second on one target, with its sound, its picture and the range over references."""
        require_extra("report", "plot()")
        import plotly.graph_objects as go

        from sec2sec import plots

        if target not in self.targets:
            raise AskError(f"{target}: not predicted by this model, which predicts {', '.join(self.targets)}")
        own, clip = self.targets[target], self.clip
        half = plots.reach(*(v for effects in own.effects for v in (effects.whole, effects.audio, effects.video)))
        lane = plots.effect(
            target,
            own,
            plots.Seconds(clip.seconds, clip.partial),
            half,
            both=clip.has_audio and clip.has_video,
            references=own.effects,
            spread=own.effect_range if len(own.effects) > 1 else None,
        )
        return go.Figure(lane)


@dataclass(frozen=True, eq=False)
class EncodedClip:
    """A clip as tokens of a model's encoders, of which any question costs milliseconds.

    Results are computed at their first use, and stay. Arrays are (T,), one figure per second. A target is
    named as in the model's `targets`; AskError says which there are.
    """

    model: Bundle
    tokens: Tokens  # on the model's device
    info: ClipSummary
    preview: Preview | None = None  # what a screen shows of the clip
    measured: Callable[[], Measured] | None = None  # gives the audio-visual features of its seconds, once measured
    seconds_taken: Mapping[str, float] = field(default_factory=dict)  # stage → s

    @cached_property
    def masker(self) -> Masker:
        """Who answers: every method of explanation asks this and nothing behind it."""
        return masker_of(self.model.model, self.tokens)

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of what the model predicts."""
        return self.masker.targets

    def predict(self) -> dict[str, float]:
        """The prediction of each target, 0..1."""
        everything = np.ones((1, self.masker.seconds), dtype=bool)
        with self.masker.threads():
            predictions = self.masker.predictor(everything, everything)[0]
        return dict(zip(self.targets, predictions.tolist(), strict=True))

    def attention(self, target: str) -> np.ndarray | None:
        """The model's own attention to each second; sums to 1. None where the system has none."""
        with self.masker.threads():
            attention = self.masker.occlusion.attention
        return None if attention is None else attention[self._index(target)]

    def effects(self, target: str, reference: str = "training mean") -> SecondEffects:
        """What each second, its sound and its picture did: the prediction minus that with the reference in its place.

        reference: "training mean"; for the Sec2Sec systems also "neighbouring second" and, where the checkpoint has a
        sample of them, "random training seconds" and "similar training seconds", which replace whole seconds alone.
        """
        by_reference = {effects[0].reference: effects for effects in self._effects}
        if reference not in by_reference:
            raise AskError(f"{reference}: no reference of this system, which has {', '.join(by_reference)}")
        return by_reference[reference][self._index(target)]

    def scores(self, method: str, target: str) -> np.ndarray | None:
        """What one of METHODS gives each second; None where the system has no such thing."""
        if method not in METHODS:
            raise AskError(f"{method}: no method of explanation; choose from {', '.join(METHODS)}")
        if method not in self._scores:
            with self.masker.threads():
                self._scores[method] = METHODS[method](self.masker)
        scores = self._scores[method]
        return None if scores is None else scores[self._index(target)]

    def verdict(self, target: str) -> Verdict:
        """Whether the attention of this target is an explanation of its prediction."""
        name = self._checked_target(target)
        return self.explain().targets[name].verdict

    def shapley(self, target: str) -> Shapley | None:
        """Exact Shapley values of sound and picture."""
        name = self._checked_target(target)
        return self.explain().targets[name].shapley

    def token_gradients(self, target: str) -> TokenGradients:
        """Integrated gradients on every visual and audio token, (T, V) and (T, A); seconds of work."""
        return token_gradients(self._by_second("integrated gradients on tokens"), self._index(target))

    def places(self, second: int) -> PlaceEffects:
        """The effect of every place of the picture and band of the sound of one second."""
        masker = self._by_second("occlusion of single places")
        return next(place_effects(masker, [self._second(second)]))

    @cached_property
    def co_attention(self) -> CoAttention:
        """The maps of every second, or why there are none."""
        return co_attention(self.masker)

    def without(self, seconds: Sequence[int] | None = None, modality: Modality | None = None) -> EncodedClip:
        """The same clip with some seconds (all if None) at the training mean, or their sound or picture alone."""
        chosen = range(self.info.seconds) if seconds is None else [self._second(second) for second in seconds]
        return self._with(chosen, modality, None, None)

    def replace(
        self, second: int, by: int, modality: Modality | None = None, source: EncodedClip | None = None
    ) -> EncodedClip:
        """The same clip with the second `by` (of `source`, if that is another clip) in the place of `second`.

        modality: the sound or the picture alone. source must have been encoded by the same encoders.
        """
        other = self if source is None else source
        if encoder_hash(other.model) != encoder_hash(self.model):
            raise AskError(f"{other.info.name} was encoded by other encoders than {self.info.name}")
        chosen = other._second(by)
        tokens = (None if own is None else own[chosen] for own in (other.tokens.video, other.tokens.audio))
        return self._with([self._second(second)], modality, *tokens)

    def part(self, first: int, end: int) -> EncodedClip:
        """The seconds [first, end) as a clip of their own: nothing is decoded or encoded again."""
        self._second(first)
        if not first < end <= self.info.seconds:
            raise AskError(f"{self.info.name} has {self.info.seconds} seconds; seconds {first} to {end} are no part")
        measured = self.measured
        part = EncodedClip(
            self.model,
            self.tokens.part(first, end),
            self.info.part(first, end),
            None if self.preview is None else self.preview.part(first, end),
            None if measured is None else lambda: measured().part(first, end),
        )
        vars(part)["masker"] = self.masker.part(first, end)  # what is known of the seconds stays known
        return part

    def differences(self, before: EncodedClip) -> dict[str, Difference]:
        """Why this clip is predicted otherwise than another version or part of it, by target.

        before: of the same model and length; seconds are paired by their place. Raises ExplanationError for another
        length.

            edited.differences(clip)["arousal"].sound   # (T,) what the sound of each second adds to the change
        """
        identity = self.model.summary.sha256  # empty for a model that was never saved
        if before.model.model is not self.model.model and not identity == before.model.summary.sha256 != "":
            names = f"{before.model.summary.name} and {self.model.summary.name}"
            raise AskError(f"the two clips were encoded for {names}; encode both with one model")
        check_lengths(before.masker.seconds, self.masker.seconds, (before.info.name, self.info.name))
        return explain_difference(before.masker, self.masker)

    def explain(self) -> PresentedExplanation:
        """Everything: predictions, effects, verdicts and all evidence of every target."""
        return drain(self.explain_steps())

    def explain_steps(self) -> Steps[PresentedExplanation]:
        """The same, a part at a time."""
        if self._answer:
            return self._answer[0]
        result, took = yield from timed(collect_steps(self.model, self.masker, self.info, {}, self.measured))
        taken = dict(self.seconds_taken)
        if taken:
            taken["explaining"] = taken.get("explaining", 0.0) + took
        own = {f.name: getattr(result, f.name) for f in fields(result)} | {"seconds_taken": taken}
        self._answer.append(PresentedExplanation(**own, preview=self.preview))
        return self._answer[0]

    @cached_property
    def _answer(self) -> list[PresentedExplanation]:
        """The explanation, once it was made."""
        return []

    @cached_property
    def _scores(self) -> dict[str, np.ndarray | None]:
        """(K, T) by method, of those that were computed."""
        return {}

    @cached_property
    def _effects(self) -> list[list[SecondEffects]]:
        with self.masker.threads():
            return second_effects(self.masker, load_training_seconds(self.model))

    def _with(
        self, seconds: Sequence[int], modality: Modality | None, video: Tensor | None, audio: Tensor | None
    ) -> EncodedClip:
        """The tokens of some seconds replaced by one second's, (V, C) and (A, C); None for the training mean."""
        if modality not in (None, "audio", "video"):
            raise AskError(f'{modality}: no modality; choose "audio", "video", or leave it out for both')
        where = torch.tensor(list(seconds), dtype=torch.long, device=self.model.device)
        means = self.model.model.references(self.info.seconds)

        def replace_seconds(own: Tensor | None, mean: Tensor, by: Tensor | None) -> Tensor | None:
            if own is None and by is None:  # at the training mean already, and the clip goes on to lack the modality
                return None
            tokens = (mean if own is None else own).clone()
            tokens[where] = mean[where] if by is None else by.to(tokens)
            return tokens

        tokens = Tokens(
            self.tokens.video if modality == "audio" else replace_seconds(self.tokens.video, means[0], video),
            self.tokens.audio if modality == "video" else replace_seconds(self.tokens.audio, means[1], audio),
        )
        info = replace(self.info, has_video=tokens.video is not None, has_audio=tokens.audio is not None)
        return EncodedClip(self.model, tokens, info)

    def _by_second(self, what: str) -> SecondMasker:
        by_second = self.masker.by_second
        if by_second is None:
            raise AskError(f"{what}: not offered for {self.model.system.title}, which takes in the whole clip at once")
        return by_second

    def _checked_target(self, target: str) -> str:
        if target not in self.targets:
            raise AskError(f"{target}: not predicted by this model, which predicts {', '.join(self.targets)}")
        return target

    def _index(self, target: str) -> int:
        return self.targets.index(self._checked_target(target))

    def _second(self, second: int) -> int:
        if not 0 <= second < self.info.seconds:
            raise AskError(f"{self.info.name} has seconds 0 to {self.info.seconds - 1}, not {second}")
        return second


def encode_steps(
    path: Path | str,
    model: Bundle,
    *,
    start: float = 0.0,
    end: float | None = None,
    limits: MediaLimits | None = None,
    tracks: TrackChoice = DEFAULT_TRACKS,
) -> Steps[EncodedClip]:
    """Decode and encode the part [start, end) of a file, in seconds.

    Raises MediaError for a clip that cannot be used, EncoderError for a model that reads no clips. Decoding and
    encoding alternate, a few seconds at a time, so that memory does not grow with the file.
    """
    taken = {"decoding": 0.0, "encoding": 0.0, "explaining": 0.0}
    clock, began = Stopwatch(taken), time.perf_counter()
    yield Progress(0, 0, "Opening the clip", "decoding")
    config = model.encoders.config
    if config.preset == "features":
        raise EncoderError(f"{model.summary.name} cannot explain a clip: {NO_CLIPS}")
    limits = limits or MediaLimits()
    limits = replace(limits, max_seconds=min(limits.max_seconds, model.system.max_seconds))
    clip = read_clip(
        path,
        start=start,
        end=end,
        frames_per_second=config.frames_per_second,
        frame_size=config.frame_size,
        limits=limits,
        tracks=tracks,
    )
    if not ((model.system.sees and clip.has_video) or (model.system.hears and clip.has_audio)):
        lacking = "picture" if model.system.sees else "sound"
        raise MediaError(
            f"{clip.name}: has no {lacking}, and {model.system.title} reads nothing else; "
            "choose another clip or another system"
        )
    # a live recording does not say how long it is; explaining takes about a tenth of the whole
    expected = max(1, round(clip.duration)) if math.isfinite(clip.duration) else 0
    total = expected / 0.9
    encoded: list[Tokens] = []
    pictures, cues = PreviewCollector(), FeatureThread()
    try:
        for batch in batched(clip.seconds()):
            cues.add(batch)
            clock.charge("decoding")
            done = min(pictures.seconds, expected)
            at = f"Encoding from second {pictures.seconds} of {expected or 'unknown'}"
            yield Progress(done, total, at, "encoding")
            clock.skip()
            tokens = encode_seconds(batch, model.encoders, model.device)
            pictures.add(batch, tokens)
            encoded.append(Tokens(tokens.video, tokens.audio))
            clock.charge("encoding")
            done = min(pictures.seconds, expected)
            is_film = expected >= MIN_FILM  # of less it would be told in vain
            left = (time.perf_counter() - began) * (expected - done) / done if is_film else math.nan
            words = f"Decoded and encoded {pictures.seconds} s{left_words(left)}"
            yield Progress(done, total, words, "decoding", left)
            clock.skip()
        if not encoded:
            raise MediaError(f"{clip.name}: nothing of it could be decoded; try to convert it to MP4 (H.264, AAC)")
        measured = cues.finish()
    finally:
        cues.cancel()
    clock.charge("explaining")
    return EncodedClip(model, join_tokens(encoded), pictures.summary(clip), pictures.preview(), measured, taken)


def left_words(left: float) -> str:
    """How long encoding still takes, s, where that is long enough to be told; NaN where nobody knows."""
    return f", about {round(left)} s left" if left >= MIN_LEFT_TOLD else ""


def explain_steps(
    path: Path | str,
    model: Bundle,
    *,
    start: float = 0.0,
    end: float | None = None,
    limits: MediaLimits | None = None,
    tracks: TrackChoice = DEFAULT_TRACKS,
) -> Steps[EncodedClip]:
    """The same, and its explanation made: `explain()` of what is returned costs nothing more."""
    clip = yield from encode_steps(path, model, start=start, end=end, limits=limits, tracks=tracks)
    yield Progress(9, 10, "Measuring the effect of each second", "explaining")
    yield from relay(clip.explain_steps(), lambda progress: replace(progress, done=9 + progress.fraction, total=10))
    return clip


def encode(
    path: Path | str,
    model: Bundle,
    *,
    start: float = 0.0,
    end: float | None = None,
    limits: MediaLimits | None = None,
    tracks: TrackChoice = DEFAULT_TRACKS,
) -> EncodedClip:
    """Decode and encode the part [start, end) of a file, in seconds."""
    return drain(encode_steps(path, model, start=start, end=end, limits=limits, tracks=tracks))


def explain(
    path: Path | str,
    model: Bundle,
    *,
    start: float = 0.0,
    end: float | None = None,
    limits: MediaLimits | None = None,
    tracks: TrackChoice = DEFAULT_TRACKS,
) -> PresentedExplanation:
    """The explanation of the part [start, end) of a file, in seconds."""
    return encode(path, model, start=start, end=end, limits=limits, tracks=tracks).explain()


class Stopwatch:
    """Adds the time since the last call to a stage; skip() drops it, as while a caller holds the generator."""

    def __init__(self, taken: dict[str, float]) -> None:
        self.taken, self.last = taken, time.perf_counter()

    def charge(self, stage: str) -> None:
        """The time since the last call was spent in this stage."""
        now = time.perf_counter()
        self.taken[stage] += now - self.last
        self.last = now

    def skip(self) -> None:
        """The time since the last call was spent elsewhere."""
        self.last = time.perf_counter()
