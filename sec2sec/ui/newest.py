"""What takes the place of what runs in a tab: a press runs, a choice supersedes, and nothing late of a run stays."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import gradio as gr
from gradio.blocks import Block

from sec2sec.ui.events import QUIET, Updates
from sec2sec.ui.visit import Visit


class Newest:
    """The number of a tab's newest choice, on both sides of the line (docs/decisions/0131).

    Within gr.Blocks. What `press` and `choice` wrap takes `visit` and `number`, or `visit` alone, before its own
    inputs; the outputs of a choice are its own and `outputs`.
    """

    def __init__(self) -> None:
        self.visit = gr.State(Visit())
        self.number = gr.Number(0, precision=0, visible="hidden")  # of the newest choice, as the browser knows it
        self.overtaken = gr.Number(0, visible="hidden")  # number of the choice whose answer is to be given again

    @property
    def outputs(self) -> list[Block]:
        """What the answer to every choice changes."""
        return [self.number, self.overtaken]

    def press(self, handler: Callable[..., Iterator[Updates]]) -> Callable[..., Iterator[Updates]]:
        """A run that says nothing once its visitor has chosen something newer."""

        def run(visit: Visit, number: int | None, *values: Any) -> Iterator[Updates]:
            yield from visit.while_current(number, partial(handler, *values))

        run.__name__, run.__qualname__ = handler.__name__, handler.__qualname__  # gradio names the event by them
        run.__module__ = handler.__module__
        return run

    def choice(self, handler: Callable[..., Updates]) -> Callable[..., Updates]:
        """A choice that supersedes what runs. Its answer comes whatever was chosen meanwhile: each changes a part."""

        @functools.wraps(handler)
        def choose(visit: Visit, *values: Any) -> Updates:
            number, was_running = visit.supersede()
            answer = handler(*values)
            if not visit.keep_answer(number, answer):
                return {**answer, self.number: gr.skip()}
            overtaken: Updates = {self.overtaken: number} if was_running else {}
            return {**answer, **overtaken, self.number: number}

        own = inspect.signature(handler)  # gradio finds the place of its own parameters by it
        first = inspect.Parameter("visit", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        choose.__signature__ = own.replace(parameters=[first, *own.parameters.values()])  # type: ignore[attr-defined]
        return choose

    def connect(self, outputs: Sequence[Block]) -> None:
        """Give an answer once more behind all that the run before it has sent. outputs: of all choices."""
        again = [*dict.fromkeys([*self.outputs, *outputs])]
        self.overtaken.change(self._answer_again, [self.visit, self.overtaken], again, concurrency_limit=None, **QUIET)

    def _answer_again(self, visit: Visit, number: int) -> Updates:
        return visit.answer_again(number) or {self.number: gr.skip()}
