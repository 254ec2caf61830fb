"""Express for books that are told by quote ids, straight from the line to their tables and on. It has a native twin.

    bytes ──spelling──> number, whose book, body ──read──> quotes ──> table ──> rows ──> book ──> who listens

As in `express.py`: a frame is taken whole, or left alone, untouched, to the ordinary way. Both ways change one table.
"""

from __future__ import annotations

from collections.abc import Mapping

from venuewire.book.core import Core
from venuewire.book.express import Intake, Way
from venuewire.errors import RemoteProtocolError
from venuewire.model.market import given
from venuewire.model.terms import Nanos
from venuewire.venue import QuoteExpress as Plan


class QuoteExpress(Way):
    """Of one line whose updates are quotes by id."""

    __slots__ = ("_tables",)

    def __init__(self, plan: Plan, intake: Intake, books: Mapping[bytes, Core], *, numbered: bool) -> None:
        super().__init__(plan.spelling, intake, books, numbered=numbered)
        self._tables = plan.tables

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
        return self._settle(book, rows, payload, body, given(rows), None, 0, now)
