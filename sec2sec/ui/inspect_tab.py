"""The Inspect tab: a clip in, its explanation out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from sec2sec.errors import UserError
from sec2sec.explanations.stability import Bands
from sec2sec.media import MediaError
from sec2sec.paths import program_paths
from sec2sec.progress import Steps
from sec2sec.ui import film
from sec2sec.ui.analysis import explain_on_device, measure_on_device
from sec2sec.ui.chosen_clip import WHOLE, ChosenClip, ClipPart, ClipResult, probe_upload
from sec2sec.ui.clip_cache import ClipCache, ExplainedClip
from sec2sec.ui.clip_view import view_value
from sec2sec.ui.devices import with_device_lock
from sec2sec.ui.events import (
    AT_ONCE,
    ENTERED_JS,
    QUIET,
    WAITING,
    Updates,
    follow,
    forget_example_js,
    hide,
    in_browser,
    run_in_queue,
    stop_in_browser,
)
from sec2sec.ui.examples import Example, example_of, find_examples, known_truth_examples, tiles
from sec2sec.ui.explained import Explained
from sec2sec.ui.gradio_private import event_data, served_path, show_at_start
from sec2sec.ui.inspect_layout import PICK_CLIP, Layout
from sec2sec.ui.inspect_screen import Screen
from sec2sec.ui.known_clips import KnownClips
from sec2sec.ui.link import TABS, Link, bundled_clips, link_of, linked_example
from sec2sec.ui.messages import alert, errors_as_messages, status
from sec2sec.ui.models import Models
from sec2sec.ui.settings import Settings
from sec2sec.ui.several.panel import SeveralClips
from sec2sec.ui.visit import Visit

SECONDS_FOR_FIRST = 60.0  # that the first start waits for what the app opens on
SECONDS_FOR_EXAMPLE = 300.0  # that the program waits in the background for each of the others
BOX = "s2s-explain-at-once"  # what the browser remembers: "false" once a visitor has unticked the box
OPENING = "Opening the clip"


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
        known: KnownClips,
    ) -> None:
        self.layout, self.settings, self.models, self.cache, self.examples = layout, settings, models, cache, examples
        self.demo, self.tabs, self.known = demo, tabs, known
        self.screen = Screen(layout, models)
        self.first: Example | None = None  # that a page opens on
        self.running: list[dict[str, Any]] = []  # what a newly chosen clip cancels
        self.follow = partial(follow, line=layout.status, limit=settings.job_seconds)

    # ---- choosing a clip

    def choose(self, path: str, before: ChosenClip | None, model: str | None, at_once: bool) -> Updates:
        """A file was uploaded. before, model: what was chosen until now. at_once: it is explained without a press."""
        model = self.default_model(before, model)
        return {
            **self.screen.offer_explain(*probe_upload(path, self.settings), at_once=at_once),
            self.layout.model: model,
        }

    def choose_nothing(self) -> Updates:
        """The uploaded file was taken away."""
        return self.screen.show_chosen(None, status(PICK_CLIP))

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
        chosen, words, clip = self.open_example(example, model)
        if clip is None:
            updates = self.screen.offer_explain(chosen, words, at_once=at_once)
        else:
            updates = self.screen.show_ready(chosen, clip, self.cache.put(clip))
        return {**updates, self.layout.model: model, self.layout.upload: None}

    def default_model(self, before: ChosenClip | None, model: str | None) -> str | None:
        """The model for a clip that brings none: the one chosen until now, unless the clip before brought that."""
        return self.models.names()[0] if before is not None and model == before.model else model

    def open_example(self, example: Example, model: str | None) -> tuple[ChosenClip, str, ExplainedClip | None]:
        """An example as a chosen clip, its name and length, and its explanation where that was made beforehand.

        Raises MediaError for one that was damaged since.
        """
        probed, words = probe_upload(str(example.path), self.settings)
        chosen = replace(probed, model=example.model)
        result = self.known.examples.example(example.path, model)
        clip = self.known.make(result, chosen=chosen, part=WHOLE, model=model) if result is not None else None
        return chosen, words, clip

    def show_first(self) -> None:
        """Let every page open on the first example, where it was explained: nobody waits, and nothing is loaded."""
        if not self.examples:
            return
        first = self.examples[0]
        chosen, _, clip = self.open_example(first, first.model)
        if clip is None:
            return
        updates = self.screen.show_ready(chosen, clip, self.cache.share("first", clip))
        shown = {component: update for component, update in updates.items() if not isinstance(component, gr.State)}
        show_at_start(
            shown | {self.layout.film: gr.update(visible=True), self.layout.tiles: tiles(self.examples, first)}
        )
        self.first = first

    def prepare_examples(self) -> None:
        """Read what was made of the examples as soon as it is there, so that the first press of a tile finds it."""
        for path, model in self.known.examples.wanted:
            self.known.examples.wait_for([(path, model)], SECONDS_FOR_EXAMPLE)
            with suppress(MediaError):  # whoever presses the tile is told
                self.open_example(Example(path, 0.0, None, model), model)

    def enter(self, visit: Visit, at_once: bool, request: gr.Request) -> Updates:
        """A page was opened: with a link it shows the clip of the link, else what it shows already."""
        link = link_of(request)
        updates: Updates = {self.tabs: gr.Tabs(selected=link.tab)} if link.tab in TABS else {}
        if visit.number:  # a clip was chosen before the page had come to this
            return {self.layout.chosen: gr.skip()} | updates
        if not link.clip:
            return self.enter_first() | updates
        opened = self.newest(lambda: self.open_link(link, at_once=at_once), self.screen.refuse_example)(visit)
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
        if self.first is None:
            return {self.layout.chosen: None}
        chosen, _, clip = self.open_example(self.first, self.first.model)
        if clip is None:  # deleted since the start
            return {self.layout.chosen: None}
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
        yield self.screen.clear(status("Loading the model"), busy=True)
        part = float(start or 0), float(end) if end else None  # an empty field that has been opened says 0
        key = self.known.key(chosen, model, part)
        again = self.known.find(visit, key, chosen, model) if chosen.playable else None
        if again is not None:
            line = status(f"Explained before: the same {again.explanation.clip.seconds} s with the same model.")
            yield self.screen.show_explained(again, self.known.keep(visit, key, again), line, converting=False)
            return
        analysed = chosen.analysed(part, self.settings.limits)

        def steps(device: str) -> Steps[ClipResult]:
            self.models.get(model)  # before a GPU is lent
            return (yield from explain_on_device(self.models, model, device, analysed))

        early = partial(self.screen.show_early, self.models.get(model).summary, chosen)
        result = yield from self.follow(with_device_lock(self.models.devices, steps), early=early)
        clip = self.known.make(result, chosen=chosen, part=part, model=model)
        took = time.perf_counter() - began
        status_html = status(f"Explained {result.explanation.clip.seconds} s in {took:.1f} s on {result.device}.")
        name = self.known.keep(visit, key, clip)
        yield self.screen.show_explained(clip, name, status_html, converting=not chosen.playable)
        if not chosen.playable:
            yield from self.convert(clip, analysed, status_html)

    def open_window(self, key: str | None, event: gr.EventData) -> Updates:
        """A point of a film's curve was pressed, or what leads back to the whole. key: of the clip that is shown."""
        clip, opened_key, words = film.opened(self.cache, key, event_data(event).get("point"), self.models.get)
        shown = self.screen.show_explained(clip, opened_key, status(words), converting=False)
        return shown | hide(self.layout.film)

    def convert(self, clip: ExplainedClip, analysed: ClipPart, status_html: str) -> Iterator[Updates]:
        """The clip as a browser plays it, to the player. status_html: the status afterwards."""
        layout = self.layout
        playable = served_path(layout.player, "playback.mp4")
        try:
            yield from self.follow(analysed.conversion(playable, clip.explanation.clip.duration))
        except MediaError as error:  # the explanation stands without a player
            yield self.screen.set_busy(alert(str(error)), busy=False)
            return
        clip.played = str(playable)
        yield {**self.screen.set_busy(status_html, busy=False), layout.player: clip.played}

    def check_stability(self, key: str | None) -> Iterator[Updates]:
        """Check stability was pressed. key: of the clip in the cache."""
        clip = self.cache.get(key)
        assert key is not None
        began, model, layout = time.perf_counter(), clip.model, self.layout
        duration = clip.explanation.clip.duration
        tracks = clip.explanation.clip.tracks
        analysed = ClipPart(str(clip.path), clip.part, self.settings.limits, duration, clip.pixels, tracks)
        yield self.screen.set_busy(status("Encoding the clip with other cuts between its seconds"), busy=True)

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
            **self.screen.set_busy(status(words), busy=False),
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
            pressed=self.screen.set_busy(status(WAITING), busy=True),
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
        part = [layout.start, layout.end]
        inputs = [layout.visit, layout.chosen, *part, layout.model, layout.video_track, layout.audio_track]
        self.running = [
            *(
                self.queued(press, self.explain, inputs, lambda message: self.screen.clear(alert(message)))
                for press in (layout.explain, layout.wanted)
            ),
            self.queued(
                layout.stability,
                self.check_stability,
                [layout.clip_id],
                lambda message: self.screen.set_busy(alert(message), busy=False),
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
            self.newest(self.choose, self.screen.refuse_upload),
            [layout.visit, layout.upload, *before],
            outputs,
            js=forget_example_js(5),
            **unqueued,
        )
        layout.upload.clear(
            self.newest(self.choose_nothing, self.screen.refuse_upload), layout.visit, outputs, **unqueued
        )
        layout.tiles.select(self.example_chosen(), [layout.visit, *before], outputs, **unqueued)
        layout.view.select(self.window_chosen(), [layout.visit, layout.clip_id], outputs, **unqueued)
        stop_in_browser(layout.stop, layout.status)
        stop = self.newest(self.screen.show_stopped, self.screen.refuse_upload)
        layout.stop.click(stop, [layout.visit, layout.clip_id], outputs, **unqueued)
        overtaken = [layout.visit, layout.overtaken]
        layout.overtaken.change(self.answer_again, overtaken, outputs, concurrency_limit=None, **QUIET)

    def answer_again(self, visit: Visit, number: int) -> Updates:
        """The answer to a choice once more, behind all that the run before it has sent."""
        return visit.answer_again(number) or {self.layout.number: gr.skip()}

    def window_chosen(self) -> Callable[..., Updates]:
        """What a point of a curve calls; what is shown stays where it cannot be opened."""
        newest = self.newest(self.open_window, lambda message: self.screen.set_busy(alert(message), busy=False))

        def choose(visit: Visit, key: str | None, event: gr.EventData) -> Updates:
            return newest(visit, key, event)

        return choose

    def example_chosen(self) -> Callable[..., Updates]:
        """What a tile calls; gradio gives the event to a parameter of its own type alone."""
        newest = self.newest(self.choose_example, self.screen.refuse_example)

        def choose(
            visit: Visit, before: ChosenClip | None, model: str | None, at_once: bool, event: gr.EventData
        ) -> Updates:
            return newest(visit, before, model, at_once, event)

        return choose


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
    known_clips = KnownClips(explained, models, cache, examples)
    inspecting = InspectTab(demo, tabs, layout, settings, models, cache, examples, known_clips)
    inspecting.connect()
    SeveralClips(layout.several, inspecting).connect()
    explained.wait_for(wanted[:1], SECONDS_FOR_FIRST)
    inspecting.show_first()
    entered = [tabs, layout.tiles, layout.upload, *layout.outputs_of_choice]
    entering = demo.load(inspecting.enter, [layout.visit, layout.at_once], entered, **AT_ONCE)
    entering.then(None, None, None, js=ENTERED_JS, **AT_ONCE)
    return inspecting
