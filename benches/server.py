"""The far end of the flood, in a process of its own: `python -m benches.server` prints its port and serves.

A WebSocket at `/<frames>` answers a `level2` subscription with a snapshot, the acknowledgement and then that many
frames, as fast as they are taken. Frames are written in batches past aiohttp's writer, so that this end is never what
is measured. Enough of the venue's HTTP and of its user line is there for a client that logs on before it listens.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from typing import Any

from aiohttp import WSMsgType, web

from benches.feed import PRODUCT, Feed, numbered

BATCH = 64
# More than the kernel holds anyway; enough for the next batch to be ready when the client is.
AHEAD = 1 << 20
BREATH = 0.0002

FEED = web.AppKey("feed", Feed)


async def line(request: web.Request) -> web.WebSocketResponse:
    """One WebSocket of a client."""
    socket = web.WebSocketResponse(compress=False, max_msg_size=1 << 20)
    await socket.prepare(request)
    connection = Connection(request.app[FEED], request, int(request.match_info["frames"]))
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                connection.asked(json.loads(message.data))
    finally:
        connection.end()
    return socket


class Connection:
    """Numbers every frame of one line, whatever it is about."""

    def __init__(self, feed: Feed, request: web.Request, frames: int) -> None:
        assert request.transport is not None
        self._feed = feed
        self._transport = request.transport
        self._frames = frames
        self._seq = 0
        self._subscribed: dict[str, list[str]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def asked(self, request: dict[str, Any]) -> None:
        """Subscribe or unsubscribe: the whole set is acknowledged, after the snapshot there may be."""
        channel = request["channel"]
        if request["type"] == "subscribe":
            self._subscribed[channel] = request.get("product_ids") or [channel]
            if channel == "level2":
                self._write(self._feed.snapshot(self._seq))
        else:
            self._subscribed.pop(channel, None)
        self._say("subscriptions", [{"subscriptions": self._subscribed}])
        if channel == "user" and request["type"] == "subscribe":
            self._say("user", [{"type": "snapshot", "orders": [], "positions": {}}])
        run = {"level2": self._flood, "heartbeats": self._beat}.get(channel)
        if run is not None and channel not in self._tasks:
            self._tasks[channel] = asyncio.create_task(run())

    def end(self) -> None:
        """The client has gone."""
        for task in self._tasks.values():
            task.cancel()

    async def _beat(self) -> None:
        while not self._transport.is_closing():
            await asyncio.sleep(1)
            self._say("heartbeats", [{"current_time": "2026-09-30 02:37:15 +0000 UTC m=+1", "heartbeat_counter": 1}])

    def _say(self, channel: str, events: list[Any]) -> None:
        frame = {
            "channel": channel,
            "client_id": "",
            "timestamp": "2026-09-30T02:39:53.7Z",
            "sequence_num": self._seq,
            "events": events,
        }
        self._write(json.dumps(frame, separators=(",", ":")).encode())

    def _write(self, payload: bytes) -> None:
        self._seq += 1
        self._transport.write(framed(payload))

    async def _flood(self) -> None:
        bodies, sent = self._feed.bodies, 0
        while sent < self._frames and not self._transport.is_closing():
            if self._transport.get_write_buffer_size() > AHEAD:
                await asyncio.sleep(BREATH)
                continue
            batch = min(BATCH, self._frames - sent)
            self._transport.write(
                b"".join(framed(numbered(self._seq + n, bodies[(sent + n) % len(bodies)])) for n in range(batch))
            )
            self._seq += batch
            sent += batch
            await asyncio.sleep(0)


def framed(payload: bytes) -> bytes:
    """One text message as one unmasked WebSocket frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        head = bytes((0x81, size))
    elif size < 1 << 16:
        head = struct.pack("!BBH", 0x81, 126, size)
    else:
        head = struct.pack("!BBQ", 0x81, 127, size)
    return head + payload


# ------------------------------------------------------------------------------------------- the venue's HTTP


async def products(_: web.Request) -> web.Response:
    """The one product there is."""
    base, quote = PRODUCT.split("-")
    product = {
        "product_id": PRODUCT,
        "price": "64000",
        "base_increment": "0.00000001",
        "quote_increment": "0.01",
        "price_increment": "0.01",
        "quote_min_size": "1",
        "quote_max_size": "150000000",
        "base_min_size": "0.00000001",
        "base_max_size": "3400",
        "base_currency_id": base,
        "quote_currency_id": quote,
        "status": "online",
        "product_type": "SPOT",
    }
    return web.json_response({"products": [product], "num_products": 1})


async def nothing(request: web.Request) -> web.Response:
    """An account without orders, fills or money."""
    await request.read()
    return web.json_response(
        {"orders": [], "fills": [], "accounts": [], "has_next": False, "cursor": "", "size": 0, "sequence": "0"}
    )


async def serve() -> None:
    """Until standard input ends: a child that its parent forgot does not stay."""
    app = web.Application()
    app[FEED] = Feed()
    app.add_routes([web.get(r"/{frames:\d+}", line), web.get("/api/v3/brokerage/products", products)])
    app.router.add_route("*", "/api/v3/brokerage/{rest:.*}", nothing)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve())
