"""Plain `l2_data` updates, straight to their books."""

from __future__ import annotations

from venuewire.model.instrument import Instrument
from venuewire.venue import Express, Initiator, Seat
from venuewire.venues.coinbase import translate
from venuewire.venues.coinbase.wire import stream


def book_name(instrument: Instrument) -> str:
    """How frames call its book: an alias shares that of another product."""
    return instrument.market_segment_id or translate.book_product(instrument.security_id)


def express(line: str, seat: Seat, _initiator: Initiator) -> Express | None:
    """Of the market line; not where each product is taken to count for itself, which the initiator checks."""
    if line != "ws" or seat.settings.get("sequence", "connection") == "product":
        return None
    return Express(
        spelling=stream.BOOK_UPDATE,
        shape=translate.BOOK_SHAPE,
        read=translate.read_levels,
        key=lambda symbol: book_name(seat.instruments[symbol]).encode(),
    )
