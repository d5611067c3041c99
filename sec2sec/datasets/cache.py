"""Tokens of clips on disk: each clip is encoded once, whoever asks for it and however often.

CACHE/KEY/ab/abcdef….safetensors, one file per clip. KEY stands for the encoders (weights and settings) and for how
clips are cut and scaled; the file's name is the SHA-256 of the clip. So a renamed clip is found again, and nothing is
ever found that other encoders made. A file is written beside its place and renamed into it: a reader sees all of it or
nothing, and two processes at the same clip do its work twice at worst. What a killed process left half-written is
removed by the next that opens the cache, unless somebody is writing at that moment.

T seconds, V visual and A audio tokens in a second, C channels of a token.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from sec2sec.config import CROP, RESIZE, SAMPLE_RATE, EncoderConfig
from sec2sec.encoders import Encoders
from sec2sec.encoders.tokens import Tokens
from sec2sec.errors import FileError
from sec2sec.files import LOCKS, lock_file, write_atomically, write_json
from sec2sec.media.clip import SHORTEST_SECOND

TOKENS_VERSION = 2  # raise it when the same encoders give other tokens of the same clip
MODALITIES = ("video", "audio")


def encoder_key(encoders: Encoders) -> str:
    """What tokens depend on besides the clip: settings, weights and the cutting of clips, as 16 hexadecimal digits.

    Ask before folding: folded weights are other numbers for the same encoders. The device's precision is no part of the
    key, so that what one machine encoded serves another: float16 encoders move tokens by 0.05 % (root mean square,
    tests/encoders/test_precision.py), as much as storing them in float16 does. Each file names its precision.
    """
    digest = hashlib.sha256(json.dumps(_settings(encoders.config), sort_keys=True).encode())
    for name, tensor in sorted(encoders.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _settings(config: EncoderConfig) -> dict[str, object]:
    cutting = {"sample_rate": SAMPLE_RATE, "resize": RESIZE, "crop": CROP, "shortest_second": SHORTEST_SECOND}
    return {"version": TOKENS_VERSION, "encoder": config.as_json(), **cutting}


class TokenCache:
    """The tokens that one pair of encoders makes, by the SHA-256 of the clip."""

    def __init__(self, directory: Path, encoders: Encoders) -> None:
        """Makes the folder. Raises OSError where that cannot be."""
        self.config, self.key = encoders.config, encoder_key(encoders)
        self.directory = directory / self.key
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._sweep()
            if not (about := self.directory / "about.json").is_file():
                with self._writing():
                    write_json(about, _settings(self.config))  # for a person who wonders what a folder is
        except OSError as error:
            raise _unwritable(self.directory, error) from error

    def path(self, sha256: str) -> Path:
        """Where the tokens of a clip are, or would be."""
        return self.directory / sha256[:2] / f"{sha256}.safetensors"

    def read(self, sha256: str) -> Tokens | None:
        """A clip's tokens as fp16, mapped from the file: nothing is read before its use. None if absent or damaged."""
        return read_tokens(self.path(sha256), self.config)

    def write(self, sha256: str, tokens: Tokens, about: Mapping[str, str] | None = None) -> None:
        """Store a clip's tokens as fp16. Raises OSError, e.g. on a full disk; nothing half-written is left."""
        stored = {str(name): own.detach().half().cpu().contiguous() for name, own in tokens.present.items()}
        path = self.path(sha256)
        try:
            path.parent.mkdir(exist_ok=True)
            with self._writing():
                write_atomically(path, save(stored, metadata={"clip": sha256, **(about or {})}))
        except OSError as error:
            raise _unwritable(self.directory, error) from error

    def seconds(self, sha256: str) -> int | None:
        """T of a clip, from the header of its file; None if absent, cut short or of other shapes."""
        try:
            with safe_open(self.path(sha256), "pt") as file:
                shapes = _shapes(file, self.config)
        except (OSError, SafetensorError):
            return None
        return next(iter(shapes.values()))[0] if shapes else None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """While it lasts nobody sweeps. Raises OSError where the cache may not be written."""
        with (self.directory / "lock").open("ab") as file:
            with suppress(OSError):  # a file system without locks, on which nobody sweeps either
                lock_file(file, shared=True)
            yield

    def _sweep(self) -> None:
        """Remove what killed processes left half-written; later, if somebody is writing now or may alone write here."""
        with suppress(OSError), (self.directory / "lock").open("ab") as file:
            if LOCKS and lock_file(file, wait=False):
                for path in self.directory.rglob(".*.part"):
                    path.unlink(missing_ok=True)


def _unwritable(directory: Path, error: OSError) -> FileError:
    """The system's error says neither which folder nor what to do."""
    why = error.strerror or error
    message = f"{directory}: the token cache cannot be written ({why}); what is in it stays good: make room there"
    return FileError(message)


def read_tokens(path: Path, config: EncoderConfig) -> Tokens | None:
    """Map one file of a cache; None if it is absent, cut short or does not fit the encoders."""
    try:
        with safe_open(path, "pt") as file:
            shapes = _shapes(file, config)
            if shapes is None:
                return None
            return Tokens(*(file.get_tensor(name) if name in shapes else None for name in MODALITIES))
    except (OSError, SafetensorError):
        return None


def _shapes(file: Any, config: EncoderConfig) -> dict[str, list[int]] | None:
    """Shapes by modality, from the header of an open file; None where they do not fit the encoders.

    safetensors has refused a file whose length is not what the header says.
    """
    wanted = config.shapes
    slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    shapes = {name: list(tensor.get_shape()) for name, tensor in slices.items()}
    half = all(tensor.get_dtype() == "F16" for tensor in slices.values())
    fits = all(name in wanted and tuple(shape[1:]) == wanted[name] for name, shape in shapes.items())
    lengths = {shape[0] for shape in shapes.values()}
    return shapes if half and fits and len(lengths) == 1 and lengths != {0} else None
