"""`explain`: one clip, in the terminal and as JSON, page, film or figure; many clips by explain_many.py."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sec2sec.cli import explain_many
from sec2sec.cli.options import (
    add_checkpoint,
    add_csv,
    add_device,
    add_json,
    add_part,
    add_report,
    check_report,
    claim_explanation,
    print_result,
    report_megabytes,
)
from sec2sec.cli.ratings import add_track, parse_tracks, read_ratings
from sec2sec.cli.terminal import drain_to_terminal, show
from sec2sec.config import MediaLimits, TrackChoice
from sec2sec.errors import SettingsError
from sec2sec.extras import require_extra
from sec2sec.files import json_bytes
from sec2sec.outputs import STDOUT, Outputs, write_output

if TYPE_CHECKING:
    from sec2sec.clip import EncodedClip
    from sec2sec.datasets.track_of_clip import RatingsFile
    from sec2sec.explanations import Explanation, Preview


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The clip and its part, what is measured, what is written."""
    parser.add_argument(
        "clip",
        type=Path,
        metavar="CLIP",
        help="a video or sound file; many clips as a folder or a table clips.csv, with --csv; with --features the id "
        "of a row of their table",
    )
    parser.add_argument(
        "--features",
        type=Path,
        metavar="DIR",
        help="folder with features.csv: explain one of its rows with a checkpoint that learned from features",
    )
    add_checkpoint(parser)
    add_device(parser)
    add_part(parser)
    windows = parser.add_argument_group(
        "windows",
        "A part that is longer than the clips that the model learned from is predicted in windows of their median "
        "length as well, encoded once: a curve over time.",
    )
    windows.add_argument(
        "--window",
        type=float,
        metavar="S",
        help="length of a window in whole seconds, also for a shorter part (default: the median of the training clips)",
    )
    windows.add_argument(
        "--hop", type=float, metavar="S", help="whole seconds from one window to the next (default: 1)"
    )
    windows.add_argument(
        "--curve",
        type=Path,
        metavar="FILE",
        help="write the curve to this file, a row for each target and window (CSV); - is standard output",
    )
    measured = parser.add_argument_group("measured on demand")
    measured.add_argument(
        "--stability",
        action="store_true",
        help="measure how far prediction, attention and effects move when the cuts between seconds are shifted",
    )
    measured.add_argument(
        "--seeds",
        type=Path,
        nargs="+",
        default=[],
        metavar="DIR",
        help="checkpoints of the same training with other seeds: measure how far they differ; implies --stability",
    )
    measured.add_argument(
        "--token-gradients",
        action="store_true",
        help="add integrated gradients of every token of picture and sound to the JSON",
    )
    add_track(measured)
    output = parser.add_argument_group("output")
    add_json(output, "explanation")
    add_csv(output)
    output.add_argument(
        "--maps",
        choices=("none", "mean", "heads"),
        default="mean",
        help="co-attention maps in the JSON: none, averaged over heads (default), or every head",
    )
    add_report(output)
    output.add_argument(
        "--annotate", type=Path, metavar="FILE", help="write the clip with the explanation burnt in to this file (MP4)"
    )
    output.add_argument(
        "--gif",
        type=Path,
        metavar="FILE",
        help="write ten seconds for slides to this file (GIF, at most 8 MB): those around the second that counted "
        "most, then the verdicts",
    )
    output.add_argument(
        "--figure",
        type=Path,
        metavar="FILE",
        help="write the timeline with the verdicts to this file as a figure (.svg, .png or .pdf)",
    )
    output.add_argument(
        "--overlay", action="store_true", help="burn the co-attention into --annotate and --gif as well"
    )


def run(options: argparse.Namespace) -> int:
    """Explain the clip; what cannot be written is refused before the work, not after it."""
    if options.features:
        return explain_features(options)
    from sec2sec.many.clips import is_many  # numpy

    limits = MediaLimits(
        max_seconds=options.max_seconds or MediaLimits.max_seconds, max_decoded=options.max_pixels or math.inf
    )
    choice = TrackChoice(options.video_track, options.audio_track)
    if is_many(options.clip):
        return explain_many.run(options, limits, choice)
    tracks = parse_tracks(options)
    claim_outputs(options, tracks)
    check_windows(options)
    check_report(options.report)
    if options.annotate:
        require_extra("film", "--annotate")
    if options.figure:
        from sec2sec.plots.files import check_figure

        check_figure(options.figure, "--figure")
    ratings = read_ratings(options, tracks, limits) if tracks else ()
    from sec2sec.checkpoints import load_checkpoint  # torch
    from sec2sec.clip import explain_steps

    model = load_checkpoint(options.checkpoint, options.device)
    part: dict[str, Any] = {"start": options.start, "end": options.end, "limits": limits, "tracks": choice}
    clip = drain_to_terminal(explain_steps(options.clip, model, **part))
    explanation = with_windows(options, clip, clip.explain())
    if options.stability or options.seeds:
        from sec2sec.explanations.stability import stability_steps, with_stability

        models = [model, *(load_checkpoint(folder, options.device) for folder in options.seeds)]
        bands = drain_to_terminal(stability_steps(options.clip, models, **part))
        explanation = with_stability(explanation, bands)
    if ratings:
        from sec2sec.ratings import with_ratings

        explanation = with_ratings(clip, explanation, ratings)
    write_results(options, clip, explanation, limits)
    return 0


def explain_features(options: argparse.Namespace) -> int:
    """Explain a row of a table of features. Raises SettingsError for an option that needs a file."""
    needs_file = {
        "--start": options.start,
        "--end": options.end,
        "--video-track": options.video_track,
        "--audio-track": options.audio_track,
        "--max-seconds": options.max_seconds,
        "--max-pixels": options.max_pixels,
        "--stability": options.stability,
        "--seeds": options.seeds,
        "--report": options.report,
        "--annotate": options.annotate,
        "--gif": options.gif,
        "--figure": options.figure,
        "--track": options.track,
    }
    if options_of_file := [name for name, value in needs_file.items() if value]:
        verb = "needs" if len(options_of_file) == 1 else "need"
        raise SettingsError(f"{', '.join(options_of_file)} {verb} a clip: features have no file to show")
    outputs = Outputs([options.features, options.checkpoint], options.overwrite)
    for path in (options.json, options.csv, options.curve):
        if path:
            outputs.claim(path)
    check_windows(options)
    from sec2sec.checkpoints import load_checkpoint
    from sec2sec.datasets.feature_clip import encode_row
    from sec2sec.training.opening import open_as_learned

    model = load_checkpoint(options.checkpoint, options.device)
    clip = encode_row(model, open_as_learned(model, options.features).table, str(options.clip))
    write_results(options, clip, with_windows(options, clip, clip.explain()), MediaLimits())
    return 0


def check_windows(options: argparse.Namespace) -> None:
    """Refuse a window or a hop that cannot be, before the work. Raises ExplanationError."""
    from sec2sec.explanations.windows import whole_seconds

    for value, what in ((options.window, "window"), (options.hop, "hop")):
        if value is not None:
            whole_seconds(value, what)


def with_windows(options: argparse.Namespace, clip: EncodedClip, explanation: Explanation) -> Explanation:
    """The explanation with the curve that the options ask for. Raises SettingsError where there is none to write."""
    from sec2sec.explanations.windows import HOP, curve_steps

    length, hop = explanation.length, options.hop or HOP
    if options.window is None and options.hop is not None and length is None:
        raise SettingsError(f"{clip.model.summary.name}: does not say which lengths it learned from; add --window S")
    window = options.window
    if window is None and options.hop is not None and length is not None and explanation.curve is not None:
        window = length.window
    if window is not None:
        curve = drain_to_terminal(curve_steps(clip.masker, clip.info, window=window, hop=hop))
        explanation = replace(explanation, curve=curve)
    if explanation.curve is None and (options.curve or options.hop):
        known = "" if length is None else f", and the model learned from up to {length.longest} s"
        raise SettingsError(
            f"{clip.info.name}: is predicted in one piece, as it has {clip.info.seconds} s{known}; "
            "add --window S for a curve"
        )
    return explanation


def claim_outputs(options: argparse.Namespace, tracks: Sequence[RatingsFile] = ()) -> None:
    """Decide on every file that will be written, those beside the report included. Raises FileError."""
    inputs = [options.clip, options.checkpoint, *options.seeds, *(file.path for file in tracks)]
    outputs = Outputs(inputs, options.overwrite)
    claim_explanation(outputs, options)
    for path in (options.curve, options.annotate, options.gif, options.figure):
        if path:
            outputs.claim(path)


def write_results(
    options: argparse.Namespace, clip: EncodedClip, explanation: Explanation, limits: MediaLimits
) -> None:
    """Write the files that the options name, then print the explanation."""
    from sec2sec.export.as_json import to_json
    from sec2sec.export.as_text import as_text

    if options.report:
        from sec2sec.viewer.report import write_report

        assert clip.preview is not None, "it was made of a file"

        write_report(
            options.report,
            explanation,
            clip.preview,
            options.clip,
            card=clip.model.card,
            part=(options.start, options.end),
            max_megabytes=report_megabytes(options),
            limits=limits,
        )
    if options.json:  # after the report: it may be the very file beside it, with maps
        value = to_json(explanation, options.maps)
        if options.token_gradients:
            add_token_gradients(value["targets"], clip)
        write_output(options.json, json_bytes(value, indent=None))
    if options.csv:
        from sec2sec.export.as_table import to_csv

        names = [name for name in explanation.targets if name not in explanation.checkpoint.diagnostics]
        write_output(options.csv, to_csv(explanation, names).encode())
    if options.curve:
        from sec2sec.export.curve import curve_csv

        assert explanation.curve is not None, "with_windows() refuses a curve that is not there"
        names = [name for name in explanation.targets if name not in explanation.checkpoint.diagnostics]
        write_output(options.curve, curve_csv(explanation.curve, names, explanation.checkpoint.scales).encode())
    write_films(options, explanation, limits)
    if options.figure:
        write_figure(options.figure, explanation, clip.preview)
    print_result(as_text(explanation), options.csv if options.csv == STDOUT else options.json)


def write_figure(path: Path, explanation: Explanation, preview: Preview | None) -> None:
    """Write the timeline of the targets that people read."""
    from sec2sec.plots.files import figure_bytes
    from sec2sec.plots.timeline import timeline
    from sec2sec.viewer.payload import shown_targets

    waveform = None if preview is None else preview.waveform
    figure = timeline(explanation, shown_targets(explanation, diagnostics=False), waveform=waveform)
    write_output(path, figure_bytes(figure, path.suffix))


def write_films(options: argparse.Namespace, explanation: Explanation, limits: MediaLimits) -> None:
    """Write the annotated film and the GIF where they are asked for."""
    written = {"overlay": options.overlay, "limits": limits}
    if options.annotate:
        from sec2sec.render.annotate import annotate  # moviepy takes half a second to import

        shown = progress_line("Writing the annotated clip")
        annotate(options.clip, explanation, options.annotate, progress=shown, **written)
        show("", last=True)
    if options.gif:
        from sec2sec.render.gif import write_gif

        write_gif(options.clip, explanation, options.gif, progress=progress_line("Writing the GIF"), **written)
        show("", last=True)


def progress_line(words: str) -> Callable[[float], None]:
    """What shows a share that is done on the terminal."""
    return lambda share: show(f"{share:4.0%}  {words}")


def add_token_gradients(targets: dict[str, Any], clip: EncodedClip) -> None:
    """Put {"video": (T, V), "audio": (T, A), "gap"} of each target beside its other figures, in logits."""
    from sec2sec.export.as_json import plain

    if clip.masker.by_second is None:
        raise SettingsError(
            f"{clip.model.summary.name}: {clip.model.system.title} reads no tokens; leave --token-gradients out"
        )
    for name in clip.targets:
        show(f"      Gradients on tokens, {name}")
        targets[name]["token_gradients"] = plain(clip.token_gradients(name))
    show("", last=True)
