"""The sandbox through real sockets: what any client of any venue can rely on."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType
from msgspec.structs import replace
from tests.unit.sandbox.toy import HOSTS, TOY, ToyCredentials
from websockets.asyncio.client import connect

from venuewire.errors import ConfigError
from venuewire.sandbox import Sandbox
from venuewire.sandbox.socket import SocketConnection, Unread
from venuewire.transport.clock import SteppedClock, settle
from venuewire.venue import Venue


class Guest:
    """A client of no particular kind."""

    def __init__(self, http: aiohttp.ClientSession, ready: dict[str, Any]) -> None:
        self.http = http
        self.control = ready["control"]
        self.toy = ready["venues"]["toy"]

    @asynccontextmanager
    async def line(self, name: str = "feed", key: str | None = None) -> AsyncIterator[Line]:
        headers = {} if key is None else {"X-Key": key}
        async with self.http.ws_connect(self.toy[name], headers=headers) as socket:
            line = Line(socket)
            assert await line.hears() == f"welcome {name}"
            yield line

    @asynccontextmanager
    async def account(self) -> AsyncIterator[Line]:
        async with self.line("trade", self.toy["credentials"]["key"]) as line:
            yield line

    async def dials(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection to the port of the feed."""
        host, port = self.toy["http"].removeprefix("http://").split(":")
        return await asyncio.open_connection(host, int(port), limit=1024)


class Line:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def says(self, text: str) -> str:
        await self.socket.send_str(text)
        return await self.hears()

    async def hears(self) -> str:
        message = await self.socket.receive(timeout=5)
        assert message.type is WSMsgType.TEXT, message
        return str(message.data)

    async def ends(self) -> int:
        while True:
            message = await self.socket.receive(timeout=5)
            if message.type is not WSMsgType.TEXT:
                assert self.socket.close_code is not None
                return self.socket.close_code


@asynccontextmanager
async def opened(venue: Venue = TOY, **terms: Any) -> AsyncIterator[tuple[Sandbox, Guest]]:
    async with Sandbox(venues=[venue], **terms) as sandbox:
        sandbox.pause_flow()
        async with aiohttp.ClientSession() as http:
            yield sandbox, Guest(http, sandbox.ready())


async def test_the_ready_line_says_where_everything_is() -> None:
    async with opened() as (sandbox, guest):
        ready = sandbox.ready()
        assert ready["ready"] is True
        assert ready["ca"] is None
        toy = ready["venues"]["toy"]
        assert toy["feed"].startswith("ws://127.0.0.1:")
        assert toy["feed"].endswith("/v1/feed")
        assert toy["http"] == toy["feed"].replace("ws:", "http:").removesuffix("/v1/feed")
        assert not toy["trade"].endswith("/")
        assert toy["trade"].split(":")[2] != toy["http"].split(":")[2]
        assert toy["symbols"] == ["BTC-USD"]
        credentials = sandbox.credentials("toy")
        assert isinstance(credentials, ToyCredentials)
        assert credentials.key == toy["credentials"]["key"]
        assert credentials.endpoints == {name: toy[name] for name in ("feed", "http", "trade")}
        async with guest.http.get(f"{guest.control}/ready") as answer:
            assert await answer.json() == ready


async def test_the_same_seed_gives_the_same_sandbox() -> None:
    async with opened(seed=7) as (one, _), opened(seed=7) as (two, _), opened(seed=8) as (three, _):
        keys = [sandbox.ready()["venues"]["toy"]["credentials"] for sandbox in (one, two, three)]
        assert keys[0] == keys[1] != keys[2]
        books = [sandbox.exchange("toy").book("BTC-USD").levels for sandbox in (one, two, three)]
        assert len(books[0]) == 60
        assert books[0] == books[1] != books[2]


async def test_lines_are_found_by_their_path_and_told_apart() -> None:
    async with opened() as (_, guest):
        async with guest.line("feed") as feed, guest.line("trade") as trade:
            assert await feed.says("hello") == "echo hello"
            assert await trade.says("whoami") == "None"
        async with guest.account() as line:
            assert await line.says("whoami") == "toy"


async def test_binary_messages_are_heard_as_well() -> None:
    async with opened() as (_, guest), guest.line() as line:
        await line.socket.send_bytes(b"raw")
        assert await line.hears() == "echo raw"


async def test_another_library_that_offers_compression_is_served_without() -> None:
    async with opened() as (_, guest), connect(guest.toy["feed"]) as socket:
        assert await socket.recv() == "welcome feed"
        assert socket.protocol.extensions == []
        await (await socket.ping(b"there?"))
        await socket.send("x" * 70_000)
        assert await socket.recv() == "echo " + "x" * 70_000
        await socket.send("bye 4008")
        assert await socket.recv() == "last words"
        await socket.wait_closed()
        assert (socket.close_code, socket.close_reason) == (4008, "you asked")


@pytest.mark.parametrize("size", [1, 120, 121, 65530, 65531, 200_000])
async def test_payloads_of_any_length_come_out_whole(size: int) -> None:
    async with opened() as (_, guest), guest.line() as line:
        assert await line.says("y" * size) == "echo " + "y" * size


async def test_a_refused_handshake_has_the_venues_own_status_and_body() -> None:
    async with opened() as (_, guest):
        headers = {"X-Key": "wrong"}
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await guest.http.ws_connect(guest.toy["feed"], headers=headers)
        assert refused.value.status == 401
        upgrade = {
            **headers,
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        async with guest.http.get(guest.toy["feed"].replace("ws", "http", 1), headers=upgrade) as answer:
            assert (answer.status, await answer.read()) == (401, b'["X",0,"Z",3]')
            assert answer.headers["x-why"] == "key"


async def test_what_is_no_websocket_handshake_is_refused_as_such() -> None:
    async with opened() as (_, guest):
        url = guest.toy["feed"].replace("ws", "http", 1)
        async with guest.http.get(url, headers={"Upgrade": "websocket", "Connection": "Upgrade"}) as answer:
            assert answer.status == 400


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "PUT"])
async def test_every_other_request_is_the_hosts(method: str) -> None:
    async with opened() as (_, guest):
        url = guest.toy["http"] + "/a/b%2Fc?x=1&y=%20"
        async with guest.http.request(method, url, data=b"body", headers={"X-Thing": "v"}) as answer:
            assert answer.status == 418
            assert answer.headers["x-toy"] == "yes"
            assert await answer.text() == f"{method} /a/b%2Fc?x=1&y=%20 v b'body'"


async def test_an_oversized_request_is_refused_and_a_broken_one_too(caplog: pytest.LogCaptureFixture) -> None:
    async with opened() as (_, guest):
        async with guest.http.post(guest.toy["http"] + "/a", data=io.BytesIO(b"x" * (1 << 20) + b"x")) as answer:
            assert answer.status == 413
        reader, writer = await guest.dials()
        writer.write(b"NONSENSE\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.0 400")
        writer.close()
        await writer.wait_closed()
    assert "Traceback" not in caplog.text


async def test_the_answer_comes_before_the_reports_and_other_accounts_hear_nothing() -> None:
    async with opened() as (sandbox, guest), guest.account() as actor, guest.account() as twin, guest.line() as other:
        assert await other.says("book") == "subscribed"
        assert await actor.says("buy 0.01 100.00") == "answer 1"
        report = await actor.hears()
        assert report.startswith("report NEW ")
        assert await twin.hears() == report
        assert await other.hears() == "market BookUpdate"
        assert await other.says("still here") == "echo still here"
        # Twin trades with what is in the market already; both ends of the account hear of it.
        ask = sandbox.exchange("toy").quote("BTC-USD").ask
        assert await twin.says(f"buy 0.001 {ask}") == "answer 1"
        told = [await actor.hears() for _ in range(2)]
        assert [text.split()[1] for text in told] == ["NEW", "TRADE"]
        assert [await other.hears() for _ in range(2)] == ["market Trade", "market BookUpdate"]


async def test_what_an_http_request_does_is_told_on_the_lines() -> None:
    async with opened() as (_, guest), guest.account() as line:
        async with guest.http.post(guest.toy["http"] + "/buy", data=b"100.00") as answer:
            assert await answer.read() == b"1"
        assert (await line.hears()).startswith("report NEW ")


async def test_a_venue_can_end_a_connection_in_its_own_way() -> None:
    async with opened() as (_, guest):
        for code, seen in ((4001, 4001), (1000, 1000), (1006, 1006)):
            async with guest.line() as line:
                await line.socket.send_str(f"bye {code}")
                if code != 1006:
                    assert await line.hears() == "last words"
                assert await line.ends() == seen
        assert HOSTS[-1].left == ["feed", "feed", "feed"]


async def test_an_oversized_message_ends_the_connection_with_1009() -> None:
    async with opened() as (_, guest), guest.line() as line:
        assert await line.says("z" * (1 << 20)) == "echo " + "z" * (1 << 20)
        await line.socket.send_str("z" * (1 << 20) + "z")
        assert await line.ends() == 1009
        async with guest.line() as another:
            assert await another.says("fine") == "echo fine"


async def test_who_does_not_read_is_cut_and_costs_no_memory(caplog: pytest.LogCaptureFixture) -> None:
    async with opened(waiting=100_000) as (sandbox, guest), guest.line() as witness:
        reader, writer = await guest.dials()
        writer.write(upgrade_of(guest))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(masked(b"flood 3000"))
        await until(lambda: len(sandbox.state()["venues"]["toy"]["connections"]) == 1)
        assert "does not read" in caplog.text
        assert await witness.says("fine") == "echo fine"
        writer.transport.abort()


async def test_clients_that_vanish_in_the_middle_of_anything_are_not_news(caplog: pytest.LogCaptureFixture) -> None:
    async with opened() as (sandbox, guest), guest.line() as witness:
        upgrade = upgrade_of(guest)
        ping = bytes((0x89, 0x80)) + bytes(4)
        for sent in (upgrade[:40], upgrade, upgrade + ping * 500, upgrade + masked(b"flood 50"), upgrade + b"\x81"):
            _, writer = await guest.dials()
            writer.write(sent)
            await writer.drain()
            writer.transport.abort()
        await until(lambda: len(sandbox.state()["venues"]["toy"]["connections"]) == 1)
        assert await witness.says("fine") == "echo fine"
    assert caplog.records == []


async def test_a_request_cut_half_way_is_not_news(caplog: pytest.LogCaptureFixture) -> None:
    half = b"POST /a HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\nhalf"
    async with opened() as (_, guest):
        for _ in range(5):
            reader, writer = await guest.dials()
            writer.write(half)
            writer.write_eof()
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
        async with guest.http.post(guest.toy["http"] + "/a", data=b"whole") as answer:
            assert answer.status == 418
    assert caplog.records == []


async def test_a_message_that_is_no_text_ends_the_connection_with_1007() -> None:
    async with opened() as (_, guest):
        reader, writer = await guest.dials()
        writer.write(upgrade_of(guest) + masked(b"\xff\xfe"))
        close = b"\x88\x02" + (1007).to_bytes(2, "big")
        assert close[2:] in await reader.readuntil(close[2:])
        writer.close()
        await writer.wait_closed()


async def test_a_bug_at_the_venues_end_costs_one_connection_only(caplog: pytest.LogCaptureFixture) -> None:
    async with opened() as (_, guest), guest.line() as witness:
        async with guest.line() as line:
            await line.socket.send_str("break")
            assert await line.ends() == 1011
        async with guest.http.get(guest.toy["http"] + "/break") as answer:
            assert answer.status == 500
        assert await witness.says("fine") == "echo fine"
    failures = [record for record in caplog.records if record.name == "venuewire.sandbox"]
    assert [record.levelno for record in failures] == [logging.ERROR, logging.ERROR]
    assert all(record.exc_info for record in failures)


async def test_timers_run_on_the_sandboxs_clock() -> None:
    clock = SteppedClock()
    async with opened(clock=clock) as (sandbox, guest), guest.line() as line:
        await clock.advance(9_999_999_999)
        assert await line.says("quiet?") == "echo quiet?"
        await clock.advance(1)
        assert await line.hears() == "ping"
        await sandbox.advance(25)
        assert [await line.hears() for _ in range(2)] == ["ping", "ping"]


async def test_the_market_lives_until_it_is_paused() -> None:
    clock = SteppedClock()
    async with opened(clock=clock) as (sandbox, _):
        exchange = sandbox.exchange("toy")
        before = exchange.book("BTC-USD").levels
        await clock.advance(2_000_000_000)
        assert exchange.book("BTC-USD").levels == before
        sandbox.resume_flow()
        await settle()
        await clock.advance(5_000_000_000)
        assert exchange.book("BTC-USD").levels != before
        assert exchange.trades("BTC-USD", 10)
        sandbox.pause_flow()
        after = exchange.book("BTC-USD").levels
        await clock.advance(2_000_000_000)
        assert exchange.book("BTC-USD").levels == after


async def test_the_control_port_tells_the_truth_and_does_what_it_is_told() -> None:
    async with opened() as (sandbox, guest), guest.account() as line:
        await line.says("buy 0.01 100.00")
        async with guest.http.get(f"{guest.control}/state") as answer:
            state = await answer.json()
        toy = state["venues"]["toy"]
        assert toy["accounts"]["toy"]["orders"][0]["price"] == "100"
        assert toy["connections"] == [{"line": "trade", "account": "toy", "number": 1}]
        assert len(toy["books"]["BTC-USD"]["bids"]) == 31
        was = sandbox.now()
        async with guest.http.post(f"{guest.control}/clock", json={"advance_s": 1800}) as answer:
            assert (await answer.json())["now"] - was >= 1800 * 10**9
        async with guest.http.post(f"{guest.control}/flow", json={"paused": False}) as answer:
            assert await answer.json() == {"paused": False}
        async with guest.http.post(f"{guest.control}/disconnect", json={"venue": "toy", "code": 4008}) as answer:
            assert await answer.json() == {"disconnected": 1}
        assert await line.ends() == 4008


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing", None, 404),
        ("POST", "/ready", None, 405),
        ("POST", "/clock", {"advance_s": -1}, 400),
        ("POST", "/clock", {"advance_s": "NaN"}, 400),
        ("POST", "/clock", {"seconds": 1}, 400),
        ("POST", "/clock", None, 400),
        ("POST", "/disconnect", {"venue": "nowhere"}, 404),
        ("POST", "/disconnect", {"venue": "toy", "code": 17}, 400),
        ("POST", "/faults", {}, 400),
        ("DELETE", "/faults/7", None, 404),
    ],
)
async def test_the_control_port_answers_nonsense_with_a_sentence(
    method: str, path: str, body: Any, status: int
) -> None:
    async with opened() as (_, guest):
        payload = None if body is None else json.dumps(body)
        async with guest.http.request(method, guest.control + path, data=payload) as answer:
            assert answer.status == status
            assert len(await answer.text()) > 10


async def test_tls_is_trusted_only_by_who_has_the_authority() -> None:
    async with Sandbox(venues=[TOY], tls=True) as sandbox, aiohttp.ClientSession() as http:
        ready = sandbox.ready()
        toy = ready["venues"]["toy"]
        assert toy["feed"].startswith("wss://")
        assert toy["http"].startswith("https://")
        assert sandbox.credentials("toy").ca == Path(ready["ca"]).read_text(encoding="ascii")  # noqa: ASYNC240
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await http.ws_connect(toy["feed"])
        context = ssl.create_default_context(cafile=ready["ca"])
        async with http.ws_connect(toy["feed"], ssl=context) as socket:
            assert (await socket.receive()).data == "welcome feed"
    assert not os.path.exists(ready["ca"])  # noqa: ASYNC240 - it is one look


async def test_it_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    async with aiohttp.ClientSession() as http:
        async with Sandbox(venues=[TOY]) as sandbox:
            guest = Guest(http, sandbox.ready())
            async with guest.line() as line:
                await line.says("book")
                left = await http.ws_connect(guest.toy["feed"])
        assert (await left.receive(timeout=5)).data == "welcome feed"
        while (message := await left.receive(timeout=5)).type is WSMsgType.TEXT:
            pass
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1001)
        for url in (guest.toy["http"], guest.control):
            with pytest.raises(aiohttp.ClientConnectorError):
                await http.get(url)
    assert HOSTS[-1].left == ["feed", "feed"]
    await settle()
    assert asyncio.all_tasks() == before


async def test_an_error_of_the_users_own_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with Sandbox(venues=[TOY]):
            _ = 1 // 0


async def test_a_port_that_is_taken_is_a_sentence_and_nothing_stays() -> None:
    before = asyncio.all_tasks()
    async with opened() as (_, guest):
        taken = int(guest.control.rsplit(":", 1)[1])
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{taken}"):
            async with Sandbox(venues=[TOY], port=taken):
                pytest.fail("it must not start")
    await settle()
    assert asyncio.all_tasks() == before


def test_what_is_heavy_is_imported_when_it_starts() -> None:
    script = "import sys; from venuewire.sandbox import Sandbox; print({*sys.modules} & {'aiohttp', 'trustme'})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_tls_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)

    async def starts() -> None:
        async with Sandbox(venues=[TOY], tls=True):
            pytest.fail("it must not start")

    with pytest.raises(ConfigError, match="sandbox"):
        asyncio.run(starts())


async def test_a_venue_that_does_not_run_is_named() -> None:
    async with opened() as (sandbox, _):
        with pytest.raises(ConfigError, match="no venue 'moon'"):
            sandbox.credentials("moon")
    with pytest.raises(ConfigError, match="unknown venue 'moon'"):
        Sandbox(venues=["moon"])


def upgrade_of(guest: Guest) -> bytes:
    """The upgrade request of a client that does everything by hand."""
    host, _, path = guest.toy["feed"].removeprefix("ws://").partition("/")
    return (
        f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


def masked(payload: bytes) -> bytes:
    """A client's text frame, with a mask of zeros."""
    return bytes((0x81, 0x80 | len(payload))) + bytes(4) + payload


async def until(true: Any) -> None:
    """Let things happen until this holds."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - what is waited for is the operating system's to give
            await asyncio.sleep(0)


async def test_the_venue_is_told_of_protocol_pings() -> None:
    async with Sandbox(venues=[TOY]) as sandbox, connect(sandbox.ready()["venues"]["toy"]["feed"]) as socket:
        for _ in range(3):
            await (await socket.ping())
        assert HOSTS[-1].pings == 3


async def test_more_unread_messages_than_the_venue_keeps_end_the_line(caplog: pytest.LogCaptureFixture) -> None:
    keeps_few = replace(TOY, limits=replace(TOY.limits, unread=20))
    async with opened(keeps_few, waiting=1 << 30) as (sandbox, guest), guest.account() as trader:
        reader, writer = await guest.dials()
        writer.write(upgrade_of(guest))
        await reader.readuntil(b"\r\n\r\n")
        # What it asks for itself, however much, is not held against it.
        writer.write(masked(b"book") + masked(b"flood 3000"))
        await until(lambda: waiting_of(sandbox) > 1_000_000)
        for _ in range(30):
            await trader.says("buy 0.01 100.00")
        await until(lambda: len(sandbox.state()["venues"]["toy"]["connections"]) == 1)
        assert "does not read" in caplog.text
        writer.transport.abort()


def waiting_of(sandbox: Sandbox) -> int:
    """Bytes that wait for the slowest client."""
    connections = sandbox._floors["toy"].connections
    return max((it.waiting for it in connections if isinstance(it, SocketConnection)), default=0)


def test_unread_messages_are_counted_from_the_bytes_that_wait() -> None:
    unread = Unread(2)
    for size in (10, 20, 30):
        unread.wrote(size, asked=False)
    assert not unread.is_too_much(50)
    assert unread.is_too_much(0) is False
    for size in (10, 20, 30):
        unread.wrote(size, asked=False)
    assert unread.is_too_much(51) is True
    unread.wrote(40, asked=True)
    assert unread.is_too_much(91) is True
    assert unread.is_too_much(90) is False
    for _ in range(5):
        unread.wrote(100, asked=True)
    assert unread.is_too_much(590) is False
    unread.wrote(1, asked=False)
    assert unread.is_too_much(591) is True
    assert unread.is_too_much(0) is False
