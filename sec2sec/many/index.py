"""The page with one line for each clip: sorted and filtered in the browser, without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sec2sec import __version__
from sec2sec.explanations.results import Word
from sec2sec.many.records import ClipRecord, RunIdentity, TargetRecord
from sec2sec.progress import clock
from sec2sec.tables import counted
from sec2sec.viewer import files
from sec2sec.viewer.evidence import SYMBOLS
from sec2sec.viewer.templates import render

STYLE = files.HERE / "clip_index.css"
SCRIPT = files.HERE / "clip_index.js"


@dataclass(frozen=True)
class ClipLine:
    """What the page shows of one clip."""

    record: ClipRecord
    length: str
    targets: list[TargetRecord | None]  # in the order of the page's; None where this clip has none

    @property
    def link(self) -> str:
        """The address of its page; empty where there is none."""
        return self.record.report


def index_page(names: Sequence[str], records: Mapping[str, ClipRecord], identity: RunIdentity) -> str:
    """The page of the clips `names`, as far as they are known."""
    known = [records[name] for name in names if name in records]
    explained = [record for record in known if not record.reason]
    failed = [record for record in known if record.reason]
    targets = list(dict.fromkeys(target for record in explained for target in record.targets))
    lines = [
        ClipLine(record, clock(record.duration), [record.targets.get(target) for target in targets])
        for record in explained
    ]
    waiting = len(names) - len(known)
    return render(
        "clip_index.html",
        title=f"{len(explained)} of {counted(len(names), 'clip')} explained",
        styles=files.style(files.PAGE_STYLE, STYLE),
        foot=f"Made by sec2sec {__version__}. Model {identity.model}, {identity.version}.",
        script=files.script(SCRIPT, "openIndex();"),
        identity=identity,
        targets=targets,
        lines=lines,
        failed=failed,
        waiting=waiting,
        symbols=SYMBOLS,
        verdicts=[word for word in SYMBOLS if any(_has(record, word) for record in explained)],
        noted=any(record.warnings for record in explained),
    )


def _has(record: ClipRecord, word: Word) -> bool:
    return any(target.verdict == word for target in record.targets.values())
