"""The Inspect tab: a clip in, its explanation out."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

from sec2sec.checkpoints import Bundle
from sec2sec.config import MediaLimits
from sec2sec.explain import Explained, Progress, explain_steps, to_json
from sec2sec.media import open_clip
from sec2sec.playback import browser_can_play, convert_for_browser
from sec2sec.ui import gpu
from sec2sec.ui.examples import ExampleTiles, find_examples
from sec2sec.ui.messages import alert, guarded, status
from sec2sec.ui.models import Models
from sec2sec.ui.settings import Settings
from sec2sec.ui.timeline.payload import encode, shown_targets
from sec2sec.ui.timeline.timeline import ClipView
from sec2sec.ui.words import predictions
from sec2sec.ui.work import in_thread

PLAYER = "player"  # elem_id that the timeline follows
UPLOADS = ["video", "audio", ".mkv", ".ts", ".m2ts", ".mts", ".gif", ".ogv", ".flac", ".opus"]
PICK = "Pick an example or upload a clip, then press Explain."
CONVERTING = "Converting the clip for playback, because browsers cannot play its format"
Steps = Callable[..., Iterator[Progress | Explained]]


@dataclass(frozen=True)
class Source:
    """The clip that one visitor chose."""

    path: str
    playable: bool  # by a browser, as it is
    known_truth: bool = False  # the generator planted its truth, so diagnostics mean something


class Player(gr.Video):
    """A gr.Video that plays what it is given: what browsers cannot play has been converted before."""

    is_template = True  # in the browser it is gradio's own video component

    def postprocess(self, value: str | Path | None) -> FileData | None:
        return None if value is None else FileData(path=str(value), orig_name=Path(value).name)


def known_truth(path: Path) -> bool:
    """A clip of `make-clips` has planted.csv beside it or in the folder above."""
    return any((folder / "planted.csv").is_file() for folder in list(path.parents)[:2])


def tab(settings: Settings, models: Models) -> None:
    """Lays out the tab and wires it; called within gr.Blocks."""
    examples = find_examples(settings.examples)
    gr.set_static_paths([example.path for example in examples])  # served from where they lie; nothing else of the folder
    names = models.names()
    source = gr.State(None)
    with gr.Row(elem_classes="inspect"):
        with gr.Column(scale=0, min_width=364, elem_classes="left"):
            tiles = ExampleTiles(examples, visible=bool(examples))
            upload = gr.File(
                label=f"Or upload a clip: up to {settings.max_seconds / 60:g} minutes and {settings.max_megabytes} MB, "
                f"deleted after {_span(settings.delete_after)}",
                file_types=UPLOADS,
                height=104,
                elem_id="upload",
            )
            with gr.Accordion("Model, and which part to analyse", open=False, elem_classes="options"):
                model = gr.Dropdown(names, value=names[0] if names else None, label="Model", elem_id="model")
                with gr.Row():
                    start = gr.Number(None, label="Start, s", minimum=0, min_width=80, elem_id="start")
                    end = gr.Number(None, label="End, s", minimum=0, min_width=80, elem_id="end")
            with gr.Row(elem_classes="actions"):
                go = gr.Button("Explain", variant="primary", elem_id="explain", min_width=120)
                stop = gr.Button("Stop", variant="stop", visible=False, elem_id="stop", min_width=80)
                save = gr.DownloadButton("JSON", visible=False, elem_id="json", min_width=80)
            told = gr.HTML(status(PICK), elem_id="status")
            player = Player(
                label="Clip",
                show_label=False,
                interactive=False,
                elem_id=PLAYER,
                buttons=[],
                height="auto",
                visible=True,
            )
        with gr.Column(scale=1, min_width=320, elem_classes="right"):
            cards = gr.HTML(elem_id="predictions")
            view = ClipView(video_id=PLAYER, elem_id="view")

    # A new clip takes everything of the old one off the screen: two clips must never be shown as one.
    chosen = [source, player, told, view, cards, save, go, stop]

    def cleared(source: Source | None, message: str) -> tuple[Any, ...]:
        playing = source.path if source is not None and source.playable else None
        return source, playing, message, None, "", hidden(save), gr.update(interactive=True), hidden(stop)

    @guarded(lambda message: cleared(None, alert(message)))
    def choose(path: str | None) -> tuple[Any, ...]:
        if path is None:
            return cleared(None, status(PICK))
        clip = open_clip(path, limits=_any_length(settings))  # a part of a long clip may still be analysed
        picked = Source(path, browser_can_play(clip), known_truth(Path(path)))
        length = f", {clip.duration:.1f} s" if clip.duration == clip.duration else ""
        later = "" if picked.playable else " Browsers cannot play its format: it will be converted for playback."
        return cleared(picked, status(f"{clip.name}{length}. Press Explain.{later}"))

    def choose_example(event: gr.EventData) -> tuple[Any, ...]:
        index = event._data.get("index")  # comes from a browser
        if not isinstance(index, int) or not 0 <= index < len(examples):
            return (None, *choose(None))
        return (None, *choose(str(examples[index].path)))

    results = [told, cards, view, player, save, go, stop]
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}

    @guarded(
        lambda message: (alert(message), "", None, gr.skip(), hidden(save), gr.update(interactive=True), hidden(stop))
    )
    def run(
        source: Source | None, start: float | None, end: float | None, model: str | None
    ) -> Iterator[tuple[Any, ...]]:
        if source is None:
            raise ValueError(PICK)
        busy = (gr.update(interactive=False), gr.update(visible=True))
        idle = (gr.update(interactive=True), hidden(stop))
        waiting = (gr.skip(),) * 4

        def saying(message: str, fraction: float | None = None) -> tuple[Any, ...]:
            return (status(message, fraction), *waiting, *busy)

        began = time.perf_counter()
        yield (status("Loading the model"), "", None, gr.skip(), hidden(save), *busy)
        bundle = models.get(model)
        part = {"start": float(start or 0), "end": None if end is None else float(end)}
        found: Explained | None = None
        for step in in_thread(_in_turn(models, bundle, source, part, settings)):
            if isinstance(step, Explained):
                found = step
            elif isinstance(step, str):
                yield saying(step)
            elif step is not None:
                yield saying(f"{step.stage.capitalize()}: {step.message}", step.fraction)
        assert found is not None, "explain_steps ended without an explanation"

        explanation = found.explanation
        shown = shown_targets(explanation, source.known_truth)
        took = f"Explained {explanation.clip.seconds} s in {time.perf_counter() - began:.1f} s."
        with tempfile.TemporaryDirectory(
            dir=_cache(player)
        ) as folder:  # gradio copies from here, and deletes its copies
            written = Path(folder) / f"{Path(explanation.clip.name).stem}.sec2sec.json"
            written.write_text(json.dumps(to_json(explanation), indent=1), encoding="utf-8")
            offset = explanation.clip.start if source.playable else 0.0  # what is converted begins at the part's start
            drawn = encode(explanation, found.preview, diagnostics=source.known_truth, offset=offset)
            answer = (predictions(explanation, shown), drawn)
            if source.playable:
                yield (status(took), *answer, gr.skip(), gr.update(value=str(written), visible=True), *idle)
                return
            yield (status(CONVERTING), *answer, None, gr.update(value=str(written), visible=True), *busy)
            playable = Path(folder) / "playback.mp4"
            end_of_part = part["end"]
            length = explanation.clip.duration
            for second in in_thread(_conversion(source.path, playable, part["start"] or 0.0, end_of_part, settings)):
                if second is not None:
                    yield saying(CONVERTING, second / length)
            yield (status(took), gr.skip(), gr.skip(), str(playable), gr.skip(), *idle)

    running = go.click(run, [source, start, end, model], results, concurrency_limit=settings.concurrency, **quiet)
    upload.upload(choose, upload, chosen, queue=False, cancels=[running], js=_UPLOADED, **quiet)
    upload.clear(lambda: choose(None), None, chosen, queue=False, cancels=[running], **quiet)
    tiles.select(choose_example, None, [upload, *chosen], queue=False, cancels=[running], **quiet)
    stop.click(
        lambda: (status("Stopped."), gr.update(interactive=True), hidden(stop)),
        None,
        [told, go, stop],
        queue=False,
        cancels=[running],
        **quiet,
    )


_UPLOADED = "file => { document.dispatchEvent(new CustomEvent('s2s-upload')); return file; }"


def hidden(component: Any) -> Any:
    """Taken off the screen, without what it held."""
    return (
        gr.update(visible=False, value=None) if isinstance(component, gr.DownloadButton) else gr.update(visible=False)
    )


def _in_turn(
    models: Models, bundle: Bundle, source: Source, part: dict[str, Any], settings: Settings
) -> Callable[[threading.Event], Iterator[Progress | Explained | str]]:
    """explain_steps, taking turns on the device from the first encoding on."""

    def steps(stopped: threading.Event) -> Iterator[Progress | Explained | str]:
        turn = models.turn(bundle)
        held = False
        try:
            for step in gpu.on_gpu(explain_steps)(source.path, bundle, **part, limits=settings.limits):
                if isinstance(step, Progress) and step.stage == "encoding" and not held:
                    while not turn.acquire(timeout=0.5):
                        if stopped.is_set():
                            return
                        yield "Waiting: another clip is being encoded"
                    held = True
                yield step
        finally:
            if held:
                turn.release()

    return steps


def _conversion(
    path: str, to: Path, start: float, end: float | None, settings: Settings
) -> Callable[[threading.Event], Iterator[float]]:
    """convert_for_browser as steps: it reports the second that it reached, and stops when told to."""

    def steps(stopped: threading.Event) -> Iterator[float]:
        def reached(second: float) -> None:
            if stopped.is_set():
                raise InterruptedError

        yield 0.0
        convert_for_browser(path, to, start=start, end=end, limits=settings.limits, progress=reached)

    return steps


def _any_length(settings: Settings) -> MediaLimits:
    """The limits without the one of length, which is checked against the part that is analysed."""
    return replace(settings.limits, max_seconds=float("inf"))


def _cache(component: Any) -> Path:
    cache = Path(component.GRADIO_CACHE)
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def _span(seconds: float) -> str:
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:.0f} minutes"
