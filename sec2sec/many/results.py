"""Where the explanations of many clips go: rows, a record and a page for each, as soon as it is known.

OUT.csv            a row for each clip, target and second
OUT.clips.jsonl    a line for each clip: by it a run goes on where it ended
OUT.failed.csv     the clips that could not be used, and why; only where there are any
DIR/index.html     a line for each clip, which opens its page in DIR/clips/
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sec2sec.errors import FileError
from sec2sec.export.as_table import cell, csv_text, tidy_of_clip
from sec2sec.files import file_sha256, lock_file, safe_name, write_atomically
from sec2sec.many.clips import ClipFile
from sec2sec.many.each import Outcome
from sec2sec.many.index import index_page
from sec2sec.many.records import ClipRecord, RecordsFile, RunIdentity, record_of_target
from sec2sec.many.rows import RowsFile
from sec2sec.outputs import Outputs

if TYPE_CHECKING:
    from sec2sec.clip import PresentedExplanation

SECONDS_BETWEEN_INDEXES = 5.0  # a page of thousands of lines is not written for each of them
REPORTS = "clips"  # folder of the pages, below that of the index
FAILED_HEADS = ["clip", "path", "reason"]
LETTERS_OF_NAME = 60  # of a clip that its page's file begins with

WriteReport = Callable[[Path, "PresentedExplanation", Path], None]  # the page, of what, the clip


@dataclass(frozen=True)
class Reports:
    """Where pages are written, and how."""

    folder: Path
    write: WriteReport

    @property
    def index(self) -> Path:
        """The page with a line for each clip."""
        return self.folder / "index.html"

    def name_of(self, clip: ClipFile) -> str:
        """A clip's page, relative to the index: a name that no other clip has and any disk can hold."""
        known = sha256(clip.name.encode()).hexdigest()[:8]
        return f"{REPORTS}/{safe_name(clip.name)[:LETTERS_OF_NAME]}-{known}.html"


class Results:
    """The files of one run; a context, within which nobody else writes them."""

    def __init__(
        self,
        csv: Path,
        clips: Sequence[ClipFile],
        identity: RunIdentity,
        read: Sequence[Path] = (),
        *,
        reports: Reports | None = None,
        overwrite: bool = False,
    ) -> None:
        """Nothing is written before the context is entered, which raises FileError for what cannot be gone on with.

        read: what the run reads beside the clips, which is never written. overwrite: drop what belongs to another run,
        or to clips that are not among these.
        """
        self.read = read
        self.csv, self.clips, self.identity, self.reports, self.overwrite = csv, clips, identity, reports, overwrite
        self.records_file = RecordsFile(csv.with_suffix(".clips.jsonl"))
        self.failed_file = csv.with_suffix(".failed.csv")
        self.records: dict[str, ClipRecord] = {}
        self._indexed = 0.0  # when
        self._context = ExitStack()

    @property
    def explained(self) -> list[ClipRecord]:
        """The clips whose rows are in the table."""
        return [record for record in self.records.values() if not record.reason]

    @property
    def failed(self) -> list[ClipRecord]:
        """The clips that could not be used."""
        return [record for record in self.records.values() if record.reason]

    def __enter__(self) -> Results:
        outputs = Outputs([*self.read, *(clip.path for clip in self.clips)], self.overwrite)
        for path in (self.csv, self.records_file.path, self.failed_file):
            outputs.claim(path)
        if self.reports is not None:
            (self.reports.folder / REPORTS).mkdir(parents=True, exist_ok=True)
            outputs.claim(self.reports.index)
        self._lock()
        try:
            kept = self._those_that_stand(self._recorded())
            if kept:
                self.rows = RowsFile(self.csv)
                self.rows.keep({cell(name) for name in kept})
            else:
                self.csv.unlink(missing_ok=True)
                self.rows = RowsFile(self.csv)
            self.records = kept
            self.records_file.write(self.identity, list(kept.values()))
        except BaseException:
            self._context.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        with self._context:
            self._write_failed()
            self._write_index()

    def has(self, clip: ClipFile) -> bool:
        """Whether the clip was explained before, as it is now."""
        return clip.name in self.records

    def keep(self, outcome: Outcome) -> None:
        """Write rows, page and record of a clip, the record last. Raises OSError, or FileError for a foreign file."""
        clip, explanation = outcome.clip, outcome.explanation
        path = str(clip.path).encode(errors="replace").decode()
        if explanation is None:
            record = ClipRecord(clip.name, path, outcome.sha256, reason=outcome.reason)
        else:
            shown = [name for name in explanation.targets if name not in explanation.checkpoint.diagnostics]
            report = self._write_report(clip, explanation)
            record = ClipRecord(
                clip.name,
                path,
                outcome.sha256,
                self.rows.add(tidy_of_clip(clip.name, explanation, shown)),
                explanation.clip.duration,
                {name: record_of_target(explanation, name) for name in shown},
                explanation.clip.warnings,
                report,
            )
        self.records_file.add(record)
        self.records[clip.name] = record
        if time.monotonic() - self._indexed > SECONDS_BETWEEN_INDEXES:
            self._write_index()

    def _lock(self) -> None:
        """Keep others out. The lock is on a file of its own: the others are replaced."""
        path = self.csv.with_suffix(".lock")
        file = self._context.enter_context(path.open("ab"))
        if not lock_file(file, wait=False) or not _is_there(path, file):
            self._context.close()
            raise FileError(f"{self.csv}: another run is writing it; wait for its end, or give another name")
        self._context.callback(path.unlink, missing_ok=True)

    def _recorded(self) -> dict[str, ClipRecord]:
        """The clips of the run so far. Raises FileError where it is another run."""
        if not self.records_file.path.exists():
            if self.csv.exists() and self.csv.stat().st_size and not self.overwrite:
                raise FileError(
                    f"{self.csv}: its record {self.records_file.path.name} is missing, so that nobody knows which "
                    "clips are done; give another name, or --overwrite to begin anew"
                )
            return {}
        identity, records = self.records_file.read()
        if difference := identity.difference(self.identity):
            if self.overwrite:
                return {}
            raise FileError(f"{self.csv}: was begun with {difference}; give another name, or --overwrite to begin anew")
        names = {clip.name for clip in self.clips}
        others = [record.clip for record in records.values() if record.clip not in names and not record.reason]
        if others and not self.overwrite:
            more = f" and {len(others) - 1} more" if len(others) > 1 else ""
            raise FileError(
                f"{self.csv}: holds clips that are not given now, {others[0]}{more}; give another name, or --overwrite "
                "to drop them"
            )
        return records

    def _those_that_stand(self, records: dict[str, ClipRecord]) -> dict[str, ClipRecord]:
        """The clips that need not be explained again: the same files, with all their rows and their page."""
        explained = [clip for clip in self.clips if clip.name in records and not records[clip.name].reason]
        if not explained:
            return {}
        rows = RowsFile(self.csv).clips()
        standing = {}
        for clip in explained:
            record = records[clip.name]
            page = self.reports is None or (record.report and (self.reports.folder / record.report).is_file())
            with suppress(OSError):  # a file that is gone is told in its turn
                if page and record.rows == rows[cell(clip.name)] and record.sha256 == file_sha256(clip.path):
                    standing[clip.name] = record
        return standing

    def _write_report(self, clip: ClipFile, explanation: PresentedExplanation) -> str:
        """The page of a clip, relative to the index; empty where none is asked for."""
        if self.reports is None:
            return ""
        name = self.reports.name_of(clip)
        page = self.reports.folder / name
        outputs = Outputs(overwrite=self.overwrite)
        for path in (page, page.with_suffix(".json"), page.with_suffix(".csv")):
            outputs.claim(path)
        self.reports.write(page, explanation, clip.path)
        return name

    def _write_failed(self) -> None:
        rows = [[cell(value) for value in (record.clip, record.path, record.reason)] for record in self.failed]
        if rows:
            write_atomically(self.failed_file, csv_text([FAILED_HEADS, *rows]).encode())
        else:
            self.failed_file.unlink(missing_ok=True)

    def _write_index(self) -> None:
        if self.reports is not None:
            page = index_page([clip.name for clip in self.clips], self.records, self.identity)
            write_atomically(self.reports.index, page.encode())
            self._indexed = time.monotonic()


def _is_there(path: Path, file: IO[bytes]) -> bool:
    """Whether an open file is still the one of that name: whoever held its lock may have removed it meanwhile."""
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    return False
