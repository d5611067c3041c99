"""Explanation → lines for a terminal: the same figures as on the screen."""

from __future__ import annotations

import numpy as np

from sec2sec.explanations.results import NEARLY_UNIFORM, Explanation


def as_text(explanation: Explanation) -> str:
    """Predictions and their verdicts, then a row a second: attention, effects, entropy of the co-attention."""
    clip, maps = explanation.clip, explanation.co_attention
    lines = [f"{clip.name}: {clip.seconds} seconds from {clip.start:g} s, {clip.duration:.2f} s in all"]
    lines += [f"note: {warning}" for warning in clip.warnings]
    lines += [f"model: {explanation.checkpoint.name}. {explanation.checkpoint.trained_on}", ""]
    shown = {n: t for n, t in explanation.targets.items() if n not in explanation.checkpoint.diagnostics}
    for name, target in shown.items():
        lines.append(f"{name} {target.prediction:.3f}  (with every second at the training mean: {target.baseline:.3f})")
        lines += [f"  {line}" for line in _evidence(explanation, name)]
    lines += ["", "attention: share of the clip; effect: prediction minus the prediction without that second"]
    header = "second " + "".join(f"| {name:<10} attention  effect  sound  picture " for name in shown)
    lines.append(header + "| co-attention entropy")
    entropy = maps.entropy
    for second in range(clip.seconds):
        row = f"{second:>6} "
        for target in shown.values():
            attention = "      none" if target.attention is None else f"{target.attention[second]:>10.1%}"
            effects = (target.effect[second], target.effect_audio[second], target.effect_video[second])
            row += f"| {'':<10}{attention} {effects[0]:>+7.3f} {effects[1]:>+6.3f} {effects[2]:>+8.3f} "
        row += f"| {entropy[second]:.2f}" if len(entropy) else "| none"
        lines.append(row)
    if maps.absent:
        lines.append(maps.absent)
    elif np.mean(entropy >= NEARLY_UNIFORM) > 0:
        count = int((entropy >= NEARLY_UNIFORM).sum())
        lines.append(f"In {count} of {clip.seconds} seconds the co-attention is nearly uniform: it points nowhere.")
    hidden = [n for n in explanation.targets if n in explanation.checkpoint.diagnostics]
    if hidden:
        lines.append(f"{', '.join(hidden)}: a diagnostic of known-truth clips, without a truth here; see the JSON.")
    return "\n".join(lines)


def _evidence(explanation: Explanation, target: str) -> list[str]:
    """What a person must know before believing the explanation of a target."""
    evidence = explanation.targets[target]
    lines = [f"{evidence.verdict.word.capitalize()}. {evidence.verdict.sentence}"]
    if evidence.randomisation is not None and evidence.randomisation.warning:
        lines.append(evidence.randomisation.warning)
    if evidence.shapley is not None:
        pulls = f"sound {evidence.shapley.sound:+.3f}, picture {evidence.shapley.picture:+.3f}"
        lines.append(f"From the baseline: {pulls}" + ("; they disagree." if evidence.shapley.conflict else "."))
    for band in evidence.stability:
        lines.append(f"Over {band.over}: prediction {band.prediction_low:.3f} to {band.prediction_high:.3f}.")
    return lines
