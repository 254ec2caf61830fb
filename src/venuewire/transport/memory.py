"""A network without sockets: both ends in one process, for tests that step the clock.

Frames under way wait in `MemoryLine.outward` and `inward`. An automatic network carries them through the loop's
`call_soon`, in order, so that a client simply works; in a manual one the test carries, or loses, each of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol, TypeAlias

from msgspec import Struct

from venuewire.errors import ConnectFailed, ConnectionLost
from venuewire.model.terms import NANOS_PER_SECOND
from venuewire.transport.clock import Clock
from venuewire.transport.network import Line, Receiver
from venuewire.venue import Answer, Headers, Refusal, Request


class Peer(Protocol):
    """The venue's end of one line."""

    def joined(self, line: MemoryLine) -> None:
        """The line stands: what is pushed to it reaches the client."""
        ...

    def received(self, payload: bytes, /) -> None:
        """One message of the client."""
        ...

    def left(self) -> None:
        """The line has ended; told once, whoever ended it."""
        ...


class FarEnd(Protocol):
    """The venues behind a memory network."""

    def accept(self, url: str, headers: Headers) -> Peer | Refusal:
        """Take a handshake or refuse it. Header names are lower case. Raises `ConnectFailed`: nobody is there."""
        ...

    async def serve(self, url: str, request: Request) -> Answer | None:
        """Answer an HTTP request; None: the connection was cut instead."""
        ...


class End(Struct, frozen=True):
    """The end of a line, under way like a frame."""

    code: int
    reason: str = ""


Carried: TypeAlias = bytes | End


class MemoryLine:
    """Both directions of one line: `send`, `close`, `abort`, `unsent` are the client's end, `push` and `end` the
    venue's."""

    def __init__(self, url: str, receiver: Receiver, peer: Peer, *, automatic: bool) -> None:
        self.url = url
        self.outward: deque[Carried] = deque()
        self.inward: deque[Carried] = deque()
        self._receiver, self._peer = receiver, peer
        self._automatic = automatic
        self._carrying = False
        self._near_open = self._far_open = True

    @property
    def open(self) -> bool:
        """Does the client have it in its hands?"""
        return self._near_open

    # ------------------------------------------------------------------ the client's end

    def send(self, payload: bytes) -> None:
        if self._near_open:
            self.outward.append(payload)
            self._soon()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """What was sent before still arrives."""
        if self._near_open:
            self._leave(End(code, reason))

    def abort(self) -> None:
        """What was not carried yet is lost."""
        if self._near_open:
            self.outward.clear()
            self._leave(End(1006))

    def unsent(self) -> int:
        return sum(len(it) for it in self.outward if isinstance(it, bytes))

    def _leave(self, end: End) -> None:
        self._near_open = False
        self.outward.append(end)
        self.inward.clear()
        self.inward.append(end)
        self._soon()

    # ------------------------------------------------------------------ the venue's end

    def push(self, payload: bytes) -> None:
        """Send a message to the client."""
        if self._far_open:
            self.inward.append(payload)
            self._soon()

    def end(self, code: int, reason: str = "") -> None:
        """End the line: what was pushed before still arrives (unless it is lost), what the client sent does not."""
        if self._far_open:
            self._far_open = False
            self.inward.append(End(code, reason))
            self.outward.append(End(code, reason))
            self._soon()

    # ------------------------------------------------------------------ between

    def cut(self) -> None:
        """The line is cut somewhere between: what is under way is lost, both ends learn of it."""
        self.outward.clear()
        self.inward.clear()
        self._near_open = self._far_open = False
        self.outward.append(End(1006))
        self.inward.append(End(1006))
        self._soon()

    def _soon(self) -> None:
        if self._automatic and not self._carrying:
            self._carrying = True
            asyncio.get_running_loop().call_soon(self._carry_soon)

    def _carry_soon(self) -> None:
        self._carrying = False
        self.carry(1)

    def carry_out(self) -> None:
        """Deliver what we sent to the venue."""
        for _ in range(len(self.outward)):
            self._deliver_out()

    def carry_in(self) -> None:
        """Deliver what the venue sent to us."""
        for _ in range(len(self.inward)):
            self._deliver_in()

    def carry(self, rounds: int = 100) -> None:
        """Move everything both ways until nothing is under way."""
        for _ in range(rounds):
            self.carry_out()
            self.carry_in()
            if not (self.outward or self.inward):
                return

    def _deliver_out(self) -> None:
        if not self.outward:  # lost by what came before it
            return
        it = self.outward.popleft()
        if isinstance(it, bytes):
            if self._far_open:
                self._peer.received(it)
            return
        self._far_open = False
        self.outward.clear()
        self._peer.left()

    def _deliver_in(self) -> None:
        if not self.inward:
            return
        it = self.inward.popleft()
        if isinstance(it, bytes):
            if self._near_open:
                self._receiver.received(it)
            return
        self._near_open = False
        self.inward.clear()
        self._receiver.closed(it.code, it.reason)


class MemoryNetwork:
    """See `network.Network`; `lines` are those that were dialled and are not gone yet, the oldest first.

    `automatic`: frames are carried by themselves; else by the test. `clock`: by it an HTTP request waits for its
    answer.
    """

    def __init__(self, far: FarEnd, clock: Clock, *, automatic: bool = True) -> None:
        self._far = far
        self._clock = clock
        self._automatic = automatic
        self._requests: dict[asyncio.Task[Answer | None], None] = {}
        """Those the venue has not answered yet: it goes on with them when the client has given up."""
        self.lines: list[MemoryLine] = []

    async def dial(self, url: str, headers: Headers, receiver: Receiver, *, max_frame: int) -> Line:
        del max_frame
        await asyncio.sleep(0)
        accepted = self._far.accept(url, {name.lower(): value for name, value in headers.items()})
        if isinstance(accepted, Refusal):
            raise ConnectFailed(
                url, f"handshake refused with HTTP status {accepted.status}", accepted.status, accepted.body
            )
        line = MemoryLine(url, receiver, accepted, automatic=self._automatic)
        self.lines = [line for line in self.lines if line.open or line.outward or line.inward]
        self.lines.append(line)
        accepted.joined(line)
        return line

    async def fetch(self, method: str, url: str, headers: Headers, body: bytes, *, seconds: float) -> Answer:
        base, _, query = url.partition("?")
        _, _, host, *path = base.split("/", 3)
        lowered = {name.lower(): value for name, value in headers.items()}
        request = Request(method=method, path="/" + "".join(path), query=query, headers=lowered, body=body, host=host)
        answering = asyncio.ensure_future(self._far.serve(url, request))
        self._requests[answering] = None
        answering.add_done_callback(self._requests.pop)
        answer = await self._within(answering, seconds)
        if answer is None:
            raise ConnectionLost("http", 1006, "the connection was cut before the answer")
        return answer

    async def _within(self, answering: asyncio.Task[Answer | None], seconds: float) -> Answer | None:
        late = asyncio.ensure_future(self._clock.sleep_until(self._clock.now() + round(seconds * NANOS_PER_SECOND)))
        try:
            await asyncio.wait((answering, late), return_when=asyncio.FIRST_COMPLETED)
        finally:
            late.cancel()
        if not answering.done():
            raise ConnectionLost("http", 1006, f"no answer within {seconds:g} s")
        return answering.result()

    async def close(self) -> None:
        """End every line, and what requests are still under way."""
        for line in self.lines:
            line.close()
        for request in tuple(self._requests):
            request.cancel()
