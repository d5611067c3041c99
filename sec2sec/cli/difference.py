"""`difference`: why the predictions of two versions or two parts of a clip differ, by second, sound and picture."""

from __future__ import annotations

import argparse
from pathlib import Path

from sec2sec.cli.options import add_checkpoint, add_device, add_json, print_result
from sec2sec.cli.terminal import drain_to_terminal
from sec2sec.errors import SettingsError
from sec2sec.files import json_bytes
from sec2sec.outputs import Outputs, write_output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two versions and their parts, the checkpoint, what is written."""
    parser.add_argument("a", type=Path, metavar="A", help="first version: a video or sound file")
    parser.add_argument(
        "b", type=Path, metavar="B", help="second version: another file, or A again for another part of A"
    )
    add_checkpoint(parser)
    add_device(parser)
    part = parser.add_argument_group("parts", "both of the same length; seconds are paired by their place in the part")
    part.add_argument(
        "--start", type=float, default=0.0, metavar="S", help="analyse A from this second on (default: 0)"
    )
    part.add_argument("--end", type=float, metavar="S", help="analyse A up to this second (default: the clip's end)")
    part.add_argument(
        "--start-b", type=float, metavar="S", help="analyse B from this second on (default: that of --start)"
    )
    part.add_argument(
        "--end-b", type=float, metavar="S", help="analyse B up to this second (default: as long as the part of A)"
    )
    add_json(parser.add_argument_group("output"), "difference")


def run(options: argparse.Namespace) -> int:
    """Encode both, explain the difference, print it and write it."""
    start_b = options.start if options.start_b is None else options.start_b
    if options.a == options.b and start_b == options.start:
        raise SettingsError(f"{options.a}: is compared with itself; name another file, or another part with --start-b")
    if options.json:
        Outputs([options.a, options.b, options.checkpoint], options.overwrite).claim(options.json)
    from sec2sec.checkpoints import load_checkpoint  # torch
    from sec2sec.clip import encode_steps
    from sec2sec.export.difference import as_text, to_json

    model = load_checkpoint(options.checkpoint, options.device)
    a = drain_to_terminal(encode_steps(options.a, model, start=options.start, end=options.end))
    # an edited file is often a few milliseconds longer, which would make a second more
    end_b = start_b + a.info.duration if options.end_b is None else options.end_b
    b = drain_to_terminal(encode_steps(options.b, model, start=start_b, end=end_b))
    figures = model.summary, a.info, b.info, b.differences(a)
    if options.json:
        write_output(options.json, json_bytes(to_json(*figures), indent=None))
    print_result(as_text(*figures), options.json)
    return 0
