"""Express for books that are told by quote ids, straight from the line to their tables and on. It has a native twin.

    bytes ──spelling──> number, whose book, body ──read──> quotes ──> table ──> rows ──> book ──> who listens

As in `express.py`: a frame is taken whole, or left alone, untouched, to the ordinary way. Both ways change one table.
"""

from __future__ import annotations

from collections.abc import Mapping

from venuewire.book.core import Core
from venuewire.book.express import Intake
from venuewire.errors import BookError, RemoteProtocolError
from venuewire.model.market import BookUpdate, LevelRow, given
from venuewire.model.terms import Nanos
from venuewire.venue import QuoteExpress as Plan


class QuoteExpress:
    """Of one line; see `express.Express`."""

    __slots__ = ("_books", "_intake", "_match", "_numbered", "_tables", "_tail")

    def __init__(self, plan: Plan, intake: Intake, books: Mapping[bytes, Core], *, numbered: bool) -> None:
        self._match = plan.spelling.match
        self._tail = plan.spelling.tail
        self._tables = plan.tables
        self._intake = intake
        self._books = books
        self._numbered = numbered

    def take(self, payload: bytes, now: Nanos) -> bool:
        """True: the frame is dealt with. False: nothing has changed, and it must go the ordinary way.

        Raises only what a listener raises.
        """
        found, intake = self._match(payload), self._intake
        if found is None or not intake.open or not payload.endswith(self._tail):
            return False
        name = found["key"]
        book = self._books.get(name)
        if book is None or not book.live or (self._numbered and int(found["seq"]) != intake.expected):
            return False
        body = payload[found.start("body") : -len(self._tail)]
        if body[-1:].isspace():  # what the ordinary way hands on as the body has none
            return False
        try:
            rows = self._tables.take(name, body)
        except RemoteProtocolError:
            return False
        intake.frames_in += 1
        intake.bytes_in += len(payload)
        intake.expected += self._numbered
        intake.last_received = now
        if self._is_shown(book, rows, now) and book.told is not None:
            book.told(
                BookUpdate(
                    symbol=book.symbol,
                    body=body,
                    read=given(rows),
                    price_scale=book.price_scale,
                    size_scale=book.size_scale,
                    recv_time=now,
                )
            )
        return True

    @staticmethod
    def _is_shown(book: Core, rows: list[LevelRow], now: Nanos) -> bool:
        """Apply the rows: did they leave a book that may be shown?"""
        damage = ""
        try:
            book.apply_rows(rows)
        except BookError as error:
            damage = str(error)
        bid, ask = book.bids.best, book.asks.best
        if damage or (bid is not None and ask is not None and bid >= ask):
            return book.unsound is not None and book.unsound(0, now, damage)
        book.transact_time = 0
        book.last_good = now
        book.updates += 1
        return True
