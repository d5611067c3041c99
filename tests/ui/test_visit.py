"""A run says nothing any more once its visitor has chosen something newer, whatever happens when."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from sec2sec.ui import app
from sec2sec.ui.events import Updates
from sec2sec.ui.settings import Settings
from sec2sec.ui.visit import Visit
from tests.helpers.handlers import find_handler
from tests.helpers.models import save_tiny


class Run:
    """A run of three updates, of which a test decides when each is made; it knows whether it was closed."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.closed = False

    def __call__(self) -> Iterator[Updates]:
        try:
            for number in range(3):
                self.made.append(number)
                yield {number: number}  # type: ignore[dict-item]
        finally:
            self.closed = True


def test_a_run_of_the_newest_press_says_everything() -> None:
    visit, run = Visit(), Run()
    assert len(list(visit.while_current(0, run))) == 3
    assert run.closed


@pytest.mark.parametrize("after", [0, 1, 2])
def test_after_a_newer_choice_a_run_says_nothing_and_is_closed(after: int) -> None:
    visit, run = Visit(), Run()
    updates = visit.while_current(0, run)
    for _ in range(after):
        next(updates)
    assert visit.supersede() == (1, after > 0)
    assert list(updates) == []
    assert run.closed or not run.made  # a run that had not begun never begins


def test_a_press_of_before_the_choice_runs_nothing() -> None:
    visit, run = Visit(), Run()
    visit.supersede()
    assert list(visit.while_current(0, run)) == []
    assert not run.made
    assert len(list(visit.while_current(1, run))) == 3


def test_the_answer_to_a_choice_is_given_again_while_it_is_the_newest() -> None:
    visit = Visit()
    number, _ = visit.supersede()
    assert visit.keep_answer(number, {})
    assert visit.answer_again(number) == {}
    assert visit.answer_again(number) is None  # once
    visit.keep_answer(number, {})
    newer, _ = visit.supersede()
    assert visit.answer_again(number) is None
    assert not visit.keep_answer(number, {})
    visit.keep_answer(newer, {})
    run = visit.while_current(newer, Run())
    next(run)
    assert visit.answer_again(newer) is None  # what runs now knows better


def test_a_run_that_gradio_has_closed_is_over() -> None:
    visit, run = Visit(), Run()
    updates = visit.while_current(0, run)
    next(updates)
    updates.close()  # type: ignore[attr-defined]
    assert visit.supersede() == (1, False)
    assert run.closed


def test_an_error_of_a_newer_run_passes_and_the_visit_goes_on() -> None:
    visit = Visit()

    def fails() -> Iterator[Updates]:
        yield {}
        raise ValueError("no clip")

    with pytest.raises(ValueError, match="no clip"):
        list(visit.while_current(0, fails))
    assert visit.supersede() == (1, False)
    assert len(list(visit.while_current(1, Run()))) == 3


def test_each_session_has_a_visit_of_its_own() -> None:
    visit = Visit()
    visit.supersede()
    assert copy.deepcopy(visit).number == 0


def test_a_page_that_comes_to_life_late_takes_nothing_from_who_has_chosen_a_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    save_tiny(tmp_path / "checkpoints" / "tiny")
    app.uploads.cache_clear()
    settings = Settings(
        runs=tmp_path / "runs", checkpoints=tmp_path / "checkpoints", examples=tmp_path / "none", device="cpu"
    )
    enter = find_handler(app.build(settings), "inspect_tab", "enter")
    request, visit = SimpleNamespace(query_params={}), Visit()
    chosen = enter.__self__.layout.chosen
    assert enter(visit, True, request)[chosen].path.endswith(".mp4"), "the first clip is its visitor's own"
    visit.supersede()
    assert enter(visit, True, request) == {chosen: gr.skip()}
    app.uploads.cache_clear()
