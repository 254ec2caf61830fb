"""Our copy of one depth book, kept by quote id as the venue tells it, and told on by price. Pure.

The procedure (sheet, depth): map each id to side, price and size; erase every deleted id, insert or overwrite every
new quote. Several quotes may share a price: a level is their sum. Deletions are applied first, so that an id used
again in one event survives. Nothing is numbered; the first event after the subscription's answer is the whole book.
"""

from __future__ import annotations

from venuewire.model.market import SET_ASK, SET_BID, LevelRow
from venuewire.venues.ctrader.wire.market import DepthEvent


class DepthBook:
    """Quotes by id and their sums by price, for one symbol."""

    __slots__ = ("complete", "levels", "quotes", "symbol")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.complete = False
        """Has the whole book come?"""
        self.quotes: dict[int, tuple[int, int, int]] = {}
        """id -> (SET_BID or SET_ASK, price, size)"""
        self.levels: tuple[dict[int, int], dict[int, int]] = ({}, {})
        """price -> sum of sizes, bids and asks"""

    def apply(self, event: DepthEvent) -> list[LevelRow]:
        """Take one event; the rows of every price it touched, with the absolute size there now."""
        quotes, levels = self.quotes, self.levels
        touched: dict[tuple[int, int], None] = {}
        for quote_id in event.deleted_quotes:
            gone = quotes.pop(quote_id, None)
            if gone is not None:
                side, price, size = gone
                levels[side][price] -= size
                touched[side, price] = None
        for quote in event.new_quotes:
            side, price_or_none = (SET_BID, quote.bid) if quote.bid is not None else (SET_ASK, quote.ask)
            # A quote with neither side says nothing.
            if not price_or_none:
                continue
            price = price_or_none
            old = quotes.get(quote.id)
            if old is not None:
                levels[old[0]][old[1]] -= old[2]
                touched[old[0], old[1]] = None
            quotes[quote.id] = (side, price, quote.size)
            level = levels[side]
            level[price] = level.get(price, 0) + quote.size
            touched[side, price] = None
        return [self._row(side, price) for side, price in touched]

    def _row(self, side: int, price: int) -> LevelRow:
        level = self.levels[side]
        size = level[price]
        if not size:
            del level[price]
        return side, price, size
