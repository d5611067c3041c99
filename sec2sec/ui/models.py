"""One cache of models for all visitors, on each device that clips are encoded on."""

from __future__ import annotations

import functools
import json
import os
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sec2sec.checkpoints import Bundle, CheckpointError, load_checkpoint
from sec2sec.device import pick_device
from sec2sec.edits import cpu_model
from sec2sec.explanations.stability import other_seed
from sec2sec.jobs.job import Jobs
from sec2sec.model import Sec2Sec
from sec2sec.paths import program_paths
from sec2sec.ui.devices import Devices, device_names
from sec2sec.ui.gpu import LENT, LENT_GPU

TRAINED = "trained/"  # before the id of a training whose model is meant
MAX_TRAINED_LOADED = 8
# What the checkpoints that come with the program are, in words; their names elsewhere are those of their folders
BUNDLED_TITLES = {
    "demo": "demo: uses its attention",
    "paper-structure": "as the paper has it",
    "photos": "what 100 people felt about photographs",
    "voices": "how aroused 20 listeners heard a voice",
    "wrong-attention": "attention wrong on purpose",
}
MAX_SEEDS = 8  # of one training that are compared: each encodes the clip once more


@functools.cache
def models_in(folder: Path, device: str, runs: Path | None = None) -> Models:
    """The one cache of this process."""
    return Models(folder, device, runs)


@functools.lru_cache(maxsize=4)
def on_cpu(model: Sec2Sec) -> Sec2Sec:
    """The same model on the CPU, copied once."""
    return cpu_model(model)


def _config(folder: Path) -> dict[str, Any]:
    """config.json of a checkpoint that is not loaded; empty where it cannot be read."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


class Models:
    """Checkpoints by folder, each loaded once; and those that were trained in the app, by the id of their training."""

    def __init__(self, folder: Path, device: str, runs: Path | None = None) -> None:
        """device: the setting auto, cpu or cuda. Where a GPU is lent, this process keeps its models on the CPU."""
        self.folder, self.device, self.runs = folder, device, runs
        self.own_devices = Devices(device_names(device))  # of this process
        self.devices = Devices([LENT_GPU]) if LENT else self.own_devices  # that a visitor's clip is encoded on
        self._loaded: dict[str, dict[str, Bundle]] = {}  # by model and device; on others than the first it is a copy
        self._renew_locks()
        if LENT:  # a lock that another thread holds at the fork would stay locked in the child for ever
            os.register_at_fork(after_in_child=self._renew_locks)

    def _renew_locks(self) -> None:
        self._loading: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()  # of that dict

    def __reduce__(self) -> tuple[Any, ...]:
        return models_in, (
            self.folder,
            self.device,
            self.runs,
        )  # ZeroGPU's child processes inherit the cache, loaded models and all

    def names(self) -> list[str]:
        """Folders that look like a checkpoint, the bundled demo first."""
        if not self.folder.is_dir():
            return []
        names = sorted(path.parent.name for path in self.folder.glob("*/config.json"))
        return sorted(names, key=lambda name: name != "demo")

    def shared(self) -> list[tuple[str, str]]:
        """What every visitor may choose, in words and as `get` takes it."""
        return [(self.title(name), name) for name in self.names()]

    def choices(self, owner: str | None = None) -> list[tuple[str, str]]:
        """What a visitor may choose: the shared ones, and of the trained their own; no two look alike."""
        choices, times = self.shared(), Counter(title for title, _ in self.shared())
        trained = Jobs(self.runs).all(owner) if self.runs is not None else []
        named = []
        for job in reversed(trained):  # the oldest keeps its name, whatever comes later
            title = job.spec().title
            times[title] += 1
            if job.finished:
                named.append((title if times[title] == 1 else f"{title} ({times[title]})", TRAINED + job.id))
        return choices + named[::-1]

    def title(self, name: str | None) -> str:
        """A model in words. name: as `get` takes it. Raises JobError for a trained one that is not there."""
        if self.runs is not None and name is not None and name.startswith(TRAINED):
            return Jobs(self.runs).get(name.removeprefix(TRAINED)).spec().title
        is_bundled = self.folder.resolve() == program_paths().checkpoints.resolve()
        return BUNDLED_TITLES.get(name or "", name or "") if is_bundled else name or ""

    def get(self, name: str | None, device: str | None = None) -> Bundle:
        """Load a checkpoint, or hand out the one that is loaded. Raises CheckpointError, JobError for a trained one.

        device: one of `devices`, by its name; the first of this process if None. A lent GPU only where it is lent: in
        a function that `on_gpu` decorates.
        """
        if self.runs is not None and name is not None and name.startswith(TRAINED):
            return self._trained(name, device)
        if name not in self.names():  # names come from a browser: only what is listed is opened
            listed = ", ".join(self.names()) or "none"
            raise CheckpointError(
                f"{name or 'no checkpoint'}: not in {self.folder.name}/ (there: {listed}); "
                "`make demo-checkpoint` makes the demo"
            )
        return self._on(device, name, name, lambda first: load_checkpoint(self.folder / name, first))

    def with_seeds(self, name: str | None) -> list[Bundle]:
        """A checkpoint, then the same training with other seeds."""
        return [self.get(seed) for seed in self.seeds_of(name)]

    def seeds_of(self, name: str | None) -> list[str]:
        """The name of a checkpoint, then of the same training with other seeds, as `get` takes them.

        Bundled ones lie beside it, trained ones are of the same person.
        """
        own = self.get(name)
        assert name is not None
        if self.runs is not None and name.startswith(TRAINED):
            jobs = Jobs(self.runs)
            others = jobs.all(jobs.get(name.removeprefix(TRAINED)).spec().owner)
            places = {TRAINED + job.id: job.checkpoint for job in others if job.finished}
        else:
            places = {other: self.folder / other for other in self.names()}
        seeds = [n for n, place in places.items() if n != name and other_seed(own.config, _config(place))]
        return [name, *seeds[: MAX_SEEDS - 1]]

    def _trained(self, name: str, device: str | None) -> Bundle:
        """The same for a model that was trained here: nobody can guess the id of another visitor's."""
        assert self.runs is not None
        job = Jobs(self.runs).get(name.removeprefix(TRAINED))
        weights = job.checkpoint / "model.safetensors"
        key = f"{name}/{weights.stat().st_mtime_ns}" if weights.exists() else name  # it may have been trained further

        def load(first: str) -> Bundle:
            bundle = load_checkpoint(job.checkpoint, first)
            for old in [other for other in self._loaded if other.startswith(TRAINED)][: 1 - MAX_TRAINED_LOADED]:
                self._loaded.pop(old, None)
            return replace(bundle, summary=replace(bundle.summary, name=job.spec().title))

        return self._on(device, name, key, load)

    def discard_removed(self) -> None:
        """Keep no model in memory whose training is not there any more."""
        if self.runs is None:
            return
        for key in list(self._loaded):
            if key.startswith(TRAINED) and not (self.runs / key.split("/")[1] / "job.json").exists():
                self._loaded.pop(key, None)

    def _on(self, device: str | None, name: str, key: str, load: Callable[[str], Bundle]) -> Bundle:
        """The model of a key on a device; load: reads it onto the first one. One of a name at a time."""
        first = self.own_devices.devices[0].name
        with self._guard:
            loading = self._loading[name]
        with loading:
            if key not in self._loaded:
                self._loaded[key] = {first: load(first)}
            copies = self._loaded[key]
            wanted = device or first
            if wanted not in copies:
                copies[wanted] = copies[first].to(pick_device(wanted))
            return copies[wanted]
