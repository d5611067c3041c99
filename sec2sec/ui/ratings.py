"""People's ratings of the explained clip: a visitor uploads a file, and sees it as a lane with what fits it.

The file and what was read of it are the visitor's own, as the clip is; both go when the clip goes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import gradio as gr

from sec2sec.clip import EncodedClip
from sec2sec.datasets.isolated import UPLOADED_FILE_BYTES, read_uploaded_track
from sec2sec.datasets.table import TableLimits
from sec2sec.datasets.track_files import STIMULUS, sidecar
from sec2sec.datasets.track_of_clip import RatingsFile, TimedClip
from sec2sec.errors import UserError
from sec2sec.media.isolated import probe_clip
from sec2sec.ratings import rate
from sec2sec.ui.clip_cache import ClipCache, ExplainedClip
from sec2sec.ui.clip_view import view_value
from sec2sec.ui.events import AT_ONCE, WHEN_ENTERED_JS, Updates, in_browser, upload_field
from sec2sec.ui.messages import alert, errors_as_messages, status
from sec2sec.ui.models import Models
from sec2sec.ui.settings import Settings
from sec2sec.viewer.templates import render

SUFFIXES = [".csv", ".tsv", ".txt", ".eaf", ".gz", ".json"]
HELP = (
    "What people said over time: a table of times in seconds and values, a tier of ELAN, a table per frame as py-feat "
    "writes it, or a _stim.tsv together with its .json. It becomes a lane beside the clip, with how well the model's "
    "curves fit it."
)
READING = "Reading the ratings"
ONE_FILE = "Choose one file of ratings, or a _stim.tsv together with its .json."
NO_CLIP = "Explain a clip first; then upload what people said of it."


class RatingsUpload:
    """A field for the file, one for the column, and a line that says what became of it."""

    def __init__(self, settings: Settings, models: Models, cache: ClipCache, clip_id: gr.State) -> None:
        """Lays it out; called within gr.Blocks."""
        self.settings, self.models, self.cache, self.clip_id = settings, models, cache, clip_id
        with gr.Column(min_width=0, elem_id="ratings"):
            gr.HTML(render("legend.html", text="People's ratings of this clip"))
            gr.HTML(render("paragraph.html", text=HELP), elem_classes="limits")
            self.column = gr.Textbox(
                "", label="Column or tier (if there are several)", max_lines=1, elem_id="ratings-column"
            )
            self.file = upload_field("Upload ratings", SUFFIXES, "ratings-file", file_count="multiple")
            self.line = gr.HTML("", elem_id="ratings-status")

    def connect(self, view: gr.HTML) -> None:
        """Wire it. view: that shows the clip."""

        @errors_as_messages(lambda message: {self.line: alert(message)})
        def show(paths: list[str] | None, column: str, key: str | None) -> Updates:
            if not paths:
                return {self.line: status("Upload a file of ratings.")}
            words = self.lay_beside(ratings_file([Path(path) for path in paths], column), key)
            return {self.line: status(words), view: self.value(key)}

        @errors_as_messages(lambda message: {self.line: alert(message)})
        def remove(key: str | None) -> Updates:
            clip = self.cache.get(key)
            if not clip.explanation.ratings:
                return {self.line: ""}
            for laid in self.film_and(clip):
                laid.show_ratings(())
            return {self.line: "", view: self.value(key)}

        @errors_as_messages(lambda message: {self.line: "", self.file: None})
        def renew(key: str | None) -> Updates:
            if key and self.cache.get(key).explanation.ratings:  # a window of a film, or the film again
                return {self.line: gr.skip(), self.file: gr.skip()}
            return {self.line: "", self.file: None}

        outputs = [self.line, view]
        for listen in (self.file.upload, self.column.submit):
            in_browser(listen, {self.line: status(READING)})
            listen(show, [self.file, self.column, self.clip_id], outputs, js=WHEN_ENTERED_JS, **AT_ONCE)
        self.file.clear(remove, self.clip_id, outputs, **AT_ONCE)
        # they were of the clip before
        self.clip_id.change(renew, self.clip_id, [self.line, self.file], **AT_ONCE)

    def lay_beside(self, file: RatingsFile, key: str | None) -> str:
        """Read a file and lay it beside the explained clip; what to say of it. Raises DataError, UserError.

        Where the clip is a window of a film they are laid beside the film, of which the window shows its own.
        """
        if not key:
            raise UserError(NO_CLIP)
        film, *windows = self.film_and(self.cache.get(key))
        limits = TableLimits(file_bytes=UPLOADED_FILE_BYTES)
        track = read_uploaded_track(file, self.timed(film), limits)
        model = self.models.get(film.model)
        encoded = EncodedClip(model, film.tokens.to(model.device), film.explanation.clip)
        film.show_ratings(rate(encoded, film.explanation, [track]))
        for window in windows:
            first = round(window.start - film.start)
            end = first + window.explanation.clip.seconds
            window.show_ratings(tuple(rating.part(first, end) for rating in film.explanation.ratings))
        return f"{', '.join(track.values)}: the lane above the sound, and the table below the timeline."

    def film_and(self, clip: ExplainedClip) -> list[ExplainedClip]:
        """The film that a window is of, and the window; a clip that is none alone."""
        return [self.cache.get(clip.film), clip] if clip.film else [clip]

    def timed(self, clip: ExplainedClip) -> TimedClip:
        """What the file has to fit."""
        limits = replace(self.settings.limits, max_seconds=math.inf, max_decoded=math.inf)
        whole, own = probe_clip(str(clip.path), limits), clip.explanation.clip
        return TimedClip(own.name, own.start, own.start + own.duration, whole.duration, whole.fps)

    def value(self, key: str | None) -> str:
        """The explained clip with its ratings, for the view."""
        clip = self.cache.get(key)
        return view_value(clip, str(key), self.models.get(clip.model))


def ratings_file(paths: Sequence[Path], column: str) -> RatingsFile:
    """What was uploaded, of which each file lies in a folder of its own. Raises UserError for more than belongs."""
    about = [path for path in paths if path.suffix.lower() == ".json"]
    files = [path for path in paths if path not in about]
    if len(files) != 1 or len(about) > 1:
        raise UserError(ONE_FILE)
    (file,) = files
    if STIMULUS.search(file.name) and not about:
        raise UserError(
            f"{file.name}: names no columns. Choose it together with {sidecar(file).name}, which does, both at once."
        )
    return RatingsFile(file, column.strip(), *about)
