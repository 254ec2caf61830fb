"""Market data for users: books that are kept, trades and quotes that are handed on, each subscribed to once."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

from venuewire.book.keeper import BookKeeper
from venuewire.client.live import BookChange, KeptBook, LiveBook
from venuewire.client.metrics import Metrics
from venuewire.client.requests import Requests
from venuewire.client.stream import FanOut, Policy, Stream
from venuewire.client.subscription import Subscription
from venuewire.client.waiting import before
from venuewire.errors import LocalProtocolError, NotLoggedOn, RequestRejected, TransportError, VenueError
from venuewire.model.market import Quote, Trade
from venuewire.model.session import Gap
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Nanos, Trust
from venuewire.transport.clock import Clock
from venuewire.venue import Capabilities, Limits, Seat

logger = logging.getLogger("venuewire.client")

T = TypeVar("T", Trade, Quote)

READER_BOUND = 10_000
# Pauses before something is asked for again that did not come: 1, 2, 4 ... seconds.
FIRST_PAUSE = NANOS_PER_SECOND
LONGEST_PAUSE = 30 * NANOS_PER_SECOND
# A subscription that was accepted once and is then refused so many times in a row is not coming back.
REFUSALS = 5


class Topic(Generic[T]):
    """One channel of one symbol, and who reads it."""

    def __init__(self, channel: Channel, symbol: str, now: Callable[[], Nanos]) -> None:
        self.channel = channel
        self.symbol = symbol
        self.readers: FanOut[T] = FanOut(now)
        self.users = 0
        self.subscription: Subscription | None = None
        self.renewing = False
        self.last: T | None = None
        self.last_time: Nanos = 0
        """When the last one was received."""
        self.count = 0
        self.gaps = 0
        self.last_gap: Gap | None = None
        self._now = now
        self._hole_from: Nanos = 0

    def put(self, item: T) -> None:
        """The hot path."""
        self.last = item
        self.last_time = item.recv_time
        self.count += 1
        if self.readers:
            self.readers.put(item)

    def missed(self, cause: str) -> None:
        """Something was lost, or nothing comes for now: told once, until `whole`."""
        if not self._hole_from:
            self._hole_from = self.last_time or self._now()
            self.gaps += 1
            self._tell(Gap(from_time=self._hole_from, to_time=self._now(), cause=cause, repaired=False))

    def whole(self, cause: str) -> None:
        """It flows again; what happened in between stays unknown."""
        if self._hole_from:
            self._tell(Gap(from_time=self._hole_from, to_time=self._now(), cause=cause, repaired=True))
            self._hole_from = 0

    def _tell(self, gap: Gap) -> None:
        self.last_gap = gap
        self.readers.put(gap)


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
        metrics: Metrics,
        cadence: Mapping[Channel, Nanos],
    ) -> None:
        self._requests = requests
        self._seat = seat
        self._capabilities = capabilities
        self._limits = limits
        self._clock = clock
        self._spawn = spawn
        self._metrics = metrics
        self._cadence = cadence
        self.books: dict[str, KeptBook] = {}
        self.trades: dict[str, Topic[Trade]] = {}
        self.quotes: dict[str, Topic[Quote]] = {}

    # ------------------------------------------------------------------ books

    def book(self, symbol: str, *, bound: int, policy: Policy) -> LiveBook:
        """A hold on the book of a symbol. Raises `LocalProtocolError`."""
        self._require(Channel.BOOK, symbol)
        return LiveBook(symbol, self, bound=bound, policy=policy)

    async def enter(self, symbol: str) -> KeptBook:
        """See `live.Keeping`."""
        kept = self.books.get(symbol) or self._new_book(symbol)
        kept.users += 1
        try:
            if kept.subscription is not None:
                await kept.subscription.accepted()
            await kept.wait_live()
        except BaseException:
            self.leave(kept)
            raise
        return kept

    def _new_book(self, symbol: str) -> KeptBook:
        instrument = self._seat.instruments[symbol]
        depth = self._capabilities.book_depth
        keeper = BookKeeper(symbol, instrument.price_scale, instrument.qty_scale, depth=depth)
        kept = KeptBook(keeper, self._clock.now)
        keeper.resyncing(self._clock.now())
        # Before the subscription: a venue that needs nothing on the wire may answer at once.
        self.books[symbol] = kept
        try:
            kept.subscription = Subscription(
                self._requests, Channel.BOOK, symbol, lambda error: self._book_lost(kept, error)
            )
        except BaseException:
            del self.books[symbol]
            raise
        return kept

    def leave(self, kept: KeptBook) -> None:
        """See `live.Keeping`."""
        kept.users -= 1
        if kept.users == 0:
            if self.books.get(kept.symbol) is kept:
                del self.books[kept.symbol]
            kept.keeper.stale("nobody uses it any more", self._clock.now())
            if kept.subscription is not None:
                kept.subscription.end()

    def applied(self, message: BookChange) -> None:
        """The hot path."""
        kept = self.books.get(message.symbol)
        if kept is not None:
            kept.applied(message)
            if kept.keeper.wants_resync:
                self.resync(kept)

    def _book_lost(self, kept: KeptBook, error: VenueError) -> None:
        """The venue had accepted the subscription, and does not give it again."""
        kept.keeper.stale(f"the subscription was lost: {error}", self._clock.now())
        kept.left_live()
        self.resync(kept)

    def resync(self, kept: KeptBook) -> None:
        """Ask for a new snapshot; one request in flight per book."""
        if not kept.resyncing and kept.subscription is not None and kept.error is None:
            kept.resyncing = True
            self._metrics.count("resyncs", symbol=kept.symbol)
            self._spawn(self._resync(kept, kept.subscription))

    async def _resync(self, kept: KeptBook, subscription: Subscription) -> None:
        pause, refusals = FIRST_PAUSE, 0
        try:
            while kept.users and kept.error is None and kept.keeper.trust is not Trust.LIVE:
                kept.keeper.resyncing(self._clock.now())
                try:
                    await subscription.renew()
                    await self._snapshot_in_time(kept)
                except (TransportError, NotLoggedOn):
                    return  # the line is gone: its return brings the snapshot
                except VenueError as error:
                    refusals += isinstance(error, (RequestRejected, LocalProtocolError))
                    if refusals >= REFUSALS:
                        kept.end(error)
                        return
                    kept.keeper.no_answer(str(error), self._clock.now())
                    await self._clock.sleep_until(self._clock.now() + pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            kept.resyncing = False

    async def _snapshot_in_time(self, kept: KeptBook) -> None:
        """Give the snapshot its time; if it does not come, say so."""
        try:
            await before(self._clock, self._clock.now() + self._limits.answer, kept.wait_live())
        except TimeoutError:
            kept.keeper.no_answer("no snapshot came in time", self._clock.now())

    async def _await_restored(self, kept: KeptBook) -> None:
        await self._snapshot_in_time(kept)
        if kept.users and kept.keeper.wants_resync:
            self.resync(kept)

    # ------------------------------------------------------------------ trades and quotes

    @asynccontextmanager
    async def topic(
        self, topics: dict[str, Topic[T]], channel: Channel, symbol: str, bound: int, policy: Policy
    ) -> AsyncGenerator[Stream[T]]:
        """Subscribe while somebody reads."""
        self._require(channel, symbol)
        topic = topics.get(symbol) or self._new_topic(topics, channel, symbol)
        stream = topic.readers.open(bound, policy)
        topic.users += 1
        try:
            if topic.subscription is not None:
                await topic.subscription.accepted()
            yield stream
        finally:
            stream.close()
            self._leave_topic(topics, topic)

    def _new_topic(self, topics: dict[str, Topic[T]], channel: Channel, symbol: str) -> Topic[T]:
        topic = topics[symbol] = Topic[T](channel, symbol, self._clock.now)
        try:
            topic.subscription = Subscription(
                self._requests, channel, symbol, lambda error: self._topic_lost(topic, error)
            )
        except BaseException:
            del topics[symbol]
            raise
        return topic

    def _leave_topic(self, topics: dict[str, Topic[T]], topic: Topic[T]) -> None:
        topic.users -= 1
        if topic.users == 0:
            if topics.get(topic.symbol) is topic:
                del topics[topic.symbol]
            if topic.subscription is not None:
                topic.subscription.end()

    def _topic_lost(self, topic: Topic[Any], error: VenueError) -> None:
        topic.missed(f"the subscription was lost: {error}")
        self._renew_topic(topic)

    def _renew_topic(self, topic: Topic[Any]) -> None:
        if not topic.renewing and topic.subscription is not None:
            topic.renewing = True
            self._spawn(self._renew(topic, topic.subscription))

    async def _renew(self, topic: Topic[Any], subscription: Subscription) -> None:
        pause, refusals = FIRST_PAUSE, 0
        try:
            while topic.users:
                try:
                    await subscription.renew()
                except (TransportError, NotLoggedOn):
                    return  # the line is gone: with it comes the subscription
                except VenueError as error:
                    refusals += isinstance(error, (RequestRejected, LocalProtocolError))
                    if refusals >= REFUSALS:
                        topic.readers.end(error)
                        return
                    await self._clock.sleep_until(self._clock.now() + pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
                else:
                    topic.last_time = self._clock.now()
                    topic.whole("subscribed again")
                    return
        finally:
            topic.renewing = False

    # ------------------------------------------------------------------ what becomes of a line

    def _topics(self) -> Iterator[Topic[Trade] | Topic[Quote]]:
        yield from self.trades.values()
        yield from self.quotes.values()

    def _books_of(self, line: str) -> list[KeptBook]:
        return [kept for kept in self.books.values() if kept.subscription and kept.subscription.line == line]

    def _topics_of(self, line: str) -> list[Topic[Trade] | Topic[Quote]]:
        return [topic for topic in self._topics() if topic.subscription and topic.subscription.line == line]

    def suspect(self, cause: str, line: str) -> None:
        """Messages of a line are missing: everything it feeds is in doubt."""
        for kept in self._books_of(line):
            kept.keeper.suspect(cause, self._clock.now())
            kept.left_live()
            if kept.keeper.wants_resync:
                self.resync(kept)
        for topic in self._topics_of(line):
            topic.missed(cause)
            topic.whole("the line goes on")

    def stale(self, cause: str, line: str) -> None:
        """A line is gone, or says nothing that counts."""
        for kept in self._books_of(line):
            kept.keeper.stale(cause, self._clock.now())
            kept.left_live()
        for topic in self._topics_of(line):
            topic.missed(cause)

    def restoring(self, line: str) -> None:
        """A line is back and its subscriptions have been sent again: their snapshots are on the way."""
        for kept in self._books_of(line):
            kept.keeper.resyncing(self._clock.now())
            if not kept.resyncing:
                self._spawn(self._await_restored(kept))
        for topic in self._topics_of(line):
            topic.last_time = self._clock.now()
            topic.whole("the line is back")

    def renew(self, line: str) -> None:
        """What is subscribed on a line is not to be counted on: ask for all of it again."""
        for kept in self._books_of(line):
            self.resync(kept)
        for topic in self._topics_of(line):
            self._renew_topic(topic)

    def end_line(self, line: str, error: VenueError) -> None:
        """The line will not come back by itself."""
        for kept in self._books_of(line):
            kept.end(error)
            self.books.pop(kept.symbol, None)
        for topic in self._topics_of(line):
            topic.readers.end(error)
            self.trades.pop(topic.symbol, None) if topic.channel is Channel.TRADES else self.quotes.pop(topic.symbol)

    def end(self, error: VenueError | None) -> None:
        """The client is gone."""
        for kept in self.books.values():
            kept.end(error)
        for topic in self._topics():
            topic.readers.end(error)

    # ------------------------------------------------------------------ what is silent for too long

    def next_overdue(self) -> Nanos | None:
        """When the first channel with a cadence will have been silent for too long; None when none has one."""
        times = [time + self._cadence[channel] for channel, time in self._watched()]
        return min(times, default=None)

    def _watched(self) -> Iterator[tuple[Channel, Nanos]]:
        if Channel.BOOK in self._cadence:
            for kept in self.books.values():
                if kept.keeper.trust is Trust.LIVE:
                    yield Channel.BOOK, kept.keeper.last_good
        for topic in self._topics():
            if topic.channel in self._cadence and not topic.renewing and topic.last_time:
                yield topic.channel, topic.last_time

    def check_silence(self, is_up: Callable[[str], bool]) -> None:
        """Doubt what has been silent for longer than its channel ever is, and ask for it anew; `is_up` says of a line
        whether it stands, for what is on one that does not is dealt with when it comes back."""
        now = self._clock.now()
        longest = self._cadence.get(Channel.BOOK)
        for kept in list(self.books.values()):
            if longest is None or kept.keeper.trust is not Trust.LIVE or now - kept.keeper.last_good < longest:
                continue
            kept.keeper.stale(f"no message for {longest / NANOS_PER_SECOND:g} s", now)
            kept.left_live()
            if kept.subscription is not None and is_up(kept.subscription.line):
                self.resync(kept)
        for topic in list(self._topics()):
            longest = self._cadence.get(topic.channel)
            if longest is not None and topic.last_time and now - topic.last_time >= longest:
                topic.missed(f"no message for {longest / NANOS_PER_SECOND:g} s")
                topic.last_time = now
                if topic.subscription is not None and is_up(topic.subscription.line):
                    self._renew_topic(topic)

    # ------------------------------------------------------------------ the rest

    def _require(self, channel: Channel, symbol: str) -> None:
        if channel not in self._capabilities.channels:
            have = ", ".join(sorted(self._capabilities.channels))
            raise LocalProtocolError(f"this venue has no {channel} channel; it has {have}")
        if symbol not in self._seat.instruments:
            raise unknown_symbol(symbol, self._seat)

    def describe_books(self) -> dict[str, dict[str, Any]]:
        """See `Client.health`."""
        now = self._clock.now()
        return {
            symbol: {
                "trust": str(kept.keeper.trust),
                "cause": kept.keeper.cause,
                "updates": kept.keeper.updates,
                "resyncs": kept.keeper.resyncs,
                "gaps": kept.keeper.gaps,
                "last_gap": _gap(kept.keeper.last_gap),
                "age_s": (now - kept.keeper.last_good) // 1_000_000 / 1_000 if kept.keeper.last_good else None,
                "users": kept.users,
                "dropped_by_readers": kept.readers.dropped,
                "readers": kept.readers.describe(),
            }
            for symbol, kept in self.books.items()
        }

    def describe_topics(self) -> dict[str, dict[str, dict[str, Any]]]:
        """See `Client.health`."""
        described: dict[str, dict[str, dict[str, Any]]] = {}
        for topic in self._topics():
            described.setdefault(str(topic.channel), {})[topic.symbol] = {
                "count": topic.count,
                "gaps": topic.gaps,
                "last_gap": _gap(topic.last_gap),
                "users": topic.users,
                "dropped_by_readers": topic.readers.dropped,
                "readers": topic.readers.describe(),
            }
        return described

    def ages(self) -> dict[str, float]:
        """Seconds since the last message of each channel, over all its symbols."""
        last: dict[str, Nanos] = {}
        for kept in self.books.values():
            last["BOOK"] = max(last.get("BOOK", 0), kept.keeper.last_good)
        for topic in self._topics():
            last[str(topic.channel)] = max(last.get(str(topic.channel), 0), topic.last_time)
        now = self._clock.now()
        return {channel: (now - time) // 1_000_000 / 1_000 for channel, time in last.items() if time}


def _gap(gap: Gap | None) -> dict[str, Any] | None:
    if gap is None:
        return None
    return {"from": gap.from_time, "to": gap.to_time, "cause": gap.cause, "repaired": gap.repaired}


def unknown_symbol(symbol: str, seat: Seat) -> LocalProtocolError:
    """The error for a symbol the venue does not have, naming some it has."""
    known = sorted(seat.instruments)
    some = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
    return LocalProtocolError(f"unknown symbol {symbol!r}; this venue has {some or 'none'}")
