"""config.json and metrics.json of a checkpoint → its card, for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KEYS = ("accuracy", "balanced_accuracy", "f1")


def card(config: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """Markdown: what the model is, what it learned from, how good it is beside trivial baselines, and its limits."""
    model, encoder, provenance = config["model"], config["encoder"], config["provenance"]
    sizes = provenance["encoder_size"] + provenance["model_size"]
    lines = [
        "# The demo checkpoint",
        "",
        f"**{config['trained_on']}** Its predictions on real film are illustrations, never findings about people.",
        "",
        f"- System: Sec2Sec {model['attention']}, {model['temporal']}, targets {', '.join(model['targets'])}.",
        f"- Encoders: {encoder['preset']}, {encoder['frames_per_second']} frames a second at 112×112, MFCC images "
        f"of {encoder['audio']['n_mfcc']} coefficients; grids {encoder['video_grid']} and {encoder['audio_grid']}.",
        f"- Parameters: {sizes:,} in all, D = {model['width']}, {model['heads']} heads.",
        "- Intended use: to see how explanations of such a model work, in research and teaching. Not for hiring, not "
        "for monitoring pupils or staff.",
        "",
        "## What it learned from",
        "",
        "Known-truth clips: MP4 files made by `python -m sec2sec make-clips`, in which a few decisive seconds carry "
        "the cues of arousal (motion, loudness, tempo, saturation), valence (brightness, warm hue, consonance, pitch) "
        "and synchrony (flashes and beats in the same eighths of a second). Three stages: the encoders learned the "
        "planted states of each second, co-attention the planted evidence of each second, the whole model soft targets "
        "of whole clips.",
        "",
        "| set | clips | seed | level | without a decisive second |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {data['name']} | {data['clips']} | {data['seed']} | {data['level']} | {data['neutral']:.0%} |"
        for data in provenance["data"]
    ]
    for name, report in metrics.items():
        if isinstance(report, Mapping) and "targets" in report:
            lines += ["", *_results(name, report, provenance["recipe"])]
    lines += [
        "",
        "## Limits",
        "",
        "- No person rated any of these clips; cues follow published averages (Hanjalic & Xu 2005; Valdez & Mehrabian "
        "1994), and a film can mean the opposite of its loudness.",
        "- Synchrony has no truth on real clips: it is shown on known-truth clips alone.",
        "- Attention shows where the model looked. The measured effect beside it shows what changed the prediction.",
        "",
        f"Made by `{provenance['command']}` in {metrics['minutes']} minutes; versions: "
        + ", ".join(f"{name} {number}" for name, number in provenance["environment"].items())
        + ".",
        "",
    ]
    return "\n".join(lines)


def _results(name: str, report: Mapping[str, Any], recipe: Mapping[str, Any]) -> list[str]:
    """One test set: metrics of each target beside the trivial baselines, then the pointing game."""
    made = next(clips for clips in recipe["test"] if clips["name"] == name)
    lines = [
        f"## On {report['clips']} unseen {made['level']} clips (seed {made['seed']})",
        "",
        "| target | " + " | ".join(KEYS) + " | majority (trivial) accuracy | always positive F1 |",
        "|---|" + "---|" * (len(KEYS) + 2),
    ]
    for target, found in report["targets"].items():
        trivial = found["trivial"]
        values = [*(found[key] for key in KEYS), trivial["majority"]["accuracy"], trivial["always_positive"]["f1"]]
        lines.append(f"| {target} | " + " | ".join(f"{value:.3f}" for value in values) + " |")
    pointing = ", ".join(f"{method} {share:.3f}" for method, share in report["pointing"].items())
    lines += ["", f"The top second is a decisive one (sum over targets): {pointing}."]
    return lines
