"""Market data for users: books that are kept, and what becomes of them and of `topics` when a line is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from venuewire.book.keeper import BookKeeper
from venuewire.client.express import ExpressBooks
from venuewire.client.lag import delay, line_lag, seconds
from venuewire.client.live import BookChange, KeptBook, LiveBook
from venuewire.client.metrics import Metrics
from venuewire.client.requests import Requests
from venuewire.client.stream import Policy, Stream
from venuewire.client.subscription import Subscription
from venuewire.client.topics import Topics, described_gap
from venuewire.client.waiting import FIRST_PAUSE, LONGEST_PAUSE, REFUSALS, before, first_of
from venuewire.errors import LocalProtocolError, NotLoggedOn, RequestRejected, TransportError, VenueError
from venuewire.model.session import Subscribe
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Nanos, Trust
from venuewire.transport.clock import Clock
from venuewire.venue import Capabilities, Limits, Seat

logger = logging.getLogger("venuewire.client")

READER_BOUND = 10_000
_DOUBLINGS = 6
"""A wait that doubles with each try does so no more often than this."""


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
        express: ExpressBooks,
    ) -> None:
        self._requests = requests
        self._seat = seat
        self._capabilities = capabilities
        self._limits = limits
        self._clock = clock
        self._spawn = spawn
        self._metrics = metrics
        self._cadence = cadence
        self._express = express
        self._patience: Nanos = FIRST_PAUSE
        """Twice the longest that a snapshot has taken so far, a second at least."""
        self.books: dict[str, KeptBook] = {}
        self.topics = Topics(requests, clock, spawn)

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
        kept = KeptBook(keeper, self._clock.now, self.resync)
        keeper.resyncing(self._clock.now())
        # Before the subscription: a venue that needs nothing on the wire may answer at once.
        self.books[symbol] = kept
        try:
            wanted = Subscribe(channel=Channel.BOOK, symbol=symbol)
            kept.subscription = Subscription(self._requests, wanted, lambda error: self._book_lost(kept, error))
            self._spawn(self._await_first(kept, kept.subscription))
        except BaseException:
            del self.books[symbol]
            raise
        self._express.enter(keeper.book)
        return kept

    def leave(self, kept: KeptBook) -> None:
        """See `live.Keeping`."""
        kept.users -= 1
        if kept.users == 0:
            if self.books.get(kept.symbol) is kept:
                del self.books[kept.symbol]
            self._express.leave(kept.keeper.book)
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
        pause, refusals, tries = FIRST_PAUSE, 0, 0
        try:
            while kept.users and kept.error is None and kept.keeper.trust is not Trust.LIVE:
                kept.keeper.resyncing(self._clock.now())
                kept.doubted.clear()
                asked = self._clock.now()
                try:
                    await subscription.renew()
                    await self._snapshot_in_time(kept, asked, tries)
                    tries += 1
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

    async def _snapshot_in_time(self, kept: KeptBook, asked: Nanos, tries: int = 0) -> None:
        """Give the snapshot its time; if it does not come, say so.

        Where messages of its line have been missing since it was asked for, it may have been among them: then it is
        given what snapshots of this venue have taken so far, longer with each try, and not the longest of all.
        """
        deadline = self._clock.now() + self._limits.answer
        try:
            await before(self._clock, deadline, first_of(kept.wait_live(), kept.doubted.wait()))
            if kept.keeper.trust is not Trust.LIVE:
                patience = self._patience << min(tries, _DOUBLINGS)
                await before(self._clock, min(deadline, self._clock.now() + patience), kept.wait_live())
        except TimeoutError:
            kept.keeper.no_answer("no snapshot came in time", self._clock.now())
        except VenueError:
            return  # it is kept no more, as everybody who waits for it is told
        else:
            self._patience = max(self._patience, 2 * (self._clock.now() - asked))

    async def _await_first(self, kept: KeptBook, subscription: Subscription) -> None:
        """The first snapshot may get lost like any other."""
        try:
            await subscription.accepted()
        except VenueError:
            return  # `enter` tells it
        await self._await_restored(kept)

    async def _await_restored(self, kept: KeptBook) -> None:
        await self._snapshot_in_time(kept, self._clock.now())
        if kept.users and kept.keeper.wants_resync:
            self.resync(kept)

    # ------------------------------------------------------------------ what becomes of a line

    def _books_of(self, line: str) -> list[KeptBook]:
        return [kept for kept in self.books.values() if kept.subscription and kept.subscription.line == line]

    def suspect(self, cause: str, line: str) -> None:
        """Messages of a line are missing: everything it feeds is in doubt."""
        for kept in self._books_of(line):
            kept.keeper.suspect(cause, self._clock.now())
            kept.doubted.set()
            kept.left_live()
            if kept.keeper.wants_resync:
                self.resync(kept)
        self.topics.doubt(line, cause)

    def stale(self, cause: str, line: str) -> None:
        """A line is gone, or says nothing that counts."""
        for kept in self._books_of(line):
            kept.keeper.stale(cause, self._clock.now())
            kept.left_live()
        for topic in self.topics.of_line(line):
            topic.missed(cause)

    def restoring(self, line: str) -> None:
        """A line is back and its subscriptions have been sent again: their snapshots are on the way."""
        for kept in self._books_of(line):
            kept.keeper.resyncing(self._clock.now())
            kept.doubted.clear()
            if not kept.resyncing:
                self._spawn(self._await_restored(kept))
        for topic in self.topics.of_line(line):
            topic.last_time = self._clock.now()
            topic.whole("the line is back")

    def renew(self, line: str) -> None:
        """What is subscribed on a line is not to be counted on: ask for all of it again."""
        for kept in self._books_of(line):
            self.resync(kept)
        for topic in self.topics.of_line(line):
            self.topics.renew(topic)

    def end_line(self, line: str, error: VenueError) -> None:
        """The line will not come back by itself."""
        for kept in self._books_of(line):
            kept.end(error)
            self.books.pop(kept.symbol, None)
        self.topics.end_line(line, error)

    def end(self, error: VenueError | None) -> None:
        """The client is gone."""
        for kept in self.books.values():
            kept.end(error)
        self.topics.end(error)

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
        for topic in self.topics:
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
        for topic in list(self.topics):
            longest = self._cadence.get(topic.channel)
            if longest is not None and topic.last_time and now - topic.last_time >= longest:
                topic.missed(f"no message for {longest / NANOS_PER_SECOND:g} s")
                topic.last_time = now
                if topic.subscription is not None and is_up(topic.subscription.line):
                    self.topics.renew(topic)

    # ------------------------------------------------------------------ the rest

    def reading(self, wanted: Subscribe, bound: int, policy: Policy) -> AbstractAsyncContextManager[Stream[Any]]:
        """A feed that is handed on as it comes. Raises `LocalProtocolError` for what the venue does not have."""
        self._require(wanted.channel, wanted.symbol)
        return self.topics.reading(wanted, bound, policy)

    def _require(self, channel: Channel, symbol: str | None) -> None:
        if channel not in self._capabilities.channels:
            have = ", ".join(sorted(self._capabilities.channels))
            raise LocalProtocolError(f"this venue has no {channel} channel; it has {have}")
        if symbol is not None and symbol not in self._seat.instruments:
            raise unknown_symbol(symbol, self._seat)

    def describe_books(self) -> dict[str, dict[str, Any]]:
        """See `Client.health`."""
        now, offset = self._clock.now(), self._seat.clock_offset
        return {
            symbol: {
                "trust": str(kept.keeper.trust),
                "cause": kept.keeper.cause,
                "updates": kept.keeper.updates,
                "resyncs": kept.keeper.resyncs,
                "gaps": kept.keeper.gaps,
                "last_gap": described_gap(kept.keeper.last_gap),
                "lag_s": seconds(line_lag(kept.keeper.book)),
                "delay_s": seconds(delay(kept.keeper.book.transact_time, kept.keeper.last_good, offset)),
                "age_s": (now - kept.keeper.last_good) // 1_000_000 / 1_000 if kept.keeper.last_good else None,
                "users": kept.users,
                "dropped_by_readers": kept.readers.dropped,
                "readers": kept.readers.describe(),
            }
            for symbol, kept in self.books.items()
        }

    def ages(self) -> dict[str, float]:
        """Seconds since the last message of each channel, over all its symbols."""
        last: dict[str, Nanos] = {}
        for kept in self.books.values():
            last["BOOK"] = max(last.get("BOOK", 0), kept.keeper.last_good)
        for topic in self.topics:
            last[str(topic.channel)] = max(last.get(str(topic.channel), 0), topic.last_time)
        now = self._clock.now()
        return {channel: (now - time) // 1_000_000 / 1_000 for channel, time in last.items() if time}


def unknown_symbol(symbol: str, seat: Seat) -> LocalProtocolError:
    """The error for a symbol the venue does not have, naming some it has."""
    known = sorted(seat.instruments)
    some = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
    return LocalProtocolError(f"unknown symbol {symbol!r}; this venue has {some or 'none'}")
