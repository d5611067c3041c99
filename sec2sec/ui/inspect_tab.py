"""The Inspect tab: a clip in, its explanation out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from sec2sec.clip import explain_steps
from sec2sec.errors import UserError
from sec2sec.explanations.stability import SHIFTS, Bands, stability_steps
from sec2sec.media import MediaError
from sec2sec.progress import Progress
from sec2sec.ui.clip_view import clip_view
from sec2sec.ui.clips import (
    CONVERTING,
    FULL,
    UPLOADED,
    UPLOADS,
    WAITING,
    ClipPart,
    ExplainedClip,
    Source,
    cached,
    conversion,
    hidden,
    limits_words,
    probe_upload,
    with_device_lock,
)
from sec2sec.ui.devices import RunsOn, device_words
from sec2sec.ui.downloads import download_buttons
from sec2sec.ui.examples import example_tiles, find_examples
from sec2sec.ui.gpu import on_gpu
from sec2sec.ui.lab.annotated import annotated_button
from sec2sec.ui.messages import alert, errors_as_messages, status
from sec2sec.ui.models import Models
from sec2sec.ui.places import payload_with_places, places_function
from sec2sec.ui.player import Player
from sec2sec.ui.settings import Settings
from sec2sec.ui.shelf import ClipCache, Kept
from sec2sec.ui.work import stream_from_thread
from sec2sec.viewer.cards import predictions
from sec2sec.viewer.payload import encode, shown_targets

PLAYER = "player"  # elem_id that the timeline follows
PICK = "Pick an example or upload a clip, then press Explain."


@dataclass(frozen=True)
class Opening:
    """How another tab opens a clip here: the values that `show` returns, for these outputs."""

    show: Callable[[Source, str], tuple[Any, ...]]  # the clip and a sentence about it
    outputs: list[Any]
    model: gr.Dropdown
    running: list[Any]  # what opening a clip cancels


def tab(settings: Settings, models: Models, shelf: ClipCache, kept: gr.State) -> Opening:
    """Lays out the tab and wires it; called within gr.Blocks. kept: gets the id of the explained clip on the shelf."""
    examples = find_examples(settings.examples)
    gr.set_static_paths([example.path for example in examples])  # these alone, not the rest of their folder
    names = models.names()
    source = gr.State(None)
    told = gr.HTML(status(PICK), elem_id="status", render=False)
    with gr.Row(elem_classes="inspect"):
        with gr.Column(scale=0, min_width=364, elem_classes="left"):
            tiles = example_tiles(examples)
            upload = gr.File(
                label="Upload a clip",
                show_label=False,
                file_types=UPLOADS,
                height=58,
                elem_id="upload",
                elem_classes="pick",
            )
            gr.HTML(limits_words(settings), elem_classes="limits")
            with gr.Accordion("Model, and which part to analyse", open=False, elem_classes="options"):
                model = gr.Dropdown(names, value=names[0] if names else None, label="Model", elem_id="model")
                with gr.Row():
                    start = gr.Number(None, label="Start, s", min_width=80, elem_id="start")
                    end = gr.Number(None, label="End, s", min_width=80, elem_id="end")
            with gr.Row(elem_classes="actions"):
                go = gr.Button("Explain", variant="primary", interactive=False, elem_id="explain", min_width=120)
                stop = gr.Button("Stop", variant="stop", visible=False, elem_id="stop", min_width=80)
                files = download_buttons(models, shelf, kept, told)
            check = gr.Button("Check stability", visible=False, size="sm", elem_id="stability")
            told.render()
            player = Player(
                label="Clip",
                show_label=False,
                interactive=False,
                elem_id=PLAYER,
                buttons=[],
                height="auto",
                visible=True,
            )
            film = annotated_button(settings, shelf, kept)
        with gr.Column(scale=1, min_width=320, elem_classes="right"):
            cards = gr.HTML(elem_id="predictions")
            asks = places_function(models, shelf, settings.concurrency)
            view = clip_view(video_id=PLAYER, elem_id="view", link=True, asks=asks)

    # A new clip takes everything of the old one off the screen: two clips must never be shown as one.
    chosen = [source, player, told, view, cards, go, stop, check, film, *files, kept]

    def cleared(source: Source | None, message: str) -> tuple[Any, ...]:
        playing = source.played if source is not None else None
        ready = gr.update(interactive=source is not None)
        gone = [hidden(part) for part in (stop, check, film, *files)]
        return source, playing, message, None, "", ready, *gone, None

    @errors_as_messages(lambda message: cleared(None, alert(message)))
    def choose(path: str | None) -> tuple[Any, ...]:
        if path is None:
            return cleared(None, status(PICK))
        picked, said = probe_upload(path, settings)
        return show(picked, said)

    def show(picked: Source, said: str) -> tuple[Any, ...]:
        later = "" if picked.playable else " Browsers cannot play its format: it will be converted for playback."
        return cleared(picked, status(f"{said}. Press Explain.{later}"))

    def choose_example(event: gr.EventData) -> tuple[Any, ...]:
        index = event._data.get("index")  # comes from a browser
        if not isinstance(index, int) or not 0 <= index < len(examples):
            return (None, *choose(None))
        return (None, *choose(str(examples[index].path)))

    results = [told, cards, view, player, go, stop, check, *files, kept]
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    same = gr.skip()

    def outputs(
        told: str, cards: Any = same, view: Any = same, player: Any = same, busy: bool = False, kept: Any = same
    ) -> tuple[Any, ...]:
        go, stop = gr.update(interactive=not busy), gr.update(visible=busy)
        shown: dict[str, Any] = {} if kept is same else {"visible": kept is not None}
        check = gr.update(interactive=not busy, **shown)
        return told, cards, view, player, go, stop, check, *[gr.update(**shown)] * len(files), kept

    def gone(message: str, busy: bool = False) -> tuple[Any, ...]:
        """Nothing of an explanation stays on the screen."""
        return outputs(message, "", None, same, busy, None)

    @errors_as_messages(lambda message: gone(alert(message)))
    def run(
        source: Source | None, start: float | None, end: float | None, model: str | None
    ) -> Iterator[tuple[Any, ...]]:
        if source is None:
            raise UserError(PICK)
        began = time.perf_counter()
        yield gone(status("Loading the model"), busy=True)
        part = float(start or 0), float(end) if end else None  # an empty field that has been opened says 0
        answer: ExplainedClip | None = None
        where = ""
        clip_part = source.analysed(part, settings.limits)

        def steps(device: str) -> Iterator[RunsOn | Progress | ExplainedClip]:
            models.get(model)  # before a GPU is lent
            return explained(models, model, device, clip_part)

        for step in stream_from_thread(with_device_lock(models.devices, steps)):
            if isinstance(step, ExplainedClip):
                answer = step
            elif isinstance(step, RunsOn):
                where = step.words
            elif isinstance(step, Progress):
                yield outputs(status(step.message, step.fraction), busy=True)
            elif step is not None:
                yield outputs(status(step), busy=True)
        assert answer is not None, "explain_steps ended without an explanation"
        explanation, truth = answer.explanation, source.known_truth
        # what is converted for playback begins where the analysed part does
        offset = explanation.clip.start if source.playable else 0.0
        drawn = encode(explanation, answer.preview, diagnostics=truth, offset=offset)
        clip = Kept(
            explanation,
            answer.preview,
            answer.tokens,
            Path(source.path),
            part,
            model,
            truth,
            drawn,
            source.played or "",
            source.pixels,
        )
        found = shelf.put(clip)
        took = status(f"Explained {explanation.clip.seconds} s in {time.perf_counter() - began:.1f} s on {where}.")
        said = predictions(explanation, shown_targets(explanation, truth))
        screen = payload_with_places(clip, found, models.get(model))
        if source.playable:
            yield outputs(took, said, screen, kept=found)
            return
        yield outputs(status(CONVERTING), said, screen, None, busy=True, kept=found)
        playable = cached(player, "playback.mp4")
        try:
            for second in stream_from_thread(conversion(source.path, playable, part, settings.limits)):
                if second is not None:
                    yield outputs(status(CONVERTING, second / explanation.clip.duration), busy=True)
        except MediaError as error:  # the explanation stands without a player
            yield outputs(alert(str(error)))
            return
        clip.played = str(playable)
        yield outputs(took, player=clip.played)

    @errors_as_messages(lambda message: outputs(alert(message)))
    def steady(key: str | None) -> Iterator[tuple[Any, ...]]:
        clip = shelf.get(key)
        assert key is not None
        began, model, where = time.perf_counter(), clip.model, ""
        seconds = clip.explanation.clip.duration
        clip_part = ClipPart(str(clip.path), clip.part, settings.limits, seconds, clip.pixels)
        yield outputs(status("Encoding the clip with other cuts between its seconds"), busy=True)

        def steps(device: str) -> Iterator[RunsOn | Progress | Bands]:
            seeds = models.seeds_of(model)
            for seed in seeds:
                models.get(seed)  # before a GPU is lent
            return stable(models, seeds, device, clip_part)

        found = None
        for step in stream_from_thread(with_device_lock(models.devices, steps)):
            if isinstance(step, RunsOn):
                where = step.words
            elif isinstance(step, Progress):
                yield outputs(status(step.message, step.fraction), busy=True)
            elif isinstance(step, str):
                yield outputs(status(step), busy=True)
            elif step is not None:
                found = step
        assert found is not None, "stability_steps ended without its bands"
        clip.add_stability(found)
        took = f"Measured with four other cuts in {time.perf_counter() - began:.1f} s on {where}: "
        took += "see “how stable” in the lanes."
        yield outputs(status(took), view=payload_with_places(clip, key, models.get(model)))

    # light events never wait behind the clips in the queue
    running = go.click(lambda: status(WAITING), None, told, queue=False, **quiet).then(
        run, [source, start, end, model], results, concurrency_limit=settings.concurrency, **quiet
    )
    checking = check.click(lambda: status(WAITING), None, told, queue=False, **quiet).then(
        steady, kept, results, concurrency_limit=settings.concurrency, **quiet
    )
    checking.failure(lambda said: alert(FULL) if WAITING in said else same, told, told, queue=False, **quiet)
    # a full queue refuses the clip before `run` can say anything; being stopped counts as a failure too
    running.failure(lambda said: alert(FULL) if WAITING in said else same, told, told, queue=False, **quiet)
    upload.upload(choose, upload, chosen, queue=False, cancels=[running, checking], js=UPLOADED, **quiet)
    upload.clear(lambda: choose(None), None, chosen, queue=False, cancels=[running, checking], **quiet)
    tiles.select(choose_example, None, [upload, *chosen], queue=False, cancels=[running, checking], **quiet)
    stop.click(lambda: outputs(status("Stopped.")), None, results, queue=False, cancels=[running, checking], **quiet)
    return Opening(lambda picked, said: (None, *show(picked, said)), [upload, *chosen], model, [running, checking])


@on_gpu(lambda models, name, device, clip: clip.gpu_seconds())
def explained(
    models: Models, name: str | None, device: str, clip: ClipPart
) -> Iterator[RunsOn | Progress | ExplainedClip]:
    """explain_steps with a model by name, on a device by name; the tokens are on the CPU."""
    bundle = models.get(name, device)
    yield RunsOn(device_words(bundle.device))
    start, end = clip.part
    encoded = yield from explain_steps(clip.path, bundle, start=start, end=end, limits=clip.limits)
    assert encoded.preview is not None, "it was made of a file"
    yield ExplainedClip(encoded.explain(), encoded.preview, encoded.tokens.cpu())


@on_gpu(lambda models, seeds, device, clip: clip.gpu_seconds(len(SHIFTS) + len(seeds)))
def stable(models: Models, seeds: list[str], device: str, clip: ClipPart) -> Iterator[RunsOn | Progress | Bands]:
    """stability_steps with a model by name and then the other seeds of its training, on a device by name."""
    bundles = [models.get(seed, device) for seed in seeds]
    yield RunsOn(device_words(bundles[0].device))
    start, end = clip.part
    yield (yield from stability_steps(clip.path, bundles, start=start, end=end, limits=clip.limits))
