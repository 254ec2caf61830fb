"""What comes in on a line, counted: the few figures that every frame changes."""

from __future__ import annotations

from venuewire.model.terms import Nanos


class Intake:
    """The session's own. A native one with the same places may stand in, for frames that never pass the session."""

    __slots__ = ("bytes_in", "expected", "frames_in", "last_received", "open")

    def __init__(self) -> None:
        self.open = False
        """Is the line logged on, so that its frames are what they seem?"""
        self.frames_in = 0
        self.bytes_in = 0
        self.expected = 0
        """The number the next message must have, where messages are numbered."""
        self.last_received: Nanos = 0
