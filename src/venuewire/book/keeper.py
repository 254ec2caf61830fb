"""BookKeeper: a book together with whether it may be relied on, and the procedure that keeps it so. Sans-IO.

The procedure, the same for all venues (`states.py` has its table):

1. Updates before the snapshot are dropped: the snapshot holds them.
2. A snapshot replaces the book, whatever state it was in, and makes it LIVE.
3. All rows of an update are applied before the book is looked at.
4. A book that is crossed or locked after a whole message, a message that cannot be read or applied, or a number
   missing from the line make it SUSPECT: `wants_resync` asks whoever holds the line for a new snapshot. One request
   is in flight at a time: `resyncing` tells that it has been sent, `no_answer` that it failed.
5. Updates that reach us more than `MAX_LAG` later than the quickest of this line did are old, however whole: the book
   is kept, but STALE until they are young again. (The difference to the quickest, so that clocks need not agree.)
6. Whenever a book leaves LIVE there is a `Gap`, and another one, repaired, when a snapshot has made it whole.
"""

from __future__ import annotations

from collections import deque

from venuewire.book.book import OrderBook
from venuewire.book.core import NEVER
from venuewire.book.states import BEGIN, LIVE, SUSPECT, TRANSITIONS, Happening
from venuewire.errors import BookError, RemoteProtocolError
from venuewire.model.market import BookSnapshot, BookUpdate
from venuewire.model.session import Gap
from venuewire.model.terms import NANOS_PER_SECOND, Nanos, Trust

MAX_LAG = 3 * NANOS_PER_SECOND
"""How much later than the quickest an update may reach us and still be called current."""

# Gaps that nobody takes do not pile up for ever; the oldest go first.
_MAX_GAPS = 256


class BookKeeper:
    """Keeps one book right, and says when it cannot."""

    __slots__ = ("_gaps", "_lagging", "_left_live", "book", "cause", "dropped", "gaps", "last_gap", "resyncs", "trust")

    def __init__(self, symbol: str, price_scale: int, size_scale: int, *, depth: int | None = None) -> None:
        self.book = OrderBook(symbol, price_scale, size_scale, depth)
        """May be read in any state; only while `trust` is LIVE is it what the venue has."""
        self.trust: Trust = BEGIN
        self.cause = ""
        """Why the book is not LIVE; empty while it is, and before its first snapshot."""
        self.dropped = 0
        """Updates that were not applied because the book was not LIVE."""
        self.resyncs = 0
        """Times a snapshot made the book whole again."""
        self.gaps = 0
        """Times the book has left LIVE."""
        self.last_gap: Gap | None = None
        """The newest gap there was; `repaired` once a snapshot has made the book whole again."""
        self._left_live: Nanos | None = None
        self._lagging = False
        self._gaps: deque[Gap] = deque(maxlen=_MAX_GAPS)

    @property
    def wants_resync(self) -> bool:
        """Should a new snapshot be asked for? False again once `resyncing` has been told."""
        return self.trust is SUSPECT

    def apply(self, message: BookSnapshot | BookUpdate) -> bool:
        """Take one message. True: the book has changed, is sound, and may be shown. Never raises for what a venue sent.

        Hot path: an update of a LIVE book is dealt with here, everything else in `_replace` and `_drop`.
        """
        if isinstance(message, BookSnapshot):
            return self._replace(message)
        if self.trust is not LIVE and not self._lagging:
            return self._drop(message)
        book = self.book
        price_scale, size_scale = message.price_scale, message.size_scale
        if price_scale != book.price_scale or size_scale != book.size_scale:
            return self._damaged("the instrument's scales have changed", message.recv_time)
        shape = message.shape
        try:
            if shape is None or not book.read(shape, message.body):
                book.apply_rows(message.read(message.body, price_scale, size_scale))
        except (BookError, RemoteProtocolError) as error:
            return self._damaged(str(error), message.recv_time)
        return self.settle(message.transact_time, message.recv_time)

    def settle(self, time: Nanos, now: Nanos, damage: str = "") -> bool:
        """The rows of an update have been applied: is the book sound, and young enough to be shown? `time` is the
        venue's, or 0; `damage` what was wrong with the rows."""
        book = self.book
        bid, ask = book.bids.best, book.asks.best
        if damage:
            return self._damaged(damage, now)
        if bid is not None and ask is not None and bid >= ask:
            return self._crossed(now)
        book.transact_time = time
        book.last_good = now
        book.updates += 1
        if 0 <= now - time - book.least_lag <= MAX_LAG and not self._lagging:
            return True
        return not time or self._is_current(now - time, now)

    @property
    def updates(self) -> int:
        """Messages applied, full books included."""
        return self.book.updates

    @property
    def last_good(self) -> Nanos:
        """When we received the last message that was applied and left a sound book; 0: none has."""
        return self.book.last_good

    def suspect(self, cause: str, now: Nanos) -> None:
        """Messages of the line are missing, came twice or out of order: what the book misses is not known."""
        self._move(Happening.MISS, cause, now)

    def stale(self, cause: str, now: Nanos) -> None:
        """The line is gone, or silent for too long."""
        self.book.least_lag = NEVER
        self._move(Happening.SILENCE, cause, now)

    def resyncing(self, now: Nanos) -> None:
        """A snapshot has been asked for, or a subscription that brings one has been sent (again)."""
        self._move(Happening.ASKED, self.cause or "a new snapshot was asked for", now)

    def no_answer(self, cause: str, now: Nanos) -> None:
        """The request for a snapshot was refused, or its snapshot did not come in time: it must be asked for again."""
        self._move(Happening.NO_ANSWER, cause, now)

    def require_live(self) -> OrderBook:
        """The book, when it may be relied on; raises `BookError` when not."""
        if self.trust is not LIVE:
            raise BookError(f"{self.book.symbol}: the book is {self.trust}: {self.cause or 'no snapshot has come yet'}")
        return self.book

    def take_gaps(self) -> list[Gap]:
        """What was missed since the last call, each told once, oldest first."""
        gaps = list(self._gaps)
        self._gaps.clear()
        return gaps

    # ------------------------------------------------------------------------------------------- inside

    def _is_current(self, lag: Nanos, now: Nanos) -> bool:
        """Note how long an update was on its way; False when that was too long."""
        least = self.book.least_lag
        if least == NEVER or lag < least:
            self.book.least_lag = least = min(max(lag, NEVER + 1), -NEVER)
        if lag - least > MAX_LAG:
            if not self._lagging:
                self._move(Happening.LAG, f"updates come {(lag - least) // NANOS_PER_SECOND} s late", now)
                self._lagging = True
            return False
        if self._lagging:
            self._move(Happening.CAUGHT_UP, "", now)
        return True

    def _replace(self, message: BookSnapshot) -> bool:
        try:
            self._load(message)
        except (BookError, RemoteProtocolError) as error:
            return self._damaged(str(error), message.recv_time)
        if self.book.is_crossed:
            return self._crossed(message.recv_time)
        book = self.book
        book.transact_time = message.transact_time
        book.last_good = message.recv_time
        book.updates += 1
        if self.trust is not LIVE:
            self._move(Happening.SNAPSHOT, "", message.recv_time)
        return True

    def _load(self, message: BookSnapshot) -> None:
        book, shape = self.book, message.shape
        price_scale, size_scale = message.price_scale, message.size_scale
        if shape is None or not book.read_whole(shape, message.body, price_scale, size_scale):
            book.replace(message.read(message.body, price_scale, size_scale), price_scale, size_scale)

    def _drop(self, message: BookUpdate) -> bool:
        self.dropped += 1
        self._move(Happening.UPDATE, self.cause, message.recv_time)
        return False

    def _crossed(self, now: Nanos) -> bool:
        book = self.book
        return self._damaged(f"the best bid {book.bid} is not below the best ask {book.ask}", now)

    def _damaged(self, cause: str, now: Nanos) -> bool:
        self._move(Happening.DAMAGE, cause, now)
        return False

    def _move(self, happening: Happening, cause: str, now: Nanos) -> None:
        before, self.trust = self.trust, TRANSITIONS[self.trust][happening]
        if happening is not Happening.LAG:
            self._lagging = False
        self.book.live = self.trust is LIVE
        if self.trust is before:
            return
        self.cause = cause
        if before is LIVE:
            self._left_live = self.book.last_good or now
            self.gaps += 1
            self._note(Gap(from_time=self._left_live, to_time=now, cause=cause, repaired=False))
        elif self.trust is LIVE and self._left_live is not None:
            how = "updates come in time again"
            if happening is Happening.SNAPSHOT:
                self.resyncs += 1
                how = "a new snapshot came"
            self._note(Gap(from_time=self._left_live, to_time=now, cause=how, repaired=True))
            self._left_live = None

    def _note(self, gap: Gap) -> None:
        self.last_gap = gap
        self._gaps.append(gap)
