"""What a data set holds, before anybody trains on it: counts, missing and damaged files, labels, leaks, durations."""

from __future__ import annotations

import math
import os
import statistics
import struct
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sec2sec.datasets.beside import column_lines, count_columns, summarise_tracks, track_lines
from sec2sec.datasets.feature_table import FeatureRow
from sec2sec.datasets.splits import obstacles, shared_groups
from sec2sec.datasets.stills import is_picture, read_picture
from sec2sec.datasets.table import SPLITS, DataError, Kind, Row, Table, some
from sec2sec.media import MediaError, open_clip
from sec2sec.metrics import TrainingLabels, baseline_words, measure
from sec2sec.progress import Progress, Steps

SCHEMA = "sec2sec.data/1"
MAX_LISTED = 20  # names of each sort in a report; the count is always whole
MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"mfra", b"sidx", b"styp", b"meta", b"uuid")


@dataclass(frozen=True)
class Probe:
    """What a quick look at one clip found: its header, its first picture and sound, and whether the file is whole."""

    problem: str | None = None  # why it cannot be used
    missing: bool = False
    seconds: float | None = None
    has_audio: bool = True
    has_video: bool = True
    sha256: str = ""


@dataclass(frozen=True)
class Excerpt:
    """Many things, of which the first are listed."""

    count: int
    listed: list[Any]

    @classmethod
    def of(cls, things: Sequence[Any]) -> Excerpt:
        """The first MAX_LISTED of some things."""
        return cls(len(things), list(things[:MAX_LISTED]))


@dataclass(frozen=True)
class Report:
    """What was found in a data set; figures of an empty split are absent."""

    name: str
    directory: str
    probed: bool  # whether the clips were opened; else files are only looked for
    notes: list[str]
    problems: list[str]  # what stands against training or believing the figures, a sentence each
    splits: dict[str, dict[str, Any]]  # clips, groups, missing, damaged, no_sound, no_picture, seconds
    targets: dict[str, dict[str, Any]]  # kind; splits: labels and what they are; trivial: what needs no model
    groups_shared: Excerpt  # {"group", "splits"}
    same_content: Excerpt  # lists of ids whose files are identical
    missing: Excerpt  # {"id", "path"}
    damaged: Excerpt  # {"id", "path", "problem"}
    columns: dict[str, dict[str, Any]]  # what is kept of a clip beside its targets: clips, values, counts
    tracks: dict[str, Any]  # ratings over time: clips, seconds, rates, values; problems: {"id", "problem"}
    schema: str = field(default=SCHEMA)

    def as_json(self) -> dict[str, Any]:
        """The report for a JSON file, which begins with what it is."""
        return {"schema": self.schema, **asdict(self)}

    def as_text(self) -> str:
        """The report for a terminal."""
        return "\n".join(_text(self))


def report_steps(table: Table, probe: bool = True, workers: int | None = None) -> Steps[Report]:
    """Look through a data set. probe: open each clip too (reads every file once, decodes its first picture).

    workers: threads, one per core if None.
    """
    probes, clips = {}, len(table.rows)
    for done, (row, result) in enumerate(_probe_all(table.rows, probe, workers), start=1):
        probes[row.id] = result
        yield Progress(done, clips, f"{done} of {clips} clips")
    missing = [{"id": row.id, "path": str(row.path)} for row in table.rows if probes[row.id].missing]
    damaged = [
        {"id": row.id, "path": str(row.path), "problem": probes[row.id].problem}
        for row in table.rows
        if probes[row.id].problem and not probes[row.id].missing
    ]
    shared = shared_groups(table)
    same = _same_content(table.rows, probes)
    return Report(
        name=table.name,
        directory=str(table.directory),
        probed=probe,
        notes=list(table.notes),
        problems=_problems(table, len(missing), len(damaged), shared, same),
        splits={split: _count(table.split(split), probes) for split in (*SPLITS, "all")},
        targets={target: _labels(table, target) for target in table.targets},
        groups_shared=Excerpt.of([{"group": group, "splits": list(names)} for group, names in shared.items()]),
        same_content=Excerpt.of([[row.id for row in rows] for rows in same]),
        missing=Excerpt.of(missing),
        damaged=Excerpt.of(damaged),
        columns=count_columns(table),
        tracks=summarise_tracks(table, MAX_LISTED) if probe else {},
    )


def _probe_all(rows: Sequence[Row], probe: bool, workers: int | None) -> Iterator[tuple[Row, Probe]]:
    if not probe:
        yield from ((row, _missing(row)) for row in rows)
        return
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        try:
            yield from zip(rows, pool.map(probe_row, rows), strict=True)
        finally:
            pool.shutdown(cancel_futures=True)


def _missing(row: Row) -> Probe:
    return Probe() if all(path.is_file() for path in row.files) else Probe("there is no such file", missing=True)


def probe_row(row: Row) -> Probe:
    """A quick look at a clip, or all of its features; never raises for what a file holds."""
    absent = _missing(row)
    if absent.missing:
        return absent
    if is_picture(row.path):
        return _probe_picture(row)
    if not isinstance(row, FeatureRow):
        return probe_clip(row.path)
    try:
        row.read()
    except DataError as error:
        return Probe(str(error))
    return Probe(None, False, row.seconds, "audio" in row.arrays, "video" in row.arrays, row.content_sha256())


def probe_clip(path: Path) -> Probe:
    """A quick look at one clip; never raises for what a file holds."""
    try:
        short = missing_bytes(path)
        if short:
            return Probe(f"{path.name}: cut short, at least {short:,} bytes are missing at its end; copy it again")
        clip = open_clip(path)
    except (MediaError, OSError) as error:
        return Probe(str(error))
    seconds = clip.duration if math.isfinite(clip.duration) else None
    return Probe(None, False, seconds, clip.has_audio, clip.has_video, clip.sha256)


def _probe_picture(row: Row) -> Probe:
    try:
        read_picture(row.path)
        return Probe(has_audio=False, sha256=row.content_sha256())
    except (DataError, OSError) as error:
        return Probe(str(error))


def missing_bytes(path: Path) -> int:
    """How much an MP4 or MOV file lacks of what its boxes (ISO 14496-12, 4.2) declare; 0 for other files. OSError.

    A copy that broke off often opens and plays, so that only its boxes tell.
    """
    size, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while at < size:
            file.seek(at)
            head = file.read(16)
            if head[4:8] not in MP4_BOXES or (at == 0 and head[4:8] != b"ftyp"):
                return 0  # another format, or something that a program has put behind the boxes
            length = int(struct.unpack(">I", head[:4])[0])
            if length == 1 and len(head) == 16:  # a box of more than 4 GB
                length = int(struct.unpack(">Q", head[8:])[0])
            if length < 8:  # 0: the box reaches to the end; else no box at all
                return 0
            at += length
    return at - size


def _count(rows: Sequence[Row], probes: dict[str, Probe]) -> dict[str, Any]:
    own = [probes[row.id] for row in rows]
    seconds = sorted(probe.seconds for probe in own if probe.seconds is not None)
    opened = [probe for probe in own if probe.problem is None]
    return {
        "clips": len(rows),
        "groups": len({row.group for row in rows}),
        "missing": sum(probe.missing for probe in own),
        "damaged": sum(probe.problem is not None and not probe.missing for probe in own),
        "no_sound": sum(not probe.has_audio for probe in opened),
        "no_picture": sum(not probe.has_video for probe in opened),
        "seconds": {
            "min": seconds[0],
            "median": statistics.median(seconds),
            "max": seconds[-1],
            "total": math.fsum(seconds),
        }
        if seconds
        else None,
    }


def _labels(table: Table, target: str) -> dict[str, Any]:
    """A target's labels in each split, and the figures that need no model, made from the training labels."""
    kind = table.kinds[target]
    training = table.values(target, "train")
    splits: dict[str, Any] = {}
    trivial: dict[str, Any] = {}
    for split in SPLITS:
        values = table.values(target, split)
        splits[split] = {"labels": len(values)}
        if not values:
            continue
        mean = statistics.fmean(values)
        if kind == "binary":
            splits[split] |= {"positive": mean}
        else:
            splits[split] |= {"mean": mean, "sd": statistics.pstdev(values), "min": min(values), "max": max(values)}
        if training and split != "train":
            trivial[split] = _trivial(kind, values, training)
    return {"kind": kind, "splits": splits, "trivial": trivial}


def _trivial(kind: Kind, values: Sequence[float], training: Sequence[float]) -> dict[str, Any]:
    """Figures of always giving one answer, made from the training labels; of scores their mean or median."""
    if kind == "binary":
        labels = np.array(values)
        trivial: dict[str, Any] = measure(TrainingLabels.of(kind, np.array(training)), labels, labels)["trivial"]
        return trivial
    answers = {"training_mean": statistics.fmean(training), "training_median": statistics.median(training)}
    return {
        name: {"answer": answer, "mean_accuracy": 1 - statistics.fmean(abs(value - answer) for value in values)}
        for name, answer in answers.items()
    }


def _same_content(rows: Sequence[Row], probes: dict[str, Probe]) -> list[list[Row]]:
    by_hash: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if probes[row.id].sha256:
            by_hash[probes[row.id].sha256].append(row)
    return [same for same in by_hash.values() if len(same) > 1]


def _problems(
    table: Table, missing: int, damaged: int, shared: dict[str, tuple[str, ...]], same: list[list[Row]]
) -> list[str]:
    problems = [f"{text[:1].upper()}{text[1:]}." for text in obstacles(table)]
    if pictures := sum(is_picture(row.path) for row in table.rows):
        problems.append(
            f"{pictures} of its clips are pictures, which have no seconds; write clips of them with "
            "`sec2sec data DIR --stills OUT`, and train on OUT."
        )
    if not table.split("test"):
        problems.append("The split test is empty, so nothing can be said about clips never seen.")
    for target in table.targets:
        for split in ("validation", "test"):
            values = table.values(target, split)
            if values and table.kinds[target] == "binary" and len(set(values)) == 1:
                problems.append(
                    f"{target} has one class only in the split {split}: it has no AUROC, and F1 says little."
                )
    if missing:
        problems.append(f"Missing: {missing} of {len(table.rows)} clips; left out.")
    if damaged:
        problems.append(f"Damaged: {damaged} of {len(table.rows)} clips; left out.")
    if shared:
        pairs = Counter(splits for splits in shared.values())
        where = ", ".join(f"{count} in {' and '.join(splits)}" for splits, count in pairs.most_common())
        problems.append(
            f"Groups (films or speakers) in more than one split: {len(shared)} ({where}); "
            "figures are better than for a film or speaker never seen."
        )
    across = [rows for rows in same if len({row.split for row in rows}) > 1]
    if across:
        problems.append(
            f"Identical files in two splits: {len(across)}, first {some([row.id for row in across[0]])}; keep one."
        )
    return problems


def _text(report: Report) -> Iterator[str]:
    yield f"{report.name}: {report.directory}"
    yield from (f"  {note}" for note in report.notes)
    yield ""
    yield from _split_lines(report)
    for target, about in report.targets.items():
        yield from ("", *_target_lines(target, about))
    if report.columns:
        yield from ("", "Kept beside the targets:", *column_lines(report.columns))
    if report.tracks:
        yield from ("", *track_lines(report.tracks))
    excerpts = (
        ("Groups in more than one split", report.groups_shared, lambda x: f"{x['group']} ({', '.join(x['splits'])})"),
        ("Identical files", report.same_content, ", ".join),
        ("Missing", report.missing, lambda x: x["path"]),
        ("Cannot be used", report.damaged, lambda x: x["problem"]),
    )
    for title, excerpt, words in excerpts:
        if excerpt.count:
            yield from ("", f"{title}: {excerpt.count:,}", *(f"  {words(item)}" for item in excerpt.listed))
            if excerpt.count > len(excerpt.listed):
                yield f"  and {excerpt.count - len(excerpt.listed):,} more"
    if report.problems:
        yield from ("", "To know before training:", *(f"- {text}" for text in report.problems))


def _split_lines(report: Report) -> Iterator[str]:
    """A table with a line per split."""
    columns = ("clips", "groups", "missing", "damaged", "no sound", "no picture")
    yield f"{'split':<11}" + "".join(f"{name:>11}" for name in columns) + f"{'seconds (median)':>24}{'hours':>7}"
    for split, counts in report.splits.items():
        cells = "".join(f"{counts[name.replace(' ', '_')]:>11,}" for name in columns)
        times = counts["seconds"]
        span = f"{times['min']:.1f} to {times['max']:.1f} ({times['median']:.1f})" if times else ""
        hours = f"{times['total'] / 3600:.2f}" if times else ""
        yield f"{split:<11}{cells}{span:>24}{hours:>7}".rstrip()
    if not report.probed:
        yield "The clips were not opened: damage, sound, picture and durations are unknown."


def _target_lines(target: str, about: dict[str, Any]) -> Iterator[str]:
    """What the labels of a target are, and what needs no model."""
    yield f"{target}: {'1 or 0' if about['kind'] == 'binary' else 'a score from 0 to 1'}"
    for split, labels in about["splits"].items():
        yield f"  {split:<10}{labels['labels']:>10,} labels  {_figures(labels)}".rstrip()
    for split, baselines in about["trivial"].items():
        for name, values in baselines.items():
            yield f"  trivial on {split}: {baseline_words(name)}: {_figures(values)}"


def _figures(values: dict[str, float]) -> str:
    words = {"positive": "share of 1", "sd": "sd"}
    return "  ".join(
        f"{words.get(name, name.replace('_', ' '))} {value:.3f}" for name, value in values.items() if name != "labels"
    )
