"""The Training tab: a form that starts trainings, and a view that follows them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import gradio as gr

from sec2sec.jobs.job import JobError, Jobs
from sec2sec.ui.clip_view import PLOTLY_JS
from sec2sec.ui.gradio_private import event_data, served_path
from sec2sec.ui.messages import alert, errors_as_json, errors_as_messages, status
from sec2sec.ui.models import TRAINED, Models
from sec2sec.ui.settings import Settings
from sec2sec.ui.training.form import form
from sec2sec.ui.training.remember import remember_form
from sec2sec.ui.training.status import examples, job_status, others_of
from sec2sec.ui.training.submit import owner_of, resume, submit, whose
from sec2sec.viewer import files
from sec2sec.viewer.templates import render

HERE = Path(str(resources.files(__package__)))
OFF = "Training is switched off on this server. At your own machine it is on: see the README."
Answer = dict[str, Any]
Updates = dict[gr.Component | gr.Tabs, Any]


def visitor_state() -> gr.BrowserState:
    """A secret in the visitor's browser, by which they find their trainings again."""
    # the browser keeps it under a key of ours: it is the visitor's own, and must outlive this process
    return gr.BrowserState(None, storage_key="sec2sec.visitor", secret="sec2sec")


def tab(
    demo: gr.Blocks,
    settings: Settings,
    models: Models,
    visitor: gr.BrowserState,
    tabs: gr.Tabs,
    pickers: Sequence[gr.Dropdown],
) -> None:
    """Lay out the tab and connect its events; called within `demo`.

    pickers: where a model is chosen in other tabs, the Inspect tab's first: that one opens what was trained.
    """
    if not settings.training:
        gr.HTML(render("paragraph.html", text=OFF))
        return
    jobs = Jobs(settings.runs)
    jobs.remove_stale()
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
    with gr.Row(elem_classes="inspect training"):
        with gr.Column(scale=0, min_width=364, elem_classes="left"):
            fields = form(settings)
            # pressed before the page has its visitor, it could only refuse: a server that warms up takes seconds
            start = gr.Button("Start", variant="primary", elem_id="train-start", interactive=False)
            message = gr.HTML(elem_id="train-status")
        with gr.Column(scale=1, min_width=320, elem_classes="right"):
            view = training_view(settings, jobs)
    enabled, disabled = gr.update(interactive=True), gr.update(interactive=False)

    @errors_as_messages(lambda error: {message: alert(error), start: enabled})
    def begin(secret: str | None, *values: Any) -> Updates:
        job = submit(fields.read(values), settings, secret)
        started = status("Started. You may close this page: the training continues.")
        return {message: started, view: view_value(secret, job.id), start: enabled}

    @errors_as_messages(lambda error: {message: alert(error)})
    def inspect(secret: str | None, event: gr.EventData) -> Updates:
        asked = event_data(event)  # comes from a browser
        job = jobs.get(asked.get("run"), whose(settings, secret, everybody=asked.get("everybody")))
        own = owner_of(secret)
        choices = models.choices(own if job.spec().owner == own else None)
        opened = gr.update(choices=choices, value=TRAINED + job.id)
        others: Updates = {picker: gr.update(choices=choices) for picker in pickers[1:]}
        return {message: "", tabs: gr.update(selected="inspect"), pickers[0]: opened, **others}

    @errors_as_messages(lambda error: gr.skip())
    def arrive(secret: str | None) -> Updates:
        secret = secret or secrets.token_urlsafe(24)
        choices = models.choices(owner_of(secret))
        updates: Updates = {picker: gr.update(choices=choices) for picker in pickers}
        return {visitor: secret, view: view_value(secret), start: enabled, **updates}

    start.click(lambda: {message: status("Checking the data"), start: disabled}, None, [message, start], **quiet).then(
        begin, [visitor, *fields.widgets], [message, view, start], **quiet
    )
    view.select(inspect, [visitor], [message, tabs, *pickers], **quiet)
    remember_form(demo, fields)
    demo.load(arrive, [visitor], [visitor, view, start, *pickers], **quiet)


def view_value(visitor: str | None, run: str | None = None) -> str:
    """The value of the view: the visitor's secret, and the id of the training to show."""
    return json.dumps({"visitor": visitor, "run": run, "nonce": secrets.token_hex(4)})  # a repeated value is no change


def training_view(settings: Settings, jobs: Jobs) -> gr.HTML:
    """The list of trainings, and the chosen one. It asks the functions below, and only while it is on screen."""
    gr.set_static_paths([PLOTLY_JS])

    def asks_for(question: Mapping[str, Any]) -> str | None:
        return whose(settings, question.get("visitor"), everybody=question.get("everybody"))

    @errors_as_json
    def job_status_of(question: Mapping[str, Any]) -> Answer:
        answer = job_status(jobs, asks_for(question), question, settings.keep_trainings)
        return {**answer, "others": 0 if settings.private_runs else others_of(jobs, question.get("visitor"))}

    @errors_as_json
    def stills(question: Mapping[str, Any]) -> Answer:
        return examples(jobs.get(question.get("run"), asks_for(question)))

    @errors_as_json
    def act(question: Mapping[str, Any]) -> Answer:
        job, what = jobs.get(question.get("run"), asks_for(question)), question.get("what")
        if what == "stop" or what == "finish":
            job.request(what)
        elif what == "resume":
            resume(job, settings)
        elif what == "remove":
            job.remove()
        elif what == "download":
            packed = served_path(view, f"sec2sec-{job.id[:15]}.zip")
            job.pack(packed)
            return {"file": str(packed), "name": packed.name}
        else:
            raise JobError(f"nothing here is called {what!r}")
        return {}

    job_status_of.__name__ = "job_status"
    view = gr.HTML(
        html_template=(HERE / "view.html").read_text(encoding="utf-8"),
        css_template=files.style(*files.VIEW_STYLES, HERE / "view.css"),
        js_on_load=files.script(HERE / "view.js"),
        apply_default_css=False,
        elem_id="train-view",
        plotly_js=str(PLOTLY_JS),
        server_functions=[job_status_of, stills, act],
    )
    return view
