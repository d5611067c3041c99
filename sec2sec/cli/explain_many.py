"""`explain FOLDER` and `explain clips.csv`: many clips into one table, with a page for each and an index."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sec2sec.cli.terminal import drain_to_terminal, list_unusable, list_written
from sec2sec.errors import SettingsError
from sec2sec.extras import require_extra
from sec2sec.outputs import STDOUT

if TYPE_CHECKING:
    from sec2sec.clip import PresentedExplanation
    from sec2sec.config import MediaLimits, TrackChoice
    from sec2sec.many.each import Counts, ExplainOne
    from sec2sec.many.records import RunIdentity
    from sec2sec.many.results import Reports

SOME_FAILED = 3  # exit code: all clips were tried, and some of them could not be used
OF_ONE_CLIP = (
    *("--json", "--curve", "--window", "--hop", "--stability", "--seeds", "--token-gradients"),
    *("--track", "--annotate", "--gif", "--figure", "--overlay"),
)


def run(options: argparse.Namespace, limits: MediaLimits, tracks: TrackChoice) -> int:
    """Explain the clips of a folder or a table with a model of ours."""
    check_options(options)
    from sec2sec.checkpoints import load_checkpoint  # torch
    from sec2sec.many.each import by_model
    from sec2sec.many.records import SHA256
    from sec2sec.many.results import Reports
    from sec2sec.viewer.report import write_report

    model = load_checkpoint(options.checkpoint, options.device)
    part = {"start": options.start, "end": options.end}

    def write(page: Path, explanation: PresentedExplanation, clip: Path) -> None:
        assert explanation.preview is not None, "it was made of a file"
        write_report(
            page,
            explanation,
            explanation.preview,
            clip,
            card=model.card,
            part=(options.start, options.end),
            max_megabytes=options.report_clip or 0.0,
            limits=limits,
        )

    own = model.summary
    identity = identity_of(own.name, SHA256 + own.sha256, own.about, part, tracks)
    reports = Reports(options.report, write) if options.report else None
    explain_one = by_model(model, **part, limits=limits, tracks=tracks)
    return explain_into(options, explain_one, identity, reports, [options.checkpoint])


def explain_into(
    options: argparse.Namespace,
    explain_one: ExplainOne,
    identity: RunIdentity,
    reports: Reports | None,
    models: Sequence[Path] = (),
) -> int:
    """Explain every clip of options.clip, by whatever explains one, into options.csv; the exit code.

    models: folders that are read beside the clips.
    """
    from sec2sec.many.clips import find_clips, table_of
    from sec2sec.many.each import explain_each
    from sec2sec.many.results import Results

    clips = find_clips(options.clip)
    read = [path for path in (table_of(options.clip), *models) if path is not None]
    with Results(options.csv, clips, identity, read, reports=reports, overwrite=options.overwrite) as results:
        try:
            counts = drain_to_terminal(explain_each(clips, explain_one, results))
        except KeyboardInterrupt:
            done = f"{len(results.explained)} of {len(clips)} clips are in {options.csv}"
            print(f"\n{done}; the same command goes on from there", file=sys.stderr)
            raise
    list_unusable([record.reason for record in results.failed])
    print(words_of(counts))
    written = [options.csv, *([results.failed_file] if results.failed else []), *([reports.index] if reports else [])]
    list_written(written)
    return SOME_FAILED if counts.failed else 0


def check_options(options: argparse.Namespace) -> None:
    """Refuse what one clip alone can be asked for. Raises SettingsError, or MissingExtraError for the pages."""
    asked = [name for name in OF_ONE_CLIP if getattr(options, name[2:].replace("-", "_"), None)]
    if asked:
        verb = "is" if len(asked) == 1 else "are"
        what = "a folder" if options.clip.is_dir() else "a table of clips"
        raise SettingsError(f"{options.clip}: is {what}, and {', '.join(asked)} {verb} for one clip; name its file")
    if options.csv is None or options.csv == STDOUT:
        raise SettingsError(f"{options.clip}: many clips need --csv FILE, which grows with each clip")
    if options.report:
        if options.report.suffix.lower() in (".html", ".htm"):
            raise SettingsError(f"{options.report}: --report of many clips is a folder, for an index and their pages")
        require_extra("report", "--report")


def identity_of(
    name: str, version: str, trained_on: str, options: Mapping[str, object], tracks: TrackChoice
) -> RunIdentity:
    """What all rows of the table have in common."""
    from sec2sec.checkpoints import code_version
    from sec2sec.many.records import RunIdentity

    tracks_words = {"video track": tracks.video, "audio track": tracks.audio}
    return RunIdentity(name, version, code_version(), {**options, **tracks_words}, trained_on)


def words_of(counts: Counts) -> str:
    """What came of the clips, in a line."""
    parts = [f"{counts.explained} explained"]
    parts += [f"{counts.reused} explained before"] if counts.reused else []
    parts += [f"{counts.failed} could not be used"] if counts.failed else []
    return f"{counts.total} clips: {', '.join(parts)}"
