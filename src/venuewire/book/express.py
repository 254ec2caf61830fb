"""Express: plain book updates, straight from the line to their books. Pure Python; it has a native twin.

    bytes ──spelling──> number, whose book, time, body ──read──> rows ──> book ──> who listens

It takes a frame whole or leaves it alone, untouched, to the ordinary way (`Initiator.open` and `receive`, the session,
the keeper), which would come to the same. What comes out crossed or late it hands to the keeper by `Core.unsound`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from venuewire.book.core import Core
from venuewire.codec import Spelling, spelled_time
from venuewire.errors import BookError, RemoteProtocolError
from venuewire.model.market import BookUpdate, LevelReader, LevelRow
from venuewire.model.shape import Shape
from venuewire.model.terms import Nanos
from venuewire.venue import Express as Plan


class Intake(Protocol):
    """What comes in on one line, counted: the session's, and with each frame that goes by express."""

    open: bool
    frames_in: int
    bytes_in: int
    expected: int
    last_received: Nanos


class Way:
    """What is the same for every express of a line. `books` is by the name frames have for each; it may change at any
    time."""

    __slots__ = ("_books", "_intake", "_match", "_max_lag", "_numbered", "_tail")

    def __init__(
        self, spelling: Spelling, intake: Intake, books: Mapping[bytes, Core], *, numbered: bool, max_lag: Nanos = 0
    ) -> None:
        self._match = spelling.match
        self._tail = spelling.tail
        self._intake = intake
        self._books = books
        self._numbered = numbered
        self._max_lag = max_lag

    def _settle(
        self,
        book: Core,
        rows: Iterable[LevelRow],
        payload: bytes,
        body: bytes,
        read: LevelReader,
        shape: Shape | None,
        time: Nanos,
        now: Nanos,
    ) -> bool:
        """Count the frame, apply its rows, tell who listens. True: from here on it is dealt with, whatever comes of
        it."""
        intake = self._intake
        intake.frames_in += 1
        intake.bytes_in += len(payload)
        intake.expected += self._numbered
        intake.last_received = now
        damage = ""
        try:
            book.apply_rows(rows)
        except (BookError, RemoteProtocolError) as error:  # of a reader that reads as it goes
            damage = str(error)
        bid, ask = book.bids.best, book.asks.best
        crossed = bid is not None and ask is not None and bid >= ask
        if damage or crossed or (time and not 0 <= now - time - book.least_lag <= self._max_lag):
            if book.unsound is None or not book.unsound(time, now, damage):
                return True
        else:
            book.transact_time = time
            book.last_good = now
            book.updates += 1
        if book.told is not None:
            book.told(
                BookUpdate(
                    symbol=book.symbol,
                    body=body,
                    read=read,
                    shape=shape,
                    price_scale=book.price_scale,
                    size_scale=book.size_scale,
                    transact_time=time,
                    recv_time=now,
                )
            )
        return True


class Express(Way):
    """Of one line whose updates are rows by price."""

    __slots__ = ("_is_timed", "_plan")

    def __init__(
        self, plan: Plan, intake: Intake, books: Mapping[bytes, Core], *, numbered: bool, max_lag: Nanos
    ) -> None:
        super().__init__(plan.spelling, intake, books, numbered=numbered, max_lag=max_lag)
        self._plan = plan
        self._is_timed = plan.spelling.is_timed

    def take(self, payload: bytes, now: Nanos) -> bool:
        """True: the frame is dealt with. False: nothing has changed, and it must go the ordinary way.

        Raises only what a listener raises.
        """
        found, intake = self._match(payload), self._intake
        if found is None or not intake.open or not payload.endswith(self._tail):
            return False
        book = self._books.get(found["key"])
        if book is None or not book.live or (self._numbered and int(found["seq"]) != intake.expected):
            return False
        plan, body = self._plan, payload[found.start("body") : -len(self._tail)]
        try:
            rows = plan.read(body, book.price_scale, book.size_scale)
            time = spelled_time(found) if self._is_timed else 0
        except RemoteProtocolError:
            return False
        return self._settle(book, rows, payload, body, plan.read, plan.shape, time, now)
