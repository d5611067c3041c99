"""The Inspect tab: a clip in, its explanation out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block

from sec2sec.clip import explain_steps
from sec2sec.errors import UserError
from sec2sec.explanations.stability import SHIFTS, Bands, stability_steps
from sec2sec.media import MediaError
from sec2sec.media.layout import TrackLabels
from sec2sec.paths import program_paths
from sec2sec.progress import Steps
from sec2sec.ui.chosen_clip import (
    UPLOADS,
    WHOLE,
    ChosenClip,
    ClipPart,
    ClipResult,
    Part,
    limits_words,
    probe_upload,
)
from sec2sec.ui.clip_cache import ClipCache, ExplainedClip
from sec2sec.ui.clip_view import clip_view, view_value
from sec2sec.ui.devices import device_words, with_device_lock
from sec2sec.ui.downloads import Downloads
from sec2sec.ui.events import AT_ONCE, Updates, buttons, follow, forget_example_js, hide, run_in_queue, upload_field
from sec2sec.ui.examples import Example, example_of, example_tiles, find_examples, known_truth_examples, tiles
from sec2sec.ui.explained import Explained
from sec2sec.ui.gpu import on_gpu
from sec2sec.ui.gradio_private import served_path, show_at_start
from sec2sec.ui.messages import alert, errors_as_messages, status
from sec2sec.ui.models import Models
from sec2sec.ui.places import places_function
from sec2sec.ui.player import Player
from sec2sec.ui.settings import Settings
from sec2sec.viewer.cards import predictions
from sec2sec.viewer.payload import view_payload
from sec2sec.viewer.planted import planted_words
from sec2sec.viewer.templates import render

PLAYER = "player"  # elem_id that the timeline follows
SECONDS_FOR_FIRST = 60.0  # that the first start waits for what the app opens on
PICK_CLIP = "Pick an example or upload a clip, then press Explain."


class Layout:
    """The components of the tab; made within gr.Blocks."""

    def __init__(
        self, settings: Settings, models: Models, cache: ClipCache, clip_id: gr.State, examples: Sequence[Example]
    ) -> None:
        names = models.shared()
        self.chosen = gr.State(None)  # ChosenClip
        self.clip_id = clip_id  # of the explained clip, in the cache
        with gr.Row(elem_classes="inspect"):
            with gr.Column(scale=0, min_width=364, elem_classes="left"):
                self.tiles = example_tiles(examples, "tiles")
                self.upload = upload_field("Upload a clip", UPLOADS, "upload")
                gr.HTML(limits_words(settings), elem_classes="limits")
                self.video_track = gr.Dropdown([], label="Picture", visible=False, elem_id="video-track")
                self.audio_track = gr.Dropdown([], label="Sound", visible=False, elem_id="audio-track")
                with gr.Accordion("Model, and which part to analyse", open=False, elem_classes="options"):
                    self.model = gr.Dropdown(
                        names, value=names[0][1] if names else None, label="Model", elem_id="model"
                    )
                    with gr.Row():
                        self.start = gr.Number(None, label="Start, s", min_width=80, elem_id="start")
                        self.end = gr.Number(None, label="End, s", min_width=80, elem_id="end")
                with gr.Row(elem_classes="actions"):
                    self.explain = gr.Button(
                        "Explain", variant="primary", interactive=False, elem_id="explain", min_width=120
                    )
                    self.stop = gr.Button("Stop", variant="stop", visible=False, elem_id="stop", min_width=80)
                self.stability = gr.Button("Check stability", visible=False, size="sm", elem_id="stability")
                self.status = gr.HTML(status(PICK_CLIP), elem_id="status")
            with gr.Column(scale=1, min_width=320, elem_classes="right"):
                self.player = Player(
                    label="Clip", show_label=False, interactive=False, elem_id=PLAYER, buttons=[], height="auto"
                )
                with gr.Column(min_width=0, elem_classes="answer"):  # beside the player
                    self.truth = gr.HTML(elem_id="truth")  # what is known of a known-truth clip
                    self.cards = gr.HTML(elem_id="predictions")
                    self.downloads = Downloads(settings, cache, clip_id)
                    self.film = self.downloads.film.box
                self.view = clip_view(
                    video_id=PLAYER,
                    elem_id="view",
                    link=True,
                    places=places_function(models, cache, settings.concurrency),
                )

    @property
    def outputs_of_choice(self) -> list[Block]:
        """What a newly chosen clip changes."""
        return [self.chosen, self.video_track, self.audio_track, self.model, self.film, *self.outputs_of_explain]

    @property
    def outputs_of_explain(self) -> list[Block]:
        """What an explanation changes."""
        answer = [self.status, self.truth, self.cards, self.view, self.player]
        return [*answer, self.explain, self.stop, self.stability, *self.downloads.buttons, self.clip_id]


class InspectTab:
    """What happens when the tab is used."""

    def __init__(
        self,
        layout: Layout,
        settings: Settings,
        models: Models,
        cache: ClipCache,
        examples: Sequence[Example],
        explained: Explained,
    ) -> None:
        self.layout, self.settings, self.models, self.cache, self.examples = layout, settings, models, cache, examples
        self.explained = explained
        self.first: Example | None = None  # that a page opens on
        self.running: list[dict[str, Any]] = []  # what a newly chosen clip cancels
        self.follow = partial(follow, line=layout.status, limit=settings.job_seconds)

    # ---- what is on the screen

    def show_chosen(self, chosen: ChosenClip | None, status_html: str) -> Updates:
        """A new clip takes everything of the old one off the screen: two clips must never be shown as one."""
        layout = self.layout
        return {
            **self.clear(status_html),
            layout.chosen: chosen,
            layout.player: chosen.played if chosen is not None else None,
            layout.explain: gr.update(interactive=chosen is not None),
            layout.video_track: track_choices(chosen.choices.video if chosen is not None else ()),
            layout.audio_track: track_choices(chosen.choices.audio if chosen is not None else ()),
            **hide(layout.film),
        }

    def clear(self, status_html: str, *, busy: bool = False) -> Updates:
        """Nothing of an explanation stays on the screen."""
        layout = self.layout
        return {
            layout.status: status_html,
            layout.truth: "",
            layout.cards: "",
            layout.view: None,
            layout.clip_id: None,
            **buttons(layout.explain, layout.stop, busy=busy),
            **hide(layout.stability, *layout.downloads.buttons),
        }

    def set_busy(self, status_html: str, *, busy: bool) -> Updates:
        """The buttons while something runs, or not; what was explained stays."""
        layout = self.layout
        return {
            layout.status: status_html,
            **buttons(layout.explain, layout.stop, busy=busy),
            layout.stability: gr.update(interactive=not busy),
        }

    def offer_explain(self, chosen: ChosenClip, words: str) -> Updates:
        """A clip that may be explained now. words: about it."""
        conversion_note = " Browsers cannot play its format: it will be converted for playback."
        words = " ".join([f"{words}.", *chosen.warnings])
        return self.show_chosen(chosen, status(f"{words} Press Explain.{'' if chosen.playable else conversion_note}"))

    def refuse_upload(self, message: str) -> Updates:
        """A file that cannot be used."""
        return self.show_chosen(None, alert(message))

    def refuse_example(self, message: str) -> Updates:
        """An example that cannot be used."""
        return {**self.refuse_upload(message), self.layout.upload: None}

    # ---- choosing a clip

    def choose(self, path: str | None, before: ChosenClip | None = None, model: str | None = None) -> Updates:
        """A file was uploaded, or taken away. before, model: what was chosen until now."""
        if path is None:
            return self.show_chosen(None, status(PICK_CLIP))
        own_model: Updates = {self.layout.model: self.default_model(before, model)}
        return {**self.offer_explain(*probe_upload(path, self.settings)), **own_model}

    def choose_example(self, before: ChosenClip | None, model: str | None, event: gr.EventData) -> Updates:
        """A tile was pressed: what was explained beforehand is there at once. before, model: chosen until now."""
        example = example_of(event, self.examples)
        if example is None:
            return {**self.choose(None), self.layout.upload: None}
        model = example.model or self.default_model(before, model)
        chosen, words = self.open_example(example)
        result = self.explained.example(example.path, model)
        if result is None:
            updates = self.offer_explain(chosen, words)
        else:
            clip = self.keep(result, chosen=chosen, span=WHOLE, model=model)
            key = self.cache.put(clip)
            updates = self.show_chosen(chosen, "") | self.show_explained(
                clip, key, self.ready_words(), converting=False
            )
        return {**updates, self.layout.model: model, self.layout.upload: None}

    def default_model(self, before: ChosenClip | None, model: str | None) -> str | None:
        """The model for a clip that brings none: the one chosen until now, unless the clip before brought that."""
        return self.models.names()[0] if before is not None and model == before.model else model

    def open_example(self, example: Example) -> tuple[ChosenClip, str]:
        """An example as a chosen clip, and its name and length. Raises MediaError for one that was damaged since."""
        chosen, words = probe_upload(str(example.path), self.settings)
        return replace(chosen, model=example.model), words

    def ready_words(self) -> str:
        """The status beside an example."""
        return status("This example was explained beforehand. Choose another, or upload a clip of your own.")

    def show_first(self) -> None:
        """Let every page open on the first example, where it was explained: nobody waits, and nothing is loaded."""
        first = self.examples[0] if self.examples else None
        result = self.explained.example(first.path, first.model) if first is not None else None
        if first is None or result is None:
            return
        chosen, _ = self.open_example(first)
        clip = self.keep(result, chosen=chosen, span=WHOLE, model=first.model)
        key = self.cache.share("first", clip)
        updates = self.show_chosen(chosen, "") | self.show_explained(clip, key, self.ready_words(), converting=False)
        shown = {component: update for component, update in updates.items() if not isinstance(component, gr.State)}
        show_at_start(
            shown | {self.layout.film: gr.update(visible=True), self.layout.tiles: tiles(self.examples, first)}
        )
        self.first = first

    def enter(self) -> Updates:
        """A page was opened: what it shows already is its visitor's own from now on, for the tabs and the downloads."""
        first = self.first
        if first is None:
            return {self.layout.chosen: None}
        result = self.explained.example(first.path, first.model)
        if result is None:  # deleted since the start
            return {self.layout.chosen: None}
        chosen, _ = self.open_example(first)
        clip = self.keep(result, chosen=chosen, span=WHOLE, model=first.model)
        return {self.layout.chosen: chosen, self.layout.clip_id: self.cache.put(clip)}

    # ---- explaining it

    def explain(
        self,
        chosen: ChosenClip | None,
        start: float | None,
        end: float | None,
        model: str | None,
        video_track: int | None = None,
        audio_track: int | None = None,
    ) -> Iterator[Updates]:
        """Explain was pressed."""
        if chosen is None:
            raise UserError(PICK_CLIP)
        chosen = chosen.with_tracks(video_track, audio_track)
        began = time.perf_counter()
        yield self.clear(status("Loading the model"), busy=True)
        span = float(start or 0), float(end) if end else None  # an empty field that has been opened says 0
        analysed = chosen.analysed(span, self.settings.limits)

        def steps(device: str) -> Steps[ClipResult]:
            self.models.get(model)  # before a GPU is lent
            return (yield from explain_on_device(self.models, model, device, analysed))

        result = yield from self.follow(with_device_lock(self.models.devices, steps))
        clip = self.keep(result, chosen=chosen, span=span, model=model)
        took = time.perf_counter() - began
        status_html = status(f"Explained {result.explanation.clip.seconds} s in {took:.1f} s on {result.device}.")
        yield self.show_explained(clip, self.cache.put(clip), status_html, converting=not chosen.playable)
        if not chosen.playable:
            yield from self.convert(clip, analysed, status_html)

    def keep(self, result: ClipResult, *, chosen: ChosenClip, span: Part, model: str | None) -> ExplainedClip:
        """An explained clip for the questions that follow."""
        assert result.tokens is not None, "explain_on_device() sends them"
        # what is converted for playback begins where the analysed part does
        offset = result.explanation.clip.start if chosen.playable else 0.0
        truth, planted = chosen.known_truth, chosen.planted_from(result.explanation.clip.start)
        return ExplainedClip(
            result.explanation,
            result.preview,
            result.tokens,
            Path(chosen.path),
            span,
            model,
            truth,
            planted,
            view_payload(result.explanation, result.preview, diagnostics=truth, offset=offset, planted=planted),
            chosen.played or "",
            chosen.pixels,
            is_shared=result.is_shared,
        )

    def show_explained(self, clip: ExplainedClip, key: str, status_html: str, *, converting: bool) -> Updates:
        """An explanation on the screen. key: of the clip in the cache. converting: it is still to be for playback."""
        layout = self.layout
        downloads: Updates = dict.fromkeys(layout.downloads.buttons, gr.update(visible=True))
        player: Updates = {layout.player: None} if converting else {}
        return {
            **self.set_busy(status_html, busy=converting),
            layout.truth: truth_line(clip),
            layout.cards: predictions(clip.explanation, clip.shown_targets),
            layout.view: view_value(clip, key, self.models.get(clip.model)),
            layout.stability: gr.update(visible=True, interactive=not converting),
            layout.clip_id: key,
            **downloads,
            **player,
        }

    def convert(self, clip: ExplainedClip, analysed: ClipPart, status_html: str) -> Iterator[Updates]:
        """The clip as a browser plays it, to the player. status_html: the status afterwards."""
        layout = self.layout
        playable = served_path(layout.player, "playback.mp4")
        try:
            yield from self.follow(analysed.conversion(playable, clip.explanation.clip.duration))
        except MediaError as error:  # the explanation stands without a player
            yield self.set_busy(alert(str(error)), busy=False)
            return
        clip.played = str(playable)
        yield {**self.set_busy(status_html, busy=False), layout.player: clip.played}

    def check_stability(self, key: str | None) -> Iterator[Updates]:
        """Check stability was pressed. key: of the clip in the cache."""
        clip = self.cache.get(key)
        assert key is not None
        began, model, layout = time.perf_counter(), clip.model, self.layout
        duration = clip.explanation.clip.duration
        tracks = clip.explanation.clip.tracks
        analysed = ClipPart(str(clip.path), clip.part, self.settings.limits, duration, clip.pixels, tracks)
        yield self.set_busy(status("Encoding the clip with other cuts between its seconds"), busy=True)

        def steps(device: str) -> Steps[tuple[Bands, str]]:
            seeds = self.models.seeds_of(model)
            for seed in seeds:
                self.models.get(seed)  # before a GPU is lent
            return (yield from measure_on_device(self.models, seeds, device, analysed))

        bands, device_used = yield from self.follow(with_device_lock(self.models.devices, steps))
        clip.add_stability(bands)
        took = time.perf_counter() - began
        words = f"Measured with four other cuts in {took:.1f} s on {device_used}: see “how stable” in the lanes."
        yield {
            **self.set_busy(status(words), busy=False),
            layout.view: view_value(clip, key, self.models.get(model)),
        }

    # ---- wiring

    def connect(self) -> None:
        """What each component calls."""
        layout, at_once = self.layout, self.settings.concurrency
        inputs = [layout.chosen, layout.start, layout.end, layout.model, layout.video_track, layout.audio_track]
        queued = partial(run_in_queue, line=layout.status, at_once=at_once)
        self.running = [
            queued(
                layout.explain,
                self.explain,
                inputs,
                layout.outputs_of_explain,
                on_error=lambda message: self.clear(alert(message)),
            ),
            queued(
                layout.stability,
                self.check_stability,
                [layout.clip_id],
                layout.outputs_of_explain,
                on_error=lambda message: self.set_busy(alert(message), busy=False),
            ),
        ]
        unqueued: dict[str, Any] = {"cancels": self.running, **AT_ONCE}
        choose = errors_as_messages(self.refuse_upload)(self.choose)
        before = [layout.chosen, layout.model]
        layout.upload.upload(
            choose, [layout.upload, *before], layout.outputs_of_choice, js=forget_example_js(3), **unqueued
        )
        layout.upload.clear(lambda: self.choose(None), None, layout.outputs_of_choice, **unqueued)
        choose_example = errors_as_messages(self.refuse_example)(self.choose_example)
        layout.tiles.select(choose_example, before, [layout.upload, *layout.outputs_of_choice], **unqueued)
        layout.stop.click(
            lambda: self.set_busy(status("Stopped."), busy=False), None, layout.outputs_of_explain, **unqueued
        )
        layout.downloads.connect(self.models)


def track_choices(labels: TrackLabels) -> dict[str, Any]:
    """A list of tracks with the default chosen, there only where a clip has several."""
    update: dict[str, Any] = gr.update(
        choices=list(labels), value=labels[0][1] if labels else None, visible=bool(labels)
    )
    return update


def truth_line(clip: ExplainedClip) -> str:
    """What is known of a known-truth clip, in a sentence; empty for any other."""
    planted = {name: clip.planted[name] for name in clip.shown_targets if name in clip.planted}
    words = planted_words(clip.explanation, planted)
    return render("paragraph.html", text=words) if words else ""


def tab(demo: gr.Blocks, settings: Settings, models: Models, cache: ClipCache, clip_id: gr.State) -> InspectTab:
    """Lays out the tab and wires it; called within gr.Blocks. clip_id: gets the id of the explained clip."""
    names = models.names()
    known = known_truth_examples(program_paths().known_truth, names)
    others = find_examples(settings.examples)
    wanted = [(example.path, example.model) for example in known] + [(e.path, n) for e in others for n in names[:1]]
    explained = Explained(program_paths().explained, models, wanted)
    examples = [*known, *others]
    gr.set_static_paths([example.path for example in examples])  # these alone, not the rest of their folder
    layout = Layout(settings, models, cache, clip_id, examples)
    inspecting = InspectTab(layout, settings, models, cache, examples, explained)
    inspecting.connect()
    explained.wait_for(wanted[:1], SECONDS_FOR_FIRST)
    inspecting.show_first()
    demo.load(inspecting.enter, None, [layout.chosen, clip_id], **AT_ONCE)
    return inspecting


@on_gpu(lambda models, name, device, clip: clip.gpu_seconds())
def explain_on_device(models: Models, name: str | None, device: str, clip: ClipPart) -> Steps[ClipResult]:
    """explain_steps with a model by name, on a device by name."""
    bundle = models.get(name, device)
    start, end = clip.part
    encoded = yield from explain_steps(clip.path, bundle, start=start, end=end, limits=clip.limits, tracks=clip.tracks)
    assert encoded.preview is not None, "it was made of a file"
    return ClipResult(encoded.explain(), encoded.preview, device_words(bundle.device), encoded.tokens.cpu())


@on_gpu(lambda models, seeds, device, clip: clip.gpu_seconds(len(SHIFTS) + len(seeds)))
def measure_on_device(models: Models, seeds: list[str], device: str, clip: ClipPart) -> Steps[tuple[Bands, str]]:
    """stability_steps with a model by name and then the other seeds of its training, and the device in words."""
    bundles = [models.get(seed, device) for seed in seeds]
    start, end = clip.part
    bands = yield from stability_steps(clip.path, bundles, start=start, end=end, limits=clip.limits, tracks=clip.tracks)
    return bands, device_words(bundles[0].device)
