"""Books that a venue tells by quote ids: the quotes by id, and what they sum to by price. The table has a native twin.

The procedure: erase every id that is gone, then insert or overwrite every new quote. Several quotes may share a price:
a level is their sum. What is gone comes first, so that an id used again in one message survives. The first message of
a subscription is the whole book, and begins a new table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from venuewire.errors import RemoteProtocolError
from venuewire.model.market import LevelRow
from venuewire.model.shape import QuoteShape

QuoteRow: TypeAlias = tuple[int, int, int, int]
"""(id, SET_BID or SET_ASK, price, size); integers in the instrument's scales."""
QuoteChanges: TypeAlias = tuple[bytes, Sequence[QuoteRow], Sequence[int]]
"""(what frames call the book, new quotes, ids that are gone)."""
QuoteReader: TypeAlias = Callable[[bytes], QuoteChanges]
"""What a body means. Raises `RemoteProtocolError` on damage."""


class QuoteTable:
    """The quotes of one book."""

    __slots__ = ("_levels", "_quotes")

    def __init__(self, quotes: Iterable[QuoteRow] = ()) -> None:
        # A level is one integer, which is looked up sooner than a pair: twice the price, and the side.
        self._quotes: dict[int, tuple[int, int]] = {}
        """id -> (level, size)"""
        self._levels: defaultdict[int, int] = defaultdict(int)
        """level -> sum of sizes; none is 0 between messages."""
        self.apply(quotes, ())

    def apply(self, new: Iterable[QuoteRow], gone: Iterable[int]) -> list[LevelRow]:
        """Take one message; the rows of every price it touched, with the absolute size there now.

        The native twin raises `OverflowError`, before anything has changed, for what does not fit into 63 bits.
        """
        quotes, levels = self._quotes, self._levels
        touched: dict[int, None] = {}
        for quote_id in gone:
            old = quotes.pop(quote_id, None)
            if old is not None:
                level, size = old
                levels[level] -= size
                touched[level] = None
        for quote_id, side, price, size in new:
            old = quotes.get(quote_id)
            if old is not None:
                levels[old[0]] -= old[1]
                touched[old[0]] = None
            level = 2 * price + side
            quotes[quote_id] = level, size
            levels[level] += size
            touched[level] = None
        rows: list[LevelRow] = []
        for level in touched:
            size = levels[level]
            if not size:
                del levels[level]
            rows.append((level & 1, level >> 1, size))
        return rows

    def quotes(self) -> list[QuoteRow]:
        """All of them, in no order."""
        return [(quote_id, level & 1, level >> 1, size) for quote_id, (level, size) in self._quotes.items()]

    def __len__(self) -> int:
        """Quotes."""
        return len(self._quotes)


class QuoteTables:
    """The tables of one line, for both ways a frame may go: one for each book that has come whole."""

    def __init__(self, shape: QuoteShape, read: QuoteReader, make: Callable[[], QuoteTable]) -> None:
        self.shape = shape
        self.by_name: dict[bytes, QuoteTable] = {}
        """By what frames call the book; a frame of any other book has nothing to change."""
        self._read = read
        self._make = make

    def begin(self, name: bytes) -> None:
        """A new table: the whole book is about to be applied."""
        self.by_name[name] = self._make()

    def end(self, name: bytes) -> None:
        """What was in the table holds no more."""
        self.by_name.pop(name, None)

    def clear(self) -> None:
        """Nor what was in any."""
        self.by_name.clear()

    def apply(self, name: bytes, new: Sequence[QuoteRow], gone: Sequence[int]) -> list[LevelRow]:
        """See `QuoteTable.apply`; a table that meets what does not fit goes on as a pure one, which knows no bounds."""
        table = self.by_name[name]
        try:
            return table.apply(new, gone)
        except OverflowError:
            wide = self.by_name[name] = QuoteTable(table.quotes())
            return wide.apply(new, gone)

    def take(self, name: bytes, body: bytes) -> list[LevelRow]:
        """Read a body and apply it. Raises `RemoteProtocolError`, and nothing has changed then, when it is damaged or
        not one of this book's."""
        found, new, gone = self._read(body)
        if found != name or name not in self.by_name:
            raise RemoteProtocolError("not a change of this book")
        return self.apply(name, new, gone)
