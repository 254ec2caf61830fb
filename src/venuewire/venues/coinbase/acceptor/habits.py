"""Odd habits of the venue, recorded at other times or met by other clients, that the sandbox can be told to have."""

from __future__ import annotations

from typing import Any

from venuewire.model.terms import NANOS_PER_SECOND
from venuewire.venue import Rate
from venuewire.venues.coinbase.acceptor.switches import Switches

HABITS: dict[str, str] = {
    "client_id": "frames of the market host carry an empty client_id, as until 2025",
    "taker_side": "the side of a public trade is the taker's",
    "no_pending": "a new order is told as OPEN at once",
    "filled_at_once": "the last match is told as FILLED only, without an OPEN that has nothing left",
    "json_unauthorized": "HTTP 401 has a JSON body",
    "refuse_first_user": "the first user subscription of each connection fails with `failure to subscribe`",
    "cut_at_expiry": "a line with own orders is cut when the token it was subscribed with ends",
    "view_only": "the key may view and not trade: HTTP 403 to whatever changes anything",
    "per_product": "frames are numbered per product, as the documentation has it",
    "count_lines": "more than eight dials a second are refused; more than eight messages without a token end the line",
    "close_quiet": "a connection without heartbeats that was sent nothing for 60 s is closed",
}

PUBLISHED = Rate(8, NANOS_PER_SECOND)
"""Of dials, and of messages without a token ("Rate Limits"); by address, hence off where many share one."""

_CHANGES: dict[str, dict[str, Any]] = {
    "client_id": {"client_id": True},
    "taker_side": {"maker_side": False},
    "no_pending": {"pending_first": False},
    "filled_at_once": {"open_before_filled": False},
    "json_unauthorized": {"json_unauthorized": True},
    "refuse_first_user": {"refuse_first_user": True},
    "cut_at_expiry": {"cut_at_expiry": True},
    "view_only": {"can_trade": False},
    "per_product": {"per_product": True},
    "count_lines": {"dial_rate": PUBLISHED, "unsigned_rate": PUBLISHED},
    "close_quiet": {"idle": 60 * NANOS_PER_SECOND},
}


def switch(switches: Switches, name: str, *, on: bool) -> None:
    """Set what the habit changes, or set it back to the ordinary. Raises `KeyError` for an unknown habit."""
    ordinary = Switches()
    for field, value in _CHANGES[name].items():
        setattr(switches, field, value if on else getattr(ordinary, field))
