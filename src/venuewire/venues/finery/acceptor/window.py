"""The part of a book the sandbox shows: the first 25 levels of each side, and what changed in them (feed-f, feed-b)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable

from venuewire.codec import encode
from venuewire.model.market import SET_ASK, SET_BID, THRU_BID, BookMessage, BookSnapshot, LevelRow
from venuewire.venues.finery import wire

DEPTH = 25

Change = tuple[str, int, int]


class Half:
    """One side: all its levels, and those shown when it was last looked at."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        """1 for bids, -1 for asks: the best level has the greatest key."""
        self._sizes: dict[int, int] = {}
        self._keys: list[int] = []
        self.shown: dict[int, int] = {}

    def put(self, price: int, size: int) -> None:
        """All that stands at a price from now on; 0 deletes it."""
        key = self._sign * price
        if size:
            if price not in self._sizes:
                self._keys.insert(bisect_left(self._keys, key), key)
            self._sizes[price] = size
        elif self._sizes.pop(price, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    def cut(self, price: int) -> None:
        """Delete every level better than `price`; all of them when it is 0."""
        first = bisect_right(self._keys, self._sign * price) if price else 0
        for key in self._keys[first:]:
            del self._sizes[self._sign * key]
        del self._keys[first:]

    def clear(self) -> None:
        self._sizes.clear()
        self._keys.clear()

    def top(self) -> dict[int, int]:
        """The best 25 levels, best first."""
        prices = [self._sign * key for key in reversed(self._keys[-DEPTH:])]
        return {price: self._sizes[price] for price in prices}

    def changes(self) -> list[Change]:
        """What a client must do to see what is shown now. Removals come first: no client ever holds more than 25."""
        before, after = self.shown, self.top()
        if before == after:
            return []
        self.shown = after
        if not after:
            return [("~", 0, 0)]
        best = next(iter(after))
        passed = [price for price in before if self._sign * price > self._sign * best]
        cut = len(passed) > 1 or (len(passed) == 1 and before.get(best) != after[best])
        done = {*passed, best} if cut else set[int]()
        changes: list[Change] = [("~", best, after[best])] if cut else []
        changes += [("-", price, size) for price, size in before.items() if price not in after and price not in done]
        for price, size in after.items():
            if price not in done and before.get(price) != size:
                changes.append(("M" if price in before else "+", price, size))
        return changes


_REMEMBERED = 64
"""Messages of the exchange a window knows again: everybody who looks is told of one before the next one comes."""


class Window:
    """Both sides, for all who look at them: everyone has been sent the same, so that all are sent the same next."""

    def __init__(self, book: BookMessage) -> None:
        self._bids, self._asks = Half(1), Half(-1)
        self._moved: deque[tuple[BookMessage, bytes | None]] = deque(maxlen=_REMEMBERED)
        self._whole: bytes | None = None
        self.replace(book)
        self.changes()

    def moved(self, message: BookMessage) -> bytes | None:
        """What this message of the exchange changes for everybody; it is taken in once, however often it is asked."""
        for known, changes in reversed(self._moved):
            if known is message:
                return changes
        if isinstance(message, BookSnapshot):
            self.replace(message)
        else:
            self.apply(message)
        changes = self.changes()
        self._moved.append((message, changes))
        return changes

    def replace(self, book: BookMessage) -> None:
        """A new full book."""
        self._bids.clear()
        self._asks.clear()
        self.apply(book)

    def apply(self, message: BookMessage) -> None:
        """Rows of the exchange: absolute sizes, in its instrument's scales."""
        for what, price, size in in_wire_scale(message):
            half = self._bids if what in {SET_BID, THRU_BID} else self._asks
            if what in {SET_BID, SET_ASK}:
                half.put(price, size)
            else:
                half.cut(price)

    def changes(self) -> bytes | None:
        """The payload of an update of feed F since the last one; None where nothing shown has changed."""
        bids, asks = self._bids.changes(), self._asks.changes()
        self._whole = None
        return encode((bids, asks)) if bids or asks else None

    def snapshot(self) -> bytes:
        """The payload of a snapshot, of feeds F and B alike."""
        if self._whole is None:
            self._whole = encode((list(self._bids.shown.items()), list(self._asks.shown.items())))
        return self._whole


def in_wire_scale(message: BookMessage) -> Iterable[LevelRow]:
    """Rows as 1e-8 integers; they are that already for every instrument this venue lists."""
    if message.price_scale == wire.SCALE and message.size_scale == wire.SCALE:
        return message.rows()
    prices, sizes = 10 ** (wire.SCALE - message.price_scale), 10 ** (wire.SCALE - message.size_scale)
    return [(what, price * prices, size * sizes) for what, price, size in message.rows()]
