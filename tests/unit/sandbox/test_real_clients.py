"""Four real clients and all venues in one process: no socket, no waiting, and the same seed gives the same day."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import venuewire as vw
from venuewire.client.client import Client
from venuewire.client.live import LiveBook
from venuewire.model.terms import OrdStatus, Trust
from venuewire.sandbox import Fault, MemorySandbox
from venuewire.sandbox.faults import Kind
from venuewire.transport.clock import at_rest
from venuewire.venues import names


class Day:
    """All venues, a client of each, and a log of everything they were told."""

    def __init__(self, sandbox: MemorySandbox) -> None:
        self.sandbox = sandbox
        self.log: list[str] = []
        self.clients: dict[str, Client] = {}
        self.books: dict[str, LiveBook] = {}
        self.orders: list[vw.LiveOrder] = []
        self._readers: list[asyncio.Task[None]] = []

    def note(self, venue: str, what: Any) -> None:
        self.log.append(f"{self.sandbox.now()} {venue} {what!r}")

    async def begins(self) -> None:
        """Everybody logs on and has a book that is LIVE."""
        for place, name in enumerate(names()):
            client = vw.connect(
                name, self.sandbox.credentials(name), network=self.sandbox.network(), clock=self.sandbox.clock
            )
            numbers = count(self.sandbox.now() // 1000 + place)
            client.seat.unique = numbers.__next__
            client.desk.on_report.append(self._noting(name))
            self._reads(name, client.events())
            await self.sandbox.run(client.__aenter__())
            self.clients[name] = client
            book = client.book(client.venue.default_symbol)
            await self.sandbox.run(book.__aenter__())
            self.books[name] = book
            self._reads(name, book.stream(), book)

    def _noting(self, name: str) -> Callable[[Any, vw.ExecutionReport], None]:
        return lambda _, report: self.note(name, report)

    def _reads(self, name: str, stream: Any, book: LiveBook | None = None) -> None:
        async def read() -> None:
            async for told in stream:
                self.note(name, told if book is None else (book.trust, book.best_bid, book.best_ask))

        self._readers.append(asyncio.create_task(read(), name=f"reader of {name}"))

    async def trades(self) -> None:
        """Each buys the least there is, at the best price of the other side."""
        for name, client in self.clients.items():
            symbol = client.venue.default_symbol
            instrument, ask = client.instruments[symbol], self.books[name].best_ask
            assert ask is not None
            order = vw.NewOrder(
                symbol=symbol,
                side=vw.Side.BUY,
                ord_type=vw.OrdType.LIMIT,
                order_qty=instrument.min_trade_vol,
                price=ask.price,
            )
            self.orders.append(await self.sandbox.run(client.place(order)))

    async def ends(self) -> None:
        for client in self.clients.values():
            await self.sandbox.run(client.close())
        await at_rest()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)


@asynccontextmanager
async def day(seed: int, **terms: Any) -> AsyncIterator[Day]:
    async with MemorySandbox(seed=seed, **terms) as sandbox:
        it = Day(sandbox)
        try:
            await it.begins()
            yield it
        finally:
            await it.ends()


async def trading(seed: int, minutes: int) -> Day:
    """An order at every venue in each minute."""
    async with day(seed, pace=2) as it:
        for _ in range(minutes):
            await it.sandbox.advance(60)
            await it.trades()
        assert {name: book.trust for name, book in it.books.items()} == dict.fromkeys(names(), Trust.LIVE)
        for name, book in it.books.items():
            truth = it.sandbox.exchange(name).quote(book.symbol)
            assert book.best_bid is not None
            assert book.best_ask is not None
            assert (book.best_bid.price, book.best_ask.price) == (truth.bid, truth.ask)
        return it


async def test_ten_minutes_of_trading_take_less_than_two_seconds() -> None:
    # Of this process: how busy the machine is otherwise says nothing.
    begun = time.process_time()
    it = await trading(7, minutes=10)
    took = time.process_time() - begun
    assert len(it.orders) == 40
    assert {order.status for order in it.orders} == {OrdStatus.FILLED}
    assert took < 2, f"{took:.1f} s"


async def test_the_same_seed_gives_the_same_day_byte_for_byte() -> None:
    one, two, other = [await trading(seed, minutes=2) for seed in (7, 7, 8)]
    assert len(one.log) > 300
    assert "\n".join(one.log).encode() == "\n".join(two.log).encode()
    assert one.log != other.log


def test_and_in_another_process_that_hashes_otherwise() -> None:
    script = (
        f"import asyncio; from {__name__} import trading; print(*asyncio.run(trading(7, minutes=1)).log, sep='\\n')"
    )
    logs = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert len(logs[0].splitlines()) > 100
    assert logs[0] == logs[1]


async def test_faults_by_chance_are_repeated_by_their_seed() -> None:
    logs: list[list[str]] = []
    for seed in (3, 3, 4):
        async with day(1) as it:
            it.sandbox.set_fault(Fault(kind=Kind.DROP, channel="BOOK", probability=0.3, seed=seed))
            it.sandbox.set_fault(Fault(kind=Kind.DELAY, seconds=0.2, probability=0.3, seed=seed))
            await it.sandbox.advance(30)
        logs.append(it.log)
    assert logs[0] == logs[1] != logs[2]


@pytest.mark.parametrize("name", names())
async def test_a_line_that_is_cut_comes_back(name: str) -> None:
    async with day(1) as it:
        it.sandbox.set_fault(Fault(kind=Kind.CLOSE, venue=name, code=1012))
        await at_rest()
        await it.sandbox.advance(60)
        assert it.books[name].trust is Trust.LIVE
        assert sum("LoggedOut" in line for line in it.log if name in line) >= 1
        others = [line for line in it.log if name not in line]
        assert not any("LoggedOut" in line for line in others)


async def test_an_order_is_filled_although_its_answer_is_lost() -> None:
    async with day(1) as it:
        it.sandbox.pause_flow()
        await it.sandbox.advance(1)
        it.sandbox.set_fault(
            Fault(kind=Kind.DROP, venue="coinbase", path="/api/v3/brokerage/orders", when="after", count=1)
        )
        client, book = it.clients["coinbase"], it.books["coinbase"]
        assert book.best_bid is not None
        order = await it.sandbox.run(
            client.place(
                vw.NewOrder(
                    symbol=book.symbol,
                    side=vw.Side.BUY,
                    ord_type=vw.OrdType.LIMIT,
                    order_qty="0.01",
                    price=book.best_bid.price,
                )
            )
        )
        placed = it.sandbox.exchange("coinbase").port(it.sandbox.account("coinbase")).orders()
        assert [report.cl_ord_id for report in placed] == [order.cl_ord_id]
