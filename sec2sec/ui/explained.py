"""Explanations that are there already: of examples for everybody, of an upload for the visitor alone who brought it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from sec2sec.precompute import Precomputing, Wanted, load
from sec2sec.ui.chosen_clip import ClipResult
from sec2sec.ui.models import Models

HELD = 16  # examples in memory, some megabytes each
DEVICE = "the CPU"  # where they are explained beforehand


Pair = tuple[Path, str | None]  # a clip that comes with the program, and the name of a model


class Explained:
    """The explanations of the examples, from files that a process of its own makes."""

    def __init__(self, folder: Path, models: Models, wanted: Sequence[Pair]) -> None:
        """wanted: what is made, in this order. folder: where it is kept from one start to the next."""
        self.folder, self.models = folder, models
        self.wanted = [one for one in wanted if (models.folder / str(one[1]) / "config.json").is_file()]
        self._held: OrderedDict[Pair, ClipResult] = OrderedDict()
        self._guard = threading.Lock()
        self.process = Precomputing(folder, [self._file(one) for one in self.wanted])

    def example(self, clip: Path, model: str | None) -> ClipResult | None:
        """The explanation of a whole example; None where none was made."""
        one = (clip, model)
        if one not in self.wanted:
            return None
        with self._guard:
            result = self._held.get(one) or self._read(one)
            if result is not None:
                self._held[one] = result
                self._held.move_to_end(one)
                while len(self._held) > HELD:
                    self._held.popitem(last=False)
            return result

    def wait_for(self, wanted: Sequence[Pair], seconds: float) -> None:
        """Until these are made, or cannot be."""
        self.process.wait_for([self._file(one) for one in self.wanted if one in wanted], seconds)

    def _read(self, one: Pair) -> ClipResult | None:
        explained = load(self.folder, self._file(one))
        if explained is None:
            return None
        return ClipResult(explained.explanation, explained.preview, DEVICE, explained.tokens, is_shared=True)

    def _file(self, one: Pair) -> Wanted:
        return Wanted(one[0], self.models.folder / str(one[1]))
