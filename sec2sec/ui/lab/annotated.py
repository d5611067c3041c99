"""A button of the Inspect tab: the clip with its explanation burnt in, made when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from sec2sec.render.annotate import MOST_TARGETS, annotate
from sec2sec.ui.clips import cached
from sec2sec.ui.messages import alert, errors_as_messages, status
from sec2sec.ui.settings import Settings
from sec2sec.ui.shelf import ClipCache
from sec2sec.ui.work import stream_from_thread
from sec2sec.viewer.payload import shown_targets

MAKING = "Writing the annotated clip"
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


def annotated_button(settings: Settings, shelf: ClipCache, kept: gr.State) -> gr.Accordion:
    """A button that makes the film, and then one that saves it, in a box that is there once a clip was explained."""
    with gr.Accordion("Annotated MP4", open=False, visible=False, elem_id="annotated", elem_classes="options") as box:
        overlay = gr.Checkbox(True, label="With the co-attention over the picture", elem_id="annotate-overlay")
        with gr.Row(elem_classes="actions"):
            make = gr.Button("Make annotated MP4", elem_id="annotate", min_width=120)
            stop = gr.Button("Stop", variant="stop", visible=False, elem_id="annotate-stop", min_width=80)
            save = gr.DownloadButton("Save MP4", visible=False, elem_id="annotate-save", min_width=100)
        told = gr.HTML("", elem_id="annotate-status")

    @errors_as_messages(lambda message: (alert(message), gr.update(visible=False), gr.skip()))
    def run(key: str | None, overlaid: bool) -> Iterator[tuple[Any, ...]]:
        clip = shelf.get(key)
        yield status(MAKING, 0.0), gr.update(visible=True), gr.update(value=None, visible=False)
        out = cached(save, f"{Path(clip.explanation.clip.name).stem}-annotated.mp4")
        names = shown_targets(clip.explanation, clip.known_truth)[:MOST_TARGETS]
        for share in stream_from_thread(
            lambda job: annotate(clip.path, clip.explanation, out, targets=names, overlay=overlaid, progress=job.tell)
        ):
            if share is not None:
                yield status(MAKING, share), gr.skip(), gr.skip()
        yield status("The annotated clip is ready."), gr.update(visible=False), gr.update(value=str(out), visible=True)

    def renewed(key: str | None) -> tuple[Any, ...]:
        gone = gr.update(value=None, visible=False)
        return gr.update(visible=key is not None), gone, "", gr.update(visible=False)

    making = make.click(run, [kept, overlay], [told, stop, save], concurrency_limit=settings.concurrency, **QUIET)
    stop.click(
        lambda: (status("Stopped."), gr.update(visible=False)),
        None,
        [told, stop],
        queue=False,
        cancels=[making],
        **QUIET,
    )
    kept.change(renewed, kept, [box, save, told, stop], queue=False, cancels=[making], **QUIET)
    return box
