"""The sandbox's ports: WebSocket upgrades go to acceptors, every other request to the venue's host."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from venuewire.errors import ConfigError
from venuewire.sandbox.connection import MAX_WAITING
from venuewire.sandbox.floor import Floor
from venuewire.sandbox.socket import SocketConnection
from venuewire.venue import PEER, Answer, Refusal, Request

_SHUTDOWN = 1.0
"""Seconds a request that is being answered has when the sandbox ends."""


class Listener:
    """One listening port."""

    def __init__(self, answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        # aiohttp's own log would tell of every client that hangs up early.
        server = web.Server(answer, access_log=None, logger=logging.getLogger("venuewire.sandbox.http"))
        self._runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN)

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Begin; the port, which is the system's choice when 0 was asked for. Raises `ConfigError`."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port, ssl_context=tls).start()
        except OSError as error:
            await self.close()
            raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        number: int = self._runner.addresses[0][1]
        return number

    async def stop(self) -> None:
        """Let no new connection in."""
        for site in list(self._runner.sites):
            await site.stop()

    async def close(self) -> None:
        """Stop listening and let go of every connection."""
        await self._runner.cleanup()


class VenuePort:
    """What one port of a venue answers: its lines by path, and everything else."""

    def __init__(self, floor: Floor, lines: Mapping[str, str], limit: int = MAX_WAITING) -> None:
        self._floor = floor
        self._lines = dict(lines)
        """Line by path, without a slash at the end."""
        self._limit = limit

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, for as long as its connection lasts if it becomes one."""
        path = request.raw_path.partition("?")[0]
        line = self._lines.get(path.rstrip("/"))
        if line is not None and request.headers.get("upgrade", "").lower() == "websocket":
            return await self._upgrade(request, line)
        try:
            asked = await _plain(request, path)
        except (ConnectionError, web.RequestPayloadError):  # who asks hung up half-way
            return _cut(request)
        answer = await self._floor.answer(asked)
        if answer is None:
            return _cut(request)
        return _response(answer)

    async def _upgrade(self, request: web.BaseRequest, line: str) -> web.StreamResponse:
        if self._floor.closing:
            return web.Response(status=503, text="the sandbox is closing")
        if not web.WebSocketResponse().can_prepare(request).ok:
            return web.Response(status=400, text="not a WebSocket handshake")
        admitted, flap = self._floor.admit(line, _headers(request))
        if isinstance(admitted, Refusal):
            return _response(admitted)
        doomed = None if flap is None else flap.code
        return await SocketConnection(self._floor, line, admitted, self._limit, doomed=doomed).serve(request)


def _cut(request: web.BaseRequest) -> web.StreamResponse:
    """Hang up instead of answering."""
    if request.transport is not None:
        request.transport.close()
    return web.Response(status=500)


def _headers(request: web.BaseRequest) -> dict[str, str]:
    """Lower-case names; a name that came more than once has its values joined, as HTTP allows."""
    headers: dict[str, str] = {PEER: request.remote or ""}
    for name, value in request.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


async def _plain(request: web.BaseRequest, path: str) -> Request:
    """Raises `ConnectionError` or aiohttp's `RequestPayloadError` for one that does not come whole."""
    return Request(
        method=request.method,
        path=path,
        query=request.raw_path.partition("?")[2],
        headers=_headers(request),
        body=await request.read(),
        host=request.host,
    )


def _response(answer: Answer | Refusal) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
