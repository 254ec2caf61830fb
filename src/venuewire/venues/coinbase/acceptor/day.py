"""The last day of one product, minute by minute: what its ticker and its product page tell; pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from venuewire.model.market import Trade
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venues.coinbase.translate import DayFigures

_MINUTE = 60 * NANOS_PER_SECOND
_DAY = 24 * 60 * _MINUTE


class _Minute(Struct):
    start: Nanos
    open: Decimal
    low: Decimal
    high: Decimal
    volume: Decimal


class Day:
    """Counts trades as they come; a minute leaves when it is a day old."""

    def __init__(self, trades: Iterable[Trade] = ()) -> None:
        self._minutes: deque[_Minute] = deque()
        self._last: Decimal | None = None
        for trade in trades:
            self.add(trade)

    def add(self, trade: Trade) -> None:
        """Count one trade; they come in order."""
        start = trade.transact_time - trade.transact_time % _MINUTE
        while self._minutes and self._minutes[0].start <= start - _DAY:
            self._minutes.popleft()
        self._last = trade.price
        if self._minutes and self._minutes[-1].start == start:
            minute = self._minutes[-1]
            minute.low, minute.high = min(minute.low, trade.price), max(minute.high, trade.price)
            minute.volume += trade.size
        else:
            self._minutes.append(_Minute(start, trade.price, trade.price, trade.price, trade.size))

    def figures(self) -> DayFigures:
        """The day up to the last trade; empty before the first."""
        minutes = self._minutes
        if not minutes or self._last is None:
            return DayFigures()
        first = minutes[0].open
        return DayFigures(
            price=self._last,
            volume=sum((minute.volume for minute in minutes), Decimal(0)),
            low=min(minute.low for minute in minutes),
            high=max(minute.high for minute in minutes),
            change=round((self._last - first) * 100 / first, 14),
        )
