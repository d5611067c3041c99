"""The Inspect tab: a clip in, its explanation out."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component
from gradio.events import Dependency

from sec2sec.clip import explain_steps
from sec2sec.config import DEFAULT_TRACKS
from sec2sec.errors import UserError
from sec2sec.explanations.stability import SHIFTS, Bands, stability_steps
from sec2sec.files import file_sha256
from sec2sec.media import MediaError
from sec2sec.media.layout import TrackLabels
from sec2sec.paths import program_paths
from sec2sec.progress import Steps
from sec2sec.ui import film
from sec2sec.ui.bounded_cache import ClipGoneError
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
from sec2sec.ui.events import (
    AT_ONCE,
    ENTERED_JS,
    QUIET,
    STOPPED,
    WAITING,
    Updates,
    buttons,
    follow,
    forget_example_js,
    hide,
    in_browser,
    run_in_queue,
    stop_in_browser,
    upload_field,
)
from sec2sec.ui.examples import Example, example_of, example_tiles, find_examples, known_truth_examples, tiles
from sec2sec.ui.explained import Explained
from sec2sec.ui.gpu import on_gpu
from sec2sec.ui.gradio_private import event_data, served_path, show_at_start
from sec2sec.ui.link import TABS, Link, bundled_clips, link_of, link_to, linked_example
from sec2sec.ui.messages import alert, errors_as_messages, status
from sec2sec.ui.models import Models
from sec2sec.ui.places import maps_function, places_function
from sec2sec.ui.player import Player
from sec2sec.ui.ratings import RatingsUpload
from sec2sec.ui.settings import Settings
from sec2sec.ui.visit import Visit
from sec2sec.viewer import files
from sec2sec.viewer.cards import predictions
from sec2sec.viewer.payload import view_payload
from sec2sec.viewer.planted import planted_words
from sec2sec.viewer.templates import render

SCRIPT = Path(__file__).with_name("inspect.js")
PLAYER = "player"  # elem_id that the timeline follows
SECONDS_FOR_FIRST = 60.0  # that the first start waits for what the app opens on
BOX = "s2s-explain-at-once"  # what the browser remembers: "false" once a visitor has unticked the box
OPENING = "Opening the clip"
PICK_CLIP = "Pick an example or upload a clip, then press Explain."


class Layout:
    """The components of the tab; made within gr.Blocks."""

    def __init__(
        self, settings: Settings, models: Models, cache: ClipCache, clip_id: gr.State, examples: Sequence[Example]
    ) -> None:
        names = models.shared()
        self.chosen = gr.State(None)  # ChosenClip
        self.visit = gr.State(Visit())
        # of the newest choice, as the browser knows it
        self.number = gr.Number(0, precision=0, visible="hidden", elem_id="choice")
        self.wanted = gr.Number(0, visible="hidden")  # number of the choice that is to be explained without a press
        self.overtaken = gr.Number(0, visible="hidden")  # number of the choice whose answer is to be given again
        self.clip_id = clip_id  # of the explained clip, in the cache
        self.page = gr.HTML(js_on_load=files.script(SCRIPT), apply_default_css=False, elem_id="inspect-page")
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
                self.at_once = gr.Checkbox(True, label="Explain at once", elem_id="explain-at-once")
                with gr.Row(elem_classes="actions"):
                    self.explain = gr.Button(
                        "Explain", variant="primary", interactive=False, elem_id="explain", min_width=120
                    )
                    self.stop = gr.Button("Stop", variant="stop", visible=False, elem_id="stop", min_width=120)
                self.ratings = RatingsUpload(settings, models, cache, clip_id)
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
                    opens_windows=True,
                    questions=[places_function(models, cache, settings.concurrency), maps_function(cache)],
                )

    @property
    def outputs_of_choice(self) -> list[Block]:
        """What a newly chosen clip changes."""
        return [
            self.number,
            self.wanted,
            self.overtaken,
            self.start,
            self.end,
            self.chosen,
            self.video_track,
            self.audio_track,
            self.model,
            self.film,
            *self.outputs_of_explain,
        ]

    @property
    def outputs_of_explain(self) -> list[Block]:
        """What an explanation changes."""
        answer = [self.status, self.truth, self.cards, self.view, self.player]
        return [*answer, self.explain, self.stop, self.stability, *self.downloads.buttons, self.clip_id]


class InspectTab:
    """What happens when the tab is used."""

    def __init__(
        self,
        demo: gr.Blocks,
        tabs: gr.Tabs,
        layout: Layout,
        settings: Settings,
        models: Models,
        cache: ClipCache,
        examples: Sequence[Example],
        explained: Explained,
    ) -> None:
        self.layout, self.settings, self.models, self.cache, self.examples = layout, settings, models, cache, examples
        self.demo, self.tabs, self.explained = demo, tabs, explained
        self.first: Example | None = None  # that a page opens on
        self.payloads: dict[tuple[Path, str | None], dict[str, Any]] = {}  # of examples: clip and model
        self.running: list[dict[str, Any]] = []  # what a newly chosen clip cancels
        self.follow = partial(follow, line=layout.status, limit=settings.job_seconds)

    # ---- what is on the screen

    def show_chosen(self, chosen: ChosenClip | None, status_html: str) -> Updates:
        """A new clip takes everything of the old one off the screen: two clips must never be shown as one."""
        layout = self.layout
        return {
            **self.clear(status_html),
            layout.chosen: chosen,
            layout.start: None,
            layout.end: None,
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

    def offer_explain(self, chosen: ChosenClip, words: str, *, at_once: bool = False) -> Updates:
        """A clip that may be explained now. words: about it. at_once: it is, without a press."""
        conversion_note = " Browsers cannot play its format: it will be converted for playback."
        press = "" if at_once else " Press Explain."
        words = " ".join([f"{words}.", *chosen.warnings]) + press + ("" if chosen.playable else conversion_note)
        wanted: Updates = {self.layout.wanted: True} if at_once else {}  # its number, once that is known
        return {**self.show_chosen(chosen, status(words)), **wanted}

    def refuse_upload(self, message: str) -> Updates:
        """A file that cannot be used."""
        return self.show_chosen(None, alert(message))

    def refuse_example(self, message: str) -> Updates:
        """An example that cannot be used."""
        return {**self.refuse_upload(message), self.layout.upload: None}

    # ---- choosing a clip

    def choose(self, path: str, before: ChosenClip | None, model: str | None, at_once: bool) -> Updates:
        """A file was uploaded. before, model: what was chosen until now. at_once: it is explained without a press."""
        model = self.default_model(before, model)
        return {**self.offer_explain(*probe_upload(path, self.settings), at_once=at_once), self.layout.model: model}

    def choose_nothing(self) -> Updates:
        """The uploaded file was taken away."""
        return self.show_chosen(None, status(PICK_CLIP))

    def choose_example(
        self, before: ChosenClip | None, model: str | None, at_once: bool, event: gr.EventData
    ) -> Updates:
        """A tile was pressed: what was explained beforehand is there already. before, model: chosen until now."""
        example = example_of(event, self.examples)
        if example is None:
            return {**self.choose_nothing(), self.layout.upload: None}
        return self.show_example(example, example.model or self.default_model(before, model), at_once=at_once)

    def show_example(self, example: Example, model: str | None, *, at_once: bool) -> Updates:
        """An example, or another clip that comes with the program, with what was explained beforehand."""
        chosen, words = self.open_example(example)
        result = self.explained.example(example.path, model)
        if result is None:
            updates = self.offer_explain(chosen, words, at_once=at_once)
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

    def enter(self, visit: Visit, at_once: bool, request: gr.Request) -> Updates:
        """A page was opened: with a link it shows the clip of the link, else what it shows already."""
        link = link_of(request)
        updates: Updates = {self.tabs: gr.Tabs(selected=link.tab)} if link.tab in TABS else {}
        if not link.clip:
            return self.enter_first() | updates
        opened = self.newest(lambda: self.open_link(link, at_once=at_once), self.refuse_example)(visit)
        return opened | updates

    def open_link(self, link: Link, *, at_once: bool) -> Updates:
        """The clip of a link."""
        example = linked_example(link, self.examples, self.models.names())
        model = example.model or self.models.names()[0]
        tile = next((e for e in self.examples if e.path == example.path and e.model in (None, model)), None)
        shown = self.show_example(example, model, at_once=at_once)
        return shown | {self.layout.tiles: tiles(self.examples, tile)}

    def enter_first(self) -> Updates:
        """What the page shows already is its visitor's own from now on, for the tabs and the downloads."""
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
        visit: Visit,
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
        key = self.models.get(model).summary.sha256, file_sha256(Path(chosen.path)), chosen.tracks, span
        again = self.explained_before(visit, key, chosen, model)
        if again is not None:
            line = status(f"Explained before: the same {again.explanation.clip.seconds} s with the same model.")
            visit.explained[key] = self.cache.put(again)
            yield self.show_explained(again, visit.explained[key], line, converting=False)
            return
        analysed = chosen.analysed(span, self.settings.limits)

        def steps(device: str) -> Steps[ClipResult]:
            self.models.get(model)  # before a GPU is lent
            return (yield from explain_on_device(self.models, model, device, analysed))

        result = yield from self.follow(with_device_lock(self.models.devices, steps))
        clip = self.keep(result, chosen=chosen, span=span, model=model)
        took = time.perf_counter() - began
        status_html = status(f"Explained {result.explanation.clip.seconds} s in {took:.1f} s on {result.device}.")
        visit.explained[key] = self.cache.put(clip)
        yield self.show_explained(clip, visit.explained[key], status_html, converting=not chosen.playable)
        if not chosen.playable:
            yield from self.convert(clip, analysed, status_html)

    def explained_before(
        self, visit: Visit, key: Hashable, chosen: ChosenClip, model: str | None
    ) -> ExplainedClip | None:
        """What is there already of the same file, tracks, part and model: of an example, or of this visitor's own."""
        result = self.explained.example(Path(chosen.path), model) if key == self.key_of_whole(chosen, model) else None
        if result is not None:
            return self.keep(result, chosen=chosen, span=WHOLE, model=model)
        with suppress(ClipGoneError):
            before = self.cache.get(visit.explained.get(key))
            return before.afresh() if chosen.playable and before.path == Path(chosen.path) else None
        return None

    def key_of_whole(self, chosen: ChosenClip, model: str | None) -> Hashable:
        """The key of a clip that is explained as it is."""
        return self.models.get(model).summary.sha256, file_sha256(Path(chosen.path)), DEFAULT_TRACKS, WHOLE

    def keep(self, result: ClipResult, *, chosen: ChosenClip, span: Part, model: str | None) -> ExplainedClip:
        """An explained clip for the questions that follow."""
        assert result.tokens is not None, "explain_on_device() sends them"
        # what is converted for playback begins where the analysed part does
        offset = result.explanation.clip.start if chosen.playable else 0.0
        truth, planted = chosen.known_truth, chosen.planted_from(result.explanation.clip.start)
        example = Path(chosen.path), model
        payload = self.payloads.get(example) if result.is_shared else None
        if payload is None:
            payload = view_payload(
                result.explanation, result.preview, diagnostics=truth, offset=offset, planted=planted
            )
            payload["link"] = link_to(*example, self.examples) if span == WHOLE else None
        if result.is_shared:  # held once for all visitors: whoever opens a page costs next to nothing
            self.payloads[example] = payload
            payload = dict(payload)
        return ExplainedClip(
            result.explanation,
            result.preview,
            result.tokens,
            Path(chosen.path),
            span,
            model,
            truth,
            planted,
            payload,
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

    def open_window(self, key: str | None, event: gr.EventData) -> Updates:
        """A point of a film's curve was pressed, or what leads back to the whole. key: of the clip that is shown."""
        clip, opened_key, words = film.opened(self.cache, key, event_data(event).get("point"), self.models.get)
        shown = self.show_explained(clip, opened_key, status(words), converting=False)
        return shown | hide(self.layout.film)

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

    def queued(
        self,
        button: gr.Button | gr.Number,
        handler: Callable[..., Iterator[Updates]],
        inputs: Sequence[Component],
        on_error: Callable[[str], Updates],
    ) -> Dependency:
        """A press runs a handler in the queue, which says nothing once its visitor has chosen something newer."""
        layout, guarded = self.layout, errors_as_messages(on_error)(handler)

        def run(visit: Visit, number: int | None, *values: Any) -> Iterator[Updates]:
            yield from visit.while_current(number, partial(guarded, *values))

        run.__name__, run.__qualname__ = handler.__name__, handler.__qualname__  # gradio names the event by it
        return run_in_queue(
            button,
            run,
            [layout.visit, layout.number, *inputs],
            layout.outputs_of_explain,
            line=layout.status,
            on_error=on_error,
            at_once=self.settings.concurrency,
            pressed=self.set_busy(status(WAITING), busy=True),
        )

    def newest(self, handler: Callable[..., Updates], on_error: Callable[[str], Updates]) -> Callable[..., Updates]:
        """A choice that supersedes what runs, and answers nothing if one that is newer still has come meanwhile."""
        layout, guarded = self.layout, errors_as_messages(on_error)(handler)

        def choose(visit: Visit, *values: Any) -> Updates:
            number, was_running = visit.supersede()
            answer = guarded(*values)
            is_wanted = answer.pop(layout.wanted, False)
            if not visit.keep_answer(number, answer):
                return {layout.number: gr.skip()}
            overtaken: Updates = {layout.overtaken: number} if was_running else {}
            wanted: Updates = {layout.wanted: number} if is_wanted else {}
            return {**answer, **overtaken, **wanted, layout.number: number}

        return choose

    def connect(self) -> None:
        """What each component calls."""
        layout = self.layout
        inputs = [
            layout.visit,
            layout.chosen,
            layout.start,
            layout.end,
            layout.model,
            layout.video_track,
            layout.audio_track,
        ]
        self.running = [
            *(
                self.queued(press, self.explain, inputs, lambda message: self.clear(alert(message)))
                for press in (layout.explain, layout.wanted)
            ),
            self.queued(
                layout.stability,
                self.check_stability,
                [layout.clip_id],
                lambda message: self.set_busy(alert(message), busy=False),
            ),
        ]
        self.connect_choices()
        layout.at_once.change(None, layout.at_once, None, js=f"on => localStorage.setItem('{BOX}', on)", **AT_ONCE)
        self.demo.load(None, None, layout.at_once, js=f"() => localStorage.getItem('{BOX}') !== 'false'", **AT_ONCE)
        layout.downloads.connect(self.models)
        layout.ratings.connect(layout.view)

    def connect_choices(self) -> None:
        """What takes the place of all that runs."""
        layout = self.layout
        unqueued: dict[str, Any] = {"cancels": self.running, **AT_ONCE}
        before, outputs = [layout.chosen, layout.model, layout.at_once], [layout.upload, *layout.outputs_of_choice]
        for listen in (layout.upload.upload, layout.upload.clear, layout.tiles.select):
            in_browser(listen, {layout.status: status(OPENING)})
        layout.upload.upload(
            self.newest(self.choose, self.refuse_upload),
            [layout.visit, layout.upload, *before],
            outputs,
            js=forget_example_js(5),
            **unqueued,
        )
        layout.upload.clear(self.newest(self.choose_nothing, self.refuse_upload), layout.visit, outputs, **unqueued)
        layout.tiles.select(self.example_chosen(), [layout.visit, *before], outputs, **unqueued)
        layout.view.select(self.window_chosen(), [layout.visit, layout.clip_id], outputs, **unqueued)
        stop_in_browser(layout.stop, layout.status)
        stop = self.newest(lambda: self.set_busy(status(STOPPED), busy=False), self.refuse_upload)
        layout.stop.click(stop, layout.visit, outputs, **unqueued)
        overtaken = [layout.visit, layout.overtaken]
        layout.overtaken.change(self.answer_again, overtaken, outputs, concurrency_limit=None, **QUIET)

    def answer_again(self, visit: Visit, number: int) -> Updates:
        """The answer to a choice once more, behind all that the run before it has sent."""
        return visit.answer_again(number) or {self.layout.number: gr.skip()}

    def window_chosen(self) -> Callable[..., Updates]:
        """What a point of a curve calls; what is shown stays where it cannot be opened."""
        newest = self.newest(self.open_window, lambda message: self.set_busy(alert(message), busy=False))

        def choose(visit: Visit, key: str | None, event: gr.EventData) -> Updates:
            return newest(visit, key, event)

        return choose

    def example_chosen(self) -> Callable[..., Updates]:
        """What a tile calls; gradio gives the event to a parameter of its own type alone."""
        newest = self.newest(self.choose_example, self.refuse_example)

        def choose(
            visit: Visit, before: ChosenClip | None, model: str | None, at_once: bool, event: gr.EventData
        ) -> Updates:
            return newest(visit, before, model, at_once, event)

        return choose


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


def tab(
    demo: gr.Blocks, tabs: gr.Tabs, settings: Settings, models: Models, cache: ClipCache, clip_id: gr.State
) -> InspectTab:
    """Lays out the tab and wires it; called within gr.Blocks. clip_id: gets the id of the explained clip."""
    names = models.names()
    known = known_truth_examples(program_paths().known_truth, names)
    others = find_examples(settings.examples)
    wanted = [(example.path, example.model) for example in known] + [(e.path, n) for e in others for n in names[:1]]
    explained = Explained(program_paths().explained, models, wanted)
    examples = [*known, *others]
    played = [example.path for example in examples] + list(bundled_clips().values())
    gr.set_static_paths(played)  # these alone, not the rest of their folder
    layout = Layout(settings, models, cache, clip_id, examples)
    inspecting = InspectTab(demo, tabs, layout, settings, models, cache, examples, explained)
    inspecting.connect()
    explained.wait_for(wanted[:1], SECONDS_FOR_FIRST)
    inspecting.show_first()
    entered = [tabs, layout.tiles, layout.upload, *layout.outputs_of_choice]
    entering = demo.load(inspecting.enter, [layout.visit, layout.at_once], entered, **AT_ONCE)
    entering.then(None, None, None, js=ENTERED_JS, **AT_ONCE)
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
