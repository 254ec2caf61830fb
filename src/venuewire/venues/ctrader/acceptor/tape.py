"""The far end's memory of prices: ticks and bars of each symbol, from a past made up from the seed onwards. Pure.

The past is ten days of minutes before the sandbox began, a walk that ends at the price its market begins with: the same
for the same seed, and made when somebody first asks. Every minute of it has four ticks; its bars are the bars of those
ticks. From then on ticks are the quotes the exchange published while anybody was connected: bars are of bids, `volume`
counts bid ticks, and a minute without a tick has no bar (sheet, trendbars).

Prices are integers of 1/100000, times are milliseconds and minutes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from zlib import crc32

from venuewire.venues.ctrader import periods
from venuewire.venues.ctrader.wire.model import Trendbar
from venuewire.venues.ctrader.wire.words import QuoteType

PAST_MINUTES = 10 * 24 * 60
_MINUTE_MS = 60_000
_KEPT_TICKS = 50_000
_KEPT_MINUTES = 7 * 24 * 60
_QUARTER_MS = 15_000


class Candle:
    """A bar as it grows."""

    __slots__ = ("close", "high", "low", "open", "start", "volume")

    def __init__(self, start: int) -> None:
        self.start = start
        """Minutes since the epoch."""
        self.volume = self.open = self.high = self.low = self.close = 0

    def add(self, open_: int, high: int, low: int, close: int, volume: int = 1) -> None:
        """What came next."""
        self.open = open_ if not self.volume else self.open
        self.high = max(high, self.high)
        self.low = low if not self.volume else min(low, self.low)
        self.close = close
        self.volume += volume

    def bar(self, *, live: int | None = None) -> Trendbar:
        """As the wire has it: a live bar names its period and leaves the close to the event's bid."""
        return Trendbar(
            volume=self.volume,
            period=live,
            low=self.low,
            delta_open=self.open - self.low,
            delta_close=None if live is not None else self.close - self.low,
            delta_high=self.high - self.low,
            utc_timestamp_in_minutes=self.start,
        )


class Tape:
    """Ticks and bars of one symbol."""

    def __init__(self, seed: str, price: int, tick: int, began_at: int) -> None:
        self._seed = crc32(seed.encode())
        self._price = price
        self._tick = tick
        self._began = began_at // _MINUTE_MS
        """The minute the sandbox began in: the first that is not made up."""
        self._levels: list[int] | None = None
        self._sides: dict[int, deque[tuple[int, int]]] = {
            QuoteType.BID: deque(maxlen=_KEPT_TICKS),
            QuoteType.ASK: deque(maxlen=_KEPT_TICKS),
        }
        self._minutes: dict[int, Candle] = {}
        self._live: dict[int, Candle] = {}
        """By period: those somebody subscribed to."""

    @property
    def first_minute(self) -> int:
        """Before it there is nothing."""
        return self._began - PAST_MINUTES

    def quoted(self, bid: int | None, ask: int | None, time: int) -> None:
        """A quote; sides that are as they were are no ticks."""
        for side, price in ((QuoteType.BID, bid), (QuoteType.ASK, ask)):
            ticks = self._sides[side]
            if price is not None and (not ticks or ticks[-1][1] != price):
                ticks.append((time, price))
                if side is QuoteType.BID:
                    self._bid(price, time // _MINUTE_MS)

    def _bid(self, bid: int, minute: int) -> None:
        candle = self._minutes.setdefault(minute, Candle(minute))
        candle.add(bid, bid, bid, bid)
        if len(self._minutes) > _KEPT_MINUTES:
            del self._minutes[next(iter(self._minutes))]
        for period in self._live:
            start = periods.start_of(period, minute)
            if self._live[period].start != start:
                self._live[period] = Candle(start)
            self._live[period].add(bid, bid, bid, bid)

    def live(self, period: int, now: int) -> Trendbar | None:
        """The bar that is forming; it grows from now on. None before its first tick."""
        if period not in self._live:
            start = periods.start_of(period, now // _MINUTE_MS)
            found = list(self._candles(period, start, now // _MINUTE_MS))
            self._live[period] = found[-1] if found else Candle(start)
        candle = self._live[period]
        return candle.bar(live=period) if candle.volume else None

    # ----------------------------------------------------------------------------------------- what is asked

    def bars(self, period: int, from_ms: int, to_ms: int, count: int) -> tuple[tuple[Trendbar, ...], bool]:
        """The newest `count` bars that began in [from, to], oldest first; and whether there are older ones in it."""
        first = max(from_ms // _MINUTE_MS + (from_ms % _MINUTE_MS > 0), self.first_minute)
        start = periods.start_of(period, first)
        # One that began before the window is not of it.
        if start < first:
            start = periods.end_of(period, start)
        last = to_ms // _MINUTE_MS
        found = [candle for candle in self._candles(period, start, self._end(period, last)) if candle.start <= last]
        return tuple(candle.bar() for candle in found[-count:]), len(found) > count

    def _end(self, period: int, last: int) -> int:
        """The last minute of the bar this one belongs to: a bar is told as it is, not as the window cuts it."""
        return periods.end_of(period, periods.start_of(period, last)) - 1

    def ticks(self, side: int, from_ms: int, to_ms: int) -> list[tuple[int, int]]:
        """(time, price) of one side in [from, to], oldest first."""
        spread = 0 if side == QuoteType.BID else 2 * self._tick
        first, last = max(from_ms // _MINUTE_MS, self.first_minute), min(to_ms // _MINUTE_MS, self._began - 1)
        made = [(time, bid + spread) for minute in range(first, last + 1) for time, bid in self._past_ticks(minute)]
        seen = [*made, *self._sides[side]]
        return [(time, price) for time, price in seen if from_ms <= time <= to_ms]

    def _candles(self, period: int, first: int, last: int) -> Iterator[Candle]:
        """Bars of these minutes, oldest first."""
        grown: Candle | None = None
        for minute in self._traded(first, last):
            candle = self._minute(minute)
            if grown is None or minute >= periods.end_of(period, grown.start):
                if grown is not None:
                    yield grown
                grown = Candle(periods.start_of(period, minute))
            grown.add(candle.open, candle.high, candle.low, candle.close, candle.volume)
        if grown is not None:
            yield grown

    def _traded(self, first: int, last: int) -> Iterator[int]:
        """Minutes that have ticks."""
        yield from range(max(first, self.first_minute), min(last + 1, self._began))
        yield from (minute for minute in self._minutes if first <= minute <= last)

    def _minute(self, minute: int) -> Candle:
        known = self._minutes.get(minute)
        if known is not None:
            return known
        candle = Candle(minute)
        for _, bid in self._past_ticks(minute):
            candle.add(bid, bid, bid, bid)
        return candle

    # ----------------------------------------------------------------------------------------- the made-up past

    def _past_ticks(self, minute: int) -> tuple[tuple[int, int], ...]:
        """The four ticks of a minute before our time: open, the two extremes, close."""
        levels = self._levels = self._levels or self._walk()
        place = minute - self.first_minute
        opened, closed = levels[place], levels[place + 1]
        reach = 1 + (self._seed ^ minute * 2654435761) % 3
        high, low = max(opened, closed) + reach * self._tick, min(opened, closed) - reach * self._tick
        between = (low, high) if closed >= opened else (high, low)
        time = minute * _MINUTE_MS
        return tuple((time + place * _QUARTER_MS, bid) for place, bid in enumerate((opened, *between, closed)))

    def _walk(self) -> list[int]:
        """Bids at the beginning of each minute of the past, and at its end: walked backwards from where we began."""
        state, level = self._seed | 1, self._price
        stride = max(self._price // (20_000 * self._tick), 1)
        levels = [level]
        for _ in range(PAST_MINUTES):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            level += ((state >> 33) % (2 * stride + 1) - stride) * self._tick
            # A walk of ten days stays far from zero: it is turned round at half the price.
            level = max(level, self._price // 2 // self._tick * self._tick)
            levels.append(level)
        return levels[::-1]
