"""HTTP requests, and sockets as a `Network`. aiohttp is imported when the first request is made, not before."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

from venuewire.errors import ConnectFailed, ConnectionLost
from venuewire.transport.network import Line, Receiver
from venuewire.venue import Answer, Headers

if TYPE_CHECKING:
    import aiohttp

MAX_ANSWER = 64 * 1024 * 1024


def tls_context(ca: str = "") -> ssl.SSLContext:
    """Names and chains checked, always; trusting the system's authorities, or only those in the PEM text `ca`."""
    if not ca:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=ca)
    return context


class SocketNetwork:
    """The real network; see `network.Network`. `ca` is PEM text of an authority to trust instead of the system's."""

    def __init__(self, ca: str = "") -> None:
        self._ca = ca
        self._context: ssl.SSLContext | None = None
        self._http: aiohttp.ClientSession | None = None

    def _tls(self, url: str) -> ssl.SSLContext | None:
        if not url.startswith(("wss:", "https:")):
            return None
        if self._context is None:
            self._context = tls_context(self._ca)
        return self._context

    async def dial(self, url: str, headers: Headers, receiver: Receiver, *, max_frame: int) -> Line:
        from venuewire.transport.websocket import dial  # picows only where a line is dialled

        return await dial(url, headers, receiver, context=self._tls(url), max_frame=max_frame)

    async def fetch(self, method: str, url: str, headers: Headers, body: bytes, *, seconds: float) -> Answer:
        import aiohttp  # half of the import time of everything

        if self._http is None:
            self._http = aiohttp.ClientSession(
                auto_decompress=True, timeout=aiohttp.ClientTimeout(total=None), cookie_jar=aiohttp.DummyCookieJar()
            )
        try:
            async with (
                asyncio.timeout(seconds),
                self._http.request(
                    method,
                    url,
                    data=body or None,
                    headers=dict(headers),
                    ssl=self._tls(url) or True,
                    allow_redirects=False,
                ) as response,
            ):
                content = await response.content.read(MAX_ANSWER + 1)
                while chunk := await response.content.read(MAX_ANSWER + 1):
                    content += chunk
                    if len(content) > MAX_ANSWER:
                        raise ConnectionLost("http", 1009, f"answer above {MAX_ANSWER} bytes")
                answered = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status, content, answered)
        except aiohttp.ClientConnectorError as error:
            raise ConnectFailed(url.partition("?")[0], str(error)) from None
        except TimeoutError:
            raise ConnectionLost("http", 1006, f"no answer within {seconds:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectionLost("http", 1006, str(error) or type(error).__name__) from None

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None
