"""Market data: books, trades, quotes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TypeAlias

from msgspec import Struct

from venuewire.model.shape import Shape
from venuewire.model.terms import UNITS, Nanos, Side, multiply, plain

# What a row of a book message does, in the order (what, price, size), integers in the instrument's scales.
# SET with size 0 deletes. THRU deletes every level better than the price (FIX MDUpdateAction DELETE_THRU);
# THRU with price 0 empties the side.
SET_BID, SET_ASK, THRU_BID, THRU_ASK = 0, 1, 2, 3

# Records that come by the thousand are not the garbage collector's (`gc=False`): none of them can be part of a circle.

LevelRow: TypeAlias = tuple[int, int, int]
LevelReader: TypeAlias = Callable[[bytes, int, int], Iterable[LevelRow]]
"""(body, price scale, size scale) -> rows. Made once per venue; raises `RemoteProtocolError` on damage."""


def given(rows: Sequence[LevelRow]) -> LevelReader:
    """A reader for rows that are known already: from the exchange, from a test."""
    return lambda _body, _price_scale, _size_scale: rows


class Level(Struct, frozen=True, gc=False):
    """One price and what stands there (FIX MDEntryPx 270, MDEntrySize 271)."""

    price: Decimal
    size: Decimal

    def __str__(self) -> str:
        return f"{plain(self.size)} at {plain(self.price)}"


class LevelChange(Struct, frozen=True, gc=False):
    """One row of a book message, for people: `action` is SET_BID, SET_ASK, THRU_BID or THRU_ASK."""

    action: int
    price: Decimal
    size: Decimal


class BookMessage(Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """A book message whose body has been found but not opened: nobody pays for levels nobody reads.

    The keeper applies `rows()`; `levels` turns them into Decimals for people who ask.
    """

    symbol: str
    body: bytes
    """The venue's own bytes, exactly as they came."""
    read: LevelReader
    """What the body means, to the last odd case."""
    shape: Shape | None = None
    """Where the levels stand in the body, for a native reader; with it or without, the rows are those of `read`."""
    price_scale: int
    size_scale: int
    transact_time: Nanos = 0
    """The venue's time of the change; 0 where it sends none."""
    recv_time: Nanos = 0
    ref: str | None = None

    def rows(self) -> Iterable[LevelRow]:
        """(what, price, size) in the instrument's scales."""
        body, price_scale, size_scale = self.body, self.price_scale, self.size_scale
        native = None if self.shape is None else self.shape.native
        found = None if native is None else native.rows(body, price_scale, size_scale)
        return self.read(body, price_scale, size_scale) if found is None else found

    @property
    def levels(self) -> tuple[LevelChange, ...]:
        """The same rows as Decimals, decoded now."""
        body, price_scale, size_scale = self.body, self.price_scale, self.size_scale
        native = None if self.shape is None else self.shape.native
        found = None if native is None else native.levels(body, price_scale, size_scale)
        if found is not None:
            return found
        price_unit, size_unit = UNITS[price_scale], UNITS[size_scale]
        return tuple(
            [
                LevelChange(action, multiply(price, price_unit), multiply(size, size_unit))
                for action, price, size in self.read(body, price_scale, size_scale)
            ]
        )

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.symbol == other.symbol and self.levels == other.levels

    def __hash__(self) -> int:
        return hash((self.symbol, self.body))


class BookSnapshot(BookMessage, frozen=True, kw_only=True, eq=False, gc=False):
    """A full book (FIX W): it replaces whatever was there."""


class BookUpdate(BookMessage, frozen=True, kw_only=True, eq=False, gc=False):
    """Changes to a book (FIX X); all rows of one message belong together."""


class Trade(Struct, frozen=True, kw_only=True, repr_omit_defaults=True, gc=False):
    """A public trade."""

    symbol: str
    trade_id: str
    price: Decimal
    size: Decimal
    """In units."""
    aggressor_side: Side | None
    """FIX AggressorSide (2446); None where the venue does not say, or says something else."""
    transact_time: Nanos
    recv_time: Nanos = 0
    historical: bool = False
    """Happened before the subscription began: part of the first set."""


class Quote(Struct, frozen=True, kw_only=True, repr_omit_defaults=True, gc=False):
    """Best bid and ask; a side that is empty or unchanged-and-unknown is None."""

    symbol: str
    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    last_px: Decimal | None = None
    transact_time: Nanos = 0
    recv_time: Nanos = 0


class SecurityStatus(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """FIX SecurityStatus (f): whether, and within which prices, an instrument can be traded now."""

    symbol: str
    tradable: bool | None = None
    """May an order be placed now? None where the venue does not say."""
    text: str = ""
    """The venue's own word for it."""
    low_limit_px: Decimal | None = None
    """FIX LowLimitPrice (1148): no order below it is taken."""
    high_limit_px: Decimal | None = None
    """FIX HighLimitPrice (1149)."""
    transact_time: Nanos = 0
    recv_time: Nanos = 0


class Bar(Struct, frozen=True, kw_only=True, repr_omit_defaults=True, gc=False):
    """Prices over one period."""

    symbol: str
    period: Nanos
    """Length; calendar periods have the length the venue gives them (a month 30 days)."""
    open_time: Nanos
    """When the period began."""
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    """In units; the number of ticks where the venue counts those."""
    final: bool
    """The period is over and the bar will not change."""
    recv_time: Nanos = 0
