"""The status of trainings, as the page that polls draws it: the list, the chosen one, its curves, validation clips."""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sec2sec.datasets.isolated import open_uploaded
from sec2sec.datasets.known_truth import read_planted
from sec2sec.datasets.table import TableLimits
from sec2sec.jobs.expiry import TrainingExpiry
from sec2sec.jobs.job import Job, Jobs, JobSpec, State
from sec2sec.jobs.worker import in_words
from sec2sec.plots.training import losses, scores
from sec2sec.serving.server_paths import without_server_paths
from sec2sec.training.settings import TrainConfig, train_config
from sec2sec.training.setup import load_data
from sec2sec.ui.stills import still_of
from sec2sec.ui.training.submit import owner_of

MAX_LISTED = 30  # trainings in the list
KNOWN_TRUTH = "It learns from generated clips with planted cues, not from people's ratings."
DEMO_ENCODERS = (
    "Its encoders are those of the bundled demo, which were made with such clips; what is learned here stands right of "
    "them."
)
CHOSEN = "The validation clips chose the weights, so these figures flatter."
UNSEEN = "On test clips, which chose nothing."
LABELS = {
    "starting": "Starting",
    "waiting": "Waiting",
    "clips": "Making clips",
    "data": "Reading the data",
    "tokens": "Encoding",
    "training": "Training",
    "measuring": "Measuring",
    "ending": "Ending",
    "stopped": "Stopped",
    "failed": "Failed",
    "done": "Done",
    "dead": "Stopped unexpectedly",
}


def job_status(
    jobs: Jobs, owner: str | None, question: Mapping[str, Any], keep_hours: float = math.inf
) -> dict[str, Any]:
    """What changed since the last question of the page.

    keep_hours: from the end of a training to its deletion.
    question: `run`, the id of the chosen training, or none for the newest; `since`, the epochs that the page has of
    that one; `signature` of the last answer, which is the whole answer if nothing is new.
    """
    listed = [(job, job.spec(), job.state()) for job in jobs.all(owner)[:MAX_LISTED]]
    chosen = next((entry for entry in listed if entry[0].id == question.get("run")), listed[0] if listed else None)
    answer: dict[str, Any] = {"runs": [_entry(*entry) for entry in listed], "run": None}
    if chosen is not None:
        deletion = TrainingExpiry(jobs.folder, keep_hours).deletion_time(chosen[0])
        answer["run"] = {**_details(*chosen, question), "deletion": deletion}
    signature = hashlib.sha256(json.dumps(answer, sort_keys=True).encode()).hexdigest()[:16]
    return {"signature": signature} | ({} if signature == question.get("signature") else answer)


def others_of(jobs: Jobs, visitor: object) -> int:
    """Number of trainings that are not this visitor's. Raises JobError without one."""
    return len(jobs.all()) - len(jobs.all(owner_of(visitor)))


def _entry(job: Job, spec: JobSpec, state: State) -> dict[str, Any]:
    words = LABELS.get(state.stage, state.stage)
    if state.stage == "waiting":
        words = f"Place {state.done} in the queue"
    elif state.stage in ("clips", "tokens", "training") and state.total:
        words += f", {state.done} of {state.total}"
    about = {"title": spec.title, "about": spec.about, "created": spec.created}
    return {"id": job.id, **about, "words": words, "stage": state.stage}


def _details(job: Job, spec: JobSpec, state: State, question: Mapping[str, Any]) -> dict[str, Any]:
    config = train_config(spec.config)
    reports = job.reports()
    since = question.get("since") if question.get("run") == job.id else 0
    since = since if isinstance(since, int) and 0 <= since <= len(reports) else 0
    is_working = state.is_running and state.stage != "waiting"
    is_over_time = spec.minutes is not None and job.spent > 60 * spec.minutes
    return {
        "id": job.id,
        "title": spec.title,
        "about": spec.about,
        "stage": state.stage,
        "label": LABELS.get(state.stage, state.stage),
        "message": without_server_paths(state.message.removeprefix("encoding: ")),  # the label says so
        "fraction": state.done / state.total if state.total and state.stage != "failed" else None,
        "left": _left(state, reports),
        "sentence": _sentence(job, spec, config),
        "can": {
            "stop": state.is_running and state.stage != "ending",
            "finish": is_working and bool(reports) and state.stage == "training",
            "resume": state.stage in ("stopped", "failed", "dead") and not is_over_time,
            "open": job.finished and not state.is_running,
            "download": job.finished and not state.is_running,
            "remove": not state.is_running,
        },
        "figures": _figures(reports, config) if reports else None,
        "table": _table(job, reports),
        "epochs": len(reports),
        "since": since,
        "examples": [report["examples"] for report in reports[since:]],
        "attends": any(example["attention"] for report in reports[:1] for example in report["examples"]),
    }


def _left(state: State, reports: Sequence[Mapping[str, Any]]) -> str:
    """The time left in words, where it is known."""
    if state.stage != "training" or not reports:
        return ""
    return f"at most {in_words(reports[-1]['seconds_left']).removeprefix('about ')} left"


def _sentence(job: Job, spec: JobSpec, config: TrainConfig) -> str:
    """What the model learned from."""
    trained_on = _json(job.checkpoint / "config.json").get("trained_on", "") if job.finished else ""
    if not trained_on and spec.make is not None:
        trained_on = KNOWN_TRUTH
    is_demo = config.preset == "compact" and not config.init and not config.names_encoders
    return " ".join(sentence for sentence in (str(trained_on), DEMO_ENCODERS if is_demo else "") if sentence)


def _figures(reports: Sequence[Mapping[str, Any]], config: TrainConfig) -> dict[str, Any]:
    """The two charts."""
    columns = {name: [report[name] for report in reports] for name in ("loss", "validation_loss", "score", "scores")}
    trivial = [report["trivial_score"] for report in reports]
    targets = {name: [scores.get(name) for scores in columns["scores"]] for name in reports[0]["scores"]}
    best = reports[-1]["best_epoch"]
    return {
        "losses": losses(columns["loss"], columns["validation_loss"], config.epochs),
        "scores": scores(columns["score"], targets, trivial, config.epochs, best),
    }


def _table(job: Job, reports: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Each target's score beside its best trivial answer: on test clips at the end, on validation clips before."""
    metrics = _json(job.checkpoint / "metrics.json") if job.finished else {}
    split = next((name for name in ("test", "validation") if metrics.get(name)), None)
    if split is not None:
        rows = []
        for name, target in metrics[split]["targets"].items():
            gain = target["gain"]
            score = target[gain["metric"]]
            rows.append([name, gain["metric"], score, score - gain["value"], gain["value"], gain["interval"]])
        note = UNSEEN if split == "test" else CHOSEN
        return {"caption": f"{metrics[split]['clips']} {split} clips", "note": note, "rows": rows}
    if not reports:
        return None
    best = reports[reports[-1]["best_epoch"] - 1]
    rows = [
        [name, "score", score, best["trivial_scores"][name], score - best["trivial_scores"][name], None]
        for name, score in best["scores"].items()
        if score is not None and best["trivial_scores"].get(name) is not None
    ]
    return {"caption": f"Validation clips, epoch {best['epoch']}, the best so far", "note": CHOSEN, "rows": rows}


def examples(job: Job) -> dict[str, Any]:
    """Of the validation clips that each report shows: a still, and the seconds that were planted."""
    reports = job.reports()
    if not reports:
        return {}
    ids = tuple(example["id"] for example in reports[0]["examples"])
    return _examples(str(job.path), ids)


@functools.lru_cache(maxsize=64)
def _examples(folder: str, ids: tuple[str, ...]) -> dict[str, Any]:
    config = train_config(Job(Path(folder)).spec().config)
    is_upload = Path(config.data).is_relative_to(Path(folder).absolute())
    table, _ = load_data(config, partial(open_uploaded, limits=TableLimits())) if is_upload else load_data(config)
    paths = {row.id: row.path for row in table.rows if row.id in ids}
    planted = read_planted(table.directory) if (table.directory / "planted.csv").is_file() else {}
    return {
        name: {
            "still": still_of(path),
            "planted": planted[name].decisive.nonzero()[0].tolist() if name in planted else None,
        }
        for name, path in paths.items()
    }


def forget_examples() -> None:
    """Keep no still of a training that may have been deleted."""
    _examples.cache_clear()


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return {}
