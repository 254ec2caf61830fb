"""The recorded stream of 2026-09-30 comes in by the door that live data use: a client on a line that replays it."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import venuewire as vw
from venuewire.model.market import Trade
from venuewire.model.session import Missed
from venuewire.sandbox import MemorySandbox
from venuewire.transport.clock import SteppedClock, at_rest
from venuewire.transport.entropy import SeededEntropy
from venuewire.transport.network import Line, Receiver
from venuewire.venue import Answer, Headers

RECORDED = Path(__file__).parents[3] / ".." / "shared" / "spec" / "samples" / "coinbase"
RECORDED /= "ws_md_stream_recorded_20260930.json"


class ReplayLine:
    """A line of market data. It answers the logon, as the recording begins after one; the rest a test sends."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.asked: list[dict[str, Any]] = []

    def send(self, payload: bytes) -> None:
        request = json.loads(payload)
        self.asked.append(request)
        if request["channel"] == "heartbeats":
            events = [{"subscriptions": {"heartbeats": ["heartbeats"]}}]
            asyncio.get_running_loop().call_soon(self.play, {"channel": "subscriptions", "events": events}, -1)

    def play(self, frame: dict[str, Any], number: int | None = None) -> None:
        """One frame, its number moved on by the answer that came before."""
        seq = frame["sequence_num"] if number is None else number
        stamped = {"timestamp": "2026-09-30T02:37:15Z", **frame, "sequence_num": seq + 1}
        keys = ("channel", "client_id", "timestamp", "sequence_num", "events")
        self.receiver.received(json.dumps({key: stamped[key] for key in keys if key in stamped}).encode())

    def close(self, code: int = 1000, reason: str = "") -> None:
        asyncio.get_running_loop().call_soon(self.receiver.closed, code, reason)

    def abort(self) -> None:
        self.close(1006)

    def unsent(self) -> int:
        return 0


class ReplayNetwork:
    """The sandbox's, but for the line of market data."""

    def __init__(self, sandbox: MemorySandbox) -> None:
        self._behind = sandbox.network()
        self.lines: list[ReplayLine] = []
        self.market = sandbox.credentials("coinbase").endpoints["ws"]

    async def dial(self, url: str, headers: Headers, receiver: Receiver, *, max_frame: int) -> Line:
        if url != self.market:
            return await self._behind.dial(url, headers, receiver, max_frame=max_frame)
        self.lines.append(ReplayLine(receiver))
        return self.lines[-1]

    async def fetch(self, method: str, url: str, headers: Headers, body: bytes, *, seconds: float) -> Answer:
        return await self._behind.fetch(method, url, headers, body, seconds=seconds)

    async def close(self) -> None:
        raise AssertionError("this network is not the client's to close")


def best(frames: list[dict[str, Any]], product: str) -> tuple[Decimal, Decimal]:
    """The best of both sides after these frames, reckoned here and not by us."""
    sides: dict[str, dict[Decimal, Decimal]] = {"bid": {}, "offer": {}}
    for frame in frames:
        for event in frame["events"]:
            if frame["channel"] == "l2_data" and event["product_id"] == product:
                for row in event["updates"]:
                    sides[row["side"]][Decimal(row["price_level"])] = Decimal(row["new_quantity"])
    bids = [price for price, size in sides["bid"].items() if size]
    offers = [price for price, size in sides["offer"].items() if size]
    return max(bids), min(offers)


async def test_the_recorded_stream_of_2026_09_30_replays_through_the_client() -> None:
    """The recording leaves out frames: up to the first hole the book is LIVE and right, then nobody relies on it."""
    if not RECORDED.exists():
        pytest.skip("the venue's samples are not beside this checkout: shared/spec/samples/coinbase")
    frames: list[dict[str, Any]] = json.loads(RECORDED.read_text(encoding="utf-8"))
    numbers = [frame["sequence_num"] for frame in frames]
    whole = next(at for at, number in enumerate(numbers) if number != at)
    clock = SteppedClock(settle=at_rest)
    async with MemorySandbox(["coinbase"], clock=clock) as sandbox, AsyncExitStack() as stack:
        network = ReplayNetwork(sandbox)
        client = vw.connect(
            "coinbase",
            sandbox.credentials("coinbase"),
            network=network,
            clock=clock,
            entropy=SeededEntropy(1, clock.now),
        )
        await sandbox.run(client.__aenter__())
        stack.push_async_callback(sandbox.run, client.close())
        news = client.events()
        trades_of = [client.trades(symbol) for symbol in ("BTC-USD", "ETH-USD")]
        waiting = [asyncio.ensure_future(client.book("BTC-USD").__aenter__())]
        reading = [asyncio.ensure_future(trades.__aenter__()) for trades in trades_of]
        await at_rest()
        (line,) = network.lines
        for frame in frames[:whole]:
            line.play(frame)
        kept = client.market.books["BTC-USD"].keeper
        assert client.health()["books"]["BTC-USD"]["trust"] == "LIVE"
        assert kept.book.best_bid
        assert kept.book.best_ask
        assert (kept.book.best_bid.price, kept.book.best_ask.price) == best(frames[:whole], "BTC-USD")

        for frame in frames[whole:]:
            line.play(frame)
        await at_rest()
        assert client.health()["books"]["BTC-USD"]["trust"] != "LIVE"
        holes = [after + 1 for before, after in pairwise(numbers) if after != before + 1]
        told = [await anext(news) for _ in range(news.waiting)]
        assert [event.got for event in told if isinstance(event, Missed)] == holes
        streams = [await entered for entered in reading]
        seen: list[object] = []
        for stream in streams:
            while stream.waiting:  # gaps, which are told in between, are not counted
                seen.append(await anext(stream))
        rows = [row for f in frames if f["channel"] == "market_trades" for e in f["events"] for row in e["trades"]]
        trades = [item for item in seen if isinstance(item, Trade)]
        assert sorted(trade.trade_id for trade in trades) == sorted({row["trade_id"] for row in rows})
        assert client.health()["lines"]["ws"]["frames_in"] == len(frames) + 1
        asked = [(request["type"], request["channel"]) for request in line.asked]
        assert asked.count(("unsubscribe", "level2")) == 1, "a new snapshot is asked for, once"
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
