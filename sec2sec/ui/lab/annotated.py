"""A button of the Inspect tab: the clip with its explanation burnt in, made when it is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gradio as gr

from sec2sec.render.annotate import annotate
from sec2sec.render.annotated_frames import MAX_TARGETS
from sec2sec.ui.clip_cache import ClipCache
from sec2sec.ui.events import AT_ONCE, Updates, follow, hide, run_in_queue
from sec2sec.ui.gradio_private import served_path
from sec2sec.ui.messages import alert, status
from sec2sec.ui.settings import Settings

MAKING = "Writing the annotated clip"


class AnnotatedFilm:
    """A box that is there once a clip was explained: it makes the film, and then offers to save it."""

    def __init__(self, settings: Settings, cache: ClipCache, clip_id: gr.State) -> None:
        """Lays out and wires the box; called within gr.Blocks."""
        self.cache, self.limits, self.job_seconds = cache, settings.limits, settings.job_seconds
        self.box = gr.Accordion("Annotated MP4", open=False, visible=False, elem_id="annotated", elem_classes="options")
        with self.box:
            self.overlay = gr.Checkbox(True, label="With the co-attention over the picture", elem_id="annotate-overlay")
            with gr.Row(elem_classes="actions"):
                self.make = gr.Button("Make annotated MP4", elem_id="annotate", min_width=120)
                self.stop = gr.Button("Stop", variant="stop", visible=False, elem_id="annotate-stop", min_width=80)
                self.save = gr.DownloadButton("Save MP4", visible=False, elem_id="annotate-save", min_width=100)
            self.line = gr.HTML("", elem_id="annotate-status")
        self.connect(settings, clip_id)

    def render(self, key: str | None, overlay: bool) -> Iterator[Updates]:
        """Write the film of an explained clip."""
        clip = self.cache.get(key)
        yield {self.line: status(MAKING, 0.0), self.stop: gr.update(visible=True)} | hide(self.save)
        out = served_path(self.save, f"{Path(clip.explanation.clip.name).stem}-annotated.mp4")
        names = clip.shown_targets[:MAX_TARGETS]
        yield from follow(
            lambda channel: annotate(
                clip.path,
                clip.explanation,
                out,
                targets=names,
                overlay=overlay,
                limits=replace(self.limits, max_seconds=math.inf),  # its length was checked when it was explained
                progress=channel.share_sender(MAKING),
            ),
            self.line,
            limit=self.job_seconds,
        )
        clip.keep_newest("annotated", out)
        yield self.end(status("The annotated clip is ready.")) | {self.save: gr.update(value=str(out), visible=True)}

    def end(self, line: str) -> Updates:
        """Nothing is being written."""
        return {self.line: line} | hide(self.stop)

    def renew(self, key: str | None) -> Updates:
        """Another clip was explained, or none is."""
        return {self.box: gr.update(visible=key is not None)} | self.end("") | hide(self.save)

    def connect(self, settings: Settings, clip_id: gr.State) -> None:
        """Wire the buttons."""
        making = run_in_queue(
            self.make,
            self.render,
            [clip_id, self.overlay],
            [self.line, self.stop, self.save],
            line=self.line,
            on_error=lambda message: self.end(alert(message)),
            at_once=settings.concurrency,
        )
        self.stop.click(lambda: self.end(status("Stopped.")), None, [self.line, self.stop], cancels=[making], **AT_ONCE)
        clip_id.change(self.renew, clip_id, [self.box, self.save, self.line, self.stop], cancels=[making], **AT_ONCE)
