"""What gradio calls for the events of the app, called without a browser."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

import gradio as gr


def find_handler(demo: gr.Blocks, module: str, name: str) -> Callable[..., Any]:
    """The handler of an event, by its module within sec2sec.ui and its name."""
    return next(
        function.fn
        for function in demo.fns.values()
        if getattr(function.fn, "__module__", "") == f"sec2sec.ui.{module}"
        and function.fn.__qualname__.endswith(f".{name}")
    )


def last_answer(answers: Iterator[Mapping[Any, Any]]) -> Mapping[Any, Any]:
    """Of the answers of a handler the last one that changes anything."""
    *_, last = (answer for answer in answers if any(update != gr.skip() for update in answer.values()))
    return last


def layouts(handler: Callable[..., Any]) -> Iterator[Any]:
    """The layout of the tab whose method a handler is, or calls."""
    wrapped = getattr(handler, "__wrapped__", None)
    if hasattr(wrapped, "__self__"):
        yield wrapped.__self__.layout
    for cell in getattr(handler, "__closure__", None) or ():
        if callable(cell.cell_contents):
            yield from layouts(cell.cell_contents)


def by_name(handler: Callable[..., Any], updates: Mapping[Any, Any]) -> dict[str, Any]:
    """What a handler returned, by the names that its tab gives to the components."""
    layout = next(layouts(handler))
    components = {name: part for name, part in vars(layout).items() if isinstance(part, Hashable)}
    return {name: updates[part] for name, part in components.items() if part in updates}
