"""Make a suite: a folder with a known-truth folder for each level, the truth of all as one table, and what reads it."""

from __future__ import annotations

import csv
import hashlib
import json
import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sec2sec import __version__
from sec2sec.datasets.known_truth import CLIPS_COLUMNS, LEVELS, Level, make_clips
from sec2sec.datasets.known_truth.generate import GENERATOR_VERSION, MANIFEST_FILE, as_csv
from sec2sec.datasets.known_truth.states import LENGTHS
from sec2sec.datasets.table import DataError
from sec2sec.errors import SettingsError
from sec2sec.evaluation.suite.card import DESCRIPTION, LICENCE_URLS, NAME, Made, card
from sec2sec.evaluation.suite.croissant import croissant
from sec2sec.evaluation.suite.truth import TRUTH_COLUMNS, truth_rows
from sec2sec.files import file_sha256, json_bytes, write_atomically, write_json
from sec2sec.progress import Progress, Steps, clock

MANIFEST, CARD, METADATA, SUMS = "suite.json", "README.md", "croissant.json", "SHA256SUMS"
TRUTH_FILE, CLIPS_FILE = "truth.csv", "clips.csv"
PROGRAMS = ("load.py", "score.py")
SCHEMA = "sec2sec.suite-folder/1"
CLIPS_PER_LEVEL = 100
SHARES = (5, 1, 4)  # of training, validation and test clips: many are there to be explained
HERE = "./"  # the address of a suite that nobody has put anywhere yet: where its croissant.json lies


@dataclass(frozen=True)
class Suite:
    """A suite that is whole. kept: its files that somebody changed, and that were therefore not written again."""

    clips: int
    levels: tuple[Level, ...]
    kept: tuple[str, ...] = ()


def suite_steps(
    directory: Path,
    *,
    clips: int = CLIPS_PER_LEVEL,
    levels: Sequence[Level] = LEVELS,
    seed: int = 0,
    workers: int | None = None,
    shares: tuple[int, int, int] = SHARES,
    lengths: tuple[int, int] = LENGTHS,
    url: str = HERE,
) -> Steps[Suite]:
    """Make what is not there yet. clips: of each level; lengths: of the shortest and the longest clip, in s.

    url: where the suite will be found. Files that a person changed since stay as they are. Raises SettingsError as
    levels_of and make_clips do, DataError for a folder that holds something else.
    """
    directory, levels = Path(directory), levels_of(levels)
    splits = ":".join(map(str, shares))
    settings: dict[str, Any] = {
        "generator": GENERATOR_VERSION,
        "seed": seed,
        "clips": clips,
        "levels": list(levels),
        "splits": splits,
        "lengths": list(lengths),
    }
    manifest = _claim(directory, settings)
    yield from _clip_steps(directory, levels, clips, seed, workers, shares, lengths)
    yield Progress(1, 1, "hashing the clips and writing the tables")
    kept = _write_files(directory, manifest, url)
    return Suite(clips * len(levels), levels, tuple(kept))


def levels_of(names: Sequence[str]) -> tuple[Level, ...]:
    """The levels of some names, each once and in the order of LEVELS. Raises SettingsError."""
    wanted = {name.strip() for name in names}
    if unknown := sorted(wanted - set(LEVELS)):
        raise SettingsError(f"there is no level {', '.join(map(repr, unknown))}; the levels are {', '.join(LEVELS)}")
    return tuple(level for level in LEVELS if level in wanted)


def _claim(directory: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest of the folder, which is ours now. Raises DataError where it holds something else."""
    file = directory / MANIFEST
    if not file.exists():
        ours = [TRUTH_FILE, CLIPS_FILE, CARD, METADATA, SUMS, *PROGRAMS]
        # clips of ours are there where an earlier run was stopped; make_clips compares their settings
        ours += [level for level in LEVELS if not (directory / level / MANIFEST_FILE).is_file()]
        if taken := [name for name in ours if (directory / name).exists()]:
            raise DataError(
                f"{directory}: already has {', '.join(taken)}, which `suite make` did not write; choose another folder"
            )
        return {
            "schema": SCHEMA,
            "settings": dict(settings),
            "made": date.today().isoformat(),
            "files": {},
        }
    try:
        manifest: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        found = {name: manifest["settings"][name] for name in settings}
        kinds = isinstance(manifest["files"], dict) and isinstance(manifest["made"], str)
        known = manifest["schema"] == SCHEMA and kinds
    except (ValueError, TypeError, KeyError):
        known = False
    if not known:
        raise DataError(f"{file}: was not written by `suite make`; choose another folder")
    if found != settings:
        raise DataError(
            f"{directory}: holds a suite made with {_words(found)}, not {_words(settings)}; choose another folder, or "
            "delete this one yourself"
        )
    return manifest


def _words(settings: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {'-'.join(map(str, value)) if isinstance(value, list) else value}" for name, value in settings.items()
    )


def _clip_steps(
    directory: Path,
    levels: Sequence[Level],
    clips: int,
    seed: int,
    workers: int | None,
    shares: tuple[int, int, int],
    lengths: tuple[int, int],
) -> Steps[None]:
    """Render the levels one after another; progress and time left are those of all."""
    total, made, began = clips * len(levels), 0, time.monotonic()
    for number, level in enumerate(levels):
        before: float | None = None
        with closing(make_clips(directory / level, clips, seed, level, 0.0, workers, shares, lengths)) as steps:
            for progress in steps:
                made += 0 if before is None else int(progress.done - before)
                before = progress.done
                done = int(number * clips + progress.done)
                left = (time.monotonic() - began) / made * (total - done) if made else float("nan")
                words = f", {clock(left)} left" if made and done < total else ""
                yield Progress(done, total, f"{done} of {total} clips ({level}){words}", "clips", left)


def _write_files(directory: Path, manifest: dict[str, Any], url: str) -> list[str]:
    """Tables, programs, hashes, card and metadata; returns the names of files that were left as a person changed them.

    The manifest holds the hash of every file as it was written, and for a moment that of its next content as well: so
    a file is known as ours whenever this stops.
    """
    settings = manifest["settings"]
    rows: dict[Level, list[dict[str, str]]] = {level: _clips_of(directory, level) for level in settings["levels"]}
    truth = [
        row
        for level, clips in rows.items()
        for row in truth_rows(directory / level, level, {clip["id"]: clip["split"] for clip in clips})
    ]
    listed = [row | {"path": f"{level}/{row['path']}"} for level, clips in rows.items() for row in clips]
    programs = resources.files("sec2sec.evaluation.suite.files")
    writer = _Writer(directory, manifest)
    writer.write(
        {TRUTH_FILE: as_csv(TRUTH_COLUMNS, truth).encode(), CLIPS_FILE: as_csv(CLIPS_COLUMNS, listed).encode()}
        | {name: (programs / name).read_bytes() for name in PROGRAMS}
    )
    paths = [CLIPS_FILE, TRUTH_FILE, *PROGRAMS, *(row["path"] for row in listed)]
    paths += [f"{level}/{name}" for level in rows for name in ("clips.csv", "planted.csv", "generator.json")]
    sums = "".join(f"{file_sha256(directory / path)}  {path}\n" for path in sorted(paths))
    writer.write({SUMS: sums.encode()})
    made = _made(manifest, rows, file_sha256(directory / SUMS))
    writer.write({CARD: card(made).encode()})
    files = {path: (file_sha256(directory / path), (directory / path).stat().st_size) for path in [CARD, SUMS, *paths]}
    writer.write({METADATA: json_bytes(croissant(_about(made, url), files, settings["levels"]))})
    return writer.kept


class _Writer:
    """Writes files of the suite, but for those that a person changed."""

    def __init__(self, directory: Path, manifest: dict[str, Any]) -> None:
        self.directory, self.manifest, self.kept = directory, manifest, list[str]()

    def write(self, contents: Mapping[str, bytes]) -> None:
        """Write what is new; names of changed files go to `kept`."""
        ours: dict[str, list[str]] = self.manifest["files"]
        for name, content in contents.items():
            path, sha256 = self.directory / name, hashlib.sha256(content).hexdigest()
            there = file_sha256(path) if path.exists() else None
            if there is not None and there not in [*ours.get(name, []), sha256]:
                self.kept.append(name)
                continue
            ours[name] = sorted({sha256, *([there] if there else [])})
            write_json(self.directory / MANIFEST, self.manifest)
            if there != sha256:
                write_atomically(path, content)
            ours[name] = [sha256]
        write_json(self.directory / MANIFEST, self.manifest)


def _clips_of(directory: Path, level: str) -> list[dict[str, str]]:
    with (directory / level / "clips.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _made(manifest: Mapping[str, Any], rows: Mapping[Level, list[dict[str, str]]], sums_sha256: str) -> Made:
    settings = manifest["settings"]
    levels = "" if settings["levels"] == list(LEVELS) else f" --levels {','.join(settings['levels'])}"
    command = f"sec2sec suite make DIR --clips {settings['clips']} --seed {settings['seed']}{levels} --splits "
    versions = {"sec2sec": f"{__version__} (generator {settings['generator']})", "Python": platform.python_version()}
    return Made(
        command=command + settings["splits"],
        date=manifest["made"],
        versions=versions | {"PyAV": version("av"), "numpy": version("numpy")},
        clips={level: dict(Counter(row["split"] for row in clips)) for level, clips in rows.items()},
        seed=settings["seed"],
        sums_sha256=sums_sha256,
    )


def _about(made: Made, url: str) -> dict[str, Any]:
    """What Croissant asks of the whole, in schema.org's words."""
    developers = {"@type": "sc:Organization", "name": "The sec2sec developers"}
    return {
        "name": NAME,
        "description": DESCRIPTION,
        "license": [LICENCE_URLS[licence] for licence in made.licences],
        "url": url,
        "creator": developers,
        "datePublished": made.date,
        "version": f"{GENERATOR_VERSION}.0.0",
        "keywords": ["explainable AI", "audio-visual", "known truth", "affective computing"],
        "citeAs": f"@misc{{sec2sec, author = {{{{The sec2sec developers}}}}, title = {{{{{NAME}}}}}, "
        f"year = {{{made.date[:4]}}}, note = {{sec2sec {__version__}, seed {made.seed}}}}}",
    }
