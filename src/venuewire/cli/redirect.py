"""A page on this machine that a browser is sent back to, once: the other end of a consent page."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from venuewire.cli.outcome import UsageError
from venuewire.cli.places import is_loopback

_SECONDS = 10
"""How long a browser may take to say what it wants."""
_MOST_BYTES = 16_384
_THANKS = "Thank you. You can close this page and go back to the terminal."
_OTHER = "This is the answer to another login. Nothing was done with it."


class Redirect:
    """Listens at a loopback address while it is open; `wait` has the address that the browser was sent to.

    Only an address with our path, and with our `state` where it has one, ends the waiting: whoever else comes by is
    answered and forgotten.
    """

    def __init__(self, address: str, state: str) -> None:
        """Raises `UsageError` for an address that is not this machine's."""
        try:
            parts = urlsplit(address)
            self._port = parts.port
        except ValueError:
            parts, self._port = urlsplit(""), None
        self._host = parts.hostname or ""
        self._path = parts.path or "/"
        if parts.scheme != "http" or not is_loopback(self._host) or self._port is None or parts.query:
            wanted = "http://127.0.0.1:8080/, as it is registered for the application"
            raise UsageError(f"{address!r} is not a redirect address of this machine, such as {wanted}")
        self._state = state
        self._server: asyncio.Server | None = None
        self._came: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @property
    def uri(self) -> str:
        """The redirect address, with the port that is listened at."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}{self._path}"

    async def __aenter__(self) -> Self:
        host = "127.0.0.1" if self._host == "localhost" else self._host
        try:
            self._server = await asyncio.start_server(self._serve, host, self._port, limit=_MOST_BYTES)
        except OSError as error:
            reason = error.strerror or error
            raise UsageError(f"cannot listen at {self.uri}: {reason}; name another address by --redirect") from None
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def wait(self, seconds: float) -> str:
        """The path and query the browser came with. Raises `TimeoutError`."""
        async with asyncio.timeout(seconds):
            return await self._came

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                status, text = self._answer(head)
                writer.write(_page(status, text))
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass  # whoever that was, it was no browser with our answer
        finally:
            writer.close()

    def _answer(self, head: bytes) -> tuple[str, str]:
        method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        target = rest.rpartition(" ")[0]
        parts = urlsplit(target if target.startswith("/") else "/?")
        query = parse_qs(parts.query)
        if method != "GET" or parts.path != self._path or not query.keys() & {"code", "error"}:
            return "404 Not Found", "Nothing is here."
        if query.get("state", [self._state])[-1] != self._state:
            return "400 Bad Request", _OTHER
        if not self._came.done():
            self._came.set_result(target)
        return "200 OK", _THANKS


def _page(status: str, text: str) -> bytes:
    body = f"<!doctype html><title>venuewire</title><p>{text}</p>\n".encode()
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {len(body)}\r\n"
        "cache-control: no-store\r\nreferrer-policy: no-referrer\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
