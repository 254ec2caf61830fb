"""Depth events, straight to their tables and books."""

from __future__ import annotations

from venuewire.venue import Initiator, QuoteExpress, Seat
from venuewire.venues.ctrader.initiator.line import CTraderInitiator
from venuewire.venues.ctrader.wire.table import DEPTH_EVENT


def express(_line: str, seat: Seat, initiator: Initiator) -> QuoteExpress:
    """Frames call a book by the venue's number of its symbol."""
    assert isinstance(initiator, CTraderInitiator)
    return QuoteExpress(
        spelling=DEPTH_EVENT,
        tables=initiator.tables,
        key=lambda symbol: seat.instruments[symbol].security_id.encode(),
    )
