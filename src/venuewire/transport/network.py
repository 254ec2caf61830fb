"""What the client needs of a network: dial a line, make an HTTP request. Sockets and memory both provide it."""

from __future__ import annotations

from typing import Protocol

from venuewire.venue import Answer, Headers


class Line(Protocol):
    """An open WebSocket. Neither call blocks."""

    def send(self, payload: bytes) -> None:
        """One text frame."""
        ...

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye and end; `closed` of the receiver still comes."""
        ...

    def abort(self) -> None:
        """Cut, at once."""
        ...

    def unsent(self) -> int:
        """Bytes that wait to leave."""
        ...


class Receiver(Protocol):
    """Who is told what arrives on a line."""

    def received(self, payload: bytes, /) -> None:
        """One whole message; called from the event loop, must not raise."""
        ...

    def closed(self, code: int, reason: str, /) -> None:
        """The line has ended, told once; 1006 when nobody said why."""
        ...


class Network(Protocol):
    """A way to reach venues."""

    async def dial(self, url: str, headers: Headers, receiver: Receiver, *, max_frame: int) -> Line:
        """Open a line. Raises `ConnectFailed`, with the HTTP status and body of a refusal."""
        ...

    async def fetch(self, method: str, url: str, headers: Headers, body: bytes, *, seconds: float) -> Answer:
        """One HTTP request. Raises `ConnectFailed` when nothing was sent, `ConnectionLost` when it may have been."""
        ...

    async def close(self) -> None:
        """Let go of everything held open."""
        ...
