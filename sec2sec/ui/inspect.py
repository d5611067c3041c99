"""The Inspect tab: a clip in, its explanation out."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from sec2sec.config import MediaLimits
from sec2sec.explanations import Explained, Explanation, Preview, Progress, explain_steps, to_json
from sec2sec.media import MediaError, open_clip
from sec2sec.playback import browser_can_play, convert_for_browser
from sec2sec.ui.asked import Asked, stable
from sec2sec.ui.examples import example_tiles, find_examples
from sec2sec.ui.gpu import on_gpu
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
Answer = tuple[Explanation, Preview]


@dataclass(frozen=True)
class Source:
    """The clip that one visitor chose."""

    path: str
    playable: bool  # by a browser, as it is
    known_truth: bool = False  # the generator planted its truth, so diagnostics mean something


def known_truth(path: Path) -> bool:
    """A clip of `make-clips` has planted.csv beside it or in the folder above."""
    return any((folder / "planted.csv").is_file() for folder in list(path.parents)[:2])


def tab(settings: Settings, models: Models) -> None:
    """Lays out the tab and wires it; called within gr.Blocks."""
    examples = find_examples(settings.examples)
    gr.set_static_paths([example.path for example in examples])  # these alone, not the rest of their folder
    names = models.names()
    source, asked = gr.State(None), gr.State(None)
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
                page = gr.DownloadButton("Report", visible=False, elem_id="report", min_width=80)
            check = gr.Button("Check stability", visible=False, size="sm", elem_id="stability")
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
            view = clip_view(video_id=PLAYER, elem_id="view", link=True)

    # A new clip takes everything of the old one off the screen: two clips must never be shown as one.
    chosen = [source, player, told, view, cards, save, go, stop, page, check, asked]

    def cleared(source: Source | None, message: str) -> tuple[Any, ...]:
        playing = source.path if source is not None and source.playable else None
        ready = gr.update(interactive=source is not None)
        return source, playing, message, None, "", hidden(save), ready, hidden(stop), hidden(page), hidden(check), None

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

    results = [told, cards, view, player, save, go, stop, page, check, asked]
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    same = gr.skip()

    def outputs(
        told: str, cards: Any = same, view: Any = same, player: Any = same, save: Any = same, busy: bool = False,
        page: Any = same, asked: Any = same,
    ) -> tuple[Any, ...]:  # fmt: skip
        go, stop = gr.update(interactive=not busy), gr.update(visible=busy)
        shown: dict[str, Any] = {} if asked is same else {"visible": asked is not None}
        check = gr.update(interactive=not busy, **shown)
        return told, cards, view, player, save, go, stop, page, check, asked

    def gone(message: str, busy: bool = False) -> tuple[Any, ...]:
        """Nothing of an explanation stays on the screen."""
        return outputs(message, "", None, same, hidden(save), busy, hidden(page), None)

    def downloads(told: Asked, clip: str) -> dict[str, Any]:
        """JSON and report of what is on the screen; clip: the file as a browser plays it."""
        stem = Path(told.explanation.clip.name).stem
        written, report = _cached(player, f"{stem}.sec2sec.json"), _cached(player, f"{stem}.sec2sec.html")
        written.write_text(json.dumps(to_json(told.explanation), indent=1), encoding="utf-8")
        report.write_text(told.report(models.get(told.model).card, Path(clip)), encoding="utf-8")
        return {"save": gr.update(value=str(written), visible=True), "page": gr.update(value=str(report), visible=True)}

    @guarded(lambda message: gone(alert(message)))
    def run(
        source: Source | None, start: float | None, end: float | None, model: str | None
    ) -> Iterator[tuple[Any, ...]]:
        if source is None:
            raise ValueError(PICK)
        began = time.perf_counter()
        yield gone(status("Loading the model"), busy=True)
        part = float(start or 0), None if end is None else float(end)
        answer: Answer | None = None
        work = _in_turn(
            lambda: models.turn(models.get(model)),
            lambda: explained(models, model, source.path, part, settings.limits),
        )
        for step in in_thread(work):
            if isinstance(step, tuple):
                answer = step
            elif isinstance(step, Progress):
                yield outputs(status(step.message, step.fraction), busy=True)
            elif step is not None:
                yield outputs(status(step), busy=True)
        assert answer is not None, "explain_steps ended without an explanation"
        explanation, preview = answer
        took = status(f"Explained {explanation.clip.seconds} s in {time.perf_counter() - began:.1f} s.")
        # what is converted for playback begins where the analysed part does
        offset = explanation.clip.start if source.playable else 0.0
        drawn = encode(explanation, preview, diagnostics=source.known_truth, offset=offset)
        said = predictions(explanation, shown_targets(explanation, source.known_truth))
        now = Asked.of(explanation, preview, drawn, source.path, source.known_truth, model, part)
        if source.playable:
            yield outputs(took, said, drawn, same, asked=now, **downloads(now, source.path))
            return
        yield outputs(status(CONVERTING), said, drawn, None, busy=True, asked=now, **downloads(now, ""))
        playable = _cached(player, "playback.mp4")
        try:
            for second in in_thread(_conversion(source.path, playable, part, settings.limits)):
                if second is not None:
                    yield outputs(status(CONVERTING, second / explanation.clip.duration), busy=True)
        except MediaError as error:  # the explanation stands without a player
            yield outputs(alert(str(error)))
            return
        now = replace(now, played=str(playable))
        yield outputs(took, player=str(playable), asked=now, **downloads(now, str(playable)))

    @guarded(lambda message: outputs(alert(message)))
    def steady(now: Asked | None) -> Iterator[tuple[Any, ...]]:
        if now is None:
            raise ValueError(PICK)
        began, model, path, part = time.perf_counter(), now.model, now.path, now.part
        yield outputs(status("Encoding the clip with other cuts between its seconds"), busy=True)
        work = _in_turn(
            lambda: models.turn(models.get(model)),
            lambda: stable(models, model, path, part, settings.limits),
        )
        found = None
        for step in in_thread(work):
            if isinstance(step, Progress):
                yield outputs(status(step.message, step.fraction), busy=True)
            elif isinstance(step, str):
                yield outputs(status(step), busy=True)
            elif step is not None:
                found = step
        assert found is not None, "stability_steps ended without its bands"
        now = now.with_stability(found)
        took = f"Measured with four other cuts in {time.perf_counter() - began:.1f} s: see “how stable” in the lanes."
        yield outputs(status(took), view=now.drawn, asked=now, **downloads(now, now.played))

    # light events never wait behind the clips in the queue
    running = go.click(lambda: status(WAITING), None, told, queue=False, **quiet).then(
        run, [source, start, end, model], results, concurrency_limit=settings.concurrency, **quiet
    )
    checking = check.click(lambda: status(WAITING), None, told, queue=False, **quiet).then(
        steady, asked, results, concurrency_limit=settings.concurrency, **quiet
    )
    checking.failure(lambda said: alert(FULL) if WAITING in said else same, told, told, queue=False, **quiet)
    # a full queue refuses the clip before `run` can say anything; being stopped counts as a failure too
    running.failure(lambda said: alert(FULL) if WAITING in said else same, told, told, queue=False, **quiet)
    upload.upload(choose, upload, chosen, queue=False, cancels=[running, checking], js=_UPLOADED, **quiet)
    upload.clear(lambda: choose(None), None, chosen, queue=False, cancels=[running, checking], **quiet)
    tiles.select(choose_example, None, [upload, *chosen], queue=False, cancels=[running, checking], **quiet)
    stop.click(lambda: outputs(status("Stopped.")), None, results, queue=False, cancels=[running, checking], **quiet)


_UPLOADED = "file => { document.dispatchEvent(new CustomEvent('s2s-upload')); return file; }"


def hidden(component: Any) -> Any:
    """Taken off the screen, without what it held."""
    emptied = {"value": None} if isinstance(component, gr.DownloadButton) else {}
    return gr.update(visible=False, **emptied)


@on_gpu
def explained(
    models: Models, name: str | None, path: str, part: Part, limits: MediaLimits
) -> Iterator[Progress | Answer]:
    """explain_steps with a model by name and without tokens: what crosses a GPU's process stays on the CPU."""
    for step in explain_steps(path, models.get(name), start=part[0], end=part[1], limits=limits):
        yield (step.explanation, step.preview) if isinstance(step, Explained) else step


def _in_turn(turn: Callable[[], threading.Lock], steps: Callable[[], Iterator[Any]]) -> Callable[[Job], None]:
    """Tells `steps` on, and a str while it waits: from the first encoding on it holds its turn on the device."""

    def work(job: Job) -> None:
        waiting: threading.Lock | None = turn()
        with ExitStack() as held:
            for step in steps():
                job.tell(step)
                if isinstance(step, Progress) and step.stage == "encoding" and waiting is not None:
                    while not waiting.acquire(timeout=0.5):
                        job.tell("Waiting: another clip is being encoded")
                    held.callback(waiting.release)
                    waiting = None

    return work


def _conversion(path: str, to: Path, part: Part, limits: MediaLimits) -> Callable[[Job], None]:
    """Converts for playback; tells the second that it reached."""
    start, end = part
    return lambda job: convert_for_browser(path, to, start=start, end=end, limits=limits, progress=job.tell)


def _any_length(settings: Settings) -> MediaLimits:
    """The limits without the one of length, which is checked against the part that is analysed."""
    return replace(settings.limits, max_seconds=float("inf"))


def _cached(component: Any, name: str) -> Path:
    """A path in a folder whose name nobody can guess, for a file that gradio serves, and deletes when it is old."""
    path = Path(component.GRADIO_CACHE) / secrets.token_hex(16) / name
    path.parent.mkdir(parents=True)
    component.temp_files.add(str(path))
    return path


def _span(seconds: float) -> str:
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:.0f} minutes"
