"""The WebSocket client against servers nobody here wrote, and against one that breaks the rules on purpose."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trustme
from websockets.asyncio.server import ServerConnection, serve

from venuewire.errors import ConnectFailed
from venuewire.transport.http import SocketNetwork
from venuewire.transport.network import Line

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Ear:
    """A receiver that remembers."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[bytes] = asyncio.Queue()
        self.end: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def received(self, payload: bytes, /) -> None:
        self.messages.put_nowait(payload)

    def closed(self, code: int, reason: str, /) -> None:
        self.end.set_result((code, reason))


@asynccontextmanager
async def raw(answer: Serve) -> AsyncIterator[str]:
    """A server that says exactly what it is told to."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def upgraded(request: bytes) -> bytes:
    key = next(
        line.split(b":")[1].strip() for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")
    )
    accept = base64.b64encode(
        hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
    )
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + accept
        + b"\r\n\r\n"
    )


def frames(*sent: bytes) -> Serve:
    """Upgrade, send these raw frames, then read until the other end goes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(upgraded(await head(reader)) + b"".join(sent))
        await reader.read()
        writer.close()

    return answer


async def dial(url: str, ear: Ear, *, max_frame: int = 1 << 20, ca: str = "") -> Line:
    return await SocketNetwork(ca).dial(url, {"X-Key": "abc"}, ear, max_frame=max_frame)


@asynccontextmanager
async def dialled(url: str, *, max_frame: int = 1 << 20, ca: str = "") -> AsyncIterator[Ear]:
    """An open line, and nothing left of it afterwards."""
    ear = Ear()
    line = await dial(url, ear, max_frame=max_frame, ca=ca)
    try:
        yield ear
    finally:
        line.abort()
        await ear.end


async def test_messages_go_both_ways_and_headers_arrive() -> None:
    async def echo(socket: ServerConnection) -> None:
        assert socket.request is not None
        await socket.send(socket.request.headers["X-Key"])
        async for message in socket:
            await socket.send(message)

    async with serve(echo, "127.0.0.1", 0) as server:
        ear = Ear()
        line = await dial(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", ear)
        assert await ear.messages.get() == b"abc"
        line.send(b'{"a":1}')
        assert await ear.messages.get() == b'{"a":1}'
        line.close()
        assert await ear.end == (1000, "")


async def test_fragments_are_joined() -> None:
    async with raw(frames(b"\x01\x02ab", b"\x00\x02cd", b"\x80\x02ef")) as url, dialled(url) as ear:
        assert await ear.messages.get() == b"abcdef"
        assert not ear.end.done()


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 1013, 3000, 4001, 4999])
async def test_the_close_code_is_told(code: int) -> None:
    async with raw(frames(b"\x88\x05" + code.to_bytes(2, "big") + b"Bye")) as url, dialled(url) as ear:
        assert await ear.end == (code, "Bye")


async def test_a_cut_without_a_word_is_1006() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(upgraded(await head(reader)))
        await writer.drain()
        writer.transport.abort()

    async with raw(cut) as url, dialled(url) as ear:
        assert (await ear.end)[0] == 1006


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\xc1\x02ab", 1002),  # a reserved bit nobody negotiated
        (b"\x80\x02ab", 1002),  # a continuation of nothing
        (b"\x01\x02ab\x01\x02cd", 1002),  # a new message inside a fragmented one
        (b"\x01\x08abcdefgh\x00\x08abcdefgh\x80\x08abcdefgh", 1009),  # whole message too large, each frame not
    ],
)
async def test_broken_rules_end_the_line(sent: bytes, code: int) -> None:
    async with raw(frames(sent)) as url, dialled(url, max_frame=16) as ear:
        assert (await ear.end)[0] == code
        assert ear.messages.empty()


async def test_a_peer_that_says_goodbye_and_then_nothing_has_ended() -> None:
    """It never closes its socket; we do not wait for that."""
    leave = asyncio.Event()

    async def linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(upgraded(await head(reader)) + b"\x88\x02" + (1001).to_bytes(2, "big"))
        await leave.wait()
        writer.close()

    async with raw(linger) as url:
        ear = Ear()
        await dial(url, ear)
        async with asyncio.timeout(2):
            assert await ear.end == (1001, "")
        leave.set()


async def test_a_handshake_refused_for_a_while_says_for_how_long() -> None:
    async def busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with raw(busy) as url:
        with pytest.raises(ConnectFailed) as caught:
            await dial(url, Ear())
    assert (caught.value.status, caught.value.retry_after) == (429, 7)


async def test_an_address_that_is_none_is_a_failed_connection() -> None:
    for url in ("nowhere", "ws://", "ftp://127.0.0.1"):
        with pytest.raises(ConnectFailed):
            await dial(url, Ear())


async def test_a_refused_handshake_tells_status_and_body() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 12\r\n\r\n" + b'{"error":14}')
        await writer.drain()
        writer.close()

    async with raw(refuse) as url:
        with pytest.raises(ConnectFailed) as failure:
            await dial(url, Ear())
    assert (failure.value.status, failure.value.body) == (400, b'{"error":14}')


async def test_redirects_are_not_followed_with_our_headers() -> None:
    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with raw(redirect) as url:
        with pytest.raises(ConnectFailed) as failure:
            await dial(url, Ear())
    assert failure.value.status == 302


async def test_nobody_listening_is_a_clear_error() -> None:
    with pytest.raises(ConnectFailed, match=r"cannot connect to ws://127\.0\.0\.1:9"):
        await dial("ws://127.0.0.1:9", Ear())


# ---------------------------------------------------------------------- TLS: names and chains are always checked


@asynccontextmanager
async def secure(certificate: trustme.LeafCert) -> AsyncIterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    async def hello(socket: ServerConnection) -> None:
        await socket.send("hello")
        await socket.wait_closed()

    # Plain asyncio logs a client that leaves during the TLS handshake; that is what is tested here.
    async with serve(hello, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


def pem(authority: trustme.CA) -> str:
    return authority.cert_pem.bytes().decode()


async def test_a_certificate_of_a_trusted_authority_is_accepted() -> None:
    authority = trustme.CA()
    async with (
        secure(authority.issue_cert("127.0.0.1")) as port,
        dialled(f"wss://127.0.0.1:{port}", ca=pem(authority)) as ear,
    ):
        assert await ear.messages.get() == b"hello"


async def test_a_certificate_of_an_unknown_authority_is_refused() -> None:
    async with secure(trustme.CA().issue_cert("127.0.0.1")) as port:
        with pytest.raises(ConnectFailed, match="certificate refused"):
            await dial(f"wss://127.0.0.1:{port}", Ear(), ca=pem(trustme.CA()))
        with pytest.raises(ConnectFailed, match="certificate refused"):
            await dial(f"wss://127.0.0.1:{port}", Ear())


async def test_a_certificate_for_another_host_is_refused() -> None:
    authority = trustme.CA()
    async with secure(authority.issue_cert("example.org")) as port:
        with pytest.raises(ConnectFailed, match="certificate refused"):
            await dial(f"wss://127.0.0.1:{port}", Ear(), ca=pem(authority))


async def test_an_expired_certificate_is_refused() -> None:
    from datetime import UTC, datetime

    authority = trustme.CA()
    old = authority.issue_cert(
        "127.0.0.1", not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=datetime(2020, 2, 1, tzinfo=UTC)
    )
    async with secure(old) as port:
        with pytest.raises(ConnectFailed, match="certificate refused"):
            await dial(f"wss://127.0.0.1:{port}", Ear(), ca=pem(authority))
