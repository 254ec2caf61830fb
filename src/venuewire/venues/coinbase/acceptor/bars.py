"""Prices by period for the sandbox's Coinbase: a made past, minute by minute, and what was traded since; pure.

The past is made from a seed and ends at the price the market begins with, so that history is there from the start and
is the same for the same seed. Every period is put together from the same minutes: five of one make one of five.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from hashlib import blake2b

from msgspec import Struct

from venuewire.model.instrument import Instrument
from venuewire.model.market import Bar, Trade
from venuewire.model.terms import NANOS_PER_SECOND, Nanos, from_scaled, to_scaled

MINUTE: Nanos = 60 * NANOS_PER_SECOND
PAST_MINUTES = 14 * 24 * 60
"""The sandbox's products are two weeks old."""
_KEPT_MINUTES = PAST_MINUTES + 7 * 24 * 60
_STEP, _WICK = 500_000, 2_000_000
"""Parts of the price: how far a minute moves, as sums and single bytes of its digest count them."""
_TURNOVER = 200_000
"""Money traded in the busiest minute."""


class _Minute(Struct, gc=False):
    """In the instrument's scales."""

    open: int
    high: int
    low: int
    close: int
    volume: int

    def add(self, later: _Minute) -> None:
        """Go on to a later stretch."""
        self.high, self.low = max(self.high, later.high), min(self.low, later.low)
        self.close = later.close
        self.volume += later.volume


class History:
    """One product's bars."""

    def __init__(self, instrument: Instrument, reference: Decimal, seed: str, begins: Nanos) -> None:
        self._instrument = instrument
        self._reference = to_scaled(reference, instrument.price_scale)
        self._seed = seed
        self._first = begins // MINUTE
        """The minute in which trading began; those before are made."""
        self._minutes: dict[int, _Minute] = {}
        self._made = False

    def add(self, trade: Trade) -> None:
        """Count one trade; they come in order."""
        price = to_scaled(trade.price, self._instrument.price_scale)
        size = to_scaled(trade.size, self._instrument.qty_scale)
        number = max(trade.transact_time // MINUTE, self._first)
        this = _Minute(price, price, price, price, size)
        minute = self._minutes.get(number)
        if minute is None:
            self._minutes[number] = this
            if len(self._minutes) > _KEPT_MINUTES:
                del self._minutes[next(iter(self._minutes))]
        else:
            minute.add(this)

    def bars(self, period: Nanos, start: Nanos, end: Nanos, now: Nanos) -> list[Bar]:
        """Those that began in [`start`, `end`), oldest first; a period without a trade has none."""
        if not self._made:
            self._make_past()
        each = period // MINUTE
        begin = max(-(-start // period) * each, (self._first - PAST_MINUTES) // each * each)
        limit = min(end, now + 1)
        result: list[Bar] = []
        while begin * MINUTE < limit:
            whole = self._together(begin, begin + each)
            if whole is not None:
                result.append(self._bar(whole, period, begin * MINUTE, now))
            begin += each
        return result

    def newest(self, period: Nanos, count: int, now: Nanos) -> list[Bar]:
        """The last `count` of them, the one that is open included; oldest first."""
        start = now // period * period - (count - 1) * period
        return self.bars(period, start, now + 1, now)

    def _together(self, begin: int, end: int) -> _Minute | None:
        result: _Minute | None = None
        for number in range(begin, end):
            minute = self._minutes.get(number)
            if minute is None:
                continue
            if result is None:
                result = _Minute(minute.open, minute.high, minute.low, minute.close, minute.volume)
            else:
                result.add(minute)
        return result

    def _bar(self, whole: _Minute, period: Nanos, open_time: Nanos, now: Nanos) -> Bar:
        scale = self._instrument.price_scale
        return Bar(
            symbol=self._instrument.symbol,
            period=period,
            open_time=open_time,
            open=from_scaled(whole.open, scale),
            high=from_scaled(whole.high, scale),
            low=from_scaled(whole.low, scale),
            close=from_scaled(whole.close, scale),
            volume=from_scaled(whole.volume, self._instrument.qty_scale),
            final=open_time + period <= now,
        )

    # ------------------------------------------------------------------ the past that never was

    def _make_past(self) -> None:
        """Walk back from the price the market began with."""
        past = dict(self._walk())
        self._minutes = {number: past[number] for number in reversed(past)} | self._minutes
        self._made = True

    def _walk(self) -> Iterator[tuple[int, _Minute]]:
        tick = to_scaled(self._instrument.min_price_increment, self._instrument.price_scale)
        lots = 10**self._instrument.qty_scale
        money = 10**self._instrument.price_scale
        close = self._reference
        for number in range(self._first - 1, self._first - PAST_MINUTES - 1, -1):
            digest = blake2b(f"{self._seed} {number}".encode(), digest_size=8).digest()
            step = (sum(digest[:4]) - 510) * close // _STEP
            opening = max((close + step) // tick * tick, tick)
            high = max(opening, close) + digest[4] * close // _WICK // tick * tick
            low = max(min(opening, close) - digest[5] * close // _WICK // tick * tick, tick)
            volume = int.from_bytes(digest[6:8]) * _TURNOVER * lots * money // (65536 * close)
            yield number, _Minute(opening, high, low, close, max(volume, 1))
            close = opening
