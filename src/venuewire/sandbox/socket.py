"""A client's connection over a real socket, and nothing between acceptor and socket that waits.

Frames are written straight to the transport: a server's frames are not masked, so a frame is a short header and the
payload. aiohttp reads. Pings and the closing handshake are answered here: a half-open line answers neither, and aiohttp
drops a line that is closed from outside `receive` before the client has answered, so that a client that is sending at
that moment would see a reset instead of the code. Whoever does not read is cut when `limit` bytes wait for him, or more
messages than his venue keeps.

The frames of one turn (an answer, and what came of it; everything one command led to) leave together: a system call for
each would cost more than making them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from venuewire.sandbox.connection import MAX_WAITING, Connection, close_frame, text_frame, text_head
from venuewire.venue import Acceptor

if TYPE_CHECKING:
    from venuewire.sandbox.floor import Floor

logger = logging.getLogger("venuewire.sandbox")

MAX_INBOUND = 1 << 20
"""Bytes of one message from a client; a longer one ends the connection with 1009."""
_GOODBYE = 2.0
"""Seconds a client has to answer a close frame."""


class Unread:
    """Which messages the bytes are of that a socket has not taken yet.

    What a client has just asked for does not count: a long history alone is not slow reading.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._sizes: deque[int] = deque()
        """Negative: does not count."""
        self._bytes = 0
        self._count = 0

    def wrote(self, size: int, *, asked: bool) -> None:
        """A message of `size` bytes."""
        self._sizes.append(-size if asked else size)
        self._bytes += size
        self._count += not asked

    def is_too_much(self, buffered: int) -> bool:
        """With so many bytes waiting, are there more messages among them than the venue keeps?"""
        sizes = self._sizes
        while sizes and self._bytes - abs(sizes[0]) >= buffered:
            size = sizes.popleft()
            self._bytes -= abs(size)
            self._count -= size > 0
        return self._count > self.limit


class SocketConnection(Connection):
    """A connection over aiohttp's server."""

    def __init__(
        self, floor: Floor, line: str, acceptor: Acceptor, limit: int = MAX_WAITING, *, doomed: int | None = None
    ) -> None:
        super().__init__(floor, line, acceptor, limit, doomed=doomed)
        self._transport: asyncio.Transport | None = None
        unread = floor.venue.limits.unread
        self._unread = None if unread is None else Unread(unread)
        self._gathered: list[bytes] = []
        self._socket = web.WebSocketResponse(
            timeout=_GOODBYE, max_msg_size=MAX_INBOUND + 1, compress=False, autoping=False, autoclose=False
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
            self.left()
        return self._socket if self._socket.prepared else web.Response(status=400)

    async def _live(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._floor.join(self)
        try:
            self.opened()
            await self._read()
        finally:
            self._floor.leave(self)
            self.flush()
            # What is written still leaves, if the client takes it in time.
            transport.close()
            asyncio.get_running_loop().call_later(_GOODBYE, transport.abort)

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            match message.type:
                case WSMsgType.TEXT:
                    self.received(message.data.encode())
                case WSMsgType.BINARY:
                    self.received(message.data)
                case WSMsgType.PING:
                    self._answer_ping(message.data)
                    self.pinged()
                case WSMsgType.PONG:
                    pass
                case WSMsgType.CLOSE if self.is_half_open:
                    # No answer: the client has to give up by itself.
                    await self._gone()
                    return
                case WSMsgType.CLOSE:
                    self.close(message.data)
                    return
                case _:
                    return

    def _answer_ping(self, payload: bytes) -> None:
        self.flush()
        transport = self._transport
        if not self._ended and transport is not None and not transport.is_closing() and not self.is_half_open:
            transport.write(bytes((0x8A, len(payload))) + payload)

    async def _gone(self) -> None:
        """Until the client has hung up; aiohttp no longer tells once it has read a close frame."""
        while self._transport is not None and not self._transport.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(_GOODBYE / 20)

    # ---------------------------------------------------------------------------------------------- the wire

    @property
    def waiting(self) -> int:
        """Bytes the client has not taken yet."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def write(self, payload: bytes) -> None:
        if not self._gathered:
            self._floor.gathers(self)
        head = text_head(len(payload))
        self._gathered += (head, payload)
        if self._unread is not None:
            self._unread.wrote(len(head) + len(payload), asked=self._is_answering)

    def flush(self) -> None:
        gathered, self._gathered = self._gathered, []
        transport = self._transport
        if not gathered or transport is None or transport.is_closing():
            return
        transport.write(b"".join(gathered))
        buffered = transport.get_write_buffer_size()
        if buffered > self._limit or (self._unread is not None and self._unread.is_too_much(buffered)):
            logger.warning("a client of %s/%s does not read: cut", self._floor.name, self.line)
            self.cut()

    def write_part(self, payload: bytes, count: int) -> None:
        self.flush()
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(text_frame(payload)[:count])
            # What is written leaves; then the connection ends without a word.
            transport.close()

    def say_goodbye(self, code: int, reason: str) -> None:
        self.flush()
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(close_frame(code, reason))
            asyncio.get_running_loop().call_later(_GOODBYE, transport.abort)

    def abort(self) -> None:
        self.flush()
        if self._transport is not None:
            self._transport.abort()
