"""The Evaluate tab: a checkpoint on a data set; figures, curves, and the clips farthest off, which open in Inspect."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import gradio as gr

from sec2sec.datasets.archive import unpack_data
from sec2sec.datasets.open import open_data
from sec2sec.datasets.table import SPLITS, DataError
from sec2sec.evaluation import document as page
from sec2sec.evaluation.evaluate import Evaluated, evaluate_steps
from sec2sec.evaluation.report import EvaluationReport, TargetReport
from sec2sec.progress import Progress
from sec2sec.ui.clips import FULL, WAITING, cached, hidden, probe_upload, span
from sec2sec.ui.devices import RunsOn, device_words
from sec2sec.ui.inspect_tab import Opening
from sec2sec.ui.messages import alert, errors_as_messages, status
from sec2sec.ui.models import Models
from sec2sec.ui.settings import Settings
from sec2sec.ui.work import Job, stream_from_thread
from sec2sec.viewer import files

MAX_FILES = 20_000  # of an uploaded data set
PICK = "Choose a data set, or upload one as a zip, then press Evaluate."
HERE = Path(str(resources.files(__package__)))


@dataclass(frozen=True)
class Found:
    """What one visitor evaluated last."""

    model: str
    worst: Mapping[str, list[Path]]  # target → clips, the farthest off first
    unpacked: Path | None = None  # of their upload


def data_sets_in(folder: Path) -> list[str]:
    """Names of the folders that the host offers as data sets."""
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def tab(settings: Settings, models: Models, tabs: gr.Tabs, inspecting: Opening) -> gr.Dropdown:
    """Lays out the tab and wires it; called within gr.Blocks. Returns where a model is chosen.

    A clip is opened in the tab of id "inspect".
    """
    names, offered = models.names(), data_sets_in(settings.data_sets)
    found = gr.State(None)
    with gr.Row(elem_classes="inspect evaluate"):
        with gr.Column(scale=0, min_width=364, elem_classes="left"):
            model = gr.Dropdown(names, value=names[0] if names else None, label="Model", elem_id="evaluate-model")
            data = gr.Dropdown(
                offered,
                value=offered[0] if offered else None,
                label="Data set of this server",
                elem_id="evaluate-data",
                visible=bool(offered),
            )
            upload = gr.File(
                label="Upload a data set (zip)",
                file_types=[".zip"],
                height=58,
                show_label=False,
                elem_id="evaluate-upload",
                elem_classes="pick",
            )
            gr.HTML(
                f"<p>A zip of clips with a table, clips.csv (columns id, path, split, group, and one a target), up to "
                f"{settings.max_megabytes} MB; seen by you alone; deleted after {span(settings.delete_after)}.</p>",
                elem_classes="limits",
            )
            split = gr.Dropdown(["all", *SPLITS], value="all", label="Split", elem_id="evaluate-split")
            with gr.Row(elem_classes="actions"):
                go = gr.Button("Evaluate", variant="primary", elem_id="evaluate", min_width=120)
                stop = gr.Button("Stop", variant="stop", visible=False, elem_id="evaluate-stop", min_width=80)
                save = gr.DownloadButton("Report", visible=False, elem_id="evaluate-save", min_width=80)
            told = gr.HTML(status(PICK), elem_id="evaluate-status")
        with gr.Column(scale=1, min_width=320, elem_classes="right"):
            report = _report_view()

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    same = gr.skip()
    results = [found, told, report, save, go, stop]

    def outputs(told: Any, report: Any = same, save: Any = same, found: Any = same, busy: bool = False) -> Any:
        return found, told, report, save, gr.update(interactive=not busy), gr.update(visible=busy)

    @errors_as_messages(lambda message: outputs(alert(message)))
    def run(
        before: Found | None, model: str | None, data: str | None, zipped: str | None, split: str
    ) -> Iterator[tuple[Any, ...]]:
        if before is not None and before.unpacked is not None:
            shutil.rmtree(before.unpacked, ignore_errors=True)
        yield outputs(status("Opening the data set"), "", hidden(save), None, busy=True)
        into: Path | None = None
        if zipped is not None:
            into = cached(upload, "data")
            folder = unpack_data(zipped, into, max_bytes=settings.limits.max_bytes, max_files=MAX_FILES)
            for file in into.rglob("*"):
                upload.temp_files.add(str(file))  # so that gradio deletes it when it is old
        elif data in data_sets_in(settings.data_sets):  # names come from a browser: only what is listed is opened
            folder = settings.data_sets / data
        else:
            raise DataError(PICK)
        ended: Evaluated | None = None
        where = ""
        for step in stream_from_thread(_evaluation(models, model, folder, split, inside=into is not None)):
            if isinstance(step, Evaluated):
                ended = step
            elif isinstance(step, RunsOn):
                where = step.words
            elif isinstance(step, Progress):
                yield outputs(status(step.message, step.fraction), busy=True)
            elif step is not None:
                yield outputs(status(step), busy=True)
        assert ended is not None, "evaluate_steps ended without a report"
        title = folder.name if into is None else Path(str(zipped)).stem
        worst = {
            name: [Path(clip["path"]) for clip in target["worst"]] for name, target in ended.report["targets"].items()
        }
        public = without_paths(ended.report, folder, title)
        written = cached(save, f"{public['checkpoint']['name']} on {title}.html")
        written.write_text(page.as_page(public), encoding="utf-8")
        yield outputs(
            status(f"Evaluated {public['clips']} clips of {title}. They were encoded on {where}."),
            page.as_fragment(public, [_named(line, folder) for line in ended.unusable]),
            gr.update(value=str(written), visible=True),
            Found(public["checkpoint"]["name"], worst, into),
        )

    opened = [told, tabs, inspecting.model, *inspecting.outputs]

    @errors_as_messages(lambda message: (alert(message), *[same] * (len(opened) - 1)))
    def open_clip(found: Found | None, event: gr.EventData) -> tuple[Any, ...]:
        target, rank = event._data.get("target"), event._data.get("rank")  # come from a browser
        clips = found.worst.get(target, []) if found is not None and isinstance(target, str) else []
        if found is None or not isinstance(rank, int) or not 0 <= rank < len(clips):
            return (same,) * len(opened)
        source, said = probe_upload(str(clips[rank]), settings)
        if source.playable:  # a copy, because the rest of a data set is never served
            copy = cached(upload, clips[rank].name)
            shutil.copyfile(clips[rank], copy)
            source = source.shown_as(str(copy))
        return same, gr.Tabs(selected="inspect"), found.model, *inspecting.show(source, said)

    running = go.click(lambda: status(WAITING), None, told, queue=False, **quiet).then(
        run,
        [found, model, data, upload, split],
        results,
        concurrency_limit=1,  # it takes every clip of a data set: one at a time, beside the clips of others
        **quiet,
    )
    running.failure(lambda said: alert(FULL) if WAITING in said else same, told, told, queue=False, **quiet)
    upload.upload(lambda: None, None, data, queue=False, **quiet)  # one data set at a time is chosen
    data.input(lambda: None, None, upload, queue=False, **quiet)
    stop.click(lambda: outputs(status("Stopped.")), None, results, queue=False, cancels=[running], **quiet)
    report.select(open_clip, found, opened, queue=False, cancels=inspecting.running, **quiet)
    return model


def _evaluation(models: Models, name: str | None, folder: Path, split: str, *, inside: bool) -> Callable[[Job], None]:
    """Evaluates; tells RunsOn, Progress, a str while it waits, Evaluated. Takes its turn on the device for each clip.

    It asks nobody for a GPU: a lent one would wait for the decoder nearly all of its time, and a quota that ends
    before the data set does would lose the whole evaluation.
    """

    def work(job: Job) -> None:
        with models.own_devices.least_busy() as device:
            bundle, lock = models.get(name, device.name), device.lock
            assert lock is not None, "it is a device of this process"
            job.tell(RunsOn(device_words(bundle.device)))
            # decoded in this process: workers would be a set of them for each visitor
            steps = evaluate_steps(bundle, open_data(folder, inside=inside), split=split, workers=0)
            while True:
                while not lock.acquire(timeout=0.5):
                    job.tell("Waiting: another clip is being encoded")
                try:
                    progress = next(steps)
                except StopIteration as end:
                    return job.tell(end.value)
                finally:
                    lock.release()
                job.tell(progress)

    return work


def without_paths(report: EvaluationReport, folder: Path, title: str) -> EvaluationReport:
    """The report as its visitor may read it: nothing of where this server keeps the data."""

    def public(target: TargetReport) -> TargetReport:
        return {**target, "worst": [{**clip, "path": _named(clip["path"], folder)} for clip in target["worst"]]}

    return {**report, "data": title, "targets": {name: public(target) for name, target in report["targets"].items()}}


def _report_view() -> gr.HTML:
    """The report; a press of a clip's button triggers `select` with its target and rank."""
    return gr.HTML(
        value="",
        html_template='<div class="report">${value}</div>',
        css_template=files.style(files.PAGE_STYLE, HERE / "evaluate.css"),
        js_on_load=files.script(HERE / "evaluate.js"),
        apply_default_css=False,
        elem_id="evaluate-report",
    )


def _named(text: str, folder: Path) -> str:
    """A path, or a sentence with one, without the folder of the data set."""
    return text.replace(f"{folder}/", "").replace(str(folder), folder.name)
