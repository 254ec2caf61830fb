"""Bars and ticks as our end reads them (sheet, trendbars and tick data). Pure.

A bar's `low` is absolute and the other prices are distances above it; what is absent is zero. A live bar names its
period and has no close: that is the bid of the event it came in. History comes oldest first; the bar that is still
forming is among it. Ticks come newest first, each as the difference to the one before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from venuewire.errors import RemoteProtocolError
from venuewire.model.market import Bar
from venuewire.model.terms import Nanos, from_scaled
from venuewire.venues.ctrader import periods, translate
from venuewire.venues.ctrader.wire.model import TickData, Trendbar

_LATEST_MINUTE = 2**31


def bar_of(symbol: str, period: int, found: Trendbar, close: int | None, now: Nanos) -> Bar:
    """One bar; `close` is the bid that came with a live one. Raises `RemoteProtocolError`."""
    if found.low is None or found.utc_timestamp_in_minutes is None:
        raise RemoteProtocolError("a bar has no low or no time")
    low, start = found.low, found.utc_timestamp_in_minutes
    if not 0 <= start < _LATEST_MINUTE:
        raise RemoteProtocolError("a bar is out of time")
    opened = low + (found.delta_open or 0)
    closed = low + (found.delta_close or 0) if close is None else close
    # deltaHigh has been seen missing where deltaClose was zero: a high is never below open or close.
    high = max(low + (found.delta_high or 0), opened, closed)
    return Bar(
        symbol=symbol,
        period=periods.MINUTES[period] * periods.MINUTE,
        open_time=start * periods.MINUTE,
        open=from_scaled(opened, translate.PRICE_SCALE),
        high=from_scaled(high, translate.PRICE_SCALE),
        low=from_scaled(min(low, closed), translate.PRICE_SCALE),
        close=from_scaled(closed, translate.PRICE_SCALE),
        volume=from_scaled(found.volume, 0),
        final=periods.end_of(period, start) * periods.MINUTE <= now,
        recv_time=now,
    )


class LiveBars:
    """The forming bars of one symbol, by period; one that another follows is told again, as final."""

    __slots__ = ("_forming", "_symbol", "on", "refs")

    def __init__(self, symbol: str) -> None:
        self._symbol = symbol
        self.refs: dict[int, set[str]] = {}
        """Who wants the bars of a period."""
        self.on: set[int] = set()
        """Periods the venue has taken a subscription to."""
        self._forming: dict[int, Bar] = {}

    def moved(self, found: Iterable[Trendbar], bid: int | None, now: Nanos) -> list[Bar]:
        """What an event tells; periods nobody wants are left out. Raises `RemoteProtocolError`."""
        told: list[Bar] = []
        for trendbar in found:
            period = trendbar.period if trendbar.period is not None else 1
            if bid is None or not self.refs.get(period):
                continue
            bar = replace(bar_of(self._symbol, period, trendbar, bid, now), final=False)
            before = self._forming.get(period)
            if before is not None and before.open_time < bar.open_time:
                told.append(replace(before, final=True, recv_time=now))
            self._forming[period] = bar
            told.append(bar)
        return told

    def leave(self, period: int, ref: str) -> bool:
        """One fewer wants them; does nobody any more?"""
        refs = self.refs.get(period, set())
        refs.discard(ref)
        if not refs:
            self.end(period)
        return not refs

    def end(self, period: int) -> None:
        """Nobody wants these any more."""
        self.refs.pop(period, None)
        self.on.discard(period)
        self._forming.pop(period, None)


def decoded(rows: Sequence[TickData]) -> tuple[tuple[int, int], ...]:
    """(milliseconds, price in 1/100000) of each tick, newest first, by running sums."""
    time = price = 0
    ticks: list[tuple[int, int]] = []
    for row in rows:
        time, price = time + row.timestamp, price + row.tick
        ticks.append((time, price))
    return tuple(ticks)
