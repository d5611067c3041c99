"""Explanation → lines for a terminal: the same figures as on the screen."""

from __future__ import annotations

import numpy as np

from sec2sec.explanations.randomisation import unjudged_warning
from sec2sec.explanations.ratings import HEADS, Rating
from sec2sec.explanations.results import NEARLY_UNIFORM, Explanation, TargetExplanation
from sec2sec.explanations.sentences import answer, span
from sec2sec.export.curve import SPREAD, curve_words
from sec2sec.tables import TextTable
from sec2sec.words import signed


def as_text(explanation: Explanation) -> str:
    """The answer for each target with its verdict, the clip and the model, then all figures, a row a second."""
    clip, maps = explanation.clip, explanation.co_attention
    shown = {n: t for n, t in explanation.targets.items() if n not in explanation.checkpoint.diagnostics}
    lines = list(curve_words(explanation, list(shown)))
    lines += [f"The spread is {SPREAD}.", "", "In one piece:"] if lines else []
    lines += [line for name, target in shown.items() for line in _answer(explanation, name, target)]
    lines += ["", f"{clip.name}: {clip.seconds} seconds from {clip.start:g} s, {clip.duration:.2f} s in all"]
    lines += [f"note: {warning}" for warning in clip.warnings]
    lines += [*_model(explanation), ""]
    baseline = explanation.baseline_words
    for name, target in shown.items():
        scale = explanation.checkpoint.scale_of(name)
        people = f", {scale.words(target.prediction)}" if scale else ""
        lines.append(f"{name} {target.prediction:.3f}{people}  (baseline {target.baseline:.3f}: {baseline})")
        lines += [f"  {line}" for line in _evidence(target)]
    lines += ["", "attention: share of the clip; effect: prediction minus the prediction without that second"]
    header = f"{'second':<10}" + "".join(f"| {name:<10} attention  effect   sound  picture " for name in shown)
    lines.append(header + "| co-attention entropy")
    entropy = maps.entropy
    for second in range(clip.seconds):
        row = f"{span(second, clip):<10}"
        for target in shown.values():
            attention = "      none" if target.attention is None else f"{target.attention[second]:>10.1%}"
            effects = (target.effect[second], target.effect_audio[second], target.effect_video[second])
            row += f"| {'':<10}{attention}" + "".join(f" {signed(effect, 3):>7}" for effect in effects) + "  "
        row += f"| {entropy[second]:.2f}" if len(entropy) else "| none"
        lines.append(row)
    if maps.absent:
        lines.append(maps.absent)
    elif np.mean(entropy >= NEARLY_UNIFORM) > 0:
        count = int((entropy >= NEARLY_UNIFORM).sum())
        lines.append(f"In {count} of {clip.seconds} seconds the co-attention is nearly uniform: it points nowhere.")
    lines += [line for rating in explanation.ratings for line in _rating(rating)]
    hidden = [n for n in explanation.targets if n in explanation.checkpoint.diagnostics]
    if hidden:
        lines.append(f"{', '.join(hidden)}: a diagnostic of known-truth clips, without a truth here; see the JSON.")
    return "\n".join(lines)


def _model(explanation: Explanation) -> list[str]:
    """Who predicted, what that learned from and from which lengths, as far as its checkpoint says."""
    checkpoint, audit, length = explanation.checkpoint, explanation.audit, explanation.length
    if audit is not None:
        version = f", version {audit.version}" if audit.version else ""
        before = f" ({audit.remembered} answers of an earlier run)" if audit.remembered else ""
        asked = f"asked {audit.questions + audit.remembered} times{before}; in the place of a second stood "
        return [
            f"predictor: {checkpoint.name}{version}. {checkpoint.about}",
            f"{asked}{'; or '.join(audit.references)}",
        ]
    model = f"model: {checkpoint.name}. {checkpoint.about}"
    if length is None:
        return [model, "lengths: the checkpoint does not say how long the clips were that it learned from"]
    lengths = (
        f"lengths: learned from clips of {length.shortest}–{length.longest} s, half of them up to {length.window} s"
    )
    return [model, lengths]


def _answer(explanation: Explanation, name: str, target: TargetExplanation) -> list[str]:
    """What is to be read first of a target, and whether its attention can be believed."""
    return [answer(explanation, name).text, f"  {target.verdict.word.capitalize()}. {target.verdict.sentence}"]


def _rating(rating: Rating) -> list[str]:
    """How well each curve fits what people said."""
    lines = ["", f"ratings: {rating.title}. {rating.compared}"]
    if rating.is_compared:
        lines += [
            f"  {line}" for line in TextTable("", HEADS, [fit.cells for fit in rating.fits]).as_text().splitlines()
        ]
    return lines


def _evidence(target: TargetExplanation) -> list[str]:
    """What else a person should know of a target."""
    lines = []
    if warning := unjudged_warning(target.randomisation, target.verdict):
        lines.append(warning)
    if target.shapley is not None:
        pulls = f"sound {signed(target.shapley.sound, 3)}, picture {signed(target.shapley.picture, 3)}"
        lines.append(f"From the baseline: {pulls}" + ("; they disagree." if target.shapley.conflict else "."))
    for band in target.stability:
        lines.append(f"Over {band.over}: prediction {band.prediction_low:.3f} to {band.prediction_high:.3f}.")
    return lines
