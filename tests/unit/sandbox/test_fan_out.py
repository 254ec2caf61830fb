"""What many connections are sent alike is made once, and each of them is told the truth whenever it came."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

import venuewire as vw
from venuewire.client.live import LiveBook
from venuewire.frame import Once
from venuewire.model.market import SET_BID
from venuewire.model.terms import Trust, from_scaled
from venuewire.sandbox import MemorySandbox
from venuewire.sandbox.exchange import SandboxExchange
from venuewire.venues import names

LEVELS = 10


def best_of(exchange: SandboxExchange, symbol: str) -> list[list[tuple[object, object]]]:
    """The best levels of either side: (price, size)."""
    book = exchange.book(symbol, LEVELS)
    sides: list[list[tuple[object, object]]] = [[], []]
    for what, price, size in book.rows():
        told = from_scaled(price, book.price_scale), from_scaled(size, book.size_scale)
        sides[what != SET_BID].append(told)
    return sides


@pytest.mark.parametrize("name", names())
async def test_whoever_comes_late_has_the_same_book(name: str) -> None:
    async with MemorySandbox([name], seed=5, pace=0.2) as sandbox, AsyncExitStack() as stack:

        async def close(client: vw.Client) -> None:
            await sandbox.run(client.close())

        books: list[LiveBook] = []
        for _ in range(3):
            client = vw.connect(name, sandbox.credentials(name), network=sandbox.network(), clock=sandbox.clock)
            await sandbox.run(client.__aenter__())
            stack.push_async_callback(close, client)
            book = client.book(client.venue.default_symbol)
            await sandbox.run(book.__aenter__())
            books.append(book)
            await sandbox.advance(7)
        # All are cut, and come back in their own time: the market has gone on without them.
        assert sandbox.disconnect(name, 1006) >= 3
        await sandbox.advance(60)
        sandbox.pause_flow()
        await sandbox.advance(5)
        truth = best_of(sandbox.exchange(name), books[0].symbol)
        for book in books:
            assert book.trust is Trust.LIVE
            told = [
                [(level.price, level.size) for level in book.levels(side, LEVELS)]
                for side in (vw.Side.BUY, vw.Side.SELL)
            ]
            assert told == truth


def test_what_is_alike_is_made_once_and_anew_for_other_news() -> None:
    once = Once()
    made: list[int] = []

    def make() -> int:
        made.append(len(made))
        return made[-1]

    first, second = object(), object()
    assert [once.get("a", (first,), make), once.get("a", (first,), make), once.get("b", (first,), make)] == [0, 0, 1]
    assert once.get("a", (first, second), make) == 2
    assert once.get("a", (first,), make) == 3
    assert once.get("a", (first,), make) == 3


def test_news_are_the_same_only_if_they_are_the_same_object() -> None:
    once = Once()
    one, equal = [1], [1]
    assert once.get("a", (one,), lambda: "one") == "one"
    assert once.get("a", (equal,), lambda: "equal") == "equal"
