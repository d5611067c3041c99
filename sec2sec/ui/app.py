"""The whole app: its tabs in one gr.Blocks, and how it is served."""

from __future__ import annotations

import atexit
import functools
import os
import tempfile
import threading
from importlib import resources
from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware

from sec2sec.jobs.expiry import TrainingExpiry
from sec2sec.media.isolated import prepare_decoders
from sec2sec.serving import page_head
from sec2sec.serving.deletion import Deletion, UploadFolder, end_on_signals
from sec2sec.serving.door import SPACES, Door, Limits
from sec2sec.serving.log import guard_log, guard_output
from sec2sec.serving.login import Login
from sec2sec.ui import about, evaluate
from sec2sec.ui import inspect_tab as inspect
from sec2sec.ui.clip_cache import ClipCache
from sec2sec.ui.compare import tab as compare
from sec2sec.ui.fair_queue import make_fair
from sec2sec.ui.gpu import LENT
from sec2sec.ui.gradio_private import (
    Compression,
    UploadBrokenOffError,
    grant_no_other_site,
    look_less_often,
    rewrite_page,
    tidy_failed_uploads,
)
from sec2sec.ui.lab import tab as lab
from sec2sec.ui.models import models_in
from sec2sec.ui.sessions import MAX_SESSIONS, forget_closed_sessions
from sec2sec.ui.settings import Settings
from sec2sec.ui.training import tab as training
from sec2sec.ui.training.status import forget_examples
from sec2sec.ui.warm import warm_up, warm_up_once_served
from sec2sec.viewer import files
from sec2sec.viewer.templates import render

HERE = Path(str(resources.files(__package__)))
# of the tabs, beside those of what they show
PAGE_STYLES = tuple(HERE / f"{name}.css" for name in ("inspect", "compare/page", "lab/page", "about"))


def build(settings: Settings) -> gr.Blocks:
    """The app, not yet served."""
    uploads(settings.delete_after)
    models = models_in(settings.checkpoints, settings.device, settings.runs if settings.training else None)
    cache = ClipCache(settings.delete_after)
    demo = gr.Blocks(title="sec2sec", fill_width=True, analytics_enabled=False)
    with demo:
        gr.HTML(render("header.html", has_code=bool(settings.class_code)))
        visitor = training.visitor_state()
        clip_id = gr.State(None, time_to_live=settings.delete_after, delete_callback=cache.discard)
        with gr.Tabs() as tabs:
            with gr.Tab("Inspect", id="inspect"):
                inspecting = inspect.tab(demo, tabs, settings, models, cache, clip_id)
            with gr.Tab("Lab", id="lab") as opened:
                lab.tab(settings, models, cache, clip_id, opened)
            with gr.Tab("Compare", id="compare"):
                compared = compare.tab(settings, models, inspecting.known, inspecting.layout.visit)
            with gr.Tab("Evaluate", id="evaluate"):
                evaluated = evaluate.tab(settings, models, tabs, inspecting)
            with gr.Tab("Training", id="training"):
                training.tab(demo, settings, models, visitor, tabs, [inspecting.layout.model, *compared, evaluated])
            with gr.Tab("About", id="about"):
                about.tab(models)
    demo.queue(max_size=settings.queue, default_concurrency_limit=settings.concurrency)
    make_fair(demo, settings.behind_proxy, settings.address_queue)
    look_less_often(demo)
    if LENT:
        warm_up(models)  # in this thread: what another one is about at a fork, the child never ends
    else:
        threading.Thread(
            target=warm_up_once_served, args=(demo, models, inspecting.prepare_examples), daemon=True
        ).start()
    return demo


def launch(demo: gr.Blocks, settings: Settings) -> None:
    """Serve the app until the process is ended; one line says where."""
    system = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"]
    end_on_signals()
    guard_log()
    if settings.isolated_decoding:
        prepare_decoders()
    grant_no_other_site()
    forget_closed_sessions()
    tidy_failed_uploads()
    rewrite_page(page_head.with_our_head)
    deletion = uploads(settings.delete_after)
    if settings.training:
        delete_old_trainings(deletion, settings)
    deletion.start()
    limits = door_limits(settings)
    code = Login(settings.class_code, framed=bool(limits.framed_by)) if settings.class_code else None
    door = Middleware(Door, limits=limits, deletion=deletion, broken_off=UploadBrokenOffError, login=code)
    demo.launch(
        app_kwargs={"middleware": [door, Middleware(Compression, quality=5)], "routes": page_head.routes()},
        favicon_path=page_head.ICON_PNG,
        server_name=settings.host,
        server_port=settings.port,
        theme=gr.themes.Base(
            primary_hue="blue",
            neutral_hue="slate",
            spacing_size="sm",
            radius_size="md",
            font=system,  # no fonts from elsewhere: the page works offline and tells nobody of its visitors
            font_mono=["ui-monospace", "monospace"],
        ).set(  # white on gradio's own blue has too little contrast
            button_primary_background_fill="*primary_700",
            button_primary_background_fill_hover="*primary_800",
            button_primary_background_fill_dark="*primary_700",
            button_primary_background_fill_hover_dark="*primary_600",
            # gradio's own grey of what explains a field is too pale to read
            body_text_color_subdued="*neutral_600",
            # a box that is not ticked could not be seen in the dark
            checkbox_border_color="*neutral_500",
            checkbox_border_color_dark="*neutral_300",
            checkbox_background_color_selected="*primary_700",
            checkbox_border_color_selected="*primary_700",
            checkbox_border_color_selected_dark="*neutral_200",
            # nor where one may type, nor what may be typed there
            input_border_width="1px",
            input_border_color="*neutral_500",
            input_border_color_dark="*neutral_400",
            input_placeholder_color="*neutral_600",
            input_placeholder_color_dark="*neutral_300",
        ),
        css_paths=[*files.PAGE_STYLES, *PAGE_STYLES],
        state_session_capacity=MAX_SESSIONS,
        max_file_size=settings.largest_upload * 1024**2,
        footer_links=["gradio"],
        ssr_mode=False,
        quiet=True,
        prevent_thread_lock=True,
    )
    print(f"sec2sec is at http://{settings.host}:{settings.port}", flush=True)
    guard_output()
    demo.block_thread()


@functools.cache
def uploads(delete_after: float) -> Deletion:
    """The private folder of this process for what visitors bring and cause, and the job that will delete it by age."""
    folder = UploadFolder(Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()))
    atexit.register(folder.remove)
    os.environ["GRADIO_TEMP_DIR"] = str(folder.path)
    return Deletion(folder.path, delete_after)


def delete_old_trainings(deletion: Deletion, settings: Settings) -> None:
    """Let the deletion job delete trainings that are over time, now and from now on."""
    expiry = TrainingExpiry(settings.runs, settings.keep_trainings)
    models = models_in(settings.checkpoints, settings.device, settings.runs)
    deletion.others = [expiry.sweep, models.discard_removed, forget_examples]
    deletion.sweep_all()  # what became too old while no server ran


def door_limits(settings: Settings) -> Limits:
    """What the door lets in, by the app's settings."""
    on_a_space = "SPACE_ID" in os.environ
    own_host = os.environ.get("SPACE_HOST", "").split()  # whatever a Space's proxy tells as Host
    return Limits(
        upload=settings.largest_upload * 1024**2,
        stored=settings.stored_megabytes * 1024**2,
        per_address=settings.visitor_megabytes * 1024**2,
        window=settings.delete_after,
        proxied=settings.behind_proxy,
        framed_by=SPACES if on_a_space else "",
        origins=frozenset([*settings.origins.split(), *(f"https://{host}" for host in own_host)]),
    )
