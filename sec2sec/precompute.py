"""Explanations of clips that come with the program, made before anybody asks for them, in files of a cache folder.

    python -m sec2sec.precompute FOLDER CLIP CHECKPOINT [CLIP CHECKPOINT ...]

A file is known by the content of the clip, the weights and settings of the checkpoint, and the program's own code: what
is stale has another name, is not found, and is made again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

from sec2sec.checkpoints import code_version, load_checkpoint
from sec2sec.clip import explain_steps
from sec2sec.encoders.tokens import Tokens
from sec2sec.errors import UserError
from sec2sec.explanations.results import Explanation, Preview
from sec2sec.export.stored import StoredError, read_record, write_record
from sec2sec.files import file_sha256
from sec2sec.progress import drain

# what an explanation depends on
WEIGHTS = ("model.safetensors", "config.json", "metrics.json", "training-seconds.safetensors")
MAX_FILES = 64  # in the folder; those used longest ago go
LOOK_EVERY = 0.05  # s
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExplainedFile:
    """An explained clip, as it is stored."""

    explanation: Explanation
    preview: Preview
    tokens: Tokens  # on the CPU, without MFCC images


@dataclass(frozen=True)
class Wanted:
    """A whole clip with a checkpoint, to be explained."""

    clip: Path
    checkpoint: Path  # folder

    def file(self, folder: Path) -> Path:
        """Where the explanation is, or will be. Raises OSError where clip or checkpoint cannot be read."""
        weights = [self.checkpoint / name for name in WEIGHTS]
        hashes = [file_sha256(path) for path in (self.clip, *weights) if path.exists()]
        key = hashlib.sha256(" ".join([code_version(), self.clip.name, *hashes]).encode()).hexdigest()
        return folder / f"{key[:32]}.safetensors"


def load(folder: Path, wanted: Wanted) -> ExplainedFile | None:
    """What was made before; None where it was not. A file that cannot be read goes, so that it is made again."""
    with suppress(OSError):
        path = wanted.file(folder)
        try:
            explained = read_record(path, ExplainedFile) if path.exists() else None
        except StoredError as error:
            log.warning("%s", error)
            path.unlink()
            return None
        if explained is not None:
            os.utime(path)  # it was used
        return explained
    return None


def make(folder: Path, wanted: Wanted) -> None:
    """Explain a clip and write the file. Raises UserError for what cannot be explained, OSError."""
    bundle = load_checkpoint(wanted.checkpoint, "cpu")
    clip = drain(explain_steps(wanted.clip, bundle))
    own = clip.explain()
    assert clip.preview is not None, "it was made of a file"
    explanation = Explanation(**{field.name: getattr(own, field.name) for field in fields(Explanation)})
    write_record(wanted.file(folder), ExplainedFile(explanation, clip.preview, clip.tokens.cpu()))


class Precomputing:
    """A process that makes what is missing, one after the other: gradients leave no trace in the process that serves.

    A folder that cannot be written leaves everything as it is: then clips are explained when they are asked for.
    """

    def __init__(self, folder: Path, wanted: Sequence[Wanted]) -> None:
        """Start, where anything is missing."""
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        missing = [one for one in wanted if not one.file(folder).exists()]
        if not missing:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            log.warning("explanations of examples are not kept: %s", error)
            return
        pairs = [str(path) for one in missing for path in (one.clip, one.checkpoint)]
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
        command = [sys.executable, "-m", "sec2sec.precompute", str(folder), *pairs]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)

    def wait_for(self, wanted: Sequence[Wanted], seconds: float) -> None:
        """Return once these are there, or will not be."""
        end = time.monotonic() + seconds
        while self.process is not None and self.process.poll() is None and time.monotonic() < end:
            if all(one.file(self.folder).exists() for one in wanted):
                return
            time.sleep(LOOK_EVERY)

    def stop(self) -> None:
        """End the process, where one runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()


def remove_old(folder: Path, most: int = MAX_FILES) -> None:
    """Keep the files used last."""
    files = sorted(folder.glob("*.safetensors"), key=lambda path: path.stat().st_mtime)
    for path in files[: max(len(files) - most, 0)]:
        path.unlink(missing_ok=True)


def main(arguments: Sequence[str]) -> int:
    """Make the files of pairs of a clip and a checkpoint; what cannot be explained is left out, and the log says so."""
    folder, paths = Path(arguments[0]), [Path(path) for path in arguments[1:]]
    folder.mkdir(parents=True, exist_ok=True)
    left_out = 0
    for clip, checkpoint in zip(paths[::2], paths[1::2], strict=True):
        try:
            make(folder, Wanted(clip, checkpoint))
        except (UserError, OSError) as error:
            log.warning("not explained beforehand: %s", error)
            left_out += 1
    remove_old(folder)
    return 1 if left_out else 0


if __name__ == "__main__":
    from sec2sec.threads import NICENESS_OF_JOBS, let_waiting_threads_sleep

    let_waiting_threads_sleep()
    if hasattr(os, "nice"):  # visitors go first
        os.nice(NICENESS_OF_JOBS)
    sys.exit(main(sys.argv[1:]))
