"""The drawer for several clips: files in, a table that fills, and a press on a line that opens its explanation.

Each clip is an event of its own in the queue, so that between two clips everybody else has their turn.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from sec2sec.errors import UserError
from sec2sec.export.as_table import tidy_of_clip
from sec2sec.many.records import record_of_target
from sec2sec.many.rows import RowsFile
from sec2sec.progress import Steps, clock
from sec2sec.ui.analysis import explain_on_device
from sec2sec.ui.chosen_clip import UPLOADS, WHOLE, ClipResult, limits_words, probe_upload
from sec2sec.ui.clip_cache import ExplainedClip
from sec2sec.ui.devices import with_device_lock
from sec2sec.ui.downloads import save_js
from sec2sec.ui.events import AT_ONCE, STOPPED, Updates, follow, run_in_queue, stop_in_browser
from sec2sec.ui.gradio_private import event_data, served_path
from sec2sec.ui.messages import alert, errors_as_messages, message_for, status
from sec2sec.ui.settings import Settings
from sec2sec.ui.several.clip_list import ClipLine, ClipList
from sec2sec.ui.visit import Visit
from sec2sec.viewer import files
from sec2sec.viewer.templates import render

if TYPE_CHECKING:
    from sec2sec.ui.inspect_tab import InspectTab

HERE = Path(str(resources.files(__package__)))
DRAWER = {"several": "Several clips at once"}  # by the end of its id: what opens it
HELP = (
    "Drop or choose several clips: each is explained in its turn with the chosen model and becomes a line of a table. "
    "A line opens its explanation."
)
GONE = "The list is gone, because it was made long ago; drop the clips again."
NOTHING_TO_SAVE = "No clip of the list is explained yet; wait for the first."
TABLE_NAME = "clips.sec2sec.csv"


class SeveralLayout:
    """The components of the drawer; made within gr.Blocks."""

    def __init__(self, settings: Settings) -> None:
        self.list = gr.State(None, time_to_live=settings.delete_after)  # ClipList
        self.turn = gr.Number(0, precision=0, visible="hidden")  # of the event that is to explain the next clip
        with gr.Column(min_width=0, elem_classes=["drawers-and-buttons", "of-several"]):
            gr.HTML(render("drawers.html", drawers=DRAWER), apply_default_css=False)
            with gr.Column(min_width=0, elem_classes="drawer", elem_id="drawer-several"):
                self.lay_out(settings)

    def lay_out(self, settings: Settings) -> None:
        """What is in the drawer."""
        gr.HTML(render("paragraph.html", text=HELP), elem_classes="limits")
        self.files = gr.File(
            label="Upload several clips",
            show_label=False,
            file_count="multiple",
            file_types=UPLOADS,
            height=58,
            elem_id="several-files",
            elem_classes="pick",
        )
        gr.HTML(limits_words(settings), elem_classes="limits")
        with gr.Row(elem_classes="actions"):
            self.stop = gr.Button(
                "Stop", variant="stop", visible=False, elem_id="several-stop", size="sm", min_width=80
            )
            self.go_on = gr.Button("Go on", visible=False, elem_id="several-go-on", size="sm", min_width=80)
            self.save = gr.Button("CSV of all", visible=False, elem_id="several-csv", size="sm", min_width=80)
        self.saved = gr.DownloadButton(visible="hidden", elem_id="several-saved")
        self.line = gr.HTML("", elem_id="several-status")
        self.table = gr.HTML(
            html_template=(HERE / "view.html").read_text(encoding="utf-8"),
            css_template=files.style(files.SHARED_STYLE, HERE / "several.css"),
            js_on_load=files.script(HERE / "several.js"),
            apply_default_css=False,
            elem_id="several-table",
        )

    @property
    def outputs(self) -> list[Any]:
        """What a step of the list changes."""
        return [self.list, self.turn, self.line, self.table, self.stop, self.go_on, self.save]


class SeveralClips:
    """What happens in the drawer. inspecting: the tab that opens a clip."""

    def __init__(self, layout: SeveralLayout, inspecting: InspectTab) -> None:
        self.layout, self.inspecting = layout, inspecting
        self.settings, self.models, self.known = inspecting.settings, inspecting.models, inspecting.known

    def shown(self, clips: ClipList, line: str) -> Updates:
        """The list as it is now. line: of the status, HTML."""
        layout = self.layout
        model = self.models.get(clips.lines[-1].model).summary
        learned = f"Model {model.name}. {model.trained_on.strip()}"
        busy = (clips.is_going and clips.waits) or clips.running
        return {
            layout.list: clips,
            layout.line: line,
            layout.table: json.dumps(clips.as_json(learned)),
            layout.stop: gr.update(visible=busy),
            layout.go_on: gr.update(visible=clips.waits and not busy),
            layout.save: gr.update(visible=any(line.state == "done" for line in clips.lines)),
        }

    def take(self, paths: Sequence[str] | None, clips: ClipList | None, model: str | None) -> Updates:
        """Files were dropped: more lines, the first of which begins where nothing runs."""
        layout = self.layout
        clips = clips or ClipList()
        if not paths:
            return {layout.files: None}
        begins = clips.add(paths, model)
        updates = {**self.shown(clips, status(clips.words())), layout.files: None}
        return updates | ({layout.turn: clips.next_turn()} if begins else {})

    def go_on(self, clips: ClipList | None) -> Updates:
        """Go on was pressed."""
        clips = _there(clips)
        clips.is_going = True
        return {**self.shown(clips, status(clips.words())), self.layout.turn: clips.next_turn()}

    def stop(self, clips: ClipList | None) -> Updates:
        """Stop was pressed: what is done stays, and the rest waits."""
        clips = _there(clips)
        clips.stop()
        return self.shown(clips, status(f"{STOPPED} {clips.words()}"))

    def explain_next(self, visit: Visit, clips: ClipList | None, turn: int) -> Iterator[Updates]:
        """One clip of the list, in its turn; the next one is another event."""
        clips = _there(clips)
        line = clips.begin(turn)
        if line is None:
            yield {self.layout.line: gr.skip()}
            return
        try:
            yield self.shown(clips, status(f"{clips.words()} {line.name}: opening"))
            with closing(self.explain(visit, clips, line)) as updates:
                for update in updates:
                    if clips.turn != turn:  # stopped, and the answer to that is on the page
                        return
                    yield update
        finally:
            if line.state == "running" and clips.turn == turn:
                clips.stop()
        yield self.shown(clips, status(clips.words()))

    def pass_on(self, clips: ClipList | None) -> Updates:
        """An event has come to its end: the next one may begin, unless the list was stopped."""
        waits = clips is not None and clips.is_going and clips.waits
        return {self.layout.turn: clips.next_turn() if clips is not None and waits else gr.skip()}

    def explain(self, visit: Visit, clips: ClipList, line: ClipLine) -> Generator[Updates, None, None]:
        """The explanation of a line, or the reason why there is none."""
        try:
            clip = yield from self.explained(visit, clips, line)
            explanation, shown = clip.explanation, clip.shown_targets
            if clips.table is None:
                clips.table = served_path(self.layout.saved, TABLE_NAME)
            RowsFile(clips.table).add(tidy_of_clip(line.name, explanation, shown))
        except Exception as error:
            line.reason, line.state = message_for(error), "failed"
            return
        line.length = clock(explanation.clip.duration)
        line.targets = {name: record_of_target(explanation, name) for name in shown}
        line.state = "done"

    def explained(self, visit: Visit, clips: ClipList, line: ClipLine) -> Generator[Updates, None, ExplainedClip]:
        """The clip as the Inspect tab holds it, explained now or before."""
        chosen, _ = probe_upload(line.path, self.settings)
        key = self.known.key(chosen, line.model, WHOLE)
        clip = self.known.find(visit, key, chosen, line.model)
        if clip is None:
            analysed = chosen.analysed(WHOLE, self.settings.limits)

            def steps(device: str) -> Steps[ClipResult]:
                self.models.get(line.model)  # before a GPU is lent
                return (yield from explain_on_device(self.models, line.model, device, analysed))

            result = yield from follow(
                with_device_lock(self.models.devices, steps),
                self.layout.line,
                lambda progress: replace(progress, message=f"{clips.words()} {line.name}: {progress.message}"),
                limit=self.settings.job_seconds,
            )
            clip = self.known.make(result, chosen=chosen, part=WHOLE, model=line.model)
        self.known.keep(visit, key, clip)
        return clip

    def open_line(self, visit: Visit, clips: ClipList | None, index: Any) -> Updates:
        """A line was pressed: its clip is chosen in Inspect, with its explanation where that is still in memory."""
        line = _there(clips).line(index)
        inspect, screen = self.inspecting.layout, self.inspecting.screen
        chosen, words = probe_upload(line.path, self.settings)
        key = self.known.key(chosen, line.model, WHOLE)
        clip = self.known.find(visit, key, chosen, line.model) if chosen.playable else None
        if clip is None:
            updates = screen.offer_explain(chosen, words, at_once=True)
        else:
            at = self.known.keep(visit, key, clip)
            ready = status(f"{words}. One of several clips; the list is under “Several clips at once”.")
            updates = screen.show_chosen(chosen, "") | screen.show_explained(clip, at, ready, converting=False)
        return {**updates, inspect.model: line.model, inspect.upload: None}

    def save(self, clips: ClipList | None) -> Updates:
        """The rows of all that are explained, as a file."""
        clips = _there(clips)
        if clips.table is None or not clips.table.exists():
            raise UserError(NOTHING_TO_SAVE)
        copy = served_path(self.layout.saved, TABLE_NAME)
        shutil.copyfile(clips.table, copy)
        if clips.saved is not None:
            clips.saved.unlink(missing_ok=True)
        clips.saved = copy
        return {self.layout.saved: str(copy), self.layout.line: status(f"{TABLE_NAME} is in your downloads.")}

    def refuse(self, message: str) -> Updates:
        """What is in the list stays, beside the message of an error; whatever waits can go on."""
        layout = self.layout
        return {
            layout.line: alert(message),
            layout.stop: gr.update(visible=False),
            layout.go_on: gr.update(visible=True),
        }

    def connect(self) -> None:
        """What each component calls."""
        layout, inspecting = self.layout, self.inspecting
        guarded = errors_as_messages(lambda message: {layout.line: alert(message), layout.files: None})
        of_list = [layout.files, *layout.outputs]
        layout.files.upload(
            guarded(self.take), [layout.files, layout.list, inspecting.layout.model], of_list, **AT_ONCE
        )
        running = run_in_queue(
            layout.turn,
            self.explain_next,
            [inspecting.layout.visit, layout.list, layout.turn],
            layout.outputs,
            line=layout.line,
            on_error=self.refuse,
            at_once=self.settings.concurrency,
        )
        # in a step of its own: an event that is still on its way takes no second press
        running.success(self.pass_on, layout.list, layout.turn, **AT_ONCE)
        stop_in_browser(layout.stop, layout.line)
        layout.stop.click(guarded(self.stop), layout.list, of_list, cancels=[running], **AT_ONCE)
        layout.go_on.click(guarded(self.go_on), layout.list, of_list, **AT_ONCE)
        refused = errors_as_messages(lambda message: {layout.saved: None, layout.line: alert(message)})
        layout.save.click(refused(self.save), layout.list, [layout.saved, layout.line], **AT_ONCE).then(
            None, layout.saved, None, js=save_js(), **AT_ONCE
        )
        inspect = inspecting.layout
        layout.table.select(
            self.line_pressed,
            [inspect.visit, layout.list],
            [layout.line, inspect.upload, *inspect.outputs_of_choice],
            cancels=inspecting.running,
            **AT_ONCE,
        )

    def line_pressed(self, visit: Visit, clips: ClipList | None, event: gr.EventData) -> Updates:
        """What a line calls; what is shown stays where it cannot be opened."""
        index = event_data(event).get("line")
        newest = self.inspecting.newest(
            partial(self.open_line, visit), lambda message: {self.layout.line: alert(message)}
        )
        return newest(visit, clips, index)


def _there(clips: ClipList | None) -> ClipList:
    if clips is None:
        raise UserError(GONE)
    return clips
