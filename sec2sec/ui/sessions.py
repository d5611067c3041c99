"""What the server remembers of a page that is open, and how soon it forgets one that was closed.

gradio keeps ten thousand sessions, and with each a second copy of the page's configuration with every value that was
shown, for deep links, which the door does not serve. It deletes expired states in a task that ends at its first error.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from gradio import routes
from gradio.blocks import Blocks
from gradio.state_holder import SessionState, StateHolder

CLOSED_SECONDS = 600.0  # for which a closed page may come back: a train went through a tunnel
MAX_SESSIONS = 4000  # of open pages too, which take 84 kB each: whoever makes them up fills no memory
MAX_CLOSED = 50  # sessions of closed pages that are kept
LOG = logging.getLogger(__name__)


class Forgetful(dict[int, dict[str, Any]]):
    """A dictionary that keeps nothing."""

    def __setitem__(self, key: int, value: dict[str, Any]) -> None:
        """Keep nothing."""


class LightSession(SessionState):
    """A session without the copy of the page's configuration."""

    def __init__(self, blocks: Blocks) -> None:
        super().__init__(blocks)
        self.config_values = Forgetful()

    def _update_config(self, key: int) -> None:
        """There is none."""

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """There is none."""


class Sessions(StateHolder):
    """Sessions by their id; those of closed pages go after a while, the one used longest ago first."""

    def __getitem__(self, session_id: str) -> SessionState:
        """The session of an id, new where there is none."""
        if session_id not in self.session_data:
            self.session_data[session_id] = LightSession(self.blocks)
        return super().__getitem__(session_id)

    def delete_all_expired_state(self) -> None:
        """Forget what is over time; gradio calls this once per second."""
        for session_id in list(self.session_data):
            self._delete_values(session_id, expired_only=True)
        for session_id in self._to_forget():
            self._delete_values(session_id)
            with self.lock:
                self.session_data.pop(session_id, None)
                self.time_last_used.pop(session_id, None)

    def _to_forget(self) -> list[str]:
        """Closed sessions that are too old or too many."""
        long_ago = datetime.now() - timedelta(seconds=CLOSED_SECONDS)
        closed = [name for name, session in list(self.session_data.items()) if session.is_closed]  # by their last use
        old = [name for name in closed if self.time_last_used.get(name, long_ago) <= long_ago]
        surplus = [name for name in closed if name not in set(old)]
        return [*old, *surplus[: max(len(surplus) - MAX_CLOSED, 0)]]

    def _delete_values(self, session_id: str, *, expired_only: bool = False) -> None:
        """Delete values of a session; their callbacks are told."""
        try:
            self.delete_state(session_id, expired_only=expired_only)
        except Exception:  # gradio's task would end, and delete nothing any more
            LOG.exception("values of a session could not be deleted; the next try is in a second")


def forget_closed_sessions() -> None:
    """Let an app that is launched from now on keep its sessions in this way."""
    vars(routes)["StateHolder"] = Sessions
