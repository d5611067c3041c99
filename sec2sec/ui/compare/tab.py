"""The Compare tab: one clip through several models, or two clips through one, on linked timelines."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any

import gradio as gr

from sec2sec.comparison import compare_steps
from sec2sec.media import MediaError
from sec2sec.progress import Progress, Steps
from sec2sec.ui.bounded_cache import ClipGoneError
from sec2sec.ui.chosen_clip import CONVERTING, ClipPart, ClipResult, probe_upload
from sec2sec.ui.compare.board import (
    PICK_CLIP,
    Board,
    Mode,
    ResultKey,
    keys_of,
    newest,
    screen_of,
)
from sec2sec.ui.compare.layout import Layout, first_board, known_example
from sec2sec.ui.compare.words import LETTERS
from sec2sec.ui.devices import device_words, with_device_lock
from sec2sec.ui.events import (
    AT_ONCE,
    STOPPED,
    Updates,
    buttons,
    follow,
    forget_example_js,
    run_in_queue,
    stop_in_browser,
)
from sec2sec.ui.examples import (
    Example,
    example_of,
    find_examples,
)
from sec2sec.ui.gpu import on_gpu
from sec2sec.ui.gradio_private import served_path
from sec2sec.ui.known_clips import KnownClips
from sec2sec.ui.messages import alert, errors_as_messages, status
from sec2sec.ui.models import Models
from sec2sec.ui.settings import Settings
from sec2sec.ui.visit import Visit
from sec2sec.viewer.templates import render

RESULTS_GONE = "This comparison is no longer in memory, because it is old or many others came after it; compare again."


class CompareTab:
    """What happens when the tab is used."""

    def __init__(
        self, layout: Layout, settings: Settings, models: Models, examples: Sequence[Example], known: KnownClips
    ) -> None:
        """known: what Inspect has explained, and is to find explained."""
        self.layout, self.settings, self.models, self.examples, self.known = layout, settings, models, examples, known
        self.results = layout.results

    # ---- what was computed

    def held(self, board: Board, keys: Sequence[ResultKey]) -> dict[ResultKey, ClipResult]:
        """The results of those keys that are in memory."""
        held = {}
        for key in keys:
            with suppress(ClipGoneError):
                held[key] = self.results.get(board.results.get(key))
        return held

    def explained_before(self, visit: Visit, board: Board, keys: Sequence[ResultKey]) -> dict[ResultKey, ClipResult]:
        """Those that Inspect has explained for this visitor, or that were made beforehand for everybody."""
        found = {}
        for key in keys:
            chosen = board.clip(key.path)
            clip = self.known.find(visit, self.known.key(chosen, key.model, key.part), chosen, key.model)
            if clip is not None:
                found[key] = ClipResult(clip.explanation, clip.preview, "")
        return found

    def tell_inspect(self, visit: Visit, board: Board, results: Mapping[ResultKey, ClipResult]) -> None:
        """Let Inspect find what was computed here."""
        for key, result in results.items():
            chosen = board.clip(key.path)
            clip = self.known.make(result, chosen=chosen, part=key.part, model=key.model)
            self.known.keep(visit, self.known.key(chosen, key.model, key.part), clip)

    def keep(self, board: Board, keys: Sequence[ResultKey], results: Mapping[ResultKey, ClipResult]) -> Board:
        """The board with these keys on the screen, and new results in memory; the oldest of its visitor's go."""
        ids = {**board.results, **{key: self.results.put(result) for key, result in results.items()}}
        kept = newest(ids, keys)
        for name in {*board.results.values(), *ids.values()} - set(kept.values()):
            self.results.discard(name)
        return replace(board, keys=tuple(keys), results=kept)

    # ---- what is on the screen

    def show_board(self, board: Board, line: str, *, busy: bool = False) -> Updates:
        """All of what lies on the board."""
        results = self.held(board, board.keys)
        if any(key not in results for key in board.keys):
            board, line = replace(board, keys=()), alert(RESULTS_GONE)
        own, is_clips = self.layout, board.mode == "clips"
        screen = screen_of(board, results, {name: title for title, name in self.models.shared()})
        headings = [render("heading.html", text=title) for title in screen.titles]
        views = [*screen.views, None, None][:2]  # an empty one is hidden
        player_a, player_b = own.players
        return {
            own.board: board,
            own.status: line,
            **buttons(own.compare, own.stop, busy=busy, ready=board.ready),
            own.cards: screen.cards,
            own.comparison: screen.comparison,
            **dict(zip(own.headings, headings, strict=True)),
            **dict(zip(own.views, views, strict=True)),
            player_a: gr.update(value=board.playable(0), label="Clip A" if is_clips else "Clip", visible=True),
            player_b: gr.update(value=board.playable(1), visible=is_clips),
        }

    def end(self, line: str) -> Updates:
        """Nothing runs any more; the board stays."""
        return {self.layout.status: line, **buttons(self.layout.compare, self.layout.stop, busy=False)}

    def refuse(self, message: str) -> Updates:
        """The board stays, beside the message of an error."""
        return self.end(alert(message))

    # ---- comparing

    def compare(
        self,
        visit: Visit,
        board: Board,
        model_a: str,
        model_b: str,
        more: list[str],
        start_a: float | None,
        start_b: float | None,
        length: float | None,
    ) -> Iterator[Updates]:
        """Compare was pressed."""
        began = time.perf_counter()
        keys = keys_of(board, model_a, model_b, more, (start_a, start_b), length)
        there = self.held(board, keys)
        before = self.explained_before(visit, board, [key for key in keys if key not in there])
        board = self.keep(board, list(before), before)
        missing = [key for key in keys if key not in there and key not in before]
        # what is pinned stays in sight while the other side is computed; nothing of what it replaces does
        board = replace(board, keys=tuple(key for key in keys[:1] if key not in missing))
        yield self.show_board(board, status("Loading the models"), busy=True)
        results = yield from self.compute(board, missing, len(keys) - len(missing))
        board = self.keep(board, keys, {key: replace(result, tokens=None) for key, result in results.items()})
        devices = " and ".join(dict.fromkeys(result.device for result in results.values()))
        where = f" on {devices}" if devices else "; all of it was explained before"
        line = status(f"Compared in {time.perf_counter() - began:.1f} s{where}.")
        unplayable = board.unplayable()
        yield self.show_board(board, status(CONVERTING) if unplayable else line, busy=bool(unplayable))
        self.tell_inspect(visit, board, results)
        yield from self.convert(board, unplayable, line)

    def compute(
        self, board: Board, missing: Sequence[ResultKey], first: int
    ) -> Generator[Updates, None, dict[ResultKey, ClipResult]]:
        """The results of keys, those of one clip in one go. first: the side of the first of two clips."""
        groups = [list(keys) for _, keys in groupby(missing, key=lambda key: (key.path, key.part))]
        results: dict[ResultKey, ClipResult] = {}

        def steps(keys: Sequence[ResultKey], device: str) -> Steps[list[ClipResult]]:
            for key in keys:
                self.models.get(key.model)  # before a GPU is lent
            clip_part = board.clip(keys[0].path).analysed(keys[0].part, self.settings.limits)
            return (yield from compare_on_device(self.models, [key.model for key in keys], device, clip_part))

        for done, keys in enumerate(groups):
            prefix = f"Clip {LETTERS[first + done]}: " if board.mode == "clips" else ""
            adapt = partial(as_part, prefix=prefix, done=done, total=len(groups))
            work = with_device_lock(self.models.devices, partial(steps, keys))
            answers = yield from follow(work, self.layout.status, adapt, limit=self.settings.job_seconds)
            results.update(zip(keys, answers, strict=True))
        return results

    def convert(self, board: Board, keys: Sequence[ResultKey], line: str) -> Iterator[Updates]:
        """Clips as a browser plays them, to their players. line: the status afterwards."""
        own = self.layout
        for key in keys:
            to = served_path(own.players[0], "playback.mp4")
            clip_part = board.clip(key.path).analysed(key.part, self.settings.limits)
            duration = self.results.get(board.results.get(key)).explanation.clip.duration
            try:
                yield from follow(clip_part.conversion(to, duration), own.status, limit=self.settings.job_seconds)
            except MediaError as error:  # the comparison stands without a player
                yield {**self.refuse(str(error)), own.board: board}
                return
            board = replace(board, played={**board.played, (key.path, key.part): str(to)})
            yield self.show_board(board, line, busy=key != keys[-1])

    # ---- choosing what to compare

    def choose(self, board: Board, path: str | None, pinned: str) -> Updates:
        """A new clip goes to the side that is not pinned, or to the pinned one while that is empty."""
        side = "AB".index(pinned) if board.mode == "clips" and pinned in ("A", "B") else 0
        if board.mode == "clips" and board.clips[side] is not None:
            side = 1 - side
        if path is None:
            return {**self.end(status(PICK_CLIP)), **self.show_ready(board)}
        clips, names = list(board.clips), list(board.names)
        clips[side], names[side] = probe_upload(path, self.settings)
        board = replace(board, clips=(clips[0], clips[1]), names=(names[0], names[1]), keys=())
        return self.show_board(board, status(board.words()))

    def show_ready(self, board: Board) -> Updates:
        """Whether Compare can be pressed."""
        return {self.layout.compare: gr.update(interactive=board.ready)}

    def choose_example(self, board: Board, pinned: str, event: gr.EventData) -> Updates:
        """A tile was pressed."""
        example = example_of(event, self.examples)
        if example is None:
            return {self.layout.upload: None}
        return {**self.choose(board, str(example.path), pinned), self.layout.upload: None}

    def choose_models(self, board: Board, model_a: str | None, model_b: str | None) -> Updates:
        """Another model was chosen: the same one twice cannot be compared, and it says why."""
        board = replace(board, models=(model_a, model_b))
        own = self.layout
        ready = buttons(own.compare, own.stop, busy=False, ready=board.ready)
        return {own.board: board, own.status: status(board.words()), **ready}

    def switch(self, board: Board, mode: Mode, pinned: str) -> Updates:
        """Several models, or two clips."""
        own = self.layout
        board = replace(board, mode="clips" if mode == "clips" else "models", keys=())
        is_clips = board.mode == "clips"
        free_a, free_b = free_models(board.mode, pinned)
        return {
            own.model_a: gr.update(interactive=free_a, label="Model" if is_clips else "Model A"),
            own.model_b: gr.update(interactive=free_b, visible=not is_clips),
            own.more: gr.update(visible=not is_clips),
            own.start_b: gr.update(visible=is_clips),
            **self.show_board(board, status(board.words())),
        }

    def pin(self, mode: Mode, pinned: str) -> Updates:
        """Another side is pinned."""
        free_a, free_b = free_models(mode, pinned)
        return {
            self.layout.model_a: gr.update(interactive=free_a),
            self.layout.model_b: gr.update(interactive=free_b),
        }

    def exchange(
        self,
        board: Board,
        model_a: str,
        model_b: str,
        start_a: float | None,
        start_b: float | None,
        pinned: str,
    ) -> Updates:
        """What was A becomes B; nothing is computed again, and the pin goes along with what it holds."""
        own = self.layout
        pinned = "B" if pinned == "A" else "A"
        keys = (*board.keys[1::-1], *board.keys[2:]) if len(board.keys) > 1 else ()
        if board.mode == "models":
            board = replace(board, keys=keys, models=board.models[::-1])
            model_a, model_b = model_b, model_a
        else:
            board = replace(board, keys=keys, clips=board.clips[::-1], names=board.names[::-1])
            start_a, start_b = start_b, start_a
        free_a, free_b = free_models(board.mode, pinned)
        return {
            own.model_a: gr.update(interactive=free_a, value=model_a),
            own.model_b: gr.update(interactive=free_b, value=model_b),
            own.start_a: start_a,
            own.start_b: start_b,
            own.pinned: pinned,
            **self.show_board(board, status(board.words())),
        }

    # ---- wiring

    def connect(self, visit: gr.State) -> None:
        """What each component calls. visit: of Inspect, which knows what this visitor had explained."""
        own, newest = self.layout, self.layout.newest
        results, guard = [*own.for_results, *newest.outputs], errors_as_messages(self.refuse)
        running = run_in_queue(
            own.compare,
            newest.press(guard(self.compare)),
            [
                newest.visit,
                newest.number,
                visit,
                own.board,
                own.model_a,
                own.model_b,
                own.more,
                own.start_a,
                own.start_b,
                own.length,
            ],
            results,
            line=own.status,
            on_error=self.refuse,
            at_once=self.settings.concurrency,
        )
        light: dict[str, Any] = {"cancels": [running], **AT_ONCE}
        choosing = [newest.visit, own.board, own.upload, own.pinned]
        choose = newest.choice(guard(self.choose))
        own.upload.upload(choose, choosing, results, js=forget_example_js(len(choosing)), **light)
        refuse_example = errors_as_messages(lambda message: {**self.refuse(message), own.upload: None})
        choose_example = newest.choice(refuse_example(self.choose_example))
        own.tiles.select(choose_example, [newest.visit, own.board, own.pinned], [own.upload, *results], **light)
        models = [own.model_a, own.model_b]
        modes = [*models, own.more, own.start_b, *results]
        own.mode.input(newest.choice(self.switch), [newest.visit, own.board, own.mode, own.pinned], modes, **light)
        for picker in models:  # whoever presses Compare at once means the model just chosen: no press is silenced
            picker.input(
                self.choose_models, [own.board, *models], [own.board, own.status, own.compare, own.stop], **light
            )
        own.pinned.input(self.pin, [own.mode, own.pinned], models, **AT_ONCE)
        fields = [*models, own.start_a, own.start_b, own.pinned]
        own.swap.click(newest.choice(self.exchange), [newest.visit, own.board, *fields], [*fields, *results], **light)
        stop_in_browser(own.stop, own.status)
        own.stop.click(newest.choice(lambda: self.end(status(STOPPED))), newest.visit, results, **light)
        newest.connect([own.upload, *fields, *modes])


def tab(settings: Settings, models: Models, known: KnownClips, visit: gr.State) -> list[gr.Dropdown]:
    """Lays out the tab and wires it; called within gr.Blocks. Returns where a model is chosen.

    known, visit: of Inspect.
    """
    known_truth = known_example()
    gr.set_static_paths([example.path for example in known_truth])
    examples = [*known_truth, *find_examples(settings.examples)]
    layout = Layout(settings, models, examples, first_board(examples, models, settings))
    CompareTab(layout, settings, models, examples, known).connect(visit)
    return [layout.model_a, layout.model_b, layout.more]


@on_gpu(lambda models, names, device, clip: clip.gpu_seconds(len(names)))
def compare_on_device(models: Models, names: list[str], device: str, clip: ClipPart) -> Steps[list[ClipResult]]:
    """compare_steps with models by name, on a device by name."""
    bundles = [models.get(name, device) for name in names]
    start, end = clip.part
    comparison = yield from compare_steps(clip.path, bundles, start=start, end=end, limits=clip.limits)
    results = []
    for encoded in comparison.clips:
        assert encoded.preview is not None, "it was made of a file"
        device_used = device_words(bundles[0].device)
        results.append(ClipResult(encoded.explain(), encoded.preview, device_used, encoded.tokens.cpu()))
    return results


def as_part(progress: Progress, prefix: str, done: int, total: int) -> Progress:
    """The progress of one clip as a part of that of all of them."""
    return replace(progress, done=done + progress.fraction, total=total, message=prefix + progress.message)


def free_models(mode: Mode, pinned: str) -> tuple[bool, bool]:
    """Whether model A and model B may be changed.

    The pinned side's cannot be changed by mistake; with two clips the one model always can.
    """
    return mode == "clips" or pinned != "A", mode == "clips" or pinned != "B"
