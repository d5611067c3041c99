"""Errors → one line for the person at the screen; never a traceback."""

from __future__ import annotations

import functools
import html
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any

from sec2sec.errors import UserError

SORRY = "Something went wrong here, and it is our mistake, not yours. It has been noted; another clip may work."
log = logging.getLogger("sec2sec.ui")


def message_for(error: BaseException) -> str:
    """The error's own sentence if it was written for people, an apology if not (and the error goes to the log)."""
    if is_ours(error):
        return " ".join(str(error).split())
    log.error("unexpected error", exc_info=error)
    return SORRY


def is_ours(error: BaseException) -> bool:
    """Whether the sentence was written for people; any other was written for programmers."""
    return isinstance(error, UserError)


def guarded(on_error: Callable[[str], Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Wraps a handler, plain or generator: what it raises becomes on_error(message), its (last) outputs."""

    def wrap(handler: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(handler)
        def generator(*inputs: Any) -> Iterator[Any]:
            try:
                yield from handler(*inputs)
            except Exception as error:
                yield on_error(message_for(error))

        @functools.wraps(handler)
        def plain(*inputs: Any) -> Any:
            try:
                return handler(*inputs)
            except Exception as error:
                return on_error(message_for(error))

        return generator if inspect.isgeneratorfunction(handler) else plain

    return wrap


def answered(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function that a view asks by its name: what it raises becomes {"error": message}."""
    return guarded(lambda message: {"error": message})(function)


def alert(message: str) -> str:
    """An error, read out at once by screen readers."""
    return f'<div class="status alert" role="alert"><b>Not possible:</b> {html.escape(message)}</div>'


def status(message: str, fraction: float | None = None) -> str:
    """A stage in words, with a bar where a fraction of the whole is known."""
    bar = ""
    if fraction is not None:
        whole = round(100 * min(max(fraction, 0.0), 1.0))
        bar = (
            f'<div class="meter" role="progressbar" aria-label="Progress" aria-valuemin="0" aria-valuemax="100" '
            f'aria-valuenow="{whole}"><i style="width:{whole}%"></i></div>'
        )
    return f'<div class="status" role="status">{bar}<span>{html.escape(message)}</span></div>'
