"""`push`: a checkpoint to the Hugging Face Hub."""

from __future__ import annotations

import argparse
from pathlib import Path

from sec2sec.extras import require_extra


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, where to, and who may see it."""
    parser.add_argument("source", type=Path, metavar="RUN", help="run folder or checkpoint folder, e.g. runs/first")
    parser.add_argument("repository", metavar="USER/NAME", help="name on the Hub; a new one is made")
    parser.add_argument("--public", action="store_true", help="let everybody see a new one (default: private)")
    parser.add_argument(
        "--licence",
        default="",
        metavar="ID",
        help="licence as the Hub names it, e.g. cc-by-nc-4.0 (default: apache-2.0 for models of generated clips, else "
        "other)",
    )
    parser.add_argument(
        "--datasets", nargs="+", default=[], metavar="ID", help="data sets of the Hub that the model learned from"
    )
    parser.add_argument(
        "--with-training-seconds",
        action="store_true",
        help="upload the training seconds that are kept as tokens too, where your data allow it (default: only "
        "those of generated clips)",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be uploaded, and upload nothing")


def run(options: argparse.Namespace) -> int:
    """Say what will be uploaded, then upload it."""
    require_extra("hub", "push")
    from sec2sec.hub.push import prepare_upload, upload_checkpoint

    upload = prepare_upload(
        options.source,
        options.repository,
        private=not options.public,
        licence=options.licence,
        datasets=options.datasets,
        with_training_seconds=options.with_training_seconds,
    )
    print(upload.as_text(), flush=True)
    if options.dry_run:
        print("nothing was uploaded")
        return 0
    address = upload_checkpoint(upload)
    print(f"uploaded: {address}")
    return 0
