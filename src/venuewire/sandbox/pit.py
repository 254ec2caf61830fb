"""One instrument's place on the floor: its rules, its book, its newest trades, and what is published of them. Pure."""

from __future__ import annotations

from collections import deque
from typing import Any

from msgspec import Struct

from venuewire.model.market import SET_ASK, SET_BID, BookSnapshot, BookUpdate, LevelRow, Quote, Trade, given
from venuewire.model.terms import Nanos
from venuewire.sandbox.accounts import Listing, exact
from venuewire.sandbox.engine import Engine, Top
from venuewire.sandbox.ticket import Deal, Ticket

_TRADES_KEPT = 1000


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
        return _quote(self.listing, self.engine.top(), self.engine.last, now)

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


class BookMoved(Struct, gc=False):
    """What a command did to a book: an update, and a quote if the top moved, made when they are read."""

    listing: Listing
    rows: list[LevelRow]
    top: Top | None
    """Where it has moved."""
    last: int | None
    now: Nanos

    @property
    def account(self) -> None:
        """Everybody's."""

    def events(self) -> list[BookUpdate | Quote]:
        listing = self.listing
        update = BookUpdate(
            symbol=listing.symbol,
            body=b"",
            read=given(_merged(self.rows)),
            price_scale=listing.price_scale,
            size_scale=listing.qty_scale,
            transact_time=self.now,
        )
        return [update] if self.top is None else [update, _quote(listing, self.top, self.last, self.now)]


def _quote(listing: Listing, top: Top, last: int | None, now: Nanos) -> Quote:
    bid, bid_size, ask, ask_size = top
    return Quote(
        symbol=listing.symbol,
        bid=None if bid is None else exact(bid, listing.price_scale),
        ask=None if ask is None else exact(ask, listing.price_scale),
        bid_size=None if bid is None else exact(bid_size, listing.qty_scale),
        ask_size=None if ask is None else exact(ask_size, listing.qty_scale),
        last_px=None if last is None else exact(last, listing.price_scale),
        transact_time=now,
    )


def _merged(rows: list[LevelRow]) -> list[LevelRow]:
    """Each price once, with its last size."""
    if len(rows) == 1:
        return rows
    last = {(what, price): size for what, price, size in rows}
    return [(what, price, size) for (what, price), size in last.items()]
