"""Core: what of a book is touched with every message. It has a native twin, so that the native express can touch it.

Everything else of a book stands in `OrderBook`, which is made on top of whichever twin serves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from venuewire.book.ladder import Ladder
from venuewire.model.market import BookUpdate, Level, LevelRow
from venuewire.model.terms import Nanos, from_scaled

NEVER: Nanos = -(1 << 62)
"""Of `least_lag`: no update has come yet."""


class Core:
    """Plain places; what they hold is the business of `OrderBook`, of the keeper, and of the express."""

    __slots__ = ("_best_ask", "_best_bid", "asks", "bids", "depth", "last_good", "least_lag", "live", "price_scale",
                 "size_scale", "symbol", "told", "transact_time", "unsound", "updates")  # fmt: skip

    symbol: str
    price_scale: int
    size_scale: int
    depth: int | None
    """Levels a side that the venue's book holds at most; it is cut to it after each message."""
    bids: Ladder
    asks: Ladder
    transact_time: Nanos
    """The venue's time of the last message, where it sends one."""
    last_good: Nanos
    """When the last message was received that was applied and left a sound book; 0: none was."""
    least_lag: Nanos
    """From the venue's time to ours, of the quickest update of this line; the clocks' difference is in it."""
    updates: int
    """Messages applied, full books included."""
    live: bool
    """May updates be applied without asking the keeper?"""
    told: Callable[[BookUpdate], object] | None
    """Who is told of each update that went by express; None: nobody listens, and no event is made."""
    unsound: Callable[[Nanos, Nanos, str], bool] | None
    """Told, with the venue's time, ours, and what was wrong with the rows if anything was, of a book that did not come
    out of an update as it should: crossed, late, damaged. May it be shown all the same?"""

    def __init__(self) -> None:
        self.transact_time = self.last_good = self.updates = 0
        self.least_lag = NEVER
        self.live = False
        self.told = self.unsound = None
        # The last Level handed out for each side: the top is read far more often than it changes.
        self._best_bid: tuple[int, int, Level] | None = None
        self._best_ask: tuple[int, int, Level] | None = None

    def apply_rows(self, rows: Iterable[LevelRow]) -> None:
        """Apply the rows of one message; `OrderBook` says how."""
        raise NotImplementedError

    @property
    def bid(self) -> int | None:
        """Best bid as an integer in `price_scale`; None when there is no bid."""
        return self.bids.best

    @property
    def ask(self) -> int | None:
        """Best ask, likewise."""
        return self.asks.best

    @property
    def best_bid(self) -> Level | None:
        """Best bid with its size; None when there is no bid."""
        price = self.bids.best
        if price is None:
            return None
        size, last = self.bids.size(price), self._best_bid
        if last is None or last[0] != price or last[1] != size:
            self._best_bid = last = (price, size, self.level(price, size))
        return last[2]

    @property
    def best_ask(self) -> Level | None:
        """Best ask with its size; None when there is no ask."""
        price = self.asks.best
        if price is None:
            return None
        size, last = self.asks.size(price), self._best_ask
        if last is None or last[0] != price or last[1] != size:
            self._best_ask = last = (price, size, self.level(price, size))
        return last[2]

    def forget_top(self) -> None:
        """The scales have changed: Levels handed out before stand for other integers now."""
        self._best_bid = self._best_ask = None

    def level(self, price: int, size: int) -> Level:
        """What these integers stand for."""
        return Level(from_scaled(price, self.price_scale), from_scaled(size, self.size_scale))
