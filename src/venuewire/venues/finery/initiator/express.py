"""Increments of a book, straight to it."""

from __future__ import annotations

from venuewire.venue import Express, Initiator, Seat
from venuewire.venues.finery import translate, wire
from venuewire.venues.finery.initiator.options import options


def express(_line: str, seat: Seat, _initiator: Initiator) -> Express | None:
    """Books are bound by their symbols, and frames call them so; a master's clients' books are called otherwise."""
    chosen = options(seat.settings)
    if chosen.client_id:
        return None
    return Express(
        spelling=wire.book_update(chosen.book_feed),
        shape=translate.UPDATE_SHAPE,
        read=translate.update_rows,
        key=str.encode,
    )
