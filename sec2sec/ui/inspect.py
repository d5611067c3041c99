"""The Inspect tab: a clip in, its explanation out."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from sec2sec.config import MediaLimits
from sec2sec.encode import Tokens
from sec2sec.explanations import Explained, Explanation, Preview, Progress, explain_steps, to_json
from sec2sec.media import MediaError, open_clip
from sec2sec.playback import browser_can_play, convert_for_browser
from sec2sec.ui.examples import example_tiles, find_examples
from sec2sec.ui.files import cached
from sec2sec.ui.gpu import on_gpu
from sec2sec.ui.lab.annotated import annotated_button
from sec2sec.ui.lab.kept import Kept, Shelf
from sec2sec.ui.messages import alert, guarded, status
from sec2sec.ui.models import Models
from sec2sec.ui.player import Player
from sec2sec.ui.settings import Settings
from sec2sec.ui.timeline.payload import encode, shown_targets
from sec2sec.ui.timeline.timeline import clip_view
from sec2sec.ui.words import predictions
from sec2sec.ui.work import Job, in_thread

PLAYER = "player"  # elem_id that the timeline follows
UPLOADS = ["video", "audio", ".mkv", ".ts", ".m2ts", ".mts", ".gif", ".ogv", ".flac", ".opus"]
PICK = "Pick an example or upload a clip, then press Explain."
WAITING = "Waiting for a free place"
FULL = "The server did not take the clip, because too many are waiting. Try again in a minute."
CONVERTING = "Converting the clip for playback, because browsers cannot play its format"
Part = tuple[float, float | None]  # start and end in the file, s
Answer = tuple[Explanation, Preview, Tokens]


@dataclass(frozen=True)
class Source:
    """The clip that one visitor chose."""

    path: str
    playable: bool  # by a browser, as it is
    known_truth: bool = False  # the generator planted its truth, so diagnostics mean something


def known_truth(path: Path) -> bool:
    """A clip of `make-clips` has planted.csv beside it or in the folder above."""
    return any((folder / "planted.csv").is_file() for folder in list(path.parents)[:2])


def tab(settings: Settings, models: Models, shelf: Shelf, kept: gr.State) -> None:
    """Lays out the tab and wires it; called within gr.Blocks. kept: gets the id of the explained clip on the shelf."""
    examples = find_examples(settings.examples)
    gr.set_static_paths([example.path for example in examples])  # these alone, not the rest of their folder
    names = models.names()
    source = gr.State(None)
    with gr.Row(elem_classes="inspect"):
        with gr.Column(scale=0, min_width=364, elem_classes="left"):
            tiles = example_tiles(examples)
            upload = gr.File(label="Upload a clip", show_label=False, file_types=UPLOADS, height=58, elem_id="upload")
            gr.HTML(
                f"<p>Up to {settings.max_seconds / 60:g} minutes and {settings.max_megabytes} MB; seen by you alone; "
                f"deleted after {_span(settings.delete_after)}.</p>",
                elem_classes="limits",
            )
            with gr.Accordion("Model, and which part to analyse", open=False, elem_classes="options"):
                model = gr.Dropdown(names, value=names[0] if names else None, label="Model", elem_id="model")
                with gr.Row():
                    start = gr.Number(None, label="Start, s", min_width=80, elem_id="start")
                    end = gr.Number(None, label="End, s", min_width=80, elem_id="end")
            with gr.Row(elem_classes="actions"):
                go = gr.Button("Explain", variant="primary", interactive=False, elem_id="explain", min_width=120)
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
            annotated_button(settings, shelf, kept)
        with gr.Column(scale=1, min_width=320, elem_classes="right"):
            cards = gr.HTML(elem_id="predictions")
            view = clip_view(video_id=PLAYER, elem_id="view")

    # A new clip takes everything of the old one off the screen: two clips must never be shown as one.
    chosen = [source, player, told, view, cards, save, go, stop, kept]

    def cleared(source: Source | None, message: str) -> tuple[Any, ...]:
        playing = source.path if source is not None and source.playable else None
        return (
            source,
            playing,
            message,
            None,
            "",
            hidden(save),
            gr.update(interactive=source is not None),
            hidden(stop),
            None,
        )

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

    results = [told, cards, view, player, save, go, stop, kept]
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    same = gr.skip()

    def outputs(
        told: str,
        cards: Any = same,
        view: Any = same,
        player: Any = same,
        save: Any = same,
        busy: bool = False,
        kept: Any = same,
    ) -> tuple[Any, ...]:
        return told, cards, view, player, save, gr.update(interactive=not busy), gr.update(visible=busy), kept

    @guarded(lambda message: outputs(alert(message), "", None, same, hidden(save)))
    def run(
        source: Source | None, start: float | None, end: float | None, model: str | None
    ) -> Iterator[tuple[Any, ...]]:
        if source is None:
            raise ValueError(PICK)
        began = time.perf_counter()
        yield outputs(status("Loading the model"), "", None, same, hidden(save), busy=True, kept=None)
        part = float(start or 0), None if end is None else float(end)
        answer: Answer | None = None
        for step in in_thread(_explanation(models, model, source.path, part, settings.limits)):
            if isinstance(step, tuple):
                answer = step
            elif isinstance(step, Progress):
                yield outputs(status(step.message, step.fraction), busy=True)
            elif step is not None:
                yield outputs(status(step), busy=True)
        assert answer is not None, "explain_steps ended without an explanation"
        explanation, preview, tokens = answer
        path, truth = Path(source.path), source.known_truth
        found = shelf.put(Kept(explanation, preview, tokens, path, explanation.clip.start, model, truth))
        took = status(f"Explained {explanation.clip.seconds} s in {time.perf_counter() - began:.1f} s.")
        # what is converted for playback begins where the analysed part does
        offset = explanation.clip.start if source.playable else 0.0
        drawn = encode(explanation, preview, diagnostics=source.known_truth, offset=offset)
        said = predictions(explanation, shown_targets(explanation, source.known_truth))
        written = cached(player, f"{Path(explanation.clip.name).stem}.sec2sec.json")
        written.write_text(json.dumps(to_json(explanation), indent=1), encoding="utf-8")
        download = gr.update(value=str(written), visible=True)
        if source.playable:
            yield outputs(took, said, drawn, same, download, kept=found)
            return
        yield outputs(status(CONVERTING), said, drawn, None, download, busy=True, kept=found)
        playable = cached(player, "playback.mp4")
        try:
            for second in in_thread(_conversion(source.path, playable, part, settings.limits)):
                if second is not None:
                    yield outputs(status(CONVERTING, second / explanation.clip.duration), busy=True)
        except MediaError as error:  # the explanation stands without a player
            yield outputs(alert(str(error)))
            return
        yield outputs(took, player=str(playable))

    # light events never wait behind the clips in the queue
    running = go.click(lambda: status(WAITING), None, told, queue=False, **quiet).then(
        run, [source, start, end, model], results, concurrency_limit=settings.concurrency, **quiet
    )
    # a full queue refuses the clip before `run` can say anything; being stopped counts as a failure too
    running.failure(lambda said: alert(FULL) if WAITING in said else same, told, told, queue=False, **quiet)
    upload.upload(choose, upload, chosen, queue=False, cancels=[running], js=_UPLOADED, **quiet)
    upload.clear(lambda: choose(None), None, chosen, queue=False, cancels=[running], **quiet)
    tiles.select(choose_example, None, [upload, *chosen], queue=False, cancels=[running], **quiet)
    stop.click(lambda: outputs(status("Stopped.")), None, results, queue=False, cancels=[running], **quiet)


_UPLOADED = "file => { document.dispatchEvent(new CustomEvent('s2s-upload')); return file; }"


def hidden(component: Any) -> Any:
    """Taken off the screen, without what it held."""
    emptied = {"value": None} if isinstance(component, gr.DownloadButton) else {}
    return gr.update(visible=False, **emptied)


@on_gpu
def explained(
    models: Models, name: str | None, path: str, part: Part, limits: MediaLimits
) -> Iterator[Progress | Answer]:
    """explain_steps with a model by name: what crosses a GPU's process, tokens as well, is on the CPU."""
    for step in explain_steps(path, models.get(name), start=part[0], end=part[1], limits=limits):
        yield (step.explanation, step.preview, step.tokens.cpu()) if isinstance(step, Explained) else step


def _explanation(models: Models, name: str | None, path: str, part: Part, limits: MediaLimits) -> Callable[[Job], None]:
    """Explains, taking turns on the device from the first encoding on; tells Progress, a str while it waits, Answer."""

    def work(job: Job) -> None:
        turn: threading.Lock | None = models.turn(models.get(name))
        with ExitStack() as held:
            for step in explained(models, name, path, part, limits):
                job.tell(step)
                if isinstance(step, Progress) and step.stage == "encoding" and turn is not None:
                    while not turn.acquire(timeout=0.5):
                        job.tell("Waiting: another clip is being encoded")
                    held.callback(turn.release)
                    turn = None

    return work


def _conversion(path: str, to: Path, part: Part, limits: MediaLimits) -> Callable[[Job], None]:
    """Converts for playback; tells the second that it reached."""
    start, end = part
    return lambda job: convert_for_browser(path, to, start=start, end=end, limits=limits, progress=job.tell)


def _any_length(settings: Settings) -> MediaLimits:
    """The limits without the one of length, which is checked against the part that is analysed."""
    return replace(settings.limits, max_seconds=float("inf"))


def _span(seconds: float) -> str:
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:.0f} minutes"
