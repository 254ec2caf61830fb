"""One instrument's place on the floor: its rules, its book, its newest trades, and what is published of them. Pure."""

from __future__ import annotations

from collections import deque
from typing import Any

from venuewire.model.market import SET_ASK, SET_BID, BookSnapshot, BookUpdate, LevelRow, Quote, Trade, given
from venuewire.model.terms import Nanos
from venuewire.sandbox.accounts import Listing, exact
from venuewire.sandbox.engine import Engine

_TRADES_KEPT = 1000


class Pit:
    """Where one instrument is traded."""

    __slots__ = ("engine", "listing", "top", "trades")

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.engine = Engine(listing.step)
        self.trades: deque[Trade] = deque(maxlen=_TRADES_KEPT)
        self.top: tuple[tuple[int, int] | None, tuple[int, int] | None] = (None, None)
        """Best bid and ask as they were last published."""

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
        kept = self.trades
        return [kept[i] for i in range(max(0, len(kept) - max(0, limit)), len(kept))]

    def quote(self, now: Nanos = 0) -> Quote:
        """Best bid and ask and the last price."""
        listing, engine = self.listing, self.engine
        bid, ask = engine.best(is_buy=True), engine.best(is_buy=False)
        return Quote(
            symbol=listing.symbol,
            bid=exact(bid[0], listing.price_scale) if bid else None,
            ask=exact(ask[0], listing.price_scale) if ask else None,
            bid_size=exact(bid[1], listing.qty_scale) if bid else None,
            ask_size=exact(ask[1], listing.qty_scale) if ask else None,
            last_px=None if engine.last is None else exact(engine.last, listing.price_scale),
            transact_time=now,
        )

    def changes(self, now: Nanos) -> list[BookUpdate | Quote]:
        """What a command did to the book, as one update, and a quote if the top moved."""
        rows = self.engine.take_rows()
        if not rows:
            return []
        update = BookUpdate(
            symbol=self.listing.symbol,
            body=b"",
            read=given(_merged(rows)),
            price_scale=self.listing.price_scale,
            size_scale=self.listing.qty_scale,
            transact_time=now,
        )
        top = self.engine.best(is_buy=True), self.engine.best(is_buy=False)
        if top == self.top:
            return [update]
        self.top = top
        return [update, self.quote(now)]

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


def _merged(rows: list[LevelRow]) -> list[LevelRow]:
    """Each price once, with its last size."""
    if len(rows) == 1:
        return rows
    last = {(what, price): size for what, price, size in rows}
    return [(what, price, size) for (what, price), size in last.items()]
