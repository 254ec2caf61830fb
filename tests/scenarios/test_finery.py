"""Finery Markets through real sockets: the page's own JavaScript client, and orders that end with their connection."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.scenarios.test_seed_programs import finery_headers
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

import venuewire as vw
from venuewire.errors import LogonRejected
from venuewire.model.session import Secret
from venuewire.venues.finery.acceptor.host import FineryHost

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).parent / "programs" / "finery_node"
UNIT = 100_000_000


@pytest.fixture(scope="session")
def modules() -> Path:
    """Where the JavaScript client's packages are; skips where Node.js or they cannot be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node.js (node and npm) is not installed")
    home = ROOT / ".venv-peers" / "node"
    pins, stamp = (PROGRAM / "package.json").read_text(encoding="utf-8"), home / ".pinned"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != pins:
        home.mkdir(parents=True, exist_ok=True)
        (home / "package.json").write_text(pins, encoding="utf-8")
        quiet = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        made = subprocess.run([npm, "install", *quiet], cwd=home, capture_output=True, text=True, check=False)
        if made.returncode != 0:
            pytest.skip(f"npm cannot install ws and crypto-js here: {(made.stderr.strip() or '?').splitlines()[-1]}")
        stamp.write_text(pins, encoding="utf-8")
    return home / "node_modules"


async def test_the_client_of_the_page_binds_sees_the_book_and_is_answered(modules: Path) -> None:
    async with vw.Sandbox(["finery"]) as sandbox:
        node = await asyncio.create_subprocess_exec(
            *("node", str(PROGRAM / "client.js"), json.dumps(sandbox.ready())),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"NODE_PATH": str(modules), "PATH": str(Path(shutil.which("node") or "").parent)},
        )
        async with asyncio.timeout(60):
            out, err = await node.communicate()
    assert node.returncode == 0, (out, err)
    status, snapshot, answer, ended = (json.loads(line) for line in out.splitlines())
    assert status == ["X", 0, "Z", 0]
    feed, feed_id, action, (bids, asks) = snapshot
    assert (feed, feed_id, action) == ("B", 42, "S")
    assert bids[0][0] < asks[0][0]
    assert (answer["event"], answer["reqId"]) == ("request", 1234)
    assert answer["reply"]["clientOrderId"] == 1
    assert answer["reply"]["remainingSize"] == 0
    assert sum(deal["size"] for deal in answer["reply"]["deals"]) == 100_000
    assert ended == ["B", 42, "U", 0]


class Wire:
    """A raw connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def told(self) -> Any:
        async with asyncio.timeout(5):
            return json.loads(await self.socket.recv())

    async def until(self, feed: str, action: str) -> Any:
        while True:
            told = await self.told()
            if isinstance(told, list) and told[::2][:2] == [feed, action]:
                return told

    async def add(self, number: int, *, cod: bool) -> int:
        """A bid far from the market; the venue's id of it."""
        content = {
            "instrument": "BTC-USD",
            "clientOrderId": number,
            "price": (1000 + number) * UNIT,
            "size": UNIT // 100,
            "side": "bid",
            "type": "limit",
            "cod": cod,
        }
        return int((await self.asked("add", content))["id"])

    async def asked(self, method: str, content: dict[str, Any]) -> Any:
        await self.socket.send(json.dumps({"event": "request", "reqId": 1, "method": method, "content": content}))
        while not isinstance(told := await self.told(), dict):
            pass
        return told["reply"]

    async def working(self) -> list[int]:
        """The account's orders in the book."""
        return sorted(row[4] for row in (await self.asked("positions", {}))[2])


async def test_a_cut_line_takes_its_own_orders_along_and_no_others_within_a_second() -> None:
    async with vw.Sandbox(["finery"]) as sandbox:
        venue = sandbox.ready()["venues"]["finery"]
        url, keys = venue["ws"], venue["credentials"]
        async with (
            connect(url, additional_headers=finery_headers(**keys)) as one,
            connect(url, additional_headers=finery_headers(**keys)) as other,
        ):
            doomed, staying = Wire(one), Wire(other)
            await staying.socket.send('{"event":"bind","feed":"O"}')
            await staying.until("O", "S")
            gone = [await doomed.add(1, cod=True), await doomed.add(2, cod=True)]
            kept = [await doomed.add(3, cod=False), await staying.add(4, cod=True)]
            loop = asyncio.get_running_loop()
            cut_at = loop.time()
            one.transport.abort()
            rows = [(await staying.until("O", "-"))[3] for _ in gone]
            assert loop.time() - cut_at < 1
            assert sorted(row[4] for row in rows) == sorted(gone)
            assert {row[3] for row in rows} == {4}
            assert await staying.working() == sorted(kept)


async def test_an_order_of_ours_ends_with_the_client_that_placed_it() -> None:
    async with vw.Sandbox(["finery"]) as sandbox:
        venue = sandbox.ready()["venues"]["finery"]
        terms: dict[str, Any] = {"symbol": "BTC-USD", "side": vw.Side.BUY, "ord_type": vw.OrdType.LIMIT}
        async with connect(venue["ws"], additional_headers=finery_headers(**venue["credentials"])) as raw:
            watching = Wire(raw)
            await raw.send('{"event":"bind","feed":"O"}')
            await watching.until("O", "S")
            async with vw.connect("finery", sandbox.credentials("finery")) as client:
                await client.place(vw.NewOrder(**terms, order_qty="0.01", price="1000", cancel_on_disconnect=True))
                await client.place(vw.NewOrder(**terms, order_qty="0.01", price="1001"))
                tied, free = [(await watching.until("O", "+"))[3][4] for _ in range(2)]
            row = (await watching.until("O", "-"))[3]
            assert (row[4], row[3]) == (tied, 4)
            assert await watching.working() == [free]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"logon": "in_band", "book_feed": "MD"},
        {"book_feed": "B", "requests": "http", "history_pages": 1},
    ],
    ids=["plain", "in band", "over HTTP"],
)
async def test_a_client_sees_the_book_buys_and_cancels(settings: dict[str, Any]) -> None:
    async with (
        vw.Sandbox(["finery"]) as sandbox,
        vw.connect("finery", sandbox.credentials("finery"), settings=settings) as client,
    ):
        async with client.book("BTC-EUR") as book:
            assert book.trust is vw.Trust.LIVE
            assert book.best_bid is not None
            assert book.best_ask is not None
            assert book.best_bid.price < book.best_ask.price
        terms: dict[str, Any] = {"symbol": "BTC-USD", "side": vw.Side.BUY, "ord_type": vw.OrdType.LIMIT}
        placed = await client.place(vw.NewOrder(**terms, order_qty="0.1", price="60000"))
        assert placed.status is vw.OrdStatus.NEW
        canceled = await client.cancel(placed)
        assert canceled.status is vw.OrdStatus.CANCELED


@pytest.mark.parametrize("logon", ["headers", "in_band"])
async def test_a_wrong_secret_is_told_in_words(logon: str) -> None:
    async with vw.Sandbox(["finery"]) as sandbox:
        wrong = msgspec.structs.replace(sandbox.credentials("finery"), secret=Secret("wrong"))
        with pytest.raises(LogonRejected, match="invalid signature") as refused:
            async with vw.connect("finery", wrong, settings={"logon": logon}):
                pass
        assert refused.value.code == "14"


async def test_a_key_bound_to_an_address_is_refused_from_another() -> None:
    elsewhere = "127.0.0.2"
    with socket.socket() as probe:
        try:
            probe.bind((elsewhere, 0))
        except OSError:
            pytest.skip(f"this machine's loopback has no {elsewhere}")
    async with vw.Sandbox(["finery"]) as sandbox:
        host = sandbox._floor("finery").host
        assert isinstance(host, FineryHost)
        keys = {"key": "office", "secret": "hush"}
        host.admit(**keys, account=sandbox.account("finery"), addresses=frozenset({elsewhere}))
        url = sandbox.ready()["venues"]["finery"]["ws"]
        async with connect(url, additional_headers=finery_headers(**keys), local_addr=(elsewhere, 0)) as office:
            assert await Wire(office).told() == ["X", 0, "Z", 0]
        for forged in ({}, {"Peer": elsewhere, "X-Forwarded-For": elsewhere}):
            with pytest.raises(InvalidStatus) as refused:
                await connect(url, additional_headers={**finery_headers(**keys), **forged})
            assert (refused.value.response.status_code, refused.value.response.body) == (400, b'{"error":3}')
