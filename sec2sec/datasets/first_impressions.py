"""ChaLearn First Impressions: 10,000 clips of people who speak to a camera, rated for five traits (V2 and V1 on disk).

V2 is pickled, and a pickle may call anything. So not even numpy is called here: the few names that its numbers need
stand for functions of this file, every other name is refused, and keys are text (deep tuples as keys crash Python).
"""

from __future__ import annotations

import io
import pickle
import struct
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from sec2sec.datasets.folders import find_files, index_files, lower_suffix
from sec2sec.datasets.table import (
    DEFAULT_LIMITS,
    SPLITS,
    DataError,
    Row,
    Table,
    TableLimits,
    number,
    read_bytes,
    read_cells,
    read_text,
    some,
    too_many_clips,
)

NAME = "First Impressions"
TRAITS = ("extraversion", "agreeableness", "conscientiousness", "neuroticism", "openness")
INTERVIEW = "interview"  # would the person be asked to a job interview; V2 alone
V2 = dict(zip(SPLITS, ("annotation_training.pkl", "annotation_validation.pkl", "annotation_test.pkl"), strict=True))
V1 = dict(zip(SPLITS, ("training_gt.csv", "validation_gt.csv", "test_gt.csv"), strict=True))
COLUMNS = {trait: f"Value{trait.capitalize()}" for trait in TRAITS}
MISSPELT_COLUMN = "ValueNeurotisicm"  # as the V1 files have it
FOLDER_PREFIX = {"train": "train", "validation": "val", "test": "test"}  # how the folders of a split begin, in any case
STABILITY_NOTE = "Neuroticism is scored as emotional stability here: 1 is calm, 0 is anxious."

Scores = dict[str, dict[str, float]]  # of each clip, by target


def read_first_impressions(
    directory: Path | str,
    interview: bool = False,
    limits: TableLimits = DEFAULT_LIMITS,
) -> Table:
    """Read a copy of First Impressions, V2 where its pickles are, else V1. interview: a sixth target. Raises DataError.

    A test file may be absent (it was published later, encrypted); the training and validation files may not.
    """
    directory = Path(directory)
    files = find_files(directory, [*V2.values(), *V1.values()])
    names = V2 if any(name in files for name in V2.values()) else V1
    if interview and names is V1:
        raise DataError(f"{directory}: First Impressions V1 has no interview score; leave it out, or use V2")
    targets = (*TRAITS, INTERVIEW) if interview else TRAITS
    for name in (names["train"], names["validation"]):
        if name not in files:
            raise DataError(
                f"{directory}: {name} of First Impressions not found; copy it there, beside the other files"
            )
    notes = [STABILITY_NOTE]
    if names["test"] not in files:
        notes.append(f"{names['test']} is not there, so the test split is empty.")
    read = _read_pickle if names is V2 else _read_csv
    scores = {
        split: (files[name], read(files[name], targets, limits)) for split, name in names.items() if name in files
    }
    if sum(len(clips) for _, clips in scores.values()) > limits.clips:
        raise too_many_clips(directory, limits)
    files_of = index_files(directory, (".mp4", ".zip"))
    rows = _rows(directory, scores, files_of)
    packed = [name for name in files_of if name.endswith(".zip")]
    if packed and any(lower_suffix(row.path.name) not in files_of for row in rows):
        notes.append(f"{len(packed)} zip files are still packed ({some(packed, 3)}): clips inside are not seen.")
    name = f"{NAME} {'V2' if names is V2 else 'V1'}"
    return Table(directory, targets, rows, dict.fromkeys(targets, "score"), name, tuple(notes))


def speaker(clip: str) -> str:
    """The YouTube id in `<id>.<nnn>.mp4`. Ids hold dots and dashes, so the name is split from the right."""
    pieces = clip.rsplit(".", 2)
    return pieces[0] if len(pieces) == 3 and pieces[1].isdecimal() and pieces[0] else clip.rpartition(".")[0] or clip


def _rows(directory: Path, tables: Mapping[str, tuple[Path, Scores]], files: Mapping[str, Sequence[Path]]) -> list[Row]:
    rows: list[Row] = []
    split_of: dict[str, str] = {}
    for split, (file, scores) in tables.items():
        home = _home(directory, split, [path for clip in scores for path in files.get(clip, ())])
        for clip, values in scores.items():
            other = split_of.setdefault(clip, split)
            if other != split:
                raise DataError(
                    f"{file}: the clip {clip!r} stands in two splits, in {tables[other][0].name} too; keep one of them"
                )
            places = files.get(clip) or [home / clip]
            path = next((place for place in places if _lies_in(place.relative_to(directory), split)), places[0])
            rows.append(Row(clip.removesuffix(".mp4"), path, values, split, speaker(clip)))
    return rows


def _home(directory: Path, split: str, paths: Sequence[Path]) -> Path:
    """Where clips of a split that are missing are looked for: beside most of those that are there.

    Where none is there, in the folder of the split: train, TRAIN, train-1, or the one that it would have.
    """
    folders = Counter(path.parent for path in paths if _lies_in(path.relative_to(directory), split))
    if folders:
        return folders.most_common(1)[0][0]
    named = [path for path in sorted(directory.iterdir()) if path.is_dir() and _lies_in(Path(path.name, "clip"), split)]
    return named[0] if named else directory / FOLDER_PREFIX[split]


def _lies_in(path: Path, split: str) -> bool:
    return any(folder.lower().startswith(FOLDER_PREFIX[split]) for folder in path.parts[:-1])


def _clip_name(where: str, text: str) -> str:
    name = lower_suffix(text.replace("\\", "/").rpartition("/")[2].strip())
    if not name.removesuffix(".mp4"):
        raise DataError(f"{where}: the name of a clip is {text!r}; expected one such as J4GQm9j0JZ0.003.mp4")
    return name if name.endswith(".mp4") else f"{name}.mp4"


def _read_csv(file: Path, targets: Sequence[str], limits: TableLimits) -> Scores:
    text = read_text(file, limits).replace("ValueNeuroticism", MISSPELT_COLUMN, 1)  # corrected in some copies
    columns = {trait: MISSPELT_COLUMN if trait == "neuroticism" else COLUMNS[trait] for trait in targets}
    _, lines = read_cells(file, text, ",", ["VideoName", *columns.values()], limits)
    scores: Scores = {}
    for where, cells in lines:
        clip = _clip_name(where, cells["VideoName"])
        if clip in scores:
            raise DataError(f"{where}: the clip {clip!r} stands twice; keep one of the lines")
        scores[clip] = {trait: number(where, column, cells[column], 0, 1) for trait, column in columns.items()}
    return _not_empty(file, scores)


def _read_pickle(file: Path, targets: Sequence[str], limits: TableLimits) -> Scores:
    """{trait: {clip: score}}, turned round."""
    table = load_scores(file, limits)
    absent = [trait for trait in targets if not isinstance(table.get(trait), dict)]
    if absent:
        raise DataError(f"{file}: no scores of {', '.join(absent)}; found {some(table)}")
    scores: Scores = {}
    for trait in targets:
        for key, value in table[trait].items():
            clip = _clip_name(str(file), key)
            values = scores.setdefault(clip, {})
            if trait in values:
                raise DataError(f"{file}: the clip {clip!r} stands twice under {trait}; keep one of them")
            values[trait] = number(str(file), f"{trait} of {clip!r}", value, 0, 1)
    return _not_empty(file, scores)


def _not_empty(file: Path, scores: Scores) -> Scores:
    if not scores:
        raise DataError(f"{file}: no clips in it; copy the file again")
    return scores


def load_scores(file: Path, limits: TableLimits = DEFAULT_LIMITS) -> dict[str, Any]:
    """A pickled dictionary of numbers and dictionaries with text for keys, written by Python 2 or 3.

    Raises DataError, which names what a pickle asks for beyond that.
    """
    try:
        content = _Numbers(io.BytesIO(read_bytes(file, limits)), file, limits).load()
    except DataError:
        raise
    except Exception as error:  # a damaged pickle can fail in any way
        reason = str(error)[:80] or type(error).__name__
        raise DataError(f"{file}: is no pickled table of scores, or damaged ({reason}); copy it again") from error
    if not isinstance(content, dict):
        raise DataError(f"{file}: holds a {type(content).__name__}; expected scores by trait and clip")
    return content


NUMBER_FORMATS = {"f8": "d", "f4": "f", "f2": "e", "i8": "q", "i4": "i", "i2": "h", "i1": "b"}
NUMBER_FORMATS |= {"u8": "Q", "u4": "I", "u2": "H", "u1": "B", "b1": "?"}


class _Dtype:
    """numpy.dtype of one number, as far as a pickle describes it."""

    __slots__ = ("format",)

    def __init__(self, name: object, *_copy: object) -> None:
        if not isinstance(name, str) or name not in NUMBER_FORMATS:
            raise ValueError(
                f"a number of the type {repr(name)[:20] if isinstance(name, str) else type(name).__name__}"
            )
        self.format = NUMBER_FORMATS[name]

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise ValueError("a number of unknown byte order")
        self.format = ("<" if state[1] in "|=" else state[1]) + self.format[-1]


def _scalar(dtype: object, data: object) -> float | int | bool:
    if not isinstance(dtype, _Dtype) or not isinstance(data, (str, bytes)):
        raise ValueError("a number without its type or bytes")
    raw = data.encode("latin-1") if isinstance(data, str) else data  # Python 2's bytes are read as Latin-1 text
    value: float | int | bool = struct.unpack(dtype.format, raw)[0]
    return value


def _encode(text: object, encoding: object) -> bytes:
    """_codecs.encode, by which Python 3 writes bytes into old pickles."""
    if not isinstance(text, str) or encoding != "latin1":
        raise ValueError("bytes in an unknown encoding")
    return text.encode("latin-1")


ALLOWED_FUNCTIONS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
}


SET_OPCODES = (pickle.EMPTY_SET, pickle.ADDITEMS, pickle.FROZENSET)
EXTENSION_OPCODES = (pickle.EXT1, pickle.EXT2, pickle.EXT4)
BUFFER_OPCODES = (pickle.BYTEARRAY8, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER)


def _counted(step: Callable[..., None]) -> Callable[[_Numbers], None]:
    """A step of a pickle that is refused once there were too many: a file of one byte a step would fill the memory."""

    def run(reader: _Numbers) -> None:
        reader._count()
        step(reader)

    return run


class _Numbers(pickle._Unpickler):
    """Unpickles numbers, text and dictionaries. Python's own unpickler: the one in C can be made to take any memory."""

    dispatch: ClassVar[dict[int, Callable[..., None]]] = dict(pickle._Unpickler.dispatch)
    for _code in (*SET_OPCODES, *EXTENSION_OPCODES, *BUFFER_OPCODES):
        del dispatch[_code[0]]

    def __init__(self, data: io.BytesIO, file: Path, limits: TableLimits) -> None:
        super().__init__(data, encoding="latin1")
        self._file, self._limits = file, limits
        self._opcodes = 0

    def find_class(self, module: str, name: str) -> Any:
        function = ALLOWED_FUNCTIONS.get((module, name))
        if function is None:
            raise DataError(
                f"{self._file}: asks to run {module}.{name}, and scores need nothing but numpy's numbers; "
                "it was not read: do not open it with anything else, and get the file from where it was published"
            )
        return lambda *arguments: function(*arguments)  # a pickle can set attributes of what it gets: of this alone

    def _put(self, target: Any, items: Sequence[Any]) -> None:
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(target, dict) or not isinstance(key, str):
                raise ValueError("a key that is not text")
            if key in target:
                raise DataError(f"{self._file}: {key[:60]!r} stands twice; keep one of them")
            target[key] = value

    def _set_item(self: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._put(self.stack[-1], [key, value])

    def _set_items(self: Any) -> None:
        items = self.pop_mark()
        self._put(self.stack[-1], items)

    def _make_dict(self: Any) -> None:
        items = self.pop_mark()
        self.stack.append({})
        self._put(self.stack[-1], items)

    def _count(self) -> None:
        self._opcodes += 1
        if self._opcodes > self._limits.opcodes:
            raise DataError(
                f"{self._file}: is larger than any table of scores (more than {self._limits.opcodes:,} steps); "
                "use fewer clips, or get the file from where it was published"
            )

    dispatch |= {pickle.SETITEM[0]: _set_item, pickle.SETITEMS[0]: _set_items, pickle.DICT[0]: _make_dict}
    dispatch = {code: _counted(step) for code, step in dispatch.items()}
