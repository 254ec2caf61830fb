"""Ladder: one side of a book, sorted. Pure Python; a native twin may stand in for the class behind the same surface.

Prices stand in a list, sorted with the best level last, and in a dict with their sizes. Changes cluster near the top:
there an insertion into the list moves next to nothing in memory, at 20,000 levels too. Most changes do not touch the
list at all: a level that goes keeps its place, with size 0, because a price near the top that goes soon comes back.
Places nobody came back to are swept when they have become as many as the levels, and at the top when it is read.

Prices and sizes are integers in the instrument's scales.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from venuewire.errors import BookError
from venuewire.model.market import SET_ASK, SET_BID, THRU_ASK, THRU_BID, LevelRow

# Places kept beyond twice the levels of the last sweep, so that a small book is not swept all the time.
_SPARE = 256


class Ladder:
    """One side: `Ladder(1)` for bids (the highest price is best), `Ladder(-1)` for asks (the lowest is)."""

    __slots__ = ("_keys", "_room", "_sign", "_sizes", "best")

    def __init__(self, sign: int) -> None:
        self.best: int | None = None
        """The best price; None when the side is empty. Right after every call."""
        self._sign = sign
        self._keys: list[int] = []
        """Price times sign, ascending: the last is the best on both sides."""
        self._sizes: dict[int, int] = {}
        """Price -> size for every key; 0 for a place without a level."""
        self._room = _SPARE
        """With more keys than this, sweep."""

    def set(self, price: int, size: int) -> None:
        """From now on `size` stands at `price`; 0 deletes, and deleting what is not there does nothing.

        Raises `BookError` when either is negative.
        """
        self._put(price, size)
        self._look()

    @staticmethod
    def apply(bids: Ladder, asks: Ladder, rows: Iterable[LevelRow]) -> None:
        """Apply the rows of one message to both sides, in their order.

        Raises `BookError` on a row that means nothing; the rows before it have been applied by then. The hot loop of
        the library: `set`, with what happens nearly always, a price that has its place, written out.
        """
        bid_sizes, ask_sizes = bids._sizes, asks._sizes
        try:
            for action, price, size in rows:
                if action == SET_BID:
                    if price in bid_sizes and size >= 0:
                        bid_sizes[price] = size
                    else:
                        bids._put(price, size)
                elif action == SET_ASK:
                    if price in ask_sizes and size >= 0:
                        ask_sizes[price] = size
                    else:
                        asks._put(price, size)
                elif action == THRU_BID:
                    bids.delete_thru(price)
                elif action == THRU_ASK:
                    asks.delete_thru(price)
                else:
                    raise BookError(f"unknown action {action}")
        finally:
            # While something stands at the best price it is that still (no price is -1).
            if not bid_sizes.get(bids.best or -1):
                bids._look()
            if not ask_sizes.get(asks.best or -1):
                asks._look()

    def delete_thru(self, price: int) -> None:
        """Delete every level better than `price`; 0 empties the side. Raises `BookError` when it is negative."""
        if price < 0:
            raise BookError(f"a negative price: {price}")
        keys, sign = self._keys, self._sign
        first = bisect_right(keys, price * sign) if price else 0
        for key in keys[first:]:
            del self._sizes[key * sign]
        del keys[first:]
        self._look()

    def load(self, levels: Mapping[int, int]) -> None:
        """Replace everything by these levels, price -> size; sizes of 0 are left out."""
        kept = {price: size for price, size in levels.items() if size}
        # The dict stays the same object: `apply` holds it while a ladder is swept.
        self._sizes.clear()
        self._sizes.update(kept)
        self._keys = sorted(kept) if self._sign > 0 else [-price for price in sorted(kept, reverse=True)]
        self._room = 2 * len(self._keys) + _SPARE
        self.best = self._keys[-1] * self._sign if self._keys else None

    def trim(self, depth: int) -> None:
        """Keep the best `depth` levels."""
        if len(self._keys) <= depth:
            return
        self._sweep()
        excess = max(len(self._keys) - depth, 0)
        for key in self._keys[:excess]:
            del self._sizes[key * self._sign]
        del self._keys[:excess]
        self._look()

    def size(self, price: int) -> int:
        """What stands at `price`; 0 when nothing does."""
        return self._sizes.get(price, 0)

    def top(self, n: int | None = None) -> list[tuple[int, int]]:
        """(price, size) of the best `n` levels, or of all of them; best first."""
        return list(islice(self._levels(), n))

    def __len__(self) -> int:
        """Levels; counted, so not for the hot path."""
        return sum(1 for size in self._sizes.values() if size)

    def _levels(self) -> Iterator[tuple[int, int]]:
        sign, sizes = self._sign, self._sizes
        for key in reversed(self._keys):
            price = key * sign
            if size := sizes[price]:
                yield price, size

    def _put(self, price: int, size: int) -> None:
        """`set` without a look at the top: `best` may have lost its level, but nothing better stands anywhere."""
        if size < 0 or price < 0:
            raise BookError(f"a negative price or size: {price}, {size}")
        if price in self._sizes:
            self._sizes[price] = size
        elif size:
            self._sizes[price] = size
            key, keys = price * self._sign, self._keys
            if not keys or key > keys[-1]:
                keys.append(key)
                self.best = price
            else:
                insort(keys, key)
            if len(keys) > self._room:
                self._sweep()

    def _look(self) -> None:
        """Find the best price; places without a level above it are given up."""
        keys, sizes, sign = self._keys, self._sizes, self._sign
        while keys:  # once, nearly always
            price = keys[-1] * sign
            if sizes[price]:
                self.best = price
                return
            del sizes[price]
            keys.pop()
        self.best = None

    def _sweep(self) -> None:
        """Give up the places without a level."""
        self.load(self._sizes)
