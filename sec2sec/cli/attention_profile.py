"""`profile`: the mean attention over seconds."""

from __future__ import annotations

import argparse

from sec2sec.cli.evaluate import add_data, reading_options
from sec2sec.cli.options import SPLITS, add_cache, add_checkpoint, add_device, add_json, add_workers, print_result
from sec2sec.cli.terminal import drain_to_terminal, list_unusable
from sec2sec.errors import SettingsError
from sec2sec.extras import require_extra
from sec2sec.files import json_bytes
from sec2sec.hub.download import is_hub_name
from sec2sec.outputs import Outputs, write_output

SCHEMA = "sec2sec.profile/1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The data, the checkpoint, what is written."""
    add_data(parser)
    parser.add_argument("--split", choices=SPLITS, default="all", help="clips to measure on (default: all)")
    add_checkpoint(parser)
    hardware = parser.add_argument_group("hardware")
    add_device(hardware)
    add_workers(hardware, "decode clips")
    add_cache(hardware)
    output = parser.add_argument_group("output")
    add_json(output, "profile")
    output.add_argument(
        "--save", action="store_true", help="save the profile in the checkpoint's metrics.json, for the app"
    )


def run(options: argparse.Namespace) -> int:
    """Encode what the cache does not hold yet, then measure."""
    require_extra("train", "profile")
    from sec2sec.training.mean_attention import as_text, profile_steps

    if options.save and is_hub_name(options.checkpoint):
        raise SettingsError(
            f"{options.checkpoint}: --save writes into a folder, and this lies on the Hub; copy it first"
        )
    if options.json:
        Outputs([options.checkpoint, options.data], options.overwrite).claim(options.json)
    steps = profile_steps(
        options.checkpoint,
        options.data,
        options.cache,
        split=options.split,
        options=reading_options(options),
        save=options.save,
        device=options.device,
        workers=options.workers,
    )
    profile = drain_to_terminal(steps)
    if options.json:
        write_output(options.json, json_bytes({"schema": SCHEMA, **profile.curves}))
    for remark in profile.remarks:
        print_result(f"WARNING: {remark}", options.json)
    print_result(as_text(profile.curves, profile.clips), options.json)
    list_unusable(profile.unusable.values())
    return 0
