"""Where the program finds what comes with it, and where it puts what it makes.

From a checkout, or an editable installation of one, everything lies in the folder of the checkout. Installed, the
bundled checkpoints and clips are package data, and what is made goes to the user's own folders.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

BUNDLED = "_data"  # folder of the package that only a wheel has: pyproject.toml maps the repository's folders into it


@dataclass(frozen=True)
class Paths:
    """Folders that the program reads and writes when it is not told otherwise."""

    checkpoints: Path  # each folder in it is a checkpoint; `demo` comes with the program
    examples: Path  # *.mp4 that come with the program
    known_truth: Path  # a data set that comes with the program: clips whose decisive seconds are known
    runs: Path  # trainings
    token_cache: Path  # encoded clips, shared by all trainings
    encoders: Path  # published encoders that a recipe converted, a folder each
    explained: Path  # explanations of clips that come with the program
    answers: Path  # of predictors that are not ours, about edited clips
    data_sets: Path  # each folder in it is a data set that the app offers
    checkout: Path | None  # the folder of the repository; None where the program is installed

    @property
    def demo(self) -> Path:
        """The bundled checkpoint."""
        return self.checkpoints / "demo"


@functools.cache
def program_paths() -> Paths:
    """The folders of this program on this machine; none of them is made here."""
    package = Path(str(resources.files("sec2sec")))
    bundled = package / BUNDLED
    if not bundled.is_dir():
        root = package.parent
        runs = root / "runs"
        return Paths(
            checkpoints=root / "checkpoints",
            examples=root / "assets" / "clips",
            known_truth=root / "assets" / "known-truth",
            runs=runs,
            token_cache=runs / "tokens",
            encoders=runs / "encoders",
            explained=runs / "explained",
            answers=runs / "answers",
            data_sets=root / "data",
            checkout=root,
        )
    import platformdirs  # only here: a checkout needs none, and `--help` is to be quick

    data = platformdirs.user_data_path("sec2sec", appauthor=False)
    cache = platformdirs.user_cache_path("sec2sec", appauthor=False)
    return Paths(
        checkpoints=bundled / "checkpoints",
        examples=bundled / "clips",
        known_truth=bundled / "known-truth",
        runs=data / "runs",
        token_cache=cache / "tokens",
        encoders=data / "encoders",
        explained=cache / "explained",
        answers=cache / "answers",
        data_sets=data / "data",
        checkout=None,
    )
