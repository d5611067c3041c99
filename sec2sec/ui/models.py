"""One cache of models for all visitors, and one turn-taking lock for each device."""

from __future__ import annotations

import functools
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

from sec2sec.checkpoints import Bundle, CheckpointError, load_checkpoint


@functools.cache
def models_in(folder: Path, device: str) -> Models:
    """The one cache of this process."""
    return Models(folder, device)


class Models:
    """Checkpoints by folder, each loaded once."""

    def __init__(self, folder: Path, device: str) -> None:
        self.folder, self.device = folder, device
        self._loaded: dict[str, Bundle] = {}
        self._loading: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()  # of the two dicts of locks

    def __reduce__(self) -> tuple[Any, ...]:
        return models_in, (
            self.folder,
            self.device,
        )  # ZeroGPU's child processes inherit the cache, loaded models and all

    def names(self) -> list[str]:
        """Folders that look like a checkpoint, the bundled demo first."""
        if not self.folder.is_dir():
            return []
        found = sorted(path.parent.name for path in self.folder.glob("*/config.json"))
        return sorted(found, key=lambda name: name != "demo")

    def get(self, name: str | None) -> Bundle:
        """Load a checkpoint, or hand out the one that is loaded. Raises CheckpointError."""
        if name not in self.names():  # names come from a browser: only what is listed is opened
            known = ", ".join(self.names()) or "none"
            raise CheckpointError(
                f"{name or 'no checkpoint'}: not in {self.folder.name}/ (there: {known}); "
                "`make demo-checkpoint` makes the demo"
            )
        with self._guard:
            loading = self._loading[name]
        with loading:
            if name not in self._loaded:
                self._loaded[name] = load_checkpoint(self.folder / name, self.device)
            return self._loaded[name]

    def turn(self, bundle: Bundle) -> threading.Lock:
        """Held while encoding: two clips at once on one device only make each other slow, or fill its memory."""
        with self._guard:
            return self._turns[str(bundle.device)]
