"""Faults as a client of another make meets them, through real sockets; set through the control port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest
from tests.unit.sandbox.toy import TOY
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from venuewire.sandbox import Fault, Sandbox
from venuewire.sandbox.faults import Kind
from venuewire.transport.clock import SteppedClock

QUIET = 0.05
"""Seconds in which nothing may come. What is to come is waited for longer: a busy machine may take its time."""


class Place:
    """A sandbox with the toy venue, its control port, and ways to get in."""

    def __init__(self, sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
        self.sandbox, self.http = sandbox, http
        ready = sandbox.ready()
        self.control, self.toy = ready["control"], ready["venues"]["toy"]

    async def suffers(self, kind: str, **terms: Any) -> str:
        status, answer = await self.controls("POST", "/faults", {"kind": kind, "venue": "toy", **terms})
        assert status == 200, answer
        return str(answer["ids"][0])

    async def has_read(self) -> None:
        """Both ends run in this loop: what was sent before an exchange over the control port has been read after it."""
        await self.controls("GET", "/faults")

    async def controls(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        text = None if body is None else json.dumps(body)
        async with self.http.request(method, self.control + path, data=text) as answer:
            content = await answer.text()
            return answer.status, json.loads(content) if answer.content_type == "application/json" else content

    @asynccontextmanager
    async def line(self) -> AsyncIterator[ClientConnection]:
        async with connect(self.toy["feed"], ping_interval=None, close_timeout=QUIET) as socket:
            assert await socket.recv() == "welcome feed"
            yield socket


@asynccontextmanager
async def place(**terms: Any) -> AsyncIterator[Place]:
    async with Sandbox(venues=[TOY], **terms) as sandbox, aiohttp.ClientSession() as http:
        sandbox.pause_flow()
        yield Place(sandbox, http)


async def says(socket: ClientConnection, text: str) -> str:
    await socket.send(text)
    return str(await asyncio.wait_for(socket.recv(), 5))


async def is_silent(socket: ClientConnection) -> bool:
    try:
        async with asyncio.timeout(QUIET):
            await socket.recv()
    except TimeoutError:
        return True
    return False


async def answers_pings(socket: ClientConnection) -> bool:
    """It does; on a busy machine that may take a while."""
    await asyncio.wait_for(await socket.ping(), 5)
    return True


async def is_deaf(socket: ClientConnection) -> bool:
    answer = await socket.ping()
    try:
        async with asyncio.timeout(QUIET):
            await answer
    except TimeoutError:
        return True
    return False


async def test_mute_answers_pings() -> None:
    async with place() as here, here.line() as socket:
        await here.suffers("mute")
        await socket.send("hello")
        await here.has_read()
        assert await is_silent(socket)
        assert await answers_pings(socket)
        assert await here.controls("DELETE", "/faults") == (200, {"cleared": 1})
        assert await says(socket, "again") == "echo again"


async def test_half_open_answers_no_ping_and_no_close() -> None:
    async with place() as here:
        async with here.line() as socket:
            await here.suffers("half_open")
            await socket.send("hello")
            await here.has_read()
            assert await is_silent(socket)
            assert await is_deaf(socket)
            await here.controls("DELETE", "/faults")
            assert await answers_pings(socket)
            assert await says(socket, "again") == "echo again"
            await here.suffers("half_open")
            await socket.close()
            # Nobody answered: `websockets` gave up by itself.
            assert socket.close_code == 1006
        async with asyncio.timeout(5):
            while here.sandbox.state()["venues"]["toy"]["connections"]:  # noqa: ASYNC110 - the system's to give
                await asyncio.sleep(0)


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 1012, 1013])
async def test_close_codes_arrive(code: int) -> None:
    async with place() as here, here.line() as socket:
        await here.suffers("close", code=code, after=1)
        assert await says(socket, "0") == "echo 0"
        await socket.send("1")
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 5)
        assert socket.close_code == code


async def test_a_frame_is_cut_at_every_byte() -> None:
    whole = b"\x81\x06echo 1"
    async with place() as here:
        for count in range(len(whole) + 2):
            name = await here.suffers("cut", after=2, bytes=count)
            address = here.toy["feed"].removeprefix("ws://").partition("/")[0]
            reader, writer = await asyncio.open_connection(*address.split(":"))
            writer.write(
                f"GET /v1/feed HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
                + b"".join(b"\x81\x81\0\0\0\0" + text for text in (b"0", b"1"))
            )
            await reader.readuntil(b"\r\n\r\n")
            rest = await asyncio.wait_for(reader.read(), 5)
            assert rest == b"\x81\x0cwelcome feed" + b"\x81\x06echo 0" + whole[:count]
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            await here.controls("DELETE", f"/faults/{name}")


async def test_a_refusal_has_status_and_body_and_http_is_cut() -> None:
    async with place() as here:
        await here.suffers("refuse", status=429, body='{"error": "slow down"}', count=1)
        with pytest.raises(InvalidStatus) as refused:
            await connect(here.toy["feed"])
        assert refused.value.response.status_code == 429
        assert refused.value.response.body == b'{"error": "slow down"}'
        await here.suffers("drop", path="/buy", when="after", count=1)
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await here.http.post(here.toy["http"] + "/buy", data=b"100.00")
        assert len(here.sandbox.exchange("toy").port("toy").orders()) == 1
        async with here.http.post(here.toy["http"] + "/buy", data=b"100.00") as answer:
            assert answer.status == 200


async def test_flapping_takes_the_handshake_and_drops_the_line() -> None:
    async with place() as here:
        await here.suffers("flap", count=2)
        for _ in range(2):
            async with connect(here.toy["feed"]) as socket:
                with pytest.raises(ConnectionClosed):
                    await asyncio.wait_for(socket.recv(), 5)
        async with here.line() as socket:
            assert await says(socket, "0") == "echo 0"


async def test_slow_and_late_go_by_the_sandboxs_clock() -> None:
    clock = SteppedClock()
    async with place(clock=clock) as here, here.line() as socket:
        here.sandbox.set_fault(Fault(kind=Kind.SLOW, venue="toy", bytes_per_s=1))
        await socket.send("0")
        assert await is_silent(socket)
        await clock.advance(5_900_000_000)
        assert await is_silent(socket)
        await clock.advance(100_000_000)
        assert await asyncio.wait_for(socket.recv(), 5) == "echo 0"


async def test_the_control_port_sets_lists_and_clears() -> None:
    async with place() as here:
        status, answer = await here.controls(
            "POST", "/faults", [{"kind": "mute", "after_s": 60}, {"kind": "flap", "count": 2}]
        )
        assert (status, answer) == (200, {"ids": ["1", "2"]})
        status, faults = await here.controls("GET", "/faults")
        assert [(it["id"], it["venue"], it["phase"]) for it in faults] == [
            ("1", "toy", "waiting"),
            ("2", "toy", "in force"),
        ]
        assert await here.controls("DELETE", "/faults/2") == (200, {"cleared": 1})
        assert await here.controls("DELETE", "/faults") == (200, {"cleared": 1})
        assert await here.controls("GET", "/faults") == (200, [])


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "sentence"),
    [
        ("POST", "/faults", {"kind": "drop", "wing": 1}, 400, "unknown field `wing`"),
        ("POST", "/faults", {"kind": "drop", "code": 1001}, 400, "a drop fault takes no code"),
        ("POST", "/faults", {"kind": "drop", "venue": "moon"}, 404, "no venue 'moon'"),
        ("POST", "/faults", {"kind": "skip", "venue": "toy"}, 422, "Toy cannot suffer skip"),
        ("POST", "/faults", {"kind": "habit", "name": "x"}, 422, "Toy has no habit 'x'"),
        ("DELETE", "/faults/9", None, 404, "no fault '9'"),
        ("PUT", "/faults", None, 405, "POST /faults"),
    ],
)
async def test_the_control_port_says_what_is_wrong(
    method: str, path: str, body: Any, status: int, sentence: str
) -> None:
    async with place() as here:
        got, text = await here.controls(method, path, body)
        assert got == status
        assert sentence in text
        assert await here.controls("GET", "/faults") == (200, [])
