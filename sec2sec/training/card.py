"""The cards of checkpoints, for a person: what the model is, what it learned from, how good it is, and its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sec2sec.baselines import SYSTEMS
from sec2sec.checkpoints import environment
from sec2sec.encoders import Encoders
from sec2sec.lengths import learned_lengths
from sec2sec.metrics import SHOWN, figure, gain_words, threshold_words, thresholds_of, title_of
from sec2sec.model import Model
from sec2sec.tables import MetricRow, metric_rows, pipe_table
from sec2sec.training.settings import TrainConfig

NOT_FOR = "Not for hiring, not for monitoring pupils or staff."
ABOUT_ATTENTION = (
    "- Attention shows where the model looked. The measured effect beside it shows what changed the prediction."
)
NO_MODEL = (
    "All from chance on need no model: last and middle second, the largest sum of loudness and motion, and the odd one "
    "out, which is the second with the largest sum of |z| over five audio-visual cues."
)
DEMO_METRICS = ("accuracy", "balanced_accuracy", "f1")  # of the bundled checkpoint's tables


def lengths_line(metrics: Mapping[str, Any]) -> list[str]:
    """Which lengths the model learned from, where that was measured."""
    lengths = learned_lengths(metrics)
    if lengths is None:
        return []
    return [f"- Its training clips lasted {lengths.words}, half of them up to {lengths.window} s."]


def trained_card(
    sentence: str,
    encoders: Encoders,
    model: Model,
    config: TrainConfig,
    metrics: Mapping[str, Any],
    provenance: Mapping[str, Any],
    *,
    title: str = "A trained checkpoint",
    sections: Sequence[str] = (),
) -> str:
    """Markdown: what the model is, what it learned from, how good it is beside trivial baselines, and its limits.

    sections: lines before the figures of its own splits.
    """
    e, m = encoders.config, model.config
    system = SYSTEMS[m.system]
    tuned = "tuned with the rest" if config.encoders == "tuned" else "frozen: only what stands right of them learned"
    about = [f"- System: {system.title}{f', {m.temporal}' if system.recurrent else ''}, targets {', '.join(m.targets)}"]
    if source := provenance.get("features"):
        tokens = ", ".join(f"{name} {source[name][0]} x {source[name][1]}" for name in ("video", "audio"))
        about[0] += f"; D = {m.width}, {m.heads} heads."
        about += [
            f"- Reads features that another program computed, and no clips: {source['name']}; tokens x channels per "
            f"second: {tokens}. SHA-256 of their table: {source['table_sha256']}."
        ]
    elif system.uses_encoder_tokens:
        about[0] += f"; D = {m.width}, {m.heads} heads."
        about += [
            f"- Encoders{'' if e.preset == 'named' else f': {e.preset}'}, from {provenance['encoders_from']}; {tuned}. "
            f"Token grids {list(e.video_grid)} and {list(e.audio_grid)} a second."
        ]
    else:
        learned = tuned if m.size == "published" else "learned whole"
        about[0] += f"; {m.size} size."
        about += [f"- Starts from {provenance['encoders_from']}; {learned}. Reads {system.modalities} itself."]
    lines = [
        f"# {title}",
        "",
        f"**{sentence}** Its predictions say how a clip may be perceived, never how a person is or feels.",
        "",
        *about,
        f"- Parameters: {provenance['encoder_size'] + provenance['model_size']:,} in all, "
        f"{provenance['model_size']:,} "
        f"{'right of the tokens' if system.uses_encoder_tokens else 'in the model'}.",
        f"- Trained for {metrics['epochs']} epochs; these are the weights of epoch {metrics['best_epoch']}, "
        f"the best by {metrics['selected_by']}{'' if config.select_by else ' (paper §4.2)'}.",
        *lengths_line(metrics),
        *(f"- {note}" for note in provenance["notes"]),
        f"- Intended use: research and teaching. {NOT_FOR}",
        *sections,
    ]
    for split in ("test", "validation"):
        if metrics.get(split):
            lines += ["", *_table(split, metrics[split])]
    lines += [
        "",
        "## Limits",
        "",
        "- A figure means something only beside its trivial baseline: a gain whose interval holds 0 may be chance.",
        "- The validation clips chose the weights: their figures flatter."
        if metrics.get("test")
        else "- There was no test split: the validation clips chose the weights, so the figures above flatter.",
        *(f"- {sentence}" for sentence in metrics.get("warnings", [])),
        ABOUT_ATTENTION,
        *_made_by(provenance["command"], metrics["minutes"], environment()),
    ]
    return "\n".join(lines)


def _table(split: str, report: Mapping[str, Any]) -> list[str]:
    """One split: each target's metrics with intervals, its baselines below."""
    lines = [f"## On {report['clips']} {split} clips, with 95 % intervals by bootstrap over groups"]
    if words := threshold_words(thresholds_of(report["targets"])):
        lines += ["", f"In these figures {words}."]
    for kind, metrics in SHOWN.items():
        if rows := metric_rows(report["targets"], kind):
            cells = [
                [row.label, *(row.cell(metric, figure(None)) for metric in metrics), _gain_words(row, report)]
                for row in rows
            ]
            lines += ["", pipe_table(["target", *map(title_of, metrics), "gain"], cells)]
    return lines


def _gain_words(row: MetricRow, report: Mapping[str, Any]) -> str:
    if row.baseline:
        return ""
    return gain_words(report["targets"][row.target]["gain"])


def demo_card(name: str, config: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """A bundled checkpoint's, with its three stages and its test sets of generated clips."""
    model, encoder, provenance = config["model"], config["encoder"], config["provenance"]
    sizes = provenance["encoder_size"] + provenance["model_size"]
    lines = [
        f"# The checkpoint {name}",
        "",
        f"**{config['trained_on']}** Its predictions on real film are illustrations, never findings about people.",
        "",
        f"- System: Sec2Sec {model['attention']}, {model['temporal']}, targets {', '.join(model['targets'])}.",
        f"- Encoders: {encoder['preset']}, {encoder['frames_per_second']} frames a second at 112×112, MFCC images "
        f"of {encoder['audio']['n_mfcc']} coefficients; grids {encoder['video_grid']} and {encoder['audio_grid']}.",
        f"- Parameters: {sizes:,} in all, D = {model['width']}, {model['heads']} heads.",
        f"- Intended use: to see how explanations of such a model work, in research and teaching. {NOT_FOR}",
        "",
        "## What it learned from",
        "",
        "Known-truth clips: MP4 files made by `python -m sec2sec make-clips`, in which a few decisive seconds carry "
        "the cues of arousal (motion, loudness, tempo, saturation), valence (brightness, warm hue, consonance, pitch) "
        "and synchrony (flashes and beats in the same eighths of a second). Three stages: the encoders learned the "
        "planted states of each second, co-attention the planted evidence of each second, the layer over seconds soft "
        "targets of whole clips.",
        "",
        "| set | clips | seed | level | seconds | without a decisive second |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {data['name']} | {data['clips']} | {data['seed']} | {data['level']} | "
        f"{'–'.join(map(str, data['lengths']))} | {data['neutral']:.0%} |"
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
        ABOUT_ATTENTION,
        *_made_by(provenance["command"], None, provenance["environment"]),
    ]
    return "\n".join(lines)


def _results(name: str, report: Mapping[str, Any], recipe: Mapping[str, Any]) -> list[str]:
    """One test set: metrics of each target beside the trivial baselines, then the pointing game."""
    clips = next(clips for clips in recipe["test"] if clips["name"] == name)
    lines = [
        f"## On {report['clips']} unseen {clips['level']} clips (seed {clips['seed']})",
        "",
        "| target | " + " | ".join(DEMO_METRICS) + " | accuracy of the training majority | always positive F1 |",
        "|---|" + "---|" * (len(DEMO_METRICS) + 2),
    ]
    for target, figures in report["targets"].items():
        trivial = figures["trivial"]
        baselines = trivial["majority"]["accuracy"], trivial["always_positive"]["f1"]
        values = [*(figures[key] for key in DEMO_METRICS), *baselines]
        lines.append(f"| {target} | " + " | ".join(f"{value:.3f}" for value in values) + " |")
    pointing = ", ".join(f"{method} {share:.3f}" for method, share in report["pointing"].items())
    lines += ["", f"The top second is a decisive one (sum over targets): {pointing}."]
    if gains := report.get("pointing_gains"):  # cards of before have none
        lines[-1] += f" Occlusion: {', '.join(map(gain_words, gains))}. {NO_MODEL}"
    return lines


def _made_by(command: str, minutes: float | None, versions: Mapping[str, Any]) -> list[str]:
    """The last lines of every card."""
    numbers = ", ".join(f"{name} {number}" for name, number in versions.items())
    time = "" if minutes is None else f" in {minutes} minutes"
    return ["", f"Made by `{command}`{time}; versions: {numbers}.", ""]
