"""`audit`: any predictor, asked about a clip and edited copies of it."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from sec2sec.cli import explain_many
from sec2sec.cli.options import (
    add_csv,
    add_json,
    add_part,
    add_report,
    check_report,
    claim_explanation,
    print_result,
    report_megabytes,
)
from sec2sec.cli.terminal import show, show_for_good, show_progress
from sec2sec.config import MediaLimits, TrackChoice
from sec2sec.errors import SettingsError
from sec2sec.files import json_bytes
from sec2sec.outputs import STDOUT, Outputs, write_output
from sec2sec.predictors import MAX_SECONDS

if TYPE_CHECKING:
    from sec2sec.clip import PresentedExplanation
    from sec2sec.many.each import ExplainOne
    from sec2sec.predictors.audit import AuditSettings
    from sec2sec.predictors.predictor import Predictor
    from sec2sec.progress import Progress, Steps
    from sec2sec.scales import Scale


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The clip, who is asked, how much, and what is written."""
    parser.add_argument(
        "clip",
        type=Path,
        metavar="CLIP",
        help="a video or sound file; many clips as a folder or a table clips.csv, with --csv",
    )
    add_predictor(parser)
    add_part(parser, MAX_SECONDS)
    output = parser.add_argument_group("output")
    add_json(output, "explanation")
    add_csv(output)
    add_report(output)


def add_predictor(parser: argparse.ArgumentParser) -> None:
    """Who is asked, and how."""
    group = parser.add_argument_group(
        "predictor", "One of the first three. It is asked about edited copies of the clip."
    )
    who = group.add_mutually_exclusive_group(required=True)
    who.add_argument(
        "--command",
        metavar="WORDS",
        help='command that prints one JSON object, such as {"arousal": 0.7}, about the clip whose path replaces '
        "{clip}; it is run without a shell",
    )
    who.add_argument(
        "--url", metavar="URL", help="address that each clip is posted to; it answers with the same object"
    )
    who.add_argument(
        "--python",
        metavar="MODULE:FUNCTION",
        help="function that takes a list of paths and returns a list with a dictionary for each",
    )
    group.add_argument("--name", default="", metavar="NAME", help="name of the predictor (default: as it is called)")
    group.add_argument(
        "--predictor-version",
        default="",
        metavar="V",
        help="version of the predictor: its answers are kept, and asked for again once this changes (default: a hash "
        "of the files that the command names, or of the function's; of a service nothing is kept)",
    )
    group.add_argument(
        "--learned-from", default="", metavar="SENTENCE", help="what it learned from, to be shown with its predictions"
    )
    group.add_argument(
        "--scale",
        action="append",
        default=[],
        metavar="TARGET=LOW:HIGH",
        help="scale of a target that is not counted from 0 to 1; may be repeated",
    )
    group.add_argument(
        "--inputs",
        choices=("files", "arrays"),
        default="files",
        help="what --python takes: paths of files (default), or decoded arrays",
    )
    group.add_argument(
        "--send",
        choices=("file", "path"),
        default="file",
        help="what --url gets: the file as a form (default), or its path as JSON, for a service on this machine",
    )
    asking = parser.add_argument_group("how much is asked")
    asking.add_argument(
        "--budget",
        metavar="N",
        help="largest number of predictions, or a time as 90s, 5m or 1h: what does not fit is left out, and named",
    )
    asking.add_argument(
        "--reference",
        action="append",
        default=[],
        metavar="NAME",
        help="what stands in the place of a second: silence-black, tone-held, tone-blur or silence-average; may be "
        "repeated, and the first one is that of answers and verdicts (default: silence-black, then tone-held)",
    )
    asking.add_argument(
        "--limit", type=float, default=120.0, metavar="S", help="time for the prediction of one clip (default: 120)"
    )
    asking.add_argument(
        "--workers", type=int, default=1, metavar="N", help="number of predictions at a time (default: 1)"
    )
    asking.add_argument(
        "--batch", type=int, default=8, metavar="N", help="number of clips in a list for --python (default: 8)"
    )
    asking.add_argument(
        "--ask-again", action="store_true", help="ask everything again, whatever was answered in an earlier run"
    )


def run(options: argparse.Namespace) -> int:
    """Audit the predictor on the clip; what cannot be written is refused before the work, not after it."""
    from sec2sec.many.clips import is_many  # numpy

    if is_many(options.clip):
        return run_many(options)
    claim_explanation(Outputs([options.clip], options.overwrite), options)
    check_report(options.report)
    from sec2sec.progress import drain

    limits = limits_of(options)
    explanation = drain(auditor_of(options, predictor_of(options), limits)(options.clip), show_asking)
    show("", last=True)
    write_results(options, explanation, limits)
    return 0


def run_many(options: argparse.Namespace) -> int:
    """Audit the predictor on every clip of a folder or a table."""
    explain_many.check_options(options)
    from sec2sec.many.results import Reports

    limits = limits_of(options)
    predictor = predictor_of(options)
    identity, asked = predictor.identity, ("start", "end", "reference", "budget", "scale", "inputs")
    run = explain_many.identity_of(
        identity.name,
        f"version {identity.version or 'not said'}",
        identity.learned_from,
        {name: getattr(options, name) for name in asked},
        TrackChoice(options.video_track, options.audio_track),
    )

    def write(page: Path, explanation: PresentedExplanation, clip: Path) -> None:
        write_page(page, explanation, clip, (options.start, options.end), options.report_clip or 0.0, limits)

    reports = Reports(options.report, write) if options.report else None
    return explain_many.explain_into(options, auditor_of(options, predictor, limits), run, reports)


def limits_of(options: argparse.Namespace) -> MediaLimits:
    """What of a clip is taken."""
    return MediaLimits(max_seconds=options.max_seconds or MAX_SECONDS, max_decoded=options.max_pixels or math.inf)


def auditor_of(options: argparse.Namespace, predictor: Predictor, limits: MediaLimits) -> ExplainOne:
    """What audits one clip, as the options say."""
    from sec2sec.predictors.audit import audit_steps

    settings = settings_of(options)
    choice = TrackChoice(options.video_track, options.audio_track)

    def audit_one(clip: Path) -> Steps[PresentedExplanation]:
        part = {"start": options.start, "end": options.end}
        return audit_steps(clip, predictor, settings, **part, limits=limits, tracks=choice)

    return audit_one


def predictor_of(options: argparse.Namespace) -> Predictor:
    """Who the options name. Raises PredictorError."""
    from sec2sec.predictors.command import CommandPredictor
    from sec2sec.predictors.predictor import FunctionPredictor, identity_of, import_function
    from sec2sec.predictors.service import ServicePredictor

    check_numbers(options)
    said = (options.name, options.predictor_version, options.learned_from)
    asked = {"workers": options.workers, "limit": options.limit}
    if options.command is not None:
        return CommandPredictor(options.command, *said, **asked)
    if options.url is not None:
        return ServicePredictor(options.url, *said, sends=options.send, **asked)
    function = import_function(options.python)
    identity = identity_of(function, *said)
    return FunctionPredictor(function, identity, inputs=options.inputs, batch=options.batch, **asked)


def settings_of(options: argparse.Namespace) -> AuditSettings:
    """How the options want it to be asked. Raises SettingsError or PredictorError."""
    from sec2sec.predictors.audit import AuditSettings
    from sec2sec.predictors.effort import Budget
    from sec2sec.predictors.references import USUAL

    scales = [read_scale(text) for text in options.scale]
    return AuditSettings(
        references=tuple(options.reference) or USUAL,
        budget=None if options.budget is None else Budget.read(options.budget),
        scales={scale.target: scale for scale in scales},
        ask_again=options.ask_again,
    )


def check_numbers(options: argparse.Namespace) -> None:
    """Refuse what cannot be, before the work. Raises SettingsError."""
    for name in ("workers", "batch"):
        if getattr(options, name) < 1:
            raise SettingsError(f"--{name} {getattr(options, name)}: give a number from 1 up")
    if not 0 < options.limit < float("inf"):
        raise SettingsError(f"--limit {options.limit:g}: give a number of seconds")
    if options.inputs == "arrays" and options.python is None:
        raise SettingsError("--inputs arrays: needs --python; commands and services get files")
    if options.send == "path" and options.url is None:
        raise SettingsError("--send path: needs --url")


def read_scale(text: str) -> Scale:
    """TARGET=LOW:HIGH. Raises SettingsError."""
    from sec2sec.scales import Scale

    target, _, ends = text.rpartition("=")
    try:
        lowest, highest = ends.split(":")
        return Scale.read({"target": target, "lowest": lowest, "highest": highest})
    except ValueError as error:
        raise SettingsError(f"--scale {text}: is no scale; give one as loudness=-60:0") from error


def show_asking(progress: Progress) -> None:
    """What it will cost stays on the terminal; how far it is overwrites itself."""
    from sec2sec.predictors.measure import COSTS

    if progress.stage == COSTS:
        show_for_good(progress.message)
    else:
        show_progress(progress)


def write_results(options: argparse.Namespace, explanation: PresentedExplanation, limits: MediaLimits) -> None:
    """Write the files that the options name, then print the explanation."""
    from sec2sec.export.as_json import to_json
    from sec2sec.export.as_table import to_csv
    from sec2sec.export.as_text import as_text

    if options.report:
        part, most = (options.start, options.end), report_megabytes(options)
        write_page(options.report, explanation, options.clip, part, most, limits)
    if options.json:
        write_output(options.json, json_bytes(to_json(explanation), indent=None))
    if options.csv:
        write_output(options.csv, to_csv(explanation, list(explanation.targets)).encode())
    print_result(as_text(explanation), options.csv if options.csv == STDOUT else options.json)


def write_page(
    page: Path,
    explanation: PresentedExplanation,
    clip: Path,
    part: tuple[float, float | None],
    megabytes: float,
    limits: MediaLimits,
) -> None:
    """Write the report of one clip. megabytes: of a clip that goes into the page."""
    from sec2sec.viewer.report import write_report

    assert explanation.preview is not None, "it was made of a file"
    write_report(page, explanation, explanation.preview, clip, part=part, max_megabytes=megabytes, limits=limits)
