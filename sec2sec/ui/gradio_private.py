"""All that the app needs of gradio and gradio keeps private: look here first when gradio is updated."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import route_utils, routes
from gradio.blocks import Block
from gradio.brotli_middleware import BrotliMiddleware
from gradio.components import Component
from gradio.processing_utils import move_files_to_cache
from gradio.route_utils import GradioMultiPartParser, MultiPartException  # type: ignore[attr-defined]
from jinja2 import ChoiceLoader, DictLoader
from pydantic import BaseModel
from starlette.datastructures import FormData
from starlette.types import ASGIApp, Receive, Scope, Send

from sec2sec.errors import UserError
from sec2sec.serving.deletion import free_bytes
from sec2sec.serving.door import API, RESERVE, path_in_app
from sec2sec.ui.messages import message_for

SECONDS_BETWEEN_LOOKS = 0.02
COMPRESSED = re.compile(rf"/|/config|{API}/(run/[\w-]+|component_server|info|queue/data)/?")


def event_data(event: gr.EventData) -> dict[str, Any]:
    """What a view sent with its event. It comes from a browser, so that every value may be anything."""
    sent = event._data
    return sent if isinstance(sent, dict) else {}


def served_path(component: Component, name: str) -> Path:
    """A path in a new folder whose name nobody can guess, for a file that gradio serves, and deletes when it is old.

    Raises UserError where the disk has no more room than uploads have to leave free.
    """
    path = Path(component.GRADIO_CACHE) / secrets.token_hex(16) / name
    path.parent.mkdir(parents=True)
    if free_bytes(path.parent) < RESERVE:
        path.parent.rmdir()
        raise UserError("The server has no room for this file now. Try again later; old files are deleted.")
    delete_when_old(component, [path])
    return path


def delete_when_old(component: Component, files: Iterable[Path]) -> None:
    """Let gradio delete files of its cache with those of a component."""
    component.temp_files.update(str(file) for file in files)


def rewrite_page(rewrite: Callable[[str], str]) -> None:
    """Let the template of the page pass through a function before it is filled, for apps launched from now on."""
    name, environment = "frontend/index.html", routes.templates.env
    loader = environment.loader
    assert loader is not None, "gradio reads its page from a folder"
    source, *_ = loader.get_source(environment, name)
    environment.loader = ChoiceLoader([DictLoader({name: rewrite(source)}), loader])
    assert environment.cache is not None
    environment.cache.clear()


def show_at_start(updates: Mapping[Block, Any]) -> None:
    """Let components be on a page that is opened as these updates would make them."""
    for component, update in updates.items():
        fields = {"value": update}
        if isinstance(update, dict) and update.get("__type__") == "update":
            fields = {name: value for name, value in update.items() if name != "__type__"}
        if "value" in fields and isinstance(component, Component):
            value = component.postprocess(fields["value"])  # type: ignore[no-untyped-call]
            value = value.model_dump() if isinstance(value, BaseModel) else value
            fields["value"] = move_files_to_cache(value, component, postprocess=True, keep_in_cache=True)
        vars(component).update(fields)


def look_less_often(demo: gr.Blocks) -> None:
    """Gradio looks a thousand times per second whether somebody asks, which takes 7 % of a core of an idle app."""
    demo._queue.sleep_when_free = SECONDS_BETWEEN_LOOKS
    demo._queue.progress_update_sleep_when_free = SECONDS_BETWEEN_LOOKS


class NoCors:
    """Stands in for gradio's CORS middleware, which grants any site to read the answers, with the visitor's cookies."""

    def __init__(self, app: ASGIApp, **_: object) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""
        await self.app(scope, receive, send)


class Compression(BrotliMiddleware):
    """Compresses what gradio leaves as it is, because its address has no suffix: the page, answers, and the queue.

    Each message of a stream leaves at once: brotli is flushed behind it, and what takes gzip alone gets streams as they
    are. Not the forms of the class code: nothing that holds a secret is compressed beside what somebody else has
    written.
    """

    def _is_compressible_file_type(self, scope: Scope) -> bool:
        return COMPRESSED.fullmatch(path_in_app(scope)) is not None


class UploadBrokenOffError(MultiPartException):
    """Raised while an upload is read: of all errors, this kind alone makes gradio remove the half-written file."""


class UploadParser(GradioMultiPartParser):
    """Leaves no file of an upload that cannot be written: gradio removes those alone whose form is wrong."""

    async def parse(self) -> FormData:
        """The form. Raises UploadBrokenOffError, whose sentence the visitor gets, where the disk is full."""
        try:
            return await super().parse()
        except OSError as error:
            for file in self._files_to_close_on_error:
                Path(file.name).unlink(missing_ok=True)
            raise UploadBrokenOffError(message_for(error)) from error


def tidy_failed_uploads() -> None:
    """Let uploads of an app that is launched from now on leave nothing where they fail."""
    vars(route_utils)["GradioMultiPartParser"] = UploadParser


def grant_no_other_site() -> None:
    """Let no page of another site read answers of an app that is launched from now on."""
    vars(routes)["CustomCORSMiddleware"] = NoCors
