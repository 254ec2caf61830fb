"""What a user holds of one book and of one order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from types import TracebackType
from typing import Self

from venuewire.book.book import OrderBook
from venuewire.book.keeper import BookKeeper
from venuewire.client.stream import FanOut, Stream
from venuewire.errors import BookError, VenueError
from venuewire.model.market import BookSnapshot, BookUpdate, Level
from venuewire.model.orders import CancelReject, ExecutionReport
from venuewire.model.session import Gap
from venuewire.model.terms import Nanos, OrdStatus, Side, Trust
from venuewire.orders.blotter import Fill, Order

BookChange = BookSnapshot | BookUpdate
OrderNews = ExecutionReport | CancelReject

# A reader of a book may fall this many messages behind; the book itself is kept all the same.
BOOK_READER_BOUND = 10_000


class LiveBook:
    """One book, kept. `async with client.book(symbol) as book` waits until it is LIVE.

    Reads cost nothing but the read; `trust` says what they are worth. `async for change in book` gives each change
    after it has been applied, and a `Gap` where something was missed.
    """

    def __init__(
        self,
        keeper: BookKeeper,
        now: Callable[[], Nanos],
        enter: Callable[[LiveBook], Awaitable[None]],
        leave: Callable[[LiveBook], None],
    ) -> None:
        self.keeper = keeper
        self.readers: FanOut[BookChange] = FanOut(now)
        self.users = 0
        self.subscription = ""
        self._enter, self._leave = enter, leave
        self._live = asyncio.Event()
        self._error: VenueError | None = None
        self._default: Stream[BookChange] | None = None

    @property
    def symbol(self) -> str:
        return self.keeper.book.symbol

    @property
    def trust(self) -> Trust:
        """May what is read now be relied on?"""
        return self.keeper.trust

    @property
    def best_bid(self) -> Level | None:
        return self.keeper.book.best_bid

    @property
    def best_ask(self) -> Level | None:
        return self.keeper.book.best_ask

    @property
    def book(self) -> OrderBook:
        """The book itself, for reads in the instrument's integer scale."""
        return self.keeper.book

    @property
    def updates(self) -> int:
        """Messages applied so far."""
        return self.keeper.updates

    def levels(self, side: Side, depth: int = 10) -> list[Level]:
        """The best `depth` levels of a side, best first."""
        return self.keeper.book.levels(side, depth)

    def require_live(self) -> None:
        """Raises `BookError` unless the book is LIVE."""
        if self.keeper.trust is not Trust.LIVE:
            raise BookError(f"the book of {self.symbol} is {self.keeper.trust}; wait for wait_live()")

    async def wait_live(self) -> None:
        """Return when the book is LIVE; at once if it is."""
        while self.keeper.trust is not Trust.LIVE:
            self._live.clear()
            await self._live.wait()
            if self._error is not None:
                raise self._error

    def stream(self, bound: int = BOOK_READER_BOUND) -> Stream[BookChange]:
        """A reader of its own, with its own bound."""
        return self.readers.open(bound)

    def __aiter__(self) -> Stream[BookChange]:
        if self._default is None:
            self._default = self.stream()
        return self._default

    async def __aenter__(self) -> Self:
        await self._enter(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._default is not None:
            self._default.close()
            self._default = None
        self._leave(self)

    # What the client calls.

    def applied(self, message: BookChange) -> None:
        """The hot path: apply, then tell whoever reads."""
        if self.keeper.apply(message):
            if not self._live.is_set():
                self._live.set()
                self.tell_gaps()
            if self.readers:
                self.readers.put(message)
        else:
            self._live.clear()
            self.tell_gaps()

    def left_live(self) -> None:
        """Trust has gone for a reason outside the book: tell the readers, let waiters wait."""
        self._live.clear()
        self.tell_gaps()

    def end(self, error: VenueError | None) -> None:
        """The client is gone: nobody waits for ever."""
        self._error = error or BookError(f"the client of the book of {self.symbol} is closed")
        self.readers.end(error)
        self._live.set()

    def tell_gaps(self) -> None:
        """Pass on, in band, what the keeper has noted."""
        for gap in self.keeper.take_gaps():
            self.readers.put(gap)


class LiveOrder:
    """One of our orders, as it stands, and its news.

    `async for report in order` gives each `ExecutionReport` (and `CancelReject`) until the order is done.
    """

    def __init__(self, order: Order, now: Callable[[], Nanos]) -> None:
        self.order = order
        self._news: Stream[OrderNews] = Stream(now, bound=None)
        self._done = asyncio.Event()

    @property
    def cl_ord_id(self) -> str:
        return self.order.cl_ord_id

    @property
    def order_id(self) -> str:
        return self.order.order_id

    @property
    def symbol(self) -> str:
        return self.order.symbol

    @property
    def status(self) -> OrdStatus:
        return self.order.status

    @property
    def cum_qty(self) -> Decimal:
        return self.order.cum_qty

    @property
    def avg_px(self) -> Decimal | None:
        return self.order.avg_px

    @property
    def fills(self) -> list[Fill]:
        return self.order.fills

    @property
    def text(self) -> str:
        """The venue's own words on a refusal or cancellation."""
        return self.order.text

    @property
    def is_open(self) -> bool:
        return self.order.is_open

    async def done(self) -> OrdStatus:
        """Wait for the order's end; its final status. OUTCOME_UNKNOWN is not an end."""
        await self._done.wait()
        return self.order.status

    def tell(self, news: OrderNews) -> None:
        """What the client calls with each report."""
        self._news.put(news)
        self.look()

    def look(self) -> None:
        """End the stream when the order is done."""
        if self.order.is_ended:
            self._done.set()
            self._news.end()

    def __aiter__(self) -> Stream[OrderNews]:
        return self._news

    def __repr__(self) -> str:
        order = self.order
        return (
            f"<{order.side} {order.order_qty} {order.symbol} {order.status} filled {order.cum_qty} "
            f"cl_ord_id={order.cl_ord_id} order_id={order.order_id}>"
        )


__all__ = ["BookChange", "Gap", "LiveBook", "LiveOrder", "OrderNews"]
