"""LIRIS-ACCEDE (Baveye et al. 2015): 9,800 excerpts of 160 films, rated for induced valence and arousal.

The binary rule of the paper's table 1 is unpublished, and no simple one gives its shares of "high": so it is an option.
"""

from __future__ import annotations

import re
import statistics
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sec2sec.datasets.folders import find_files, index_files, lower_suffix, usual_folder
from sec2sec.datasets.splits import OFFICIAL_SPLIT, RANDOM_SPLIT, SPLIT_RULES, random_split
from sec2sec.datasets.table import (
    DEFAULT_LIMITS,
    DataError,
    Kind,
    Row,
    Table,
    TableLimits,
    number,
    read_cells,
    read_text,
    too_many_clips,
)

NAME = "LIRIS-ACCEDE"
RANKING, SETS, DESCRIPTION, AFFECT = "ACCEDEranking.txt", "ACCEDEsets.txt", "ACCEDEdescription.xml", "ACCEDEaffect.txt"
REQUIRED_FILES = (DESCRIPTION, RANKING, SETS)
TARGETS = ("valence", "arousal")
MIN_RATING, MAX_RATING = 1.0, 5.0
MAX_RANK = 1e6  # far above the number of clips
SCORES = ("class", "rating", "rank")  # rules that give numbers, not classes
SPLIT_OF = {"1": "train", "2": "validation", "0": "test"}  # learning, validation, test
AFFECT_CLASSES = ("-1", "0", "1")  # MediaEval 2015: negative or calm, neutral, positive or arousing
FILM_PART = re.compile(r"_([0-9]{1,2})_([0-9]{1,2})$")  # older copies name some films in parts: The_Dabbler_1_6.mp4


@dataclass(frozen=True)
class _Clip:
    name: str  # ACCEDE00000.mp4
    ratings: Mapping[str, float]  # of each target, MIN_RATING to MAX_RATING
    ranks: Mapping[str, float]  # of each target, 0 the lowest

    @property
    def id(self) -> str:
        return Path(self.name).stem


def read_liris(
    directory: Path | str,
    rule: str = "median",
    split: str = OFFICIAL_SPLIT,
    seed: int = 0,
    limits: TableLimits = DEFAULT_LIMITS,
) -> Table:
    """Read a copy of LIRIS-ACCEDE. Raises DataError.

    rule: what counts as 1. "median" is above the training median, "mean" at least the training mean, a number at least
    that rating; "class" takes the three classes of MediaEval 2015 as scores 0, .5, 1; "rating" and "rank" take the
    ratings, 1 to 5, and the ranks as scores, scaled to 0..1. One for both targets, or "valence=rating,arousal=median".
    split: official (disjoint in films), or random over clips, as in the paper, with a seed.
    """
    directory = Path(directory)
    rules = parse_rule(rule)
    if split not in SPLIT_RULES:
        raise DataError(f"split is {split!r}; expected one of {', '.join(SPLIT_RULES)}")
    needed = [
        DESCRIPTION,
        RANKING,
        *([SETS] if split == OFFICIAL_SPLIT else []),
        *([AFFECT] if "class" in rules.values() else []),
    ]
    files = find_files(directory, needed)
    absent = [name for name in needed if name not in files]
    if absent:
        raise DataError(
            f"{directory}: {' and '.join(absent)} of {NAME} not found; give the folder with its data and annotations"
        )
    clips = _read_ranking(files[RANKING], limits)
    films = _read_films(files[DESCRIPTION], limits)
    _check_all_in(files[DESCRIPTION], "film", clips, films)
    if split == OFFICIAL_SPLIT:
        sets = _read_column(files[SETS], "set", tuple(SPLIT_OF), limits)
        splits = {clip: SPLIT_OF[value] for clip, value in sets.items()}
        _check_all_in(files[SETS], "set", clips, splits)
    else:
        splits = random_split([clip.name for clip in clips], seed)
    training = [clip for clip in clips if splits[clip.name] == "train"]
    labels: dict[str, dict[str, float]] = {clip.name: {} for clip in clips}
    kinds: dict[str, Kind] = {}
    notes = []
    for target in TARGETS:
        values, note = _label(target, rules[target], clips, training, files, limits)
        kinds[target] = "score" if rules[target] in SCORES else "binary"
        notes.append(note)
        for name, value in values.items():
            labels[name][target] = value
    name = NAME
    if split == RANDOM_SPLIT:
        name = f"{NAME}, random 7:1:2 split, films leak"
        notes.append(
            f"The split is random over clips (7:1:2, seed {seed}), as in the paper: clips of one film stand on both "
            "sides, so that figures on the test split are better than on a film never seen."
        )
    videos = index_files(directory, (".mp4",))
    home = usual_folder(videos, [clip.name for clip in clips], directory / "data")  # of the clips that are missing
    rows = [
        Row(
            clip.id,
            videos.get(clip.name, [home / clip.name])[0],
            labels[clip.name],
            splits[clip.name],
            films[clip.name],
        )
        for clip in clips
    ]
    return Table(directory, TARGETS, rows, kinds, name, tuple(notes))


def parse_rule(text: str) -> dict[str, str]:
    """The rule of each target, from "median" or "valence=3,arousal=median"; DataError for one that is unknown."""
    rules = dict.fromkeys(TARGETS, "median")
    for assignment in text.split(","):
        target, equals, rule = (piece.strip() for piece in assignment.partition("="))
        if not equals:
            target, rule = "", target
        if target not in ("", *TARGETS) or (not target and "," in text):
            raise DataError(f"rule is {text!r}; give one rule, or one a target as in valence=3,arousal=median")
        if rule not in ("median", "mean", *SCORES):
            _check_rating(rule)
        rules.update(dict.fromkeys([target] if target else TARGETS, rule))
    return rules


def _check_rating(rule: str) -> None:
    try:
        number("rule", "rule", rule, MIN_RATING, MAX_RATING)
    except DataError:
        expected = f"median, mean, class, rating, rank or a rating from {MIN_RATING:g} to {MAX_RATING:g}"
        raise DataError(f"rule is {rule!r}; expected {expected}") from None


def _label(
    target: str,
    rule: str,
    clips: Sequence[_Clip],
    training: Sequence[_Clip],
    files: Mapping[str, Path],
    limits: TableLimits,
) -> tuple[dict[str, float], str]:
    """The labels of a target by the name of the clip, and a sentence that says what they mean."""
    if rule == "class":
        classes = _read_column(files[AFFECT], f"{target}Class", AFFECT_CLASSES, limits)
        values = {clip.name: (int(classes[clip.name]) + 1) / 2 for clip in clips if clip.name in classes}
        return values, f"{target} is the class of MediaEval 2015 as a score: 0 low, 0.5 neutral, 1 high."
    if rule == "rating":
        scaled = {c.name: (c.ratings[target] - MIN_RATING) / (MAX_RATING - MIN_RATING) for c in clips}
        return scaled, f"{target} is its rating, {MIN_RATING:g} to {MAX_RATING:g}, scaled to 0..1."
    if rule == "rank":
        highest = max(clip.ranks[target] for clip in clips) or 1.0
        return {
            c.name: c.ranks[target] / highest for c in clips
        }, f"{target} is its rank among all clips, 0 lowest, 1 highest."
    if rule in ("median", "mean") and not training:
        raise DataError(
            f"{files[RANKING]}: no clip of it is for training, so there is no training {rule}; give a number"
        )
    ratings = [clip.ratings[target] for clip in training]
    if rule == "median":
        cut = statistics.median(ratings)
        high = {clip.name: float(clip.ratings[target] > cut) for clip in clips}
        return high, f"{target} is 1 where its rating is above the training median, {cut:.3f}."
    cut = statistics.fmean(ratings) if rule == "mean" else float(rule)
    high = {clip.name: float(clip.ratings[target] >= cut) for clip in clips}
    return (
        high,
        f"{target} is 1 where its rating is at least {'the training mean, ' if rule == 'mean' else ''}{cut:.4g}.",
    )


def _read_ranking(file: Path, limits: TableLimits) -> list[_Clip]:
    columns = {target: f"{target}Value" for target in TARGETS}
    ranks = {target: f"{target}Rank" for target in TARGETS}
    _, lines = read_cells(file, read_text(file, limits), "\t", ["name", *columns.values(), *ranks.values()], limits)
    clips, seen = [], set()
    for where, cells in lines:
        name = _clip_name(where, cells["name"])
        clip = _Clip(
            name,
            {t: number(where, column, cells[column], MIN_RATING, MAX_RATING) for t, column in columns.items()},
            {t: number(where, column, cells[column], 0, MAX_RANK) for t, column in ranks.items()},
        )
        if clip.id in seen:
            raise DataError(f"{where}: the clip {name!r} stands twice; keep one of the lines")
        seen.add(clip.id)
        clips.append(clip)
    if not clips:
        raise DataError(f"{file}: no clips in it; copy the file again")
    return clips


def _read_column(file: Path, column: str, allowed: Sequence[str], limits: TableLimits) -> dict[str, str]:
    """One column by the name of the clip. DataError for a value that is not allowed, or a clip with two."""
    _, lines = read_cells(file, read_text(file, limits), "\t", ["name", column], limits)
    value_of: dict[str, str] = {}
    for where, cells in lines:
        name, value = _clip_name(where, cells["name"]), cells[column]
        if value not in allowed:
            raise DataError(f"{where}: {column} is {value!r}; expected one of {', '.join(allowed)}")
        if name in value_of:
            what = "twice" if value_of[name] == value else f"in two {column}s, {value_of[name]} and {value}"
            raise DataError(f"{where}: the clip {name!r} stands {what}; keep one of the lines")
        value_of[name] = value
    return value_of


def _read_films(file: Path, limits: TableLimits) -> dict[str, str]:
    """The film of each clip. Raises DataError."""
    text = re.sub(
        r"^\s*<\?xml.*?\?>", "", read_text(file, limits), count=1, flags=re.S
    )  # what it declares is often untrue
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise DataError(f"{file}: declares entities, which can blow up; remove the lines that begin with <!")
    try:
        root = ET.fromstring(text)
    except (ET.ParseError, ValueError) as error:
        raise DataError(f"{file}: is not well-formed XML ({error}); copy the file again") from error
    films: dict[str, str] = {}
    for media in (element for element in root.iter() if _tag(element) == "media"):
        fields = {_tag(element): (element.text or "").strip() for element in media}
        where = f"{file}, media {fields.get('id', '?')}"
        if not fields.get("movie"):
            raise DataError(f"{where}: it has no <movie>; without the film nobody can tell whether the splits share it")
        name, film = _clip_name(where, fields.get("name", "")), Path(_base(fields["movie"])).stem
        numbered = FILM_PART.search(film)
        if numbered and 1 <= int(numbered[1]) <= int(numbered[2]):
            film = film[: numbered.start()]
        if films.setdefault(name, film) != film:
            raise DataError(f"{where}: the clip {name!r} comes from two films, {films[name]!r} and {film!r}; keep one")
        if len(films) > limits.clips:
            raise too_many_clips(file, limits)
    return films


def _check_all_in(file: Path, what: str, clips: Sequence[_Clip], values: Mapping[str, str]) -> None:
    absent = [clip.name for clip in clips if clip.name not in values]
    if absent:
        raise DataError(
            f"{file}: no {what} for {len(absent)} of the {len(clips)} clips of {RANKING}, first {absent[0]}; "
            "use the files of one release"
        )


def _tag(element: ET.Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _base(name: str) -> str:
    """A name without the folders that some copies put before it, written on Windows or elsewhere."""
    return name.replace("\\", "/").rpartition("/")[2].strip()


def _clip_name(where: str, text: str) -> str:
    name = lower_suffix(_base(text))
    if not name or name.startswith("."):
        raise DataError(f"{where}: the name of the clip is {text!r}; expected one such as ACCEDE00000.mp4")
    return name if Path(name).suffix else f"{name}.mp4"
