"""Where a command may write: every file, named or derived, is decided on in one place, before any work.

An output is never an input, and never a file that somebody else made: what exists is replaced only where it was written
by this program, or where the person said --overwrite.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from sec2sec.errors import FileError
from sec2sec.files import write_atomically

STDOUT = Path("-")
ROOM = 1024**2  # bytes that have to be free where nothing better is known of an output's size
PDF_PRODUCER = "made with sec2sec"  # what a PDF says of the program that made it
GIF_COMMENT = b"made with sec2sec"
PNG_SOFTWARE = "made with sec2sec"
HEAD = 4 * 1024**2  # bytes in which a film says what made it, after the index of its frames
# How each kind of result that we write begins. A text that merely speaks of sec2sec is somebody's own, and a checkpoint
# or a training cannot be had again by the same command.
BEGINNINGS = (
    re.compile(
        rb'\s*\{\s*"schema"\s*:\s*"sec2sec\.(clips|comparison|data|difference|evaluation|explanations?|people|profile|suite)/'
    ),
    re.compile(rb'\s*<!doctype html>.{,1000}<meta name="generator" content="sec2sec">', re.I | re.S),
    re.compile(rb"target,second,start,end,attention,verdict,effect,"),
    re.compile(rb"clip,target,second,start,end,prediction,baseline,"),
    re.compile(rb"clip,path,reason\n"),
    re.compile(rb"target,window,start,end,time,prediction,lowest,highest(,scale,on_scale)?\n"),
    re.compile(rb'second,"from, s","to, s",'),  # of earlier versions
    re.compile(rb"method,target,column,value,low,high,clips\n"),
    re.compile(rb"clip,target,second,score,video,audio,method,checkpoint\n"),
    re.compile(rb"<!-- made with sec2sec -->\n"),
    re.compile(rb"% made with sec2sec; "),  # LaTeX
    re.compile(rf"%PDF-.*/Producer \({PDF_PRODUCER}\)".encode(), re.S),
    re.compile(rb"GIF89a.{,900}" + GIF_COMMENT, re.S),  # after its palette
    re.compile(rf"\x89PNG.{{,900}}Software\x00{PNG_SOFTWARE}".encode("latin-1"), re.S),
    re.compile(rb"....ftyp.*made with sec2sec", re.S),  # the comment of a film
)


class Outputs:
    """The files that one command will write.

    inputs: files and folders that it reads. overwrite: replace files that were not made by this program.
    """

    def __init__(self, inputs: Iterable[Path] = (), overwrite: bool = False) -> None:
        self.inputs = [path for path in inputs if path.exists()]
        self.overwrite = overwrite
        self.claimed: dict[Path, Path] = {}  # by what they resolve to, as they were named

    def claim(self, path: Path, room: int = ROOM) -> Path:
        """The path, which may be written to now. Raises FileError, which says why not and what to do.

        room: bytes that the output will take, about. "-" stands for standard output.
        """
        if path == STDOUT:
            return path
        try:
            self._check(path, room)
        except FileError:  # an OSError itself
            raise
        except OSError as error:
            raise FileError(f"{path}: cannot be written ({error.strerror}); choose another place") from error
        return path

    def _check(self, path: Path, room: int) -> None:
        target = path.resolve()
        if target in self.claimed:
            raise FileError(f"{path}: two outputs have this name; give each its own")
        _check_folder(path, target.parent, target.name)
        if target.is_dir():
            raise FileError(f"{path}: is a folder; give a file name")
        if target.exists():
            self._check_existing(path, target)
        elif shutil.disk_usage(target.parent).free < room:
            raise FileError(
                f"{path}: the disk has less than {room / 1024**2:.0f} MB left; make room, or choose another"
            )
        self.claimed[target] = path

    def _check_existing(self, path: Path, target: Path) -> None:
        for read in self.inputs:
            if target.samefile(read):
                raise FileError(f"{path}: is {read}, which is read here and would be lost; give another name")
            if read.is_dir() and target.is_relative_to(read.resolve()) and not is_ours(target):
                raise FileError(f"{path}: belongs to {read}, which is read here; give a name in another folder")
        state = target.stat()
        if not stat.S_ISREG(state.st_mode):
            if not os.access(target, os.W_OK):
                raise FileError(f"{path}: no permission to write")
            return  # a pipe or a device takes what is written
        if state.st_size and not self.overwrite and not is_ours(target):
            raise FileError(
                f"{path}: exists and was not written by sec2sec; give another name, or --overwrite to replace it"
            )


def write_output(path: Path, data: bytes) -> None:
    """Write an output that was claimed; "-" is standard output."""
    if path == STDOUT:
        sys.stdout.write(data.decode())
        sys.stdout.flush()
    else:
        write_atomically(path, data)


def is_ours(path: Path) -> bool:
    """Whether a file says that this program wrote it."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    return any(beginning.match(head) for beginning in BEGINNINGS)


def _check_folder(path: Path, folder: Path, name: str) -> None:
    if not folder.is_dir():
        raise FileError(f"{path}: the folder {folder} does not exist; make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FileError(f"{path}: no permission to write in {folder}")
    if hasattr(os, "pathconf"):
        longest = os.pathconf(folder, "PC_NAME_MAX")
        if len(os.fsencode(name)) > longest:
            raise FileError(f"{path}: the name is too long for this disk (at most {longest} bytes); give a shorter one")
