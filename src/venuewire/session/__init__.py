"""One session for every venue, without I/O: it is handed bytes and the time, and says what to do and what happened."""

from __future__ import annotations

from venuewire.session.pacing import Pacer
from venuewire.session.session import Session
from venuewire.session.states import SessionState

__all__ = ["Pacer", "Session", "SessionState"]
