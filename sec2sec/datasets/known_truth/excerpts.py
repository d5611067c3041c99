"""Known-truth clips with their decisive seconds as clips of their own: easier lessons beside the whole ones.

What a second's sound and picture say together is hardly found from whole clips alone: of ten seconds two carry it. A
second alone, with the labels of its clip, says it plainly, to every system through the same table and the same loop.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sec2sec.datasets.known_truth.generate import (
    CLIPS_COLUMNS,
    CLIPS_FILE,
    CLIPS_FOLDER,
    GENERATOR_VERSION,
    MANIFEST_FILE,
    PLANTED_COLUMNS,
    PLANTED_FILE,
    as_csv,
    clip_path,
    render_steps,
    write_whole,
)
from sec2sec.datasets.known_truth.plan import Film, plan_clip
from sec2sec.datasets.known_truth.states import LENGTHS, Plan
from sec2sec.datasets.table import DataError, Row, read_table
from sec2sec.paths import program_paths
from sec2sec.progress import Steps


def make_excerpts(source: Path, directory: Path, workers: int | None = None) -> Steps[int]:
    """A data set of the clips of `source`, where they are, and each decisive second of its training clips, drawn anew.

    Returns the number of excerpts.
    The excerpts are training clips of one second, with the labels and the group of their clip; splits stay as they are.
    Excerpts made before are kept. Raises DataError where source was not made by this version's generator.
    """
    table, made = read_table(source), _settings(source)
    excerpts = [(row, plan) for row in table.split("train") for plan in _excerpts(row, made, source)]
    claim = {**made, "excerpts_of": os.path.relpath(source, directory)}
    _claim(directory, claim)
    missing = [plan for _, plan in excerpts if not clip_path(directory, plan).exists()]
    yield from render_steps(directory, missing, len(excerpts), "excerpts", workers)
    _write_tables(source, directory, table.rows, excerpts)
    return len(excerpts)


def _settings(source: Path) -> dict[str, Any]:
    try:
        made = dict(json.loads((source / MANIFEST_FILE).read_text()))
        if made.get("version") == GENERATOR_VERSION and "excerpts_of" not in made:
            return made
        why = "by another version of the generator, or they are excerpts themselves"
    except (OSError, ValueError, TypeError) as error:
        why = f"by somebody else: {MANIFEST_FILE} cannot be read ({getattr(error, 'strerror', None) or error})"
    raise DataError(f"{source}: its clips were made {why}; make clips with `make-clips` and take those")


def _excerpts(row: Row, made: dict[str, Any], source: Path) -> Iterator[Plan]:
    number = row.id.rpartition("-")[2]
    lengths = tuple(made.get("lengths", LENGTHS))
    settings = made["seed"], int(number) if number.isdecimal() else 0, made["level"], made["neutral"]
    films = [Film(program_paths().examples / name, start, end) for name, start, end in made.get("films", [])]
    plan = plan_clip(*settings, lengths, films)
    if plan.id != row.id:
        raise DataError(f"{source}: {row.id!r} is no clip of its generator; bring its table back")
    for t, second in enumerate(plan.seconds):
        if second.decisive:
            yield replace(plan, id=f"{plan.id}-{t:02}", seconds=(second,))


def _claim(directory: Path, settings: dict[str, Any]) -> None:
    """Make the folder ours. Raises DataError for a folder of something else."""
    manifest = directory / MANIFEST_FILE
    if manifest.exists():
        try:
            before = json.loads(manifest.read_text())
        except ValueError:
            before = None
        if before != settings:
            raise DataError(f"{directory}: holds other clips; choose another folder, or delete this one yourself")
        return
    if directory.is_dir() and any(directory.iterdir()):
        raise DataError(f"{directory}: is not empty; choose another folder")
    (directory / CLIPS_FOLDER).mkdir(parents=True)
    write_whole(manifest, json.dumps(settings, indent=1) + "\n")


def _write_tables(source: Path, directory: Path, rows: Sequence[Row], excerpts: Sequence[tuple[Row, Plan]]) -> None:
    planted = _read(source / PLANTED_FILE)
    at = {(line["id"], int(line["second"])): line for line in planted}
    for row, plan in excerpts:
        planted.append({**at[row.id, int(plan.id.rpartition("-")[2])], "id": plan.id, "second": "0"})
    level = {line["id"]: line.get("level", "") for line in _read(source / CLIPS_FILE)}
    clips = [(row.id, os.path.relpath(row.path, directory), row.split, row) for row in rows]
    clips += [(plan.id, f"{CLIPS_FOLDER}/{plan.id}.mp4", "train", row) for row, plan in excerpts]
    listed = [
        {
            "id": name,
            "path": path,
            **{target: f"{value:g}" for target, value in row.targets.items()},
            "split": split,
            "group": row.group,
            "level": level[row.id],
        }
        for name, path, split, row in clips
    ]
    write_whole(directory / PLANTED_FILE, as_csv(PLANTED_COLUMNS, planted))
    write_whole(directory / CLIPS_FILE, as_csv(CLIPS_COLUMNS, listed))


def _read(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))
