"""A network without sockets: both ends in one process, every payload carried by hand, for tests that step the clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from venuewire.errors import ConnectFailed
from venuewire.transport.network import Line, Receiver
from venuewire.venue import Acceptor, Answer, Close, Headers, Out, Refusal, Request


class FarEnd(Protocol):
    """The venue behind a memory network."""

    def accept(self, url: str, headers: Headers) -> Acceptor | Refusal:
        """Take a handshake or refuse it."""
        ...

    def serve(self, url: str, request: Request) -> Answer:
        """Answer an HTTP request."""
        ...

    def settle(self) -> None:
        """Called after each payload the venue got: publish what it caused."""
        ...


class MemoryLine:
    """Both directions of one line. `carry` moves what waits; `cut` loses it."""

    def __init__(self, receiver: Receiver, acceptor: Acceptor, far: FarEnd, now: Callable[[], int]) -> None:
        self._receiver, self.acceptor, self._far, self._now = receiver, acceptor, far, now
        self.outward: deque[bytes] = deque()
        self.inward: deque[bytes] = deque()
        self.open = True

    def send(self, payload: bytes) -> None:
        if self.open:
            self.outward.append(payload)

    def post(self, outs: list[Out]) -> None:
        """What the venue's end wants to send, or its wish to end."""
        for out in outs:
            if isinstance(out, Close):
                self.carry_in()
                self.end(out.code, out.reason)
                return
            self.inward.append(out.payload)

    def carry_out(self) -> None:
        """Deliver what we sent to the venue."""
        while self.open and self.outward:
            self.post(self.acceptor.receive(self.outward.popleft(), self._now()))
            self._far.settle()

    def carry_in(self) -> None:
        """Deliver what the venue sent to us."""
        while self.open and self.inward:
            self._receiver.received(self.inward.popleft())

    def carry(self, rounds: int = 100) -> None:
        """Move everything both ways until nothing waits."""
        for _ in range(rounds):
            self.carry_out()
            self.carry_in()
            if not (self.open and (self.outward or self.inward)):
                return

    def end(self, code: int, reason: str = "") -> None:
        """The line ends; what was under way is lost."""
        if self.open:
            self.open = False
            self.acceptor.closed(self._now())
            self._far.settle()
            self._receiver.closed(code, reason)

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.carry_out()
        self.end(code, reason)

    def abort(self) -> None:
        self.end(1006)

    def unsent(self) -> int:
        return sum(map(len, self.outward))


class MemoryNetwork:
    """See `network.Network`; `lines` are the open ones, for the test to carry or cut."""

    def __init__(self, far: FarEnd, now: Callable[[], int]) -> None:
        self._far, self._now = far, now
        self.lines: list[MemoryLine] = []

    async def dial(self, url: str, headers: Headers, receiver: Receiver, *, max_frame: int) -> Line:
        del max_frame
        accepted = self._far.accept(url, {name.lower(): value for name, value in headers.items()})
        if isinstance(accepted, Refusal):
            raise ConnectFailed(
                url, f"handshake refused with HTTP status {accepted.status}", accepted.status, accepted.body
            )
        line = MemoryLine(receiver, accepted, self._far, self._now)
        self.lines = [line for line in self.lines if line.open]
        self.lines.append(line)
        line.post(accepted.opened(self._now()))
        return line

    async def fetch(self, method: str, url: str, headers: Headers, body: bytes, *, seconds: float) -> Answer:
        del seconds
        base, _, query = url.partition("?")
        scheme_and_host = base.split("/", 3)
        path = "/" + scheme_and_host[3] if len(scheme_and_host) > 3 else "/"
        lowered = {name.lower(): value for name, value in headers.items()}
        request = Request(method=method, path=path, query=query, headers=lowered, body=body, host=scheme_and_host[2])
        answer = self._far.serve(url, request)
        self._far.settle()
        return answer

    async def close(self) -> None:
        for line in self.lines:
            line.close()
