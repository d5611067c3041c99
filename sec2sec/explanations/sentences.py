"""The answer for one target in sentences: what was predicted, which second moved it most, where the attention points.

    Arousal 0.95, very high. 6–7 s raised it most (+0.09), the sound nearly as much as the picture. The model's
    attention points there too.

Every number is one of the explanation, rounded to two places (an effect below 0.01 to three), and no word claims more
than these numbers say. Whether the attention can be believed is the verdict's to say (verdict.py).

T seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sec2sec.encoders.tokens import Modality
from sec2sec.explanations.ranks import evenness
from sec2sec.explanations.results import (
    NEARLY_UNIFORM,
    ClipSummary,
    Explanation,
    OutOfDistribution,
    SecondEffects,
    TargetExplanation,
)
from sec2sec.explanations.verdict import MIN_CHANGE, MIN_EFFECT, MIN_EFFECT_SPREAD
from sec2sec.scales import Scale
from sec2sec.words import level, listed, signed

MAX_NAMED = 2  # seconds that did equally much; of more, the rest is counted
MIN_ATTENTION_SPREAD = 0.001  # share of the clip; below it two seconds get the same attention
ABOUT_EQUAL, NEARLY_AS_MUCH, HARDLY = 0.95, 0.75, 0.1  # effect of one modality as a share of the other's


@dataclass(frozen=True)
class Answer:
    """What is to be said first of one target, each part a sentence or empty."""

    prediction: str
    effect: str
    attention: str
    unfamiliar: str  # of the second that counted most
    length: str = ""  # where the model learned from no such clips

    @property
    def reasons(self) -> str:
        """All but the prediction."""
        return " ".join(part for part in (self.effect, self.attention, self.unfamiliar, self.length) if part)

    @property
    def text(self) -> str:
        """All of it."""
        return f"{self.prediction} {self.reasons}".rstrip()


def answer(explanation: Explanation, name: str) -> Answer:
    """The answer for the target `name`."""
    target, clip = explanation.targets[name], explanation.clip
    moved = moved_most(target)
    return Answer(
        prediction_words(name, target.prediction, explanation.checkpoint.scale_of(name)),
        effect_words(target.effects[0], moved, clip, explanation.checkpoint.reads),
        attention_words(target.attention, moved, clip),
        unfamiliar_words(moved, explanation.out_of_distribution, clip),
        "" if explanation.length is None else explanation.length.words,
    )


def answers(explanation: Explanation) -> list[str]:
    """The answers for all targets but those that have a truth on known-truth clips alone."""
    hidden = explanation.checkpoint.diagnostics
    return [answer(explanation, name).text for name in explanation.targets if name not in hidden]


def decisive_second(target: TargetExplanation) -> int | None:
    """The second that counted most, by the size of its effect; None where none counted more than all others.

    Of seconds that did equally much it is the one whose figure is largest, if only by a digit that is not shown.
    """
    moved = moved_most(target)
    return max(moved, key=lambda second: abs(target.effect[second])) if moved else None


def moved_most(target: TargetExplanation) -> list[int]:
    """The seconds with the largest |effect|, as far as they can be told; none where nothing or everything moved.

    As the verdict has it, a clip whose seconds do little one by one may still have moved the prediction together.
    """
    size = np.abs(target.effect)
    measured = np.flatnonzero(np.isfinite(size))
    if len(size) == 1 or not len(measured):
        return []
    most, change = size[measured].max(), abs(target.prediction - target.baseline)
    noise = target.noise
    is_small = most < max(MIN_EFFECT, noise) and not change >= max(MIN_CHANGE, noise)
    if is_small or np.ptp(size[measured]) < max(MIN_EFFECT_SPREAD, noise):
        return []
    largest: list[int] = measured[size[measured] > most - max(_spread(most), noise)].tolist()
    return largest


def _spread(most: float) -> float:
    """What two effects must differ by to be told apart, where the largest is `most`."""
    return MIN_EFFECT_SPREAD if most >= MIN_EFFECT else MIN_EFFECT_SPREAD / 10


def _signed(effect: float) -> str:
    """An effect with two places, or three where two would hide it."""
    return signed(effect, 2 if abs(effect) >= MIN_EFFECT else 3)


def span(second: int, clip: ClipSummary, last: int | None = None) -> str:
    """A second, or all from it to the last, by where they begin and end in the file."""
    return f"{clip.start + second:g}–{clip.start + (second if last is None else last) + 1:g} s"


def prediction_words(name: str, prediction: float, scale: Scale | None = None) -> str:
    """The prediction and its level, on people's scale where there is one."""
    title = name[:1].upper() + name[1:]
    if not np.isfinite(prediction):
        return f"{title}: the model gave no number."
    if scale is None:
        return f"{title} {prediction:.2f}, {level(prediction)}."
    return f"{title} {scale.words(prediction)}, {level(prediction)} ({prediction:.2f} of 0 to 1)."


def effect_words(
    effects: SecondEffects, moved: Sequence[int], clip: ClipSummary, reads: Sequence[Modality] = ("video", "audio")
) -> str:
    """Which second moved the prediction most, how far, and whether by its sound or its picture.

    reads: the modalities that the model takes in.
    """
    effect = effects.whole
    if not moved:
        return _nothing_moved(effect)
    if len(moved) > 1:
        return f"{_named(moved, clip)} {_verb(effect[moved])} it most ({_figures(effect[moved])})."
    second = moved[0]
    verb = "raised" if effect[second] > 0 else "lowered"
    modality = modality_words(effects, second, clip) if len(reads) > 1 else _one_modality_words(reads)
    return f"{span(second, clip)} {verb} it most ({_signed(effect[second])}){f', {modality}' if modality else ''}."


def _nothing_moved(effect: np.ndarray) -> str:
    measured = effect[np.isfinite(effect)]
    if not len(measured):
        return "The effect of its seconds could not be measured."
    if len(effect) == 1:
        return "The clip has one second alone, so none can count more than another."
    if np.abs(measured).max() < MIN_EFFECT:
        return f"No second moved it by {MIN_EFFECT:g} or more."
    return f"All seconds {_verb(measured)} it equally ({_figures(measured)})."


def _verb(effect: np.ndarray) -> str:
    return "raised" if (effect > 0).all() else "lowered" if (effect < 0).all() else "moved"


def _figures(effect: np.ndarray) -> str:
    """The figures of seconds that did equally much: they may still be rounded to two."""
    figures = sorted({_signed(value) for value in effect})
    return f"{figures[0]} each" if len(figures) == 1 else listed(figures)


def _named(seconds: Sequence[int], clip: ClipSummary) -> str:
    """Some seconds by their places; of many the first ones."""
    named = [span(second, clip) for second in seconds[:MAX_NAMED]]
    if len(seconds) > MAX_NAMED:
        named.append(f"{len(seconds) - MAX_NAMED} more")
    return listed(named)


def modality_words(effects: SecondEffects, second: int, clip: ClipSummary) -> str:
    """Whether a second moved the prediction by its sound or its picture; empty where that was not measured."""
    if not (clip.has_audio and clip.has_video):
        there, missing = ("picture", "sound") if clip.has_video else ("sound", "picture")
        return f"by its {there}; the clip has no {missing}"
    direction = np.sign(effects.whole[second])
    # what each did in the direction of the whole: negative where it pulled the other way
    parts = {"sound": direction * effects.audio[second], "picture": direction * effects.video[second]}
    if not all(np.isfinite(part) for part in parts.values()):
        return ""
    stronger, weaker = sorted(parts, key=lambda name: -parts[name])
    together = abs(effects.whole[second]) - parts["sound"] - parts["picture"]
    if together > max(parts[stronger], 0):
        return "by sound and picture together more than by either alone"
    if parts[weaker] >= NEARLY_AS_MUCH * abs(effects.whole[second]):
        return "and it took both its sound and its picture"  # without one of them nearly all of the effect is gone
    return _compared(stronger, weaker, parts[weaker] / parts[stronger]) or (
        f"by its {stronger} ({_signed(direction * parts[stronger])}) against its {weaker} "
        f"({_signed(direction * parts[weaker])})"
    )


def _one_modality_words(reads: Sequence[Modality]) -> str:
    return f"by its {'picture' if 'video' in reads else 'sound'}, all that this model reads"


def _compared(stronger: str, weaker: str, share: float) -> str:
    """Two modalities by the effect of the weaker as a share of the stronger's; empty where it pulls the other way."""
    if share == 0:
        return f"by its {stronger} alone"
    if abs(share) < HARDLY:
        return f"by its {stronger} and hardly by its {weaker}"
    if share < 0:
        return ""
    if share >= ABOUT_EQUAL:
        return "sound and picture about equally"
    if share >= NEARLY_AS_MUCH:
        return f"the {weaker} nearly as much as the {stronger}"
    return f"the {stronger} more than the {weaker}"


def attention_words(attention: np.ndarray | None, moved: Sequence[int], clip: ClipSummary) -> str:
    """Where the model's attention points, beside the seconds that moved the prediction most."""
    if attention is None or len(attention) == 1 or not np.isfinite(attention).all():
        return ""  # the verdict says so
    if evenness(attention) >= NEARLY_UNIFORM:
        return "The model's attention is nearly even and points nowhere."
    top = np.flatnonzero(attention > attention.max() - MIN_ATTENTION_SPREAD).tolist()
    where = f"The model's attention points at {_named(top, clip)}"
    if not moved:
        return f"{where} all the same."
    if set(top) == set(moved):
        return "The model's attention points there too."
    if set(top) & set(moved):
        return f"{where} too." if set(top) < set(moved) else f"{where}."
    return f"{where} instead."


def unfamiliar_words(moved: Sequence[int], unlike: Sequence[OutOfDistribution], clip: ClipSummary) -> str:
    """What is out of distribution in the one second that moved the prediction most; empty for nothing."""
    reasons = [one.words for one in unlike if [one.second] == list(moved)]
    return f"{span(moved[0], clip)} is unfamiliar to the model: {listed(reasons)}." if reasons else ""
