"""Small folders in the exact on-disk formats of LIRIS-ACCEDE and First Impressions, and damage done to them."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

from hypothesis import strategies as st

from sec2sec.datasets.first_impressions import TRAITS
from sec2sec.datasets.table import Table

# LIRIS-ACCEDE: (film, valence, arousal, set) of each clip
FILMS = ("20_Mississippi", "L_Éternité", "The_Dabbler", "Sintel", "Decay")
LIRIS = [
    (0, 1.4, 1.4, 1),
    (0, 3.0, 2.5, 1),
    (1, 3.2, 2.1, 1),
    (1, 2.5, 4.4, 1),
    (2, 2.0, 3.0, 2),
    (2, 3.5, 2.0, 2),
    (3, 2.8, 2.6, 0),
    (3, 1.5, 3.5, 0),
    (4, 3.1, 1.5, 0),
]


def make_liris(folder: Path, clips: list[Path] | None = None) -> Path:
    """A folder as LIRIS-ACCEDE-data.zip and LIRIS-ACCEDE-annotations.zip unpack, in Latin-1 with DOS line ends."""
    (folder / "data").mkdir(parents=True)
    notes = folder / "annotations"
    notes.mkdir()
    names = [f"ACCEDE{i:05d}.mp4" for i in range(len(LIRIS))]
    for name, clip in zip(names, clips or [], strict=False):
        shutil.copy(clip, folder / "data" / name)
    media = "".join(
        f"  <media>\r\n    <id>{i}</id>\r\n    <name>{name}</name>\r\n"
        f"    <license>{FILMS[film]} shared under CC BY-NC 3.0 at http://vimeo.com/20043857</license>\r\n"
        f"    <movie>{FILMS[film]}.mp4</movie>\r\n    <start>833</start>\r\n    <end>1094</end>\r\n  </media>\r\n"
        for i, (name, (film, *_)) in enumerate(zip(names, LIRIS, strict=True))
    )
    text = f'<?xml version="1.0" encoding="UTF-8"?>\r\n<library>\r\n{media}</library>\r\n'
    (folder / "ACCEDEdescription.xml").write_bytes(text.encode("latin-1"))
    columns = ("valenceRank", "arousalRank", "valenceValue", "arousalValue", "valenceVariance", "arousalVariance")
    lines = ["\t".join(("id", "name", *columns)) + " "]
    lines += [f"{i}\t{n}\t{i}\t{i}\t{v:.9f}\t{a:.9f}\t0.1\t0.2 " for i, (n, (_, v, a, _)) in zipped(names)]
    (notes / "ACCEDEranking.txt").write_bytes("\r\n".join([*lines, ""]).encode())
    lines = ["id\tname\tset", *(f"{i}\t{name}\t{kind}" for i, (name, (*_, kind)) in zipped(names))]
    (notes / "ACCEDEsets.txt").write_bytes("\r\n".join([*lines, ""]).encode())
    lines = ["id\tname\tvalenceClass\tarousalClass"]
    lines += [f"{i}\t{name}\t{i % 3 - 1}\t{(i + 1) % 3 - 1}" for i, (name, _) in zipped(names)]
    (notes / "ACCEDEaffect.txt").write_bytes("\r\n".join([*lines, ""]).encode())
    return folder


def zipped(names: list[str]) -> enumerate:
    return enumerate(zip(names, LIRIS, strict=True))


def change(file: Path, old: str, new: str) -> None:
    """Replace text in a file that must hold it."""
    data = file.read_bytes()
    assert old.encode("latin-1") in data
    file.write_bytes(data.replace(old.encode("latin-1"), new.encode("latin-1"), 1))


def labels(table: Table, target: str) -> list[float | None]:
    return [row.targets.get(target) for row in table.rows]


def damaged(data: st.DataObject, whole: bytes) -> bytes:
    """A file with a piece replaced by other bytes."""
    first = data.draw(st.integers(0, len(whole)))
    last = data.draw(st.integers(first, min(len(whole), first + 40)))
    return whole[:first] + data.draw(st.binary(max_size=12)) + whole[last:]


# First Impressions
# Written by Python 2.7 with numpy 1.16: pickle.dumps({trait: {clip: numpy.float64}}, 2), and the same with protocol 0
PYTHON_2 = (
    b"\x80\x02}q\x00(U\tinterviewq\x01}q\x02U\x13J4GQm9j0JZ0.003.mp4q\x03cnumpy.core.multiarray\nscalar\nq\x04cnumpy\n"
    b"dtype\nq\x05U\x02f8q\x06K\x00K\x01\x87q\x07Rq\x08(K\x03U\x01<q\tNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\nb"
    b"U\x08\x00\x00\x00\x00\x00\x00\xe0?q\x0b\x86q\x0cRq\rsU\x0cextraversionq\x0e}q\x0f(h\x03h\x04h\x08"
    b"U\x08\xce\xa3\xe5\xe0f\xbf\xe0?q\x10\x86q\x11Rq\x12U\x13-AmMDnVl4s8.003.mp4q\x13h\x04h\x08"
    b"U\x08\x9a\x99\x99\x99\x99\x99\xb9?q\x14\x86q\x15Rq\x16uu."
)
PYTHON_2_TEXT = (
    b"(dp0\nS'interview'\np1\n(dp2\nS'J4GQm9j0JZ0.003.mp4'\np3\ncnumpy.core.multiarray\nscalar\np4\n(cnumpy\ndtype\np5\n"
    b"(S'f8'\np6\nI0\nI1\ntp7\nRp8\n(I3\nS'<'\np9\nNNNI-1\nI-1\nI0\ntp10\nbS'\\x00\\x00\\x00\\x00\\x00\\x00\\xe0?'\np11\n"
    b"tp12\nRp13\nssS'extraversion'\np14\n(dp15\ng3\ng4\n(g8\nS'\\xce\\xa3\\xe5\\xe0f\\xbf\\xe0?'\np16\ntp17\nRp18\n"
    b"sS'-AmMDnVl4s8.003.mp4'\np19\ng4\n(g8\nS'\\x9a\\x99\\x99\\x99\\x99\\x99\\xb9?'\np20\ntp21\nRp22\nss."
)
SCORES = {
    "interview": {"J4GQm9j0JZ0.003.mp4": 0.5},
    "extraversion": {"J4GQm9j0JZ0.003.mp4": 0.523364485981, "-AmMDnVl4s8.003.mp4": 0.1},
}
NAMES = {
    "training": ["J4GQm9j0JZ0.003.mp4", "-AmMDnVl4s8.003.mp4", "a.b-c_1.000.mp4", "a.b-c_1.001.mp4"],
    "validation": ["_uNup91ZYw0.002.mp4", "zEyRyTnIw5I.005.mp4"],
    "test": ["2d6btbaNdfo.000.mp4", "_uNup91ZYw0.004.mp4"],
}


def python_2_pickle(table: dict[str, dict[str, float]]) -> bytes:
    """What Python 2's pickle writes (protocol 2) for numbers of numpy.float64."""
    out, kept = [b"\x80\x02"], {}

    def put(key: object = None) -> None:
        out.append(b"q" + bytes([at]) if (at := len(kept)) < 256 else b"r" + struct.pack("<I", at))
        kept[at if key is None else key] = at

    def once(key: str, code: bytes) -> None:
        if key in kept:
            at = kept[key]
            out.append(b"h" + bytes([at]) if at < 256 else b"j" + struct.pack("<I", at))
        else:
            out.append(code)
            put(key)

    def text(value: str) -> None:
        once(value, b"U" + bytes([len(value)]) + value.encode("latin-1"))

    def items(found: dict, write) -> None:
        out.append(b"}")
        put()
        out.append(b"(" if len(found) > 1 else b"")
        for key, value in found.items():
            text(key)
            write(value)
        out.append(b"u" if len(found) > 1 else b"s")

    def scalar(value: float) -> None:
        once("scalar", b"cnumpy.core.multiarray\nscalar\n")
        if "dtype" in kept:
            once("dtype", b"")
        else:
            out.append(b"cnumpy\ndtype\n")
            put()
            text("f8")
            out.append(b"K\x00K\x01\x87")
            put()
            out.append(b"R")
            put("dtype")
            out.append(b"(K\x03")
            text("<")
            out.append(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t")
            put()
            out.append(b"b")
        out.append(b"U\x08" + struct.pack("<d", value))
        put()
        out.append(b"\x86")
        put()
        out.append(b"R")
        put()

    items(table, lambda scores: items(scores, scalar))
    return b"".join([*out, b"."])


def score(trait: str, name: str) -> float:
    """A made-up score in 0..1."""
    return (len(trait) * 7 + sum(name.encode())) % 97 / 96


def make_v2(folder: Path, clips: list[Path] | None = None) -> Path:
    """A folder as the V2 archives unpack: pickles, and clips nested as train-1/training80_01/."""
    folder.mkdir()
    clips = list(clips or [])
    for (split, names), place in zip(
        NAMES.items(), ("train-1/training80_01", "val-1/validation80_01", "test-1"), strict=True
    ):
        scores = {trait: {name: score(trait, name) for name in names} for trait in (*TRAITS, "interview")}
        (folder / f"annotation_{split}.pkl").write_bytes(python_2_pickle(scores))
        (folder / place).mkdir(parents=True)
        for name in names:
            if clips:
                shutil.copy(clips.pop(), folder / place / name)
    return folder


def make_v1(folder: Path) -> Path:
    """A folder of V1, the misspelt column included."""
    folder.mkdir()
    columns = "VideoName,ValueExtraversion,ValueAgreeableness,ValueConscientiousness,ValueNeurotisicm,ValueOpenness"
    for split, names in NAMES.items():
        lines = [",".join([name, *(f"{score(trait, name):.14f}" for trait in TRAITS)]) for name in names]
        (folder / f"{split}_gt.csv").write_text("\r\n".join([columns, *lines, ""]), newline="")
    return folder


def write_table(folder: Path, *lines: str) -> Path:
    """A clips.csv of one target, arousal."""
    folder.mkdir(exist_ok=True)
    (folder / "clips.csv").write_text("\n".join(["id,path,arousal,split,group", *lines, ""]))
    return folder
