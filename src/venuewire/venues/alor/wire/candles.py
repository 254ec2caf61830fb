"""Candles: `BarsGetAndSubscribe`, `GET /md/v2/history` (3.6.2, 5.2). Their guid, or the path, says of what they are."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from msgspec import Struct

from venuewire.codec import decoder
from venuewire.venues.alor.wire.frames import Format
from venuewire.venues.alor.wire.variant import listed, variant


class Candle(Struct, kw_only=True):
    """One candle (3.6.2). It is sent again, with the same `time`, whenever it changes."""

    time: int
    """When it opened, Unix seconds."""
    close: Decimal
    open: Decimal
    high: Decimal
    low: Decimal
    volume: Decimal
    """Lots."""


CandleSlim = variant(
    Candle, "CandleSlim", {"time": "t", "close": "c", "open": "o", "high": "h", "low": "l", "volume": "v"}
)


class History(Struct, kw_only=True):
    """200 of `GET /md/v2/history` (5.2)."""

    history: list[Candle]
    next: int | None = None
    """Start of the candle after the range; null if there is none."""
    prev: int | None = None


HistorySlim = variant(History, "HistorySlim", {"history": "h"}, kinds={"history": listed(CandleSlim)})
"""The same in Slim, as the example has it (the schema keeps the long key)."""

PERIODS: dict[str, int] = {"D": 86_400, "W": 604_800, "M": 2_592_000, "Y": 31_536_000}
"""Named lengths, seconds (3.4); any other length is a count of seconds."""

CANDLES: dict[Format, type[Candle]] = {"Simple": Candle, "Slim": CandleSlim, "Heavy": Candle}
HISTORIES: dict[Format, type[History]] = {"Simple": History, "Slim": HistorySlim, "Heavy": History}
read_candle: dict[str, Callable[[bytes], Candle]] = {form: decoder(record) for form, record in CANDLES.items()}
read_history: dict[str, Callable[[bytes], History]] = {form: decoder(record) for form, record in HISTORIES.items()}

__all__ = [
    "CANDLES",
    "HISTORIES",
    "PERIODS",
    "Candle",
    "CandleSlim",
    "History",
    "HistorySlim",
    "read_candle",
    "read_history",
]
