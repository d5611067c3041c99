"""Which trainings a benchmark consists of: every system with every seed, alike but for what is said of a system."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sec2sec.baselines import SYSTEMS
from sec2sec.benchmark.paper import ORDER
from sec2sec.benchmark.systems import settings_of
from sec2sec.benchmark.tuning import TRAINING_SEED, Tuning, folder_of
from sec2sec.files import write_json
from sec2sec.training.loop import TrainingError
from sec2sec.training.run_folder import RunFolder
from sec2sec.training.settings import SettingsError, train_config
from sec2sec.training.trial import Trial, check_fingerprint

SCHEMA = "sec2sec.benchmark/1"
FILE = "benchmark.json"
BENCHMARK_SETTINGS = ("system", "seed")  # settings that the benchmark sets itself


@dataclass(frozen=True)
class Request:
    """What is compared."""

    settings: Mapping[str, Any]  # of every system: the data, and an equal budget
    systems: tuple[str, ...]
    seeds: int  # 0, 1, … of weights, order and dropout
    overrides: Mapping[str, Mapping[str, Any]]  # settings of single systems
    tuning: Tuning | None = None  # None: every system keeps the settings that it was given


def requested(values: Mapping[str, Any], systems: str, seeds: int, source: str = "", tune: int = 0) -> Request:
    """From a file and options. Raises SettingsError.

    values: settings; systems: {name: its own settings}; space: {setting: a list or a range}, for tuning. tune: trials
    of each system, 0 for none.
    """
    where = f"{source}: " if source else ""
    overrides = values.get("systems") or {}
    if not isinstance(overrides, Mapping) or not all(isinstance(own, Mapping) for own in overrides.values()):
        raise SettingsError(f"{where}systems takes names with settings, not {overrides!r}")
    names = tuple(SYSTEMS) if systems == "all" else tuple(name.strip() for name in systems.split(",") if name.strip())
    if unknown := sorted({*names, *overrides} - set(SYSTEMS)):
        raise SettingsError(f"{where}no system is called {', '.join(unknown)}; there are {', '.join(SYSTEMS)}")
    if not names or seeds < 1:
        raise SettingsError(f"a benchmark needs at least one system and one seed, not {len(names)} and {seeds}")
    space = values.get("space")
    if space is not None and not tune:
        raise SettingsError(f"{where}space says what is tuned: add --tune N")
    if not isinstance(space or {}, Mapping):
        raise SettingsError(f"{where}space takes settings with lists or ranges, not {space!r}")
    tuning = None if not tune else Tuning(tune, dict(space)) if space else Tuning(tune)
    settings = {name: value for name, value in values.items() if name not in ("systems", "space")}
    for mapping in (settings, *overrides.values()):
        if taken := [name for name in BENCHMARK_SETTINGS if name in mapping]:
            raise SettingsError(f"{where}{' and '.join(taken)} cannot be set: the benchmark goes through them")
    own_settings = {name: dict(own) for name, own in overrides.items()}
    return Request(settings, in_order(names), seeds, own_settings, tuning)


def in_order(names: Collection[str]) -> tuple[str, ...]:
    """The systems among `names` in the order of the paper's rows, and then those that the paper has not."""
    return tuple(name for name in dict.fromkeys((*ORDER, *SYSTEMS)) if name in names)


def plan(request: Request, out: Path, tuned: Mapping[str, Mapping[str, Any]] | None = None) -> list[Trial]:
    """Every trial, seed by seed, so that a benchmark cut short has compared all systems. Raises SettingsError.

    tuned: the settings of each system that tuning has chosen.
    """
    tuned = tuned or {}
    return [
        _trial(request, out / "trials" / f"{name}-{seed}", name, seed, tuned.get(name, {}))
        for seed in range(request.seeds)
        for name in request.systems
    ]


def plan_tuning(request: Request, out: Path) -> list[Trial]:
    """Every training that chooses settings, the same for each system. Raises SettingsError."""
    if request.tuning is None:
        return []
    trials = []
    for number, settings in enumerate(request.tuning.settings):
        for name in request.systems:
            trial = _trial(request, folder_of(out, name, number), name, TRAINING_SEED, settings)
            trials.append(replace(trial, differs={"system": name, **settings}))
    return trials


def _trial(request: Request, folder: Path, name: str, seed: int, tuned: Mapping[str, Any]) -> Trial:
    own = {**request.overrides.get(name, {}), **tuned}
    values = {**settings_of(name, request.settings), **own, "seed": seed}
    return Trial(folder, {"system": name, "seed": seed, **own}, train_config(values, name))


def begin(request: Request, out: Path, trials: Sequence[Trial], depends_on: Mapping[str, str]) -> Request:
    """Make the folder ours, and note what is asked; returns the request with the systems and seeds of before.

    depends_on: see fingerprint. Raises TrainingError for a folder of another benchmark, or of other data or code, or a
    trial that was begun with other settings.
    """
    file = out / FILE
    try:
        out.mkdir(parents=True, exist_ok=True)
        before = json.loads(file.read_text()) if file.exists() else None
        if before is None and any(out.iterdir()):
            raise TrainingError(f"{out}: is not empty and holds no benchmark; choose another folder")
        if before is not None:
            _check_same(request, out, before)
            check_fingerprint(out, before, depends_on)
            systems = in_order({*before["systems"], *request.systems})
            request = replace(request, systems=systems, seeds=max(request.seeds, int(before["seeds"])))
        for trial in trials:
            if RunFolder(trial.folder).exists():
                RunFolder(trial.folder).resume(trial.config)
        note = {"schema": SCHEMA, **(before or {}), "settings": dict(request.settings)}
        note |= dict(depends_on)
        note |= {"overrides": dict(request.overrides), "systems": list(request.systems), "seeds": request.seeds}
        if request.tuning is not None:
            note["tuning"] = {**(note.get("tuning") or {}), **request.tuning.as_json()}
        write_json(file, note)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, TrainingError):
            raise
        raise TrainingError(f"{out}: cannot hold a benchmark ({error}); choose another folder") from error
    return request


def _check_same(request: Request, out: Path, before: Mapping[str, Any]) -> None:
    """TrainingError where the benchmark of a folder has other settings, or another budget of tuning."""
    budget = {name: value for name, value in (before.get("tuning") or {}).items() if name != "chosen"}
    ours = {"settings": request.settings, "overrides": request.overrides}
    ours["tuning"] = request.tuning.as_json() if request.tuning is not None else {}
    for key, value in ours.items():
        if {**before, "tuning": budget}.get(key) != json.loads(json.dumps(value)):
            raise TrainingError(f"{out}: holds a benchmark with other {key}; choose another folder")


def noted(out: Path) -> dict[str, Any]:
    """benchmark.json of a folder. Raises TrainingError."""
    try:
        note = dict(json.loads((out / FILE).read_text()))
        if note.get("schema") == SCHEMA:
            return note
        why = f"its schema is {note.get('schema')!r}"
    except (OSError, ValueError, TypeError) as error:
        why = getattr(error, "strerror", None) or str(error)
    raise TrainingError(f"{out}: holds no benchmark ({why}: {FILE}); give the folder of one")
