"""What a user holds of one book and of one order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from types import TracebackType
from typing import Protocol, Self

from venuewire.book.book import OrderBook
from venuewire.book.keeper import BookKeeper
from venuewire.client.stream import FanOut, Policy, Stream, policy
from venuewire.client.subscription import Subscription
from venuewire.errors import BookError, VenueError
from venuewire.model.market import BookSnapshot, BookUpdate, Level
from venuewire.model.orders import CancelReject, ExecutionReport
from venuewire.model.session import Gap
from venuewire.model.terms import Nanos, OrdStatus, Side, Trust
from venuewire.orders.blotter import Fill, Order

BookChange = BookSnapshot | BookUpdate
OrderNews = ExecutionReport | CancelReject
Watcher = Callable[[BookChange | Gap], object]

# A reader of a book may fall this many messages behind; the book itself is kept all the same.
BOOK_READER_BOUND = 10_000


class KeptBook:
    """One book of the client, kept for all who use it."""

    def __init__(self, keeper: BookKeeper, now: Callable[[], Nanos], resync: Callable[[KeptBook], None]) -> None:
        self.keeper = keeper
        self.readers: FanOut[BookChange] = FanOut(now)
        self._watchers: tuple[Watcher, ...] = ()
        self._resync = resync
        keeper.book.unsound = self._unsound
        self.users = 0
        self.subscription: Subscription | None = None
        self.resyncing = False
        """A request for a snapshot is in flight."""
        self.doubted = asyncio.Event()
        """Messages of its line have been missing since a snapshot was asked for, which may have been among them."""
        self.error: VenueError | None = None
        self._now = now
        self._live = asyncio.Event()

    @property
    def symbol(self) -> str:
        return self.keeper.book.symbol

    def applied(self, message: BookChange) -> None:
        """The hot path: apply, then tell whoever reads."""
        if self.keeper.apply(message):
            if not self._live.is_set():
                self._live.set()
                self.tell_gaps()
            self._tell(message)
        else:
            self.left_live()

    def _tell(self, message: BookChange) -> None:
        for tell in self._watchers:
            tell(message)
        if self.readers:
            self.readers.put(message)

    def _unsound(self, time: Nanos, now: Nanos, damage: str) -> bool:
        """An update that went by express left the book in doubt: see `BookKeeper.settle`."""
        if self.keeper.settle(time, now, damage):
            return True
        self.left_live()
        if self.keeper.wants_resync:
            self._resync(self)
        return False

    def open(self, bound: int, policy: Policy) -> Stream[BookChange]:
        """One more reader."""
        stream = self.readers.open(bound, policy)
        self._note_listeners()
        return stream

    def watch(self, tell: Watcher) -> None:
        """Call it with each change and gap."""
        self._watchers = (*self._watchers, tell)
        self._note_listeners()

    def unwatch(self, tell: Watcher) -> None:
        """No more. Two holds may share one function: the first goes."""
        at = self._watchers.index(tell)
        self._watchers = self._watchers[:at] + self._watchers[at + 1 :]
        self._note_listeners()

    def _note_listeners(self) -> None:
        """Events of what goes by express are made while somebody may want them."""
        watchers, book = self._watchers, self.keeper.book
        if self.readers or len(watchers) > 1:
            book.told = self._tell
        else:
            book.told = watchers[0] if watchers else None

    def left_live(self) -> None:
        """Trust has gone: tell the readers, let waiters wait."""
        if self.keeper.trust is not Trust.LIVE:
            self._live.clear()
        self.tell_gaps()

    def tell_gaps(self) -> None:
        """Pass on, in band, what the keeper has noted."""
        for gap in self.keeper.take_gaps():
            for tell in self._watchers:
                tell(gap)
            self.readers.put(gap)

    async def wait_live(self) -> None:
        """Return when the book is LIVE; raises what ended it."""
        while self.error is None and self.keeper.trust is not Trust.LIVE:
            self._live.clear()
            await self._live.wait()
        if self.error is not None:
            raise self.error

    def end(self, error: VenueError | None) -> None:
        """It will not be kept any more: nobody waits for ever, and nobody takes it for LIVE."""
        if self.error is not None:
            return
        self.error = error or BookError(f"the client of the book of {self.symbol} is closed")
        self.keeper.stale(str(self.error), self._now())
        self.tell_gaps()
        self.readers.end(error)
        self._live.set()


class Keeping(Protocol):
    """What a `LiveBook` needs of the client's market."""

    async def enter(self, symbol: str) -> KeptBook:
        """The book of a symbol, LIVE; each call needs a `leave`."""
        ...

    def leave(self, kept: KeptBook) -> None: ...


class LiveBook:
    """One user's hold on a book. `async with client.book(symbol) as book` waits until it is LIVE.

    Reads cost nothing but the read; `trust` says what they are worth, `last_gap` what was missed. `async for change in
    book` gives each change after it has been applied, and a `Gap` where something was missed; each hold has a stream
    of its own. Reading before the `async with` raises `BookError`; after it, the book stays as it was left, not LIVE.
    """

    def __init__(self, symbol: str, keeping: Keeping, *, bound: int, policy: Policy) -> None:
        self.symbol = symbol
        self._keeping = keeping
        self._bound, self._policy = bound, policy
        self._kept: KeptBook | None = None
        self._levels: OrderBook | None = None
        """The book itself, for the reads that are made with every message."""
        self._is_held = False
        self._stream: Stream[BookChange] | None = None
        self._streams: list[Stream[BookChange]] = []
        self._watchers: list[Watcher] = []

    def _book(self) -> KeptBook:
        if self._kept is None:
            raise BookError(f"the book of {self.symbol} is not kept yet: async with it first")
        return self._kept

    @property
    def keeper(self) -> BookKeeper:
        """The book with its trust, its counters and why it is not LIVE."""
        return self._book().keeper

    @property
    def trust(self) -> Trust:
        """May what is read now be relied on? Nothing may after the `async with`."""
        return self.keeper.trust if self._is_held else Trust.STALE

    @property
    def last_gap(self) -> Gap | None:
        """The newest thing that was missed; None when nothing ever was."""
        return self.keeper.last_gap

    @property
    def best_bid(self) -> Level | None:
        levels = self._levels
        return self.book.best_bid if levels is None else levels.best_bid

    @property
    def best_ask(self) -> Level | None:
        levels = self._levels
        return self.book.best_ask if levels is None else levels.best_ask

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
        if self.trust is not Trust.LIVE:
            why = f" ({self.keeper.cause})" if self.keeper.cause else ""
            raise BookError(f"the book of {self.symbol} is {self.trust}{why}; wait for wait_live()")

    async def wait_live(self) -> None:
        """Return when the book is LIVE; at once if it is. Raises what ended it, if it is kept no more."""
        await self._book().wait_live()

    def stream(self, bound: int = BOOK_READER_BOUND, *, policy: str = Policy.DROP_OLDEST) -> Stream[BookChange]:
        """One more reader, with its own bound and policy; it ends with this hold on the book."""
        stream = self._book().open(bound, _policy(policy))
        self._streams.append(stream)
        return stream

    def on_change(self, tell: Watcher) -> None:
        """Call `tell` with each change the moment it has been applied, and with each `Gap`, as long as this hold lasts.

        The quickest way to follow a book: no queue, no task, nothing dropped. While it runs nothing is received, so it
        must be quick, and must not wait; what it raises ends the client, as `ClientFailed`.
        """
        kept = self._book()
        self._watchers.append(tell)
        kept.watch(tell)

    def __aiter__(self) -> Stream[BookChange]:
        if self._stream is None:
            self._stream = self.stream(self._bound, policy=self._policy)
        return self._stream

    async def __aenter__(self) -> Self:
        if self._is_held:
            raise BookError(f"this hold on the book of {self.symbol} is in use; take another: client.book(...)")
        self._is_held = True
        try:
            self._kept = await self._keeping.enter(self.symbol)
            self._levels = self._kept.keeper.book
        except BaseException:
            self._is_held = False
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_held = False
        for stream in self._streams:
            stream.close()
        self._streams.clear()
        self._stream = None
        kept = self._book()
        for tell in self._watchers:
            kept.unwatch(tell)
        self._watchers.clear()
        self._keeping.leave(kept)


_policy = policy


class LiveOrder:
    """One of our orders, as it stands, and its news.

    `async for report in order` gives each `ExecutionReport` (and `CancelReject`) until the order is done, and a `Gap`
    where news of it may be missing: not repaired when the line is lost, repaired when the order has been compared.
    """

    def __init__(self, order: Order, now: Callable[[], Nanos]) -> None:
        self.order = order
        self._news: Stream[OrderNews] = Stream(now, bound=None)
        self._done = asyncio.Event()
        self._missed = False
        self._error: VenueError | None = None

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
        """Wait for the order's end; its final status. OUTCOME_UNKNOWN is not an end.

        Raises, when the client is closed or fails first, what ended it: the order may be open still.
        """
        await self._done.wait()
        if self._error is not None and not self.order.is_ended:
            raise self._error
        return self.order.status

    def end(self, error: VenueError) -> None:
        """No more will be heard of the order: nobody waits for ever."""
        self._error = error
        self._done.set()
        self._news.end(error)

    def tell(self, news: OrderNews) -> None:
        """What the client calls with each report."""
        self._news.put(news)
        self.look()

    def miss(self, gap: Gap) -> None:
        """News may be missing, or (repaired) is not any more: of that only those hear who heard of the hole."""
        if not gap.repaired or self._missed:
            self._missed = not gap.repaired
            self._news.put(gap)

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


__all__ = ["BookChange", "Gap", "KeptBook", "LiveBook", "LiveOrder", "OrderNews"]
