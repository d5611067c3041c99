"""A closed page is forgotten, also by a server that a thousand of them have visited."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import gradio as gr
import pytest

from bench.sessions import Visitor, answer, resident_bytes
from sec2sec.ui.sessions import CLOSED_SECONDS, MAX_CLOSED, Sessions
from tests.browser.driver import App


@pytest.fixture
def held() -> tuple[Sessions, gr.State, list[object]]:
    """Sessions of an app with one state, and the values whose callback was told that they are deleted."""
    deleted: list[object] = []
    with gr.Blocks() as demo:
        state = gr.State(None, delete_callback=deleted.append)
        gr.Textbox("some text")
    sessions = Sessions()
    sessions.set_blocks(demo)
    return sessions, state, deleted


def close(sessions: Sessions, name: str, ago: float = 0.0) -> None:
    sessions[name].is_closed = True
    sessions.time_last_used[name] = datetime.now() - timedelta(seconds=ago)


def test_a_closed_page_is_forgotten_after_a_while_with_its_values_and_an_open_one_stays(
    held: tuple[Sessions, gr.State, list[object]],
) -> None:
    sessions, state, deleted = held
    for name in ("old", "young", "open"):
        sessions[name][state._id] = f"value of {name}"
    close(sessions, "old", CLOSED_SECONDS + 1)
    close(sessions, "young", 1)
    sessions.time_last_used["open"] = datetime.now() - timedelta(days=1)
    sessions.delete_all_expired_state()
    assert set(sessions.session_data) == set(sessions.time_last_used) == {"young", "open"}
    assert deleted == ["value of old"]
    assert sessions["young"][state._id] == "value of young"


def test_of_many_closed_pages_the_last_ones_may_come_back(held: tuple[Sessions, gr.State, list[object]]) -> None:
    sessions = held[0]
    for number in range(MAX_CLOSED + 30):
        close(sessions, str(number))
    sessions.delete_all_expired_state()
    assert list(sessions.session_data) == [str(number) for number in range(30, MAX_CLOSED + 30)]


def test_an_error_of_one_session_keeps_no_other_from_being_forgotten(
    held: tuple[Sessions, gr.State, list[object]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sessions = held[0]
    delete: Callable[..., None] = sessions.delete_state

    def fail(session_id: str, expired_only: bool = False) -> None:
        if session_id == "a":
            raise RuntimeError("dictionary changed size during iteration")
        delete(session_id, expired_only)

    monkeypatch.setattr(sessions, "delete_state", fail)
    for name in "ab":
        close(sessions, name, CLOSED_SECONDS + 1)
    sessions.delete_all_expired_state()
    assert list(sessions.session_data) == []
    assert "dictionary changed size" in caplog.text


def test_a_session_keeps_no_copy_of_the_page(held: tuple[Sessions, gr.State, list[object]]) -> None:
    sessions, state, _ = held
    session = sessions["a"]
    session[state._id] = "x" * 1000
    session._update_value_in_config(state._id, "y" * 1000)
    assert dict(session.config_values) == {}
    assert session[state._id] == "x" * 1000


def test_sessions_of_a_real_server_that_were_closed_take_no_memory(tmp_path: Path) -> None:
    with App("--runs", str(tmp_path)) as app:
        config = json.loads(answer(app.port, "GET", "/config"))

        def visit(count: int) -> float:
            for _ in range(count):
                visitor = Visitor(app.port, config)
                visitor.trigger("load")
                visitor.leave()
            time.sleep(2)
            return resident_bytes(app.process.pid)

        time.sleep(10)  # it loads its model
        before = visit(60)
        assert visit(150) - before < 15e6  # gradio's own way: 55 MB
