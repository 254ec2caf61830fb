"""Fan-out: a real sandbox tells its Coinbase book to 200 connections, which a process of bare sockets reads.

Both processes share the machine's cores. Every command at the exchange is a frame for everybody (the venue's gathering
of book changes over 50 ms is switched off), so that what is measured is the way from an event to 200 sockets.
"""

from __future__ import annotations

import asyncio
import json
import os
import selectors
import socket
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from venuewire.model.orders import CancelOrder, ExecutionReport, NewOrder
from venuewire.model.terms import OrdType, Side
from venuewire.sandbox import Sandbox
from venuewire.sandbox.floor import Floor
from venuewire.sandbox.socket import SocketConnection

ROOT = Path(__file__).parents[1]
SYMBOL = "BTC-USD"
_WAITING = 256 << 10
"""Bytes that may wait for a reader before the next command."""


async def fan_out(connections: int, events: int, burst: int) -> dict[str, Any]:
    """Frames a second from the first command to the last frame read, and CPU time of either side.

    `burst`: commands between two turns of the event loop. Their frames leave together, one system call a connection.
    """
    async with Sandbox(["coinbase"]) as sandbox:
        sandbox.pause_flow()
        floor = sandbox._floors["coinbase"]  # pyright: ignore[reportPrivateUsage]
        floor.host.switches.conflation = 0  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        url = sandbox.ready()["venues"]["coinbase"]["ws"]
        reader = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benches.fanout", url, str(connections), str(events)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        assert reader.stdout is not None
        try:
            await _line(reader.stdout)
            began, cpu = time.perf_counter(), time.process_time()
            await _trade(floor, events, burst)
            read = await _line(reader.stdout)
            seconds, used = time.perf_counter() - began, time.process_time() - cpu
        finally:
            if reader.returncode is None:
                reader.kill()
            await reader.wait()
    frames = connections * events
    return {
        "connections": connections,
        "burst": burst,
        "frames": frames,
        "frame_bytes": round(read["bytes"] / frames),
        "frames_per_second": round(frames / seconds),
        "sandbox_cpu_us": round(used / frames * 1e6, 2),
        "reader_cpu_us": round(read["cpu"] / frames * 1e6, 2),
    }


async def _line(stream: asyncio.StreamReader) -> Any:
    text = await asyncio.wait_for(stream.readline(), 120)
    if not text:
        raise RuntimeError("the reading process ended early")
    return json.loads(text)


async def _trade(floor: Floor, events: int, burst: int) -> None:
    """So many commands, each of which changes the book; a few at a time, as long as the readers keep up."""
    port = floor.exchange.port(floor.stage.account)
    best = floor.exchange.quote(SYMBOL).bid
    assert best is not None
    order_id = ""
    for number in range(events):
        if number % 2 == 0:
            order = NewOrder(
                symbol=SYMBOL,
                side=Side.BUY,
                ord_type=OrdType.LIMIT,
                order_qty="0.01",
                price=best - 100 - number % 40,
            )
            (placed,) = port.execute(order, floor.now())
            assert isinstance(placed, ExecutionReport)
            order_id = placed.order_id
        else:
            cancel = CancelOrder(
                symbol=SYMBOL, side=Side.BUY, ord_type=OrdType.LIMIT, order_id=order_id, orig_cl_ord_id=""
            )
            port.execute(cancel, floor.now())
        if number % burst == burst - 1 or number == events - 1:
            floor.publish()
            await asyncio.sleep(0)
            while _most_waiting(floor) > _WAITING:  # noqa: ASYNC110  # a socket does not tell
                await asyncio.sleep(0.001)


def _most_waiting(floor: Floor) -> int:
    return max(connection.waiting for connection in floor.connections if isinstance(connection, SocketConnection))


# ---------------------------------------------------------------------------------------------------- the readers


def read(url: str, connections: int, events: int) -> None:
    """So many connections over bare sockets; says when all have their snapshot, and when all have every frame."""
    selector = selectors.DefaultSelector()
    counted = [_Counted(_subscribed(url)) for _ in range(connections)]
    for one in counted:
        selector.register(one.sock, selectors.EVENT_READ, one)
    while min(one.frames for one in counted) < 2:  # the snapshot and the answer
        _take(selector)
    for one in counted:
        one.frames, one.bytes = 0, 0
    print("{}", flush=True)
    cpu, total = time.process_time(), connections * events
    left = total
    while left:
        left -= _take(selector)
    used = time.process_time() - cpu
    print(json.dumps({"cpu": used, "bytes": sum(one.bytes for one in counted)}), flush=True)


def _take(selector: selectors.BaseSelector) -> int:
    return sum(key.data.take() for key, _ in selector.select())


class _Counted:
    """One connection, and how many whole frames it has read."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.frames = self.bytes = 0
        self._skip = 0
        """Bytes of the newest frame that have not come."""
        self._head = b""

    def take(self) -> int:
        """What is there; how many frames ended in it."""
        chunk = self.sock.recv(1 << 18)
        if not chunk:
            raise RuntimeError("the sandbox hung up")
        self.bytes += len(chunk)
        chunk, at, ended = self._head + chunk, 0, 0
        size = len(chunk)
        if self._skip:
            if self._skip > size:
                self._skip -= size
                return 0
            at, ended, self._skip = self._skip, 1, 0
        while at < size:
            length = chunk[at + 1] if at + 1 < size else 127
            head = 2 if length < 126 else 4 if length == 126 else 10
            if at + head > size:
                break
            if length >= 126:
                length = int.from_bytes(chunk[at + 2 : at + head], "big")
            at += head + length
            ended += at <= size
        self._head = chunk[at:] if at < size else b""
        self._skip = max(0, at - size)
        self.frames += ended
        return ended


def _subscribed(url: str) -> socket.socket:
    parts = urlsplit(url)
    sock = socket.create_connection((parts.hostname, parts.port))
    key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    sock.sendall(
        f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\n{key}\r\n".encode()
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += sock.recv(1)
    if b" 101 " not in answer:
        raise RuntimeError(f"no handshake: {answer[:80]!r}")
    asked = json.dumps({"type": "subscribe", "product_ids": [SYMBOL], "channel": "level2"}).encode()
    # Masked with zeros, as only a test may.
    sock.sendall(bytes((0x81, 0x80 | len(asked))) + bytes(4) + asked)
    return sock


if __name__ == "__main__":
    read(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    os._exit(0)
