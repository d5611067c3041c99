"""The Evaluate tab: a checkpoint on a data set; figures, curves, and the clips farthest off, which open in Inspect."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block

from sec2sec.datasets.archive import unpack_data
from sec2sec.datasets.open import open_data
from sec2sec.datasets.table import SPLITS, DataError
from sec2sec.evaluation import document as page
from sec2sec.evaluation.evaluate import Evaluated, evaluate_steps
from sec2sec.evaluation.report import EvaluationReport, TargetReport
from sec2sec.files import write_atomically
from sec2sec.ui.chosen_clip import duration_words, probe_upload
from sec2sec.ui.devices import acquire, device_words
from sec2sec.ui.events import AT_ONCE, Updates, buttons, follow, hide, run_in_queue, upload_field
from sec2sec.ui.gradio_private import delete_when_old, event_data, served_path
from sec2sec.ui.inspect_tab import InspectTab
from sec2sec.ui.messages import alert, errors_as_messages, status
from sec2sec.ui.models import Models
from sec2sec.ui.settings import Settings
from sec2sec.ui.work import Channel, Work
from sec2sec.viewer import files
from sec2sec.viewer.templates import render

MAX_FILES = 20_000  # of an uploaded data set
PICK_DATA = "Choose a data set, or upload one as a zip, then press Evaluate."
HERE = Path(str(resources.files(__package__)))


@dataclass(frozen=True)
class LastEvaluation:
    """What one visitor evaluated last."""

    model: str
    worst: Mapping[str, list[Path]]  # target → clips, the farthest off first
    unpacked: Path | None = None  # of their upload

    def clip(self, target: Any, rank: Any) -> Path | None:
        """One of the clips farthest off. target, rank: from a browser."""
        clips = self.worst.get(target, []) if isinstance(target, str) else []
        return clips[rank] if isinstance(rank, int) and 0 <= rank < len(clips) else None


def data_sets_in(folder: Path) -> list[str]:
    """Names of the folders that the host offers as data sets."""
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


class Layout:
    """The components of the tab; made within gr.Blocks."""

    def __init__(self, settings: Settings, models: Models) -> None:
        names, offered = models.names(), data_sets_in(settings.data_sets)
        self.last = gr.State(None)  # LastEvaluation
        with gr.Row(elem_classes="inspect evaluate"):
            with gr.Column(scale=0, min_width=364, elem_classes="left"):
                self.model = gr.Dropdown(
                    names, value=names[0] if names else None, label="Model", elem_id="evaluate-model"
                )
                self.data = gr.Dropdown(
                    offered,
                    value=offered[0] if offered else None,
                    label="Data set of this server",
                    elem_id="evaluate-data",
                    visible=bool(offered),
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
                self.split = gr.Dropdown(["all", *SPLITS], value="all", label="Split", elem_id="evaluate-split")
                with gr.Row(elem_classes="actions"):
                    self.evaluate = gr.Button("Evaluate", variant="primary", elem_id="evaluate", min_width=120)
                    self.stop = gr.Button("Stop", variant="stop", visible=False, elem_id="evaluate-stop", min_width=80)
                    self.save = gr.DownloadButton("Report", visible=False, elem_id="evaluate-save", min_width=80)
                self.status = gr.HTML(status(PICK_DATA), elem_id="evaluate-status")
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
        self, last: LastEvaluation | None, model: str | None, data: str | None, zipped: str | None, split: str
    ) -> Iterator[Updates]:
        """Evaluate was pressed. data: a name; zipped: the file of an upload."""
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
        folder, unpacked = self.open_data(data, zipped)
        work = evaluation(self.models, model, folder, split, inside=unpacked is not None)
        evaluated, device = yield from follow(work, own.status)
        title = Path(zipped).stem if zipped is not None else folder.name
        worst = {
            name: [Path(clip["path"]) for clip in target["worst"]]
            for name, target in evaluated.report["targets"].items()
        }
        public = without_paths(evaluated.report, folder, title)
        written = served_path(own.save, f"{public['checkpoint']['name']} on {title}.html")
        write_atomically(written, page.as_page(public).encode())
        yield {
            **self.end(status(f"Evaluated {public['clips']} clips of {title}. They were encoded on {device}.")),
            own.report: page.as_fragment(public, [_named(line, folder) for line in evaluated.unusable]),
            own.save: gr.update(value=str(written), visible=True),
            own.last: LastEvaluation(public["checkpoint"]["name"], worst, unpacked),
        }

    def open_data(self, name: str | None, zipped: str | None) -> tuple[Path, Path | None]:
        """The folder of a data set of this server, or of an upload, and where that was unpacked."""
        if zipped is not None:
            upload = self.layout.upload
            unpacked = served_path(upload, "data")
            folder = unpack_data(zipped, unpacked, max_bytes=self.settings.limits.max_bytes, max_files=MAX_FILES)
            delete_when_old(upload, unpacked.rglob("*"))
            return folder, unpacked
        if name not in data_sets_in(self.settings.data_sets):  # it comes from a browser: only what is listed is opened
            raise DataError(PICK_DATA)
        return self.settings.data_sets / name, None

    def open_clip(self, last: LastEvaluation | None, event: gr.EventData) -> Updates:
        """A clip of the report was pressed: it opens in Inspect."""
        sent = event_data(event)
        path = last.clip(sent.get("target"), sent.get("rank")) if last is not None else None
        if last is None or path is None:
            return {self.layout.status: gr.skip()}
        chosen, words = probe_upload(str(path), self.settings)
        if chosen.playable:  # a copy, because the rest of a data set is never served
            copy = served_path(self.layout.upload, path.name)
            shutil.copyfile(path, copy)
            chosen = chosen.with_copy(str(copy))
        inspect = self.inspecting.layout
        return {
            self.tabs: gr.Tabs(selected="inspect"),
            inspect.model: last.model,
            inspect.upload: None,
            **self.inspecting.offer_explain(chosen, words),
        }

    def connect(self) -> None:
        """What each component calls."""
        own, inspect = self.layout, self.inspecting.layout
        running = run_in_queue(
            own.evaluate,
            self.evaluate,
            [own.last, own.model, own.data, own.upload, own.split],
            own.for_results,
            line=own.status,
            on_error=self.refuse,
            at_once=1,  # it takes every clip of a data set: one at a time, beside the clips of others
        )
        own.upload.upload(lambda: None, None, own.data, **AT_ONCE)  # one data set at a time is chosen
        own.data.input(lambda: None, None, own.upload, **AT_ONCE)
        own.stop.click(lambda: self.end(status("Stopped.")), None, own.for_results, cancels=[running], **AT_ONCE)
        own.report.select(
            errors_as_messages(lambda message: {own.status: alert(message)})(self.open_clip),
            own.last,
            [own.status, self.tabs, inspect.model, inspect.upload, *inspect.outputs_of_choice],
            cancels=self.inspecting.running,
            **AT_ONCE,
        )


def tab(settings: Settings, models: Models, tabs: gr.Tabs, inspecting: InspectTab) -> gr.Dropdown:
    """Lays out the tab and wires it; called within gr.Blocks. Returns where a model is chosen."""
    layout = Layout(settings, models)
    EvaluateTab(layout, settings, models, tabs, inspecting).connect()
    return layout.model


def evaluation(
    models: Models, name: str | None, folder: Path, split: str, *, inside: bool
) -> Work[tuple[Evaluated, str]]:
    """Work that evaluates, and says on which device. It takes its turn on that device for each clip.

    It asks nobody for a GPU: a lent one would wait for the decoder nearly all of its time, and a quota that ends
    before the data set does would lose the whole evaluation.
    """

    def work(channel: Channel) -> tuple[Evaluated, str]:
        with models.own_devices.least_busy() as device:
            bundle, lock = models.get(name, device.name), device.lock
            assert lock is not None, "it is a device of this process"
            # decoded in this process: workers would be a set of them for each visitor
            steps = evaluate_steps(bundle, open_data(folder, inside=inside), split=split, workers=0)
            while True:
                acquire(lock, channel)
                try:
                    progress = next(steps)
                except StopIteration as end:
                    return end.value, device_words(bundle.device)
                finally:
                    lock.release()
                channel.send(progress)

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
