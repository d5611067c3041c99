"""How a run answers the page."""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr

from sec2sec.ui.events import Updates, sent_once


def test_a_run_ends_with_an_answer_that_changes_nothing_since_gradio_sends_the_last_one_twice() -> None:
    with gr.Blocks():
        line = gr.HTML()

    def work(words: str) -> Iterator[Updates]:
        yield {line: "begun"}
        yield {line: words}

    run = sent_once(work, line)
    assert list(run("ended")) == [{line: "begun"}, {line: "ended"}, {line: gr.skip()}]
    assert run.__name__ == "work", "gradio names the event by it"
