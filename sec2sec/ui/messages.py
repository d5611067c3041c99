"""Errors → one line for the person at the screen; never a traceback."""

from __future__ import annotations

import errno
import functools
import html
import inspect
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
from torch import OutOfMemoryError

from sec2sec.errors import UserError
from sec2sec.serving.server_paths import without_server_paths
from sec2sec.viewer.templates import render

INTERNAL_ERROR = "Internal error (logged). Try another clip."
DISK_FULL = "The disk of this server is full, so that nothing was written. Try again later."
NO_MEMORY = "This server, or its GPU, has too little memory left for that. Choose a shorter part, or try again later."
# Of a CPU's memory libraries have no class: torch, oneDNN, C++, Python of a thread's stack, the system, its loader
WORDS_OF_NO_MEMORY = (
    "not enough memory",
    "can't allocate memory",
    "could not create a primitive",
    "bad_alloc",
    "bad allocation",
    "can't start new thread",
    "Cannot allocate memory",
    "failed to map segment",
)
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
GPU_ABORTED = (
    ", because it took longer than it was lent for, or its process ended. Try again, or choose a shorter part."
)
TAG = re.compile(r"<[^<>]*>")
LINK = re.compile(r"\[([^\[\]]*)\]\(([^()]*)\)")  # of Markdown
log = logging.getLogger("sec2sec.ui")


def message_for(error: BaseException) -> str:
    """The error's own sentence if it was written for people, INTERNAL_ERROR if not (and the error goes to the log)."""
    sentence = message_if_for_people(error)
    if sentence is None:
        log.error("unexpected error", exc_info=error)
        return INTERNAL_ERROR
    return sentence


def message_if_for_people(error: BaseException) -> str | None:
    """The error's own sentence, in one line and without paths of this server, if it was written for people."""
    if isinstance(error, gr.Error):
        return _lender_message(error)
    if is_user_error(error):
        return without_server_paths(" ".join(str(error).split()))
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        log.error("no room on the disk: %s", error)
        return DISK_FULL
    if is_out_of_memory(error):
        log.error("no memory: %s", error)
        return NO_MEMORY
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether there was no room in memory, of the machine or of a GPU."""
    if isinstance(error, MemoryError | OutOfMemoryError):
        return True
    kinds = isinstance(error, RuntimeError | OSError | ImportError)
    return kinds and any(words in str(error) for words in WORDS_OF_NO_MEMORY)


def is_user_error(error: BaseException) -> bool:
    """Whether the sentence was written for people; any other was written for programmers."""
    return isinstance(error, UserError)


def _lender_message(error: gr.Error) -> str | None:
    """What the package `spaces` says where it lends no GPU, without its markup; None for the bare name of a class."""
    text = str(error.message)
    if text.isidentifier():  # what its own process raised
        return None
    text = LINK.sub(r"\1 (\2)", html.unescape(TAG.sub("", text)))
    advice = GPU_ABORTED if text == "GPU task aborted" else ""
    return " ".join(f"{error.title}: {text}{advice}".split())


def errors_as_messages(on_error: Callable[[str], Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
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


def errors_as_json(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function that a view calls by its name: what it raises becomes {"error": message}."""
    return errors_as_messages(lambda message: {"error": message})(function)


def alert(message: str) -> str:
    """An error, read out at once by screen readers."""
    return render("status.html", message=without_server_paths(message), alert=True)


def status(message: str, fraction: float | None = None) -> str:
    """A stage in words, with a bar where a fraction of the whole is known."""
    percent = None if fraction is None else round(100 * min(max(fraction, 0.0), 1.0))
    return render("status.html", message=message, alert=False, percent=percent)
