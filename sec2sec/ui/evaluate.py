"""The Evaluate tab: a checkpoint on a data set; figures, curves, and the clips farthest off, which open in Inspect."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block

from sec2sec.datasets.archive import unpack_data
from sec2sec.datasets.isolated import limits_of_upload, open_uploaded
from sec2sec.datasets.known_truth import planted_seconds
from sec2sec.datasets.open import open_data
from sec2sec.datasets.table import SPLITS, DataError
from sec2sec.evaluation import document as page
from sec2sec.evaluation.evaluate import Evaluated, SeenClipsError, evaluate_steps
from sec2sec.evaluation.report import EvaluationReport, TargetReport
from sec2sec.files import write_atomically
from sec2sec.paths import program_paths
from sec2sec.progress import Progress
from sec2sec.serving.server_paths import without_server_paths
from sec2sec.training.opening import open_as_learned
from sec2sec.ui.chosen_clip import duration_words, probe_upload
from sec2sec.ui.devices import acquire, device_words
from sec2sec.ui.events import (
    AT_ONCE,
    STOPPED,
    Updates,
    buttons,
    follow,
    hide,
    run_in_queue,
    stop_in_browser,
    upload_field,
)
from sec2sec.ui.gradio_private import delete_when_old, event_data, served_path
from sec2sec.ui.inspect_tab import InspectTab
from sec2sec.ui.messages import alert, status
from sec2sec.ui.models import Models
from sec2sec.ui.settings import Settings
from sec2sec.ui.stills import still_of
from sec2sec.ui.visit import Visit
from sec2sec.ui.work import Channel, Work
from sec2sec.viewer import files
from sec2sec.viewer.templates import render

MAX_FILES = 20_000  # of an uploaded data set
INCLUDE_SEEN = "Include clips that the model learned from"
NEEDS_BOTH = "Does it need sound and picture together?"
CLIPS_PAIRED = 24  # 576 pairs: a small model takes seconds for them, and others wait meanwhile
PAIRS = f"Pairs every sound with every picture of up to {CLIPS_PAIRED} clips."
PICK_DATA = "Choose a data set, or upload one as a zip, then press Evaluate."
PRESS = "Press Evaluate."
# What no folder can be called: the clips that come with the program, and a visitor's own upload
BUNDLED, UPLOADED = "/bundled", "/uploaded"
BUNDLED_NAME = "Known truth"
BUNDLED_TITLE = f"{BUNDLED_NAME} (24 generated clips)"
HERE = Path(str(resources.files(__package__)))


@dataclass(frozen=True)
class LastEvaluation:
    """What one visitor evaluated last."""

    model: str  # as Models.get takes it
    folder: Path  # of the data set
    worst: Mapping[str, list[tuple[str, Path]]]  # target → id and file of clips, the farthest off first
    unpacked: Path | None = None  # of their upload

    def clip(self, target: Any, rank: Any) -> tuple[str, Path] | None:
        """One of the clips farthest off. target, rank: from a browser."""
        clips = self.worst.get(target, []) if isinstance(target, str) else []
        return clips[rank] if isinstance(rank, int) and 0 <= rank < len(clips) else None


def data_sets_in(folder: Path) -> list[str]:
    """Names of the folders that the host offers as data sets."""
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def offered_data(settings: Settings, upload: str | None = None) -> list[tuple[str, str]]:
    """What may be evaluated on, as labels with values. upload: file of the visitor's own."""
    own = [(f"{Path(upload).name} (uploaded)", UPLOADED)] if upload is not None else []
    bundled = [(BUNDLED_TITLE, BUNDLED)] if program_paths().known_truth.is_dir() else []
    return [*own, *bundled, *((name, name) for name in data_sets_in(settings.data_sets))]


class Layout:
    """The components of the tab; made within gr.Blocks."""

    def __init__(self, settings: Settings, models: Models) -> None:
        names, offered = models.shared(), offered_data(settings)
        self.last = gr.State(None)  # LastEvaluation
        with gr.Row(elem_classes="inspect evaluate"):
            with gr.Column(scale=0, min_width=364, elem_classes="left"):
                self.model = gr.Dropdown(
                    names, value=names[0][1] if names else None, label="Model", elem_id="evaluate-model"
                )
                self.data = gr.Dropdown(
                    offered, value=offered[0][1] if offered else None, label="Data set", elem_id="evaluate-data"
                )
                self.upload = upload_field("Upload a data set (zip)", [".zip"], "evaluate-upload")
                gr.HTML(
                    render(
                        "paragraph.html",
                        text="A zip of clips with a table, clips.csv (columns id, path, split, group, and one per "
                        f"target), up to {settings.max_megabytes} MB; only you can see it; deleted after "
                        f"{duration_words(settings.delete_after)}.",
                    ),
                    elem_classes="limits",
                )
                self.split = gr.Dropdown(["all", *SPLITS], value="test", label="Split", elem_id="evaluate-split")
                self.include_seen = gr.Checkbox(False, label=INCLUDE_SEEN, elem_id="evaluate-include-seen")
                self.modalities = gr.Checkbox(False, label=NEEDS_BOTH, info=PAIRS, elem_id="evaluate-modalities")
                with gr.Row(elem_classes="actions"):
                    self.evaluate = gr.Button("Evaluate", variant="primary", elem_id="evaluate", min_width=120)
                    self.stop = gr.Button("Stop", variant="stop", visible=False, elem_id="evaluate-stop", min_width=80)
                    self.save = gr.DownloadButton("Report", visible=False, elem_id="evaluate-save", min_width=80)
                self.status = gr.HTML(status(PRESS if offered else PICK_DATA), elem_id="evaluate-status")
            with gr.Column(scale=1, min_width=320, elem_classes="right"):
                self.report = _report_view()

    @property
    def for_results(self) -> list[Block]:
        """What an evaluation changes."""
        return [self.last, self.status, self.report, self.save, self.evaluate, self.stop]


class EvaluateTab:
    """What happens when the tab is used."""

    def __init__(
        self, layout: Layout, settings: Settings, models: Models, tabs: gr.Tabs, inspecting: InspectTab
    ) -> None:
        """inspecting: opens clips, in the tab of id "inspect"."""
        self.layout, self.settings, self.models = layout, settings, models
        self.tabs, self.inspecting = tabs, inspecting

    def end(self, line: str) -> Updates:
        """Nothing runs any more; what was evaluated stays."""
        return {self.layout.status: line, **buttons(self.layout.evaluate, self.layout.stop, busy=False)}

    def refuse(self, message: str) -> Updates:
        """What was evaluated stays, beside the message of an error."""
        return self.end(alert(message))

    def evaluate(
        self,
        last: LastEvaluation | None,
        model: str | None,
        data: str | None,
        zipped: str | None,
        split: str,
        include_seen: bool,
        modalities: bool,
    ) -> Iterator[Updates]:
        """Evaluate was pressed. data: a name; zipped: the file of an upload; include_seen, modalities: ticked."""
        own = self.layout
        if last is not None and last.unpacked is not None:
            shutil.rmtree(last.unpacked, ignore_errors=True)
        yield {
            own.last: None,
            own.status: status("Opening the data set"),
            own.report: "",
            **hide(own.save),
            **buttons(own.evaluate, own.stop, busy=True),
        }
        data_set = self.open_data(data, zipped)
        folder, title = data_set.folder, data_set.title
        uploaded, pairs = data_set.unpacked is not None, CLIPS_PAIRED if modalities else 0
        request = Request(folder, split, bool(include_seen), uploaded=uploaded, modalities=pairs)
        work = evaluation(self.models, model, request)
        try:
            measured = yield from follow(work, own.status, limit=self.settings.job_seconds)
        except DataError as error:
            raise DataError(str(error).replace(str(folder), title)) from error
        evaluated = measured.evaluated
        worst = {
            name: [(clip["id"], Path(clip["path"])) for clip in target["worst"]]
            for name, target in evaluated.report["targets"].items()
        }
        public = without_paths(evaluated.report, folder, title)
        written = served_path(own.save, f"{public['checkpoint']['name']} on {title}.html")
        write_atomically(written, page.as_page(public).encode())
        unusable = [_named(line, folder) for line in evaluated.unusable]
        done = f"Evaluated {public['clips']} clips of {title}. They were encoded on {measured.device}."
        yield {
            **self.end(status(done)),
            own.report: page.as_fragment(public, unusable, measured.stills),
            own.save: gr.update(value=str(written), visible=True),
            own.last: LastEvaluation(model or "", folder, worst, data_set.unpacked),
        }

    def open_data(self, name: str | None, zipped: str | None) -> DataSet:
        """What was chosen, an upload unpacked. Raises DataError."""
        if name == UPLOADED and zipped is not None:
            upload = self.layout.upload
            unpacked = served_path(upload, "data")
            folder = unpack_data(zipped, unpacked, max_bytes=self.settings.limits.max_bytes, max_files=MAX_FILES)
            delete_when_old(upload, unpacked.rglob("*"))
            return DataSet(folder, Path(zipped).stem, unpacked)
        if name == BUNDLED:
            return DataSet(program_paths().known_truth, BUNDLED_NAME)
        if name not in data_sets_in(self.settings.data_sets):  # it comes from a browser: only what is listed is opened
            raise DataError(PICK_DATA)
        return DataSet(self.settings.data_sets / name, name)

    def offer_upload(self, zipped: str | None) -> Updates:
        """A zip was uploaded and is chosen now, or was taken away; what was said of another data set goes."""
        own, offered = self.layout, offered_data(self.settings, zipped)
        line = f"{Path(zipped).name} was uploaded. {PRESS}" if zipped is not None else PRESS if offered else PICK_DATA
        value = offered[0][1] if offered else None
        return {own.data: gr.update(choices=offered, value=value), own.status: status(line)}

    def press_clip(self, visit: Visit, last: LastEvaluation | None, event: gr.EventData) -> Updates:
        """A clip of the report was pressed: it takes the place of what Inspect holds or explains."""
        sent = event_data(event)
        clip = last.clip(sent.get("target"), sent.get("rank")) if last is not None else None
        if last is None or clip is None:
            return {self.layout.status: gr.skip()}
        return self.inspecting.newest(self.open_clip, lambda message: {self.layout.status: alert(message)})(
            visit, last, *clip
        )

    def open_clip(self, last: LastEvaluation, name: str, path: Path) -> Updates:
        """A clip of the data set opens in Inspect. name: its id."""
        chosen, words = probe_upload(str(path), self.settings)
        chosen = replace(chosen, planted=planted_seconds(last.folder, name))
        if chosen.playable:  # a copy, because the rest of a data set is never served
            copy = served_path(self.layout.upload, path.name)
            shutil.copyfile(path, copy)
            chosen = chosen.with_copy(str(copy))
        inspect = self.inspecting.layout
        return {
            self.tabs: gr.Tabs(selected="inspect"),
            inspect.model: last.model,
            inspect.upload: None,
            **self.inspecting.screen.offer_explain(chosen, words),
        }

    def connect(self) -> None:
        """What each component calls."""
        own, inspect = self.layout, self.inspecting.layout
        running = run_in_queue(
            own.evaluate,
            self.evaluate,
            [own.last, own.model, own.data, own.upload, own.split, own.include_seen, own.modalities],
            own.for_results,
            line=own.status,
            on_error=self.refuse,
            at_once=1,  # it takes every clip of a data set: one at a time, beside the clips of others
        )
        for changed in (own.upload.upload, own.upload.clear):
            changed(self.offer_upload, own.upload, [own.data, own.status], **AT_ONCE)
        for choice in (
            own.data,
            own.split,
            own.include_seen,
            own.modalities,
            own.model,
        ):  # an error was about what they held before
            choice.input(lambda: status(PRESS), None, own.status, **AT_ONCE)
        stop_in_browser(own.stop, own.status)
        own.stop.click(lambda: self.end(status(STOPPED)), None, own.for_results, cancels=[running], **AT_ONCE)
        own.report.select(
            self.press_clip,
            [inspect.visit, own.last],
            [own.status, self.tabs, inspect.model, inspect.upload, *inspect.outputs_of_choice],
            cancels=self.inspecting.running,
            **AT_ONCE,
        )


def tab(settings: Settings, models: Models, tabs: gr.Tabs, inspecting: InspectTab) -> gr.Dropdown:
    """Lays out the tab and wires it; called within gr.Blocks. Returns where a model is chosen."""
    layout = Layout(settings, models)
    EvaluateTab(layout, settings, models, tabs, inspecting).connect()
    return layout.model


@dataclass(frozen=True)
class Request:
    """What is to be measured."""

    folder: Path
    split: str
    include_seen: bool = False  # also clips that the model learned from
    uploaded: bool = False  # by a visitor: read by a process of its own, and no clip lies outside the folder
    modalities: int = 0  # clips that are paired with each other


@dataclass(frozen=True)
class DataSet:
    """What is chosen to evaluate on."""

    folder: Path
    title: str
    unpacked: Path | None = None  # of an upload


@dataclass(frozen=True)
class Measured:
    """What an evaluation found."""

    evaluated: Evaluated
    device: str  # where the clips were encoded, as it ends a sentence
    stills: dict[str, str] = field(default_factory=dict)  # data URLs by the id of a clip, of those that are listed


def evaluation(models: Models, name: str | None, request: Request) -> Work[Measured]:
    """Work that evaluates. It takes its turn on the device for each clip.

    It asks nobody for a GPU: a lent one would wait for the decoder nearly all of its time, and a quota that ends
    before the data set does would lose the whole evaluation.
    """

    def work(channel: Channel) -> Measured:
        with models.own_devices.least_busy() as device:
            bundle, lock = models.get(name, device.name), device.lock
            assert lock is not None, "it is a device of this process"
            # without workers, which would be a set of them for each visitor
            open_table = partial(open_uploaded, limits=limits_of_upload(MAX_FILES)) if request.uploaded else open_data
            data = open_as_learned(bundle, request.folder, open_table=open_table)
            steps = evaluate_steps(
                bundle,
                data,
                split=request.split,
                workers=0,
                include_seen=request.include_seen,
                isolated=request.uploaded,
                modalities=request.modalities,
            )
            while True:
                acquire(lock, channel)
                try:
                    progress = next(steps)
                except StopIteration as end:
                    evaluated: Evaluated = end.value
                    break
                except SeenClipsError as error:
                    raise DataError(f"{error.what}. Choose the split test, or tick “{INCLUDE_SEEN}”.") from error
                finally:
                    lock.release()
                channel.send(progress)
        device_used = device_words(bundle.device)
        return Measured(evaluated, device_used, stills_of(evaluated.report, channel, isolated=request.uploaded))

    return work


def stills_of(report: EvaluationReport, channel: Channel, *, isolated: bool) -> dict[str, str]:
    """A picture of each clip that the page lists, by id. isolated: a visitor brought the clips."""
    shown = {
        target["worst"][rank]["id"]: Path(target["worst"][rank]["path"])
        for name, target in report["targets"].items()
        for rank in page.shown_clips(name, target, {}).ranks
    }
    stills = {}
    for done, (name, path) in enumerate(shown.items()):
        channel.send(Progress(done, len(shown), "Reading pictures of the clips that are listed"))
        if (still := still_of(path, isolated=isolated)) is not None:
            stills[name] = still
    return stills


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
    """A path, or a sentence with one, without the folder of the data set or any other of this server."""
    return without_server_paths(text.replace(f"{folder}/", "").replace(str(folder), folder.name))
