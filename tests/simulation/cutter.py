"""A cable that can be cut at any byte: a relay on this machine between a client and a port of the sandbox."""

from __future__ import annotations

import asyncio
from typing import Literal, Self
from urllib.parse import urlsplit, urlunsplit

Way = Literal["out", "in"]
"""From the client to the venue, or back."""


class Cutter:
    """The relay before one port. It counts what passes; from `arm` on it cuts after so many bytes one way."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._server: asyncio.Server | None = None
        self.passed: dict[Way, int] = {"out": 0, "in": 0}
        self.cuts = 0
        self._way: Way | None = None
        self._left = 0

    async def listen(self) -> int:
        """The port to dial instead."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Near(self), "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()

    def arm(self, way: Way, count: int) -> None:
        """From now on so many bytes pass that way; the next one cuts its connection, as does the last where no next
        one comes: with all that it carried."""
        self._way, self._left = way, count

    def disarm(self) -> None:
        self._way = None

    @property
    def armed(self) -> bool:
        """It has not cut yet."""
        return self._way is not None

    async def reach(self, near: _Near) -> _Far:
        """The other half of a connection."""
        loop = asyncio.get_running_loop()
        _, far = await loop.create_connection(lambda: _Far(near), self._host, self._port)
        return far

    def passes(self, way: Way, some: bytes) -> tuple[bytes, bool]:
        """What may pass of these bytes, and whether the cable is cut behind them."""
        self.passed[way] += len(some)
        if way != self._way:
            return some, False
        if len(some) < self._left:
            self._left -= len(some)
            return some, False
        whole, self._way = some[: self._left], None
        self.cuts += 1
        return whole, True


class _Near(asyncio.Protocol):
    """The half towards the client."""

    def __init__(self, cutter: Cutter) -> None:
        self.cutter = cutter
        self.early = b""
        self.far: _Far | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        reaching = asyncio.ensure_future(self.cutter.reach(self))
        reaching.add_done_callback(self._reached)

    def _reached(self, reaching: asyncio.Task[_Far]) -> None:
        assert self.transport is not None
        if reaching.cancelled() or reaching.exception() is not None or self.transport.is_closing():
            self.transport.abort()
            return
        self.far = reaching.result()
        early, self.early = self.early, b""
        if early:
            self.data_received(early)

    def data_received(self, data: bytes) -> None:
        if self.far is None or self.far.transport is None:
            self.early += data
            return
        some, is_cut = self.cutter.passes("out", data)
        self.far.transport.write(some)
        if is_cut:
            self.cut()

    def cut(self) -> None:
        """Both halves end: what was let through arrives, nothing else does, and nobody says goodbye."""
        for half in (self, self.far):
            if half is not None and half.transport is not None:
                half.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.far is not None and self.far.transport is not None:
            self.far.transport.close()


class _Far(asyncio.Protocol):
    """The half towards the venue."""

    def __init__(self, near: _Near) -> None:
        self.near = near
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        near = self.near
        if near.transport is None or near.transport.is_closing():
            return
        some, is_cut = near.cutter.passes("in", data)
        near.transport.write(some)
        if is_cut:
            near.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.near.transport is not None:
            self.near.transport.close()


class Cable:
    """A cutter before every port of a venue's addresses."""

    def __init__(self, endpoints: dict[str, str]) -> None:
        self._direct = endpoints
        self._by_port: dict[int, Cutter] = {}
        self.endpoints: dict[str, str] = {}
        """The same addresses, by way of the cutters."""

    async def __aenter__(self) -> Self:
        ports: dict[int, int] = {}
        for name, address in self._direct.items():
            parts = urlsplit(address)
            assert parts.hostname is not None
            assert parts.port is not None
            if parts.port not in ports:
                cutter = self._by_port[parts.port] = Cutter(parts.hostname, parts.port)
                ports[parts.port] = await cutter.listen()
            self.endpoints[name] = urlunsplit(parts._replace(netloc=f"127.0.0.1:{ports[parts.port]}"))
        return self

    async def __aexit__(self, *failure: object) -> None:
        for cutter in self._by_port.values():
            await cutter.close()

    def cutter(self, endpoint: str) -> Cutter:
        port = urlsplit(self._direct[endpoint]).port
        assert port is not None
        return self._by_port[port]
