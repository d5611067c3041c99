"""`encoders`: which encoders are tested by name, what they are, and how fast they run here."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from textwrap import fill
from typing import TYPE_CHECKING

from sec2sec.cli.options import add_device, add_json, print_result
from sec2sec.cli.terminal import drain_to_terminal
from sec2sec.files import json_bytes
from sec2sec.outputs import Outputs, write_output

if TYPE_CHECKING:
    from sec2sec.encoders.catalogue import EncoderRow

WIDTH = 100  # of the terminal
NOTE = (
    "Map and tokens: of a second, time x rows x columns of the picture or bands x times of the sound, before and "
    "after pooling; --video-grid and --audio-grid choose other tokens. C: channels. MB: of the network in float32. "
    "Clips/min: clips of 10 s, decoded and encoded in one process on this machine; - where it was not measured. "
    "Weights are downloaded at their first use where there is a network. Any other network of timm is a visual encoder "
    "as timm:NAME, and any of the same families of transformers an encoder as transformers:OWNER/NAME."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to measure, and where to write it."""
    parser.add_argument("--no-measure", action="store_true", help="only list them; takes no time")
    add_device(parser)
    add_json(parser, "list")


def run(options: argparse.Namespace) -> int:
    """List the known encoders; nothing is downloaded."""
    from sec2sec.device import pick_device
    from sec2sec.encoders.catalogue import list_steps

    if options.json:
        Outputs([], options.overwrite).claim(options.json)
    device = pick_device(options.device)
    rows = drain_to_terminal(list_steps(device, measure=not options.no_measure))
    if options.json:
        write_output(options.json, json_bytes([row.as_json() for row in rows]))
    print_result(as_text(rows), options.json)
    return 0


def as_text(rows: Iterable[EncoderRow]) -> str:
    """A block of lines for each encoder, pictures first."""
    lines: list[str] = []
    for modality, option in (("video", "--video-encoder"), ("audio", "--audio-encoder")):
        lines += [
            f"{option:<62}{'MB':>7}{'map':>10}{'tokens':>9}{'C':>6}{'clips/min':>11}",
            *(line for row in rows if row.known.modality == modality for line in _lines(row)),
            "",
        ]
    return "\n".join([*lines, fill(NOTE, WIDTH)])


def _lines(row: EncoderRow) -> list[str]:
    known = row.known
    speed = "-" if row.clips_per_minute is None else f"{row.clips_per_minute:.0f}"
    grids = f"{_grid(known.map):>10}{_grid(row.default_grid):>9}"
    first = f"  {known.name:<60}{known.megabytes:>7.1f}{grids}{known.width:>6}{speed:>11}"
    lines = [first, f"      {known.licence}; learned from {known.learned_from}"]
    return lines if row.here else [*lines, f"      weights not here: {row.get}"]


def _grid(grid: tuple[int, ...]) -> str:
    return "x".join(map(str, grid))
