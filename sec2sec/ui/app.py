"""The whole app: its tabs in one gr.Blocks, and how it is served."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading

import gradio as gr

from sec2sec.ui import about, evaluate
from sec2sec.ui import inspect_tab as inspect
from sec2sec.ui.clip_cache import ClipCache
from sec2sec.ui.compare import tab as compare
from sec2sec.ui.gpu import LENT
from sec2sec.ui.gradio_private import look_less_often
from sec2sec.ui.lab import tab as lab
from sec2sec.ui.models import models_in
from sec2sec.ui.settings import Settings
from sec2sec.ui.training import tab as training
from sec2sec.ui.warm import warm_up, warm_up_once_served
from sec2sec.viewer import files
from sec2sec.viewer.templates import render


def build(settings: Settings) -> gr.Blocks:
    """The app, not yet served."""
    _private_cache()
    models = models_in(settings.checkpoints, settings.device, settings.runs if settings.training else None)
    cache = ClipCache(settings.delete_after)
    sweep = max(1, int(min(settings.delete_after / 4, 600)))  # s between two looks for what is too old
    demo = gr.Blocks(
        title="sec2sec", fill_width=True, analytics_enabled=False, delete_cache=(sweep, int(settings.delete_after))
    )
    with demo:
        gr.HTML(render("header.html"))
        visitor = training.visitor_state()
        clip_id = gr.State(None, time_to_live=settings.delete_after, delete_callback=cache.discard)
        with gr.Tabs() as tabs:
            with gr.Tab("Inspect", id="inspect"):
                inspecting = inspect.tab(settings, models, cache, clip_id)
            with gr.Tab("Lab", id="lab") as opened:
                lab.tab(settings, models, cache, clip_id, opened)
            with gr.Tab("Compare", id="compare"):
                compared = compare.tab(settings, models)
            with gr.Tab("Evaluate", id="evaluate"):
                evaluated = evaluate.tab(settings, models, tabs, inspecting)
            with gr.Tab("Training", id="training"):
                training.tab(demo, settings, models, visitor, tabs, [inspecting.layout.model, *compared, evaluated])
            with gr.Tab("About", id="about"):
                about.tab(models)
    demo.queue(max_size=settings.queue, default_concurrency_limit=settings.concurrency)
    look_less_often(demo)
    if LENT:
        warm_up(models)  # in this thread: what another one is about at a fork, the child never ends
    else:
        threading.Thread(target=warm_up_once_served, args=(demo, models), daemon=True).start()
    return demo


def launch(demo: gr.Blocks, settings: Settings) -> None:
    """Serve the app until the process is ended; one line says where."""
    system = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"]
    demo.launch(
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
        ),
        css_paths=files.PAGE_STYLES,
        max_file_size=settings.largest_upload * 1024**2,
        footer_links=["gradio"],
        ssr_mode=False,
        quiet=True,
        prevent_thread_lock=True,
    )
    print(f"sec2sec is at http://{settings.host}:{settings.port}", flush=True)
    demo.block_thread()


def _private_cache() -> None:
    """Uploads lie in a folder that only this process's user can read, and that goes when the process ends."""
    if "GRADIO_TEMP_DIR" not in os.environ:
        folder = tempfile.mkdtemp(prefix="sec2sec-")
        os.environ["GRADIO_TEMP_DIR"] = folder
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
