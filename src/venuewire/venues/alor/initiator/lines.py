"""Our ends of ALOR's two lines: `Subscriptions` on `/ws`, `Orders` on `/cws`."""

from __future__ import annotations

from venuewire.venue import Seat
from venuewire.venues.alor.initiator.cws import Orders
from venuewire.venues.alor.initiator.ws import Subscriptions


def initiator(line: str, seat: Seat) -> Subscriptions | Orders:
    """Our end of this line."""
    return Subscriptions(seat) if line == "ws" else Orders(seat)


__all__ = ["Orders", "Subscriptions", "initiator"]
