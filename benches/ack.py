"""From `client.place(order)` to the venue's answer, against the bare request on the same socket: `benches ack`.

The venue is its sandbox in a process of its own, over loopback. Bare: the very frame that the client would send, made
beforehand, is put on the client's own socket, and the time ends when the answer's frame comes out of it: no session, no
blotter, nothing decoded. Whole: checks, order, journal, session, frame; the answer decoded, merged, written down, and
the one who waits woken. Turns alternate; one order at a time, each cancelled between the turns. The venue is the one
that publishes no limit on orders a second: elsewhere the client would wait, as it must.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TypeAlias

import venuewire as vw
from venuewire.cli.places import from_ready
from venuewire.client import Client
from venuewire.client.connection import Connection
from venuewire.model.orders import NewOrder
from venuewire.venue import Send
from venuewire.venues import find

VENUE = "finery"
TURN = 25
"""Orders of one turn: the venue takes thirty open ones of an account."""
WARM = 25
JOURNALS: tuple[vw.Durability | None, ...] = (None, vw.Durability.OFF, vw.Durability.OS, vw.Durability.FULL)

Row: TypeAlias = dict[str, float]


def run(rounds: int, scale: float) -> dict[str, Row]:
    """Microseconds, p50 and p99, of bare requests and of whole ones by durability; `ratio` to the bare p50."""
    sandbox = subprocess.Popen(
        [sys.executable, "-m", "venuewire", "sandbox", "--venues", VENUE], stdout=subprocess.PIPE, text=True
    )
    try:
        assert sandbox.stdout is not None
        ready = json.loads(sandbox.stdout.readline())
        turns = max(1, round(rounds * scale * 16))
        with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="bench-ack-") as folder:
            return asyncio.run(_measure(ready, Path(folder), turns))
    finally:
        sandbox.terminate()
        sandbox.communicate(timeout=30)


async def _measure(ready: dict[str, object], folder: Path, turns: int) -> dict[str, Row]:
    results: dict[str, Row] = {}
    for durability in JOURNALS:
        name = "none" if durability is None else durability.value
        bare, whole = await _contest(ready, folder / f"{name}.db", durability, turns)
        results[name] = {
            **bare.row("bare "),
            **whole.row(),
            "ratio": whole.micros(50) / bare.micros(50),
        }
    return results


class _Tally:
    """What the turns of one contestant took."""

    def __init__(self) -> None:
        self.spans: list[float] = []
        self.cpu = 0.0
        """Seconds of a processor: what others do on the machine changes that little."""

    def row(self, prefix: str = "") -> Row:
        """For the table."""
        cpu = self.cpu / len(self.spans) * 1e6
        return {f"{prefix}p50": self.micros(50), f"{prefix}p99": self.micros(99), f"{prefix}cpu": cpu}

    def micros(self, percentile: int) -> float:
        """Of the clock."""
        return statistics.quantiles(self.spans, n=100)[percentile - 1] * 1e6


async def _contest(
    ready: dict[str, object], path: Path, durability: vw.Durability | None, turns: int
) -> tuple[_Tally, _Tally]:
    """Turn by turn, the bare request first."""
    journal = None if durability is None else path
    credentials = from_ready(find(VENUE), ready)
    bare, whole = _Tally(), _Tally()
    async with vw.connect(VENUE, credentials, journal=journal, durability=durability or vw.Durability.FULL) as client:
        order = await _resting(client)
        await _bare(client, order, WARM, _Tally())
        await _whole(client, order, WARM, _Tally())
        gc.collect()
        gc.freeze()
        for _ in range(turns):
            await _bare(client, order, TURN, bare)
            await _whole(client, order, TURN, whole)
        gc.unfreeze()
    return bare, whole


async def _resting(client: Client) -> NewOrder:
    """A buy order that nobody will fill."""
    instrument = client.instruments[client.venue.default_symbol]
    async with client.book(instrument.symbol) as book:
        bid = book.best_bid
    if bid is None:
        raise RuntimeError("the sandbox's market is empty")
    price = bid.price - 2_000 * instrument.min_price_increment
    return NewOrder(
        symbol=instrument.symbol,
        side=vw.Side.BUY,
        ord_type=vw.OrdType.LIMIT,
        order_qty=instrument.min_trade_vol,
        price=price,
    )


async def _whole(client: Client, order: NewOrder, count: int, tally: _Tally) -> None:
    began = time.process_time()
    for _ in range(count):
        begun = time.perf_counter()
        live = await client.place(order)
        tally.spans.append(time.perf_counter() - begun)
        if live.status is not vw.OrdStatus.NEW:
            raise RuntimeError(f"the order is {live.status}: {live.text}")
    tally.cpu += time.process_time() - began
    await client.cancel_all()


class _Ear:
    """Hears frames in place of a connection; the one that answers ends the wait."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.wanted = b""
        self.heard: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.kept: list[bytes] = []

    def listen(self, wanted: bytes) -> None:
        self.wanted, self.heard = wanted, asyncio.get_running_loop().create_future()

    def take(self, payload: bytes, now: int) -> None:  # as connections have it
        if self.wanted in payload and not self.heard.done():
            self.heard.set_result(time.perf_counter())
        self.kept.append(bytes(payload))


async def _bare(client: Client, order: NewOrder, count: int, tally: _Tally) -> None:
    """The same frames on the same socket, with nothing of ours in between."""
    connection = client.connections[client.venue.route(order)]
    ear = _Ear(connection)
    life = connection._life
    if life is None or life.line is None:
        raise RuntimeError("the line is not there")
    frames = [_frame(client, connection, order) for _ in range(count)]
    connection.take = ear.take  # type: ignore[method-assign]
    began = time.process_time()
    try:
        for ref, payload in frames:
            ear.listen(ref)
            begun = time.perf_counter()
            life.line.send(payload)
            async with asyncio.timeout(10):
                await ear.heard
            tally.spans.append(time.perf_counter() - begun)
        tally.cpu += time.process_time() - began
    finally:
        del connection.take
    for payload in ear.kept:  # so that the client knows what there is to cancel
        connection.take(payload, client.clock.now())
    await client.cancel_all()


def _frame(client: Client, connection: Connection, order: NewOrder) -> tuple[bytes, bytes]:
    """What the answer bears, and the frame."""
    from msgspec.structs import replace

    ref = str(client.seat.unique())
    command = replace(order, cl_ord_id=str(client.seat.unique()), ref=ref)
    [effect] = connection.session.initiator.send(command, client.clock.now())
    assert isinstance(effect, Send)
    return ref.encode(), effect.payload


def table(results: dict[str, Row]) -> list[str]:
    """For people."""
    lines = ["place to ack, us    bare p50      p99      CPU |      p50      p99      CPU | times the bare p50"]
    for name, row in results.items():
        bare, whole = (
            " ".join(f"{row[f'{prefix}{key}']:8.0f}" for key in ("p50", "p99", "cpu")) for prefix in ("bare ", "")
        )
        lines.append(f"journal {name:11} {bare} | {whole} | {row['ratio']:.2f}")
    return lines


if __name__ == "__main__":
    sys.stdout.write("\n".join(table(run(3, 1.0))) + "\n")
