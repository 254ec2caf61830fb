"""More books than one line may carry go over further lines: in the sandbox, on a stepped clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from msgspec.structs import replace

import venuewire as vw
from venuewire.client import Client, LiveBook
from venuewire.model.orders import NewOrder
from venuewire.model.session import LoggedOn, LoggedOut
from venuewire.model.terms import NANOS_PER_SECOND, Nanos, OrdStatus, OrdType, Side, Trust
from venuewire.sandbox import MemorySandbox
from venuewire.transport.clock import SteppedClock, at_rest
from venuewire.transport.entropy import SeededEntropy
from venuewire.venue import Stage
from venuewire.venues.coinbase import VENUE
from venuewire.venues.coinbase.acceptor.stage import stage

COINS = [f"C{number:02d}" for number in range(70)]
SYMBOLS = [f"{coin}-USD" for coin in COINS]


def many(random_hex: Callable[[int], str], now: Nanos) -> Stage:
    """The ordinary set-up with seventy coins in it."""
    made = stage(random_hex, now)
    model = made.instruments[0]
    coins = tuple(
        replace(model, symbol=symbol, security_id=symbol, base=coin)
        for coin, symbol in zip(COINS, SYMBOLS, strict=True)
    )
    return replace(
        made,
        instruments=(*made.instruments, *coins),
        reference_prices={**made.reference_prices, **dict.fromkeys(SYMBOLS, "100")},
    )


class Desk:
    def __init__(self, sandbox: MemorySandbox, client: Client) -> None:
        self.sandbox, self.client = sandbox, client

    async def enter(self, stack: AsyncExitStack, symbols: list[str]) -> dict[str, LiveBook]:
        return {
            symbol: await self.sandbox.run(stack.enter_async_context(self.client.book(symbol))) for symbol in symbols
        }

    def books_by_line(self) -> dict[str, int]:
        lines = self.client.health()["lines"]
        return {name: line["subscriptions"] for name, line in lines.items() if name != "user_ws"}

    def truth(self, symbol: str) -> tuple[object, object]:
        quote = self.sandbox.exchange("coinbase").quote(symbol)
        return quote.bid, quote.ask


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    clock = SteppedClock(settle=at_rest)
    # A slow market: what is shown is the lines.
    async with MemorySandbox([replace(VENUE, stage=many)], clock=clock, pace=60) as sandbox:
        client = vw.connect(
            "coinbase",
            sandbox.credentials("coinbase"),
            network=sandbox.network(),
            clock=clock,
            entropy=SeededEntropy(1, clock.now),
        )
        await sandbox.run(client.__aenter__())
        try:
            yield Desk(sandbox, client)
        finally:
            await sandbox.run(client.close())


def shown(book: LiveBook) -> tuple[object, object]:
    bid, ask = book.best_bid, book.best_ask
    return bid and bid.price, ask and ask.price


async def test_seventy_books_go_over_three_lines_and_each_is_the_exchange_s() -> None:
    async with desk() as here, AsyncExitStack() as stack:
        books = await here.enter(stack, SYMBOLS)
        assert here.books_by_line() == {"ws": 30, "ws 2": 30, "ws 3": 10}
        await here.sandbox.advance(1)
        assert {book.trust for book in books.values()} == {Trust.LIVE}
        assert {symbol: shown(book) for symbol, book in books.items()} == {s: here.truth(s) for s in SYMBOLS}
        served = [it["line"] for it in here.sandbox.state()["venues"]["coinbase"]["connections"]]
        assert sorted(served) == ["user_ws", "ws", "ws", "ws"]


async def test_a_line_that_is_cut_comes_back_with_its_thirty_and_an_empty_one_goes() -> None:
    async with desk() as here, AsyncExitStack() as stack:
        events = here.client.events()
        books = await here.enter(stack, SYMBOLS[:40])
        inner = AsyncExitStack()
        await here.enter(inner, SYMBOLS[40:62])
        assert here.books_by_line() == {"ws": 30, "ws 2": 30, "ws 3": 2}
        here.sandbox.disconnect("coinbase", 1006)
        await here.sandbox.advance(30)
        assert {book.trust for book in books.values()} == {Trust.LIVE}
        assert here.books_by_line() == {"ws": 30, "ws 2": 30, "ws 3": 2}
        await here.sandbox.run(inner.aclose())
        await here.sandbox.advance(15)
        assert here.books_by_line() == {"ws": 30, "ws 2": 10}
        told = [await anext(events) for _ in range(events.waiting)]
        again = {event.line for event in told if isinstance(event, LoggedOn) and event.epoch == 2}
        assert again == {"ws", "user_ws", "ws 2", "ws 3"}
        ended = [event.line for event in told if isinstance(event, LoggedOut) and event.requested]
        assert ended == ["ws 3"]


async def test_orders_do_not_wait_behind_books_that_are_asked_for_again() -> None:
    async with desk() as here, AsyncExitStack() as stack:
        books = await here.enter(stack, SYMBOLS[:60])
        here.sandbox.disconnect("coinbase", 1006)
        await here.sandbox.advance(3)
        assert any(book.trust is not Trust.LIVE for book in books.values()), "seven frames a second: it takes its time"
        own = here.sandbox.state()["venues"]["coinbase"]["connections"]
        assert sorted(it["line"] for it in own) == ["user_ws", "ws", "ws"]
        asked = here.client.clock.now()
        order = NewOrder(symbol="BTC-USD", side=Side.BUY, ord_type=OrdType.LIMIT, order_qty="0.01", price="30000")
        live = await here.sandbox.run(here.client.place(order))
        assert here.client.clock.now() - asked < NANOS_PER_SECOND // 4
        await here.sandbox.advance(1)
        assert live.status is OrdStatus.NEW, "own orders are told again already"
        assert any(book.trust is not Trust.LIVE for book in books.values())
        await here.sandbox.run(here.client.cancel(live))
        await here.sandbox.advance(15)
        assert {book.trust for book in books.values()} == {Trust.LIVE}
