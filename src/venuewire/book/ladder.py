"""Ladder: one side of a book, sorted. Pure Python; a native twin may stand in for the class behind the same surface.

Keys are sorted with the best level last: changes cluster near the top, and there an insertion moves next to nothing
in memory, at 20,000 levels too. Asks are kept under negated prices, so that "last is best" holds for both sides and
one piece of code serves both. Sizes stand in a dict beside the keys.

Prices and sizes are integers in the instrument's scales. Nothing is checked here: `OrderBook` does that.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping


class Ladder:
    """One side: `Ladder(1)` for bids (the highest price is best), `Ladder(-1)` for asks (the lowest is)."""

    __slots__ = ("_keys", "_sign", "_sizes")

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._keys: list[int] = []
        """Price times sign, ascending."""
        self._sizes: dict[int, int] = {}
        """The same keys, with what stands there; never 0."""

    def __len__(self) -> int:
        return len(self._keys)

    def set(self, price: int, size: int) -> None:
        """From now on `size` stands at `price`; 0 deletes, and deleting what is not there does nothing."""
        key = price * self._sign
        sizes = self._sizes
        if size:
            if key not in sizes:
                insort(self._keys, key)
            sizes[key] = size
        elif key in sizes:
            del sizes[key]
            keys = self._keys
            del keys[bisect_left(keys, key)]

    def delete_thru(self, price: int) -> None:
        """Delete every level better than `price`; 0 empties the side."""
        keys = self._keys
        first = bisect_right(keys, price * self._sign) if price else 0
        for key in keys[first:]:
            del self._sizes[key]
        del keys[first:]

    def load(self, levels: Mapping[int, int]) -> None:
        """Replace everything by these levels, price -> size; sizes of 0 are left out."""
        sign = self._sign
        self._sizes = {price * sign: size for price, size in levels.items() if size}
        self._keys = sorted(self._sizes)

    def trim(self, depth: int) -> None:
        """Keep the best `depth` levels."""
        excess = len(self._keys) - depth
        if excess > 0:
            for key in self._keys[:excess]:
                del self._sizes[key]
            del self._keys[:excess]

    @property
    def best(self) -> int | None:
        """The best price; None when the side is empty."""
        return self._keys[-1] * self._sign if self._keys else None

    def size(self, price: int) -> int:
        """What stands at `price`; 0 when nothing does."""
        return self._sizes.get(price * self._sign, 0)

    def top(self, n: int | None = None) -> list[tuple[int, int]]:
        """(price, size) of the best `n` levels, or of all of them; best first."""
        sign, sizes = self._sign, self._sizes
        keys = self._keys[:] if n is None else self._keys[-n:] if n > 0 else []
        return [(key * sign, sizes[key]) for key in reversed(keys)]
