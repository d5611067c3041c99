"""The Lab tab: what the model would say of an edited clip."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block

from sec2sec.config import EncoderConfig, MediaLimits
from sec2sec.edits import (
    ClipTracks,
    Edit,
    EditError,
    Lab,
    Plan,
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
from sec2sec.media.isolated import probe_clip
from sec2sec.ui.clip_cache import ClipCache, ExplainedClip
from sec2sec.ui.events import (
    AT_ONCE,
    QUIET,
    SECONDS_BETWEEN_PLACES,
    STOPPED,
    WHEN_ENTERED_JS,
    Updates,
    follow,
    hide,
    run_in_queue,
    show_places,
    stop_in_browser,
)
from sec2sec.ui.examples import Example
from sec2sec.ui.gradio_private import event_data, served_path
from sec2sec.ui.lab.payload import encode
from sec2sec.ui.lab.why import answer
from sec2sec.ui.messages import alert, errors_as_messages, message_for, status
from sec2sec.ui.models import Models, on_cpu
from sec2sec.ui.player import Player
from sec2sec.ui.settings import Settings
from sec2sec.ui.work import Channel, Work
from sec2sec.viewer import files

HERE = Path(str(resources.files(__package__)))
STYLES = tuple(HERE / f"{name}.css" for name in ("lab", "lanes", "why"))
# of the change of the clip's id: whether this tab is on the screen, beside the id
IS_SHOWN = "key => [key, Boolean(document.querySelector('#lab')?.offsetParent)]"
QUEUE_FULL = "The server did not take the edit, because too many are waiting. Try again in a minute."
ENCODING = "Encoding the changed seconds"
RENDERING = "Rendering the edited clip"
ORIGINAL, EDITED = "The clip before the edits", "The edited clip"
CHANGED_MEANWHILE = "The edits were changed while the clip was rendered. Press Render and play again."
RENDERED = "The edited clip. H.264 and AAC lose a little: the prediction for this very file may differ slightly."


class Layout:
    """The components of the tab; made within gr.Blocks."""

    def __init__(self, clip_id: gr.State) -> None:
        self.clip_id = clip_id  # of the explained clip, in the cache
        self.is_shown = gr.Checkbox(False, visible=False)  # the browser says whether this tab is the one on screen
        with gr.Row(elem_classes="lab-tab"):
            self.film = gr.Column(visible=False, scale=0, min_width=364, elem_classes="lab-film")
            with self.film:
                self.player = Player(
                    label=ORIGINAL, interactive=False, elem_id="lab-player", buttons=["download"], height="auto"
                )
                with gr.Row(elem_classes="actions"):
                    self.play = gr.Button("Render and play", variant="primary", elem_id="lab-render")
                    self.stop = gr.Button("Stop", variant="stop", visible=False, elem_id="lab-stop")
                self.status = gr.HTML("", elem_id="lab-status")
                # the view shows a button of its own for it, in the row of the sound
                self.own_sound = gr.UploadButton(
                    "Upload a soundtrack", file_types=["video", "audio"], elem_id="lab-own", elem_classes="lab-unseen"
                )
                self.places = [gr.Timer(SECONDS_BETWEEN_PLACES, active=False) for _ in range(2)]  # of edit and sound
            with gr.Column(scale=1, min_width=320):
                self.view = gr.HTML(
                    html_template=(HERE / "lab.html").read_text(encoding="utf-8"),
                    css_template=files.style(
                        files.SHARED_STYLE, HERE / "lab.css", HERE / "lanes.css", HERE / "why.css"
                    ),
                    js_on_load=files.script(HERE / "lab.js"),
                    apply_default_css=False,
                    elem_id="lab",
                )

    @property
    def for_edits(self) -> list[Block]:
        """What an edit changes."""
        return [self.view, self.status, self.stop, self.player]


class LabTab:
    """What happens when the tab is used."""

    def __init__(self, layout: Layout, settings: Settings, models: Models, cache: ClipCache) -> None:
        self.layout, self.settings, self.models, self.cache = layout, settings, models, cache
        self.soundtracks = {Example(path, 0.0, None).title: path for path in sorted(settings.examples.glob("*.mp4"))}

    # ---- what is on the screen

    def show(self, clip: ExplainedClip, line: str = "", refusal: str = "") -> Updates:
        """The clip after its last edit, while nothing runs."""
        return {self.layout.view: encode(clip, refusal), **self.end(line)}

    def end(self, line: str) -> Updates:
        """Nothing runs any more; the clip stays as it was shown."""
        return {self.layout.status: line, **hide(self.layout.stop)}

    def refuse(self, message: str) -> Updates:
        """The clip stays as it was shown, beside the message of an error."""
        return self.end(alert(message))

    def close(self, line: str) -> Updates:
        """No clip is in the lab."""
        own = self.layout
        return {own.view: None, own.status: line, own.player: None, **hide(own.film)}

    def original(self, clip: ExplainedClip) -> Updates:
        """The clip as it is in the player: a film of other edits than those beside it must not stay."""
        update = gr.update(value=clip.played or None, label=ORIGINAL, autoplay=False)
        return {self.layout.player: update}

    def drop_film(self, clip: ExplainedClip, plan: Plan) -> Updates:
        """Takes the edited film off the screen where the edits are not those that it shows. plan: before this edit."""
        assert clip.history is not None
        if clip.history.plan == plan or "edited" not in clip.made:
            return {}
        clip.made.pop("edited").unlink(missing_ok=True)
        return self.original(clip)

    # ---- edits

    def open(self, key: str | None) -> Updates:
        """The tab was chosen: the clip that was explained last, with the edits that it has."""
        if key is None:
            return self.close("")
        clip = self.cache.get(key)
        with clip.for_a_moment():
            if clip.history is None:
                others = {name: path for name, path in self.soundtracks.items() if path != clip.path}
                open_lab(self.models, clip, others)
            value = encode(clip, stills=True)
        own = self.layout
        # the film that was made of these edits stays in the player
        player: Updates = {} if "edited" in clip.made else self.original(clip)
        return {own.view: value, own.film: gr.update(visible=True), own.status: "", **player}

    def follow_inspect(self, key: str | None, is_shown: bool) -> Updates:
        """Another clip was explained, or is about to be, while this tab may be on the screen."""
        return self.open(key) if is_shown or key is None else {self.layout.status: gr.skip()}

    def edit_at_once(self, key: str | None, event: gr.EventData) -> Updates:
        """An edit that tokens express, undo, redo or clear."""
        clip = self.cache.get(key)
        with clip.for_a_moment():
            assert clip.history is not None
            before = clip.history.plan
            refusal = act(clip, event_data(event))
            return {self.layout.view: encode(clip, refusal), self.layout.status: "", **self.drop_film(clip, before)}

    def edit_slowly(self, key: str | None, event: gr.EventData) -> Iterator[Updates]:
        """An edit that pixels must be decoded for, or another clip's sound; or why the prediction changed."""
        clip, request = self.cache.get(key), event_data(event)
        yield from self.tell_why(clip, request["why"]) if "why" in request else self.edit(clip, request)

    def take_sound(self, key: str | None, path: str | None) -> Iterator[Updates]:
        """The soundtrack of a visitor's own file."""
        clip = self.cache.get(key)
        if path is not None:
            probe_clip(path, self.settings.limits)  # before anything of it is opened in this process
            name = Path(path).name
            clip.soundtracks[name] = Path(path)
            yield from self.edit(clip, {"edit": {"edit": Soundtrack.name, "track": name}})

    def edit(self, clip: ExplainedClip, request: Any) -> Iterator[Updates]:
        """Prepare an edit, and show what came of it."""
        own = self.layout
        assert clip.history is not None
        before = clip.history.plan
        yield {own.status: status("Decoding and encoding what the edit needs"), own.stop: gr.update(visible=True)}
        try:
            work = functools.partial(prepare, self.models, clip, edit_of(request), self.settings.limits)
            yield from follow(work, own.status, limit=self.settings.job_seconds)
        except Exception as error:
            yield self.show(clip, refusal=message_for(error))
            return
        yield {**self.show(clip), **self.drop_film(clip, before)}

    def tell_why(self, clip: ExplainedClip, question: Any) -> Iterator[Updates]:
        """Explain the change of the prediction: a thousand predictions, where an edit takes a hundred."""
        own = self.layout
        yield {own.status: status("Explaining the change"), own.stop: gr.update(visible=True)}

        def work(channel: Channel) -> dict[str, Any]:
            with clip.lock:
                return answer(clip, question)

        why = yield from follow(work, own.status, limit=self.settings.job_seconds)
        yield {own.view: encode(clip, why=why), **self.end("")}

    def stop(self, key: str | None) -> Updates:
        """Stop was pressed."""
        return self.show(self.cache.get(key), status(STOPPED))

    def refuse_when_full(self, key: str | None, line: str) -> Updates:
        """A full queue refuses before a handler can say anything; being stopped counts as a failure too."""
        own = self.layout
        return {**self.show(self.cache.get(key)), own.status: gr.skip() if line else alert(QUEUE_FULL)}

    def render(self, key: str | None) -> Iterator[Updates]:
        """Render and play was pressed."""
        own, clip = self.layout, self.cache.get(key)
        assert clip.history is not None
        plan = clip.history.plan
        yield {own.status: status(RENDERING, 0.0), own.stop: gr.update(visible=True)}
        out = served_path(own.player, f"{Path(clip.explanation.clip.name).stem}-edited.mp4")
        work = rendering(clip, out, self.settings.limits)
        yield from follow(work, own.status, limit=self.settings.job_seconds)
        if clip.history.plan != plan:
            out.unlink(missing_ok=True)
            yield self.end(alert(CHANGED_MEANWHILE))
            return
        clip.keep_newest("edited", out)
        yield {**self.end(status(RENDERED)), own.player: gr.update(value=str(out), label=EDITED, autoplay=True)}

    # ---- wiring

    def connect(self, opened: gr.Tab) -> None:
        """What each component calls. opened: this tab."""
        own, guard = self.layout, errors_as_messages(self.refuse)
        queued: dict[str, Any] = {"concurrency_limit": self.settings.concurrency, **QUIET}
        open_clip = errors_as_messages(lambda message: self.close(alert(message)))(self.open)
        shown = [own.view, own.film, own.player, own.status]
        opened.select(open_clip, own.clip_id, shown, js=WHEN_ENTERED_JS, **AT_ONCE)
        follow_inspect = errors_as_messages(lambda message: self.close(alert(message)))(self.follow_inspect)
        own.clip_id.change(follow_inspect, [own.clip_id, own.is_shown], shown, js=IS_SHOWN, **AT_ONCE)
        # what runs meanwhile can still be stopped
        edit_at_once = errors_as_messages(lambda message: {own.status: alert(message)})(self.edit_at_once)
        own.view.select(edit_at_once, own.clip_id, [own.view, own.status, own.player], **AT_ONCE)
        running = own.view.submit(guard(self.edit_slowly), own.clip_id, own.for_edits, **queued)
        taking = own.own_sound.upload(guard(self.take_sound), [own.clip_id, own.own_sound], own.for_edits, **queued)
        playing = run_in_queue(
            own.play,
            self.render,
            [own.clip_id],
            [own.status, own.stop, own.player],
            line=own.status,
            on_error=self.refuse,
            at_once=self.settings.concurrency,
        )
        asked = (own.view.submit, own.own_sound.upload)
        for event, places, listen in zip((running, taking), own.places, asked, strict=True):
            listen(lambda: gr.Timer(value=SECONDS_BETWEEN_PLACES, active=True), None, places, **AT_ONCE)
            show_places(places, own.status, event)
            event.failure(guard(self.refuse_when_full), [own.clip_id, own.status], own.for_edits, **AT_ONCE)
        cancelled: list[dict[str, Any]] = [running, taking, playing]
        stop_in_browser(own.stop, own.status)
        own.stop.click(guard(self.stop), own.clip_id, own.for_edits, cancels=cancelled, **AT_ONCE)


def tab(settings: Settings, models: Models, cache: ClipCache, clip_id: gr.State, opened: gr.Tab) -> None:
    """Lays out the tab and wires it; called within gr.Blocks. clip_id: of the clip that was explained last."""
    LabTab(Layout(clip_id), settings, models, cache).connect(opened)


def open_lab(models: Models, clip: ExplainedClip, soundtracks: dict[str, Path]) -> None:
    """Puts an explained clip into the lab."""
    bundle = models.get(clip.model)
    tracks = ClipTracks.of(clip.explanation.clip)
    encode_clip = functools.partial(encode_with, models, clip.model)
    config = bundle.encoders.config
    lab = Lab(on_cpu(bundle.model), clip.tokens, tracks, encode_clip, config.frames_per_second, config.frame_size)
    clip.soundtracks = dict(soundtracks)
    clip.history = History(lab)


def encode_with(models: Models, name: str | None, seconds: Sequence[Second]) -> Tokens:
    """encode_seconds with a model by name, on a device of this process; the tokens are on the CPU.

    It asks nobody for a GPU: to be lent one for these few seconds would take longer than the CPU does.
    """
    bundle = models.get(name)
    return encode_seconds(seconds, bundle.encoders, bundle.device).cpu()


def edit_of(request: Any) -> Edit:
    """The edit that a browser sends."""
    return edit_from_json(request.get("edit") if isinstance(request, dict) else None)


def act(clip: ExplainedClip, request: Any) -> str:
    """Does what a browser asks for → why it was not possible; empty where it was."""
    history = clip.history
    assert history is not None
    actions: dict[str, Callable[[], None]] = {"undo": history.undo, "redo": history.redo, "clear": history.clear}
    action = request.get("action") if isinstance(request, dict) else None
    if isinstance(action, str) and action in actions:
        actions[action]()
        return ""
    try:
        edit = edit_of(request)
        if history.needs(edit):
            raise EditError("This edit needs the picture to be decoded again")
        history.apply(edit)
    except EditError as error:
        return str(error)
    return ""


def prepare(models: Models, clip: ExplainedClip, edit: Edit, limits: MediaLimits, channel: Channel) -> None:
    """Encodes what an edit needs, and applies it; sends its progress."""
    with clip.lock:
        assert clip.history is not None
        lab = clip.history.lab
        encode_clip = functools.partial(encode_with, models, clip.model)
        if isinstance(edit, Soundtrack) and edit.track not in lab.tracks.soundtracks and edit.track in clip.soundtracks:
            send = channel.share_sender(ENCODING)
            sound = encode_soundtrack(clip.soundtracks[edit.track], encode_clip, limits, lab.tracks.seconds, send)
            lab.add_soundtrack(edit.track, sound)
        missing = clip.history.needs(edit)
        if missing:
            send = channel.share_sender(ENCODING)
            for picture, tokens in encode_plan_pictures(_reopen(models, clip, limits), missing, encode_clip, send):
                lab.supply(picture, tokens)
        clip.history.apply(edit)


def _reopen(models: Models, clip: ExplainedClip, limits: MediaLimits) -> Clip:
    """The file of an explained clip, opened as for the analysis; MediaError where it was deleted meanwhile."""
    return open_part(clip, limits, models.get(clip.model).encoders.config)


def open_part(clip: ExplainedClip, limits: MediaLimits, config: EncoderConfig | None = None) -> Clip:
    """The part of a file that was explained, opened again; its length was checked then."""
    own, config = clip.explanation.clip, config or EncoderConfig.compact()
    return open_clip(
        clip.path,
        start=own.start,
        end=own.start + own.duration,
        frames_per_second=config.frames_per_second,
        frame_size=config.frame_size,
        limits=replace(limits, max_seconds=math.inf),
        tracks=own.tracks,
    )


def rendering(clip: ExplainedClip, out: Path, limits: MediaLimits) -> Work[None]:
    """Work that renders the edited clip."""
    assert clip.history is not None
    plan, tracks = clip.history.plan, clip.history.lab.tracks

    def work(channel: Channel) -> None:
        opened = open_part(clip, limits)
        send = channel.share_sender(RENDERING)
        render_plan(opened, plan, tracks, out, soundtracks=clip.soundtracks, limits=limits, progress=send)

    return work
