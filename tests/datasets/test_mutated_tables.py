"""Broken tables, annotations and pickles, by the thousand: read, or refused in one line, and soon."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from sec2sec.datasets.first_impressions import load_scores
from sec2sec.datasets.open import open_data
from sec2sec.datasets.table import DataError, read_table
from tests.helpers.formats import PYTHON_2, PYTHON_2_TEXT, make_liris
from tests.helpers.fuzzing import mutate

TABLE = "id,path,arousal,calm,split,group\n" + "".join(
    f"c{number},clips/{number}.mp4,{number % 2},0.{number},{split},film{number // 2}\n"
    for number, split in enumerate(["train"] * 6 + ["validation"] * 2 + ["test"] * 2)
)
SHORT_RUN, LONG_RUN = 300, 20_000
Read = Callable[[bytes], object]


def table(folder: Path) -> tuple[list[bytes], Read]:
    """A table of clips, as four programs write it."""

    def read(content: bytes) -> object:
        (folder / "clips.csv").write_bytes(content)
        return read_table(folder)

    comma = TABLE.encode()
    return [
        comma,
        comma.replace(b",", b";"),
        b"\xef\xbb\xbf" + comma.replace(b"\n", b"\r\n"),
        TABLE.encode("utf-16"),
    ], read


def pickled(folder: Path) -> tuple[list[bytes], Read]:
    """Scores of First Impressions, in both protocols of Python 2."""

    def read(content: bytes) -> object:
        (folder / "scores.pkl").write_bytes(content)
        return load_scores(folder / "scores.pkl")

    return [PYTHON_2, PYTHON_2_TEXT], read


def liris(folder: Path) -> tuple[list[bytes], Read]:
    """The description of LIRIS-ACCEDE, in XML."""
    file = make_liris(folder / "liris") / "ACCEDEdescription.xml"

    def read(content: bytes) -> object:
        file.write_bytes(content)
        return open_data(folder / "liris")

    return [file.read_bytes()], read


@pytest.mark.parametrize("kind", [table, pickled, liris])
@pytest.mark.parametrize("count", [SHORT_RUN, pytest.param(LONG_RUN, marks=pytest.mark.slow)])
def test_a_broken_file_of_annotations_is_read_or_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: Callable[[Path], tuple[list[bytes], Read]], count: int
) -> None:
    files, read = kind(tmp_path)
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    for number in range(count):
        began = time.monotonic()
        try:
            read(mutate(number, files))
            outcomes["read"] += 1
        except DataError as error:
            outcomes["refused" if "\n" not in str(error) else f"{number} refused in several lines"] += 1
        slowest = max(slowest, time.monotonic() - began)
    with capsys.disabled() if count == LONG_RUN else nullcontext():
        print(f"\n{kind.__name__}: {count:,} broken files, {dict(outcomes)}, slowest {slowest:.2f} s")
    assert set(outcomes) == {"read", "refused"}, "some are broken and some are not"
    assert slowest < 10
