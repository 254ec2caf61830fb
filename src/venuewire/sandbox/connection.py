"""One WebSocket of a client, seen from the venue: the acceptor's bytes and the socket, and nothing between that waits.

Frames are written straight to the transport: a server's frames are not masked, so a frame is a short header and the
payload. aiohttp reads and answers pings. The closing handshake is done here, because aiohttp drops a line that is
closed from outside `receive` before the client has answered, and a client that is sending at that moment would see a
reset instead of the code. Whoever does not read is cut when `limit` bytes wait for him.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from venuewire.model.session import Event
from venuewire.venue import Acceptor, Close, Out

if TYPE_CHECKING:
    from venuewire.sandbox.floor import Floor

logger = logging.getLogger("venuewire.sandbox")

MAX_INBOUND = 1 << 20
"""Bytes of one message from a client; a longer one ends the connection with 1009."""
MAX_WAITING = 8 << 20
"""Bytes that may wait for a client who does not read."""
_GOODBYE = 2.0
"""Seconds a client has to answer a close frame."""

_INTERNAL_ERROR = 1011


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame; without a code (0) where the client gave none."""
    if not code:
        return b"\x88\x00"
    # A control frame holds at most 125 bytes; never cut through a letter.
    words = reason.encode()[:123].decode(errors="ignore").encode()
    return bytes((0x88, 2 + len(words))) + code.to_bytes(2, "big") + words


def text_frame(payload: bytes) -> bytes:
    """A whole text message as an unmasked frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


class Connection:
    """A client's connection to one line of one venue."""

    def __init__(self, floor: Floor, line: str, acceptor: Acceptor, limit: int = MAX_WAITING) -> None:
        self.line = line
        self.acceptor = acceptor
        self._floor = floor
        self._limit = limit
        self._transport: asyncio.Transport | None = None
        self._ended = False
        self._socket = web.WebSocketResponse(
            timeout=_GOODBYE, max_msg_size=MAX_INBOUND + 1, compress=False, autoping=True, autoclose=False
        )

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """From the upgrade to the end of the connection."""
        try:
            # A client that is gone in the middle of it is nothing to tell of.
            with suppress(ConnectionError):
                await self._socket.prepare(request)
                if request.transport is not None:
                    await self._live(request.transport)
        finally:
            self._ended = True
            self._left()
        return self._socket if self._socket.prepared else web.Response(status=400)

    async def _live(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._floor.join(self)
        try:
            self.opened()
            await self._read()
        finally:
            self._floor.leave(self)
            # What is written still leaves, if the client takes it in time.
            transport.close()
            asyncio.get_running_loop().call_later(_GOODBYE, transport.abort)

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message.type is WSMsgType.CLOSE:
                self.close(message.data)
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            # After our own close frame nothing counts but the client's.
            if not self._ended:
                self.received(message.data if isinstance(message.data, bytes) else message.data.encode())

    # ---------------------------------------------------------------------------------------------- the acceptor

    def opened(self) -> None:
        """What the venue says first."""
        self._ask(lambda: self.acceptor.opened(self._floor.now()))
        self._floor.publish()

    def received(self, payload: bytes) -> None:
        """Answer a frame, then tell everybody what came of it."""
        self._ask(lambda: self.acceptor.receive(payload, self._floor.now()))
        self._floor.publish()

    def told(self, event: Event) -> None:
        """Something happened at the exchange."""
        self._ask(lambda: self.acceptor.publish(event, self._floor.now()))

    def ticked(self) -> None:
        """A time the acceptor asked for has come."""
        self._ask(lambda: self.acceptor.tick(self._floor.now()))

    def _left(self) -> None:
        def say_nothing() -> Sequence[Out]:
            self.acceptor.closed(self._floor.now())
            return ()

        self._ask(say_nothing)
        self._floor.publish()

    def _ask(self, question: Callable[[], Sequence[Out]]) -> None:
        """Send what the acceptor says. Its raising is a bug of ours, and only this connection pays for it."""
        try:
            outs = question()
        except Exception:
            logger.exception("the venue's end of %s/%s failed", self._floor.name, self.line)
            self.close(_INTERNAL_ERROR, "internal error")
            return
        self.apply(outs)

    # ---------------------------------------------------------------------------------------------- the socket

    @property
    def ended(self) -> bool:
        """Nothing more will be sent."""
        return self._ended

    def apply(self, outs: Sequence[Out]) -> None:
        """Send these, in order."""
        for out in outs:
            if isinstance(out, Close):
                self.close(out.code, out.reason)
                return
            self._write(out.payload)

    def _write(self, payload: bytes) -> None:
        transport = self._transport
        if self._ended or transport is None or transport.is_closing():
            return
        transport.write(text_frame(payload))
        if transport.get_write_buffer_size() > self._limit:
            logger.warning("a client of %s/%s does not read: cut", self._floor.name, self.line)
            self.cut()

    def close(self, code: int, reason: str = "") -> None:
        """End it with a close frame, and give the client time to answer; 1006 cuts it without one."""
        transport = self._transport
        if code == 1006:
            self.cut()
        elif not self._ended and transport is not None:
            self._ended = True
            if not transport.is_closing():
                transport.write(close_frame(code, reason))
                asyncio.get_running_loop().call_later(_GOODBYE, transport.abort)

    def cut(self) -> None:
        """End it at once."""
        self._ended = True
        if self._transport is not None:
            self._transport.abort()
