"""The far end's market data of one connection: spots and depth, as subscribed there. Pure.

Spots: one technical event with the last known prices follows the subscription, then only the sides that changed.
Depth: the whole book once, then differences. A price level is one quote here; its id is made once and never again on
this connection, and a new size overwrites the same id.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from venuewire.model.market import SET_ASK, SET_BID, THRU_BID, LevelRow, Quote
from venuewire.model.terms import NANOS_PER_MILLI, Nanos, to_scaled
from venuewire.venues.ctrader.translate import PRICE_SCALE
from venuewire.venues.ctrader.wire.market import DepthEvent, SpotEvent
from venuewire.venues.ctrader.wire.model import DepthQuote


class SpotStream:
    """One symbol's best prices, as this connection was told them."""

    __slots__ = ("_account_id", "_ask", "_bid", "_symbol_id", "_with_time")

    def __init__(self, account_id: int, symbol_id: int, *, with_time: bool) -> None:
        self._account_id = account_id
        self._symbol_id = symbol_id
        self._with_time = with_time
        self._bid: int | None = None
        self._ask: int | None = None

    def first(self, quote: Quote, session_close: int, now: Nanos) -> SpotEvent:
        """The technical event that follows the subscription."""
        event = self.next(quote, now)
        return SpotEvent(
            ctid_trader_account_id=self._account_id,
            symbol_id=self._symbol_id,
            bid=None if event is None else event.bid,
            ask=None if event is None else event.ask,
            session_close=session_close,
            timestamp=now // NANOS_PER_MILLI if self._with_time else None,
        )

    def again(self, session_close: int, now: Nanos) -> SpotEvent:
        """What was told last: what follows a subscription to live bars."""
        return SpotEvent(
            ctid_trader_account_id=self._account_id,
            symbol_id=self._symbol_id,
            bid=self._bid,
            ask=self._ask,
            session_close=session_close,
            timestamp=now // NANOS_PER_MILLI if self._with_time else None,
        )

    def next(self, quote: Quote, now: Nanos) -> SpotEvent | None:
        """What changed; None when nothing did. A side that went empty is not told: the venue has no word for it."""
        bid = None if quote.bid is None else to_scaled(quote.bid, PRICE_SCALE)
        ask = None if quote.ask is None else to_scaled(quote.ask, PRICE_SCALE)
        new_bid, new_ask = (None if bid == self._bid else bid), (None if ask == self._ask else ask)
        if new_bid is None and new_ask is None:
            return None
        self._bid, self._ask = bid or self._bid, ask or self._ask
        return SpotEvent(
            ctid_trader_account_id=self._account_id,
            symbol_id=self._symbol_id,
            bid=new_bid,
            ask=new_ask,
            timestamp=now // NANOS_PER_MILLI if self._with_time else None,
        )


class DepthStream:
    """One symbol's book by quote id, as this connection was told it."""

    __slots__ = ("_account_id", "_ids", "_quotes", "_symbol_id")

    def __init__(self, account_id: int, symbol_id: int, ids: count[int]) -> None:
        self._account_id = account_id
        self._symbol_id = symbol_id
        self._ids = ids
        """Shared by all books of the connection."""
        self._quotes: dict[tuple[int, int], tuple[int, int]] = {}
        """(side, price) -> (quote id, size)"""

    def event(self, rows: Iterable[LevelRow]) -> DepthEvent | None:
        """Rows of absolute sizes as quotes; None when nothing changed."""
        new: dict[int, DepthQuote] = {}
        deleted: list[int] = []
        for what, price, size in rows:
            if what > SET_ASK:
                deleted += self._delete_through(what, price)
            elif not size:
                known = self._quotes.pop((what, price), None)
                deleted += [] if known is None else [known[0]]
            else:
                self._set(what, price, size, new)
        for quote_id in deleted:
            # Made and gone within one message: it was never there.
            new.pop(quote_id, None)
        if not new and not deleted:
            return None
        return self._made(new.values(), deleted)

    def _set(self, what: int, price: int, size: int, new: dict[int, DepthQuote]) -> None:
        known = self._quotes.get((what, price))
        if known is None or known[1] != size:
            quote_id = next(self._ids) if known is None else known[0]
            self._quotes[what, price] = (quote_id, size)
            new[quote_id] = _quote(quote_id, what, price, size)

    def whole(self, rows: Iterable[LevelRow]) -> DepthEvent:
        """The whole book, also when it is empty."""
        return self.event(rows) or self._made((), ())

    def _made(self, new: Iterable[DepthQuote], deleted: Iterable[int]) -> DepthEvent:
        return DepthEvent(
            ctid_trader_account_id=self._account_id,
            symbol_id=self._symbol_id,
            new_quotes=tuple(new),
            deleted_quotes=tuple(deleted),
        )

    def _delete_through(self, what: int, price: int) -> list[int]:
        """Every level better than the price; all of the side for price 0."""
        side = SET_BID if what == THRU_BID else SET_ASK
        gone = [
            key
            for key in self._quotes
            if key[0] == side and (not price or (key[1] > price if side == SET_BID else key[1] < price))
        ]
        return [self._quotes.pop(key)[0] for key in gone]


def _quote(quote_id: int, what: int, price: int, size: int) -> DepthQuote:
    if what == SET_BID:
        return DepthQuote(id=quote_id, size=size, bid=price)
    return DepthQuote(id=quote_id, size=size, ask=price)
