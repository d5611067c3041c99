"""The part of the downloads that takes its time: the clip with its explanation burnt in, as MP4 or as GIF."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from sec2sec.render.annotate import annotate
from sec2sec.render.annotated_frames import MAX_TARGETS
from sec2sec.render.gif import write_gif
from sec2sec.ui.clip_cache import ClipCache
from sec2sec.ui.events import AT_ONCE, STOPPED, Updates, follow, hide, run_in_queue, stop_in_browser
from sec2sec.ui.gradio_private import served_path
from sec2sec.ui.messages import alert, status
from sec2sec.ui.settings import Settings


@dataclass(frozen=True)
class Kind:
    """A form of film. suffix: of its name. making: what the status says meanwhile."""

    suffix: str
    save: str
    making: str
    write: Callable[..., None]


MP4 = Kind("-annotated.mp4", "Save MP4", "Writing the annotated clip", annotate)
GIF = Kind(".gif", "Save GIF", "Writing the GIF", write_gif)


class AnnotatedFilm:
    """Buttons that are there once a clip was explained: they make a film, and then offer to save it."""

    def __init__(self, settings: Settings, cache: ClipCache, clip_id: gr.State) -> None:
        """Lays out and wires the box; called within gr.Blocks."""
        self.cache, self.limits, self.job_seconds = cache, settings.limits, settings.job_seconds
        with gr.Column(visible=False, elem_id="annotated") as self.box:
            self.overlay = gr.Checkbox(True, label="Show the co-attention in the film", elem_id="annotate-overlay")
            with gr.Row(elem_classes="actions"):
                self.make = gr.Button("Annotated MP4", elem_id="annotate", size="sm", min_width=80)
                self.make_gif = gr.Button("GIF for slides", elem_id="gif", size="sm", min_width=80)
                self.stop = gr.Button(
                    "Stop", variant="stop", visible=False, elem_id="annotate-stop", size="sm", min_width=80
                )
                self.save = gr.DownloadButton(
                    "Save MP4", visible=False, elem_id="annotate-save", size="sm", min_width=80
                )
            self.line = gr.HTML("", elem_id="annotate-status")
        self.connect(settings, clip_id)

    def render(self, kind: Kind, key: str | None, overlay: bool) -> Iterator[Updates]:
        """Write the film of an explained clip."""
        clip = self.cache.get(key)
        yield {self.line: status(kind.making, 0.0)} | self.set_busy(True) | hide(self.save)
        out = served_path(self.save, f"{Path(clip.explanation.clip.name).stem}{kind.suffix}")
        names = clip.shown_targets[:MAX_TARGETS]
        yield from follow(
            lambda channel: kind.write(
                clip.path,
                clip.explanation,
                out,
                targets=names,
                overlay=overlay,
                limits=replace(self.limits, max_seconds=math.inf),  # its length was checked when it was explained
                progress=channel.share_sender(kind.making),
            ),
            self.line,
            limit=self.job_seconds,
        )
        clip.keep_newest(kind.suffix, out)
        ready = gr.update(value=str(out), label=kind.save, visible=True)
        yield self.end(status(f"{out.name} is ready.")) | {self.save: ready}

    def set_busy(self, busy: bool) -> Updates:
        """One film at a time; Stop is there while one is written."""
        idle = gr.update(interactive=not busy)
        return {self.make: idle, self.make_gif: idle, self.stop: gr.update(visible=busy)}

    def end(self, line: str) -> Updates:
        """Nothing is being written."""
        return {self.line: line} | self.set_busy(False)

    def renew(self, key: str | None) -> Updates:
        """Another clip was explained, or none is."""
        return {self.box: gr.update(visible=key is not None)} | self.end("") | hide(self.save)

    def connect(self, settings: Settings, clip_id: gr.State) -> None:
        """Wire the buttons."""
        of_end = [self.line, self.make, self.make_gif, self.stop]
        making: list[dict[str, Any]] = [
            run_in_queue(
                button,
                functools.partial(self.render, kind),
                [clip_id, self.overlay],
                [*of_end, self.save],
                line=self.line,
                on_error=lambda message: self.end(alert(message)),
                at_once=settings.concurrency,
            )
            for button, kind in ((self.make, MP4), (self.make_gif, GIF))
        ]
        stop_in_browser(self.stop, self.line)
        self.stop.click(lambda: self.end(status(STOPPED)), None, of_end, cancels=making, **AT_ONCE)
        clip_id.change(self.renew, clip_id, [self.box, self.save, *of_end], cancels=making, **AT_ONCE)
