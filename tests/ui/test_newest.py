"""What a tab's choices do to a run, and to each other."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import gradio as gr
import pytest

from sec2sec.ui.events import Updates
from sec2sec.ui.newest import Newest
from sec2sec.ui.visit import Visit


@pytest.fixture
def newest() -> Iterator[Newest]:
    with gr.Blocks():
        yield Newest()


def test_a_run_ends_at_a_choice_whose_answer_is_given_twice(newest: Newest) -> None:
    visit, line = Visit(), gr.HTML()

    def work(words: str) -> Iterator[Updates]:
        yield {line: words}
        yield {line: "late"}

    run = newest.press(work)(visit, 0, "running")
    assert next(run) == {line: "running"}
    answer = newest.choice(lambda words: {line: words})(visit, "chosen")
    assert answer == {line: "chosen", newest.number: 1, newest.overtaken: 1}
    assert list(run) == []
    assert newest._answer_again(visit, 1) == {line: "chosen"}
    assert list(newest.press(work)(visit, 1, "again")) == [{line: "again"}, {line: "late"}]


def test_two_choices_at_a_time_both_answer_and_the_number_is_the_newer_ones(newest: Newest) -> None:
    visit, first, second = Visit(), gr.HTML(), gr.HTML()
    inner: list[Updates] = []

    def slow() -> Updates:
        inner.append(newest.choice(lambda: {second: "b"})(visit))  # while the other one is being answered
        return {first: "a"}

    outer = newest.choice(slow)(visit)
    assert inner == [{second: "b", newest.number: 2}]
    assert outer[first] == "a"
    assert outer[newest.number] == gr.skip()


def test_gradio_finds_the_event_of_a_wrapped_choice(newest: Newest) -> None:
    def choose(board: str, event: gr.EventData) -> Updates:
        return {}

    assert list(inspect.signature(newest.choice(choose)).parameters) == ["visit", "board", "event"]
