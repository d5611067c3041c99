"""The Lab tab: its widgets, and what happens when they are used."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import gradio as gr

from sec2sec.config import MediaLimits
from sec2sec.edits import (
    ClipTracks,
    Edit,
    EditError,
    Lab,
    Soundtrack,
    edit_from_json,
    encode_plan_pictures,
    encode_soundtrack,
    render_plan,
)
from sec2sec.edits.history import History
from sec2sec.encoders.tokens import Tokens
from sec2sec.encoding import encode_seconds
from sec2sec.media import Clip, Second, open_clip
from sec2sec.ui.clips import cached
from sec2sec.ui.examples import Example
from sec2sec.ui.lab.payload import encode
from sec2sec.ui.messages import alert, errors_as_messages, message_for, status
from sec2sec.ui.models import Models, on_cpu
from sec2sec.ui.player import Player
from sec2sec.ui.settings import Settings
from sec2sec.ui.shelf import ClipCache, Kept
from sec2sec.ui.work import Job, stream_from_thread
from sec2sec.viewer import files

HERE = Path(str(resources.files(__package__)))
FULL = "The server did not take the edit, because too many are waiting. Try again in a minute."
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


def tab(settings: Settings, models: Models, shelf: ClipCache, kept: gr.State, opened: gr.Tab) -> None:
    """Lays out the tab and wires it; called within gr.Blocks. kept: the id of the clip that was explained last."""
    soundtracks = {Example(path, 0.0, None).title: path for path in sorted(settings.examples.glob("*.mp4"))}
    view = gr.HTML(
        html_template=(HERE / "lab.html").read_text(encoding="utf-8"),
        css_template=files.style(HERE / "lab.css"),
        js_on_load=files.script(HERE / "lab.js"),
        apply_default_css=False,
        elem_id="lab",
    )
    with gr.Column(visible=False, elem_classes="lab-film") as film:
        with gr.Row(elem_classes="actions"):
            own = gr.UploadButton(
                "Take the sound of a file of yours", file_types=["video", "audio"], elem_id="lab-own", size="md"
            )
            play = gr.Button("Render and play", variant="primary", elem_id="lab-render")
            stop = gr.Button("Stop", variant="stop", visible=False, elem_id="lab-stop")
        told = gr.HTML("", elem_id="lab-status")
        player = Player(
            label="The edited clip",
            interactive=False,
            visible=False,
            elem_id="lab-player",
            buttons=["download"],
            height="auto",
        )

    def show(key: str | None) -> tuple[Any, ...]:
        """Opens the lab on the clip that was explained last; its edits are still there."""
        if key is None:
            return None, gr.update(visible=False), gr.update(value=None, visible=False), ""
        try:
            clip = shelf.get(key)
            with clip.lock:
                if clip.history is None:
                    open_lab(models, clip, {name: path for name, path in soundtracks.items() if path != clip.path})
                value = encode(clip, stills=True)
        except Exception as error:
            return None, gr.update(visible=False), gr.update(value=None, visible=False), alert(message_for(error))
        return value, gr.update(visible=True), gr.skip(), ""

    def instant(key: str | None, event: gr.EventData) -> tuple[Any, ...]:
        """An edit that tokens express, undo, redo or clear."""
        clip = shelf.get(key)
        with clip.lock:
            return encode(clip, act(clip, event._data)), ""

    def slow(key: str | None, event: gr.EventData) -> Iterator[tuple[Any, ...]]:
        """An edit that pixels must be decoded for, or another clip's sound."""
        yield from edited(shelf.get(key), event._data)

    def take(key: str | None, path: str | None) -> Iterator[tuple[Any, ...]]:
        """The soundtrack of a visitor's own file."""
        clip = shelf.get(key)
        if path is not None:
            name = Path(path).name
            clip.soundtracks[name] = Path(path)
            yield from edited(clip, {"edit": {"edit": Soundtrack.name, "track": name}})

    def edited(clip: Kept, sent: Any) -> Iterator[tuple[Any, ...]]:
        yield gr.skip(), status("Decoding and encoding what the edit needs"), gr.update(visible=True)
        try:
            for step in stream_from_thread(lambda job: prepare(models, clip, edit_of(sent), settings.limits, job)):
                if isinstance(step, float):
                    yield gr.skip(), status("Encoding the changed seconds", step), gr.skip()
        except Exception as error:
            yield encode(clip, message_for(error)), "", gr.update(visible=False)
            return
        yield encode(clip), "", gr.update(visible=False)

    def stopped(key: str | None) -> tuple[Any, ...]:
        return encode(shelf.get(key)), status("Stopped."), gr.update(visible=False)

    @errors_as_messages(lambda message: (alert(message), gr.update(visible=False), gr.skip()))
    def render(key: str | None) -> Iterator[tuple[Any, ...]]:
        clip = shelf.get(key)
        assert clip.history is not None
        yield status("Rendering the edited clip", 0.0), gr.update(visible=True), gr.update(value=None, visible=False)
        out = cached(player, f"{Path(clip.explanation.clip.name).stem}-edited.mp4")
        for share in stream_from_thread(_film(clip, out, settings.limits)):
            if share is not None:
                yield status("Rendering the edited clip", share), gr.skip(), gr.skip()
        words = (
            "The edited clip. H.264 and AAC lose a little: what the model says of this very file may differ slightly."
        )
        yield status(words), gr.update(visible=False), gr.update(value=str(out), visible=True, autoplay=True)

    def refused(key: str | None, said: str) -> tuple[Any, ...]:
        """A full queue refuses before a handler can say anything; being stopped counts as a failure too."""
        return encode(shelf.get(key)), gr.skip() if said else alert(FULL), gr.update(visible=False)

    failed = errors_as_messages(lambda message: (gr.skip(), alert(message)))
    failed_slowly = errors_as_messages(lambda message: (gr.skip(), alert(message), gr.update(visible=False)))
    opened.select(show, kept, [view, film, player, told], queue=False, **QUIET)
    view.select(failed(instant), kept, [view, told], queue=False, **QUIET)
    limit: dict[str, Any] = {"concurrency_limit": settings.concurrency}
    running = view.submit(failed_slowly(slow), kept, [view, told, stop], **limit, **QUIET)
    taking = own.upload(failed_slowly(take), [kept, own], [view, told, stop], **limit, **QUIET)
    rendering = play.click(render, kept, [told, stop, player], **limit, **QUIET)
    for event in (running, taking):
        event.failure(failed_slowly(refused), [kept, told], [view, told, stop], queue=False, **QUIET)
    stop.click(
        failed_slowly(stopped), kept, [view, told, stop], queue=False, cancels=[running, taking, rendering], **QUIET
    )


def open_lab(models: Models, clip: Kept, soundtracks: dict[str, Path]) -> None:
    """Puts a kept clip into the lab."""
    bundle = models.get(clip.model)
    tracks = ClipTracks.of(clip.explanation.clip)
    ask = functools.partial(encoded, models, clip.model)
    lab = Lab(on_cpu(bundle.model), clip.tokens, tracks, ask, bundle.encoders.config.frames_per_second)
    clip.soundtracks = dict(soundtracks)
    clip.history = History(lab)


def encoded(models: Models, name: str | None, seconds: Sequence[Second]) -> Tokens:
    """encode_seconds with a model by name, on a device of this process; the tokens are on the CPU.

    It asks nobody for a GPU: to be lent one for these few seconds would take longer than the CPU does.
    """
    bundle = models.get(name)
    return encode_seconds(seconds, bundle.encoders, bundle.device).cpu()


def edit_of(sent: Any) -> Edit:
    """The edit that a browser sends."""
    return edit_from_json(sent.get("edit") if isinstance(sent, dict) else None)


def act(clip: Kept, sent: Any) -> str:
    """Does what a browser asks for → why it was not possible; empty where it was."""
    history = clip.history
    assert history is not None
    simple: dict[str, Callable[[], None]] = {"undo": history.undo, "redo": history.redo, "clear": history.clear}
    asked = sent.get("action") if isinstance(sent, dict) else None
    if isinstance(asked, str) and asked in simple:
        simple[asked]()
        return ""
    try:
        edit = edit_of(sent)
        if history.needs(edit):
            raise EditError("This edit needs the picture to be decoded again")
        history.apply(edit)
    except EditError as error:
        return str(error)
    return ""


def prepare(models: Models, clip: Kept, edit: Edit, limits: MediaLimits, job: Job) -> None:
    """Encodes what an edit needs, and applies it; tells the share that is done."""
    with clip.lock:
        assert clip.history is not None
        lab = clip.history.lab
        ask = functools.partial(encoded, models, clip.model)
        if isinstance(edit, Soundtrack) and edit.track not in lab.tracks.soundtracks and edit.track in clip.soundtracks:
            lab.add_soundtrack(
                edit.track, encode_soundtrack(clip.soundtracks[edit.track], ask, limits, lab.tracks.seconds)
            )
        missing = clip.history.needs(edit)
        if missing:
            for picture, tokens in encode_plan_pictures(_opened(models, clip), missing, ask, job.tell):
                lab.supply(picture, tokens)
        clip.history.apply(edit)


def _opened(models: Models, clip: Kept) -> Clip:
    """The file of a kept clip, opened as it was for the analysis; MediaError where it was deleted meanwhile."""
    rate = models.get(clip.model).encoders.config.frames_per_second
    return open_clip(clip.path, start=clip.start, frames_per_second=rate, limits=ANY_LENGTH)


ANY_LENGTH = MediaLimits(max_seconds=float("inf"))  # its length was checked when it was explained


def _film(clip: Kept, out: Path, limits: MediaLimits) -> Callable[[Job], None]:
    """Renders; tells the share that is done."""
    assert clip.history is not None
    plan, tracks = clip.history.plan, clip.history.lab.tracks

    def work(job: Job) -> None:
        opened = open_clip(clip.path, start=clip.start, limits=ANY_LENGTH)
        render_plan(opened, plan, tracks, out, soundtracks=clip.soundtracks, limits=limits, progress=job.tell)

    return work
