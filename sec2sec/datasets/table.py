"""A data set is a table of clips: id, path, one column per target, split, group (film or speaker)."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from sec2sec.config import EncoderConfig
from sec2sec.datasets.clip_files import match_paths
from sec2sec.datasets.groups import DEFAULT_SHARES, deal_groups
from sec2sec.datasets.tracks import RatingTrack
from sec2sec.errors import UserError
from sec2sec.files import file_sha256

TABLE_FILE = "clips.csv"
SPLITS = ("train", "validation", "test")
REQUIRED_COLUMNS = ("id", "path", "group")
NOT_TARGETS = ("id", "path", "split", "group", "level")
GENERATOR = "generator.json"  # lies beside the table of known-truth clips
MAX_ANNOTATION_BYTES = 32 * 1024**2  # of a file of annotations; the largest real one has about 4 MB
MAX_COLUMNS = 1_000  # of a table; each is a target
MAX_OPCODES = 2_000_000  # of a pickle; the largest real one has about 700,000
DELIMITERS = (",", ";", "\t")  # Excel writes semicolons where a comma marks the decimals
DELIMITER_LINE = re.compile(r'"?sep=(.)"?\r?(?=\n|$)')  # Excel's own first line, which is no part of the table
NO_LABEL = ("NA", "N/A", "#N/A")  # as R and Excel write a cell without a value

Kind = Literal["binary", "score"]
ReadTrack = Callable[[], RatingTrack]  # reads it from its files, which may be many and large. Raises DataError


class DataError(UserError):
    """A data set that cannot be used: names the file, the line, what was found and what to do, in one line."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))  # what was found in a file may hold line breaks


@dataclass(frozen=True)
class TableLimits:
    """What is read of a data set's files of annotations before it is refused."""

    clips: float = math.inf  # lines of a table
    file_bytes: int = MAX_ANNOTATION_BYTES
    opcodes: int = MAX_OPCODES  # of a pickle


DEFAULT_LIMITS = TableLimits()


@dataclass(frozen=True)
class Row:
    """One clip. A target without a value (an empty cell) is absent from targets."""

    id: str
    path: Path
    targets: Mapping[str, float]  # 0..1
    split: str
    group: str
    columns: Mapping[str, str] = field(default_factory=dict)  # what else the data set says of it, kept as it stands

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of the clip."""
        return (self.path,)

    def content_sha256(self) -> str:
        """The SHA-256 by which the clip is known, of its content. Raises OSError."""
        return file_sha256(self.path)


@dataclass(frozen=True)
class FeatureSource:
    """What the clips of a table are where they are features: tokens that another program computed."""

    name: str  # what made them, in the words of the table
    encoder: EncoderConfig  # their shapes
    sha256: str  # of the table's file

    def as_json(self) -> dict[str, object]:
        """For a checkpoint: the name, tokens and channels of a second by modality, and the hash of the table."""
        shapes = {modality: list(shape) for modality, shape in self.encoder.shapes.items()}
        return {"name": self.name, **shapes, "table_sha256": self.sha256}


@dataclass(frozen=True)
class Table:
    """The clips of a data set and the names of its targets, in the order of its columns."""

    directory: Path
    targets: tuple[str, ...]
    rows: Sequence[Row]
    kinds: Mapping[str, Kind] = field(default_factory=dict)  # of each target; by the values where left out
    name: str = ""  # as people know the data set; the folder's where left out
    notes: tuple[str, ...] = ()  # sentences to show wherever the data set is named
    features: FeatureSource | None = None  # None: its clips are clips
    drawn: str = ""  # the note that says how splits were drawn; empty where the data set names them
    tracks: Mapping[str, ReadTrack] = field(default_factory=dict)  # what was said over time, by id

    def __post_init__(self) -> None:
        kinds = {target: self.kinds.get(target) or kind_of(self.values(target)) for target in self.targets}
        object.__setattr__(self, "kinds", kinds)
        object.__setattr__(self, "name", self.name or self.directory.absolute().name)

    def split(self, name: str) -> list[Row]:
        """The rows of one split, or of all for "all"."""
        return [row for row in self.rows if name in ("all", row.split)]

    def values(self, target: str, split: str = "all") -> list[float]:
        """The labels of a target in a split; rows without one are left out."""
        return [row.targets[target] for row in self.split(split) if target in row.targets]


def kind_of(values: Iterable[float]) -> Kind:
    """What labels are: binary where all are 0 or 1, else a score from 0 to 1."""
    return "binary" if all(value in (0, 1) for value in values) else "score"


def read_table(
    directory: Path | str,
    limits: TableLimits = DEFAULT_LIMITS,
    split_seed: int = 0,
    split_shares: Sequence[int] = DEFAULT_SHARES,
) -> Table:
    """Read DIR/clips.csv. Paths in it are relative to DIR; a clip without a group is its own. Raises DataError.

    A column of words is no target, and a path that differs from its file's in case or accents alone is that file: the
    notes of the table say so. split_seed, split_shares: of the split by group of a table without a column `split`.
    """
    directory = Path(directory)
    file = directory / TABLE_FILE
    if not file.is_file():
        raise DataError(
            f"{directory}: no {TABLE_FILE} in it; a data set is a folder with a table of clips of that name"
        )
    delimiter, text = delimited_text(file, limits)
    columns, lines = read_cells(file, text, delimiter, REQUIRED_COLUMNS, limits)
    cells_at = dict(lines)
    wordy = word_columns([name for name in columns if name not in NOT_TARGETS], cells_at.values())
    targets = tuple(name for name in columns if name not in (*NOT_TARGETS, *wordy))
    paths = [cells["path"].replace("\\", "/") for cells in cells_at.values()]  # tables written on Windows
    file_of = match_paths(directory, paths)
    rows: list[Row] = []
    places: dict[str, str] = {}
    for (where, cells), path in zip(cells_at.items(), paths, strict=True):
        decimal = "," if delimiter == ";" else "."
        row = table_row(where, cells, directory / file_of.get(path, path), targets, decimal)
        if row.id in places:
            raise DataError(f"{where}: id {row.id!r} stands twice; each clip needs an id of its own")
        places[row.id] = where
        rows.append(row)
    if not rows:
        raise DataError(f"{file}: the table has no clips")
    check_paths(rows, places)
    notes, drawn = [*table_notes(wordy, file_of)], ""
    if "split" not in columns:
        rows = draw_split(file, rows, split_seed, split_shares)
        drawn = drawn_note(rows, split_seed, split_shares)
        notes.append(drawn)
    elif tuple(split_shares) != DEFAULT_SHARES:
        raise DataError(f"{file}: has a column split, so that no split is drawn; leave split_shares out")
    name = ""
    if (directory / GENERATOR).is_file():
        name = "Known-truth clips"
        notes.insert(0, "These clips were generated and their labels planted: they are not people's ratings.")
    return Table(directory, targets, rows, name=name, notes=tuple(notes), drawn=drawn)


def draw_split(file: Path, rows: Sequence[Row], seed: int, shares: Sequence[int]) -> list[Row]:
    """The rows with splits drawn at random over groups, each group whole. Raises DataError for too few groups."""
    sizes = Counter(row.group for row in rows)
    if len(sizes) < len(SPLITS):
        raise DataError(
            f"{file}: has no column split, and a split by group needs at least {len(SPLITS)} groups (films, speakers), "
            f"found {some(sorted(sizes))}; add groups, or a column split with {', '.join(SPLITS)}"
        )
    place_of = deal_groups(sizes, shares, seed)
    return [replace(row, split=SPLITS[place_of[row.group]]) for row in rows]


def drawn_note(rows: Sequence[Row], seed: int, shares: Sequence[int]) -> str:
    """How a split came out that was drawn."""
    clips = Counter(row.split for row in rows)
    groups = {split: len({row.group for row in rows if row.split == split}) for split in SPLITS}
    counts = ", ".join(f"{split} {clips[split]} clips of {groups[split]} groups" for split in SPLITS)
    asked = ":".join(map(str, shares))
    return (
        f"The table names no split, so one was drawn at random, {asked} with split seed {seed}, and no group stands in "
        f"two splits: {counts}."
    )


def delimited_text(file: Path, limits: TableLimits) -> tuple[str, str]:
    """The character between the cells of a table, and its text."""
    data = read_bytes(file, limits)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: cannot be read as a CSV table in UTF-8 ({error}); save it as CSV UTF-8") from error
    stated = DELIMITER_LINE.match(text)
    if stated is None:
        return max(DELIMITERS, key=text.split("\n", 1)[0].count), text
    if stated[1] not in DELIMITERS:
        raise DataError(f"{file}, line 1: sep is {stated[1]!r}; save the table with commas, semicolons or tabs")
    return stated[1], text[stated.end() :]  # the line end stays, so that lines are counted as a person counts them


def word_columns(names: Sequence[str], rows: Collection[Mapping[str, str]]) -> list[str]:
    """The columns that hold words in every cell with a content; none where no other column would be left."""
    wordy = []
    for name in names:
        labels = [cells[name] for cells in rows if cells[name] and cells[name] not in NO_LABEL]
        if labels and all(_is_word(label) for label in labels):
            wordy.append(name)
    return wordy if len(wordy) < len(names) else []


def _is_word(label: str) -> bool:
    """Whether a cell can be no label that was miswritten: it has letters, and no number in any notation."""
    try:
        float(label.replace(",", ".").rstrip("%"))
    except ValueError:
        return any(character.isalpha() for character in label)
    return False


def table_notes(wordy: Sequence[str], file_of: Mapping[str, str]) -> Iterator[str]:
    """What is said of columns that are no targets, and of paths that were taken for others."""
    if wordy:
        ending, holds, is_none = ("s", "hold", "are no targets") if len(wordy) > 1 else ("", "holds", "is no target")
        yield f"The column{ending} {some(wordy)} {holds} words, and so {is_none}: a target is a number from 0 to 1."
    if file_of:
        path, match = next(iter(file_of.items()))
        yield (
            f"{len(file_of)} path{'s differ from their files' if len(file_of) > 1 else ' differs from its file'} in "
            f"upper and lower case or accents alone, first {path[:60]}: {match[:60]} was taken."
        )


def table_row(where: str, cells: Mapping[str, str], path: Path, targets: Sequence[str], decimal: str) -> Row:
    """The clip of one line. where: the line, in words; decimal: what marks decimals. Raises DataError."""
    for name in ("id", "path"):
        if not cells[name]:
            raise DataError(f"{where}: {name} is empty; each clip needs one")
    values = {}
    for name in targets:
        if cells[name] and cells[name] not in NO_LABEL:
            values[name] = _label(where, name, cells[name], decimal)
    split = cells.get("split", SPLITS[0])  # to be drawn, where the table has no such column
    if split not in SPLITS:
        raise DataError(f"{where}: split is {split!r}; expected one of {', '.join(SPLITS)}")
    return Row(cells["id"], path, values, split, cells["group"] or cells["id"])


def _label(where: str, name: str, cell: str, decimal: str) -> float:
    try:
        return number(where, name, cell.replace(decimal, "."), 0, 1)
    except DataError as error:
        raise DataError(
            f"{error}, as in each column but {', '.join(NOT_TARGETS)}; leave the cell empty where there is no label, "
            "or remove a column that is no target"
        ) from None


def check_paths(rows: Sequence[Row], places: Mapping[str, str]) -> None:
    """DataError where one file is two clips: in two splits it would be learned and then tested."""
    seen: dict[Path, Row] = {}
    for row in rows:
        other = seen.setdefault(row.path, row)
        if other is not row:
            what = f"in two splits, {other.split} and {row.split}" if other.split != row.split else "twice"
            raise DataError(
                f"{places[row.id]}: the clip {row.path.name!r} stands {what} (as {other.id!r} and {row.id!r}); "
                "keep one of the lines"
            )


def number(where: str, name: str, label: object, low: float, high: float) -> float:
    """A finite number from low to high out of a label, text or number; DataError otherwise."""
    try:
        value = float(label) if isinstance(label, (str, int, float)) else math.nan
    except (ValueError, OverflowError):
        value = math.nan
    if not low <= value <= high:  # NaN is neither
        text = label if isinstance(label, float) else repr(label)[:60] if _is_short(label) else "too long a number"
        raise DataError(f"{where}: {name} is {text}; expected a number from {low:g} to {high:g}")
    return value


def _is_short(label: object) -> bool:
    """Whether a label can be shown: Python refuses to write whole numbers of thousands of digits."""
    return not isinstance(label, int) or label.bit_length() < 1000


def some(names: Collection[object], limit: int = 8) -> str:
    """The first names of many, for a sentence."""
    listed = [str(name)[:60] for name, _ in zip(names, range(limit), strict=False)]
    return ", ".join(listed) + (f" and {len(names) - limit} more" if len(names) > limit else "") or "none"


def read_bytes(file: Path, limits: TableLimits = DEFAULT_LIMITS) -> bytes:
    """A whole file of annotations; DataError where it cannot be read or is larger than the limit."""
    try:
        with file.open("rb") as opened:
            data = opened.read(limits.file_bytes + 1)
        if len(data) > limits.file_bytes:
            raise DataError(f"{file}: larger than {limits.file_bytes >> 20} MB; this is no file of annotations")
        return data
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{file}: cannot be read ({error}); check that it is there and its permissions") from error


def read_text(file: Path, limits: TableLimits = DEFAULT_LIMITS) -> str:
    """A file of annotations as text: UTF-8, or Windows-1252 as in the older data sets. Raises DataError."""
    data = read_bytes(file, limits)
    for encoding in ("utf-8-sig", "windows-1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")  # which has a character for every byte


def read_cells(
    file: Path, text: str, delimiter: str, needed: Sequence[str], limits: TableLimits = DEFAULT_LIMITS
) -> tuple[list[str], Iterator[tuple[str, dict[str, str]]]]:
    """The columns of a table, and its rows as (where it stands, cells by column), stripped of spaces.

    Blank lines, and empty cells beyond the header's, are passed over. Raises DataError, also while iterating.
    """
    lines = _lines(file, text, delimiter)
    _, columns = next(lines, (0, []))
    while columns and not columns[-1]:
        columns.pop()
    missing = [name for name in needed if name not in columns]
    if missing:
        raise DataError(f"{file}: column {', '.join(missing)} is missing; found {some(columns)}")
    if len(columns) > MAX_COLUMNS:
        raise DataError(f"{file}: {len(columns):,} columns; a table of clips has at most {MAX_COLUMNS:,}")
    if len(set(columns)) < len(columns) or "" in columns:
        twice = next((name for name, n in Counter(columns).items() if n > 1), "")
        raise DataError(f"{file}: the column {twice[:60]!r} stands twice or has no name; name each column once")
    return columns, _rows(file, lines, columns, limits)


def name_first_column(text: str) -> str:
    """A table as R writes it, whose first column holds the names of the rows, with the name `row` for that column."""
    return re.sub(r'^\s*(?:"")?(?=[,;\t])', "row", text, count=1)


def _lines(file: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quoting=csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL,
    )
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise DataError(f"{file}, line {reader.line_num}: cannot be read as a table ({error})") from error


def _rows(
    file: Path, lines: Iterator[tuple[int, list[str]]], columns: Sequence[str], limits: TableLimits
) -> Iterator[tuple[str, dict[str, str]]]:
    for count, (at, cells) in enumerate(lines, start=1):
        if count > limits.clips:
            raise too_many_clips(file, limits)
        while len(cells) > len(columns) and not cells[-1]:
            cells.pop()
        if len(cells) != len(columns):
            raise DataError(
                f"{file}, line {at}: the number of cells differs from the header's: {len(cells)}, not {len(columns)}"
            )
        yield f"{file}, line {at}", dict(zip(columns, cells, strict=True))


def too_many_clips(file: Path, limits: TableLimits) -> DataError:
    """What is said of a file that has more clips than are allowed."""
    return DataError(f"{file}: more than {limits.clips:,} clips, and at most so many are allowed here; use fewer")
