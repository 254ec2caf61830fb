"""One instrument's place on the floor: its rules, its book, its newest trades, and what is published of them. Pure."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from venuewire.model.market import SET_ASK, SET_BID, BookSnapshot, Quote, Trade, given
from venuewire.model.terms import Nanos
from venuewire.sandbox.engine import Engine, Top
from venuewire.sandbox.listing import Listing, exact
from venuewire.sandbox.notes import BookMoved, Deal, told_quote
from venuewire.sandbox.ticket import Ticket

_TRADES_KEPT: Final = 1000


class Pit:
    """Where one instrument is traded."""

    __slots__ = ("deals", "engine", "listing", "top")

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.engine: Engine[Ticket] = Engine(listing.step)
        self.deals: deque[Deal] = deque(maxlen=_TRADES_KEPT)
        self.top: Top = (None, 0, None, 0)
        """As it was last published."""

    def snapshot(self, depth: int | None = None) -> BookSnapshot:
        """The aggregated book, best levels first, bids before asks."""
        bids = [(SET_BID, price, size) for price, size in self.engine.depth(depth, is_buy=True)]
        asks = [(SET_ASK, price, size) for price, size in self.engine.depth(depth, is_buy=False)]
        return BookSnapshot(
            symbol=self.listing.symbol,
            body=b"",
            read=given(bids + asks),
            price_scale=self.listing.price_scale,
            size_scale=self.listing.qty_scale,
        )

    def newest(self, limit: int) -> list[Trade]:
        """The newest trades, newest last."""
        kept = self.deals
        return [kept[i].event() for i in range(max(0, len(kept) - max(0, limit)), len(kept))]

    def quote(self, now: Nanos = 0) -> Quote:
        """Best bid and ask and the last price."""
        return told_quote(self.listing, self.engine.top(), self.engine.last, now)

    def changes(self, now: Nanos) -> BookMoved | None:
        """What a command did to the book."""
        engine = self.engine
        if not engine.rows:
            return None
        top = engine.top()
        was, self.top = self.top, top
        return BookMoved(self.listing, engine.take_rows(), None if top == was else top, engine.last, now)

    def plain(self) -> dict[str, Any]:
        """The whole book as plain values: `[price, size]` in text, best first."""
        last = self.engine.last
        return {
            "bids": self._plain_side(is_buy=True),
            "asks": self._plain_side(is_buy=False),
            "last": None if last is None else f"{exact(last, self.listing.price_scale):f}",
        }

    def _plain_side(self, *, is_buy: bool) -> list[list[str]]:
        listing = self.listing
        return [
            [f"{exact(price, listing.price_scale):f}", f"{exact(size, listing.qty_scale):f}"]
            for price, size in self.engine.depth(is_buy=is_buy)
        ]
