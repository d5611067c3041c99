"""How a tab listens and answers: a place in the queue, progress on its status line, updates by component."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import Any, Literal, TypeVar

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component
from gradio.context import Context
from gradio.events import Dependency

from sec2sec.jobs.worker import in_words
from sec2sec.progress import Progress
from sec2sec.ui.fair_queue import FairQueue, Place, current_turn
from sec2sec.ui.messages import errors_as_messages, status
from sec2sec.ui.work import Work, stream_from_thread

R = TypeVar("R")
Updates = dict[Block, Any]  # what a handler returns: component → its update; gradio leaves the other outputs alone
Handler = Callable[..., Updates] | Callable[..., Iterator[Updates]]

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
AT_ONCE: dict[str, Any] = {"queue": False, **QUIET}  # light events never wait behind the clips in the queue
STOPPED = "Stopped."
WAITING = "Waiting for a free place"
SECONDS_BETWEEN_PLACES = 2.0  # of the first ten in line
SECONDS_PER_PLACE, MAX_SECONDS_BETWEEN_PLACES = 0.2, 15.0  # of those behind them
QUEUE_FULL = "The server did not take the clip, because too many are waiting. Try again in a minute."


# In the browser: a press in the first moments waits until the clip of the page is its visitor's own.
ENTERED_JS = "() => { document.body.dataset.entered = 'true'; }"
WHEN_ENTERED_JS = """async (...values) => {
  for (let tries = 0; tries < 100 && !document.body.dataset.entered; tries++) {
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  return values;
}"""


def run_in_queue(
    button: gr.Button | gr.Number,
    handler: Handler,
    inputs: Sequence[Component],
    outputs: Sequence[Block],
    *,
    line: gr.HTML,
    on_error: Callable[[str], Updates],
    at_once: int,
    pressed: Updates | None = None,
) -> Dependency:
    """A press says that it waits, and runs the handler once one of `at_once` places is free.

    button: or a hidden number, whose change is the press. line: of the tab's status. on_error: the message of an error
    → the last outputs. pressed: what else changes in the browser at the press, before the server is asked.
    """
    places = gr.Timer(SECONDS_BETWEEN_PLACES, active=False)
    waiting = in_browser(
        button.click if isinstance(button, gr.Button) else button.change,
        {line: status(WAITING), places: gr.update(value=SECONDS_BETWEEN_PLACES, active=True), **(pressed or {})},
    )
    running: Dependency = waiting.then(
        errors_as_messages(on_error)(handler), inputs, outputs, concurrency_limit=at_once, **QUIET
    )
    show_places(places, line, running)
    in_browser(running.then, {places: gr.update(active=False)})  # or it would look once more, beside a clip that plays
    # a full queue refuses before the handler can say anything; being stopped counts as a failure too
    refused = list(dict.fromkeys([line, *outputs]))
    running.failure(
        lambda shown: on_error(QUEUE_FULL) if WAITING in shown else {line: gr.skip()}, line, refused, **AT_ONCE
    )
    return running


def in_browser(listen: Callable[..., Dependency], updates: Updates) -> Dependency:
    """Updates that an event makes in the browser itself, at once and whatever the server does. listen: button.click.

    An answer of the server may come late, and meanwhile the page would be as it was before the press.
    """
    js = f"() => {json.dumps(list(updates.values()))}"
    return listen(None, None, list(updates), js=js, **AT_ONCE)


def stop_in_browser(stop: gr.Button, line: gr.HTML) -> None:
    """Let a press of Stop say so at once; called before the listener that cancels.

    A run that is cancelled counts as failed, and one that failed while it waited was refused by a full queue.
    """
    in_browser(stop.click, {line: status(STOPPED)})


def show_places(places: gr.Timer, line: gr.HTML, running: Dependency) -> None:
    """While an event waits, its status line says in which place and for about how long.

    places: ticks while it waits. running: the event.
    """
    app = Context.root_block
    assert app is not None, "called within gr.Blocks"

    def tell(shown: str, request: gr.Request) -> Updates:
        queue = app._queue
        assert isinstance(queue, FairQueue), "make_fair() was called"
        place = queue.place(str(request.session_hash), running["id"])
        if place is None:
            return {places: gr.Timer(active=False)}
        words = status(place_words(place))
        again = gr.Timer(value=seconds_between_looks(place.number))
        return {line: gr.skip() if words == shown else words, places: again}

    places.tick(tell, line, [line, places], **AT_ONCE)


def seconds_between_looks(number: int) -> float:
    """Until the page of the visitor in this place asks for it again: a long line would keep the server busy with it."""
    return min(max(SECONDS_BETWEEN_PLACES, SECONDS_PER_PLACE * number), MAX_SECONDS_BETWEEN_PLACES)


def place_words(place: Place) -> str:
    """A place in the queue for people, with the expected time where that is known."""
    number = f"{place.number}{ordinal_suffix(place.number)} in line"
    return f"{WAITING}: {number}" + ("" if math.isnan(place.seconds) else f", {in_words(place.seconds)}")


def ordinal_suffix(number: int) -> str:
    """The letters of 1st, 2nd, 3rd, 4th."""
    if number % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def follow(
    work: Work[R],
    line: gr.HTML,
    adapt: Callable[[Progress], Progress] = lambda progress: progress,
    *,
    limit: float,
    early: Callable[[Any], Updates] = lambda known: {},
) -> Generator[Updates, None, R]:
    """Run the work in a thread, show its progress on a status line, and return its result.

    adapt: what is shown of each progress. limit: s of work, without waiting for a device. early: what else is shown of
    what is known before the end. Raises TimeOverError.
    """
    with closing(stream_from_thread(work, limit, current_turn())) as steps:
        while True:
            try:
                progress = next(steps)
            except StopIteration as end:
                result: R = end.value
                return result
            if progress is None:  # a moment at which Stop can stop
                yield {line: gr.skip()}
                continue
            progress = adapt(progress)
            shown = {} if progress.early is None else early(progress.early)
            yield {line: status(progress.message, progress.fraction if progress.total else None)} | shown


def buttons(start: gr.Button, stop: gr.Button, *, busy: bool, ready: bool = True) -> Updates:
    """Start and Stop of a tab while something runs, or not. ready: whether there is something to start.

    While Stop is on the page, style.css gives it the place of Start.
    """
    return {start: gr.update(interactive=ready and not busy), stop: gr.update(visible=busy)}


def hide(*components: Block) -> Updates:
    """Taken off the screen; a download without its file."""
    emptied = {"value": None}
    return {
        component: gr.update(visible=False, **(emptied if isinstance(component, gr.DownloadButton | gr.Video) else {}))
        for component in components
    }


def upload_field(
    label: str, file_types: list[str], elem_id: str, file_count: Literal["single", "multiple"] = "single"
) -> gr.File:
    """Where a file is dropped or picked."""
    return gr.File(
        label=label,
        show_label=False,
        file_types=file_types,
        file_count=file_count,
        height=58,
        elem_id=elem_id,
        elem_classes="pick",
    )


def forget_example_js(inputs: int) -> str:
    """A script of an upload: its tiles show no example as chosen any more, and so many inputs pass through."""
    passed = "all[0]" if inputs == 1 else f"all.slice(0, {inputs})"
    return f"(...all) => {{ document.dispatchEvent(new CustomEvent('s2s-upload')); return {passed}; }}"
