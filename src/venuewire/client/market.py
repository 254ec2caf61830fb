"""Market data for users: books that are kept, trades and quotes that are handed on, each subscribed to once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

from venuewire.book.keeper import BookKeeper
from venuewire.client.live import BookChange, LiveBook
from venuewire.client.requests import Requests
from venuewire.client.stream import FanOut, Stream
from venuewire.errors import LocalProtocolError, NotLoggedOn, RequestError, TransportError, VenueError
from venuewire.model.market import Quote, Trade
from venuewire.model.session import Subscribe, SubscriptionAccepted, Unsubscribe
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Nanos, Trust
from venuewire.transport.clock import Clock
from venuewire.venue import Capabilities, Limits, Seat

logger = logging.getLogger("venuewire.client")

T = TypeVar("T", Trade, Quote)

READER_BOUND = 10_000
# Pause before a book's snapshot is asked for again when it did not come.
RESYNC_PAUSE = NANOS_PER_SECOND


class Topic(Generic[T]):
    """One channel of one symbol, and who reads it."""

    def __init__(self, now: Callable[[], Nanos]) -> None:
        self.readers: FanOut[T] = FanOut(now)
        self.users = 0
        self.subscription = ""
        self.last: T | None = None
        self.count = 0

    def put(self, item: T) -> None:
        self.last = item
        self.count += 1
        if self.readers:
            self.readers.put(item)


class MarketData:
    """What a client knows of the market."""

    def __init__(
        self,
        requests: Requests,
        seat: Seat,
        capabilities: Capabilities,
        limits: Limits,
        clock: Clock,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._requests = requests
        self._seat = seat
        self._capabilities = capabilities
        self._limits = limits
        self._clock = clock
        self._spawn = spawn
        self.books: dict[str, LiveBook] = {}
        self.trades: dict[str, Topic[Trade]] = {}
        self.quotes: dict[str, Topic[Quote]] = {}
        self._resyncing: set[str] = set()

    # ------------------------------------------------------------------ books

    def book(self, symbol: str) -> LiveBook:
        """The book of a symbol; one for all who ask."""
        self._require(Channel.BOOK)
        book = self.books.get(symbol)
        if book is None:
            instrument = self._seat.instruments.get(symbol)
            if instrument is None:
                raise unknown_symbol(symbol, self._seat)
            keeper = BookKeeper(
                symbol, instrument.price_scale, instrument.qty_scale, depth=self._capabilities.book_depth
            )
            book = LiveBook(keeper, self._clock.now, self._enter_book, self._leave_book)
            self.books[symbol] = book
        return book

    async def _enter_book(self, book: LiveBook) -> None:
        book.users += 1
        try:
            if book.users == 1:
                book.keeper.resyncing(self._clock.now())
                book.subscription = await self._subscribe(Channel.BOOK, book.symbol)
            await book.wait_live()
        except BaseException:
            self._leave_book(book)
            raise

    def _leave_book(self, book: LiveBook) -> None:
        book.users -= 1
        if book.users == 0:
            self.books.pop(book.symbol, None)
            self._spawn(self._unsubscribe(Channel.BOOK, book.symbol, book.subscription))

    def applied(self, message: BookChange) -> None:
        """The hot path."""
        book = self.books.get(message.symbol)
        if book is not None:
            book.applied(message)
            if book.keeper.wants_resync:
                self.resync(book)

    def suspect(self, cause: str, line: str) -> None:
        """Messages of a line are missing: every book it feeds is in doubt."""
        for book in self._books_of(line):
            book.keeper.suspect(cause, self._clock.now())
            book.left_live()
            if book.keeper.wants_resync:
                self.resync(book)

    def stale(self, cause: str, line: str) -> None:
        """A line is gone."""
        for book in self._books_of(line):
            book.keeper.stale(cause, self._clock.now())
            book.left_live()

    def restoring(self, line: str) -> None:
        """A line is back and its subscriptions have been sent again: their snapshots are on the way."""
        for book in self._books_of(line):
            if book.subscription:
                book.keeper.resyncing(self._clock.now())
                self._spawn(self._await_snapshot(book))

    def _books_of(self, line: str) -> list[LiveBook]:
        return [
            book
            for book in self.books.values()
            if self._requests.connection_of(Subscribe(channel=Channel.BOOK, symbol=book.symbol)).session.line == line
        ]

    def resync(self, book: LiveBook) -> None:
        """Ask for a new snapshot; one request in flight per book."""
        if book.symbol not in self._resyncing and book.subscription:
            self._resyncing.add(book.symbol)
            self._spawn(self._resync(book))

    async def _resync(self, book: LiveBook) -> None:
        try:
            while book.keeper.trust in (Trust.SUSPECT, Trust.RESYNCING) and book.users:
                book.keeper.resyncing(self._clock.now())
                try:
                    await self._unsubscribe(Channel.BOOK, book.symbol, book.subscription)
                    book.subscription = await self._subscribe(Channel.BOOK, book.symbol)
                    await self._await_snapshot(book)
                except (TransportError, NotLoggedOn):
                    return  # the line is gone: its return brings the snapshot
                except RequestError as error:
                    book.keeper.no_answer(str(error), self._clock.now())
                    await self._clock.sleep_until(self._clock.now() + RESYNC_PAUSE)
        finally:
            self._resyncing.discard(book.symbol)

    async def _await_snapshot(self, book: LiveBook) -> None:
        """Give the snapshot its time; if it does not come, say so."""
        deadline = self._clock.now() + self._limits.answer
        wait = asyncio.ensure_future(book.wait_live())
        sleep = asyncio.ensure_future(self._clock.sleep_until(deadline))
        try:
            await asyncio.wait((wait, sleep), return_when=asyncio.FIRST_COMPLETED)
        finally:
            wait.cancel()
            sleep.cancel()
        if book.keeper.trust is Trust.RESYNCING and book.users:
            book.keeper.no_answer("no snapshot came in time", self._clock.now())
            if book.symbol not in self._resyncing:
                self.resync(book)

    # ------------------------------------------------------------------ trades and quotes

    @asynccontextmanager
    async def topic(
        self, topics: dict[str, Topic[T]], channel: Channel, symbol: str, bound: int
    ) -> AsyncGenerator[Stream[T]]:
        """Subscribe while somebody reads."""
        self._require(channel)
        if symbol not in self._seat.instruments:
            raise unknown_symbol(symbol, self._seat)
        topic = topics.setdefault(symbol, Topic(self._clock.now))
        stream = topic.readers.open(bound)
        topic.users += 1
        try:
            if topic.users == 1:
                topic.subscription = await self._subscribe(channel, symbol)
            yield stream
        finally:
            stream.close()
            topic.users -= 1
            if topic.users == 0:
                topics.pop(symbol, None)
                self._spawn(self._unsubscribe(channel, symbol, topic.subscription))

    async def _subscribe(self, channel: Channel, symbol: str) -> str:
        answer = await self._requests.ask(Subscribe(channel=channel, symbol=symbol))
        assert isinstance(answer, SubscriptionAccepted), answer
        return answer.ref or ""

    async def _unsubscribe(self, channel: Channel, symbol: str, subscription: str) -> None:
        if not subscription:
            return
        try:
            await self._requests.ask(Unsubscribe(channel=channel, symbol=symbol, subscription=subscription))
        except (TransportError, NotLoggedOn, RequestError) as error:
            logger.debug("unsubscribe of %s %s: %s", channel, symbol, error)

    def _require(self, channel: Channel) -> None:
        if channel not in self._capabilities.channels:
            have = ", ".join(sorted(self._capabilities.channels))
            raise LocalProtocolError(f"this venue has no {channel} channel; it has {have}")

    def end(self, error: VenueError | None) -> None:
        """The client is gone."""
        for book in self.books.values():
            book.end(error)
        for trades in self.trades.values():
            trades.readers.end(error)
        for quotes in self.quotes.values():
            quotes.readers.end(error)


def unknown_symbol(symbol: str, seat: Seat) -> LocalProtocolError:
    """The error for a symbol the venue does not have, naming some it has."""
    known = sorted(seat.instruments)
    some = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
    return LocalProtocolError(f"unknown symbol {symbol!r}; this venue has {some or 'none'}")
