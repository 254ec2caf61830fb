"""The market before the sandbox began: prices and volumes made from its seed, the same ones for the same seed.

A walk in steps of a minute that ends where the market begins, and is drawn back to that price the further
it strays. Nobody traded it: it is there so that charts and indicators have something to begin with.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from hashlib import shake_256

from msgspec import Struct

STEP = 60
"""Seconds between two prices."""
HOURS = 24 * 100
"""How far back it goes."""
_SLOTS = 3600 // STEP
_PULL = 400
"""The larger, the further an hour's price strays from where the market begins, in steps."""


class Slot(Struct, frozen=True, gc=False):
    """What was traded within a time: prices in price steps, volume in lots."""

    time: int
    """Unix seconds."""
    open: int
    high: int
    low: int
    close: int
    volume: int


class Past:
    """The past of one instrument."""

    def __init__(self, seed: str, end: int, last: int) -> None:
        self.end = end // STEP * STEP + STEP
        """Unix seconds; the step that is under way belongs to the past, which ends at price `last` (in price steps)."""
        self.start = self.end - HOURS * 3600
        self._seed = seed
        self._size = max(1, last // 400)
        """About what the price moves in an hour."""
        self._hourly = self._walk(last)
        self._slots = lru_cache(maxsize=2 * HOURS)(self._make)

    def _walk(self, last: int) -> list[int]:
        """Prices at the hours, the newest first."""
        noise = shake_256(f"{self._seed} hours".encode()).digest(HOURS)
        prices = [last]
        for byte in noise:
            strayed = prices[-1] - last
            step = (byte - 128) * self._size // 64 - strayed * 64 // (_PULL * 8)
            prices.append(max(1, prices[-1] + step))
        return prices

    def _make(self, back: int) -> tuple[Slot, ...]:
        """The slots of the hour that ended `back` hours before the end, oldest first."""
        begin, finish = self._hourly[back + 1], self._hourly[back]
        noise = shake_256(f"{self._seed} {back}".encode()).digest(2 * _SLOTS)
        walk = [0]
        for byte in noise[:_SLOTS]:
            walk.append(walk[-1] + (byte - 128) * self._size // 320)
        # A bridge: the walk is bent so that it ends at the next hour's price.
        excess = begin + walk[-1] - finish
        prices = [max(1, begin + walk[n] - excess * n // _SLOTS) for n in range(_SLOTS)] + [finish]
        start = self.end - (back + 1) * 3600
        return tuple(
            Slot(
                start + n * STEP,
                prices[n],
                max(prices[n], prices[n + 1]),
                min(prices[n], prices[n + 1]),
                prices[n + 1],
                1 + noise[_SLOTS + n],
            )
            for n in range(_SLOTS)
        )

    def slots(self, start: int, end: int) -> Iterator[Slot]:
        """Those that began in [start, end), oldest first."""
        first = max(start, self.start)
        if first >= min(end, self.end):
            return
        back = (self.end - first - 1) // 3600
        while back >= 0:
            for slot in self._slots(back):
                if slot.time >= end:
                    return
                if slot.time >= first:
                    yield slot
            back -= 1
