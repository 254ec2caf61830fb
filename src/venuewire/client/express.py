"""The books of a client whose plain updates go by express: straight from a line, past session and event."""

from __future__ import annotations

from collections.abc import Callable

from venuewire.book import OrderBook, keeper, twins
from venuewire.model.terms import Nanos
from venuewire.session.session import Session
from venuewire.venue import Seat, Venue

Take = Callable[[bytes, Nanos], bool]
"""What a line asks first, with each frame: True when the frame is dealt with."""


class ExpressBooks:
    """By the names that frames have for them. All lines of a client share them."""

    def __init__(self, venue: Venue, seat: Seat) -> None:
        self._venue = venue
        self._seat = seat
        self._key: Callable[[str], bytes] | None = None
        self._books: dict[bytes, OrderBook] = {}
        self._sharing: dict[bytes, list[OrderBook]] = {}
        """Books that one name stands for; more than one go the ordinary way."""

    def of_line(self, endpoint: str, session: Session) -> Take | None:
        """The express of a line; None where the venue has none for it."""
        make = self._venue.express
        plan = None if make is None else make(endpoint, self._seat, session.initiator)
        if plan is None:
            return None
        self._key = plan.key
        numbered = self._venue.capabilities.sequence
        express = twins.express(plan, session.intake, self._books, numbered=numbered, max_lag=keeper.MAX_LAG)
        return express.take

    def enter(self, book: OrderBook) -> None:
        """From now on its updates may go by express."""
        if self._key is not None:
            key = self._key(book.symbol)
            self._sharing.setdefault(key, []).append(book)
            self._settle(key)

    def leave(self, book: OrderBook) -> None:
        """No more."""
        if self._key is not None:
            key = self._key(book.symbol)
            self._sharing[key].remove(book)
            self._settle(key)

    def _settle(self, key: bytes) -> None:
        books = self._sharing[key]
        if len(books) == 1:
            self._books[key] = books[0]
        else:
            self._books.pop(key, None)
        if not books:
            del self._sharing[key]
