"""Where published weights are found: a folder of this program, a bundled checkpoint, HF_HOME, or the network, once.

Only JSON and plain tensors are read, and none of them runs code.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from sec2sec.encoders.base import EncoderError, one_reason
from sec2sec.paths import program_paths

CONFIG, WEIGHTS = "config.json", "model.safetensors"
PICKLED = "pytorch_model.bin"  # where a repository has nothing better: read as plain tensors, weights_only
SECONDS_FOR_ANSWER = 3.0  # of the place that weights come from


@dataclass(frozen=True)
class Published:
    """The files of a published encoder on this machine."""

    folder: Path
    repository: str
    revision: str  # the commit on the Hub, or what config.json of a converted network says of its origin
    weights: str = WEIGHTS  # name of the file

    @property
    def config(self) -> dict[str, Any]:
        """config.json. Raises EncoderError."""
        try:
            value = json.loads((self.folder / CONFIG).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise self.damaged(CONFIG, error) from error
        if not isinstance(value, dict):
            raise self.damaged(CONFIG, TypeError("it holds no object"))
        return value

    @property
    def sha256(self) -> str:
        """Of the weights: the same file is the same encoder, whatever it is called."""
        with (self.folder / self.weights).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def check(self, sha256: str, revision: str) -> None:
        """EncoderError where the weights are not those that a model learned with."""
        if (own := self.sha256) != sha256:
            raise EncoderError(
                f"{self.folder}: its weights are not those that the model learned with (SHA-256 {own[:12]}…, expected "
                f"{sha256[:12]}…); get revision {revision} of {self.repository}"
            )

    def damaged(self, name: str, error: Exception) -> EncoderError:
        """The error for a file that is there and cannot be used."""
        return EncoderError(
            f"{self.folder / name}: cannot be used for {self.repository} ({one_reason(error)}); delete it, so that it "
            "is downloaded again, or put the published file there"
        )


_may_download = ContextVar("may_download", default=True)


@contextmanager
def without_download() -> Iterator[None]:
    """Only what is on this machine is found."""
    token = _may_download.set(False)
    try:
        yield
    finally:
        _may_download.reset(token)


def may_download() -> bool:
    """Whether weights may be fetched from the network."""
    return _may_download.get()


def hub_answers() -> bool:
    """Whether somebody listens where weights are downloaded from. True behind a proxy, which alone knows.

    Asked once, because the hub's own client tries for half a minute.
    """
    if not may_download() or os.environ.get("HF_HUB_OFFLINE", "0").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    if getproxies().get("https"):
        return True
    address = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    try:
        with socket.create_connection((address.hostname or "", address.port or 443), timeout=SECONDS_FOR_ANSWER):
            return True
    except OSError:
        return False


def find_published(
    repository: str, *, revision: str = "", also: Sequence[str] = (), local: str = "", hint: str = ""
) -> Published:
    """The files of a repository: from `local` in this program's folder, HF_HOME, or downloaded. Raises EncoderError.

    also: further files that are taken where the repository has them. local: the name of a folder that a recipe wrote.
    hint: what else can be done where there is neither the file nor a network.
    """
    folder = program_paths().encoders / local if local else None
    if folder is not None and (folder / WEIGHTS).is_file() and (folder / CONFIG).is_file():
        found = Published(folder, repository, "")
        return Published(folder, repository, str(found.config.get("revision", folder)))
    return _from_hub(repository, revision, also, hint)


def _from_hub(repository: str, revision: str, also: Sequence[str], hint: str) -> Published:
    """From HF_HOME, where the files are whole; else from the network."""
    from huggingface_hub import try_to_load_from_cache

    def cached(name: str) -> bool:
        return isinstance(try_to_load_from_cache(repository, name, revision=revision or None), str)

    here = cached(CONFIG) and (cached(WEIGHTS) or cached(PICKLED))
    online = not here and hub_answers()
    if not (here or online):
        raise absent(repository, revision, ConnectionError("the Hugging Face Hub does not answer"), hint)
    try:
        folder = _snapshot(repository, revision, [CONFIG, WEIGHTS, *also], local=here)
        if not here and not (folder / WEIGHTS).is_file():
            folder = _snapshot(repository, revision, [PICKLED], local=False)
    except Exception as error:  # the hub's library, the network and the disk have many
        raise absent(repository, revision, error, hint) from error
    weights = next((name for name in (WEIGHTS, PICKLED) if (folder / name).is_file()), None)
    if weights is None or not (folder / CONFIG).is_file():
        missing = WEIGHTS if weights is None else CONFIG
        raise absent(repository, revision, FileNotFoundError(f"the repository has no {missing}"), hint)
    return Published(folder, repository, folder.name, weights)


def _snapshot(repository: str, revision: str, names: Sequence[str], *, local: bool) -> Path:
    """The folder of a repository in HF_HOME, with these of its files; local: those that are there."""
    from huggingface_hub import snapshot_download

    return Path(
        snapshot_download(repository, revision=revision or None, allow_patterns=list(names), local_files_only=local)
    )


def absent(repository: str, revision: str, error: Exception, hint: str) -> EncoderError:
    """One line that says which files go where."""
    at = f" at revision {revision}" if revision else ""
    command = f"hf download {repository}" + (f" --revision {revision}" if revision else "")
    return EncoderError(
        f"this encoder needs {CONFIG} and {WEIGHTS} of {repository}{at}, which are not in HF_HOME "
        f"({one_reason(error)}). Go online once; or run `{command}` where there is a network, and set "
        f"HF_HOME to the folder that it filled{hint}"
    )
